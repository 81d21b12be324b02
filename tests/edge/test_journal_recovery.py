"""What a new life finds: cases to take up, names that are taken, and what is too old; bad rows are set aside."""

import asyncio
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from daemon.core.records import Record, RecoveredCase
from daemon.edge.journal import Journal, Recovered, forget, recovery
from daemon.edge.journal.codec import read_record, step_row
from daemon.edge.journal.schema import connect
from protocols.errors import JournalError
from protocols.evidence import Frame
from protocols.fix import AccountName, Outcome
from tests.edge.journal_world import (
    ACCOUNT,
    HOUR_US,
    T0,
    a_journal,
    concluded,
    corrected,
    keep,
    key,
    moved,
    observed,
    opened,
    report,
    request,
    rows,
    whole_story,
)

LATER = T0 + 10 * HOUR_US


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


def bare(record: Record) -> Record:
    """A record as recovery gives it: its frame by digest only."""
    return read_record(step_row(record).body)


async def found_after(path: Path, *records: Record, now_us: int = LATER, window_us: int = HOUR_US) -> Recovered:
    """Journal records in one life and recover in the next."""
    with a_journal(path) as journal:
        await keep(journal, records)
    with a_journal(path) as journal:
        return journal.recover(now_us, window_us)


def by_name(found: Recovered) -> dict[str, RecoveredCase]:
    assert found.problems == []
    return {case.case: case for case in found.cases}


async def test_a_request_without_an_outcome_is_taken_up_with_all_its_records(path: Path) -> None:
    story = whole_story("a", 1)[:-1]
    cases = by_name(await found_after(path, *story))
    assert list(cases) == ["case-a"]
    case = cases["case-a"]
    assert case.records == tuple(bare(record) for record in story)
    assert case.former == ()
    [found] = case.requests
    assert (found.request, found.report, found.revision, found.recorded_us) == (request("a"), None, 0, T0 + 2)


async def test_what_is_in_doubt_is_taken_up_however_old_it_is(path: Path) -> None:
    cases = by_name(await found_after(path, opened("a"), concluded("a", 1, outcome=Outcome.IN_DOUBT)))
    [found] = cases["case-a"].requests
    assert found.report == replace(report("a", 1, outcome=Outcome.IN_DOUBT), durable=True)


async def test_a_conclusion_is_taken_up_while_it_is_young_and_with_its_latest_revision(path: Path) -> None:
    young = LATER - HOUR_US
    stories = [
        *whole_story("old", 1),
        *whole_story("young", 2, t=young),
        opened("corrected"),
        concluded("corrected", 3),
    ]
    cases = by_name(await found_after(path, *stories, corrected("corrected", 4, 1, "0.20", t=young)))
    assert set(cases) == {"case-young", "case-corrected"}
    [found] = cases["case-corrected"].requests
    assert found.report is not None
    assert (found.report.seq, found.revision) == (4, 1)


async def test_all_requests_of_a_case_come_with_it_the_oldest_first(path: Path) -> None:
    records: list[Record] = [opened("b", case="X"), opened("a", case="X"), concluded("b", 1, case="X")]
    cases = by_name(await found_after(path, *records))
    assert [found.request.key for found in cases["X"].requests] == [key("b"), key("a")]
    assert [found.report is None for found in cases["X"].requests] == [False, True]


async def test_a_request_that_moved_is_found_in_its_present_case_with_the_records_it_came_from(path: Path) -> None:
    at_a: list[Record] = [opened("a", case="A"), opened("stays", case="A"), observed("A", order_id="1")]
    at_b: list[Record] = [opened("b", case="B"), observed("B", order_id="2")]
    going = moved("a", "A", "B")
    after = observed("A", order_id="3")
    on = moved("a", "B", "C")
    at_c = observed("C", order_id="4")
    cases = by_name(await found_after(path, *at_a, *at_b, going, after, on, at_c))
    assert [found.request.key for found in cases["A"].requests] == [key("stays")]
    assert cases["A"].records == tuple(bare(record) for record in [*at_a, going, after])
    assert [found.request.key for found in cases["C"].requests] == [key("a")]
    assert cases["C"].records == (bare(at_c),)
    assert cases["C"].former == tuple(bare(record) for record in [*at_a, *at_b, going, on])


async def test_each_request_of_a_case_goes_its_own_way(path: Path) -> None:
    start: list[Record] = [opened("a", case="A"), opened("b", case="A")]
    ways: list[Record] = [moved("b", "A", "B"), moved("a", "A", "C"), moved("a", "C", "A"), moved("a", "A", "D")]
    cases = by_name(await found_after(path, *start, *ways))
    assert {case: found.requests[0].request.key for case, found in cases.items()} == {"B": key("b"), "D": key("a")}
    assert cases["B"].former == tuple(bare(record) for record in [*start, ways[0]])
    assert cases["D"].former == tuple(bare(record) for record in [*start, *ways])


