"""All that can happen to one request in six events: no false outcome, never two, nothing sent that must not be, no end
without an outcome. The rules are the auditor's, which shares no code with the core.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import pytest

from protocols.dialect import Timings
from protocols.evidence import Absence, DropCopyState, OrderReported, Proof, Source, Step
from protocols.fix import Road
from tests.core.explore import Audited, Event, explore
from tests.core.words import T0_MS, TRAITS, Said, report

if TYPE_CHECKING:
    from collections.abc import Callable

TIMINGS: Final = Timings(
    ack_wait_ms=500, push_wait_ms=200, replica_lag_ms=300, settle_ms=1000, horizon_s=3, resend_max_age_s=2
)
SHORT: Final = msgspec.structs.replace(TRAITS, timings=TIMINGS, ladder=(Step.ORDER, Step.OPEN_ORDERS))


def has_send(story: Audited) -> bool:
    return bool(story.open_sends())


def has_question(story: Audited) -> bool:
    return bool(story.open_questions())


def always(_: Audited) -> bool:
    return True


def answering(proof: Proof) -> Event:
    return Event(has_send, lambda story: story.refuse(proof))


def pushing(status: str, cum: str) -> Event:
    return Event(always, lambda story: story.push(status, cum=cum))


def showing(status: str, cum: str) -> Event:
    return Event(has_question, lambda story: story.answer_ended(status, cum=cum, order="o1"))


def cut(story: Audited) -> None:
    story.cut_link(Road.WS)
    story.drop_copy_is(DropCopyState.DOWN)


def mend(story: Audited) -> None:
    story.restore_link(Road.WS)
    story.drop_copy_is(DropCopyState.LIVE)


def is_up(story: Audited) -> bool:
    return Road.WS in story.core.world.open_roads


ASKING: Final = {
    "answer live": showing("partially_filled", "3"),
    "answer canceled": showing("canceled", "3"),
    "answer filled": showing("filled", "10"),
    "not found": Event(has_question, lambda story: story.answer_not_found()),
    "not found, blind": Event(
        has_question, lambda story: story.answer_not_found(absence=Absence.BLIND, complete=False)
    ),
    "question failed": Event(has_question, lambda story: story.fail_question()),
}
PUSHING: Final = {
    "push live": pushing("partially_filled", "3"),
    "push canceled": pushing("canceled", "0"),
    "push canceled after a fill": pushing("canceled", "4"),
    "push filled": pushing("filled", "10"),
}
LIVING: Final = {
    "timer": Event(lambda story: story.core.next_tick_us() is not None, lambda story: story.run_to_next_timer()),
    "link lost": Event(is_up, cut),
    "link back": Event(lambda story: not is_up(story), mend),
    "restart": Event(always, lambda story: story.end_life()),
}
SENDING: Final = {
    **{proof.value: answering(proof) for proof in Proof},
    "never left": Event(
        lambda story: has_send(story) and story.open_sends()[0].is_in_flight,
        lambda story: story.never_left(),
    ),
}
EVENTS: Final = {**SENDING, **PUSHING, **ASKING, **LIVING}


def beginning(
    *, deadline_ms: int | None = None, roads: tuple[Road, ...] = (Road.WS, Road.REST)
) -> Callable[[], Audited]:
    def begin() -> Audited:
        story = Audited(SHORT, roads=roads)
        story.begin("o1", None, deadline_ms)
        return story

    return begin


SIX: Final = {
    name: EVENTS[name]
    for name in (
        *(proof.value for proof in Proof),
        *("push live", "push canceled after a fill", "answer live", "answer filled", "not found"),
        *("timer", "link lost", "link back", "restart"),
    )
}
"""What the exploration to six events is made of: each kind once. The walk of four has each variant."""


@pytest.mark.timeout(600)
def test_six_events_by_order_id_lead_to_nothing_false() -> None:
    walk = explore(beginning(roads=(Road.WS,)), SIX, 6)
    assert walk.breaches == []
    assert walk.transitions > 100_000
    assert walk.states > 15_000
    assert walk.merged > 5_000
    assert walk.outcomes == {"canceled", "filled", "rejected", "unknown_order", "in_doubt"}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("deadline_ms", [None, 400])
def test_four_events_of_every_kind_over_two_roads_lead_to_nothing_false(deadline_ms: int | None) -> None:
    walk = explore(beginning(deadline_ms=deadline_ms), EVENTS, 4)
    assert walk.breaches == []
    assert walk.transitions > 15_000
    assert walk.states > 1_500
    assert walk.outcomes >= {"canceled", "filled", "in_doubt"}
    assert ("not_sent" in walk.outcomes) is (deadline_ms is not None)


# ---------------------------------------------------------------- by client id

OWN: Final[Said] = {"order": "own", "alias": "y", "created_ms": T0_MS - 60_000}
OLD: Final[Said] = {"order": "old", "alias": "y", "created_ms": T0_MS - 3_600_000, "updated_ms": T0_MS - 1_800_000}
OWN_ENDED: Final[Said] = {**OWN, "updated_ms": T0_MS + 100}
OLD_AS_IT_BEGAN: Final[Said] = {**OLD, "updated_ms": T0_MS - 3_600_000}
NEW: Final[Said] = {"order": "new", "alias": "y", "created_ms": T0_MS + 10_000}


def begin_by_alias() -> Audited:
    story = Audited(SHORT)
    story.begin(None, "y", None)
    return story


def shown(*rows: OrderReported) -> Event:
    return Event(has_question, lambda story: story.answer(None, rows))


def row(status: str, said: Said) -> OrderReported:
    return report(status, source=Source.QUERY, **said)


def pushed(status: str, said: Said) -> Event:
    return Event(always, lambda story: story.push(status, **said))


BY_ALIAS: Final = {
    "ack of its own": Event(has_send, lambda story: story.ack(order="own")),
    "ack of a newer one": Event(has_send, lambda story: story.ack(order="new")),
    "ack without an id": Event(has_send, lambda story: story.ack()),
    "gone": answering(Proof.GONE),
    "unchanged": answering(Proof.UNCHANGED_RETRY),
    "push live": pushed("new", OWN),
    "push canceled": pushed("canceled", OWN_ENDED),
    "push of an older one": pushed("canceled", OLD),
    "late push of an older one": pushed("new", OLD_AS_IT_BEGAN),
    "push of a newer one": pushed("new", NEW),
    "answer live": shown(row("new", OWN)),
    "answer canceled": shown(row("canceled", OWN_ENDED)),
    "answer of an older one": shown(row("filled", OLD)),
    "answer of a newer one": shown(row("new", NEW)),
    "not found": Event(has_question, lambda story: story.answer_not_found()),
    "timer": LIVING["timer"],
    "restart": LIVING["restart"],
}


def test_four_events_by_client_id_lead_to_nothing_false() -> None:
    walk = explore(begin_by_alias, BY_ALIAS, 4)
    assert walk.breaches == []
    assert walk.transitions > 10_000
    assert walk.states > 1_000
    assert walk.outcomes >= {"canceled", "filled", "in_doubt"}


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("start", "events"), [(begin_by_alias, BY_ALIAS), (beginning(), EVENTS)])
def test_one_event_more_leads_to_nothing_false(start: Callable[[], Audited], events: dict[str, Event]) -> None:
    walk = explore(start, events, 5)
    assert walk.breaches == []
    assert walk.transitions > 90_000
