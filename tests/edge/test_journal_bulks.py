"""Bulk cancels in the journal: found again while they are not over, held by name, and forgotten with their requests."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from daemon.core.records import BulkCorrected, BulkEnded, BulkLooked, BulkOpened, CaseId
from daemon.core.second_look import YOUNG_US
from daemon.edge.journal.verify import verify
from protocols.fix import AccountName, Outcome, RequestId
from tests.edge.journal_world import (
    ACCOUNT,
    HOUR_US,
    T0,
    UID,
    a_journal,
    bulk_ended,
    bulk_listed,
    bulk_meant,
    bulk_opened,
    concluded,
    keep,
    key,
    observed,
    opened,
    rows,
    whole_story,
)

FLAT = RequestId("flat")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


async def test_an_unfinished_one_is_found_with_the_requests_and_the_listings_that_it_made(path: Path) -> None:
    with a_journal(path) as held:
        await keep(held, [bulk_opened("flat"), bulk_listed("flat"), bulk_listed("flat", taken=0), bulk_listed("other")])
        await keep(held, [opened("flat/0"), opened("flat/11"), concluded("flat/0", 1)])
    with a_journal(path) as held:
        (found,) = held.recover(T0, 0).bulks
    assert found.intent == bulk_opened("flat").intent
    assert [heard.taken for heard in found.listings] == [1, 0]
    assert [(member.key.request_id, member.order.order_id, member.outcome) for member in found.members] == [
        ("flat/0", "order-of-flat/0", Outcome.CANCELED),
        ("flat/11", "order-of-flat/11", None),
    ]


async def test_the_orders_that_an_unfinished_one_had_found_are_given_with_it(path: Path) -> None:
    with a_journal(path) as held:
        await keep(held, [bulk_opened("flat"), bulk_opened("other"), bulk_meant("other", "o9")])
        await keep(held, [bulk_meant("flat", "o1", "o2"), bulk_listed("flat"), bulk_meant("flat", "o3")])
    with a_journal(path) as held:
        found = {str(each.intent.name): each for each in held.recover(T0, 0).bulks}
    assert found["flat"].meant == (bulk_meant("flat", "o1", "o2"), bulk_meant("flat", "o3"))
    assert (len(found["flat"].listings), found["other"].meant) == (1, (bulk_meant("other", "o9"),))


async def test_requests_that_a_crash_left_named_alone_are_there_before_anything_is_read(path: Path) -> None:
    with a_journal(path) as held:
        await keep(held, [bulk_opened("flat"), bulk_meant("flat", "o0", "order-of-flat/1", first=0)])
        await keep(held, [bulk_meant("flat", "o2", first=2), opened("flat/1")])
        await keep(held, [observed("case-flat/1"), concluded("flat/1", 1)])
    for _ in range(2):
        with a_journal(path) as held:
            found = held.recover(T0 + HOUR_US, 0)
            assert set(held.known_keys(T0 + HOUR_US)) == {key("flat/0"), key("flat/2")}
            stored = await held.lookup(key("flat/2"))
            assert stored is not None
            assert (stored.request.order_id, stored.first) == ("o2", None)
        (flat,) = found.bulks
        members = [(member.key.request_id, member.order.order_id, member.outcome) for member in flat.members]
        assert sorted(members) == [
            ("flat/0", "o0", None),
            ("flat/1", "order-of-flat/1", Outcome.CANCELED),
            ("flat/2", "o2", None),
        ]
        taken_up = [entry.request for case in found.cases for entry in case.requests]
        assert [(request.key, request.received_us) for request in taken_up] == [
            (key("flat/0"), T0),
            (key("flat/2"), T0),
        ]
        assert verify(path).is_sound


async def test_one_for_an_order_that_others_have_canceled_meanwhile_goes_on_in_their_case(path: Path) -> None:
    with a_journal(path) as held:
        await keep(held, [opened("asked"), opened("over"), concluded("over", 1, t=T0)])
        found = bulk_meant("flat", "order-of-asked", "order-of-over", first=0)
        await keep(held, [bulk_opened("flat"), found])
    with a_journal(path) as held:
        cases = {
            case.case: [str(entry.request.key.request_id) for entry in case.requests]
            for case in held.recover(T0 + HOUR_US, 0).cases
        }
    assert cases.pop(CaseId("case-asked")) == ["asked", "flat/0"]
    assert list(cases.values()) == [["flat/1"]]


async def test_a_request_whose_row_cannot_be_read_is_not_made_again(path: Path) -> None:
    with a_journal(path) as held:
        await keep(held, [bulk_opened("flat"), bulk_meant("flat", "order-of-flat/0", first=0)])
        await keep(held, [opened("flat/0"), concluded("flat/0", 1)])
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("UPDATE requests SET venue_params = 'no JSON'")
    before = rows(path, "SELECT * FROM requests")
    with a_journal(path) as held:
        assert held.recover(T0, 0).bulks[0].members == ()
    assert rows(path, "SELECT * FROM requests") == before


async def test_what_was_found_without_names_or_by_one_that_is_over_makes_no_requests(path: Path) -> None:
    with a_journal(path) as held:
        await keep(held, [bulk_opened("flat"), bulk_meant("flat", "o1")])
        await keep(held, [bulk_opened("over"), bulk_meant("over", "o1", first=0), bulk_ended("over")])
    with a_journal(path) as held:
        assert list(held.known_keys(0)) == []


async def test_requests_of_other_names_users_and_accounts_are_not_its_own(path: Path) -> None:
    with a_journal(path) as held:
        await keep(held, [bulk_opened("flat"), opened("flat"), opened("flat0"), opened("flat.1"), opened("flatter/0")])
        await keep(held, [opened("flat/0", uid=UID + 1), opened("flat/1", account="other"), opened("flat/2")])
        (found,) = held.recover(T0, 0).bulks
    assert [member.key.request_id for member in found.members] == ["flat/2"]


async def test_one_that_is_over_is_not_taken_up_again_and_holds_its_name_on_each_account(path: Path) -> None:
    with a_journal(path) as held:
        await keep(held, [bulk_opened("flat", accounts=("main", "other")), bulk_ended("flat", "flat/0")])
        assert held.recover(T0, 0).bulks == []
        ended_us = T0 + 30
        assert held.known_bulks(T0) == [(key("flat"), ended_us), (key("flat", account="other"), ended_us)]
        assert held.known_bulks(ended_us + 1) == []
        (stored,) = await held.find_bulks(FLAT)
        assert stored.report == bulk_ended("flat", "flat/0").report


ENDED = replace(bulk_ended("flat", "flat/0"), listed_ms={ACCOUNT: 7, AccountName("other"): None})
LOOKED = BulkLooked(T0 + 40, ENDED.case, ACCOUNT, T0 + 35)


async def test_one_that_was_called_complete_is_found_until_each_account_was_looked_at_again(path: Path) -> None:
    with a_journal(path) as held:
        await keep(held, [bulk_opened("flat", accounts=("main", "other")), ENDED])
        (end,) = held.recover(T0, 0).ends
        assert (end.intent.name, end.report, end.listed_ms) == (FLAT, ENDED.report, ENDED.listed_ms)
        await keep(held, [LOOKED])
        assert [end.listed_ms for end in held.recover(T0, 0).ends] == [{"other": None}]
        await keep(held, [replace(LOOKED, account=AccountName("other"))])
        assert held.recover(T0, 0).ends == []


async def test_one_that_ended_long_ago_or_incomplete_is_not_looked_at_again(path: Path) -> None:
    with a_journal(path) as held:
        await keep(held, [bulk_opened("flat"), ENDED, bulk_opened("open"), bulk_ended("open", complete=False)])
        assert [end.intent.name for end in held.recover(ENDED.t + YOUNG_US, 0).ends] == [FLAT]
        assert held.recover(ENDED.t + YOUNG_US + 1, 0).ends == []


async def test_what_is_corrected_stands_in_the_place_of_what_was_told_and_the_rest_is_looked_at_still(
    path: Path,
) -> None:
    report = replace(bulk_ended("flat", "flat/0", complete=False).report, revision=1)
    with a_journal(path) as held:
        await keep(held, [bulk_opened("flat", accounts=("main", "other")), ENDED])
        await keep(held, [LOOKED, BulkCorrected(T0 + 41, ENDED.case, report)])
        (stored,) = await held.find_bulks(FLAT)
        assert stored.report == report
        assert [end.report for end in held.recover(T0, 0).ends] == [report]
        steps = await held.explain_bulk(ENDED.case)
        assert [step.kind for step in steps][-2:] == ["bulk_looked", "bulk_corrected"]
    assert verify(path).findings == []


async def test_of_several_of_one_name_the_youngest_comes_first(path: Path) -> None:
    with a_journal(path) as held:
        await keep(held, [bulk_opened("flat"), bulk_ended("flat")])
        younger = bulk_opened("flat", uid=UID + 1, t=T0 + 5)
        intent = replace(younger.intent, bulk=CaseId("bulk-2"))
        await keep(held, [BulkOpened(younger.t, intent.bulk, intent)])
        assert [stored.intent.caller.uid for stored in await held.find_bulks(FLAT)] == [UID + 1, UID]


async def test_its_story_is_its_own_and_its_name_finds_the_words_about_its_orders(path: Path) -> None:
    with a_journal(path) as held:
        await keep(held, [bulk_opened("flat"), *whole_story("flat/0", 1), *whole_story("flat/1", 2)])
        await keep(held, [bulk_listed("flat"), bulk_ended("flat", "flat/0"), *whole_story("flat0", 3)])
        steps = await held.explain_bulk(bulk_opened("flat").case)
        assert [step.kind for step in steps] == ["bulk_opened", "bulk_listed", "bulk_ended"]
        told, _ = await held.history(request_id=FLAT, from_seq=0)
        assert [row.report.request_id for row in told] == ["flat/0", "flat/1"]
        told, _ = await held.history(request_id=RequestId("flat/1"), from_seq=0)
        assert [row.report.request_id for row in told] == ["flat/1"]


async def test_one_is_forgotten_with_its_story_when_it_is_old_and_its_requests_are_gone(path: Path) -> None:
    with a_journal(path) as held:
        late = concluded("flat/1", 2, t=T0 + 2 * HOUR_US)
        await keep(held, [bulk_opened("flat"), *whole_story("flat/0", 1), opened("flat/1"), late])
        await keep(held, [bulk_ended("flat", "flat/0", "flat/1"), bulk_opened("open")])
        await held.forget(T0 + HOUR_US)
        assert {name for (name,) in rows(path, "SELECT request_id FROM bulks")} == {"flat", "open"}
        await held.forget(T0 + 3 * HOUR_US)
        await held.forget(T0 + 3 * HOUR_US)
        assert rows(path, "SELECT request_id FROM bulks") == [("open",)]
        assert {case for (case,) in rows(path, "SELECT case_id FROM steps")} == {"bulk-open"}


async def test_a_bulk_cancel_that_does_not_fit_its_row_is_a_finding(path: Path) -> None:
    with a_journal(path) as held:
        await keep(held, [bulk_opened("flat"), bulk_ended("flat", "flat/0"), bulk_opened("open")])
        assert verify(path).findings == []
        told = bulk_ended("flat", "flat/0", complete=False)
        await keep(held, [BulkEnded(told.t, told.case, told.report)])
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE bulks SET complete = 1 WHERE request_id = 'flat'")
        db.execute("UPDATE bulks SET uid = 7 WHERE request_id = 'open'")
    assert [str(finding) for finding in verify(path).findings] == [
        "bulk flat: its columns do not say what its report says",
        "bulk open: its columns do not say what its intent says",
    ]
