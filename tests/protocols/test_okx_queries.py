"""The questions about an order, and what it is worth that an answer does not name it."""

from decimal import Decimal

import orjson
import pytest

from protocols.asks import Cursor, Page, Question
from protocols.evidence import Absence, OrderReported, QuestionAnswered, QuestionFailed, Source, Step
from protocols.fix import EndedBy, OrdStatus, QueryId
from protocols.jsonread import frame_of
from protocols.rest import RestResponse
from protocols.venues.okx.asking import PAGE_ROWS
from protocols.venues.okx.queries import PAGES_MAX, instrument_types
from tests.protocols.okx_material import (
    CLIENT_ORDER_ID,
    OKX,
    ORDER_ID,
    QUERIED_ROW,
    body,
    question,
)

LISTING = Question(QueryId("q0"), Step.OPEN_ORDERS, "", "")


def read(asked: Question, response: RestResponse, cursor: Cursor | None = None) -> Page:
    return OKX.read_question(asked, response, cursor)


def answered(page: Page) -> QuestionAnswered:
    assert isinstance(page.answer, QuestionAnswered), page.answer
    return page.answer


def failed(page: Page) -> QuestionFailed:
    assert isinstance(page.answer, QuestionFailed), page.answer
    return page.answer


def row(order_id: str, **members: object) -> dict[str, object]:
    return QUERIED_ROW | {"ordId": order_id, "clOrdId": ""} | members


def full_page(first: int = 1000, **members: object) -> list[dict[str, object]]:
    return [row(str(first - index), **members) for index in range(PAGE_ROWS)]


def walk(asked: Question, *responses: RestResponse) -> list[Page]:
    """Read the pages one after another, as long as another one is asked for."""
    pages: list[Page] = []
    cursor: Cursor | None = None
    for response in responses:
        pages.append(read(asked, response, cursor))
        cursor = pages[-1].following
        if cursor is None:
            break
    return pages


def query(asked: Question, cursor: Cursor | None = None) -> dict[str, str]:
    return dict(OKX.question_call(asked, cursor).query)


# ---------------------------------------------------------------- the order itself


def test_an_order_is_asked_for_by_its_own_id() -> None:
    call = OKX.question_call(question(Step.ORDER, ORDER_ID, CLIENT_ORDER_ID), None)
    assert (call.method, call.path, call.signed) == ("GET", "/api/v5/trade/order", True)
    assert call.query == (("instId", "BTC-USDT"), ("ordId", ORDER_ID))
    assert (call.operation, call.instrument) == (OKX.traits.question_operations[Step.ORDER], "BTC-USDT")


def test_an_order_is_asked_for_by_client_id_when_there_is_no_other() -> None:
    assert query(question(Step.ORDER, None, CLIENT_ORDER_ID)) == {"instId": "BTC-USDT", "clOrdId": CLIENT_ORDER_ID}


def test_a_found_order_is_reported_as_queried() -> None:
    response = body(QUERIED_ROW)
    page = read(question(Step.ORDER), response)
    (report,) = answered(page).reports
    assert (report.source, report.channel) == (Source.QUERY, "GET /api/v5/trade/order")
    assert (report.status, report.cum_qty, report.cum_qty_final) == (OrdStatus.CANCELED, Decimal("0.004"), True)
    assert (report.ended_by, report.cancel_reason) == (EndedBy.US, "1 Order was canceled by you")
    assert report.frame == answered(page).frame == frame_of(response.body)
    assert (page.following, answered(page).complete) == (None, True)


def test_an_order_without_fills_has_no_average_price() -> None:
    (report,) = answered(read(question(Step.ORDER), body(QUERIED_ROW | {"avgPx": "", "accFillSz": "0"}))).reports
    assert (report.avg_px, report.cum_qty) == (None, Decimal(0))


@pytest.mark.parametrize(
    "response",
    [body(code="51603"), body(code=51603), body(code="51063"), body(code="51400", status=400), body(code="51603_1")],
)
def test_an_unknown_order_is_denied(response: RestResponse) -> None:
    found = answered(read(question(Step.ORDER), response))
    assert (found.reports, found.absence) == ((), Absence.DENIES)


def test_an_answer_without_rows_is_a_denial_too() -> None:
    assert answered(read(question(Step.ORDER), body())).absence is Absence.DENIES


