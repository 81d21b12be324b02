"""Questions to BingX and what their answers are worth."""

from decimal import Decimal

import orjson
import pytest

from protocols.asks import Cursor, Page
from protocols.evidence import Absence, QuestionAnswered, QuestionFailed, Source, Step
from protocols.fix import OrderId, OrdStatus, Side
from protocols.rest import RestResponse
from protocols.venues.bingx.queries import OPEN_ORDERS_MAX, PAGE_ROWS, PAGES_MAX
from tests.protocols.bingx_material import (
    BINGX,
    CLIENT_ORDER_ID,
    ENDED,
    NOT_EXIST,
    ORDER_ID,
    ROW,
    TRADE,
    body,
    question,
)

BAN = "over 20 error code:100404 requests within 480000 ms for this api, can retry after time: 1790000480000"


def page(step: Step, response: RestResponse, cursor: Cursor | None = None, *, by_alias: bool = False) -> Page:
    asked = question(step, None, CLIENT_ORDER_ID) if by_alias else question(step)
    return BINGX.read_question(asked, response, cursor)


def answered(step: Step, response: RestResponse, *, by_alias: bool = False) -> QuestionAnswered:
    found = page(step, response, by_alias=by_alias).answer
    assert isinstance(found, QuestionAnswered), found
    return found


def failed(step: Step, response: RestResponse) -> QuestionFailed:
    found = page(step, response).answer
    assert isinstance(found, QuestionFailed), found
    return found


def row(order_id: int, **more: object) -> dict[str, object]:
    return ROW | {"orderId": order_id, "clientOrderID": f"other_{order_id}"} | more


# ---------------------------------------------------------------- asking


@pytest.mark.parametrize(
    ("step", "by_alias", "path", "query"),
    [
        (Step.ORDER, False, "query", {"symbol": "BTC-USDT", "orderId": ORDER_ID}),
        (Step.ORDER, True, "query", {"symbol": "BTC-USDT", "clientOrderID": CLIENT_ORDER_ID}),
        (Step.OPEN_ORDERS, False, "openOrders", {}),
        (
            Step.HISTORY,
            False,
            "historyOrders",
            {"symbol": "BTC-USDT", "orderId": ORDER_ID, "pageIndex": "1", "pageSize": "100"},
        ),
        (Step.HISTORY, True, "historyOrders", {"symbol": "BTC-USDT", "pageIndex": "1", "pageSize": "100"}),
        (Step.FILLS, False, "myTrades", {"symbol": "BTC-USDT", "orderId": ORDER_ID, "limit": "1000"}),
        (Step.FILLS, True, "myTrades", {"symbol": "BTC-USDT", "limit": "1000"}),
    ],
)
def test_a_question_is_one_signed_get(step: Step, by_alias: bool, path: str, query: dict[str, str]) -> None:
    asked = question(step, None, CLIENT_ORDER_ID) if by_alias else question(step)
    call = BINGX.question_call(asked, None)
    assert (call.method, call.path, call.signed) == ("GET", f"/openApi/spot/v1/trade/{path}", True)
    assert dict(call.query) == query


def test_of_two_ids_the_orders_own_is_asked_for() -> None:
    call = BINGX.question_call(question(Step.ORDER, ORDER_ID, CLIENT_ORDER_ID), None)
    assert dict(call.query) == {"symbol": "BTC-USDT", "orderId": ORDER_ID}


# ---------------------------------------------------------------- the order's own query


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("NEW", OrdStatus.NEW),
        ("PENDING", OrdStatus.NEW),
        ("PARTIALLY_FILLED", OrdStatus.PARTIALLY_FILLED),
        ("PENDING_CANCEL", OrdStatus.PENDING_CANCEL),
        ("FILLED", OrdStatus.FILLED),
        ("CANCELED", OrdStatus.CANCELED),
        ("FAILED", OrdStatus.REJECTED),
        ("EXPIRED", OrdStatus.EXPIRED),
    ],
)
def test_an_answer_shows_the_order_with_its_final_numbers_once_it_ended(word: str, status: OrdStatus) -> None:
    found = answered(Step.ORDER, body(ROW | {"status": word}))
    (report,) = found.reports
    assert (report.status, report.word, report.source, report.side) == (status, word, Source.QUERY, Side.BUY)
    assert (report.order_qty, report.cum_qty) == (Decimal("0.02"), Decimal("0.005"))
    assert (report.avg_px, report.cum_qty_final) == (Decimal(50000), status.is_terminal)
    assert (report.created_ms, report.updated_ms) == (1_790_000_000_010, 1_790_000_009_190)
    assert (found.absence, found.complete, found.counts_as_error) == (None, True, False)


