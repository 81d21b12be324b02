"""What is told at a glance is what the long way comes to: without it the same happens, in every story."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final
from unittest.mock import patch

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st

from daemon.core import shortcuts
from protocols.batching import BatchCancel
from protocols.dialect import Counts, RateRule, Scope
from protocols.evidence import Proof
from protocols.fix import Road
from protocols.mass import Everything, MassCancel, Naming
from tests.core.story import Story
from tests.core.words import TRAITS

if TYPE_CHECKING:
    from daemon.core.case import Case
    from daemon.core.effects import Effect
    from daemon.core.order_view import Verdict
    from daemon.core.world import World

BATCH = BatchCancel("many", (Road.WS, Road.REST), 4, "a page", frozenset({""}), mixes_ids=True)
MASS = MassCancel("all", frozenset({""}), Naming.MAY, "a page")
RULES = (  # roomy for single ones, so that it decides nothing who is looked at first of two in one instant
    RateRule("cancel", frozenset({"cancel"}), 1000, 1000, Scope.INSTRUMENT, "a page"),
    RateRule("many", frozenset({"many"}), 9, 1000, Scope.INSTRUMENT, "a page", Counts.ORDERS),
    RateRule("all", frozenset({"all"}), 1, 1000, Scope.USER, "a page"),
)
ORDERS = st.sampled_from(["o1", "o2", "o3", "o4", "o5", "o6", "o7", "o8"])
STATES = st.sampled_from(["new", "partially_filled", "canceled", "filled"])

_NAMES: Final = re.compile(r"\b[kcq]1x[0-9a-f]+")
"""Cases, cancels and questions."""

Asked = tuple[str, bool, int | None, bool]
"""An order, whether by its client id, the deadline, whether it is urgent."""
ASKED: st.SearchStrategy[Asked] = st.tuples(
    ORDERS, st.booleans(), st.sampled_from([None, None, 1, 700]), st.sampled_from([False, False, False, True])
)
Event = tuple[str, object]
EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.tuples(st.just("one"), ASKED),
    st.tuples(st.just("many"), st.tuples(st.lists(ASKED, max_size=9), st.booleans(), st.booleans())),
    st.tuples(st.just("push"), st.tuples(ORDERS, STATES, st.booleans())),
    st.tuples(st.just("ack"), st.sampled_from([Proof.ACCEPTED, Proof.GONE, Proof.UNCHANGED_RETRY])),
    st.tuples(st.just("lose"), st.booleans()),
    st.tuples(st.just("road"), st.tuples(st.sampled_from(list(Road)), st.booleans())),
    st.tuples(st.just("wait"), st.sampled_from([0, 1, 60, 150, 600, 1200])),
)


class Timed(Story):
    """A story that knows when what happened, whatever it was called; what happens in one instant has no order."""

    def __post_init__(self) -> None:
        self.seen: dict[int, Counter[str]] = {}
        super().__post_init__()

    def _take(self, effects: list[Effect]) -> None:
        said = (_NAMES.sub("", repr(effect)) for effect in effects)
        self.seen.setdefault(self.now_us, Counter()).update(said)
        super()._take(effects)


def lived(events: list[Event], gap_ms: int) -> dict[int, Counter[str]]:
    """Tell a story, and give all that came of it."""
    timings = msgspec.structs.replace(TRAITS.timings, per_order_gap_ms=gap_ms)
    traits = msgspec.structs.replace(TRAITS, rate_rules=RULES, batch=BATCH, mass_cancels=(MASS,), timings=timings)
    story = Timed(traits)
    for event in events:
        happen(story, *event)
    story.advance(3_000, story.fail_question)
    return {at_us: seen for at_us, seen in story.seen.items() if seen}


def happen(story: Story, what: str, how: object) -> None:
    match what, how:
        case "one", (str() as order, bool() as by_alias, int() | None as deadline_ms, bool() as urgent):
            submit(story, (order, by_alias, deadline_ms, urgent))
        case "many", (list() as asked, bool() as has_more, bool() as is_all):
            with story.together(has_more=has_more, everything=Everything() if is_all else None):
                for each in asked:
                    submit(story, each)
        case "push", (str() as order, str() as state, bool() as names_both):
            cum = {"partially_filled": "1", "filled": "10"}.get(state, "0")
            story.push(state, order=order, alias=alias_of(order) if names_both else None, cum=cum)
        case "row", (str() as order, str() as state, str() as cum, bool() as final):
            story.push(state, order=order, alias=alias_of(order), cum="10" if state == "filled" else cum, final=final)
        case "ack", Proof() as proof:
            for sent in story.open_sends()[:1]:
                story.refuse(proof, sent)
        case "lose", bool() as has_left:
            for sent in story.open_sends()[:1]:
                (story.lose_reply if has_left else story.never_left)(sent)
        case "road", (Road() as road, bool() as is_open):
            (story.restore_link if is_open else story.cut_link)(road)
        case "wait", int() as ms:
            story.advance(ms, story.fail_question)


def submit(story: Story, asked: Asked) -> None:
    order, by_alias, deadline_ms, urgent = asked
    alias = alias_of(order) if by_alias else None
    story.submit(None if by_alias else order, alias=alias, deadline_ms=deadline_ms, urgent=urgent)


def alias_of(order: str) -> str:
    return f"c-{order}"


def not_begun(_case: Case, _world: World, _now_us: int) -> None:
    return None


FLOOD: list[Asked] = [(f"o{number}", False, None, False) for number in range(1, 9)]


@given(st.lists(EVENTS, max_size=14), st.sampled_from([0, 1100]))
@example([("push", ("o1", "new", True)), ("one", ("o1", True, None, False)), ("one", ("o1", False, None, False))], 1100)
@example([("many", (FLOOD, True, False)), ("many", (FLOOD[:3], False, False)), ("wait", 150)], 0)
@example([("many", (FLOOD, True, True)), ("many", (FLOOD, False, True)), ("wait", 150)], 1100)
@example([("many", (FLOOD[:3], True, False)), ("push", ("o2", "canceled", True)), ("wait", 150)], 0)
def test_a_case_that_has_just_begun_is_treated_as_in_the_long_way(events: list[Event], gap_ms: int) -> None:
    with patch.object(shortcuts, "begun_by", not_begun):
        long_way = lived(events, gap_ms)
    assert lived(events, gap_ms) == long_way


def never_over(_case: Case, _before: Verdict) -> bool:
    return False


ENDED: list[Event] = [("one", ("o1", False, None, False)), ("ack", Proof.ACCEPTED), ("push", ("o1", "canceled", True))]
ROWS = st.tuples(ORDERS, STATES | st.just("expired"), st.sampled_from("037"), st.booleans())
OVER: st.SearchStrategy[list[Event]] = st.lists(EVENTS | st.tuples(st.just("row"), ROWS), max_size=14)


@given(OVER, st.sampled_from([0, 1100]))
@example([*ENDED, ("row", ("o1", "canceled", "3", True)), ("wait", 600)], 0)
@example([*ENDED[:2], ("row", ("o1", "expired", "0", True)), *ENDED[2:]], 0)
@example([*ENDED[:2], *[("row", ("o1", "canceled", "3", False))] * 2, ("wait", 1200)], 0)
@example([*ENDED, ("push", ("o1", "filled", True)), ("wait", 600)], 0)
@example([*ENDED, ("one", ("o1", True, 700, False)), ("push", ("o1", "new", True)), ("wait", 1200)], 1100)
def test_a_case_that_stays_over_is_treated_as_in_the_long_way(events: list[Event], gap_ms: int) -> None:
    with patch.object(shortcuts, "stays_over", never_over):
        long_way = lived(events, gap_ms)
    assert lived(events, gap_ms) == long_way