@pytest.mark.parametrize("step", [Step.ORDER, Step.HISTORY, Step.FILLS])
def test_an_instrument_that_the_venue_does_not_know_leaves_it_blind(step: Step) -> None:
    found = answered(read(question(step), body(code="51001")))
    assert (found.absence, found.complete, found.code) == (Absence.BLIND, False, "51001")


@pytest.mark.parametrize("code", ["50001", "50004", "51000", "51149", "50113", "1", "58999"])
def test_any_other_code_is_no_answer(code: str) -> None:
    found = failed(read(question(Step.ORDER), body(code=code)))
    assert (found.why, found.rate_limited) == (code, False)


@pytest.mark.parametrize(
    "response", [body(code="50011"), body(code="50013", status=429), RestResponse(429, b"slow down"), body(status=429)]
)
def test_a_rate_limit_is_no_answer_and_says_so(response: RestResponse) -> None:
    assert failed(read(question(Step.ORDER), response)).rate_limited


@pytest.mark.parametrize("code", ["51603", "0"])
def test_a_failing_server_denies_nothing(code: str) -> None:
    assert "HTTP 503" in failed(read(question(Step.ORDER), body(code=code, status=503))).why


@pytest.mark.parametrize(
    "response",
    [
        body(row("1")),
        body(row("1", clOrdId=CLIENT_ORDER_ID)),
        body(QUERIED_ROW | {"state": "hibernating"}),
        body(QUERIED_ROW | {"accFillSz": "many"}),
        body(7),
        RestResponse(200, b"<html>"),
        RestResponse(200, b'{"data":[]}'),
        RestResponse(400, b'{"code":"0","data":[]}'),
    ],
)
def test_what_is_no_answer_about_the_asked_order_proves_nothing(response: RestResponse) -> None:
    failed(read(question(Step.ORDER), response))


def test_by_client_id_another_orders_answer_proves_nothing() -> None:
    asked = question(Step.ORDER, None, CLIENT_ORDER_ID)
    assert answered(read(asked, body(QUERIED_ROW))).reports
    failed(read(asked, body(QUERIED_ROW | {"clOrdId": "TKM000001"})))
    failed(read(asked, body(QUERIED_ROW | {"clOrdId": ""})))


# ---------------------------------------------------------------- all open orders


def test_the_open_orders_are_the_whole_accounts() -> None:
    assert query(question(Step.OPEN_ORDERS)) == query(LISTING) == {"limit": "100"}


def test_a_short_page_is_the_last_and_denies_what_it_does_not_show() -> None:
    live = row("1", state="live")
    found = answered(read(question(Step.OPEN_ORDERS), body(live)))
    assert [report.order_id for report in found.reports] == ["1"]
    assert (found.absence, found.complete) == (Absence.DENIES, True)
    assert answered(read(LISTING, body(live))).absence is None


def test_a_listing_goes_on_behind_its_last_row_until_it_ends() -> None:
    first, second = walk(LISTING, body(*full_page(1000)), body(row("7", state="live")))
    assert first.following is not None
    assert query(LISTING, first.following) == {"after": "901", "limit": "100"}
    assert (answered(first).complete, len(answered(first).reports)) == (False, PAGE_ROWS)
    assert (answered(second).complete, second.following) == (True, None)


def test_a_page_that_another_one_follows_is_blind() -> None:
    asked = question(Step.OPEN_ORDERS)
    assert answered(read(asked, body(*full_page()))).absence is Absence.BLIND


def test_a_listing_that_ends_with_a_full_page_is_asked_once_more() -> None:
    first, second = walk(LISTING, body(*full_page()), body())
    assert first.following is not None
    assert answered(second).complete


@pytest.mark.parametrize("page_of_it", [0, 1])
def test_a_listing_with_an_unreadable_row_denies_nothing(page_of_it: int) -> None:
    pages = [full_page(), [row("7", state="live")]]
    pages[page_of_it][0]["state"] = "hibernating"
    last = walk(question(Step.OPEN_ORDERS), *(body(*rows) for rows in pages))[-1]
    assert last.following is None
    assert (answered(last).complete, answered(last).absence) == (False, Absence.BLIND)


def test_a_listing_without_an_end_is_cut_and_denies_nothing() -> None:
    pages = walk(question(Step.OPEN_ORDERS), *([body(*full_page())] * (PAGES_MAX[Step.OPEN_ORDERS] + 5)))
    assert len(pages) == PAGES_MAX[Step.OPEN_ORDERS]
    assert (answered(pages[-1]).complete, answered(pages[-1]).absence) == (False, Absence.BLIND)


