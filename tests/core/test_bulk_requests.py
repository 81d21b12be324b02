"""Which requests of a bulk cancel a crash has lost: those that were named with what it found, and no others."""

from __future__ import annotations

from daemon.core.bulk import RecoveredBulk, RecoveredMember
from daemon.core.bulk_requests import lost_requests
from daemon.core.records import BulkIntent, BulkMeant, Caller, CaseId, RequestKey
from protocols.fix import OrderId, Priority, RequestId
from tests.core.bulk_story import order, scope
from tests.core.story import ACCOUNT, UID
from tests.core.words import INSTRUMENT

INTENT = BulkIntent(
    CaseId("b1x2"), RequestId("R"), Caller(UID, UID, 1), "cancel_all", (scope(),), 100, 900, Priority.URGENT
)


def meant(first: int | None, *order_ids: str, t: int = 200) -> BulkMeant:
    return BulkMeant(t, INTENT.bulk, ACCOUNT, tuple(order(order_id) for order_id in order_ids), first)


def member(name: str, order_id: str) -> RecoveredMember:
    return RecoveredMember(RequestKey(UID, ACCOUNT, RequestId(name)), order(order_id), None, None)


def lost(*found: BulkMeant, members: tuple[RecoveredMember, ...] = ()) -> dict[str, str]:
    records = lost_requests(RecoveredBulk(INTENT, members, (), found), {})
    return {str(record.request.key.request_id): str(record.request.order_id) for record in records}


def test_each_order_that_was_named_and_has_no_request_gets_its_own() -> None:
    assert lost(meant(0, "o0", "o1"), meant(2, "o2"), members=(member("R/1", "o1"),)) == {"R/0": "o0", "R/2": "o2"}


def test_what_an_older_canceld_found_named_nothing() -> None:
    assert lost(meant(None, "o0", "o1")) == {}


def test_of_an_order_that_was_named_again_the_last_name_counts() -> None:
    assert lost(meant(0, "o0", "o1"), meant(2, "o1")) == {"R/0": "o0", "R/2": "o1"}
    assert lost(meant(0, "o0", "o1"), members=(member("R/7", "o1"),)) == {"R/0": "o0"}


def test_an_order_for_which_there_was_no_room_has_no_request() -> None:
    assert lost(meant(0, "o0", "o1"), meant(None, "o1")) == {"R/0": "o0"}
    assert lost(meant(0, "o0", "o1"), meant(None, "o1"), meant(2, "o1")) == {"R/0": "o0", "R/2": "o1"}


def test_a_request_is_what_it_was_to_be_and_is_of_the_time_at_which_it_was_named() -> None:
    (record,) = lost_requests(RecoveredBulk(INTENT, (), (), (meant(3, "o3"),)), {})
    request = record.request
    assert (record.t, record.case) == (200, "k1x2m3")
    assert (request.received_us, request.deadline_us, request.priority) == (100, 900, Priority.URGENT)
    assert (request.instrument, request.caller) == (INSTRUMENT, INTENT.caller)


def test_it_goes_on_in_the_case_of_its_order_if_there_is_one() -> None:
    cases = {(ACCOUNT, "", INSTRUMENT, OrderId("o1")): CaseId("k9")}
    records = lost_requests(RecoveredBulk(INTENT, (), (), (meant(0, "o0", "o1"),)), cases)
    assert [record.case for record in records] == ["k1x2m0", "k9"]
