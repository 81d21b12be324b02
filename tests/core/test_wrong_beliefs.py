"""Seven beliefs by which public systems lose the truth about a cancel, each built into the core, and each found out.

Each belief is a wrong variant of one decision of the core's. The same walk through all that can happen, or the same
stories, under the same auditor: the core as it is passes, and with a belief in it the auditor finds the breach.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Final
from unittest.mock import patch

import msgspec
import pytest

from daemon.core import answers, policy
from daemon.core.case import SendState
from daemon.core.correlator import Correlator
from daemon.core.listener import Listener
from daemon.core.policy import Conclusion
from protocols.evidence import CancelAnswered, Proof
from protocols.fix import Outcome, Road
from tests.core.explore import Walk, explore
from tests.core.test_reachable_states import ASKING, LIVING, PUSHING, SENDING, beginning

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from daemon.core.book import Book
    from daemon.core.case import Asked, Case, Ticket
    from daemon.core.world import World
    from protocols.evidence import Evidence, OrderReported, QuestionAnswered

CANCELED: Final = Conclusion(Outcome.CANCELED)


# ---------------------------------------------------------------- the beliefs


def believing(wrong: Callable[[Ticket, Case, World, int], Conclusion | None]) -> Iterator[None]:
    """Put a wrong conclusion before the right ones."""
    right = policy.conclude

    def conclude(ticket: Ticket, case: Case, world: World, now_us: int) -> Conclusion | None:
        return wrong(ticket, case, world, now_us) or right(ticket, case, world, now_us)

    with patch.object(policy, "conclude", conclude):
        yield


@contextmanager
def an_acknowledgement_is_canceled() -> Iterator[None]:
    def wrong(_: Ticket, case: Case, __: World, ___: int) -> Conclusion | None:
        return CANCELED if any(send.proof is Proof.ACCEPTED for send in case.sends) else None

    yield from believing(wrong)


@contextmanager
def gone_is_canceled() -> Iterator[None]:
    """51400 says "filled, canceled or does not exist", and is read as the second."""

    def wrong(_: Ticket, case: Case, __: World, ___: int) -> Conclusion | None:
        return CANCELED if any(send.proof is Proof.GONE for send in case.sends) else None

    yield from believing(wrong)


@contextmanager
def absent_from_open_orders_is_canceled() -> Iterator[None]:
    absent: set[str] = set()
    right = answers.note_absence

    def note(case: Case, answer: QuestionAnswered, asked: Asked, world: World, book: Book, now_us: int) -> None:
        absent.add(case.case_id)
        right(case, answer, asked, world, book, now_us)

    def wrong(_: Ticket, case: Case, __: World, ___: int) -> Conclusion | None:
        return CANCELED if case.case_id in absent else None

    with patch.object(answers, "note_absence", note):
        yield from believing(wrong)


@contextmanager
def retries_exhausted_is_canceled() -> Iterator[None]:
    def wrong(_: Ticket, case: Case, __: World, ___: int) -> Conclusion | None:
        return CANCELED if sum(send.may_have_left for send in case.sends) > 1 else None

    yield from believing(wrong)


@contextmanager
def a_timeout_is_rejected() -> Iterator[None]:
    def wrong(_: Ticket, case: Case, world: World, now_us: int) -> Conclusion | None:
        wait_us = world.timings.ack_wait_ms * 1000
        is_late = any(s.state is SendState.IN_FLIGHT and now_us >= s.made_us + wait_us for s in case.sends)
        return Conclusion(Outcome.REJECTED) if is_late else None

    yield from believing(wrong)


@contextmanager
def one_error_without_an_id_fails_all_requests() -> Iterator[None]:
    """What should make sends in flight unknown is taken as a refusal of each of them."""
    right = Correlator.hear

    def hear(core: Correlator, evidence: Evidence, now_us: int) -> None:
        if isinstance(evidence, CancelAnswered) and evidence.proof is Proof.UNKNOWN:
            evidence = msgspec.structs.replace(evidence, proof=Proof.UNCHANGED_FINAL)
        right(core, evidence, now_us)

    with patch.object(Correlator, "hear", hear):
        yield


@contextmanager
def only_the_first_push_of_a_burst_counts() -> Iterator[None]:
    """The second word of one moment is dropped, as by a future that is resolved once a turn."""
    last: dict[str, int] = {}
    right = Listener.reported

    def reported(who: Listener, piece: OrderReported, now_us: int, asked_us: int | None = None) -> None:
        if asked_us is None and last.get(piece.order_id) == now_us:
            return
        last[piece.order_id] = now_us
        right(who, piece, now_us, asked_us)

    with patch.object(Listener, "reported", reported):
        yield


BELIEFS: Final[dict[Callable[[], AbstractContextManager[None]], str]] = {
    an_acknowledgement_is_canceled: "canceled only on evidence",
    gone_is_canceled: "canceled only on evidence",
    absent_from_open_orders_is_canceled: "canceled only on evidence",
    retries_exhausted_is_canceled: "canceled only on evidence",
    a_timeout_is_rejected: "rejected only if all were unchanged",
    one_error_without_an_id_fails_all_requests: "rejected only if all were unchanged",
    only_the_first_push_of_a_burst_counts: "the end of an order is told at once",
}
"""Each belief, and the rule by which the auditor finds it out."""


# ---------------------------------------------------------------- how they are found out


FEW: Final = {
    **{name: SENDING[name] for name in ("accepted", "gone", "unknown")},
    **{name: PUSHING[name] for name in ("push live", "push filled")},
    **{name: ASKING[name] for name in ("answer live", "not found")},
    "timer": LIVING["timer"],
}


def walked() -> Walk:
    """Walk through what a few kinds of events can do, one road open."""
    return explore(beginning(roads=(Road.WS,)), FEW, 4, breaches_max=1)


def test_the_core_as_it_is_passes_the_walk() -> None:
    walk = walked()
    assert walk.breaches == []
    assert walk.transitions > 400


@pytest.mark.parametrize(("belief", "rule"), BELIEFS.items(), ids=lambda value: getattr(value, "__name__", "rule"))
def test_a_wrong_belief_is_found_out(belief: Callable[[], AbstractContextManager[None]], rule: str) -> None:
    with belief():
        walk = walked()
    assert walk.breaches, "the auditor found nothing"
    path, said = walk.breaches[0]
    assert said.startswith(rule), (path, said)


def test_no_belief_outlives_its_test() -> None:
    for belief in BELIEFS:
        with belief():
            pass
    assert walked().breaches == []
