"""What is told about the past: pages of history, a request by its name, and the story of one request."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from daemon.core.records import Asked, CaseId, Noticed, Previous, Record, Times, Told
from daemon.edge.journal import HistoryRow, Journal, read
from daemon.edge.journal.schema import connect, connect_for_reading
from protocols.asks import Question
from protocols.errors import JournalError
from protocols.evidence import Absence, QuestionAnswered, Step
from protocols.fix import AccountName, OrderId, Outcome, QueryId, RequestId
from protocols.jsonread import frame_of
from tests.edge.journal_world import (
    HOUR_US,
    PUSHED,
    T0,
    a_journal,
    concluded,
    corrected,
    keep,
    key,
    moved,
    observed,
    observed_again,
    opened,
    report,
    request,
    whole_story,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


@pytest.fixture
def held(path: Path) -> Iterator[Journal]:
    with a_journal(path) as journal:
        yield journal


def told(rows: list[HistoryRow]) -> list[tuple[str, int, int]]:
    return [(row.report.request_id, row.report.seq, row.report.revision) for row in rows]


async def two_requests_and_a_correction(held: Journal) -> None:
    await keep(held, [opened("a"), opened("b", uid=7, account="other")])
    await keep(held, [concluded("a", 1), concluded("b", 2, uid=7, account="other")])
    await keep(held, [corrected("a", 3, 1, "0.20")])


async def test_an_answer_has_what_was_appended_the_moment_before_although_nobody_waited_for_it(held: Journal) -> None:
    held.append([opened("a")])
    held.append([concluded("a", 1)])
    rows, _ = await held.history(request_id=RequestId("a"))
    assert told(rows) == [("a", 1, 0)]


async def test_history_from_a_number_replays_each_outcome_and_correction_in_order(held: Journal) -> None:
    await two_requests_and_a_correction(held)
    rows, next_seq = await held.history(from_seq=1)
    assert told(rows) == [("a", 1, 0), ("b", 2, 0), ("a", 3, 1)]
    assert next_seq == 4
    assert [row.previous for row in rows] == [None, None, Previous(Outcome.CANCELED, Decimal("0.10"))]
    assert [(row.uid, row.pid) for row in rows] == [(1000, 4242), (7, 4242), (1000, 4242)]
    assert rows[0].report == replace(report("a", 1), durable=True)


async def test_history_without_a_number_tells_the_latest_word_about_each_request(held: Journal) -> None:
    await two_requests_and_a_correction(held)
    rows, next_seq = await held.history()
    assert told(rows) == [("a", 3, 1), ("b", 2, 0)]
    assert next_seq == 4


async def test_history_is_bounded_by_outcome_time_and_number(held: Journal) -> None:
    await two_requests_and_a_correction(held)
    assert told((await held.history(outcome=Outcome.CANCELED))[0]) == [("a", 3, 1), ("b", 2, 0)]
    assert told((await held.history(outcome=Outcome.FILLED))[0]) == []
    assert told((await held.history(before_seq=3))[0]) == [("b", 2, 0)]
    assert told((await held.history(from_seq=1, before_seq=3))[0]) == [("a", 1, 0), ("b", 2, 0)]
    with closing(sqlite3.connect(held._lock.path)) as db:
        at_us = [row[0] for row in db.execute("SELECT t_us FROM outcomes ORDER BY seq")]
    assert told((await held.history(from_seq=0, since_us=at_us[2]))[0])[-1] == ("a", 3, 1)
    assert (await held.history(since_us=at_us[2] + 1))[0] == []


async def test_history_can_be_paged_without_a_gap_or_a_double(held: Journal) -> None:
    for number in range(1, 8):
        await keep(held, whole_story(f"r{number}", number))
    seen: list[int] = []
    from_seq = 0
    while from_seq <= 7:
        rows, from_seq = await held.history(from_seq=from_seq, limit=3)
        seen += [row.report.seq for row in rows]
    assert seen == [1, 2, 3, 4, 5, 6, 7]
    assert await held.history(from_seq=from_seq) == ([], 8)
    assert await held.history(from_seq=50) == ([], 50)


async def test_history_is_narrowed_by_name_order_account_and_user(held: Journal) -> None:
    await two_requests_and_a_correction(held)
    assert told((await held.history(request_id=RequestId("b")))[0]) == [("b", 2, 0)]
    assert told((await held.history(order_id=OrderId("order-of-a")))[0]) == [("a", 3, 1)]
    assert told((await held.history(account=AccountName("other")))[0]) == [("b", 2, 0)]
    assert told((await held.history(account=AccountName("main"), from_seq=2))[0]) == [("a", 3, 1)]
    assert told((await held.history(uid=7))[0]) == [("b", 2, 0)]
    assert told((await held.history(accounts=[AccountName("other")]))[0]) == [("b", 2, 0)]
    assert told((await held.history(accounts=[]))[0]) == []
    assert told((await held.history(account=AccountName("main"), accounts=[AccountName("other")]))[0]) == []


async def test_a_page_of_history_has_a_bound(held: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read, "HISTORY_ROWS_MAX", 2)
    for number in range(1, 4):
        await keep(held, whole_story(f"r{number}", number))
    assert len((await held.history(limit=1_000_000))[0]) == 2
    assert len((await held.history(limit=0))[0]) == 1


async def test_an_outcome_of_which_the_request_was_lost_is_still_history(held: Journal) -> None:
    await keep(held, [concluded("a", 1)])
    rows, _ = await held.history()
    assert [(row.report.seq, row.pid) for row in rows] == [(1, None)]


async def test_a_row_that_cannot_be_read_is_left_out_of_history(path: Path, held: Journal) -> None:
    await two_requests_and_a_correction(held)
    with closing(connect(path)) as db:
        db.execute("UPDATE outcomes SET report = '{' WHERE seq = 2")
    assert told((await held.history(from_seq=1))[0]) == [("a", 1, 0), ("a", 3, 1)]
    rows, next_seq = await held.history(from_seq=1, limit=2)
    assert (told(rows), next_seq) == ([("a", 1, 0)], 3)


async def test_a_request_is_found_by_its_name_with_all_that_was_said(held: Journal) -> None:
    await two_requests_and_a_correction(held)
    await keep(held, [corrected("a", 4, 2, "0.30")])
    found = await held.lookup(key("a"))
    assert found is not None
    assert found.request == request("a")
    assert (found.case, found.recorded_us) == ("case-a", T0 + 2)
    assert found.first == replace(report("a", 1), durable=True)
    assert found.latest is not None
    assert (found.latest.seq, found.latest.cum_qty) == (4, Decimal("0.30"))
    assert told(list(found.corrections)) == [("a", 3, 1), ("a", 4, 2)]


async def test_a_request_without_an_outcome_is_found_without_words(held: Journal) -> None:
    await keep(held, [opened("a")])
    found = await held.lookup(key("a"))
    assert found is not None
    assert (found.first, found.latest, found.corrections) == (None, None, ())


async def test_a_name_belongs_to_its_user_and_account(held: Journal) -> None:
    await keep(held, [opened("a")])
    assert await held.lookup(key("a", uid=7)) is None
    assert await held.lookup(key("a", account="other")) is None
    assert await held.lookup(key("b")) is None


async def test_the_words_of_an_older_request_of_the_same_name_are_not_the_new_ones(held: Journal) -> None:
    await keep(held, [opened("a", case="old"), concluded("a", 1, case="old")])
    await keep(held, [opened("a", case="new"), concluded("a", 2, case="new", outcome=Outcome.FILLED)])
    found = await held.lookup(key("a"))
    assert found is not None
    assert found.first is not None
    assert (found.first.seq, found.corrections) == (2, ())


async def test_a_word_that_is_read_back_says_when_its_request_was_written_down(held: Journal) -> None:
    """The word itself is written before anybody heard that its request was."""
    word = concluded("a", 1)
    word = replace(word, report=replace(word.report, times=Times(received=T0)))
    await keep(held, [opened("a"), word])
    found, story = await held.lookup(key("a")), await held.explain(None, RequestId("a"))
    assert found is not None
    assert story is not None
    (row,), _ = await held.history()
    for word_read in (row.report, found.first, story.report):
        assert word_read is not None
        assert word_read.times == Times(received=T0, recorded=T0 + 2)


async def test_when_a_request_was_written_down_is_not_said_of_an_older_one_of_its_name(held: Journal) -> None:
    word = concluded("a", 1)
    older = replace(word, report=replace(word.report, times=Times(received=T0 - HOUR_US)))
    await keep(held, [opened("a"), older])
    (row,), _ = await held.history()
    assert row.report.times == older.report.times


async def test_an_admin_finds_a_name_whoevers_it_is(held: Journal) -> None:
    await keep(held, [opened("a"), opened("a", uid=7), opened("a", uid=8, account="other"), opened("b")])
    main = await held.find_request(AccountName("main"), RequestId("a"))
    assert {found.uid for found in main} == {1000, 7}
    assert {found.uid for found in await held.find_request(None, RequestId("a"))} == {1000, 7, 8}
    assert await held.find_request(None, RequestId("c")) == []


async def test_a_story_is_told_step_by_step_with_its_frames(held: Journal) -> None:
    await keep(held, whole_story("a", 1))
    story = await held.explain(1000, RequestId("a"))
    assert story is not None
    assert story.key == key("a")
    assert story.report == replace(report("a", 1), durable=True)
    assert story.complete
    assert [(step.t - T0, step.kind, step.frame) for step in story.steps] == [
        (0, "request_opened", None),
        (1, "send_made", None),
        (2, "send_forwarded", None),
        (3, "send_answered", '{"op":"cancel"}'),
        (4, "observed", '{"state":"canceled"}'),
        (5, "concluded", None),
    ]
    assert story.steps[4].detail == "push orders: order order-of-a is canceled, 0.10 filled of 2.50"


async def test_where_the_digest_of_a_frame_is_all_that_was_kept_the_story_says_so(held: Journal) -> None:
    await keep(held, [opened("a"), observed("case-a"), observed_again("case-a")])
    story = await held.explain(None, RequestId("a"))
    assert story is not None
    kept, left_out = story.steps[1:]
    assert (kept.frame, left_out.frame) == (PUSHED, None)
    digest = frame_of(PUSHED).digest
    assert left_out.detail == f"{kept.detail}; of the frame only its digest is kept, {digest}"


async def test_a_frame_that_is_no_text_is_shown_in_hex(held: Journal) -> None:
    await keep(held, [opened("a"), observed("case-a", raw=b"\xff\x00")])
    story = await held.explain(None, RequestId("a"))
    assert story is not None
    assert (story.report, story.steps[-1].frame) == (None, "ff00")


async def test_a_story_follows_its_request_through_its_cases(held: Journal) -> None:
    await keep(held, [opened("a", case="A"), opened("other", case="A"), observed("A", order_id="1"), observed("B")])
    await keep(held, [moved("a", "A", "B"), observed("A", order_id="2"), observed("B"), concluded("a", 1, case="B")])
    await keep(held, [concluded("other", 2, case="A")])
    story = await held.explain(1000, RequestId("a"))
    assert story is not None
    assert [step.kind for step in story.steps] == [
        "request_opened",
        "observed",  # A, while it was there
        "observed",  # B, before it came: evidence about its order
        "moved",
        "observed",  # B
        "concluded",
    ]
    assert not any("order 2" in step.detail for step in story.steps)


async def test_a_story_is_told_to_its_user_alone_unless_anybodys_is_asked_for(held: Journal) -> None:
    await keep(held, whole_story("a", 1))
    assert await held.explain(7, RequestId("a")) is None
    assert await held.explain(None, RequestId("a"), AccountName("other")) is None
    assert await held.explain(None, RequestId("a"), AccountName("main")) is not None


async def test_of_a_long_story_the_middle_is_left_out(held: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read, "EXPLAIN_STEPS_MAX", 10)
    await keep(held, [opened("a"), *[Noticed(T0 + n, CaseId("case-a"), f"no {n}") for n in range(20)]])
    story = await held.explain(None, RequestId("a"))
    assert story is not None
    assert not story.complete
    told = [(step.kind, step.detail) for step in story.steps]
    assert [kind for kind, _ in told] == ["request_opened", "left_out", *["noticed"] * 8]
    assert told[1:3] == [("left_out", "12 steps that the journal has"), ("noticed", "no 12")]


async def test_of_a_story_that_is_longer_than_is_looked_through_beginning_and_end_are_told(
    held: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read, "EXPLAIN_STEPS_MAX", 2)
    monkeypatch.setattr(read, "EXPLAIN_ROWS_MAX", 3)
    await keep(held, [opened("a"), *[Noticed(T0 + n, CaseId("case-a"), f"no {n}") for n in range(20)]])
    monkeypatch.setattr(read, "shortened", lambda steps, _: steps)
    story = await held.explain(None, RequestId("a"))
    assert story is not None
    assert [step.kind for step in story.steps] == ["request_opened", "noticed", "left_out", *["noticed"] * 3]
    assert [step.detail for step in story.steps[-3:]] == ["no 17", "no 18", "no 19"]
    assert not story.complete


async def test_a_story_of_which_all_is_looked_through_leaves_nothing_out(
    held: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read, "EXPLAIN_STEPS_MAX", 2)
    monkeypatch.setattr(read, "EXPLAIN_ROWS_MAX", 3)
    await keep(held, [opened("a"), *[Noticed(T0 + n, CaseId("case-a"), f"no {n}") for n in range(4)]])
    monkeypatch.setattr(read, "shortened", lambda steps, _: steps)
    story = await held.explain(None, RequestId("a"))
    assert story is not None
    assert [step.kind for step in story.steps] == ["request_opened", *["noticed"] * 4]
    assert story.complete


async def test_rounds_of_questions_that_come_again_and_again_are_told_once(held: Journal) -> None:
    await keep(held, [opened("a"), *[record for n in range(200) for record in a_round(n)], concluded("a", 1)])
    story = await held.explain(1000, RequestId("a"))
    assert story is not None
    assert story.complete
    assert [(step.kind, step.frame) for step in story.steps] == [
        ("request_opened", None), ("asked", None), ("told", "no 0"), ("repeated", None), ("concluded", None)
    ]  # fmt: skip
    assert story.steps[3].detail == "the 2 steps before came 199 times more, for the last time now"
    assert story.steps[3].t == T0 + 199


def a_round(number: int) -> list[Record]:
    """A question, and the answer that the order is not there: each of its own number and frame."""
    query, case = QueryId(f"q1x{number}"), CaseId("case-a")
    missing = QuestionAnswered(query, Step.ORDER, (), Absence.DENIES, True, frame=frame_of(f"no {number}"))
    asked = Question(query, Step.ORDER, "", "BTC-USDT", OrderId("1"))
    return [Asked(T0 + number, case, asked), Told(T0 + number, case, T0 + number, missing)]


async def test_a_step_that_cannot_be_read_is_told_as_such(path: Path, held: Journal) -> None:
    await keep(held, whole_story("a", 1))
    with closing(connect(path)) as db:
        db.execute("UPDATE steps SET body = '[]' WHERE kind = 'send_made'")
    story = await held.explain(None, RequestId("a"))
    assert story is not None
    assert story.steps[1].detail.startswith("cannot be read: record: Expected `object`, got `array`")


async def test_too_many_questions_are_refused(held: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read, "QUESTIONS_WAITING_MAX", 0)
    with pytest.raises(JournalError, match="too many questions"):
        await held.history()
    monkeypatch.setattr(read, "QUESTIONS_WAITING_MAX", 1)
    assert await held.history() == ([], 1)
    assert await held.history() == ([], 1)


async def test_a_question_that_fails_does_not_spoil_the_next(held: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    await keep(held, whole_story("a", 1))
    with monkeypatch.context() as patch:
        patch.setattr(read, "_OUTCOMES", "SELECT none_such FROM outcomes o, requests r WHERE ")
        with pytest.raises(JournalError, match="no such column"):
            await held.history()
    assert told((await held.history())[0]) == [("a", 1, 0)]


def test_a_connection_for_reading_cannot_write(path: Path) -> None:
    with a_journal(path), closing(connect_for_reading(path)) as db, pytest.raises(sqlite3.Error, match="readonly"):
        db.execute("DELETE FROM meta")


async def test_a_word_without_a_number_is_kept_but_not_replayed(held: Journal) -> None:
    await keep(held, [opened("a"), concluded("a", 0), opened("b"), concluded("b", 0), opened("c"), concluded("c", 1)])
    found = await held.lookup(key("b"))
    assert found is not None
    assert found.first == replace(report("b", 0), durable=True)
    assert told((await held.history(from_seq=0))[0]) == [("c", 1, 0)]
