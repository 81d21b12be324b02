"""The intake: receipts are durable before the journal has them, none is lost or doubled, and it is only a shortcut."""

import asyncio
import json
import shutil
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from daemon.core.records import Record
from daemon.edge.journal import JournalState, intake, receipts
from daemon.edge.journal.export import export
from daemon.edge.journal.intake import path_of
from daemon.edge.journal.receipts import Entry
from daemon.edge.journal.verify import _Verification, verify
from protocols.errors import JournalError
from tests.edge.intake_rig import (
    REQUESTS,
    Faulty,
    IntakeDisk,
    crashed,
    entries,
    gate,
    in_intake,
    path,
    receipts_left,
    spoil,
    stopped_by,
    until_it_is,
    until_ready,
    until_settled,
)
from tests.edge.journal_gate import Gate, Words
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


async def test_a_receipt_is_durable_while_the_journal_stands_at_a_commit(path: Path, gate: Gate) -> None:
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


async def test_what_a_crash_leaves_in_the_intake_is_taken_in_at_the_next_start(path: Path, gate: Gate) -> None:
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


async def test_a_receipt_of_a_case_of_which_something_is_not_on_disk_goes_after_that(path: Path, gate: Gate) -> None:
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


async def test_no_receipt_goes_before_the_wish_of_a_bulk_cancel(path: Path, gate: Gate) -> None:
    words = Words()
    with a_journal(path, connecting=gate.connect, has_intake=True) as held:
        await stopped_by(gate, held)
        held.append([bulk_opened("b")])
        held.append([opened("b/1")], words.about("b/1"))
        gate.is_open.set()
        await words.until(1)
        assert in_intake(path) == []
        assert rows(path, "SELECT request_id FROM bulks") == [("b",)]


async def test_no_request_of_a_bulk_cancel_goes_before_what_one_found_and_others_do(path: Path, gate: Gate) -> None:
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
    disk, detours = IntakeDisk(), list[str]()
    with a_journal(path, beginning=disk.begin, has_intake=True) as held:
        held.on_detour = detours.append
        await until_ready(held)
        await keep(held, [opened("a")])
        disk.refuse()
        await asyncio.gather(*(keep(held, [opened(name)]) for name in ("b", "c")))
        assert detours == ["[Errno 5] Input/output error"]
        assert held.state is JournalState.OK
        disk.heal()
        while held._intake.is_out:
            await keep(held, [opened(f"again-{held.next_seq()}")])
        await keep(held, [opened("d")])
        assert len(in_intake(path)) == 1
    names = {name for (name,) in rows(path, REQUESTS)}
    assert {"a", "b", "c", "d"} <= names
    assert rows(path, "SELECT count(*) FROM steps") == [(len(names),)]


@pytest.mark.parametrize("becomes", [IntakeDisk.refuse, IntakeDisk.heal])
async def test_it_is_known_whether_a_receipt_is_being_written_whatever_becomes_of_it(
    path: Path, becomes: Callable[[IntakeDisk], None]
) -> None:
    disk, words = IntakeDisk(), Words()
    with a_journal(path, beginning=disk.begin, has_intake=True) as held:
        await until_ready(held)
        disk.close()
        held.append([opened("a")], words.about("a"))
        await disk.arrival()
        seen = [held.has_receipts_under_way]
        becomes(disk)
        disk.is_open.set()
        await words.until(1)
        seen.append(held.has_receipts_under_way)
        assert seen == [True, False]


def swap(path: Path) -> None:
    """Put a copy in place of a file, as an editor does."""
    copy = path.with_name("copy")
    shutil.copy(path, copy)
    copy.replace(path)


@pytest.mark.parametrize(
    ("take_away", "said"),
    [
        (Path.unlink, "the file is gone"),
        (lambda path: path.rename(path.with_name("elsewhere")), "the file is gone"),
        (swap, "the file was moved or replaced"),
    ],
)
async def test_an_intake_that_is_taken_away_costs_no_receipt(
    path: Path, take_away: Callable[[Path], object], said: str
) -> None:
    detours = list[str]()
    with a_journal(path, has_intake=True) as held:
        held.on_detour = detours.append
        await until_ready(held)
        await keep(held, [opened("a")])
        take_away(path_of(path))
        await keep(held, [opened("b")])
        (detour,) = detours
        assert f"journal.sqlite-intake: {said}; leave it alone while the daemon runs" in detour
        then = crashed(path)
        with a_journal(then):
            assert rows(then, REQUESTS) == [("a",), ("b",)]
        assert held.state is JournalState.OK
        while held._intake.is_out:
            await keep(held, [opened(f"again-{held.next_seq()}")])


async def test_when_the_disk_takes_nothing_at_all_that_is_said_of_receipts_too(path: Path) -> None:
    disk, its_own = Faulty(), IntakeDisk()
    with a_journal(path, connecting=disk.connect, beginning=its_own.begin, has_intake=True) as held:
        await until_ready(held)
        disk.refuse("INSERT")
        its_own.refuse()
        assert await written(held, opened("a")) is False
        assert await written(held, opened("b")) is False
        disk.heal()
        its_own.heal()
        await until_it_is(held, JournalState.OK)
        await keep(held, [opened("c")])
    assert rows(path, REQUESTS) == [("a",), ("b",), ("c",)]


