"""Bitget's order rows: the word is the status, and each surface has its own names for quantities."""

from decimal import Decimal
from typing import Any

import pytest

from protocols.dialect import Strange
from protocols.evidence import OrderReported, QuestionAnswered, Source, Step
from protocols.fix import EndedBy, OrdStatus, Side
from tests.protocols.bitget_material import (
    CANCELED_ROW,
    CLASSIC,
    CLIENT_ORDER_ID,
    DETAIL,
    FILLED_ROW,
    LIVE_ROW,
    ORDER_ID,
    PARTIAL_ROW,
    SPOT_INFO,
    SPOT_ROW,
    UNIFIED,
    UTA_ENDED,
    UTA_ROW,
    body,
    decoded,
    only,
    push,
    question,
    report,
    uta_push,
)


def asked(row: dict[str, Any], product: str) -> OrderReported:
    dialect = UNIFIED if "category" in row else CLASSIC
    data: object = [row] if product == "SPOT" and dialect is CLASSIC else row
    put = question(Step.ORDER, row["orderId"], product=product)
    found = dialect.read_question(put, body(data), None).answer
    assert isinstance(found, QuestionAnswered), found
    return found.reports[0]


def test_a_live_futures_push() -> None:
    found = report(push(LIVE_ROW))
    assert (found.source, found.product, found.instrument) == (Source.PUSH, "USDT-FUTURES", "LTCUSDT")
    assert (found.order_id, found.client_order_id) == (ORDER_ID, CLIENT_ORDER_ID)
    assert (found.status, found.word, found.side) == (OrdStatus.NEW, "live", Side.SELL)
    assert (found.order_qty, found.cum_qty, found.cum_qty_final) == (Decimal("0.2"), Decimal(0), False)
    assert (found.avg_px, found.created_ms, found.venue_time) == (None, 1742560160311, "1742560160311")
    assert (found.ended_by, found.cancel_reason) == (EndedBy.UNKNOWN, None)


def test_a_pushs_base_volume_is_the_latest_fill_and_does_not_count() -> None:
    assert report(push(PARTIAL_ROW)).cum_qty == Decimal("0.15")


def test_an_answers_base_volume_is_all_of_it() -> None:
    found = asked(DETAIL, "USDT-FUTURES")
    assert (found.status, found.cum_qty, found.cum_qty_final) == (OrdStatus.FILLED, Decimal(2), True)
    assert found.instrument == "ETHUSDT"  # the page's sample has it in small letters


def test_the_word_decides_and_not_the_volume() -> None:
    full = report(push(PARTIAL_ROW | {"accBaseVolume": "0.2"}))
    assert (full.status, full.cum_qty_final) == (OrdStatus.PARTIALLY_FILLED, False)
    short = report(push(FILLED_ROW | {"accBaseVolume": "0.1"}))
    assert (short.status, short.cum_qty_final) == (OrdStatus.FILLED, False)


@pytest.mark.parametrize("word", ["canceled", "cancelled"])
def test_both_spellings_end_an_order_everywhere(word: str) -> None:
    assert report(push(CANCELED_ROW | {"status": word})).status is OrdStatus.CANCELED
    assert report(push(SPOT_ROW | {"status": word}, product="SPOT")).status is OrdStatus.CANCELED
    assert report(uta_push(UTA_ROW | {"orderStatus": word}), UNIFIED).status is OrdStatus.CANCELED


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("live", OrdStatus.NEW),
        ("new", OrdStatus.NEW),
        ("partially_filled", OrdStatus.PARTIALLY_FILLED),
        ("partially_fill", OrdStatus.PARTIALLY_FILLED),
        ("filled", OrdStatus.FILLED),
        ("reject", OrdStatus.REJECTED),
        ("rejected", OrdStatus.REJECTED),
        ("fail", OrdStatus.REJECTED),
    ],
)
def test_each_word_of_the_pages_is_known(word: str, status: OrdStatus) -> None:
    assert report(push(LIVE_ROW | {"status": word})).status is status


@pytest.mark.parametrize("word", ["init", "partial-fill", "CANCELED", "", None, 7])
def test_an_unknown_word_is_never_a_report(word: object) -> None:
    assert isinstance(only(push(LIVE_ROW | {"status": word})), Strange)


def test_canceled_with_part_of_it_filled() -> None:
    found = report(push(CANCELED_ROW))
    assert (found.status, found.cum_qty, found.cum_qty_final) == (OrdStatus.CANCELED, Decimal("0.15"), True)
    assert (found.ended_by, found.cancel_reason) == (EndedBy.US, "normal_cancel")


def test_a_reason_that_is_not_ours_ends_it_by_another() -> None:
    assert report(push(CANCELED_ROW | {"cancelReason": "stp_cancel"})).ended_by is EndedBy.OTHER
    assert report(push(CANCELED_ROW | {"cancelReason": ""})).ended_by is EndedBy.UNKNOWN


