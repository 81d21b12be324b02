"""The questions about a spread order at OKX: order, active orders, history, trades. How answers are read is
`okx.asking`'s.

It refuses to conclude. What is special here: an order is asked for without naming its spread, listings go on by
``endId``, and a trade counts when it is settled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from protocols.evidence import Absence, Step
from protocols.rest import RestCall
from protocols.venues.okx import asking
from protocols.venues.okx.asking import PAGE_ROWS, Answer, Catalogue, Mark, named
from protocols.venues.okx_spread import rates
from protocols.venues.okx_spread.orders import read_spread_order, read_spread_trade

if TYPE_CHECKING:
    from protocols.asks import Cursor, Page, Question
    from protocols.rest import Pairs, RestResponse
    from protocols.venues.okx.codes import Table

LADDER: Final = (Step.ORDER, Step.OPEN_ORDERS, Step.HISTORY, Step.FILLS)
PATHS: Final = {
    Step.ORDER: "/api/v5/sprd/order",
    Step.OPEN_ORDERS: "/api/v5/sprd/orders-pending",
    Step.HISTORY: "/api/v5/sprd/orders-history",
    Step.FILLS: "/api/v5/sprd/trades",
}
OPERATIONS: Final = {
    Step.ORDER: rates.ORDER,
    Step.OPEN_ORDERS: rates.ORDERS_PENDING,
    Step.HISTORY: rates.ORDERS_HISTORY,
    Step.FILLS: rates.TRADES,
}
PAGES_MAX: Final = {Step.ORDER: 1, Step.OPEN_ORDERS: 10, Step.HISTORY: 10, Step.FILLS: 10}
"""A user has at most 500 pending spread orders, so ten pages hold them all with some to come (OKX: Spread Trading /
Introduction); of history and trades only the newest thousand rows of one spread are looked through."""


def question_call(question: Question, cursor: Cursor | None) -> RestCall:
    """Write (a page of) a question."""
    query = _query(question, Mark.of(cursor))
    return RestCall(OPERATIONS[question.step], "GET", PATHS[question.step], query, instrument=question.instrument)


def read_question(question: Question, response: RestResponse, cursor: Cursor | None, table: Table) -> Page:
    """Read (a page of) an answer. Never raises: what cannot be read is a `QuestionFailed`."""
    return asking.read_question(CATALOGUE, question, response, cursor, table)


def _query(question: Question, mark: Mark) -> Pairs:
    if question.step is Step.ORDER:
        return named(question.order_id, question.client_order_id)
    pairs: Pairs = ()
    if question.step is Step.HISTORY:
        pairs = (("sprdId", question.instrument),)
    elif question.step is Step.FILLS:  # it takes no client id: by that one, the spread's newest trades are looked at
        pairs = named(question.order_id, None) or (("sprdId", question.instrument),)
    return (*pairs, *((("endId", mark.after),) if mark.after else ()), ("limit", str(PAGE_ROWS)))


def _read_history(answer: Answer) -> Page:
    """Look for the asked order among a spread's ended ones, newest first, and stop when it is found."""
    seen = asking.ended_rows(answer)
    if seen.is_found:
        return answer.said(seen.reports, None, complete=False)
    after = answer.last_id("ordId")
    if after is not None:
        following = answer.following(Mark(after=after, is_whole=seen.is_whole))
        return answer.said(seen.reports, Absence.BLIND, complete=False, following=following)
    complete = seen.is_whole and not answer.is_full
    return answer.said(seen.reports, Absence.DENIES if complete else Absence.BLIND, complete=complete)


def _read_trades(answer: Answer) -> Page:
    return asking.read_transactions(answer, read_spread_trade, "tradeId")


CATALOGUE: Final = Catalogue(
    PATHS,
    OPERATIONS,
    PAGES_MAX,
    read_spread_order,
    {
        Step.ORDER: asking.read_order_details,
        Step.OPEN_ORDERS: asking.read_open_orders,
        Step.HISTORY: _read_history,
        Step.FILLS: _read_trades,
    },
)