def test_a_listing_that_does_not_say_where_it_goes_on_is_cut() -> None:
    rows: list[object] = [*full_page()[:-1], "noise"]
    page = read(LISTING, body(*rows))
    assert (page.following, answered(page).complete) == (None, False)


# ---------------------------------------------------------------- history


@pytest.mark.parametrize(
    ("instrument", "types"),
    [
        ("BTC-USDT", ("SPOT", "MARGIN")),
        ("BTC-USDT-SWAP", ("SWAP",)),
        ("BTC-USD_UM-SWAP", ("SWAP",)),
        ("BTC-USD-251226", ("FUTURES",)),
        ("BTC-USD-251226-90000-C", ("OPTION",)),
        ("BTC-USD_UM-251226-90000-P", ("OPTION",)),
        ("something", ()),
        ("A-B-C-D", ()),
    ],
)
def test_an_instruments_form_tells_its_type(instrument: str, types: tuple[str, ...]) -> None:
    assert instrument_types(instrument) == types


def test_history_is_asked_by_type_and_instrument() -> None:
    asked = question(Step.HISTORY, instrument="BTC-USDT-SWAP")
    assert query(asked) == {"instType": "SWAP", "instId": "BTC-USDT-SWAP", "limit": "100"}


def test_an_ended_order_is_found_among_others_and_ends_the_search() -> None:
    page = read(question(Step.HISTORY), body(*full_page()[1:], QUERIED_ROW))
    assert answered(page).reports[-1].order_id == ORDER_ID
    assert answered(page).reports[0].channel == "GET /api/v5/trade/orders-history"
    assert page.following is None


def test_a_pair_is_looked_through_as_spot_and_as_margin() -> None:
    asked = question(Step.HISTORY)
    first, second = walk(asked, body(row("1")), body(row("2")))
    assert first.following is not None
    assert query(asked)["instType"] == "SPOT"
    assert query(asked, first.following) == {"instType": "MARGIN", "instId": "BTC-USDT", "limit": "100"}
    assert (answered(first).absence, answered(first).complete) == (Absence.BLIND, False)
    assert (answered(second).absence, answered(second).complete) == (Absence.DENIES, True)


def test_a_pair_without_margin_trading_has_no_margin_orders() -> None:
    last = walk(question(Step.HISTORY), body(row("1")), body(code="51001"))[-1]
    assert (answered(last).absence, answered(last).complete) == (Absence.DENIES, True)


def test_history_pages_within_a_type_before_it_goes_to_the_next() -> None:
    asked = question(Step.HISTORY)
    pages = walk(asked, body(*full_page(1000)), body(row("7")), body(QUERIED_ROW | {"instType": "MARGIN"}))
    cursors = [page.following for page in pages]
    assert query(asked, cursors[0]) == {"instType": "SPOT", "instId": "BTC-USDT", "after": "901", "limit": "100"}
    assert query(asked, cursors[1])["instType"] == "MARGIN"
    assert (len(pages), len(answered(pages[-1]).reports)) == (3, 1)


def test_every_ended_order_on_a_page_is_told_whether_the_asked_one_is_among_them_or_not() -> None:
    asked = question(Step.HISTORY, instrument="BTC-USDT-SWAP")
    others = [row("3", clOrdId="c3"), row("2", state="filled"), row("1", state="hibernating")]
    lacking, found = answered(read(asked, body(*others))), answered(read(asked, body(*others, QUERIED_ROW)))
    assert [(told.order_id, told.client_order_id) for told in lacking.reports] == [("3", "c3"), ("2", None)]
    assert [told.status for told in lacking.reports] == [OrdStatus.CANCELED, OrdStatus.FILLED]
    assert (lacking.absence, lacking.complete) == (Absence.DENIES, True)
    assert [told.order_id for told in found.reports] == ["3", "2", ORDER_ID]
    assert (found.absence, found.complete) == (None, False)


def test_a_long_history_is_not_looked_through_for_ever_and_denies_nothing() -> None:
    pages = walk(question(Step.HISTORY), *([body(*full_page())] * (PAGES_MAX[Step.HISTORY] + 5)))
    assert len(pages) == PAGES_MAX[Step.HISTORY]
    assert (answered(pages[-1]).complete, answered(pages[-1]).absence) == (False, Absence.BLIND)


