"""What is done with a word once its asker has it: others are told, it is counted, and it is logged.

Nobody who waits for an answer waits for that. The event loop hands lines to the kernel at the end of a turn, so what is
done here is done in turns of its own, some words at a time, in their order. While the account has more to take in or to
tell, as in the midst of a bulk cancel, it stands back for a while. It decides nothing.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from daemon.edge.bites import Bites, Deference
from daemon.edge.tally import Tally
from protocols.fix import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    import structlog

    from daemon.core.records import Caller, Previous, Report, RequestKey
    from daemon.edge.beside import Announcer
    from daemon.edge.outside import Time

    Logger = structlog.typing.FilteringBoundLogger | structlog.stdlib.BoundLogger


WORDS_PER_TURN: Final = 16
"""About half a millisecond of the loop."""
STEP_BACK_S: Final = 0.01
STEPS_BACK_MAX: Final = 25
"""What was told is logged and published no later than a quarter of a second after, however much else there is to do: a
bulk cancel of a thousand orders is over by then, of whose time it took a fifteenth."""
WORDS_MAX: Final = 2_000
"""Words that stand back: some megabytes."""


class Aftermath:
    """The words of one account that were told. ``log`` names the account in each line.

    ``is_pressed`` says whether somebody waits for something else of this account.
    """

    def __init__(self, publisher: Announcer, time: Time, log: Logger, is_pressed: Callable[[], bool]) -> None:
        self.tally = Tally()
        self._publisher = publisher
        self._log = log
        deference = Deference(is_pressed, STEPS_BACK_MAX, STEP_BACK_S)
        self._told = Bites(time, WORDS_PER_TURN, deference, WORDS_MAX)

    def of(self, key: RequestKey, caller: Caller | None, report: Report, previous: Previous | None) -> None:
        """Take note of a word: an outcome, or with ``previous`` a correction. ``caller`` None: not known."""
        self._told.put(partial(self._do, key, caller, report, previous))

    def finish(self) -> None:
        """Do all that is left, now, and what still comes in its next turn; see `Bites.finish`."""
        self._told.finish()

    def _do(self, key: RequestKey, caller: Caller | None, report: Report, previous: Previous | None) -> None:
        self._publisher.publish(report, previous)
        self.tally.told(report, previous)
        self._log_word(key, caller, report, previous)

    def _log_word(self, key: RequestKey, caller: Caller | None, report: Report, previous: Previous | None) -> None:
        say = self._log.warning if report.outcome in _DOUBTFUL else self._log.info
        say(
            "outcome" if previous is None else "correction",
            request_id=report.request_id,
            order_id=report.order_id,
            instrument=report.instrument,
            outcome=str(report.outcome),
            ord_status=str(report.ord_status) if report.ord_status else None,
            cum_qty=str(report.cum_qty) if report.cum_qty is not None else None,
            source=report.evidence.source,
            seq=report.seq,
            us=(report.times.reported or 0) - report.times.received,
            uid=key.uid,
            gid=caller.gid if caller is not None else None,
            pid=caller.pid if caller is not None else None,
            client=caller.client if caller is not None else None,
        )


_DOUBTFUL = (Outcome.IN_DOUBT, Outcome.UNKNOWN_ORDER)
"""What a person should look at."""
