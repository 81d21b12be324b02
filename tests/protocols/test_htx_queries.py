"""Questions at HTX: both margin modes, page by page, and what it is worth that an order is not shown."""

from __future__ import annotations

from typing import Any

import pytest

from protocols.evidence import Absence, Step
from protocols.fix import OrdStatus
from protocols.rest import RestResponse
from protocols.venues.htx import queries
from tests.protocols.htx_material import (
    CANCELED_ROW,
    CLIENT_ORDER_ID,
    HTX,
    ORDER_ID,
    QUERIED_ROW,
    answered,
    body,
    failed,
    question,
    walk,
)

MISSING = body(code=1061, message="The order does not exist.")
EMPTY = body([])
ACCOUNT_WIDE = question(Step.OPEN_ORDERS, None)
BY_ALIAS = question(Step.ORDER, None, CLIENT_ORDER_ID)


def rows(first: int, count: int = 100, step: int = 1, **members: Any) -> RestResponse:
    """A page of rows with ids from ``first`` on."""
    ids = [str(first + step * n) for n in range(count)]
    return body([QUERIED_ROW | {"id": each, "order_id": each} | members for each in ids])


# ---------------------------------------------------------------- one order


def test_an_order_is_asked_for_by_contract_mode_and_id() -> None:
    call = HTX.question_call(question(Step.ORDER), None)
    assert (call.method, call.path, call.operation) == ("GET", "/v5/trade/order", "order")
    assert dict(call.query) == {"contract_code": "ETH-USDT", "margin_mode": "cross", "order_id": ORDER_ID}
    by_both = HTX.question_call(question(Step.ORDER, ORDER_ID, CLIENT_ORDER_ID), None)
    assert "client_order_id" not in dict(by_both.query)
    assert dict(HTX.question_call(BY_ALIAS, None).query)["client_order_id"] == CLIENT_ORDER_ID


@pytest.mark.parametrize("data", [QUERIED_ROW, [QUERIED_ROW]])
def test_an_order_that_is_found_ends_the_walk(data: object) -> None:
    _, page = walk(question(Step.ORDER), body(data))
    found = answered(page)
    (report,) = found.reports
    assert (report.status, report.channel, found.absence) == (OrdStatus.NEW, "GET /v5/trade/order", None)


def test_an_isolated_order_is_found_at_the_second_try() -> None:
    asked, page = walk(question(Step.ORDER), MISSING, body(QUERIED_ROW | {"margin_mode": "isolated"}))
    assert [query["margin_mode"] for query in asked] == ["cross", "isolated"]
    assert answered(page).reports[0].order_id == ORDER_ID


@pytest.mark.parametrize("nothing", [MISSING, body(code=1017), body(None), EMPTY, body(code="1061")])
def test_an_order_that_is_in_neither_mode_is_denied(nothing: RestResponse) -> None:
    _, page = walk(question(Step.ORDER), nothing, nothing)
    found = answered(page)
    assert (found.reports, found.absence, found.complete) == ((), Absence.DENIES, True)


def test_after_one_mode_nothing_is_denied_yet() -> None:
    page = HTX.read_question(question(Step.ORDER), MISSING, None)
    assert (answered(page).absence, answered(page).complete) == (Absence.BLIND, False)


def test_a_client_id_dies_with_its_order_so_its_absence_is_blind() -> None:
    _, page = walk(BY_ALIAS, MISSING, MISSING)
    assert answered(page).absence is Absence.BLIND


def test_a_contract_that_does_not_exist_could_not_show_the_order() -> None:
    _, page = walk(question(Step.ORDER), body(code=1013), body(code=1061))
    assert answered(page).absence is Absence.BLIND


def test_an_answer_about_another_order_is_none() -> None:
    page = HTX.read_question(question(Step.ORDER), body(QUERIED_ROW | {"order_id": "7"}), None)
    assert "another order" in failed(page).why


def test_a_row_of_an_unknown_state_is_no_answer() -> None:
    page = HTX.read_question(question(Step.ORDER), body(QUERIED_ROW | {"state": "asleep"}), None)
    assert "asleep" in failed(page).why


@pytest.mark.parametrize(
    ("response", "is_limited"),
    [
        (body(code=1032, status=429), True),
        (body(code=1032), True),
        (RestResponse(429, b""), True),
        (body(code=1005), False),
        (body(code=1411), False),
        (body(QUERIED_ROW, status=502), False),
        (RestResponse(200, b'{"status":"error","err_code":403,"err_msg":"Verification failure"}'), False),
        (RestResponse(200, b"<html>"), False),
        (RestResponse(200, b"{}"), False),
    ],
)
def test_trouble_is_no_answer(response: RestResponse, is_limited: bool) -> None:
    for step in queries.LADDER:
        assert failed(HTX.read_question(question(step), response, None)).rate_limited is is_limited


# ---------------------------------------------------------------- open orders


def test_open_orders_are_asked_for_over_all_contracts_in_both_modes() -> None:
    asked, page = walk(ACCOUNT_WIDE, rows(1, 2), rows(5, 1))
    assert asked == [{"margin_mode": mode, "limit": "100"} for mode in ("cross", "isolated")]
    found = answered(page)
    assert (found.complete, found.absence, [r.order_id for r in found.reports]) == (True, None, ["5"])


