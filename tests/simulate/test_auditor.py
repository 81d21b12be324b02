"""Each rule of the auditor is shown to speak on a wrong story, and to be silent on the right one beside it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from daemon.core.records import Previous
from daemon.edge.desk import Reattached
from daemon.edge.journal.backlog import LINGER_MAX_S
from daemon.sim.book import EndedBy as Ender
from daemon.simulate import auditor
from daemon.simulate.chronicle import Bound
from protocols.fix import EndedBy, Outcome
from tests.desks import report
from tests.simulate.scene import ALIAS, NAME, SINK, Scene


def a_canceled_one(**how: object) -> Scene:
    """Tell how an order is canceled and its request says so."""
    scene = Scene(**how)  # type: ignore[arg-type] # whatever the test says of its wish
    scene.ask()
    scene.record()
    scene.send()
    scene.cancel()
    scene.show("canceled")
    scene.tell(Outcome.CANCELED)
    return scene


@pytest.mark.parametrize("how", [{}, {"by_order_id": False}, {"is_calm": True}])
def test_a_right_story_breaks_no_rule(how: dict[str, object]) -> None:
    assert a_canceled_one(**how).found() == []


# ---------------------------------------------------------------- one outcome


def test_two_first_outcomes_that_differ_are_one_too_many() -> None:
    scene = a_canceled_one()
    scene.ask(sink=2)
    scene.tell(Outcome.FILLED, 0)
    assert "one_outcome" in scene.broken()


def test_a_call_is_answered_once() -> None:
    scene = a_canceled_one()
    scene.tell(Outcome.CANCELED)
    assert scene.broken() == {"one_outcome"}


def test_what_was_told_while_nothing_could_be_written_may_be_told_anew() -> None:
    scene = Scene()
    scene.ask()
    scene.tell(Outcome.IN_DOUBT, None, durable=False)
    scene.cancel()
    scene.seen.result(
        NAME,
        2,
        report(outcome=Outcome.CANCELED, order_id=scene.order.order_id, cum_qty=0 * scene.order.qty, seq=9),
        None,
        scene.now_us,
    )
    assert "one_outcome" not in scene.broken()


@pytest.mark.parametrize(
    ("crashes_after_s", "fails_after_s", "is_excused"),
    [
        (0.05, None, True),
        (LINGER_MAX_S + 0.1, None, True),
        (1, None, False),
        (1, (0.1, 2), True),
        (1, (0.1, 0.2), False),
        (1, (0.9, 2), False),
    ],
)
def test_only_a_crash_before_it_is_written_loses_an_outcome_that_was_told_on_the_strength_of_its_receipt(
    crashes_after_s: float, fails_after_s: tuple[float, float] | None, is_excused: bool
) -> None:
    scene = a_canceled_one()
    if fails_after_s is not None:
        told_us = scene.now_us - scene.seen.start_us
        begin_us, end_us = (told_us + round(after_s * 1_000_000) for after_s in fails_after_s)
        habits = msgspec.structs.replace(scene.seen.plan.habits, fails=((begin_us, end_us),))
        scene.seen.plan = msgspec.structs.replace(scene.seen.plan, habits=habits)
    scene.wait(crashes_after_s - 1)  # a crash comes a second later
    scene.crash()
    scene.ask(sink=2)
    doubt = report(outcome=Outcome.IN_DOUBT, order_id=scene.order.order_id, cum_qty=None, seq=9)
    scene.seen.result(NAME, 2, doubt, None, scene.now_us)
    assert ("one_outcome" not in scene.broken()) == is_excused


# ---------------------------------------------------------------- nothing open


def test_a_request_without_an_outcome_is_open() -> None:
    scene = Scene()
    scene.ask()
    assert scene.broken() == {"nothing_open"}


def test_a_doubt_must_not_last_about_what_the_venue_can_tell() -> None:
    scene = Scene()
    scene.ask()
    scene.tell(Outcome.IN_DOUBT, None)
    assert scene.broken() == {"nothing_open"}


def test_a_doubt_may_last_past_the_deadline_of_its_request() -> None:
    scene = Scene(deadline_ms=50)
    scene.ask()
    scene.tell(Outcome.IN_DOUBT, None)
    assert scene.broken() == set()


def test_a_doubt_about_an_order_that_ended_must_not_last_whatever_the_deadline() -> None:
    scene = Scene(deadline_ms=50)
    scene.ask()
    scene.tell(Outcome.IN_DOUBT, None)
    scene.cancel()
    assert scene.broken() == {"nothing_open"}


def test_too_many_in_flight_is_no_excuse_while_there_is_room() -> None:
    scene = Scene()
    scene.ask()
    scene.refuse("too_many_in_flight")
    assert scene.broken() == {"nothing_open"}


# ---------------------------------------------------------------- truth, quantities, corrections


def test_canceled_of_an_order_that_lives_is_false() -> None:
    scene = Scene()
    scene.ask()
    scene.send()
    scene.tell(Outcome.CANCELED)
    assert scene.broken() == {"truth"}


def test_canceled_a_moment_too_early_is_false_even_if_it_comes_true() -> None:
    scene = Scene()
    scene.ask()
    scene.send()
    scene.tell(Outcome.CANCELED)
    scene.cancel()
    assert scene.broken() == {"truth"}


def test_canceled_of_an_order_that_filled_is_false() -> None:
    scene = Scene()
    scene.ask()
    scene.fill()
    scene.tell(Outcome.CANCELED, 8)
    assert scene.broken() == {"truth"}


def test_filled_of_an_order_that_was_canceled_is_false() -> None:
    scene = Scene()
    scene.ask()
    scene.cancel()
    scene.tell(Outcome.FILLED, 0)
    assert scene.broken() == {"truth"}


def test_an_outcome_of_another_order_is_false() -> None:
    scene = Scene()
    scene.ask()
    scene.cancel()
    scene.tell(Outcome.CANCELED, order_id="2900000000000000001")
    assert scene.broken() == {"truth"}


@pytest.mark.parametrize("lives", [True, False])
def test_by_client_id_an_older_order_may_be_told_only_when_the_newer_one_is_open_no_more(*, lives: bool) -> None:
    scene = Scene(by_order_id=False)
    older = scene.order
    scene.cancel()
    scene.wait()
    newer = scene.place(ALIAS)
    scene.seen.order_ids[0] = newer
    scene.ask()
    if not lives:
        scene.book.fill(newer, None, scene.now_us)
    scene.tell(Outcome.CANCELED, order_id=older.order_id)
    assert scene.broken() == ({"truth"} if lives else set())


def test_an_outcome_of_an_order_that_never_was_is_false() -> None:
    scene = Scene(order=None)
    scene.ask()
    scene.tell(Outcome.CANCELED)
    assert scene.broken() == {"truth"}


def test_more_than_had_traded_is_false() -> None:
    scene = Scene()
    scene.ask()
    scene.fill(2)
    scene.cancel()
    scene.tell(Outcome.CANCELED, 3, final=False)
    assert "cum_qty" in scene.broken()


def test_less_than_traded_is_false_where_it_is_called_final() -> None:
    scene = Scene()
    scene.ask()
    scene.fill(2)
    scene.cancel()
    first = scene.tell(Outcome.CANCELED, 1)
    scene.correct(first, Outcome.CANCELED, 2)
    assert scene.broken() == {"cum_qty"}


def test_less_than_traded_is_right_for_a_while_and_wrong_as_the_last_word() -> None:
    scene = Scene()
    scene.ask()
    scene.fill(2)
    scene.cancel()
    first = scene.tell(Outcome.CANCELED, 1, final=False)
    assert scene.broken() == {"corrections"}
    scene.correct(first, Outcome.CANCELED, 2)
    assert scene.broken() == set()


@pytest.mark.parametrize(("revision", "is_right"), [(1, True), (2, False)])
def test_revisions_are_numbered_without_a_gap(*, revision: int, is_right: bool) -> None:
    scene = Scene()
    scene.ask()
    first = scene.tell(Outcome.IN_DOUBT, None)
    scene.cancel()
    scene.correct(first, Outcome.CANCELED, 0, revision=revision)
    assert ("corrections" not in scene.broken()) == is_right


def test_a_correction_names_what_was_told_before() -> None:
    scene = Scene()
    scene.ask()
    first = scene.tell(Outcome.IN_DOUBT, None)
    scene.cancel()
    scene.correct(report(outcome=Outcome.REJECTED, revision=first.revision), Outcome.CANCELED, 0)
    assert scene.broken() == {"corrections"}


# ---------------------------------------------------------------- the other outcomes


@pytest.mark.parametrize("name", [None, ALIAS])
def test_not_sent_is_false_when_a_cancel_left_by_either_name(name: str | None) -> None:
    scene = Scene()
    scene.ask()
    scene.send(name)
    scene.tell(Outcome.NOT_SENT, None)
    assert scene.broken() == {"not_sent"}


def test_not_sent_is_right_when_nothing_left_since_it_was_asked() -> None:
    scene = Scene()
    scene.send()
    scene.ask()
    scene.tell(Outcome.NOT_SENT, None)
    assert scene.broken() == set()


@pytest.mark.parametrize(("seconds", "is_right"), [(0.1, True), (1, False)])
def test_who_was_shown_the_end_of_an_order_must_not_be_in_doubt(*, seconds: float, is_right: bool) -> None:
    scene = Scene()
    scene.ask()
    scene.cancel()
    scene.show("canceled")
    scene.wait(seconds)
    first = scene.tell(Outcome.IN_DOUBT, None)
    scene.correct(first, Outcome.CANCELED, 0)
    assert ("in_doubt" not in scene.broken()) == is_right


def test_what_an_answer_about_another_order_shows_besides_need_not_be_read() -> None:
    scene = Scene()
    scene.ask()
    scene.cancel()
    scene.show("canceled", asked="/order?ordId=2900000000000000001")
    scene.wait()
    first = scene.tell(Outcome.IN_DOUBT, None)
    scene.correct(first, Outcome.CANCELED, 0)
    assert scene.broken() == set()


def test_what_an_earlier_life_was_shown_may_be_lost_with_it() -> None:
    scene = Scene()
    scene.ask()
    scene.cancel()
    scene.show("canceled")
    scene.crash()
    first = scene.tell(Outcome.IN_DOUBT, None)
    scene.correct(first, Outcome.CANCELED, 0)
    assert scene.broken() == set()


def test_unknown_order_is_false_of_an_order_that_the_venue_held() -> None:
    scene = Scene()
    scene.ask()
    scene.tell(Outcome.UNKNOWN_ORDER, None)
    assert scene.broken() == {"unknown_order"}


def test_rejected_is_false_of_an_order_that_had_ended_before_the_last_cancel() -> None:
    scene = Scene()
    scene.ask()
    scene.cancel()
    scene.send()
    scene.tell(Outcome.REJECTED, None)
    assert scene.broken() == {"rejected"}


def test_rejected_is_right_of_an_order_that_ended_later() -> None:
    scene = Scene()
    scene.ask()
    scene.send()
    scene.tell(Outcome.REJECTED, None)
    scene.cancel()
    assert scene.broken() == set()


def test_rejected_was_right_though_it_is_told_again_after_another_cancel_ended_the_order() -> None:
    scene = Scene()
    scene.ask()
    scene.send()
    said = scene.tell(Outcome.REJECTED, None)
    scene.cancel()
    scene.wait(1)
    scene.send()
    scene.wait(1)
    correction = scene.correct(said, Outcome.CANCELED, 0)
    history = Reattached(correction, ((correction, Previous(said.outcome, None)),))
    scene.seen.result(NAME, SINK + 1, said, history, scene.now_us)
    assert scene.broken() == set()


@pytest.mark.parametrize(
    ("by", "said", "is_wrong"),
    [
        (Ender.USER, EndedBy.US, False),
        (Ender.USER, EndedBy.UNKNOWN, False),
        (Ender.USER, EndedBy.OTHER, True),
        (Ender.OTHER, EndedBy.US, True),
        (Ender.OTHER, EndedBy.OTHER, False),
        (Ender.VENUE, EndedBy.OTHER, False),
    ],
)
def test_who_ended_the_order_is_who_did_or_is_not_known(*, by: Ender, said: EndedBy, is_wrong: bool) -> None:
    scene = Scene(is_calm=False)
    scene.ask()
    scene.cancel(by)
    scene.tell(Outcome.CANCELED, ended_by=said)
    assert scene.broken() == ({"ended_by"} if is_wrong else set())


def test_in_the_calm_everything_is_canceled() -> None:
    scene = Scene(is_calm=True, deadline_ms=50)
    scene.ask()
    scene.tell(Outcome.IN_DOUBT, None)
    assert scene.broken() == {"calm"}


# ---------------------------------------------------------------- bounds, limits, memory


def test_a_request_that_was_recorded_is_not_taken_up_anew_after_a_crash() -> None:
    scene = Scene()
    scene.ask()
    scene.record()
    scene.crash()
    scene.ask(sink=2)
    scene.cancel()
    scene.tell(Outcome.CANCELED, times=report().times)
    assert scene.broken() == {"forgotten"}


def test_a_queue_past_its_bound_is_found() -> None:
    scene = a_canceled_one()
    scene.seen.sampled(Bound("cases", 26, 25), Bound("orders", 40, 40))
    assert [found.detail for found in scene.found()] == ["cases: 26, 25 at most"]


@pytest.mark.parametrize(("seqs", "is_right"), [((1, 2, 5), True), ((1, 5, 2), False), ((1, 1), False)])
def test_a_subscriber_hears_words_in_the_order_of_their_numbers(*, seqs: tuple[int, ...], is_right: bool) -> None:
    scene = a_canceled_one()
    for seq in seqs:
        scene.seen.published(7, report(seq=seq), scene.now_us)
    assert scene.broken() == (set() if is_right else {"drop_copy"})


def test_an_order_that_nobody_asked_for_must_not_be_cancelled_by_us() -> None:
    scene = a_canceled_one()
    stranger = scene.place(ALIAS)
    assert scene.broken() == set()
    scene.book.cancel(stranger, Ender.USER, scene.now_us)
    assert scene.broken() == {"stranger"}


def test_an_order_may_be_cancelled_that_has_the_client_id_that_was_asked_for() -> None:
    scene = a_canceled_one(by_order_id=False)
    scene.book.cancel(scene.place(ALIAS), Ender.USER, scene.now_us)
    assert scene.broken() == set()


def test_a_breach_of_a_limit_is_found() -> None:
    scene = a_canceled_one()
    assert scene.broken([scene.breach()]) == {"rate"}


@pytest.mark.parametrize("is_told", [True, False])
def test_two_cancels_of_one_order_under_two_names_are_a_breach_if_it_was_shown_that_they_are_one(
    *, is_told: bool
) -> None:
    scene = a_canceled_one()
    if is_told:
        scene.show("live", ALIAS)
        scene.wait(2)
    scene.send()
    scene.now_us -= 900_000
    scene.send(ALIAS)
    assert scene.broken([scene.breach()]) == ({"rate"} if is_told else set())


@pytest.mark.parametrize(("orders_max", "is_told"), [(1, True), (0, False)])
def test_what_was_shown_of_an_orders_names_may_be_forgotten_where_more_orders_are_than_may_be_remembered(
    orders_max: int, *, is_told: bool
) -> None:
    scene = a_canceled_one()
    account = msgspec.structs.replace(scene.seen.plan.accounts[0], orders_max=orders_max)
    scene.seen.plan = msgspec.structs.replace(scene.seen.plan, accounts=(account,))
    scene.show("live", ALIAS)
    scene.wait(2)
    for name in (None, ALIAS):
        scene.now_us -= 900_000
        scene.send(name)
    assert scene.broken([scene.breach()]) == ({"rate"} if is_told else set())


def test_what_an_earlier_life_was_shown_of_an_orders_names_is_not_known_to_the_next_one() -> None:
    scene = a_canceled_one()
    scene.show("live", ALIAS)
    scene.wait(2)
    scene.crash()
    for name in (None, ALIAS):
        scene.now_us -= 900_000
        scene.send(name)
    assert scene.broken([scene.breach()]) == set()


def test_a_fault_that_the_daemon_caught_is_told() -> None:
    scene = a_canceled_one()
    scene.seen.faulted("okx", "report of CancelAnswered: ValueError")
    assert scene.broken() == {"fault"}


def test_every_rule_has_its_sentence_in_the_auditors_first_paragraph() -> None:
    told = {line.split()[0] for line in (auditor.__doc__ or "").splitlines() if line.startswith("    ")}
    assert told == {rule.__name__ for rule in auditor.RULES} | {"rate", "bound", "stranger", "drop_copy", "fault"}


def test_every_rule_is_shown_to_speak_here() -> None:
    shown = Path(__file__).read_text()
    assert [rule.__name__ for rule in auditor.RULES if f'"{rule.__name__}"' not in shown] == []
