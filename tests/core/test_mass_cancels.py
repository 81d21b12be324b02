"""One call for everything of a scope: where all of it is meant and where it is sooner; and proven order by order."""

from __future__ import annotations

import msgspec
import pytest

from daemon.core.effects import SendMany
from protocols.batching import BatchCancel
from protocols.dialect import RateRule, Scope
from protocols.evidence import Proof
from protocols.fix import Outcome, Road, Side
from protocols.mass import Everything, MassCancel, Naming
from tests.core.story import Story
from tests.core.words import TRAITS

BATCH = BatchCancel("many", (Road.REST,), 10, "a page")
RULES = (
    RateRule("cancel", frozenset({"cancel"}), 5, 1000, Scope.USER, "a page"),
    RateRule("many", frozenset({"many"}), 2, 1000, Scope.USER, "a page"),
    RateRule("all", frozenset({"all"}), 1, 1000, Scope.USER, "a page"),
)
ALL = Everything()


def venue(of_instrument: Naming = Naming.MAY, *, of_side: bool = False, batch: BatchCancel | None = BATCH) -> Story:
    mass = MassCancel("all", frozenset({""}), of_instrument, "a page", of_side)
    return Story(msgspec.structs.replace(TRAITS, rate_rules=RULES, batch=batch, mass_cancels=(mass,)))


def flatten(story: Story, count: int, everything: Everything | None = ALL, instruments: str = "A") -> None:
    with story.together(everything=everything):
        for number in range(count):
            instrument = instruments[number % len(instruments)]
            story.submit(f"{instrument}{number}", instrument=instrument)


def scopes(story: Story) -> list[Everything]:
    return [
        effect.everything for effect in story.effects if isinstance(effect, SendMany) and effect.everything is not None
    ]


def test_what_fits_into_batches_now_leaves_in_batches() -> None:
    story = venue()
    flatten(story, 20)
    assert (len(story.masses), [len(batch) for batch in story.batches]) == (0, [10, 10])


def test_what_does_not_leaves_by_one_call_at_once_each_with_a_cancel_of_its_own() -> None:
    story = venue()
    flatten(story, 30)
    assert scopes(story) == [Everything("")]
    assert list(story.core.world.swept_us) == [story.now_us]
    assert [len(mass) for mass in story.masses] == [30]
    wires = [sent.wire for sent in story.masses[0]]
    assert ({wire.operation for wire in wires}, {wire.road for wire in wires}) == ({"all"}, {Road.REST})
    assert len({wire.send_id for wire in wires}) == 30
    assert story.core.cancels_delayed == 0


def test_without_the_word_that_everything_is_meant_no_such_call_is_made() -> None:
    story = venue()
    flatten(story, 30, None)
    assert story.masses == []


@pytest.mark.parametrize(
    ("meant", "of_instrument", "expected"),
    [
        (Everything(), Naming.MUST, [Everything("", "A"), Everything("", "B")]),
        (Everything(), Naming.NEVER, [Everything("")]),
        (Everything(instrument="A"), Naming.MAY, [Everything("", "A")]),
        (Everything(instrument="A"), Naming.NEVER, []),
        (Everything(side=Side.BUY), Naming.MAY, []),
        (Everything(product="other"), Naming.MAY, []),
    ],
)
def test_a_call_that_takes_in_more_than_is_meant_is_not_made(
    meant: Everything, of_instrument: Naming, expected: list[Everything]
) -> None:
    story = venue(of_instrument)
    flatten(story, 60, meant, "AB" if meant.instrument is None else "A")
    assert scopes(story) == expected[:1]  # the rule allows one call in a second


def test_a_side_is_named_where_the_venue_can() -> None:
    story = venue(of_side=True)
    flatten(story, 30, Everything(side=Side.SELL))
    assert scopes(story) == [Everything("", None, Side.SELL)]


def test_nothing_leaves_until_the_last_of_them_is_there_but_who_is_alone() -> None:
    story = venue()
    with story.together(has_more=True, everything=ALL):
        for number in range(15):
            story.submit(f"a{number}", instrument="A")
    assert story.sends == []
    story.submit("lone", instrument="B")
    assert [wire.order_id for wire in story.sends] == ["lone"]
    flatten(story, 15)
    assert [len(mass) for mass in story.masses] == [30]


def test_an_acceptance_ends_no_order_and_pushes_end_each_by_itself() -> None:
    story = venue()
    flatten(story, 30)
    for sent in story.masses[0]:
        story.ack(sent)
    assert story.told == {}
    for number in range(30):
        story.push("canceled" if number else "filled", order=f"A{number}", instrument="A", cum="0" if number else "10")
    assert story.outcome("r1") is Outcome.FILLED
    assert {story.outcome(f"r{number}") for number in range(2, 31)} == {Outcome.CANCELED}


def test_a_refused_call_is_followed_by_batches() -> None:
    story = venue()
    flatten(story, 30)
    for sent in list(story.masses[0]):
        story.refuse(Proof.UNCHANGED_RETRY, sent)
    story.advance(5_000, story.fail_question)
    assert len(story.masses) == 1
    assert {sent.wire.order_id for batch in story.batches for sent in batch} >= {f"A{number}" for number in range(20)}


def test_a_venue_without_batches_counts_its_single_cancels() -> None:
    story = venue(batch=None)
    flatten(story, 5)
    assert (len(story.sends), story.masses) == (5, [])
    story = venue(batch=None)
    flatten(story, 6)
    assert [len(mass) for mass in story.masses] == [6]


def test_with_the_road_closed_nothing_of_the_kind_is_made() -> None:
    story = venue()
    story.cut_link(Road.REST)
    flatten(story, 30)
    assert story.masses == []