def test_without_an_executed_quantity_nothing_is_final_and_nothing_is_zero() -> None:
    (report,) = answered(Step.ORDER, body(ROW | {"executedQty": ""})).reports
    assert (report.cum_qty, report.cum_qty_final) == (None, False)


def test_an_average_of_zero_is_none() -> None:
    (report,) = answered(Step.ORDER, body(ROW | {"avgPrice": "0"})).reports
    assert report.avg_px is None


def test_a_quote_sized_order_is_filled_by_its_word() -> None:
    bought = ROW | {"origQty": "0", "origQuoteOrderQty": "5", "executedQty": "0.0802", "status": "FILLED"}
    (report,) = answered(Step.ORDER, body(bought)).reports
    assert (report.status, report.order_qty, report.cum_qty) == (OrdStatus.FILLED, None, Decimal("0.0802"))


@pytest.mark.parametrize(
    ("code", "message", "by_client_id"),
    [
        (100404, NOT_EXIST, Absence.DENIES_RECENT),
        (100404, ENDED, Absence.BLIND),  # it may have been there
        (100404, "order not exist, it is FILLED", Absence.BLIND),
        (100400, NOT_EXIST, Absence.DENIES_RECENT),
        (100421, "cancel fail,  order not exist", Absence.DENIES_RECENT),
    ],
)
def test_not_there_denies_by_order_id_and_by_client_id_what_was_placed_lately(
    code: int, message: str, by_client_id: Absence
) -> None:
    refusal = body(code=code, msg=message)
    by_id, by_alias = answered(Step.ORDER, refusal), answered(Step.ORDER, refusal, by_alias=True)
    assert (by_id.reports, by_id.absence, by_id.complete) == ((), Absence.DENIES, True)
    assert (by_alias.reports, by_alias.absence) == ((), by_client_id)
    assert by_alias.complete is (by_client_id is not Absence.BLIND)
    assert by_id.counts_as_error
    assert by_alias.counts_as_error
    assert (by_id.code, by_id.message) == (str(code), message)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (100400, "Field validation for 'Symbol' failed"),
        (100421, "Null timestamp or timestamp mismatch"),
        (100404, ""),
        (100204, "no data found"),
        (100500, ""),
        (100001, ""),
        (424242, NOT_EXIST),
    ],
)
def test_any_other_refusal_is_a_failed_question(code: int, message: str) -> None:
    found = failed(Step.ORDER, body(code=code, msg=message))
    assert (found.rate_limited, found.counts_as_error) == (False, True)
    assert found.why.startswith(str(code))


def test_a_ban_is_a_limit_with_a_time() -> None:
    found = failed(Step.ORDER, body(code=100410, msg=BAN))
    assert (found.rate_limited, found.hold_until_ms) == (True, 1_790_000_480_000)
    assert failed(Step.ORDER, RestResponse(403, b"<html>")).hold_ms == 60_000


@pytest.mark.parametrize(
    "response",
    [
        body(ROW | {"orderId": 7}),
        body(ROW | {"status": "Unknown"}),
        body({}),
        body([ROW]),
        RestResponse(200, b""),
        RestResponse(502, body(ROW).body),
        RestResponse(400, body(ROW).body),
    ],
)
def test_what_cannot_be_read_is_a_failed_question_and_no_error_of_ours(response: RestResponse) -> None:
    assert not failed(Step.ORDER, response).counts_as_error