def test_the_first_half_of_a_modify_is_a_replacement() -> None:
    assert report(push(CANCELED_ROW | {"cancelReason": "modify_limit_order"})).status is OrdStatus.REPLACED


def test_an_unknown_quantity_is_none_and_never_zero() -> None:
    for empty in ("", None):
        found = report(push(CANCELED_ROW | {"accBaseVolume": empty}))
        assert (found.cum_qty, found.cum_qty_final) == (None, False)


def test_a_spot_buys_size_is_an_amount_of_quote_coin() -> None:
    found = report(push(SPOT_ROW, product="SPOT"))
    assert (found.product, found.order_qty, found.cum_qty) == ("SPOT", Decimal("5.6756"), Decimal("5.6756"))
    assert found.cum_qty_final


def test_a_market_buy_has_no_quantity_in_base_coin() -> None:
    row = SPOT_ROW | {"orderType": "market", "newSize": "8.0000", "accBaseVolume": "0.0003"}
    assert report(push(row, product="SPOT")).order_qty is None
    sell = row | {"side": "sell", "newSize": "285", "accBaseVolume": "285"}
    assert report(push(sell, product="SPOT")).order_qty == Decimal(285)
    uta = UTA_ROW | {"category": "spot", "orderType": "market", "qty": "8", "cumExecQty": "0.0001"}
    assert report(uta_push(uta), UNIFIED).order_qty is None


def test_a_spot_quantity_below_the_executed_one_is_in_another_unit() -> None:
    found = asked(SPOT_INFO | {"size": "5", "baseVolume": "285", "status": "filled"}, "SPOT")
    assert (found.order_qty, found.cum_qty, found.cum_qty_final) == (None, Decimal(285), True)


def test_futures_that_executed_more_than_was_ordered_say_so() -> None:
    assert report(push(FILLED_ROW | {"accBaseVolume": "0.3"})).order_qty == Decimal("0.2")


def test_a_spot_answer() -> None:
    found = asked(SPOT_INFO, "SPOT")
    assert (found.source, found.status, found.ended_by) == (Source.QUERY, OrdStatus.CANCELED, EndedBy.US)
    assert (found.cum_qty, found.avg_px) == (Decimal(0), None)


def test_in_the_list_of_open_spot_orders_the_average_has_another_name() -> None:
    row = SPOT_INFO | {"status": "partially_filled", "priceAvg": "25000", "basePrice": "24999", "baseVolume": "0.0001"}
    del row["price"]
    assert asked(row, "SPOT").avg_px == Decimal(24999)


def test_a_unified_push_has_its_category_in_small_letters() -> None:
    found = report(uta_push(UTA_ROW), UNIFIED)
    assert (found.product, found.instrument, found.status) == ("USDT-FUTURES", "BTCUSDT", OrdStatus.NEW)
    assert (found.order_qty, found.cum_qty, found.avg_px) == (Decimal("0.0002"), Decimal(0), None)
    assert found.created_ms == 1758180740324
    ended = report(uta_push(UTA_ENDED | {"category": "MARGIN"}), UNIFIED)
    assert (ended.product, ended.status, ended.ended_by) == ("MARGIN", OrdStatus.CANCELED, EndedBy.US)


def test_a_lone_cancelled_push_of_an_ioc_is_whole_evidence() -> None:
    row = UTA_ROW | {"orderStatus": "cancelled", "cancelReason": "ioc_not_full_cancel", "price": "", "feeDetail": []}
    found = report(uta_push(row), UNIFIED)
    assert (found.status, found.ended_by, found.cum_qty_final) == (OrdStatus.CANCELED, EndedBy.OTHER, True)


def test_numbers_for_texts_and_new_fields_change_nothing() -> None:
    flipped = CANCELED_ROW | {"accBaseVolume": 0.15, "size": 0.2, "uTime": 1742560163000, "orderId": int(ORDER_ID)}
    expected, found = report(push(CANCELED_ROW)), report(push(flipped | {"brandNew": {"x": [1]}}))
    for name in ("status", "order_id", "cum_qty", "order_qty", "updated_ms", "cum_qty_final"):
        assert getattr(found, name) == getattr(expected, name), name


def test_an_id_that_lost_its_digits_is_never_a_report() -> None:
    raw = push(LIVE_ROW).replace(f'"{ORDER_ID}"', "118446744073709551616999")
    assert all(isinstance(item, Strange) for item in decoded(raw))


def test_an_older_spelling_of_the_client_id_is_read() -> None:
    row = {key: value for key, value in LIVE_ROW.items() if key != "clientOid"}
    assert report(push(row | {"clientOId": "old"})).client_order_id == "old"