async def test_a_journal_that_hangs_is_noticed_though_the_intake_does_not(path: Path, gate: Gate) -> None:
    with a_journal(path, connecting=gate.connect, has_intake=True, commit_wait_s=0.2) as held:
        await until_ready(held)
        gate.close()
        await keep(held, [opened("a")])
        await until_it_is(held, JournalState.FAILED)
        assert held.why.startswith("the disk has not answered")
        gate.is_open.set()
        await until_it_is(held, JournalState.OK)


async def test_the_intake_has_one_size_and_what_is_closed_in_order_leaves_none(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receipts, "SLOTS", 8)
    detours = list[str]()
    with a_journal(path, has_intake=True) as held:
        held.on_detour = detours.append
        await until_ready(held)
        size = path_of(path).stat().st_size
        assert size == 9 * receipts.SLOT_BYTES
        for number in range(20):
            await keep(held, [opened(f"r{number}")])
            await held._catch_up()
            assert path_of(path).stat().st_size == size
            assert in_intake(path)[-1] == number + 1
        assert path_of(path).stat().st_mode & 0o777 == 0o600
        assert detours == []
    assert {file.name for file in path.parent.iterdir()} == {"journal.sqlite", "journal.sqlite.lock"}
    assert len(rows(path, REQUESTS)) == 20


async def test_receipts_for_which_the_intake_has_no_room_wait_for_the_journal_and_what_is_in_it_counts(
    path: Path, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receipts, "SLOTS", 2)  # each of these takes one
    words, detours = Words(), list[str]()
    with a_journal(path, connecting=gate.connect, has_intake=True) as held:
        held.on_detour = detours.append
        await stopped_by(gate, held)
        for count, name in enumerate("ab", 1):
            held.append([opened(name)], words.about(name))
            await words.until(count)
        held.append([opened("c")], words.about("c"))
        await until(lambda: detours)
        assert words.heard == [("a", True), ("b", True)]
        then = crashed(path)
        gate.is_open.set()
        await words.until(3)
        assert words.heard[-1] == ("c", True)
        await until_settled(held)
        await keep(held, [opened("d")])
        assert in_intake(path)[-1] == 4
        assert detours == ["the journal has not got enough yet of what is in the intake"]
    assert rows(path, REQUESTS) == [("a",), ("b",), ("c",), ("d",)]
    with a_journal(then) as held:
        assert held.recover(T0, 0).problems == []
        assert rows(then, REQUESTS) == [("a",), ("b",)]


async def test_who_looks_beside_a_running_daemon_calls_nothing_waiting_that_comes_meanwhile(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looking, go_on = asyncio.Event(), threading.Event()
    look = _Verification._times
    with a_journal(path, has_intake=True) as held:
        await until_ready(held)
        await keep(held, [opened("a")])
        await until_settled(held)

        def look_slowly(looks: _Verification) -> None:
            look(looks)
            loop.call_soon_threadsafe(looking.set)
            assert go_on.wait(60)

        loop = asyncio.get_running_loop()
        monkeypatch.setattr(_Verification, "_times", look_slowly)
        lines = export(path)
        next(lines)
        seen = asyncio.create_task(asyncio.to_thread(verify, path))
        await looking.wait()
        await keep(held, [opened("b")])
        await until_settled(held)
        go_on.set()
        assert (await seen).counts["receipts_waiting"] == 0
        assert [line for line in lines if b'"receipt"' in line] == []


async def test_an_intake_that_goes_while_somebody_looks_is_none(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(intake: Path) -> list[Entry]:
        raise FileNotFoundError(2, "No such file or directory", str(intake))

    with a_journal(path, has_intake=True) as held:
        await until_ready(held)
        monkeypatch.setattr(intake, "read", gone)
        assert verify(path).is_sound


async def test_a_damaged_intake_is_put_aside_and_the_journal_opens(path: Path, gate: Gate) -> None:
    then = await receipts_left(path, gate, "a")
    path_of(then).write_bytes(b"no receipts" * 1000)
    assert not verify(then).is_sound
    with a_journal(then, has_intake=True) as held:
        (problem,) = held.recover(T0, 0).problems
        assert problem.startswith("journal.sqlite-intake-unread-1: what was in it cannot be read")
        await keep(held, [opened("b")])
    assert rows(then, REQUESTS) == [("b",)]
    assert (then.parent / "journal.sqlite-intake-unread-1").read_bytes().startswith(b"no receipts")
    assert verify(then).is_sound


def exported(path: Path) -> tuple[set[str], str]:
    """Give the kinds of rows that are exported of a journal, and what is said of those that are not."""
    kinds: set[str] = set()
    try:
        kinds.update(json.loads(line)["row"] for line in export(path))
    except JournalError as trouble:
        return kinds, str(trouble)
    return kinds, ""


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: path.write_bytes(b"SQLite format 3\0" * 100), "it is of an older canceld"),
        (lambda path: path.write_bytes(b"no receipts" * 1000), "what was in it cannot be read"),
        (Path.mkdir, "unable to open it"),
    ],
)
async def test_an_intake_that_cannot_be_read_keeps_nobody_from_looking_at_its_journal(
    path: Path, make: Callable[[Path], None], said: str
) -> None:
    with a_journal(path) as held:
        await keep(held, whole_story("a", held.next_seq()))
    make(path_of(path))
    kinds, complaint = exported(path)
    assert kinds == {"journal", "life", "request", "step", "outcome"}
    assert f"journal.sqlite-intake: {said}" in complaint
    seen = verify(path)
    assert seen.counts["outcomes"] == 1
    assert [finding.what for finding in seen.findings if said in finding.what] or path_of(path).is_dir()


