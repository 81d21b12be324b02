"""Nothing grows without end: cases, names, orders, tracked ids, appointments; an event costs what its case costs."""

from __future__ import annotations

from typing import TYPE_CHECKING
from unittest.mock import patch

from daemon.core import intake, policy
from daemon.core.agenda import Agenda
from daemon.core.bench import KEEP_CLOSED_US, TURN_MAX, Bench
from daemon.core.book import Book
from daemon.core.casefile import CaseFile
from protocols.evidence import DropCopyState, Proof, Source
from protocols.fix import OrderId, OrdStatus
from tests.core.story import Story
from tests.core.words import INSTRUMENT, report

if TYPE_CHECKING:
    from daemon.core.case import Case

# ---------------------------------------------------------------- the book


def test_the_book_keeps_the_heaviest_word_about_an_order() -> None:
    book = Book()
    assert book.see(report("new", cum="0"), 1)
    assert book.see(report("canceled", cum="0"), 2)
    assert not book.see(report("partially_filled", cum="1"), 3)
    known = book.find("", OrderId("o1"))
    assert known is not None
    assert (known.report.status, known.seen_us) == (OrdStatus.CANCELED, 3)
    assert list(book.live()) == []


def test_a_full_book_forgets_ended_orders_before_live_ones() -> None:
    book = Book(orders_max=3)
    book.is_complete = True
    for number in range(3):
        book.see(report("new", order=f"live{number}"), number)
    for number in range(3):
        book.see(report("filled", order=f"ended{number}", cum="10"), number)
    assert len(book) == 3
    assert book.is_complete
    assert {piece.order_id for piece in book.live()} == {"live0", "live1", "live2"}
    book.see(report("new", order="live3"), 9)
    assert len(book) == 3
    assert not book.is_complete


def test_a_complete_listing_settles_what_was_called_live() -> None:
    book = Book()
    book.see(report("new", order="gone"), 1)
    book.see(report("new", order="still"), 1)
    book.see(report("new", order="fresh"), 7)
    book.settle({("", OrderId("still"))}, asked_us=5)
    assert {piece.order_id for piece in book.live()} == {"still", "fresh"}
    assert book.is_complete


def test_the_list_of_open_orders_is_complete_only_while_the_stream_is_followed() -> None:
    story = Story()
    complete = [story.core.book.is_complete]
    for state in (DropCopyState.DOWN, DropCopyState.LIVE):
        story.drop_copy_is(state)
        complete.append(story.core.book.is_complete)
    story.answer(None, [report("new", order="o7", source=Source.QUERY)])
    complete.append(story.core.book.is_complete)
    assert complete == [True, False, False, True]


def test_news_about_an_order_is_told_once() -> None:
    story = Story()
    story.push("new", cum="0")
    story.push("new", cum="0")
    story.push("partially_filled", cum="1")
    assert [news.status for news in story.news] == ["new", "partially_filled"]


# ---------------------------------------------------------------- cases


def test_closed_cases_stay_for_a_while_and_then_go() -> None:
    story = Story()
    story.submit("o1")
    story.push("canceled", order="o1", cum="0")
    story.submit("o2")
    assert len(story.core.cases) == 2
    story.advance(KEEP_CLOSED_US / 1000 + 60_000, story.fail_question)
    assert len(story.core.cases) == 1
    story.push("canceled", order="o1", cum="4")
    assert len(story.told["r1"]) == 1


def test_past_their_bound_the_oldest_closed_cases_go_and_open_ones_never() -> None:
    story = Story()
    story.core.cases._closed_max = 10
    story.submit("open")
    for number in range(50):
        story.submit(f"o{number}")
        story.push("canceled", order=f"o{number}", cum="0")
    story.advance(1_000, story.fail_question)
    assert len(story.core.cases) == 11
    assert story.case("r1").order_id == "open"
    assert story.case("r51").order_id == "o49"


def test_a_case_that_goes_leaves_no_name_behind() -> None:
    story = Story()
    story.submit(None, alias="y")
    story.ack(order="o1")
    story.submit("o1")
    story.submit("o2", alias="z")
    story.refuse(Proof.GONE)
    for order in ("o1", "o2"):
        story.push("canceled", order=order, cum="0")
    story.advance(KEEP_CLOSED_US / 1000, story.fail_question)
    story.submit("last")
    story.advance(1_000)
    cases = story.core.cases
    left = {case.case_id for case in cases}
    indexes = (cases._by_request, cases._by_send, cases._by_query)
    assert {case.case_id for index in indexes for case in index.values()} <= left
    assert all(named.keys() <= left for index in (cases._by_order, cases._by_alias) for named in index.values())
    assert all(named for index in (cases._by_order, cases._by_alias) for named in index.values())
    assert len(left) == 1


