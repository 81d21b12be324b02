"""Appending: words come once per group, in order, when the commit has happened, and never later than they must."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from daemon.edge.journal import JournalState, journal, schema
from protocols.errors import JournalError
from tests.edge.journal_gate import Gate, Words
from tests.edge.journal_world import (
    a_journal,
    bound,
    bulk_meant,
    concluded,
    corrected,
    keep,
    moved,
    observed,
    opened,
    rows,
    whole_story,
    written,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.is_open.set()


async def test_a_word_comes_after_the_commit_and_not_before(path: Path, gate: Gate) -> None:
    words = Words()
    with a_journal(path, connecting=gate.connect) as held:
        gate.close()
        held.append([opened("a")], words.about("a"))
        await gate.arrival()
        assert words.heard == []
        assert held.records_held == 1
        gate.is_open.set()
        await words.until(1)
        assert rows(path, "SELECT request_id FROM requests") == [("a",)]
        assert held.records_held == 0


async def test_what_queues_behind_a_commit_is_committed_at_once_and_told_in_order(path: Path, gate: Gate) -> None:
    words = Words()
    names = [f"r{number}" for number in range(30)]
    with a_journal(path, connecting=gate.connect) as held:
        gate.close()
        held.append([opened("first")], words.about("first"))
        await gate.arrival()
        before = gate.passed
        for name in names:
            held.append(whole_story(name, held.next_seq()), words.about(name))
        gate.is_open.set()
        await words.until(31)
        assert gate.passed == before + 2
    assert words.heard == [("first", True), *((name, True) for name in names)]
    assert rows(path, "SELECT request_id FROM requests ORDER BY opened_step") == [("first",), *((n,) for n in names)]


async def test_a_flood_is_committed_in_parts(path: Path, gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daemon.edge.journal.backlog.TRANSACTION_RECORDS_MAX", 10)
    words = Words()
    with a_journal(path, connecting=gate.connect) as held:
        gate.close()
        held.append([opened("first")], words.about("first"))
        await gate.arrival()
        before = gate.passed
        for number in range(100):
            held.append([opened(f"r{number}")], words.about(f"r{number}"))
        gate.is_open.set()
        await words.until(101)
        assert gate.passed == before + 1 + 10


async def test_a_fault_in_one_callback_keeps_no_other_from_its_word(path: Path) -> None:
    words = Words()
    faults: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: faults.append(context["exception"]))

    def fails(is_durable: bool) -> None:
        raise KeyError(is_durable)

    with a_journal(path) as held:
        held.append([opened("a")], fails)
        held.append([opened("b")], words.about("b"))
        await words.until(1)
    assert words.heard == [("b", True)]
    assert [type(fault) for fault in faults] == [KeyError]


async def test_what_nobody_waits_for_is_written_with_the_next_receipt_or_soon_by_itself(path: Path) -> None:
    words = Words()
    with a_journal(path) as held:
        for case in ("c1", "c2"):
            held.append([observed(case)])
        assert held._writer.jobs.qsize() == 0  # the writer is not woken for them
        held.append([opened("a", case="c2")], words.about("a"))
        await words.until(1)
        assert rows(path, "SELECT kind FROM steps WHERE case_id = 'c2' ORDER BY id") == [
            ("observed",), ("request_opened",)]  # fmt: skip
        held.append([observed("c3")])
        while held.records_held:
            await asyncio.sleep(0)
        assert rows(path, "SELECT count(*) FROM steps") == [(4,)]


async def test_records_without_a_listener_are_written_too(path: Path) -> None:
    with a_journal(path) as held:
        held.append([opened("a")])
        held.append([])
    assert rows(path, "SELECT request_id, recorded_us - received_us FROM requests") == [("a", 2)]


async def test_a_record_that_cannot_be_written_is_refused_alone(path: Path) -> None:
    problems: list[str] = []
    with a_journal(path) as held:
        held.on_problem = problems.append
        answers = await asyncio.gather(
            written(held, opened("a")), written(held, opened("b", t=2**70)), written(held, opened("c"))
        )
        assert list(answers) == [True, False, True]
        assert held.state is JournalState.OK
        assert held.records_held == 0
    assert rows(path, "SELECT request_id FROM requests ORDER BY 1") == [("a",), ("c",)]
    assert len(problems) == 1
    assert problems[0].startswith("not written (RequestOpened): OverflowError")


async def test_a_record_that_breaks_a_rule_of_its_table_is_refused_alone(path: Path) -> None:
    nowhere = opened("bad")
    msgspec.structs.force_setattr(nowhere.request, "instrument", None)
    with a_journal(path) as held:
        answers = await asyncio.gather(written(held, opened("a")), written(held, nowhere), written(held, opened("c")))
        assert held.state is JournalState.OK
    assert list(answers) == [True, False, True]


async def test_a_record_that_cannot_be_encoded_is_refused_alone(path: Path) -> None:
    with a_journal(path) as held:
        answers = await asyncio.gather(written(held, opened("\ud800")), written(held, opened("c")))
    assert list(answers) == [False, True]


async def test_a_slow_disk_is_bounded_and_the_dropped_are_told_in_their_place(
    path: Path, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "HELD_RECORDS_MAX", 3)
    words = Words()
    with a_journal(path, connecting=gate.connect) as held:
        gate.close()
        held.append([opened("a")], words.about("a"))
        await gate.arrival()
        held.append([opened("b"), observed("case-b")], words.about("b"))
        held.append([opened("too much")], words.about("too much"))
        held.append([opened("too much as well")])
        assert held.records_dropped == 2
        gate.is_open.set()
        await words.until(3)
        assert words.heard == [("a", True), ("b", True), ("too much", False)]
        await keep(held, [opened("c")])
    assert rows(path, "SELECT request_id FROM requests ORDER BY 1") == [("a",), ("b",), ("c",)]


async def test_held_frames_are_bounded_by_their_size(path: Path, gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "HELD_BYTES_MAX", 3 * journal.RECORD_BYTES + 4096)
    with a_journal(path, connecting=gate.connect) as held:
        gate.close()
        held.append([observed("a", raw="x" * 4096)])
        held.append([observed("b", raw="x" * 4096)])
        held.append([observed("c", raw="x")])
        assert held.records_dropped == 1
        gate.is_open.set()
    assert rows(path, "SELECT case_id FROM steps ORDER BY id") == [("a",), ("c",)]


async def test_what_a_bulk_cancel_found_is_held_by_the_number_of_its_orders(
    path: Path, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "HELD_BYTES_MAX", 2 * journal.RECORD_BYTES + 4 * journal.ORDER_BYTES)
    with a_journal(path, connecting=gate.connect) as held:
        gate.close()
        held.append([bulk_meant("a", "o1", "o2", "o3")])
        held.append([bulk_meant("b", "o1", "o2")])
        held.append([bulk_meant("c", "o1")])
        assert held.records_dropped == 1
        gate.is_open.set()
    assert rows(path, "SELECT case_id FROM steps ORDER BY id") == [("bulk-a",), ("bulk-c",)]


async def test_after_closing_nothing_is_taken_and_that_is_said(path: Path) -> None:
    words = Words()
    with a_journal(path) as held:
        await keep(held, [opened("a")])
    held.append([opened("late")], words.about("late"))
    await words.until(1)
    assert words.heard == [("late", False)]
    with pytest.raises(JournalError, match="outcome numbers"):
        held.next_seq()
    held.close()
    assert rows(path, "SELECT request_id FROM requests") == [("a",)]


async def test_the_operator_reads_requests_steps_and_outcomes(path: Path) -> None:
    with a_journal(path) as held:
        await keep(held, whole_story("a", held.next_seq()))
        await keep(held, [corrected("a", held.next_seq(), 1, "0.20")])
    assert rows(
        path, "SELECT uid, account, request_id, case_id, instrument, priority, outcome, revision FROM requests"
    ) == [(1000, "main", "a", "case-a", "BTC-USDT", "urgent", "canceled", 1)]
    assert rows(path, "SELECT id, kind, CAST(frame AS TEXT) FROM steps") == [
        (1, "request_opened", None),
        (2, "send_made", None),
        (3, "send_forwarded", None),
        (4, "send_answered", '{"op":"cancel"}'),
        (5, "observed", '{"state":"canceled"}'),
        (6, "concluded", None),
        (7, "concluded", None),
    ]
    assert rows(path, "SELECT seq, outcome, revision, json_extract(report, '$.cum_qty') FROM outcomes") == [
        (1, "canceled", 0, "0.10"),
        (2, "canceled", 1, "0.20"),
    ]


async def test_what_moves_a_request_or_names_its_order_shows_in_its_row(path: Path) -> None:
    with a_journal(path) as held:
        await keep(held, [opened("a", case="A"), moved("a", "A", "B"), bound("B", "77")])
        unnamed = concluded("a", held.next_seq(), case="B")
        await keep(held, [replace(unnamed, report=replace(unnamed.report, order_id=None))])
    assert rows(path, "SELECT case_id, order_id, found_order_id FROM requests") == [("B", "order-of-a", "77")]


async def test_a_forgotten_name_that_is_used_again_is_a_new_request(path: Path) -> None:
    with a_journal(path) as held:
        await keep(held, [opened("a", case="old"), concluded("a", held.next_seq(), case="old")])
        await keep(held, [opened("a", case="new")])
    assert rows(path, "SELECT case_id, outcome, seq, revision FROM requests") == [("new", None, None, 0)]


def numbers(path: Path, count: int) -> list[int]:
    with a_journal(path) as held:
        return [held.next_seq() for _ in range(count)]


def test_outcome_numbers_go_on_after_a_close_without_a_gap(path: Path) -> None:
    assert numbers(path, 3) == [1, 2, 3]
    assert numbers(path, 2) == [4, 5]


async def test_more_numbers_are_reserved_before_they_are_needed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "SEQ_BLOCK", 8)
    with a_journal(path) as held:
        given = []
        for number in range(100):
            given.append(held.next_seq())
            await keep(held, [opened(f"r{number}")])
            assert rows(path, "SELECT value FROM meta WHERE name = 'seq_reserved'") > [(given[-1],)]
    assert given == list(range(1, 101))


async def test_numbers_are_reserved_once_at_a_time(path: Path, gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "SEQ_BLOCK", 8)
    words = Words()
    with a_journal(path, connecting=gate.connect) as held:
        gate.close()
        held.append([opened("a")], words.about("a"))
        await gate.arrival()
        assert [held.next_seq() for _ in range(8)] == [1, 2, 3, 4, 5, 6, 7, 8]
        assert held._writer.jobs.qsize() == 1
        gate.is_open.set()
        held.append([opened("b")], words.about("b"))
        await words.until(2)
        assert held.next_seq() == 9


def test_numbers_that_could_not_be_reserved_are_not_given(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "SEQ_BLOCK", 2)
    with a_journal(path) as held:
        held.state = JournalState.FAILED
        assert [held.next_seq(), held.next_seq()] == [1, 2]
        with pytest.raises(JournalError, match="no more outcome numbers"):
            held.next_seq()


async def test_whose_key_an_account_stands_for_is_remembered(path: Path) -> None:
    with a_journal(path) as held:
        assert held.bound_user(opened("a").request.key.account) is None
        await held.bind_user(opened("a").request.key.account, "venue", "live", "user-1")
    with a_journal(path) as held:
        found = held.bound_user(opened("a").request.key.account)
    assert found == schema.Binding("venue", "live", "user-1")


async def test_a_long_commit_gives_way_again_and_again_and_a_receipt_does_not(
    path: Path, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread that only lets the interpreter go has it back before the event loop has the core."""
    given: list[int] = []
    monkeypatch.setattr(journal, "give_way", lambda _: given.append(gate.passed))
    words = Words()
    with a_journal(path, connecting=gate.connect) as held:
        held.append(whole_story("a", 1), words.about("a"))
        await words.until(1)
        assert given == []
        many = [record for number in range(40) for record in whole_story(f"r{number}", 2 + number)]
        held.append(many, words.about("many"))
        await words.until(2)
        assert len(set(given)) == 1  # all of them within one commit
        assert len(given) > len(many) / 32


async def test_at_the_end_a_long_commit_gives_way_to_nobody(
    path: Path, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[int] = []
    monkeypatch.setattr(journal, "give_way", lambda _: given.append(gate.passed))
    with a_journal(path, connecting=gate.connect) as held:
        many = [record for number in range(40) for record in whole_story(f"r{number}", 2 + number)]
        held.append(many)
    assert given == []
