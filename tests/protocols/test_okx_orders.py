"""Pushed order rows: the venue's word decides, and what it does not say is not made up."""

from decimal import Decimal

import pytest

from protocols.dialect import Noted, Strange
from protocols.evidence import OrderReported, Source
from protocols.fix import EndedBy, OrdStatus, Side
from protocols.jsonread import frame_of
from protocols.venues.okx.orders import CANCEL_SOURCES
from tests.protocols.okx_material import (
    CANCELED_ROW,
    CLIENT_ORDER_ID,
    FILLED_ROW,
    LIVE_ROW,
    ORDER_ID,
    PARTIAL_ROW,
    decoded,
    only,
    push,
    report,
)
from tests.protocols.reading import changed

MMP_ROW = CANCELED_ROW | {"state": "mmp_canceled", "cancelSource": "39"}


def test_a_live_order_is_read_whole() -> None:
    raw = push(LIVE_ROW)
    assert report(raw) == OrderReported(
        source=Source.PUSH,
        channel="orders",
        product="",
        instrument="BTC-USDT",
        order_id=report(raw).order_id,
        client_order_id=report(raw).client_order_id,
        status=OrdStatus.NEW,
        word="live",
        side=Side.BUY,
        order_qty=Decimal("0.01"),
        cum_qty=Decimal(0),
        cum_qty_final=False,
        avg_px=None,
        created_ms=1763600000100,
        updated_ms=1763600000100,
        venue_time="1763600000100",
        frame=frame_of(raw),
    )
    assert (report(raw).order_id, report(raw).client_order_id) == (ORDER_ID, CLIENT_ORDER_ID)


@pytest.mark.parametrize(
    ("row", "status", "cum_qty", "is_final", "ended_by"),
    [
        (PARTIAL_ROW, OrdStatus.PARTIALLY_FILLED, "0.004", False, EndedBy.UNKNOWN),
        (FILLED_ROW, OrdStatus.FILLED, "0.01", True, EndedBy.UNKNOWN),
        (CANCELED_ROW, OrdStatus.CANCELED, "0.004", True, EndedBy.US),
        (MMP_ROW, OrdStatus.CANCELED, "0.004", True, EndedBy.OTHER),
    ],
)
def test_each_state_is_the_status(
    row: dict[str, object], status: OrdStatus, cum_qty: str, is_final: bool, ended_by: EndedBy
) -> None:
    found = report(push(row))
    assert (found.status, found.word) == (status, row["state"])
    assert (found.cum_qty, found.cum_qty_final) == (Decimal(cum_qty), is_final)
    assert found.avg_px == Decimal(90000)
    assert found.ended_by is ended_by


def test_full_volume_does_not_make_a_partial_fill_a_filled_order() -> None:
    assert report(push(PARTIAL_ROW | {"accFillSz": "0.01"})).status is OrdStatus.PARTIALLY_FILLED


@pytest.mark.parametrize("missing", ["", None])
def test_a_terminal_state_without_a_quantity_claims_none(missing: str | None) -> None:
    found = report(push(CANCELED_ROW | {"accFillSz": missing}))
    assert (found.status, found.cum_qty, found.cum_qty_final) == (OrdStatus.CANCELED, None, False)


@pytest.mark.parametrize("none_yet", ["0", "", None, 0])
def test_no_average_price_is_none_in_either_spelling(none_yet: object) -> None:
    assert report(push(LIVE_ROW | {"avgPx": none_yet})).avg_px is None


@pytest.mark.parametrize(
    ("members", "order_qty"),
    [
        ({"ordType": "market", "tgtCcy": "quote_ccy", "sz": "900"}, None),
        ({"ordType": "market", "tgtCcy": "base_ccy"}, Decimal("0.01")),
        ({"ordType": "market", "tgtCcy": "", "sz": "900"}, None),
        ({"ordType": "market", "tgtCcy": "", "instType": "MARGIN", "sz": "900"}, None),
        ({"ordType": "market", "tgtCcy": "", "instType": "SWAP", "sz": "3"}, Decimal(3)),
        ({"sz": ""}, None),
    ],
)
def test_a_size_in_another_unit_is_not_the_orders_quantity(members: dict[str, str], order_qty: Decimal | None) -> None:
    assert report(push(LIVE_ROW | members)).order_qty == order_qty


