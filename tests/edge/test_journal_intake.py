"""The intake: receipts are durable before the journal has them, none is lost or doubled, and it is only a shortcut."""

import asyncio
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from daemon.core.records import Record
from daemon.edge.journal import JournalState, intake
from daemon.edge.journal.export import export
from daemon.edge.journal.intake import path_of
from daemon.edge.journal.verify import verify
from tests.edge.intake_rig import (
    INTO_INTAKE,
    REQUESTS,
    Faulty,
    JournalGate,
    crashed,
    gate,
    in_intake,
    path,
    receipts_left,
    stopped_by,
    until_it_is,
    until_ready,
    until_settled,
)
from tests.edge.journal_gate import Words
from tests.edge.journal_world import (
    T0,
    a_journal,
    bulk_meant,
    bulk_opened,
    concluded,
    keep,
    key,
    observed,
    opened,
    rows,
    whole_story,
    written,
)
from tests.system.rig import until

__all__ = ["gate", "path"]  # fixtures


async def test_a_receipt_is_durable_while_the_journal_stands_at_a_commit(path: Path, gate: JournalGate) -> None:
    words = Words()
    with a_journal(path, connecting=gate.connect, has_intake=True) as held:
        await stopped_by(gate, held)
        held.append([opened("a")], words.about("a"))
        held.append([opened("b")], words.about("b"))
        await words.until(2)
        assert words.heard == [("a", True), ("b", True)]
        assert rows(path, REQUESTS) == []
        assert in_intake(path) == [1, 2]
        assert sum(held.commits.counts) > 0
        gate.is_open.set()
        await until_settled(held)
        assert rows(path, REQUESTS) == [("a",), ("b",)]


async def test_what_a_crash_leaves_in_the_intake_is_taken_in_at_the_next_start(path: Path, gate: JournalGate) -> None:
    with a_journal(path, connecting=gate.connect, has_intake=True, now_us=lambda: T0 + 7) as held:
        await keep(held, [opened("before")])
        await until_settled(held)
        await stopped_by(gate, held)
        await keep(held, [opened("a")])
        await keep(held, [opened("b")])
        then = crashed(path)
        gate.is_open.set()
    assert [line for line in export(then) if b'"receipt"' in line]
    assert verify(then).counts["receipts_waiting"] == 2
    with a_journal(then, has_intake=True, now_us=lambda: T0 + 9_000_000) as held:
        found = held.recover(T0, 0)
        assert found.problems == []
        assert [case.requests[0].request.key for case in found.cases] == [key("before"), key("a"), key("b")]
        assert rows(then, "SELECT request_id, recorded_us FROM requests WHERE request_id = 'a'") == [("a", T0 + 7)]
        await keep(held, [opened("c")])
    assert rows(then, REQUESTS) == [("before",), ("a",), ("b",), ("c",)]
    assert rows(then, "SELECT count(*), count(DISTINCT id) FROM steps") == [(4, 4)]
    assert not path_of(then).exists()
    assert verify(then).is_sound


async def test_what_the_journal_has_got_is_not_taken_in_again(path: Path) -> None:
    with a_journal(path, has_intake=True) as held:
        await until_ready(held)
        story = whole_story("a", held.next_seq())
        await keep(held, story[:2])
        held.append(story[2:])
        await until_settled(held)
        then = crashed(path)
    assert in_intake(then) == [1]
    with a_journal(then) as held:
        assert rows(then, "SELECT count(*) FROM steps") == [(len(story),)]
        assert rows(then, "SELECT outcome FROM requests") == [("canceled",)]


async def test_a_receipt_of_a_case_of_which_something_is_not_on_disk_goes_after_that(
    path: Path, gate: JournalGate
) -> None:
    words = Words()
    with a_journal(path, connecting=gate.connect, has_intake=True) as held:
        await stopped_by(gate, held)
        held.append([observed("c1")])
        held.append([opened("a", case="c1")], words.about("a"))
        held.append([opened("b", case="c2")], words.about("b"))
        await words.until(1)
        assert words.heard == [("b", True)]
        gate.is_open.set()
        await words.until(2)
        await until_settled(held)
        held.append([opened("c", case="c1")], words.about("c"))
        await words.until(3)
        assert in_intake(path)[-1] == 2
        assert rows(path, "SELECT kind FROM steps WHERE case_id = 'c1' ORDER BY id")[:2] == [
            ("observed",),
            ("request_opened",),
        ]


async def test_no_receipt_goes_before_the_wish_of_a_bulk_cancel(path: Path, gate: JournalGate) -> None:
    words = Words()
    with a_journal(path, connecting=gate.connect, has_intake=True) as held:
        await stopped_by(gate, held)
        held.append([bulk_opened("b")])
        held.append([opened("b/1")], words.about("b/1"))
        gate.is_open.set()
        await words.until(1)
        assert in_intake(path) == []
        assert rows(path, "SELECT request_id FROM bulks") == [("b",)]