def test_by_alias_another_orders_row_is_no_answer() -> None:
    assert isinstance(page(Step.ORDER, body(ROW | {"clientOrderID": "x"}), by_alias=True).answer, QuestionFailed)
    assert len(answered(Step.ORDER, body(ROW), by_alias=True).reports) == 1


# ---------------------------------------------------------------- open orders


def test_open_orders_are_complete_and_their_silence_is_blind() -> None:
    found = answered(Step.OPEN_ORDERS, body({"orders": [row(1, status="PENDING"), row(2, status="NEW")]}))
    assert [report.order_id for report in found.reports] == ["1", "2"]
    assert (found.complete, found.absence) == (True, Absence.BLIND)
    empty = answered(Step.OPEN_ORDERS, body({"orders": None}))
    assert (empty.reports, empty.complete) == ((), True)


def test_the_accounts_listing_is_about_no_order() -> None:
    asked = question(Step.OPEN_ORDERS, None)
    found = BINGX.read_question(asked, body({"orders": []}), None).answer
    assert isinstance(found, QuestionAnswered)
    assert (found.absence, found.complete) == (None, True)


def test_a_row_that_cannot_be_read_or_too_many_leave_it_incomplete() -> None:
    found = answered(Step.OPEN_ORDERS, body({"orders": [row(1), {"orderId": 2}]}))
    assert (len(found.reports), found.complete) == (1, False)
    many = answered(Step.OPEN_ORDERS, body({"orders": [row(each) for each in range(1, OPEN_ORDERS_MAX + 1)]}))
    assert (len(many.reports), many.complete) == (OPEN_ORDERS_MAX, False)


# ---------------------------------------------------------------- history and transactions


def test_history_stops_where_the_order_is_found() -> None:
    found = page(Step.HISTORY, body({"orders": [row(1), ROW, row(2)] + [row(9)] * PAGE_ROWS}))
    assert isinstance(found.answer, QuestionAnswered)
    told = [report.order_id for report in found.answer.reports]
    assert (told.count(OrderId(ORDER_ID)), len(told)) == (1, PAGE_ROWS + 3)  # of the other orders, too
    assert (found.answer.absence, found.following) == (None, None)


def test_history_goes_on_page_by_page_and_never_denies() -> None:
    full = body({"orders": [row(9)] * PAGE_ROWS})
    cursor, pages = None, 0
    while pages == 0 or cursor is not None:
        found = page(Step.HISTORY, full, cursor)
        assert isinstance(found.answer, QuestionAnswered)
        assert found.answer.absence is Absence.BLIND
        cursor, pages = found.following, pages + 1
    assert pages == PAGES_MAX
    assert dict(BINGX.question_call(question(Step.HISTORY), Cursor("", 3)).query)["pageIndex"] == "3"
    last = page(Step.HISTORY, body({"orders": [row(9)]}))
    assert (last.following, isinstance(last.answer, QuestionAnswered)) == (None, True)


def test_transactions_prove_a_quantity_and_no_state() -> None:
    rows = [TRADE, TRADE | {"id": 90000002, "qty": "0.001"}, TRADE, TRADE | {"id": 3, "orderId": 7}]
    found = answered(Step.FILLS, body({"fills": rows}))
    (report,) = found.reports
    assert (report.cum_qty, report.is_state, report.cum_qty_final) == (Decimal("0.006"), False, False)
    assert (report.word, report.side) == ("fill", Side.BUY)
    assert found.absence is Absence.BLIND


def test_transactions_name_no_client_id_so_by_that_one_nothing_is_found() -> None:
    assert answered(Step.FILLS, body({"fills": [TRADE]}), by_alias=True).reports == ()


def test_a_transaction_that_cannot_be_read_is_passed_over() -> None:
    found = answered(Step.FILLS, body({"fills": [{"orderId": int(ORDER_ID)}, TRADE]}))
    assert (len(found.reports), found.complete) == (1, False)


def test_a_fraction_keeps_every_digit() -> None:
    raw = orjson.dumps({"code": 0, "data": ROW}).replace(b'"0.005"', b"0.00512345678901234567890")
    (report,) = answered(Step.ORDER, RestResponse(200, raw)).reports
    assert report.cum_qty == Decimal("0.00512345678901234567890")