async def test_a_receipt_that_cannot_be_read_is_missed_by_who_exports(path: Path, gate: Gate) -> None:
    then = await receipts_left(path, gate, "a", "b")
    spoil(then, lambda entry: b"[{}]" if b"case-a" in (entry.body or b"") else None)
    kinds, complaint = exported(then)
    assert "receipt" in kinds
    assert f"receipt {FIRST}: " in complaint


FIRST = (1 << intake.LIFE_BITS) + 1
"""The number of a first life's first receipt."""


@pytest.mark.parametrize(
    ("spoilt", "trouble"),
    [
        (lambda _: b"[{}]", "record: "),
        (lambda _: b"[\xff]", "'utf-8' codec can't decode"),
        (lambda _: b"", "records: "),
        (lambda body: body.replace(b'"t":', b'"t":%d' % T0), "OverflowError"),
        (lambda body: body.replace(b'"received_us":', b'"received_us":%d' % T0), "OverflowError"),
    ],
)
async def test_a_receipt_that_cannot_be_read_or_written_keeps_back_no_other_and_is_kept(
    path: Path, gate: Gate, spoilt: Callable[[bytes], bytes], trouble: str
) -> None:
    then = await receipts_left(path, gate, "a", "b", "c")
    spoil(then, lambda entry: None if entry.number == FIRST + 1 else spoilt(entry.body or b""))
    with a_journal(then) as held:
        for number, problem in zip((FIRST, FIRST + 2), held.recover(T0, 0).problems, strict=True):
            assert problem.startswith(f"journal.sqlite-intake-unread-1: receipt {number}: {trouble}")
    assert rows(then, REQUESTS) == [("b",)]
    assert rows(then, "SELECT case_id FROM steps") == [("case-b",)]
    kept = receipts.read(then.parent / "journal.sqlite-intake-unread-1")
    assert [entry.number for entry in kept] == [FIRST, FIRST + 1, FIRST + 2]


async def test_a_receipt_that_a_disk_lost_a_part_of_keeps_back_no_other_and_is_named(path: Path, gate: Gate) -> None:
    then = await receipts_left(path, gate, "a", "b", "c")
    content = path_of(then).read_bytes()
    path_of(then).write_bytes(content.replace(b"order-of-b", b"order-of-x"))
    assert [(entry.number - FIRST, entry.body is None) for entry in entries(then)] == [
        (0, False),
        (1, True),
        (2, False),
    ]
    with a_journal(then) as held:
        said = f"journal.sqlite-intake-unread-1: receipt {FIRST + 1}: it is damaged"
        assert held.recover(T0, 0).problems == [said]
    assert rows(then, REQUESTS) == [("a",), ("c",)]
    assert b"order-of-x" in (then.parent / "journal.sqlite-intake-unread-1").read_bytes()


@pytest.mark.parametrize("content", [b"", b"\0", b"\0" * receipts.SLOT_BYTES * 100, None])
async def test_an_intake_of_which_there_was_only_the_file_is_nothing(path: Path, content: bytes | None) -> None:
    with a_journal(path) as held:
        await keep(held, [opened("a")])
    if content is not None:
        path_of(path).write_bytes(content)
    with a_journal(path, has_intake=True) as held:
        assert held.recover(T0, 0).problems == []
        await until_ready(held)


async def test_the_file_of_another_program_is_not_taken_for_an_intake(path: Path) -> None:
    with a_journal(path) as held:
        await keep(held, [opened("a")])
    path_of(path).write_text("name,value\n")
    with a_journal(path) as held:
        said = "what was in it cannot be read: it is not what canceld keeps receipts in, or it is damaged"
        assert held.recover(T0, 0).problems == [f"journal.sqlite-intake-unread-1: {said}"]


async def test_a_send_that_went_with_its_receipt_is_taken_in_with_it(path: Path, gate: Gate) -> None:
    with a_journal(path, connecting=gate.connect, has_intake=True) as held:
        await stopped_by(gate, held)
        story = whole_story("a", 7)
        await keep(held, story[:2])
        then = crashed(path)
        gate.is_open.set()
    with a_journal(then) as held:
        (case,) = held.recover(T0, 0).cases
        assert list(case.records) == story[:2]