async def test_no_request_of_a_bulk_cancel_goes_before_what_one_found_and_others_do(
    path: Path, gate: JournalGate
) -> None:
    words = Words()
    with a_journal(path, connecting=gate.connect, has_intake=True) as held:
        await keep(held, [bulk_opened("b")])
        await stopped_by(gate, held)
        held.append([bulk_meant("b", "o1")])
        held.append([opened("b/1")], words.about("b/1"))
        held.append([opened("c")], words.about("c"))
        await words.until(1)
        assert words.heard == [("c", True)]
        gate.is_open.set()
        await words.until(2)
        assert rows(path, "SELECT kind FROM steps WHERE kind LIKE 'bulk_meant' OR case_id = 'case-b/1'") == [
            ("bulk_meant",),
            ("request_opened",),
        ]


async def test_what_is_on_disk_is_held_in_memory_no_longer(path: Path) -> None:
    with a_journal(path, has_intake=True) as held:
        await until_ready(held)
        receipt, answer = opened("a", case="c1"), observed("c1")
        before = sys.getrefcount(receipt), sys.getrefcount(answer)
        await keep(held, [receipt])
        held.append([answer])
        await keep(held, [opened("b", case="c2")])  # the intake's thread has the last one in hand until the next comes
        await until_settled(held)
        await until(lambda: (sys.getrefcount(receipt), sys.getrefcount(answer)) == before)


@pytest.mark.parametrize("records", [[concluded("a", 1)], [opened("a"), concluded("a", 1)], [observed("c1")]])
async def test_only_receipts_go_by_the_intake(path: Path, records: list[Record]) -> None:
    with a_journal(path, has_intake=True) as held:
        await until_ready(held)
        assert await written(held, *records)
        assert in_intake(path) == []


async def test_an_intake_that_takes_nothing_costs_no_receipt_and_comes_back_empty(path: Path) -> None:
    disk, detours = Faulty(), list[str]()
    with a_journal(path, connecting=disk.connect, has_intake=True) as held:
        held.on_detour = detours.append
        await until_ready(held)
        await keep(held, [opened("a")])
        disk.refuse(INTO_INTAKE)
        await asyncio.gather(*(keep(held, [opened(name)]) for name in ("b", "c")))
        assert detours == ["disk I/O error"]
        assert held.state is JournalState.OK
        disk.heal()
        while held._intake.is_out:
            await keep(held, [opened(f"again-{held.next_seq()}")])
        await keep(held, [opened("d")])
        assert len(in_intake(path)) == 1
    names = {name for (name,) in rows(path, REQUESTS)}
    assert {"a", "b", "c", "d"} <= names
    assert rows(path, "SELECT count(*) FROM steps") == [(len(names),)]


@pytest.mark.parametrize("ending", ["", "-wal", "-shm"])
async def test_an_intake_that_is_taken_away_costs_no_receipt(path: Path, ending: str) -> None:
    detours = list[str]()
    with a_journal(path, has_intake=True) as held:
        held.on_detour = detours.append
        await until_ready(held)
        await keep(held, [opened("a")])
        lost = path_of(path)
        lost.with_name(lost.name + ending).unlink()
        await keep(held, [opened("b")])
        assert len(detours) == 1
        then = crashed(path)
        with a_journal(then):
            assert rows(then, REQUESTS) == [("a",), ("b",)]
        assert held.state is JournalState.OK
        while held._intake.is_out:
            await keep(held, [opened(f"again-{held.next_seq()}")])


async def test_when_the_disk_takes_nothing_at_all_that_is_said_of_receipts_too(path: Path) -> None:
    disk = Faulty()
    with a_journal(path, connecting=disk.connect, has_intake=True) as held:
        await until_ready(held)
        disk.refuse("INSERT")
        assert await written(held, opened("a")) is False
        assert await written(held, opened("b")) is False
        disk.heal()
        await until_it_is(held, JournalState.OK)
        await keep(held, [opened("c")])
    assert rows(path, REQUESTS) == [("a",), ("b",), ("c",)]


async def test_a_journal_that_hangs_is_noticed_though_the_intake_does_not(path: Path, gate: JournalGate) -> None:
    with a_journal(path, connecting=gate.connect, has_intake=True, commit_wait_s=0.2) as held:
        await until_ready(held)
        gate.close()
        await keep(held, [opened("a")])
        await until_it_is(held, JournalState.FAILED)
        assert held.why.startswith("the disk has not answered")
        gate.is_open.set()
        await until_it_is(held, JournalState.OK)


