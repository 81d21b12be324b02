"""A daemon that is wrong in a chosen way, ``CANCELD_TEST_WRONG=NAME``, and dies as `tests.system.crashing` says.

It shows that a storm of crashes would see what it says that it did not see.
"""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Any

import msgspec

from daemon import cli
from daemon.core import order_view
from daemon.edge import revisit
from daemon.edge.journal import journal
from daemon.edge.journal.writer import Writer
from protocols.fix import OrdStatus
from tests.system.crashing import wrap_the_product

if TYPE_CHECKING:
    from collections.abc import Callable

    from daemon.edge.journal.backlog import Group

LATE_S = 0.03


def tells_before_it_commits() -> None:
    commit = Writer._commit

    def early(self: Writer, groups: list[Group], syncs: bool) -> None:
        self._say([(group, True) for group in groups])
        for group in groups:
            group.on_commit = None
        time.sleep(LATE_S)
        commit(self, groups, syncs)

    Writer._commit = early  # type: ignore[method-assign]  # that is what is wrong with it


def takes_no_request_up() -> None:
    recover = vars(journal)["recover"]
    vars(journal)["recover"] = lambda *given: msgspec.structs.replace(recover(*given), cases=[])


def knows_no_name_of_an_earlier_life() -> None:
    async def revisit_nothing(*_: object) -> None:
        return

    takes_no_request_up()
    vars(journal)["known_keys"] = lambda *_: iter(())
    vars(revisit)["revisit"] = revisit_nothing


def calls_a_fill_a_cancel() -> None:
    """In every second life, so that the next one takes it back."""
    verdict_of = order_view.verdict_of

    def false(*given: Any) -> order_view.Verdict:
        verdict = verdict_of(*given)
        if verdict.ord_status is OrdStatus.FILLED and os.getpid() % 2 == 0:
            return msgspec.structs.replace(verdict, ord_status=OrdStatus.CANCELED)
        return verdict

    vars(order_view)["verdict_of"] = false


WRONG: dict[str, tuple[Callable[[], None], str]] = {
    "tells before it commits": (tells_before_it_commits, "lost"),
    "takes no request up": (takes_no_request_up, "lost"),
    "knows no name of an earlier life": (knows_no_name_of_an_earlier_life, "doubled"),
    "calls a fill a cancel": (calls_a_fill_a_cancel, "wrong"),
}
"""Each way, and the figure in which a storm has to see it."""

if __name__ == "__main__":
    wrap_the_product()
    WRONG[os.environ["CANCELD_TEST_WRONG"]][0]()
    sys.exit(cli.main(["run", *sys.argv[1:]]))
