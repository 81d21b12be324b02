"""What is asked of Bitget, and what its answers are worth: walked leg by leg and page by page, as the gateway does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from protocols.dialect import Profile
from protocols.evidence import Absence, OrderReported, QuestionAnswered, QuestionFailed, Step
from protocols.fix import OrdStatus
from protocols.rest import RestCall, RestResponse
from tests.protocols.bitget_material import (
    CLASSIC,
    CLIENT_ORDER_ID,
    DETAIL,
    ORDER_ID,
    SPOT_INFO,
    UNIFIED,
    UTA_ENDED,
    Either,
    body,
    question,
)

if TYPE_CHECKING:
    from protocols.asks import Cursor, Page, Question

NOTHING = question(Step.OPEN_ORDERS, None, None, "")


def row(number: int, status: str = "live", **more: Any) -> dict[str, Any]:
    """A futures row of a listing."""
    bare = {name: value for name, value in DETAIL.items() if name != "state"}
    return bare | {"orderId": str(number), "clientOid": f"c{number}", "status": status, "baseVolume": "0"} | more


def walk(dialect: Either, asked: Question, *answers: RestResponse) -> tuple[list[RestCall], list[Page]]:
    """Put a question and hand it one answer after another; stops when no page follows."""
    calls: list[RestCall] = []
    pages: list[Page] = []
    cursor: Cursor | None = None
    for response in answers:
        calls.append(dialect.question_call(asked, cursor))
        pages.append(dialect.read_question(asked, response, cursor))
        cursor = pages[-1].following
        if cursor is None:
            break
    return calls, pages


def answered(page: Page) -> QuestionAnswered:
    assert isinstance(page.answer, QuestionAnswered), page.answer
    return page.answer


def reports(pages: list[Page]) -> list[OrderReported]:
    return [report for page in pages for report in answered(page).reports]


# ---------------------------------------------------------------- the order itself


@pytest.mark.parametrize(
    ("dialect", "product", "path", "query"),
    [
        (
            CLASSIC,
            "COIN-FUTURES",
            "/api/v2/mix/order/detail",
            {"symbol": "BTCUSDT", "productType": "COIN-FUTURES", "orderId": ORDER_ID},
        ),
        (CLASSIC, "SPOT", "/api/v2/spot/trade/orderInfo", {"orderId": ORDER_ID}),
        (UNIFIED, "MARGIN", "/api/v3/trade/order-info", {"orderId": ORDER_ID}),
    ],
)
def test_an_order_is_asked_for_by_its_products_own_call(
    dialect: Either, product: str, path: str, query: dict[str, str]
) -> None:
    call = dialect.question_call(question(Step.ORDER, product=product), None)
    assert (call.method, call.path, dict(call.query)) == ("GET", path, query)
    alias = dialect.question_call(question(Step.ORDER, None, CLIENT_ORDER_ID, product), None)
    assert dict(alias.query)["clientOid"] == CLIENT_ORDER_ID
    assert "orderId" not in dict(alias.query)
    both = dialect.question_call(question(Step.ORDER, ORDER_ID, CLIENT_ORDER_ID, product), None)
    assert both == call


def test_the_status_of_a_detail_may_have_either_name() -> None:
    for key in ("state", "status"):
        data = {name: value for name, value in DETAIL.items() if name != "state"} | {key: "filled"}
        _, (page,) = walk(CLASSIC, question(Step.ORDER), body(data))
        assert reports([page])[0].status is OrdStatus.FILLED
        assert (answered(page).absence, answered(page).complete) == (None, True)


@pytest.mark.parametrize("code", "22001 25204 31007 40109 40768 40819 43001 45057 80011".split())
@pytest.mark.parametrize("dialect", [CLASSIC, UNIFIED])
def test_not_found_denies_whatever_its_code(dialect: Either, code: str) -> None:
    _, (page,) = walk(dialect, question(Step.ORDER), body(None, code, 400))
    assert (answered(page).absence, answered(page).code, answered(page).reports) == (Absence.DENIES, code, ())


@pytest.mark.parametrize("code", ["43020", "43025", "43033"])
def test_a_trigger_orders_not_found_says_nothing_of_an_order(code: str) -> None:
    _, (page,) = walk(CLASSIC, question(Step.ORDER), body(None, code, 400))
    assert answered(page).absence is Absence.BLIND


@pytest.mark.parametrize("data", [None, "", {}, []])
def test_no_row_is_as_good_as_not_found(data: object) -> None:
    _, (page,) = walk(CLASSIC, question(Step.ORDER, product="SPOT"), body(data))
    assert answered(page).absence is Absence.DENIES


@pytest.mark.parametrize(
    ("response", "limited"),
    [
        (body(None, "40010", 400), False),
        (body(None, "41101", 400), False),
        (body(None, "429", 429), True),
        (RestResponse(429, b""), True),
        (RestResponse(200, b"nonsense"), False),
        (body(None, "43001", 502), False),
        (body(DETAIL | {"orderId": "1"}), False),
        (body(DETAIL | {"state": "suspended"}), False),
        (body("what"), False),
    ],
)
def test_what_is_no_answer_fails_the_question(response: RestResponse, limited: bool) -> None:
    _, (page,) = walk(CLASSIC, question(Step.ORDER), response)
    assert isinstance(page.answer, QuestionFailed)
    assert page.answer.rate_limited is limited


def test_no_other_question_is_put() -> None:
    _, (page,) = walk(CLASSIC, question(Step.FILLS), body([]))
    assert isinstance(page.answer, QuestionFailed)


def test_two_statuses_of_one_row_are_none() -> None:
    _, (page,) = walk(CLASSIC, question(Step.ORDER), body(DETAIL | {"status": "live"}))
    assert isinstance(page.answer, QuestionFailed)
    _, (same,) = walk(CLASSIC, question(Step.ORDER), body(DETAIL | {"status": "filled"}))
    assert reports([same])[0].status is OrdStatus.FILLED


# ---------------------------------------------------------------- all that is open


def test_a_listing_walks_every_product_line_and_both_open_words() -> None:
    empty, none = body({"entrustedList": None, "endId": None}), body([])
    calls, pages = walk(CLASSIC, NOTHING, *[empty] * 6, none)
    asked = [(call.path.rpartition("/")[2], dict(call.query)) for call in calls]
    lines = ("USDT-FUTURES", "COIN-FUTURES", "USDC-FUTURES")
    assert asked[:6] == [
        ("orders-pending", {"productType": line, "status": word, "limit": "100"})
        for line in lines
        for word in ("live", "partially_filled")
    ]
    assert asked[6] == ("unfilled-orders", {"limit": "100"})
    assert [answered(page).complete for page in pages] == [False] * 6 + [True]
    assert all(answered(page).absence is None for page in pages)
    assert pages[-1].following is None


def test_a_listing_speaks_of_each_row_in_its_product() -> None:
    empty = body({"entrustedList": [], "endId": ""})
    live = body({"entrustedList": [row(7)], "endId": "7"})
    partly = body({"entrustedList": [row(8, "partially_filled", baseVolume="1")], "endId": "8"})
    spot = body([SPOT_INFO | {"status": "live"}])
    _, pages = walk(CLASSIC, NOTHING, live, empty, empty, partly, empty, empty, spot)
    assert [(r.product, r.order_id, r.status) for r in reports(pages)] == [
        ("USDT-FUTURES", "7", OrdStatus.NEW),
        ("COIN-FUTURES", "8", OrdStatus.PARTIALLY_FILLED),
        ("SPOT", ORDER_ID, OrdStatus.NEW),
    ]


def test_a_full_page_is_followed_from_its_end() -> None:
    full = body({"entrustedList": [row(n) for n in range(300, 200, -1)], "endId": "201"})
    calls, pages = walk(CLASSIC, NOTHING, full, body({"entrustedList": [row(3)], "endId": "3"}))
    assert dict(calls[1].query)["idLessThan"] == "201"
    assert dict(calls[1].query)["status"] == "live"
    assert len(reports(pages)) == 101


def test_a_full_page_without_an_end_goes_on_from_its_last_row() -> None:
    full = body([SPOT_INFO | {"orderId": str(n), "status": "live"} for n in range(300, 200, -1)])
    few = type(CLASSIC)(Profile(products=("SPOT",)))
    calls, _ = walk(few, NOTHING, full, body([]))
    assert dict(calls[1].query) == {"limit": "100", "idLessThan": "201"}


def test_a_row_that_cannot_be_read_leaves_the_whole_listing_incomplete() -> None:
    empty = body({"entrustedList": None})
    bad = body({"entrustedList": [row(7, "suspended")], "endId": "7"})
    _, pages = walk(CLASSIC, question(Step.OPEN_ORDERS), bad, *[empty] * 5, body([]))
    last = answered(pages[-1])
    assert (last.complete, last.absence) == (False, Absence.BLIND)


def test_a_complete_listing_denies_an_order_that_it_lacks() -> None:
    few = type(CLASSIC)(Profile(products=("SPOT",)))
    _, (page,) = walk(few, question(Step.OPEN_ORDERS, product="SPOT"), body([]))
    assert (answered(page).complete, answered(page).absence) == (True, Absence.DENIES)


@pytest.mark.parametrize(("product", "calls"), [("USDT-FUTURES", 2), ("SPOT", 1)])
def test_a_listing_of_one_product_line_walks_that_alone_and_denies_what_it_lacks(product: str, calls: int) -> None:
    empty = body([] if product == "SPOT" else {"entrustedList": None, "endId": None})
    asked, pages = walk(CLASSIC, question(Step.PRODUCT_ORDERS, None, CLIENT_ORDER_ID, product), *[empty] * calls)
    assert {dict(call.query).get("productType", "SPOT") for call in asked} == {product}
    assert [answered(page).complete for page in pages] == [False] * (calls - 1) + [True]
    assert answered(pages[-1]).absence is Absence.DENIES


def test_the_unified_account_is_listed_category_by_category() -> None:
    empty = body({"list": [], "cursor": None})
    calls, pages = walk(UNIFIED, NOTHING, *[empty] * 5)
    assert [dict(call.query) for call in calls] == [
        {"category": product, "limit": "100"} for product in UNIFIED.products
    ]
    assert answered(pages[-1]).complete


def test_the_unified_accounts_next_page_is_named_by_its_cursor() -> None:
    rows = [UTA_ENDED | {"orderId": str(n), "orderStatus": "new"} for n in range(100)]
    calls, pages = walk(UNIFIED, NOTHING, body({"list": rows, "cursor": "abc"}), body({"list": [], "cursor": "x"}))
    assert dict(calls[1].query)["cursor"] == "abc"
    assert len(reports(pages)) == 100
    _, (lost,) = walk(UNIFIED, NOTHING, body({"list": rows}))
    assert isinstance(lost.answer, QuestionFailed)


def test_a_listing_without_end_is_cut() -> None:
    full = body({"entrustedList": [row(n) for n in range(100)], "endId": "1"})
    _, pages = walk(CLASSIC, NOTHING, *[full] * 60)
    assert len(pages) == 50
    assert not answered(pages[-1]).complete


# ---------------------------------------------------------------- history


def test_history_finds_an_ended_order_and_stops() -> None:
    ended = row(9, "canceled", orderId=ORDER_ID, cancelReason="normal_cancel")
    calls, (page,) = walk(CLASSIC, question(Step.HISTORY), body({"entrustedList": [ended], "endId": ORDER_ID}))
    assert dict(calls[0].query) == {
        "symbol": "BTCUSDT",
        "productType": "USDT-FUTURES",
        "orderId": ORDER_ID,
        "limit": "100",
    }
    assert reports([page])[0].status is OrdStatus.CANCELED
    assert page.following is None


def test_by_client_id_a_symbols_history_is_looked_through_and_no_further_than_five_pages() -> None:
    others = body([SPOT_INFO | {"orderId": str(n), "clientOid": f"c{n}"} for n in range(900, 800, -1)])
    asked = question(Step.HISTORY, None, CLIENT_ORDER_ID, "SPOT")
    calls, pages = walk(CLASSIC, asked, *[others] * 9)
    assert len(pages) == 5
    assert "orderId" not in dict(calls[0].query)
    assert (answered(pages[-1]).absence, answered(pages[-1]).complete) == (Absence.BLIND, False)
    _, found = walk(CLASSIC, asked, others, body([SPOT_INFO]))
    assert len(reports(found)) > 1  # the other orders are told, too
    assert reports(found)[-1].client_order_id == CLIENT_ORDER_ID


def test_a_history_that_ends_without_it_denies() -> None:
    _, (page,) = walk(UNIFIED, question(Step.HISTORY), body({"list": [UTA_ENDED], "cursor": ""}))
    assert (answered(page).absence, answered(page).complete) == (Absence.DENIES, True)
