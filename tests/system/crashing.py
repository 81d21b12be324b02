"""A daemon that dies by SIGKILL at a chosen step: ``CANCELD_TEST_CRASH=STEP:N`` kills it at the Nth time it gets there.

The steps are where a request's life touches the wire or the disk. The product knows nothing of this: its methods are
wrapped here, before it starts.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, Any

from daemon import cli
from daemon.core.records import Concluded, RequestOpened, SendMade
from daemon.edge.askers import Askers
from daemon.edge.driver import Driver
from daemon.edge.gateway import Gateway
from daemon.edge.journal import backlog, intake, receipts, writer
from protocols.evidence import CancelAnswered, OrderReported, QuestionAnswered

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from protocols.evidence import Evidence

STEPS = (
    "before_wire",
    "after_wire",
    "before_receipt",
    "within_receipt",
    "after_receipt",
    "before_request_commit",
    "after_request_commit",
    "before_answer",
    "after_answer",
    "before_push",
    "after_push",
    "before_ask",
    "before_told",
    "after_told",
    "before_outcome_commit",
    "after_outcome_commit",
    "before_word",
    "after_word",
    "after_recovery",
)

_step, _, _count = os.environ.get("CANCELD_TEST_CRASH", "nowhere:1").partition(":")
_left = int(_count or 1)


def reach(step: str) -> None:
    """Die here, if it is the chosen step and its turn."""
    global _left  # noqa: PLW0603 - one process, one death
    if step == _step:
        _left -= 1
        if _left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)


def around(owner: Any, name: str, before: Callable[..., None], after: Callable[..., None]) -> None:
    """Wrap a method or function."""
    inner = getattr(owner, name)

    def outer(*given: Any, **named: Any) -> Any:
        before(*given)
        result = inner(*given, **named)
        after(*given)
        return result

    setattr(owner, name, outer)


def at(*steps: str) -> Callable[..., None]:
    def step(*_: object) -> None:
        for name in steps:
            reach(name)

    return step


def at_records(request: str, outcome: str) -> Callable[..., None]:
    """Steps of a commit, by what the transaction holds."""

    def step(_: object, groups: Sequence[backlog.Group], *__: object) -> None:
        records = [record for group in groups for record in group.records]
        if any(isinstance(record, RequestOpened | SendMade) for record in records):
            reach(request)
        if any(isinstance(record, Concluded) for record in records):
            reach(outcome)

    return step


def at_evidence(answer: str, push: str, told: str) -> Callable[..., None]:
    def step(_: object, evidence: Sequence[Evidence]) -> None:
        for piece in evidence:
            match piece:
                case CancelAnswered():
                    reach(answer)
                case OrderReported():
                    reach(push)
                case QuestionAnswered():
                    reach(told)
                case _:
                    pass

    return step


def write_a_part(_: object, descriptor: int, content: bytes, offset: int) -> None:
    """Write some of a receipt and die there, if that is the step: a crash may leave so much."""
    if offset:  # else it is the file that is made
        os.pwrite(descriptor, content[: len(content) // 2], offset)
        reach("within_receipt")


def wrap_the_product() -> None:
    """Put the steps into the product's methods."""
    around(Gateway, "send", at("before_wire"), at("after_wire"))
    around(Gateway, "ask", at("before_ask"), at())
    around(writer.Writer, "_commit", at_records("before_request_commit", "before_outcome_commit"),
           at_records("after_request_commit", "after_outcome_commit"))  # fmt: skip
    around(receipts, "_write", write_a_part, at())
    around(intake.Intake, "_commit", at("before_receipt"), at("after_receipt"))
    around(Driver, "observe", at_evidence("before_answer", "before_push", "before_told"),
           at_evidence("after_answer", "after_push", "after_told"))  # fmt: skip
    around(Askers, "_tell", at("before_word"), at("after_word"))
    around(Driver, "restore", at(), at("after_recovery"))


if __name__ == "__main__":
    wrap_the_product()
    sys.exit(cli.main(["run", *sys.argv[1:]]))
