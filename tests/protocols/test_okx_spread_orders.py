"""Spread orders: matched is not settled, some of it canceled is not canceled, and only the state is the status."""

from decimal import Decimal

import pytest

from protocols.dialect import Strange
from protocols.errors import Unreadable
from protocols.evidence import OrderReported, Source
from protocols.fix import EndedBy, OrdStatus, Side
from protocols.jsonread import frame_of
from protocols.venues.okx_spread.orders import read_spread_trade
from tests.protocols.okx_spread_material import (
    CANCELED_ROW,
    CLIENT_ORDER_ID,
    FILLED_ROW,
    LIVE_ROW,
    ORDER_ID,
    PARTIAL_ROW,
    SPRD_ID,
    TRADE_ROW,
    decoded,
    push,
    report,
)


def test_a_partly_settled_order_is_read_whole() -> None:
    raw = push(PARTIAL_ROW)
    (found,) = decoded(raw)
    assert isinstance(found, OrderReported)
    assert found == OrderReported(
        source=Source.PUSH,
        channel="sprd-orders",
        product="",
        instrument=SPRD_ID,
        order_id=found.order_id,
        client_order_id=found.client_order_id,
        status=OrdStatus.PARTIALLY_FILLED,
        word="partially_filled",
        side=Side.BUY,
        order_qty=Decimal(3),
        cum_qty=Decimal(1),
        cum_qty_final=False,
        avg_px=Decimal(5),
        created_ms=1763600000100,
        updated_ms=1763600001100,
        venue_time="1763600001100",
        frame=frame_of(raw),
    )
    assert (found.order_id, found.client_order_id) == (ORDER_ID, CLIENT_ORDER_ID)


@pytest.mark.parametrize(
    ("row", "status", "cum_qty", "is_final", "ended_by"),
    [
        (LIVE_ROW, OrdStatus.NEW, 0, False, EndedBy.UNKNOWN),
        (FILLED_ROW, OrdStatus.FILLED, 3, True, EndedBy.UNKNOWN),
        (CANCELED_ROW, OrdStatus.CANCELED, 1, True, EndedBy.US),
    ],
)
def test_each_state_is_the_status(
    row: dict[str, object], status: OrdStatus, cum_qty: int, is_final: bool, ended_by: EndedBy
) -> None:
    found = report(**row)
    assert (found.status, found.word, found.cum_qty, found.cum_qty_final, found.ended_by) == (
        status,
        row["state"],
        Decimal(cum_qty),
        is_final,
        ended_by,
    )


@pytest.mark.parametrize("state", ["live", "partially_filled"])
@pytest.mark.parametrize(("canceled", "settling"), [("2", "0"), ("2", "1"), ("3", "0"), ("0", "2")])
def test_sizes_end_no_order(state: str, canceled: str, settling: str) -> None:
    found = report(state=state, canceledSz=canceled, pendingSettleSz=settling, pendingFillSz="0", cancelSource="1")
    assert not found.status.is_terminal
    assert not found.cum_qty_final


def test_a_first_push_that_says_nothing_is_pending_is_a_live_order() -> None:
    found = report(**LIVE_ROW | {"pendingFillSz": "0", "avgPx": "", "code": ""})
    assert (found.status, found.cum_qty, found.avg_px) == (OrdStatus.NEW, Decimal(0), None)


@pytest.mark.parametrize("row", [FILLED_ROW, CANCELED_ROW])
@pytest.mark.parametrize(("settling", "is_final"), [("0", True), (0, True), ("0.0", True), ("1", False), ("", False)])
def test_an_end_has_its_final_quantity_once_nothing_awaits_settlement(
    row: dict[str, object], settling: object, is_final: bool
) -> None:
    found = report(**row | {"pendingSettleSz": settling})
    assert found.status.is_terminal
    assert found.cum_qty_final is is_final


def test_a_settlement_that_is_not_spoken_of_is_not_settled() -> None:
    assert not report(**CANCELED_ROW | {"pendingSettleSz": None}).cum_qty_final
    assert not report(**CANCELED_ROW | {"accFillSz": None}).cum_qty_final


def test_a_spread_may_trade_at_zero_or_below() -> None:
    assert report(avgPx="0").avg_px == 0
    assert report(avgPx="-7.5").avg_px == Decimal("-7.5")
    assert report(avgPx="0", accFillSz="0").avg_px is None


@pytest.mark.parametrize(
    ("source", "msg", "said", "ended_by"),
    [
        ("34", "", "34 failed to settle: insufficient margin", EndedBy.OTHER),
        ("34", "margin of leg 2", "34 margin of leg 2", EndedBy.OTHER),
        ("35", "", "35 margin taken by another order", EndedBy.OTHER),
        ("1", "", "1 canceled by user", EndedBy.US),
        ("", "", None, EndedBy.UNKNOWN),
    ],
)
def test_why_it_was_canceled_is_what_the_venue_says(source: str, msg: str, said: str, ended_by: EndedBy) -> None:
    found = report(**CANCELED_ROW | {"cancelSource": source, "msg": msg})
    assert (found.cancel_reason, found.ended_by) == (said, ended_by)


@pytest.mark.parametrize("change", [{"sprdId": ""}, {"ordId": None}, {"state": "mmp_canceled"}, {"state": ""}])
def test_a_row_without_its_names_or_state_is_strange(change: dict[str, object]) -> None:
    (found,) = decoded(push({key: value for key, value in (LIVE_ROW | change).items() if value is not None}))
    assert isinstance(found, Strange)


def test_a_settled_trade_executed_its_size() -> None:
    fill = read_spread_trade(TRADE_ROW)
    assert fill is not None
    assert (fill.order_id, fill.client_order_id, fill.instrument) == (ORDER_ID, CLIENT_ORDER_ID, SPRD_ID)
    assert (fill.trade_id, fill.side, fill.quantity, fill.time_ms) == ("990000001", Side.BUY, Decimal(1), 1763600001100)


def test_a_trade_rejected_at_settlement_executed_nothing() -> None:
    assert read_spread_trade(TRADE_ROW | {"state": "rejected", "code": "51008", "msg": "margin"}) is None


@pytest.mark.parametrize("change", [{"state": "settling"}, {"state": ""}, {"fillSz": ""}, {"fillSz": "-1"}])
def test_a_trade_of_unknown_state_or_size_is_not_guessed_at(change: dict[str, object]) -> None:
    with pytest.raises(Unreadable):
        read_spread_trade(TRADE_ROW | change)