def test_a_full_page_is_gone_on_from_above_its_greatest_id() -> None:
    asked, page = walk(ACCOUNT_WIDE, rows(1), rows(101), rows(201, 3), EMPTY)
    assert [query.get("from") for query in asked] == [None, "100", "200", None]
    assert [query.get("direct") for query in asked] == [None, "next", "next", None]
    assert [query["margin_mode"] for query in asked] == ["cross", "cross", "cross", "isolated"]
    assert answered(page).complete


def test_a_listing_that_runs_downwards_is_gone_on_from_below_its_least_id() -> None:
    asked, page = walk(ACCOUNT_WIDE, rows(500, step=-1), rows(400, 7, step=-1), EMPTY)
    assert (asked[1]["from"], asked[1]["direct"]) == ("401", "prev")
    assert answered(page).complete


def test_a_start_that_is_repeated_by_the_next_page_does_no_harm() -> None:
    _, page = walk(ACCOUNT_WIDE, rows(1), rows(100, 1), EMPTY)
    assert answered(page).complete
    _, page = walk(ACCOUNT_WIDE, rows(1), rows(100, 100), EMPTY, EMPTY)
    assert answered(page).complete


def test_a_page_that_only_repeats_what_was_seen_ends_the_mode_and_is_not_complete() -> None:
    for again in (rows(1), rows(1, 40)):
        _, page = walk(ACCOUNT_WIDE, rows(1), again, EMPTY)
        assert not answered(page).complete


def test_a_full_page_without_ids_cannot_be_gone_on_from() -> None:
    _, page = walk(ACCOUNT_WIDE, body([QUERIED_ROW | {"id": "x"}] * 100), EMPTY)
    assert not answered(page).complete


def test_pages_are_bounded_and_what_is_cut_is_not_complete() -> None:
    most = queries.PAGES_MAX[Step.OPEN_ORDERS]
    _, page = walk(ACCOUNT_WIDE, *[rows(100 * n + 1) for n in range(most)], EMPTY)
    assert not answered(page).complete


def test_a_row_that_cannot_be_read_costs_no_other_but_the_completeness() -> None:
    _, page = walk(ACCOUNT_WIDE, body([{"state": 7}, QUERIED_ROW]), EMPTY)
    assert not answered(page).complete
    first = HTX.read_question(ACCOUNT_WIDE, body([{"state": 7}, QUERIED_ROW]), None)
    assert [report.order_id for report in answered(first).reports] == [ORDER_ID]


def test_open_orders_without_the_asked_one_deny_that_it_is_open() -> None:
    _, page = walk(question(Step.OPEN_ORDERS), rows(1, 2), EMPTY)
    assert answered(page).absence is Absence.DENIES


# ---------------------------------------------------------------- history


def test_history_is_asked_for_by_contract_and_mode() -> None:
    asked, page = walk(question(Step.HISTORY), EMPTY, EMPTY)
    assert asked[0] == {"contract_code": "ETH-USDT", "margin_mode": "cross", "limit": "100"}
    assert answered(page).absence is Absence.BLIND  # its window is two days by the order's creation


def test_history_stops_at_the_asked_order() -> None:
    ended = CANCELED_ROW | {"id": "1550600000117440513"}
    _, page = walk(question(Step.HISTORY), rows(500, step=-1, state="filled"), body([ended]))
    found = answered(page)
    assert [(report.order_id, report.status) for report in found.reports] == [(ORDER_ID, OrdStatus.CANCELED)]


def test_history_finds_by_client_id_what_the_order_query_forgot() -> None:
    _, page = walk(question(Step.HISTORY, None, CLIENT_ORDER_ID), EMPTY, body([CANCELED_ROW]))
    assert answered(page).reports[0].client_order_id == CLIENT_ORDER_ID


def test_a_whole_history_denies_by_client_id_what_was_placed_lately() -> None:
    others = [body([CANCELED_ROW | {"order_id": "1", "client_order_id": "2"}]), EMPTY]
    _, page = walk(question(Step.HISTORY, None, CLIENT_ORDER_ID), *others)
    assert (answered(page).absence, answered(page).complete) == (Absence.DENIES_RECENT, True)
    _, by_order_id = walk(question(Step.HISTORY), *others)
    assert answered(by_order_id).absence is Absence.BLIND


@pytest.mark.parametrize("odd", [{"client_order_id": None}, {"client_order_id": ""}, {"state": "?"}])
def test_a_history_with_a_row_that_may_be_the_one_denies_nothing_by_client_id(odd: dict[str, object]) -> None:
    row = CANCELED_ROW | {"order_id": "1"} | odd
    _, page = walk(question(Step.HISTORY, None, CLIENT_ORDER_ID), body([row]), EMPTY)
    assert answered(page).absence is Absence.BLIND


def test_a_row_without_a_client_id_is_nobodys_alias() -> None:
    row = CANCELED_ROW | {"order_id": CLIENT_ORDER_ID, "client_order_id": CLIENT_ORDER_ID}
    _, page = walk(question(Step.HISTORY, None, CLIENT_ORDER_ID), body([row]), EMPTY)
    assert answered(page).reports == ()


def test_history_looks_only_so_far_back() -> None:
    most = queries.PAGES_MAX[Step.HISTORY]
    pages = [rows(100_000 - 100 * n, step=-1, state="filled") for n in range(most)]
    asked, _ = walk(question(Step.HISTORY), *pages, EMPTY)
    assert [query["margin_mode"] for query in asked] == ["cross"] * most + ["isolated"]
    _, page = walk(question(Step.HISTORY, None, "7"), *pages, EMPTY)
    assert answered(page).absence is Absence.BLIND
