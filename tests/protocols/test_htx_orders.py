"""An order's row: states by the venue's word, numbers by its own rule, ids as text."""

from decimal import Decimal

import pytest

from protocols.dialect import Strange
from protocols.evidence import Source
from protocols.fix import EndedBy, OrdStatus, Side
from tests.protocols.htx_material import (
    CANCELED_ROW,
    CLIENT_ORDER_ID,
    FILLED_ROW,
    NEW_ROW,
    ORDER_ID,
    PARTIAL_ROW,
    PARTLY_CANCELED_ROW,
    only,
    push,
    report,
)


def test_a_row_is_read_as_far_as_it_is_needed() -> None:
    found = report(push(PARTLY_CANCELED_ROW))
    assert (found.source, found.channel, found.product) == (Source.PUSH, "orders", "")
    assert (found.instrument, found.order_id, found.client_order_id) == ("ETH-USDT", ORDER_ID, CLIENT_ORDER_ID)
    assert (found.status, found.word, found.side) == (OrdStatus.CANCELED, "partially_canceled", Side.BUY)
    assert (found.order_qty, found.cum_qty, found.avg_px) == (Decimal(5), Decimal(2), Decimal(1000))
    assert (found.created_ms, found.updated_ms, found.venue_time) == (1789700001002, 1789700003500, "1789700003500")
    assert (found.ended_by, found.cancel_reason) == (EndedBy.US, "Limit order cancelation by the client")
    assert found.is_state


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("new", OrdStatus.NEW),
        ("partially_filled", OrdStatus.PARTIALLY_FILLED),
        ("filled", OrdStatus.FILLED),
        ("canceled", OrdStatus.CANCELED),
        ("partially_canceled", OrdStatus.CANCELED),
        ("rejected", OrdStatus.REJECTED),
        *[(number, OrdStatus.NEW) for number in (1, 2, 3, "3")],
        (4, OrdStatus.PARTIALLY_FILLED),
        (5, OrdStatus.CANCELED),
        (6, OrdStatus.FILLED),
        (7, OrdStatus.CANCELED),
        (10, OrdStatus.REJECTED),
        (11, OrdStatus.PENDING_CANCEL),
    ],
)
def test_the_venues_word_is_the_status(word: object, status: OrdStatus) -> None:
    found = report(push(PARTIAL_ROW | {"state": word}))
    assert (found.status, found.word) == (status, str(word))


@pytest.mark.parametrize("word", ["suspended", "", None, 8, 3.5, "Canceled", ["filled"]])
def test_an_unknown_word_is_never_a_report(word: object) -> None:
    assert isinstance(only(push(NEW_ROW | {"state": word})), Strange)


@pytest.mark.parametrize(
    ("row", "is_final"),
    [
        (CANCELED_ROW, True),
        (PARTLY_CANCELED_ROW, True),
        (FILLED_ROW, True),
        (FILLED_ROW | {"trade_volume": "4"}, False),
        (PARTLY_CANCELED_ROW | {"cancel_volume": "1"}, False),
        (CANCELED_ROW | {"cancel_volume": ""}, False),
        (FILLED_ROW | {"cancel_volume": None}, True),
        (FILLED_ROW | {"volume": ""}, False),
        (CANCELED_ROW | {"trade_volume": ""}, False),
        (PARTIAL_ROW | {"trade_volume": "5"}, False),
    ],
)
def test_the_quantity_is_final_when_what_traded_and_what_was_canceled_are_the_whole(
    row: dict[str, object], is_final: bool
) -> None:
    assert report(push(row)).cum_qty_final is is_final


def test_what_is_not_said_is_not_known() -> None:
    found = report(push({"order_id": ORDER_ID, "state": "canceled", "contract_code": "ETH-USDT"}))
    assert (found.cum_qty, found.order_qty, found.avg_px, found.side) == (None, None, None, None)
    assert (found.client_order_id, found.created_ms, found.ended_by) == (None, None, EndedBy.UNKNOWN)


def test_a_client_id_that_repeats_the_order_id_was_never_given() -> None:
    assert report(push(NEW_ROW | {"client_order_id": ORDER_ID})).client_order_id is None
    assert report(push(NEW_ROW | {"client_order_id": int(ORDER_ID)})).client_order_id is None


def test_ids_numbers_and_times_may_be_numbers() -> None:
    flips = {"order_id": int(ORDER_ID), "volume": 5, "trade_volume": 2, "created_time": 1789700001002}
    found = report(push(PARTIAL_ROW | flips))
    assert (found.order_id, found.order_qty, found.cum_qty) == (ORDER_ID, Decimal(5), Decimal(2))
    assert found.created_ms == 1789700001002


@pytest.mark.parametrize("order_id", ["1234567890", "155060000000000001"])
def test_shorter_ids_are_text_as_well(order_id: str) -> None:
    assert report(push(NEW_ROW | {"order_id": int(order_id)})).order_id == order_id


@pytest.mark.parametrize("written", ["1.5506e18", str(2**64 + 1), "true", '""', "null", "{}"])
def test_an_id_that_lost_its_digits_is_none(written: str) -> None:
    assert isinstance(only(push(NEW_ROW | {"order_id": "@"}).replace('"@"', written)), Strange)


@pytest.mark.parametrize(
    ("reason", "who"),
    [
        ("Limit order cancelation by the client", EndedBy.US),
        ("Order cancelation by system", EndedBy.OTHER),
        ("Order cancelation due to API timeout", EndedBy.OTHER),
        (" Self trading prevention", EndedBy.OTHER),
        ("Something new", EndedBy.UNKNOWN),
        ("", EndedBy.UNKNOWN),
        (None, EndedBy.UNKNOWN),
    ],
)
def test_who_canceled_is_what_the_text_says_and_no_text_decides_more(reason: str | None, who: EndedBy) -> None:
    found = report(push(CANCELED_ROW | {"cancel_reason": reason}))
    assert (found.ended_by, found.status) == (who, OrdStatus.CANCELED)
    assert found.cancel_reason == ((reason or "").strip() or None)


def test_the_same_push_twice_is_the_same_fact() -> None:
    assert report(push(CANCELED_ROW)) == report(push(CANCELED_ROW))