async def test_a_request_whose_moves_were_lost_is_found_where_it_is(path: Path) -> None:
    with a_journal(path) as journal:
        await keep(journal, [opened("a", case="A"), moved("a", "A", "B"), observed("B")])
    with closing(connect(path)) as db:
        db.execute("UPDATE steps SET body = '{}' WHERE kind = 'moved'")
    with a_journal(path) as journal:
        cases = by_name(journal.recover(LATER, HOUR_US))
    assert (list(cases), cases["B"].former) == (["B"], ())


async def test_steps_that_cannot_be_read_are_set_aside_and_reported(path: Path) -> None:
    story = whole_story("a", 1)[:-1]
    with a_journal(path) as journal:
        await keep(journal, story)
    with closing(connect(path)) as db:
        db.execute("""UPDATE steps SET body = '{"type":"FromTheFuture"}' WHERE kind = 'send_made'""")
        db.execute("UPDATE steps SET body = x'ff00' WHERE kind = 'send_forwarded'")
    with a_journal(path) as journal:
        found = journal.recover(LATER, HOUR_US)
    [case] = found.cases
    assert case.records == tuple(bare(record) for record in [story[0], *story[3:]])
    assert found.problems == [
        "step 2 (send_made): record: Invalid value 'FromTheFuture' - at `$.type`",
        "step 3 (send_forwarded): record: text is expected",
    ]


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE requests SET priority = 'whenever'",
        "UPDATE requests SET venue_params = 'x'",
        "UPDATE requests SET outcome = 'canceled', seq = 99, ended_us = 0",
    ],
)
async def test_a_request_that_cannot_be_read_is_set_aside_and_the_next_one_is_not(path: Path, damage: str) -> None:
    with a_journal(path) as journal:
        await keep(journal, [opened("a", case="X"), opened("b", case="X")])
    with closing(connect(path)) as db:
        db.execute(f"{damage} WHERE request_id = 'a'")
    with a_journal(path) as journal:
        found = journal.recover(LATER, HOUR_US)
    assert [one.request.key for case in found.cases for one in case.requests] == [key("b")]
    assert len(found.problems) == 1
    assert found.problems[0].startswith("request a of main, uid 1000: ")


async def test_a_row_of_an_older_version_reads_what_it_lacks_as_unknown(path: Path) -> None:
    with a_journal(path) as journal:
        await keep(journal, [opened("a"), observed("case-a"), concluded("a", 1, outcome=Outcome.IN_DOUBT)])
    with closing(connect(path)) as db:
        db.execute("UPDATE outcomes SET report = json_remove(report, '$.avg_px', '$.times.received', '$.venue_code')")
        db.execute("UPDATE outcomes SET report = json_set(report, '$.times.received', 1, '$.gone_since', 'v0')")
        db.execute("UPDATE steps SET body = json_remove(body, '$.report.client_order_id') WHERE kind = 'observed'")
    with a_journal(path) as journal:
        [case] = journal.recover(LATER, HOUR_US).cases
    assert case.records[1] == bare(observed("case-a"))
    assert case.requests[0].report is not None
    assert (case.requests[0].report.venue_code, case.requests[0].report.seq) == (None, 1)


