"""The intake where things go wrong in an unlucky order: nothing is lost, nothing comes back, nobody waits for ever."""

import asyncio
import contextlib
import sqlite3
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from daemon.core.records import CaseId
from daemon.edge.journal import JournalState, intake, journal, receipts, shortcut, writer
from daemon.edge.journal.backlog import Group
from daemon.edge.journal.intake import Intake, Receipt, path_of
from daemon.edge.journal.shortcut import Shortcut
from protocols.errors import JournalError
from tests.edge.intake_rig import (
    INTO_JOURNAL,
    REQUESTS,
    Faulty,
    IntakeDisk,
    gate,
    in_intake,
    open_files,
    path,
    stopped_by,
    until_it_is,
    until_ready,
    until_settled,
)
from tests.edge.journal_gate import Gate, Words
from tests.edge.journal_world import T0, a_journal, keep, observed, opened, rows, written
from tests.system.rig import until

__all__ = ["gate", "path"]  # fixtures
Said = list[tuple[list[int], str]]
"""What an intake told: the numbers of receipts, and why they are not durable if they are not."""


# ---------------------------------------------------------------- beginning anew


def an_intake(path: Path, said: Said, done: list[int]) -> Intake:
    """Make an intake whose journal has the receipts up to the last number of ``done``; call `run` to have it served."""

    def tell(receipts: list[Receipt], why: str) -> None:
        said.append(([receipt.number for receipt in receipts], why))

    return Intake(path, receipts.begin, lambda: T0, lambda: done[-1], tell)


def serve(served: Intake, *jobs: intake.Job) -> None:
    for job in (*jobs, "stop"):
        served.jobs.put(job)
    served.run()


def receipt(number: int) -> Receipt:
    return Receipt(number, [opened(f"r{number}")], lambda _: None)


@pytest.mark.parametrize("done", [0, 3])
def test_an_intake_that_is_well_is_not_begun_anew_though_it_is_told_to(path: Path, done: int) -> None:
    said = Said()
    served = an_intake(path, said, [done])
    serve(served, "renew", receipt(3), "renew", receipt(4))
    assert said == [([3], ""), ([4], "")]
    assert in_intake(path, 0) == ([3, 4] if done == 0 else [4])
    assert sum(served.commits.counts) == 2
    assert served.is_out


def test_nothing_that_comes_after_the_end_is_served(path: Path) -> None:
    said = Said()
    served = an_intake(path, said, [0])
    for job in ("renew", receipt(1), "stop", receipt(2)):
        served.jobs.put(job)
    served.run()
    assert said == [([1], "")]
    assert in_intake(path, 0) == [1]


def test_no_more_receipts_make_a_commit_than_the_first_of_them_can_wait_for(path: Path) -> None:
    said = Said()
    serve(an_intake(path, said, [0]), "renew", *map(receipt, range(1, 81)))
    assert [len(numbers) for numbers, _ in said] == [
        intake.AT_ONCE_MAX,
        intake.AT_ONCE_MAX,
        80 - 2 * intake.AT_ONCE_MAX,
    ]
    assert [number for numbers, _ in said for number in numbers] == list(range(1, 81))


