"""A disk that does not answer: each word is told once, in order, and not later than it has to be."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.edge.journal import Journal, JournalState, lock_journal
from daemon.edge.journal.patience import Patience
from protocols.errors import JournalError
from tests.edge.journal_gate import Gate, Words
from tests.edge.journal_world import a_journal, opened, rows, whole_story

SHORT_S = 0.03
LONG_S = 3600.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.is_open.set()


async def test_words_that_wait_for_a_disk_that_hangs_are_told_false_in_order_and_new_ones_at_once(
    path: Path, gate: Gate
) -> None:
    with a_journal(path, connecting=gate.connect, commit_wait_s=SHORT_S) as held:
        states: list[tuple[str, str]] = []
        held.on_state_change = lambda state, why: states.append((state.value, why))
        words = Words()
        gate.close()
        for name in ("a", "b"):
            held.append([opened(name)], words.about(name))
        await words.until(2)
        assert words.heard == [("a", False), ("b", False)]
        assert states == [("failed", "the disk has not answered for 0.03 s")]
        held.append([opened("c")], words.about("c"))
        assert len(words.heard) == 2  # not inside the append
        await words.until(3)
        assert words.heard[2] == ("c", False)
        gate.is_open.set()
        while held.state is not JournalState.OK:
            await asyncio.sleep(0.001)
        assert [state for state, _ in states] == ["failed", "ok"]
        assert held.why == ""
    assert len(words.heard) == 3  # what came late is not told again
    assert rows(path, "SELECT request_id FROM requests ORDER BY opened_step") == [("a",), ("b",), ("c",)]


async def test_a_disk_that_answers_in_time_is_given_all_of_it(path: Path, gate: Gate) -> None:
    with a_journal(path, connecting=gate.connect, commit_wait_s=LONG_S) as held:
        words = Words()
        gate.close()
        held.append(whole_story("a", held.next_seq()), words.about("a"))
        await gate.arrival()
        assert words.heard == []
        gate.is_open.set()
        await words.until(1)
        assert words.heard == [("a", True)]
        assert held.state is JournalState.OK


async def test_a_word_that_is_answered_before_an_older_one_takes_no_patience_from_it() -> None:
    patience = Patience(0.0, lambda: None)
    words = Words()
    old, young = patience.expect(words.about("old")), patience.expect(words.about("young"))
    patience.answered([young])
    assert patience.is_over
    await words.until(1)
    assert words.heard == [("old", False)]
    patience.answered([old])
    assert not patience.is_over


async def test_patience_ends_with_the_oldest_word_and_comes_back_when_no_old_one_waits() -> None:
    changes: list[bool] = []
    patience = Patience(SHORT_S, lambda: changes.append(patience.is_over))
    words = Words()
    old, young = patience.expect(words.about("old")), patience.expect(words.about("young"))
    await words.until(2)
    assert (changes, words.heard) == ([True], [("old", False), ("young", False)])
    patience.answered([old])
    is_over_with_the_young_one = patience.is_over  # it is as old by now
    patience.answered([young])
    assert (is_over_with_the_young_one, patience.is_over) == (True, False)
    old(True)
    last = patience.expect(words.about("last"))
    patience.answered([last])
    last(True)
    assert words.heard[2:] == [("last", True)]  # the old one was told already
    assert changes == [True]


async def test_a_closed_journal_waits_for_a_disk_that_hangs_no_longer_than_a_word_does(path: Path, gate: Gate) -> None:
    words = Words()
    with lock_journal(path) as lock:
        held = Journal.open(path, lock, connect=gate.connect, commit_wait_s=SHORT_S)
        gate.close()
        held.append([opened("a")], words.about("a"))
        await words.until(1)
        with pytest.raises(JournalError, match=r"1 records were not written [(]the disk has not answered for"):
            held.close()


async def test_who_stood_still_waits_anew_when_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    clock_s, ahead_s = loop.time, 0.0
    monkeypatch.setattr(loop, "time", lambda: clock_s() + ahead_s)
    words = Words()
    patience = Patience(LONG_S, lambda: None)
    patience.expect(words.about("old"))
    ahead_s = 2 * LONG_S
    for _ in range(3):
        await asyncio.sleep(0)
    assert (patience.is_over, words.heard) == (False, [])
    ahead_s += LONG_S  # now it is the disk that hangs
    await words.until(1)
    assert (patience.is_over, words.heard) == (True, [("old", False)])
