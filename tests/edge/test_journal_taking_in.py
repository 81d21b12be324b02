"""What a crash leaves in the intake is taken in once: all of it, and nothing that the journal had already."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from daemon.edge.journal import Journal, intake, receipts
from daemon.edge.journal.intake import path_of
from daemon.edge.journal.verify import verify
from protocols.errors import JournalError
from tests.edge.intake_rig import (
    INTO_JOURNAL,
    REQUESTS,
    Faulty,
    crashed,
    entries,
    gate,
    in_intake,
    path,
    receipts_left,
    spoil,
    stopped_by,
    until_ready,
    until_settled,
)
from tests.edge.journal_gate import Gate
from tests.edge.journal_world import T0, a_journal, keep, opened, rows, whole_story

__all__ = ["gate", "path"]  # fixtures


async def ended_and_forgotten(held: Journal, name: str) -> None:
    """Have a request come to its end, and forget it; its receipt stands in the intake all the same."""
    await until_ready(held)
    story = whole_story(name, held.next_seq())
    await keep(held, story[:2])
    held.append(story[2:])
    await until_settled(held)
    assert await held.forget(T0 + 1_000) == 1


# ---------------------------------------------------------------- what is forgotten


async def test_what_was_forgotten_does_not_come_back_after_a_crash(path: Path) -> None:
    with a_journal(path, has_intake=True) as held:
        await ended_and_forgotten(held, "a")
        then = crashed(path)
    assert in_intake(then) == [1]
    assert verify(then).counts["receipts_waiting"] == 0
    with a_journal(then) as held:
        assert held.recover(T0, 0).cases == []
        assert rows(then, REQUESTS) == []


async def test_a_name_that_is_used_again_is_not_taken_over_by_its_forgotten_request(path: Path) -> None:
    with a_journal(path, has_intake=True) as held:
        await ended_and_forgotten(held, "a")
        await keep(held, [opened("a", case="case-anew")])
        await until_settled(held)
        then = crashed(path)
    with a_journal(then):
        assert rows(then, "SELECT request_id, case_id FROM requests") == [("a", "case-anew")]
        assert rows(then, "SELECT case_id FROM steps") == [("case-anew",)]


async def test_an_intake_that_a_crash_left_after_it_was_taken_in_brings_nothing_back(path: Path, gate: Gate) -> None:
    then = await receipts_left(path, gate, "a")
    kept = then.parent.parent / "kept"
    shutil.copytree(then.parent, kept)
    with a_journal(then) as held:
        held.append(whole_story("a", held.next_seq())[2:])
        await until_settled(held)
        assert await held.forget(T0 + 1_000) == 1
    for file in kept.glob("*-intake*"):
        shutil.copy(file, then.parent)
    with a_journal(then, has_intake=True) as held:
        assert rows(then, REQUESTS) == []
        await until_ready(held)
        await keep(held, [opened("b")])
        again = crashed(then, "again")
    with a_journal(again):
        assert rows(again, REQUESTS) == [("b",)]


async def test_an_intake_of_an_earlier_life_that_is_put_back_doubles_nothing(path: Path, gate: Gate) -> None:
    then = await receipts_left(path, gate, "a")
    kept = then.parent.parent / "kept"
    shutil.copytree(then.parent, kept)
    for name in ("b", "c"):
        with a_journal(then, has_intake=True) as held:
            await until_ready(held)
            await keep(held, [opened(name)])
    for file in kept.glob("*-intake*"):
        shutil.copy(file, then.parent)
    with a_journal(then):
        assert rows(then, REQUESTS) == [("a",), ("b",), ("c",)]
        assert rows(then, "SELECT count(*) FROM steps") == [(3,)]


async def test_a_receipt_of_a_life_before_that_of_the_last_one_is_taken_in_all_the_same(path: Path, gate: Gate) -> None:
    then = await receipts_left(path, gate, "a")
    other = then.parent.parent / "other" / then.name
    other.parent.mkdir()
    for name in ("b", "c"):
        with a_journal(other, has_intake=True) as held:
            await until_ready(held)
            await keep(held, [opened(name)])
    for file in then.parent.glob("*-intake*"):
        shutil.copy(file, other.parent)
    with a_journal(other):
        assert rows(other, REQUESTS) == [("b",), ("c",), ("a",)]


async def test_a_name_that_is_used_again_is_of_the_new_request_though_the_old_one_is_not_forgotten_yet(
    path: Path, gate: Gate
) -> None:
    with a_journal(path, connecting=gate.connect, has_intake=True) as held:
        await keep(held, whole_story("a", held.next_seq()))
        await stopped_by(gate, held)
        await keep(held, [opened("a", case="case-anew")])
        then = crashed(path)
        gate.is_open.set()
    with a_journal(then):
        assert rows(then, "SELECT request_id, case_id, outcome FROM requests") == [("a", "case-anew", None)]


async def test_beside_a_journal_that_was_begun_anew_only_that_comes_back_which_the_old_one_had_not(
    path: Path, gate: Gate
) -> None:
    with a_journal(path, connecting=gate.connect, has_intake=True) as held:
        await stopped_by(gate, held)
        for name in ("a", "b", "c"):
            await keep(held, [opened(name)])
        gate.is_open.set()
        await until_settled(held)
        await stopped_by(gate, held)
        await keep(held, [opened("d")])
        then = crashed(path)
        gate.is_open.set()
    assert b"order-of-c" in path_of(then).read_bytes()
    for file in then.parent.glob("journal.sqlite*"):
        if file != path_of(then):
            file.unlink()
    with a_journal(then) as held:
        assert held.recover(T0, 0).problems == []
        assert rows(then, REQUESTS) == [("d",)]


def without_its_journal(then: Path) -> Path:
    """Leave of a journal its intake alone, as who begins with an empty one may."""
    for file in then.parent.glob("journal.sqlite*"):
        if file != path_of(then):
            file.unlink()
    return then


async def test_a_receipt_beside_a_journal_that_was_begun_anew_outlives_a_crash_as_any(path: Path, gate: Gate) -> None:
    then = without_its_journal(await receipts_left(path, gate, "a", "b", "c"))
    with a_journal(then, connecting=gate.connect, has_intake=True) as held:
        await stopped_by(gate, held)
        await keep(held, [opened("d")])
        again = crashed(then, "again")
        gate.is_open.set()
    assert verify(again).counts["receipts_waiting"] == 1
    with a_journal(again):
        assert rows(again, REQUESTS) == [("a",), ("b",), ("c",), ("d",)]


async def test_no_life_has_the_number_of_one_whose_receipts_came_from_another_journal(path: Path, gate: Gate) -> None:
    other = await receipts_left(path, gate, "a")  # of its first life, after which its cases are named
    with a_journal(without_its_journal(other)) as held:
        assert held.boot == 2
    assert rows(other, "SELECT boot FROM lives") == [(2,)]
    assert verify(other).is_sound
    with a_journal(other) as held:
        assert held.boot == 3


# ---------------------------------------------------------------- taking in


async def test_receipts_of_several_records_are_taken_in_with_all_of_them(path: Path, gate: Gate) -> None:
    with a_journal(path, connecting=gate.connect, has_intake=True) as held:
        await stopped_by(gate, held)
        for name in ("a", "b"):
            await keep(held, whole_story(name, 7)[:2])
        then = crashed(path)
        gate.is_open.set()
    with a_journal(then) as held:
        await keep(held, [opened("c")])
    assert rows(then, "SELECT case_id FROM steps ORDER BY id") == [
        *[("case-a",)] * 2,
        *[("case-b",)] * 2,
        ("case-c",),
    ]


async def test_an_intake_that_cannot_be_opened_is_not_taken_for_a_damaged_one(path: Path) -> None:
    with a_journal(path) as held:
        await keep(held, [opened("a")])
    path_of(path).mkdir()
    with pytest.raises(JournalError, match=r"journal\.sqlite-intake: unable to open"), a_journal(path):
        pass
    assert path_of(path).is_dir()


async def test_an_intake_of_an_older_canceld_is_left_to_that_one_and_so_is_its_journal(path: Path) -> None:
    with a_journal(path) as held:
        await keep(held, [opened("a")])
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 6")
    with closing(sqlite3.connect(path_of(path))) as db, db:
        db.execute("CREATE TABLE receipts (number INTEGER PRIMARY KEY, written_us INTEGER, records TEXT)")
    before = path_of(path).read_bytes()
    said = r"journal\.sqlite-intake: it is of an older canceld, which a crash ended; start and stop that one once"
    with pytest.raises(JournalError, match=said), a_journal(path):
        pass
    assert path_of(path).read_bytes() == before
    assert rows(path, "PRAGMA user_version") == [(6,)]  # else that one would refuse it
    path_of(path).unlink()  # as that one does at its end
    with a_journal(path):
        assert rows(path, REQUESTS) == [("a",)]


@pytest.mark.parametrize("number", [2**63, 2**64 - 1])
async def test_a_receipt_of_a_number_that_no_journal_holds_keeps_back_no_other(
    path: Path, gate: Gate, number: int
) -> None:
    then = await receipts_left(path, gate, "a", "b")
    first, second = (entry.body or b"" for entry in entries(then))
    with closing(receipts.begin(path_of(then).with_name("made"))) as file:
        file.write([1, number], [first, second], T0, 0)
    path_of(then).with_name("made").replace(path_of(then))
    with a_journal(then) as held:
        (problem,) = held.recover(T0, 0).problems
        assert problem.startswith(f"journal.sqlite-intake-unread-1: receipt {number}: OverflowError")
        assert rows(then, REQUESTS) == [("a",)]


async def test_what_is_put_aside_is_whole(path: Path, gate: Gate) -> None:
    then = await receipts_left(path, gate, "a", "b")
    spoil(then, lambda entry: b"[{}]" if b"case-a" in (entry.body or b"") else None)
    there = entries(then)
    with a_journal(then, has_intake=True) as held:
        await until_ready(held)
        await keep(held, [opened("c")])
    assert rows(then, REQUESTS) == [("b",), ("c",)]
    assert receipts.read(then.parent / "journal.sqlite-intake-unread-1") == there


async def test_what_is_put_aside_is_never_written_over(path: Path) -> None:
    for number in (1, 2):
        with a_journal(path):
            pass
        path_of(path).write_bytes(b"%d: no receipts" % number * 1_000)
    with a_journal(path):
        pass
    kept = [path.with_name(f"journal.sqlite-intake-unread-{number}").read_bytes()[:1] for number in (1, 2)]
    assert kept == [b"1", b"2"]


async def test_an_intake_that_cannot_be_removed_keeps_the_daemon_from_starting_and_is_named(
    path: Path, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    then = await receipts_left(path, gate, "a")
    with monkeypatch.context() as while_it_lasts:
        while_it_lasts.setattr(intake, "remove", refuse)
        said = r"journal\.sqlite-intake: .* cannot be removed \(Permission denied\)"
        with pytest.raises(JournalError, match=said), a_journal(then):
            pass
    with a_journal(then):
        assert rows(then, REQUESTS) == [("a",)]
        assert rows(then, "SELECT count(*) FROM steps") == [(1,)]


async def test_a_disk_that_takes_nothing_at_the_start_leaves_the_intake_for_the_next(path: Path, gate: Gate) -> None:
    then = await receipts_left(path, gate, "a", "b")
    disk = Faulty()
    disk.refuse(INTO_JOURNAL)
    with pytest.raises(JournalError, match="disk I/O error"), a_journal(then, connecting=disk.connect):
        pass
    with a_journal(then) as held:
        assert held.recover(T0, 0).problems == []
        assert rows(then, REQUESTS) == [("a",), ("b",)]