def test_after_a_commit_of_many_others_gather_and_after_one_of_few_nobody_waits(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = Said()
    pauses: list[tuple[int, float]] = []

    def pause(pause_s: float) -> None:
        pauses.append((len(said), pause_s))

    monkeypatch.setattr(intake, "time", SimpleNamespace(monotonic=time.monotonic, sleep=pause))
    few, many = range(1, intake.CROWD), range(intake.CROWD, 2 * intake.CROWD)
    serve(an_intake(path, said, [0]), "renew", *map(receipt, few), "renew", *map(receipt, many))
    assert [numbers for numbers, _ in said] == [list(few), list(many)]
    assert pauses == [(2, intake.CROWD_PAUSE_S)]


def test_what_the_journal_has_makes_room_for_what_comes(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "AT_ONCE_MAX", 1)
    monkeypatch.setattr(receipts, "SLOTS", 3)
    said, done = Said(), [100]

    def tell(told: list[Receipt], why: str) -> None:
        said.append(([receipt.number for receipt in told], why))
        done.append(told[0].number - 1)  # each is in the journal behind the next

    served = Intake(path, receipts.begin, lambda: T0, lambda: done[-1], tell)
    serve(served, "renew", *map(receipt, range(101, 121)))
    assert said == [([number], "") for number in range(101, 121)]
    assert in_intake(path, 0)[-2:] == [119, 120]


def test_what_the_journal_has_not_got_is_never_written_over(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "AT_ONCE_MAX", 1)
    monkeypatch.setattr(receipts, "SLOTS", 3)
    said = Said()
    serve(an_intake(path, said, [0]), "renew", *map(receipt, range(1, 6)))
    taken = [numbers[0] for numbers, why in said if not why]
    assert in_intake(path, 0) == taken == [1, 2, 3]
    assert [numbers for numbers, why in said if why] == [[4], [5]]


def test_an_intake_is_not_begun_anew_before_the_journal_has_what_is_in_it(path: Path) -> None:
    said = Said()
    done = [0]
    served = an_intake(path, said, done)
    serve(served, "renew", receipt(1), receipt(2))
    done.append(1)
    serve(served, "renew", receipt(3))
    assert in_intake(path, 0) == [1, 2]
    done.append(2)
    serve(served, "renew", receipt(4))
    assert in_intake(path, 0) == [4]
    assert said[0] == ([1, 2], "")
    assert [numbers for numbers, why in said if why] == [[3]]


@pytest.mark.parametrize("fault", [sqlite3.OperationalError("no"), OSError("no"), ValueError("no")])
async def test_an_intake_that_does_not_come_back_is_said_once_and_tried_until_it_does(
    path: Path, fault: Exception
) -> None:
    disk, detours = IntakeDisk(), list[str]()
    disk.refuse_to_begin(fault)
    with a_journal(path, beginning=disk.begin, has_intake=True) as held:
        held.on_detour = detours.append
        while not detours:
            await keep(held, [opened(f"a-{held.next_seq()}")])
        for _ in range(3):
            await asyncio.sleep(0)
            held._intake.jobs.put("renew")
        await until(held._intake.jobs.empty)
        disk.heal()
        while held._intake.is_out:
            await keep(held, [opened(f"b-{held.next_seq()}")])
        assert detours == ["no"]


@pytest.mark.parametrize(
    ("again_s", "said"),
    [(3_600.0, ["no room", "broken", "no room"]), (0.0, ["no room", "no room", "broken", "no room"])],
)
async def test_an_intake_that_takes_some_of_a_floods_receipts_is_not_said_to_be_out_again_and_again(
    path: Path, monkeypatch: pytest.MonkeyPatch, again_s: float, said: list[str]
) -> None:
    monkeypatch.setattr(journal, "DETOUR_AGAIN_S", again_s)
    detours = list[str]()
    with a_journal(path, has_intake=True) as held:
        held.on_detour = detours.append
        for why in ("no room", "no room", "", "no room", "", "broken", "", "no room"):
            held._hear_of_receipts([], why)
        assert detours == said


def test_an_intake_that_is_out_is_not_tried_again_at_each_commit(path: Path) -> None:
    served = an_intake(path, [], [0])
    often = Shortcut(served, 1, 3_600.0)
    for _ in range(3):
        often.renew()
    assert served.jobs.qsize() == 1


async def test_an_intake_that_hangs_costs_no_receipt_and_is_said(path: Path) -> None:
    words, disk = Words(), IntakeDisk()
    with a_journal(path, beginning=disk.begin, has_intake=True, commit_wait_s=0.2) as held:
        await until_ready(held)
        disk.close()
        held.append([opened("a")], words.about("a"))
        await disk.arrival()
        await until_it_is(held, JournalState.FAILED)
        assert held.why.startswith("the disk has not answered")
        await words.until(1)
        assert words.heard == [("a", False)]
        await until_settled(held)
        assert rows(path, REQUESTS) == [("a",)]  # it is in the journal all the same
        disk.is_open.set()
        await until_it_is(held, JournalState.OK)
        await keep(held, [opened("b")])
        assert words.heard == [("a", False)]
    assert rows(path, REQUESTS) == [("a",), ("b",)]


def test_an_intake_that_fails_again_and_again_lets_go_of_each_file(path: Path) -> None:
    said, disk = Said(), IntakeDisk()
    disk.refuse()
    served = Intake(path, disk.begin, lambda: T0, lambda: 0, lambda some, why: said.append(([len(some)], why)))
    before = open_files(path.parent)
    for _ in range(5):
        serve(served, "renew", receipt(1))
        assert open_files(path.parent) == before
    assert said == [([1], "[Errno 5] Input/output error")] * 5


# ---------------------------------------------------------------- beside a journal that fails


async def test_while_the_journal_fails_no_receipt_goes_by_the_intake(path: Path) -> None:
    disk = Faulty()
    with a_journal(path, connecting=disk.connect, has_intake=True) as held:
        await until_ready(held)
        disk.refuse(INTO_JOURNAL)
        await keep(held, [opened("a")])
        await until_it_is(held, JournalState.FAILED)
        assert await written(held, opened("b")) is False
        assert in_intake(path) == [1]
        disk.heal()
        await until_it_is(held, JournalState.OK)
        await keep(held, [opened("c")])
        assert in_intake(path)[-1] == 2
    assert rows(path, REQUESTS) == [("a",), ("b",), ("c",)]


async def test_what_a_journal_that_fails_at_the_end_has_not_got_is_left_in_the_intake(path: Path) -> None:
    disk = Faulty()
    with a_journal(path, connecting=disk.connect, has_intake=True) as held:
        await until_ready(held)
        disk.refuse(INTO_JOURNAL)
        await keep(held, [opened("a")])
        with pytest.raises(JournalError, match="were not written"):
            held.close()
    with a_journal(path):
        assert rows(path, REQUESTS) == [("a",)]


async def test_of_many_receipts_one_is_watched_for_a_journal_that_hangs(path: Path, gate: Gate) -> None:
    with a_journal(path, connecting=gate.connect, has_intake=True) as held:
        await stopped_by(gate, held)
        for _ in range(2):
            before = len(held._patience.untold())
            for number in range(5):
                await keep(held, [opened(f"{held.next_seq()}-{number}")])
            assert len(held._patience.untold()) == before + 1
            gate.is_open.set()
            await until_settled(held)
            await until(lambda: not held._patience.untold())
            gate.close()
        gate.is_open.set()


# ---------------------------------------------------------------- what the journal refuses


async def test_a_refused_receipt_does_not_make_those_before_it_seem_to_be_on_disk(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "SYNC_S", 3_600.0)
    problems: list[str] = []
    disk = Faulty()
    with a_journal(path, connecting=disk.connect, has_intake=True, probe_interval_s=3_600.0) as held:
        held.on_problem = problems.append
        await until_ready(held)
        await keep(held, [opened("a")])
        await until(lambda: held._writer._unsynced)
        disk.refuse(INTO_JOURNAL, sqlite3.IntegrityError("no"))
        await keep(held, [opened("b")])
        await until(lambda: problems)
        assert held._writer._unsynced == []
        assert rows(path, REQUESTS) == [("a",)]
        disk.heal()


async def test_nothing_is_refused_while_the_disk_fails(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "SYNC_S", 3_600.0)
    disk = Faulty()
    problems: list[str] = []
    with a_journal(path, connecting=disk.connect, probe_interval_s=3_600.0) as held:
        held.on_problem = problems.append
        held.append([observed("a")])
        await until(lambda: held._writer._unsynced)
        disk.refuse(INTO_JOURNAL, sqlite3.IntegrityError("no"))
        disk.refuse("UPDATE meta SET value = value")
        assert await written(held, opened("b")) is False
        assert (held.state, problems, held._writer.records_kept) == (JournalState.FAILED, [], 2)
        disk.heal()
    assert rows(path, "SELECT case_id FROM steps ORDER BY id") == [("a",), ("case-b",)]


async def test_what_nobody_waits_for_does_not_wake_the_event_loop(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[object] = []
    with a_journal(path) as held:
        monkeypatch.setattr(held._writer, "_tell", heard.append)
        for number in range(100):
            held.append([observed(f"c{number}")])
        await until_settled(held)
        assert heard == []


# ---------------------------------------------------------------- memory, and the end


class Noted:
    """A group of one case that counts how often it is looked at."""

    looks = 0
    is_wish = is_find = False

    def __init__(self, number: int) -> None:
        self._case = CaseId(f"c{number}")
        self._is_settled = False

    @property
    def is_settled(self) -> bool:
        Noted.looks += 1
        return self._is_settled

    def settle(self) -> None:
        self._is_settled = True

    def cases(self) -> list[CaseId]:
        return [self._case]


def test_what_a_failing_disk_keeps_is_not_looked_through_for_each_record(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shortcut, "CASES_MAX", 16)
    kept = Shortcut(an_intake(path, [], [0]), 1, 1.0)
    groups = [Noted(number) for number in range(2_000)]
    for group in groups:
        kept.note(group)  # type: ignore[arg-type]  # it is looked at in the same way
    assert len(kept._last_of) == len(groups)
    assert Noted.looks <= 2 * len(groups)
    for group in groups:
        group.settle()
    for number in range(4_000):
        kept.note(Group([observed(f"d{number}")], None, 0, is_settled=True))
    assert len(kept._last_of) <= 32


async def test_the_end_waits_for_words_of_the_intake_that_come_after_those_of_the_journal(path: Path) -> None:
    words, disk = Words(), IntakeDisk()
    with a_journal(path, beginning=disk.begin, has_intake=True) as held:
        await until_ready(held)
        disk.close()
        for name in ("a", "b"):
            held.append([opened(name)], words.about(name))
        await disk.arrival()
        all_told = asyncio.ensure_future(held.caught_up())
        all_told.add_done_callback(lambda _: words.about("all")(True))
        await until_settled(held)
        held.append([observed("c")], words.about("later"))
        await words.until(1)
        assert words.heard == [("later", True)]
        disk.is_open.set()
        await words.until(4)
        assert words.heard == [("later", True), ("a", True), ("b", True), ("all", True)]


class Hanging:
    """A thread that does not end, on a clock of the test's."""

    ident = 1

    def __init__(self) -> None:
        self.now_s = 0.0

    def join(self, timeout: float) -> None:
        self.now_s += timeout

    def is_alive(self) -> bool:
        return True


async def test_a_journal_and_an_intake_that_both_hang_are_waited_for_no_longer_than_one(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging = Hanging()
    with a_journal(path, has_intake=True) as held:
        await keep(held, [opened("a")])
        monkeypatch.setattr(held, "_thread", hanging)
        monkeypatch.setattr(held, "_intake_thread", hanging)
        monkeypatch.setattr(journal, "time", SimpleNamespace(monotonic=lambda: hanging.now_s))
        with pytest.raises(JournalError, match="does not answer"):
            held.close()
    assert hanging.now_s == journal.CLOSE_WAIT_S


@pytest.mark.parametrize(("thread", "is_said"), [("_thread", True), ("_intake_thread", False)])
async def test_what_a_thread_that_hangs_may_still_need_is_not_removed(
    path: Path, monkeypatch: pytest.MonkeyPatch, thread: str, *, is_said: bool
) -> None:
    with a_journal(path, has_intake=True) as held:
        await until_ready(held)
        await keep(held, [opened("a")])
        monkeypatch.setattr(held, thread, Hanging())
        with pytest.raises(JournalError) if is_said else contextlib.nullcontext():
            held.close()
    assert path_of(path).exists()


async def test_a_receipt_that_the_intake_refuses_after_the_end_has_its_word(path: Path) -> None:
    words, is_closing = Words(), threading.Event()

    def refuse_late() -> None:
        assert is_closing.wait(60)
        raise OSError(5, "Input/output error")

    with a_journal(path, beginning=IntakeDisk(refuse_late).begin, has_intake=True) as held:
        await until_ready(held)
        held.append([opened("a")], words.about("a"))
        held._patience.end = is_closing.set  # type: ignore[method-assign]  # it is called once nothing is taken any more
    await words.until(1)
    assert words.heard == [("a", False)]
    with a_journal(path):
        assert rows(path, REQUESTS) == [("a",)]