async def test_a_file_that_is_damaged_within_is_an_error_with_what_to_do(path: Path) -> None:
    with a_journal(path) as journal:
        await keep(journal, [opened(f"r{number}") for number in range(500)])
    data = bytearray(path.read_bytes())
    data[len(data) // 2 :] = b"\xff" * (len(data) - len(data) // 2)
    path.write_bytes(data)
    with a_journal(path) as journal, pytest.raises(JournalError, match="recover"):
        journal.recover(LATER, HOUR_US)


async def test_an_empty_journal_has_nothing_to_take_up(path: Path) -> None:
    assert await found_after(path) == Recovered([], [])


async def test_frames_are_recovered_by_their_digest(path: Path) -> None:
    evidence = observed("case-a")
    assert evidence.report.frame is not None
    cases = by_name(await found_after(path, opened("a"), evidence))
    found = cases["case-a"].records[1]
    assert found == replace(evidence, report=replace(evidence.report, frame=Frame(evidence.report.frame.digest, b"")))


async def test_names_are_taken_while_their_request_is_open_or_young(path: Path) -> None:
    with a_journal(path) as journal:
        await keep(journal, [opened("open"), *whole_story("old", 1), *whole_story("young", 2, t=LATER)])
        assert set(journal.known_keys(LATER - HOUR_US)) == {key("open"), key("young")}


# ---------------------------------------------------------------- forgetting


async def forgotten(journal: Journal, *records: Record) -> int:
    await keep(journal, records)
    return await journal.forget(LATER - HOUR_US)


async def test_an_old_request_is_forgotten_with_its_steps_and_outcomes(path: Path) -> None:
    with a_journal(path) as journal:
        assert await forgotten(journal, *whole_story("old", 1), *whole_story("young", 2, t=LATER)) == 1
        assert await journal.lookup(key("old")) is None
        assert await journal.lookup(key("young")) is not None
    assert rows(path, "SELECT DISTINCT case_id FROM steps") == [("case-young",)]
    assert rows(path, "SELECT seq FROM outcomes") == [(2,)]


async def test_what_has_no_outcome_is_never_forgotten(path: Path) -> None:
    story = whole_story("open", 1)[:-1]
    with a_journal(path) as journal:
        assert await forgotten(journal, *story) == 0
    assert rows(path, "SELECT count(*) FROM steps") == [(len(story),)]


async def test_a_case_is_kept_while_one_of_its_requests_is(path: Path) -> None:
    records: list[Record] = [opened("old", case="X"), concluded("old", 1, case="X"), opened("open", case="X")]
    with a_journal(path) as journal:
        assert await forgotten(journal, *records) == 1
    assert rows(path, "SELECT count(*) FROM steps") == [(3,)]


async def test_what_was_corrected_lately_is_young(path: Path) -> None:
    records: list[Record] = [opened("a"), concluded("a", 1), corrected("a", 2, 1, "0.20", t=LATER)]
    with a_journal(path) as journal:
        assert await forgotten(journal, *records) == 0


async def test_outcomes_and_steps_that_belong_to_no_request_go_when_they_are_old(path: Path) -> None:
    with a_journal(path) as journal:
        await forgotten(journal, concluded("a", 1), observed("nobody's"), concluded("b", 2, t=LATER))
    assert rows(path, "SELECT seq FROM outcomes") == [(2,)]
    assert rows(path, "SELECT case_id FROM steps") == [("case-b",)]


async def test_forgetting_goes_in_bites_and_commits_go_between(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forget, "BITE_ROWS", 2)
    with a_journal(path) as journal:
        for number in range(1, 30):
            await keep(journal, whole_story(f"r{number}", number))
        forgetting = asyncio.create_task(journal.forget(LATER))
        beside = 0
        while not forgetting.done():
            await keep(journal, [opened(f"beside{beside}", t=LATER)])
            beside += 1
        assert await forgetting == 29
        assert beside > 1
    assert rows(path, "SELECT count(*) FROM steps") == rows(path, "SELECT count(*) FROM requests") == [(beside,)]


async def test_steps_are_numbered_on_after_everything_was_forgotten(path: Path) -> None:
    with a_journal(path) as journal:
        await forgotten(journal, *whole_story("a", 1))
    with a_journal(path) as journal:
        await keep(journal, [opened("b")])
    assert rows(path, "SELECT id FROM steps") == [(7,)]


async def test_closing_ends_a_round_of_forgetting(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forget, "BITE_ROWS", 1)
    with a_journal(path) as journal:
        await keep(journal, [record for number in range(1, 300) for record in whole_story(f"r{number}", number)])
        forgetting = asyncio.create_task(journal.forget(LATER))
        await asyncio.sleep(0)
    assert await forgetting <= 299


async def test_a_closed_journal_forgets_nothing(path: Path) -> None:
    with a_journal(path) as journal:
        await keep(journal, whole_story("a", 1))
    assert await journal.forget(LATER) == 0


async def test_what_was_answered_is_given_a_few_at_a_time_the_latest_first(path: Path) -> None:
    stories = [whole_story(name, seq, t=T0 + seq * HOUR_US) for seq, name in enumerate("abcd", 1)]
    with a_journal(path) as journal:
        await keep(journal, [record for story in stories for record in story])
        first, place = await journal.settled(ACCOUNT, T0 + 2 * HOUR_US, (T0 + 9 * HOUR_US, 0), 2)
        assert place is not None
        second, place = await journal.settled(ACCOUNT, T0 + 2 * HOUR_US, place, 2)
        assert place is not None
        none_left = await journal.settled(ACCOUNT, T0 + 2 * HOUR_US, place, 2)
        elsewhere = await journal.settled(AccountName("other"), T0, (T0 + 9 * HOUR_US, 0), 2)
    assert [case.case for case in first] == ["case-c", "case-d"]
    assert [case.case for case in second] == ["case-b"]
    assert first[1].records == tuple(bare(record) for record in stories[3])
    assert none_left == elsewhere == ([], None)


async def test_what_is_in_doubt_or_open_is_not_among_the_answered(path: Path) -> None:
    doubtful = [*whole_story("a", 1)[:-1], concluded("a", 1, t=T0 + 5, outcome=Outcome.IN_DOUBT)]
    with a_journal(path) as journal:
        await keep(journal, [*doubtful, *whole_story("b", 2)[:-1]])
        assert await journal.settled(ACCOUNT, 0, (LATER, 0), 9) == ([], None)


@pytest.mark.parametrize("question", [recovery._REQUESTS, recovery._KEYS, recovery._SETTLED, recovery._OF_CASES])
async def test_a_start_reads_of_a_great_journal_only_what_it_takes_up(path: Path, question: str) -> None:
    with a_journal(path):
        pass
    plan = rows(path, f"EXPLAIN QUERY PLAN {question.replace('?', '1')}")
    assert not [step for *_, step in plan if str(step) in {"SCAN r", "SCAN requests", "SCAN o", "SCAN outcomes"}], plan