@pytest.mark.parametrize(
    ("source", "reason", "ended_by", "said"),
    [
        ("1", None, EndedBy.US, "1 canceled by user"),
        ("1", "Order was canceled by you", EndedBy.US, "1 Order was canceled by you"),
        ("32", None, EndedBy.OTHER, "32 self-trade prevention"),
        (20, None, EndedBy.OTHER, "20 cancel-all-after fired"),
        ("999", None, EndedBy.OTHER, "999"),
        ("", None, EndedBy.UNKNOWN, None),
        ("", "because", EndedBy.UNKNOWN, "because"),
    ],
)
def test_who_canceled_is_what_the_venue_says(
    source: object, reason: str | None, ended_by: EndedBy, said: str | None
) -> None:
    found = report(push(CANCELED_ROW | {"cancelSource": source, "cancelSourceReason": reason}))
    assert (found.ended_by, found.cancel_reason) == (ended_by, said)


def test_every_source_of_the_page_has_its_text() -> None:
    listed = "0 1 2 3 4 6 7 9 10 13 14 15 17 20 21 22 23 27 31 32 33 34 35 36 37 38 39 42 43 44 45 46"
    assert set(CANCEL_SOURCES) == set(listed.split())


def test_numbers_for_text_change_nothing_but_the_frame() -> None:
    flipped = CANCELED_ROW | {
        "ordId": int(ORDER_ID),
        "accFillSz": 0.004,
        "cTime": 1763600000100,
        "uTime": 1763600003400,
        "cancelSource": 1,
    }
    one, other = report(push(CANCELED_ROW)), report(push(flipped))
    unframed = {name: getattr(one, name) for name in one.__struct_fields__ if name != "frame"}
    assert unframed == {name: getattr(other, name) for name in other.__struct_fields__ if name != "frame"}


def test_an_id_whose_digits_are_gone_is_no_order() -> None:
    raw = push(LIVE_ROW).replace(f'"{ORDER_ID}"', "290000000000000000123")
    assert isinstance(only(raw), Strange)


def test_a_bad_row_costs_no_other() -> None:
    rows = [LIVE_ROW, LIVE_ROW | {"state": "hibernating"}, 7, FILLED_ROW | {"accFillSz": "-1"}, CANCELED_ROW]
    raw = push(*rows)
    first, second, third, fourth, fifth = decoded(raw)
    assert isinstance(first, OrderReported)
    assert isinstance(second, Strange)
    assert "row 1" in second.what
    assert "'hibernating'" in second.what
    assert isinstance(third, Strange)
    assert isinstance(fourth, Strange)
    assert isinstance(fifth, OrderReported)
    assert {item.frame for item in (first, second, third, fourth, fifth)} == {frame_of(raw)}


@pytest.mark.parametrize("member", ["ordId", "instId", "state"])
def test_a_row_without_its_names_or_state_is_strange(member: str) -> None:
    assert isinstance(only(push(LIVE_ROW | {member: ""})), Strange)


@pytest.mark.parametrize("side", ["", "BUY", None])
def test_an_unknown_side_is_none_and_the_state_stays(side: str | None) -> None:
    found = report(push(CANCELED_ROW | {"side": side}))
    assert (found.side, found.status) == (None, OrdStatus.CANCELED)


def test_unknown_and_missing_members_are_let_pass() -> None:
    bare = {"ordId": ORDER_ID, "instId": "BTC-USDT", "state": "canceled"}
    found = report(push(bare | {"somethingNew": {"deep": [1, None]}}))
    assert found.status is OrdStatus.CANCELED
    assert (found.client_order_id, found.cum_qty, found.order_qty, found.created_ms) == (None, None, None, None)


def test_a_burst_of_one_order_keeps_every_row_in_order() -> None:
    words = [item.word for item in decoded(push(PARTIAL_ROW, FILLED_ROW, LIVE_ROW)) if isinstance(item, OrderReported)]
    assert words == ["partially_filled", "filled", "live"]


def test_a_push_without_rows_says_nothing() -> None:
    assert isinstance(only(push()), Noted)


@pytest.mark.parametrize(
    "raw",
    [
        changed(push(LIVE_ROW), arg={"channel": "positions"}),
        changed(push(LIVE_ROW), arg="orders"),
        changed(push(LIVE_ROW), arg={}),
        changed(push(LIVE_ROW), data={"ordId": "1"}),
    ],
)
def test_a_push_that_was_not_asked_for_is_strange(raw: str) -> None:
    assert isinstance(only(raw), Strange)