def test_what_is_over_and_final_has_no_appointment() -> None:
    story = Story()
    for number in range(20):
        story.submit(f"o{number}")
        story.ack(story.sent[-1])
        story.push("canceled", order=f"o{number}", cum="0")
    assert story.core.next_tick_us() is None


def test_tracked_ids_are_bounded_and_the_newest_stay() -> None:
    story = Story()
    with patch.object(intake, "TRACKED_MAX", 3):
        for number in range(3):
            story.track(f"y{number}", f"o{number}")
        story.track("y0", "o0")
        story.track("y3", "o3")
    assert [alias for (_, alias), _ in story.core._intake._tracked.items()] == ["y2", "y0", "y3"]


def test_evidence_about_one_order_is_bounded() -> None:
    story = Story()
    story.submit()
    for number in range(1_000):
        story.push("new", cum="0", note=str(number))
    assert len(story.case().view.pieces) <= 256


# ---------------------------------------------------------------- appointments


def test_an_appointment_replaces_the_one_before() -> None:
    agenda: Agenda[str] = Agenda()
    agenda.set("a", 10)
    agenda.set("a", 5)
    agenda.set("b", 7)
    agenda.set("b", None)
    assert agenda.next_us() == 5
    assert list(agenda.due(20)) == ["a"]
    assert agenda.next_us() is None


def test_an_appointment_made_while_others_are_kept_is_kept_too_if_due() -> None:
    agenda: Agenda[str] = Agenda()
    agenda.set("a", 1)
    kept = []
    for key in agenda.due(10):
        kept.append(key)
        if key == "a":
            agenda.set("b", 10)
            agenda.set("c", 11)
    assert kept == ["a", "b"]
    assert agenda.next_us() == 11


def test_replaced_appointments_do_not_pile_up() -> None:
    agenda: Agenda[str] = Agenda()
    for number in range(10_000):
        agenda.set("a", 10_000_000 - number)
        agenda.set(f"b{number % 10}", 20_000_000 - number)
    assert len(agenda._heap) < 200
    assert agenda.next_us() == 10_000_000 - 9_999


# ---------------------------------------------------------------- cost


def test_an_event_about_one_order_works_on_its_case_alone() -> None:
    story = Story()
    for number in range(300):
        story.submit(f"o{number}", alias=f"y{number}")
    worked: list[str | None] = []
    work = Bench.work

    def counted(bench: Bench, case: Case, now_us: int) -> None:
        worked.append(case.order_id)
        work(bench, case, now_us)

    with patch.object(Bench, "work", counted):
        story.push("partially_filled", order="o7", alias="y7", cum="1")
        story.ack(story.sent[7])
        story.submit("new")
    assert worked == ["o7", "o7"]  # a new one's first cancel takes no more than to send it


def test_a_road_that_opens_for_many_leaves_room_for_a_new_cancel() -> None:
    story = Story(roads=())
    for number in range(TURN_MAX + 50):
        story.submit(f"o{number}")
    story.restore_link()
    assert len(story.sends) == TURN_MAX
    story.submit("new")
    assert story.sends[-1].order_id == "new"
    story.advance(0)
    assert len(story.sends) == TURN_MAX + 51


def test_a_long_story_of_one_order_stays_bounded() -> None:
    story = Story.with_timings(abandon_after_h=2)
    story.submit()
    for _ in range(500):
        for sent in story.open_sends():
            story.refuse(Proof.UNKNOWN, sent)
        story.advance(20_000, story.answer_not_found)
    case = story.case()
    assert len(case.sends) <= policy.SENDS_MAX
    assert len(case.denials) <= 64


def test_open_cases_are_counted_without_looking_at_them() -> None:
    cases = CaseFile()
    story = Story()
    for number in range(5):
        story.submit(f"o{number}", instrument=INSTRUMENT)
    story.push("canceled", order="o3", cum="0")
    assert story.core.cases.open_count() == 4
    assert len(list(story.core.cases.open())) == 4
    assert cases.open_count() == 0