def test_an_unreadable_row_may_be_the_one_that_is_looked_for() -> None:
    asked = question(Step.HISTORY, instrument="BTC-USDT-SWAP")
    assert answered(read(asked, body(7))).absence is Absence.BLIND
    assert answered(read(asked, body(row(ORDER_ID, state="hibernating")))).absence is Absence.BLIND
    assert answered(read(asked, body(row("1", state="hibernating")))).absence is Absence.DENIES


def test_history_of_an_unknown_kind_of_instrument_is_blind() -> None:
    asked = question(Step.HISTORY, instrument="A-B-C-D")
    assert query(asked)["instType"] == "SPOT"
    assert answered(read(asked, body())).absence is Absence.BLIND


def test_by_client_id_history_gives_every_order_that_bore_it() -> None:
    rows = [row("2", clOrdId=CLIENT_ORDER_ID), row("3"), row("1", clOrdId=CLIENT_ORDER_ID)]
    found = answered(read(question(Step.HISTORY, None, CLIENT_ORDER_ID), body(*rows)))
    assert [told.order_id for told in found.reports if told.client_order_id == CLIENT_ORDER_ID] == ["2", "1"]


# ---------------------------------------------------------------- fills


def fill(trade: str, size: str, order_id: str = ORDER_ID, client_order_id: str = "") -> dict[str, object]:
    return {
        "instType": "SPOT",
        "instId": "BTC-USDT",
        "tradeId": trade,
        "ordId": order_id,
        "clOrdId": client_order_id,
        "billId": "9" + trade,
        "fillPx": "90000",
        "fillSz": size,
        "side": "buy",
        "ts": f"17636000000{trade}",
    }


def only_report(page: Page) -> OrderReported:
    (report,) = answered(page).reports
    return report


def test_fills_are_asked_by_order_id() -> None:
    assert query(question(Step.FILLS)) == {"instId": "BTC-USDT", "ordId": ORDER_ID, "limit": "100"}
    assert query(question(Step.FILLS, None, CLIENT_ORDER_ID)) == {"instId": "BTC-USDT", "limit": "100"}


def test_fills_prove_a_quantity_and_never_an_end() -> None:
    page = read(question(Step.FILLS), body(fill("12", "0.006"), fill("11", "0.004"), fill("12", "0.006")))
    report = only_report(page)
    assert (report.status, report.word, report.is_state) == (OrdStatus.PARTIALLY_FILLED, "fill", False)
    assert (report.cum_qty, report.cum_qty_final, report.order_qty) == (Decimal("0.010"), False, None)
    assert (report.channel, report.updated_ms) == ("GET /api/v5/trade/fills", 1763600000012)


def test_no_fills_say_nothing() -> None:
    found = answered(read(question(Step.FILLS), body()))
    assert (found.reports, found.absence) == ((), Absence.BLIND)


def test_another_orders_fills_are_not_this_ones() -> None:
    assert only_report(read(question(Step.FILLS), body(fill("11", "5", "1"), fill("12", "1")))).cum_qty == 1


def test_an_unreadable_fill_only_lowers_the_bound() -> None:
    page = read(question(Step.FILLS), body(fill("11", "many"), fill("12", ""), fill("13", "1"), 7))
    assert (only_report(page).cum_qty, answered(page).complete) == (Decimal(1), False)


def test_fills_add_up_over_pages() -> None:
    asked = question(Step.FILLS)
    many = [fill(str(1000 + index), "0.1") for index in range(PAGE_ROWS)]
    first, second = walk(asked, body(*many), body(fill("11", "0.5")))
    assert first.following is not None
    assert query(asked, first.following)["after"] == "91099"
    assert only_report(first).cum_qty == Decimal("10.0")
    assert only_report(second).cum_qty == Decimal("10.5")
    assert answered(second).complete


def test_by_client_id_only_the_newest_page_of_fills_is_looked_at() -> None:
    rows = [fill("11", "1", "1", CLIENT_ORDER_ID), fill("12", "2", "2", CLIENT_ORDER_ID), fill("13", "4", "3")]
    page = read(question(Step.FILLS, None, CLIENT_ORDER_ID), body(*rows, *[fill("14", "1", "4")] * PAGE_ROWS))
    assert {str(report.order_id): report.cum_qty for report in answered(page).reports} == {"1": 1, "2": 2}
    assert (page.following, answered(page).complete) == (None, False)


def test_a_cursor_is_text() -> None:
    page = read(LISTING, body(*full_page()))
    assert page.following is not None
    assert orjson.loads(page.following.value)["after"] == "901"
    assert page.following.page == 2
