"""The questions about a spread order: how they are put, how listings go on, and what trades add up to."""

from decimal import Decimal

import pytest

from protocols.asks import Cursor, Page, Question
from protocols.evidence import Absence, QuestionAnswered, QuestionFailed, Source, Step
from protocols.fix import OrdStatus, QueryId
from protocols.rest import RestResponse
from protocols.venues.okx.asking import PAGE_ROWS
from protocols.venues.okx_spread.queries import PAGES_MAX
from tests.protocols import okx_material
from tests.protocols.okx_material import body
from tests.protocols.okx_spread_material import (
    CANCELED_ROW,
    CLIENT_ORDER_ID,
    LIVE_ROW,
    ORDER_ID,
    SPRD_ID,
    SPREAD,
    TRADE_ROW,
)

LISTING = Question(QueryId("q0"), Step.OPEN_ORDERS, "", "")


def question(step: Step, order_id: str | None = ORDER_ID, client_order_id: str | None = None) -> Question:
    return okx_material.question(step, order_id, client_order_id, SPRD_ID)


def query(asked: Question, cursor: Cursor | None = None) -> dict[str, str]:
    return dict(SPREAD.question_call(asked, cursor).query)


def read(asked: Question, response: RestResponse, cursor: Cursor | None = None) -> Page:
    return SPREAD.read_question(asked, response, cursor)


def answered(page: Page) -> QuestionAnswered:
    assert isinstance(page.answer, QuestionAnswered), page.answer
    return page.answer


def rows(first: int, count: int = PAGE_ROWS, **members: object) -> list[dict[str, object]]:
    return [LIVE_ROW | {"ordId": str(first - index), "clOrdId": ""} | members for index in range(count)]


def test_an_order_is_asked_for_without_its_spread() -> None:
    call = SPREAD.question_call(question(Step.ORDER, ORDER_ID, CLIENT_ORDER_ID), None)
    assert (call.method, call.path, call.query) == ("GET", "/api/v5/sprd/order", (("ordId", ORDER_ID),))
    assert query(question(Step.ORDER, None, CLIENT_ORDER_ID)) == {"clOrdId": CLIENT_ORDER_ID}


def test_a_found_order_is_reported_as_queried() -> None:
    (report,) = answered(read(question(Step.ORDER), body(CANCELED_ROW))).reports
    assert (report.source, report.channel) == (Source.QUERY, "GET /api/v5/sprd/order")
    assert (report.status, report.cum_qty, report.cum_qty_final) == (OrdStatus.CANCELED, Decimal(1), True)


@pytest.mark.parametrize("response", [body(code="51400"), body(code="51603"), body(code=51063), body()])
def test_however_the_venue_says_that_there_is_none_it_is_denied(response: RestResponse) -> None:
    assert answered(read(question(Step.ORDER), response)).absence is Absence.DENIES


@pytest.mark.parametrize("code", ["51401", "51410", "50001", "75002"])
def test_any_other_code_is_no_answer(code: str) -> None:
    assert isinstance(read(question(Step.ORDER), body(code=code)).answer, QuestionFailed)


def test_a_row_about_another_order_is_no_answer() -> None:
    assert isinstance(read(question(Step.ORDER), body(LIVE_ROW | {"ordId": "1"})).answer, QuestionFailed)


def test_active_orders_are_the_whole_users_and_go_on_behind_the_last_row() -> None:
    assert query(LISTING) == query(question(Step.OPEN_ORDERS)) == {"limit": "100"}
    first = read(LISTING, body(*rows(1000)))
    assert first.following is not None
    assert query(LISTING, first.following) == {"endId": "901", "limit": "100"}
    last = read(question(Step.OPEN_ORDERS), body(*rows(900, 3)), first.following)
    assert (last.following, answered(last).complete, answered(last).absence) == (None, True, Absence.DENIES)


def test_ten_pages_hold_all_orders_that_may_be_active() -> None:
    assert PAGES_MAX[Step.OPEN_ORDERS] * PAGE_ROWS > 500


def test_history_is_looked_through_by_spread_until_it_ends() -> None:
    asked = question(Step.HISTORY)
    assert query(asked) == {"sprdId": SPRD_ID, "limit": "100"}
    first = read(asked, body(*rows(1000, state="canceled")))
    assert (answered(first).absence, answered(first).complete) == (Absence.BLIND, False)
    assert first.following is not None
    assert query(asked, first.following) == {"sprdId": SPRD_ID, "endId": "901", "limit": "100"}
    assert answered(read(asked, body(CANCELED_ROW), first.following)).reports[0].order_id == ORDER_ID
    assert answered(read(asked, body(*rows(900, 2)), first.following)).absence is Absence.DENIES


def test_every_ended_order_on_a_page_of_history_is_told() -> None:
    others = rows(900, 2, state="canceled")
    lacking, found = (answered(read(question(Step.HISTORY), body(*page))) for page in (others, [*others, CANCELED_ROW]))
    assert [told.order_id for told in lacking.reports] == ["900", "899"]
    assert (lacking.absence, lacking.complete) == (Absence.DENIES, True)
    assert [told.order_id for told in found.reports] == ["900", "899", ORDER_ID]
    assert (found.absence, found.complete) == (None, False)


def test_history_with_an_unreadable_row_denies_nothing() -> None:
    found = answered(read(question(Step.HISTORY), body(*rows(900, 2), LIVE_ROW | {"state": "asleep"})))
    assert (found.absence, found.complete) == (Absence.BLIND, False)


def test_trades_are_asked_by_order_id_or_by_spread() -> None:
    assert query(question(Step.FILLS)) == {"ordId": ORDER_ID, "limit": "100"}
    assert query(question(Step.FILLS, None, CLIENT_ORDER_ID)) == {"sprdId": SPRD_ID, "limit": "100"}


def test_settled_trades_add_up_over_pages_and_prove_no_end() -> None:
    asked = question(Step.FILLS)
    first = read(asked, body(*[TRADE_ROW | {"tradeId": str(2000 - index)} for index in range(PAGE_ROWS)]))
    assert first.following is not None
    assert query(asked, first.following) == {"ordId": ORDER_ID, "endId": "1901", "limit": "100"}
    rejected = TRADE_ROW | {"tradeId": "8", "fillSz": "50", "state": "rejected"}
    last = read(asked, body(TRADE_ROW | {"tradeId": "9"}, rejected), first.following)
    (report,) = answered(last).reports
    assert (report.cum_qty, report.is_state, report.cum_qty_final) == (Decimal(101), False, False)
    assert (answered(last).complete, report.channel) == (True, "GET /api/v5/sprd/trades")


def test_an_order_whose_every_trade_was_rejected_has_none() -> None:
    found = answered(read(question(Step.FILLS), body(TRADE_ROW | {"state": "rejected"})))
    assert (found.reports, found.absence) == ((), Absence.BLIND)
