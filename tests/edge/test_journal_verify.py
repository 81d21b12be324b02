"""What `verify` finds: nothing in a journal that canceld wrote, and each thing that somebody did to it."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from daemon.edge.journal import forget, schema, verify
from daemon.edge.journal.verify import Verified
from protocols.errors import JournalError
from tests.edge.journal_world import (
    HOUR_US,
    T0,
    a_journal,
    concluded,
    corrected,
    keep,
    moved,
    observed,
    observed_again,
    opened,
    rows,
    whole_story,
)


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """A journal of two lives: three whole stories, a correction, a request that moved, and one without an outcome."""
    path = tmp_path / "journal.sqlite"
    with a_journal(path) as held:
        for name in ("a", "b"):
            await keep(held, whole_story(name, held.next_seq()))
        await keep(held, [corrected("a", held.next_seq(), 1, "0.20")])
    with a_journal(path) as held:
        await keep(held, whole_story("c", held.next_seq()))
        await keep(held, [opened("d"), observed("case-d"), moved("d", "case-d", "case-c")])
        await keep(held, [concluded("d", held.next_seq(), case="case-c")])
        await keep(held, [opened("e"), observed_again("case-e")])
        await keep(held, whole_story("f", held.next_seq()))
    return path


def change(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for statement in statements:
            db.execute(statement)


def findings_in(seen: Verified) -> list[str]:
    return [str(finding) for finding in seen.findings]


def test_a_journal_that_canceld_wrote_is_sound_and_all_of_it_was_looked_at(path: Path) -> None:
    seen = verify.verify(path)
    assert seen.findings == []
    assert seen.is_sound
    assert seen.counts == {
        "lives": 2, "open": 1, "steps": 31, "frames": 9, "frames_cut": 0, "digests_alone": 1, "outcomes": 6,
        "requests": 6, "bulks": 0, "bindings": 0,
    }  # fmt: skip


DAMAGES = [
    ("DROP INDEX steps_case", "steps_case: is missing"),
    ("CREATE TABLE notes (text TEXT)", "notes: was not made by canceld"),
    ("ALTER TABLE accounts ADD COLUMN colour TEXT", "accounts: is not as canceld makes it"),
    ("UPDATE steps SET body = '{' WHERE id = 3", "step 3: cannot be read: record: Input data was truncated"),
    ("UPDATE steps SET kind = 'struck' WHERE id = 3", "step 3: its columns do not say what its body says"),
    ("UPDATE steps SET t_us = t_us + 1 WHERE id = 3", "step 3: its columns do not say what its body says"),
    ("UPDATE steps SET frame = x'00' WHERE id = 5", "step 5: its frame is not the one with the digest"),
    ("UPDATE steps SET digest = 'ab' WHERE id = 4", "step 4: its frame is not the one with the digest ab"),
    ("DELETE FROM steps WHERE id = 5", "outcome 1: rests on the frame"),
    ("DELETE FROM outcomes WHERE seq = 2", "step 12: concludes with outcome 2, which is missing"),
    ("DELETE FROM outcomes WHERE seq = 2", "life 1: the outcome 2 is missing"),
    ("DELETE FROM outcomes WHERE seq IN (4, 5)", "life 2: the outcome 4 to 5 is missing"),
    ("DELETE FROM outcomes WHERE seq = 3", "request a of main, uid 1000: its row does not say what its latest outcome"),
    ("UPDATE requests SET ended_us = NULL WHERE request_id = 'a'", "its outcome has no time, or a time no outcome"),
    ("UPDATE outcomes SET revision = 0 WHERE seq = 3", "request a of main, uid 1000: has the revisions 0, 0"),
    ("UPDATE outcomes SET revision = 2 WHERE seq = 3", "outcome 3: its columns do not say what its report says"),
    ("UPDATE outcomes SET previous = NULL WHERE seq = 3", "outcome 3: a correction says what it corrects"),
    ("UPDATE outcomes SET outcome = 'filled' WHERE seq = 2", "outcome 2: its columns do not say what its report says"),
    ("UPDATE outcomes SET report = '[]' WHERE seq = 2", "outcome 2: cannot be read: report: Expected `object`"),
    ("UPDATE requests SET outcome = NULL WHERE request_id = 'a'", "request a of main, uid 1000: has no outcome in its"),
    ("UPDATE requests SET outcome = 'filled' WHERE request_id = 'b'", "request b of main, uid 1000: its row does not"),
    ("DELETE FROM meta WHERE name = 'boot'", "meta: does not say boot"),
    ("UPDATE meta SET value = 'many' WHERE name = 'seq_reserved'", "meta: does not say seq_reserved"),
    ("UPDATE meta SET value = 2 WHERE name = 'seq_reserved'", "meta: seq_reserved is 2, less than "),
    ("UPDATE meta SET value = 0 WHERE name = 'boot'", "meta: boot is 0, less than "),
    ("UPDATE requests SET priority = 'high' WHERE request_id = 'b'", "request b: cannot be read: priority"),
]


@pytest.mark.parametrize(("statement", "finding"), DAMAGES)
def test_what_was_done_to_a_journal_is_found(path: Path, statement: str, finding: str) -> None:
    change(path, statement)
    found = findings_in(verify.verify(path))
    assert any(finding in each for each in found), found


def test_a_second_outcome_of_a_request_is_found(path: Path) -> None:
    change(path, "INSERT INTO outcomes SELECT 99, request_id, account, uid, order_id, t_us, 0, outcome, report, NULL "
                 "FROM outcomes WHERE seq = 2")  # fmt: skip
    found = findings_in(verify.verify(path))
    assert any("request b of main, uid 1000: has the revisions 0, 0" in each for each in found), found


def test_damaged_pages_are_found_and_end_no_other_check(path: Path) -> None:
    change(path, "PRAGMA wal_checkpoint(TRUNCATE)")
    ((root,),) = rows(path, "SELECT rootpage FROM sqlite_master WHERE name = 'steps_case'")
    assert isinstance(root, int)
    with path.open("r+b") as file:
        file.seek((root - 1) * schema.PAGE_BYTES)
        file.write(b"\xff" * schema.PAGE_BYTES)
    seen = verify.verify(path)
    assert any(finding.where == "file" for finding in seen.findings)
    assert seen.counts["requests"] == 6


def test_a_file_that_is_no_database_any_more_is_a_finding(path: Path) -> None:
    path.write_bytes(b"\xff" * 8192)
    assert findings_in(verify.verify(path)) == ["file: file is not a database"]


def test_only_the_first_findings_are_told_and_all_are_counted(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "FINDINGS_MAX", 3)
    change(path, "UPDATE steps SET body = '{'")
    seen = verify.verify(path)
    assert (len(seen.findings), seen.found) == (3, 31)


async def test_what_was_forgotten_is_not_missed(path: Path) -> None:
    with a_journal(path, now_us=lambda: T0 + 100 * HOUR_US) as held:
        await keep(held, whole_story("late", held.next_seq(), t=T0 + 100 * HOUR_US))
        assert await held.forget(T0 + HOUR_US) == 5
        await keep(held, whole_story("later", held.next_seq(), t=T0 + 101 * HOUR_US))
    assert verify.verify(path).findings == []
    change(path, "DELETE FROM outcomes WHERE request_id = 'late'")
    assert any("the outcome 7 is missing" in each for each in findings_in(verify.verify(path)))


async def test_a_journal_that_is_being_forgotten_from_is_sound_after_every_bite(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forget, "BITE_ROWS", 1)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        this = forget.Forgetting(T0 + HOUR_US, lambda _: None)
        while not this.is_done:
            this.bite(db)
            assert verify.verify(path).findings == []
    assert rows(path, "SELECT request_id FROM requests") == [("e",)]


async def test_a_name_that_was_used_again_has_the_words_of_its_own_request_alone(path: Path) -> None:
    with a_journal(path) as held:
        await keep(held, whole_story("a", held.next_seq()))  # of a daemon that had forgotten the first one
    assert verify.verify(path).findings == []


async def test_a_word_without_a_number_is_no_hole(path: Path) -> None:
    with a_journal(path) as held:
        story = whole_story("late", 0)
        await keep(held, story)
    assert rows(path, "SELECT min(seq) < 0 FROM outcomes") == [(1,)]
    assert verify.verify(path).findings == []


async def test_a_journal_is_verified_while_it_is_written(path: Path) -> None:
    with a_journal(path) as held:
        for number in range(5):
            await keep(held, whole_story(f"n{number}", held.next_seq()))
            assert verify.verify(path).findings == []


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda path: path.unlink(), "there is no such file; name the file of"),
        (lambda path: (path.unlink(), path.mkdir()), "it is not a file; name the file of"),
        (lambda path: change(path, "PRAGMA application_id = 7"), "it is not a journal of canceld; name the file of"),
        (
            lambda path: change(path, "PRAGMA user_version = 99"),
            "a newer canceld wrote it .format 99; this one knows",
        ),
        (lambda path: change(path, "PRAGMA user_version = -1"), "its format is -1, which no canceld wrote; keep"),
    ],
)
def test_what_is_no_journal_of_ours_is_said_with_what_to_do(path: Path, make: object, why: str) -> None:
    assert callable(make)
    make(path)
    with pytest.raises(JournalError, match=why):
        verify.verify(path)
