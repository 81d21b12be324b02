"""The questions about an order at BingX, and what their answers are worth: query, open orders, history, transactions.

It refuses to conclude: an answer names orders as the venue lists them, and says what it is worth that the asked one is
not among them. Only the order's own query by order id denies: client ids are found for two hours only, and the pages do
not say how long history goes back. Listings can be stale both ways, which is what the replica lag is for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from protocols.asks import Cursor, Page, Question
from protocols.errors import Unreadable
from protocols.evidence import Absence, Frame, OrderReported, Proof, QuestionAnswered, QuestionFailed, Remedy, Step
from protocols.jsonread import Json, as_array, as_object, frame_of
from protocols.rest import RATE_LIMITED, Pairs, RestCall, RestResponse
from protocols.venues.bingx import rates
from protocols.venues.bingx.answers import Envelope, hold_of, read_envelope
from protocols.venues.bingx.codes import ACCEPTED, STATUS_HOLDS, says_not_there
from protocols.venues.bingx.fills import read_fill, report_fills
from protocols.venues.bingx.orders import read_row

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LADDER: Final = (Step.ORDER, Step.OPEN_ORDERS, Step.HISTORY, Step.FILLS)
PATHS: Final = {
    Step.ORDER: "/openApi/spot/v1/trade/query",
    Step.OPEN_ORDERS: "/openApi/spot/v1/trade/openOrders",
    Step.HISTORY: "/openApi/spot/v1/trade/historyOrders",
    Step.FILLS: "/openApi/spot/v1/trade/myTrades",
}
CHANNELS: Final = {step: f"GET {path}" for step, path in PATHS.items()}

OPEN_ORDERS_MAX: Final = 2000
"""At most so many are listed, and there are no pages (BingX: Spot / Trade / Current Open Orders)."""
PAGE_ROWS: Final = 100
"""The greatest ``pageSize`` of history (BingX: Spot / Trade / Query Order history)."""
PAGES_MAX: Final = 5
"""Of history. With an order id it starts at that order, so the first page has it, or the last ones do."""
TRADES_MAX: Final = 1000
"""The greatest ``limit`` of transactions (BingX: Spot / Trade / Query transaction details)."""


# ---------------------------------------------------------------- asking


def question_call(question: Question, cursor: Cursor | None) -> RestCall:
    """Write (a page of) a question."""
    page = 1 if cursor is None else cursor.page
    return RestCall(
        rates.QUESTIONS[question.step], "GET", PATHS[question.step], _query(question, page),
        instrument=question.instrument,
    )  # fmt: skip


def _query(question: Question, page: int) -> Pairs:
    symbol = ("symbol", question.instrument)
    match question.step:
        case Step.ORDER if question.order_id is not None:
            return (symbol, ("orderId", question.order_id))
        case Step.ORDER:
            return (symbol, ("clientOrderID", question.client_order_id or ""))
        case Step.OPEN_ORDERS | Step.PRODUCT_ORDERS:  # without a symbol: all of the account, which is one product line
            return ()
        case Step.HISTORY:
            start: Pairs = () if question.order_id is None else (("orderId", question.order_id),)
            return (symbol, *start, ("pageIndex", str(page)), ("pageSize", str(PAGE_ROWS)))
        case Step.FILLS:
            named: Pairs = () if question.order_id is None else (("orderId", question.order_id),)
            return (symbol, *named, ("limit", str(TRADES_MAX)))


# ---------------------------------------------------------------- reading


class Answer(msgspec.Struct, frozen=True):
    """One page to be read, with all that its reading depends on."""

    question: Question
    data: Json
    page: int
    frame: Frame

    @property
    def is_about_an_order(self) -> bool:
        """Whether the question names an order."""
        return self.question.order_id is not None or self.question.client_order_id is not None

    @property
    def absence(self) -> Absence | None:
        """What absence is worth in a listing; None when the question is about no order."""
        return Absence.BLIND if self.is_about_an_order else None

    def rows(self, key: str) -> list[object]:
        """Give the rows of ``data``; without the member, or with null, there are none."""
        rows = self.data.get(key)
        return [] if rows is None else as_array(rows, f"data.{key}")

    def concerns(self, order_id: str | None, client_order_id: str | None) -> bool:
        """Whether ids are those of the asked order."""
        if self.question.order_id is not None:
            return order_id == self.question.order_id
        return client_order_id is not None and client_order_id == self.question.client_order_id

    def report(self, row: Json) -> OrderReported:
        """Read a row about an order, or raise `Unreadable`."""
        return read_row(row, CHANNELS[self.question.step], self.frame)


def read_question(question: Question, response: RestResponse, cursor: Cursor | None) -> Page:
    """Read (a page of) an answer. Never raises: what cannot be read is a `QuestionFailed`."""
    try:
        envelope = read_envelope(response)
        if envelope.code != ACCEPTED:
            return _refused(question, response, envelope)
        page = 1 if cursor is None else cursor.page
        data = as_object(envelope.data, "data")
        return _READERS[question.step](Answer(question, data, page, frame_of(response.body)))
    except Unreadable as error:
        limited = response.status in STATUS_HOLDS
        hold = hold_of(response, Remedy.BACK_OFF if limited else Remedy.NONE, "")
        return Page(
            QuestionFailed(question.query_id, question.step, str(error), rate_limited=limited, hold_ms=hold.ms)
        )  # fmt: skip


def _refused(question: Question, response: RestResponse, envelope: Envelope) -> Page:
    """Read a refusal: "not there" where it can be that, else a failure of the question. The venue counts either."""
    row = envelope.row
    if question.step is Step.ORDER and row.proof is Proof.GONE:
        absence = _worth(question, envelope.message)
        answered = QuestionAnswered(
            question.query_id, question.step, (), absence, complete=absence is not Absence.BLIND, code=envelope.code,
            message=envelope.message, frame=frame_of(response.body), counts_as_error=True,
        )  # fmt: skip
        return Page(answered)
    limited = response.status == RATE_LIMITED or row.remedy is Remedy.BACK_OFF
    hold = hold_of(response, row.remedy, envelope.message)
    why = f"{envelope.code} {envelope.message.strip()}".rstrip()
    return Page(
        QuestionFailed(
            question.query_id, question.step, why, rate_limited=limited, counts_as_error=True, hold_ms=hold.ms,
            hold_until_ms=hold.until_ms,
        )
    )  # fmt: skip


def _worth(question: Question, message: str) -> Absence:
    """Say what "not there" is worth: a client id is found for two hours only (BingX: Spot / Query Order details)."""
    if question.order_id is not None:
        return Absence.DENIES
    return Absence.DENIES_RECENT if says_not_there(message) else Absence.BLIND


def _page(
    answer: Answer,
    reports: tuple[OrderReported, ...],
    absence: Absence | None,
    *,
    complete: bool,
    following: Cursor | None = None,
) -> Page:
    question = answer.question
    return Page(
        QuestionAnswered(
            question.query_id, question.step, reports, absence, complete, code=ACCEPTED, frame=answer.frame
        ),
        following,
    )


def _read_order(answer: Answer) -> Page:
    """Read the answer about one order; one about another order is no answer."""
    report = answer.report(answer.data)
    if not answer.concerns(report.order_id, report.client_order_id):
        raise Unreadable("data", f"about another order, {report.order_id}")
    return _page(answer, (report,), None, complete=True)


def _read_open(answer: Answer) -> Page:
    """Read all open orders. With a row that cannot be read, or too many, the listing is not complete."""
    rows = answer.rows("orders")
    reports, is_whole = [], len(rows) < OPEN_ORDERS_MAX
    for row in rows:
        try:
            reports.append(answer.report(as_object(row, "row")))
        except Unreadable:
            is_whole = False
    return _page(answer, tuple(reports), answer.absence, complete=is_whole)


def _read_history(answer: Answer) -> Page:
    """Look for the asked order among an instrument's orders, page by page, and stop when it is found.

    What the pages show of other orders is told, too: each may be one that somebody else waits for.
    """
    rows = answer.rows("orders")
    reports, is_found = [], False
    for row in rows:
        try:
            report = answer.report(as_object(row, "row"))
        except Unreadable:
            continue
        reports.append(report)
        is_found = is_found or answer.concerns(report.order_id, report.client_order_id)
    if is_found or len(rows) < PAGE_ROWS or answer.page >= PAGES_MAX:
        return _page(answer, tuple(reports), None if is_found else answer.absence, complete=False)
    return _page(answer, tuple(reports), answer.absence, complete=False, following=Cursor("", answer.page + 1))


def _read_fills(answer: Answer) -> Page:
    """Sum the asked order's transactions. They name no client id, so by that one nothing is found."""
    rows = answer.rows("fills")
    fills, is_whole = [], len(rows) < TRADES_MAX
    for row in rows:
        try:
            fill = read_fill(as_object(row, "row"))
        except Unreadable:
            is_whole = False
            continue
        if answer.concerns(fill.order_id, None):
            fills.append(fill)
    reports = report_fills(fills, CHANNELS[Step.FILLS], answer.frame)
    return _page(answer, reports, answer.absence, complete=is_whole)


_READERS: Final[Mapping[Step, Callable[[Answer], Page]]] = {
    Step.ORDER: _read_order,
    Step.OPEN_ORDERS: _read_open,
    Step.HISTORY: _read_history,
    Step.FILLS: _read_fills,
}