async def test_the_intake_holds_little_and_what_is_closed_in_order_leaves_none(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "STRUCK_AT_ONCE", 4)
    monkeypatch.setattr(intake, "COMMITS_PER_FOLD", 3)
    with a_journal(path, has_intake=True) as held:
        await until_ready(held)
        for number in range(20):
            await keep(held, [opened(f"r{number}")])
            await held._catch_up()
            assert len(in_intake(path)) <= 5
        names = {file.name for file in path.parent.iterdir()}
        assert {"journal.sqlite-intake", "journal.sqlite-intake-wal"} <= names
        assert all(file.stat().st_mode & 0o077 == 0 for file in path.parent.glob("*-intake*"))
        path.with_name("journal.sqlite-intake-journal").touch()  # as a crash leaves it while an intake is made
    assert {file.name for file in path.parent.iterdir()} == {"journal.sqlite", "journal.sqlite.lock"}
    assert len(rows(path, REQUESTS)) == 20


async def test_a_damaged_intake_is_put_aside_and_the_journal_opens(path: Path, gate: JournalGate) -> None:
    then = await receipts_left(path, gate, "a")
    path_of(then).write_bytes(b"no database" * 1000)
    path_of(then).with_name("journal.sqlite-intake-wal").unlink()
    assert not verify(then).is_sound
    with a_journal(then, has_intake=True) as held:
        (problem,) = held.recover(T0, 0).problems
        assert problem.startswith("journal.sqlite-intake-unread-1: what was in it cannot be read")
        await keep(held, [opened("b")])
    assert rows(then, REQUESTS) == [("b",)]
    assert (then.parent / "journal.sqlite-intake-unread-1").read_bytes().startswith(b"no database")
    assert verify(then).is_sound


FIRST = (1 << intake.LIFE_BITS) + 1
"""The number of a first life's first receipt."""


@pytest.mark.parametrize(
    ("spoilt", "trouble"),
    [
        ("'[{}]'", "record: "),
        ("CAST(x'5bff5d' AS TEXT)", "'utf-8' codec can't decode"),
        ("x''", "records: "),
        (f"replace(records, '\"t\":', '\"t\":{T0}')", "OverflowError"),
        (f"replace(records, '\"received_us\":', '\"received_us\":{T0}')", "OverflowError"),
    ],
)
async def test_a_receipt_that_cannot_be_read_or_written_keeps_back_no_other_and_is_kept(
    path: Path, gate: JournalGate, spoilt: str, trouble: str
) -> None:
    then = await receipts_left(path, gate, "a", "b", "c")
    with closing(sqlite3.connect(path_of(then))) as db, db:
        db.execute(f"UPDATE receipts SET records = {spoilt} WHERE number <> {FIRST + 1}")
    with a_journal(then) as held:
        for number, problem in zip((FIRST, FIRST + 2), held.recover(T0, 0).problems, strict=True):
            assert problem.startswith(f"journal.sqlite-intake-unread-1: receipt {number}: {trouble}")
    assert rows(then, REQUESTS) == [("b",)]
    assert rows(then, "SELECT case_id FROM steps") == [("case-b",)]
    kept = then.parent / "journal.sqlite-intake-unread-1"
    assert rows(kept, "SELECT number FROM receipts") == [(FIRST,), (FIRST + 1,), (FIRST + 2,)]


@pytest.mark.parametrize("content", [b"", None])
async def test_an_intake_of_which_there_was_only_the_file_is_nothing(path: Path, content: bytes | None) -> None:
    with a_journal(path) as held:
        await keep(held, [opened("a")])
    if content is not None:
        path_of(path).write_bytes(content)
    with a_journal(path, has_intake=True) as held:
        assert held.recover(T0, 0).problems == []
        await until_ready(held)


async def test_the_database_of_another_program_is_not_taken_for_an_intake(path: Path) -> None:
    with a_journal(path) as held:
        await keep(held, [opened("a")])
    with closing(sqlite3.connect(path_of(path))) as db, db:
        db.execute("CREATE TABLE receipts (number, written_us, records)")
    with a_journal(path) as held:
        assert held.recover(T0, 0).problems == ["journal.sqlite-intake-unread-1: it is the database of another program"]


async def test_a_send_that_went_with_its_receipt_is_taken_in_with_it(path: Path, gate: JournalGate) -> None:
    with a_journal(path, connecting=gate.connect, has_intake=True) as held:
        await stopped_by(gate, held)
        story = whole_story("a", 7)
        await keep(held, story[:2])
        then = crashed(path)
        gate.is_open.set()
    with a_journal(then) as held:
        (case,) = held.recover(T0, 0).cases
        assert list(case.records) == story[:2]
