"""The questions about an order at OKX, and what their answers are worth: order, pending, history, fills.

It refuses to conclude: an answer names orders as the venue lists them, and says what it is worth that the asked one is
not among them. Between the pages of a listing nothing is remembered but the cursor: a page that another one follows is
not ``complete`` and its ``absence`` is blind; the last page speaks for all of them.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import msgspec

from protocols.dialect import Cursor, Page, Question
from protocols.errors import Unreadable
from protocols.evidence import Absence, Frame, OrderReported, QuestionAnswered, QuestionFailed, Remedy, Source, Step
from protocols.jsonread import Json, as_object, frame_of, optional_text
from protocols.rest import RATE_LIMITED, Pairs, RestCall, RestResponse
from protocols.venues.okx import rates
from protocols.venues.okx.answers import Envelope, read_envelope
from protocols.venues.okx.codes import ACCEPTED, Table, row_of
from protocols.venues.okx.fills import executed, read_fill, report_fills
from protocols.venues.okx.orders import read_order

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from protocols.fix import ClientOrderId, OrderId
    from protocols.venues.okx.fills import Fill

LADDER: Final = (Step.ORDER, Step.OPEN_ORDERS, Step.HISTORY, Step.FILLS)
PATHS: Final = {
    Step.ORDER: "/api/v5/trade/order",
    Step.OPEN_ORDERS: "/api/v5/trade/orders-pending",
    Step.HISTORY: "/api/v5/trade/orders-history",
    Step.FILLS: "/api/v5/trade/fills",
}
OPERATIONS: Final = {
    Step.ORDER: rates.ORDER,
    Step.OPEN_ORDERS: rates.ORDERS_PENDING,
    Step.HISTORY: rates.ORDERS_HISTORY,
    Step.FILLS: rates.FILLS,
}
CHANNELS: Final = {step: f"GET {path}" for step, path in PATHS.items()}

PAGE_ROWS: Final = 100
"""The venue's greatest ``limit`` (OKX: Trade / GET Order List, Order history, Transaction details)."""
PAGES_MAX: Final = {Step.ORDER: 1, Step.OPEN_ORDERS: 50, Step.HISTORY: 10, Step.FILLS: 10}
"""An account has at most 4,000 pending orders, so 50 pages hold them all with some to come; of history and fills only
the newest thousand rows of one instrument are looked through."""

ORDER_ABSENCES: Final = {
    "51603": Absence.DENIES,
    "51063": Absence.DENIES,
    "51400": Absence.DENIES,
    "51001": Absence.BLIND,
}
"""What a refusal of the order query is worth. 51001: only live instruments can be asked about, and an order may have
outlived its instrument's name. Any other code is a failure of the question."""
UNKNOWN_INSTRUMENT: Final = "51001"

_SPOT: Final = re.compile(r"[A-Za-z0-9]+-[A-Za-z0-9]+")
_DERIVATIVES: Final = (
    ("SWAP", re.compile(r".+-SWAP")),
    ("OPTION", re.compile(r".+-[0-9]{6}-[^-]+-[CP]")),
    ("FUTURES", re.compile(r".+-[0-9]{6}")),
)


def instrument_types(instrument: str) -> tuple[str, ...]:
    """Tell the ``instType`` from an instrument id's form; () when it has none of the documented forms.

    A margin order has the instrument id of its spot pair, so a pair may be either.
    """
    for kind, form in _DERIVATIVES:
        if form.fullmatch(instrument):
            return (kind,)
    return ("SPOT", "MARGIN") if _SPOT.fullmatch(instrument) else ()


# ---------------------------------------------------------------- asking


class Mark(msgspec.Struct, frozen=True):
    """What a cursor says: where the next page starts, and what the pages before it leave to be known.

    ``kind`` is the ``instType`` that is looked through, ``executed`` the sum of fills so far, ``is_whole`` False after
    a row that could not be read.
    """

    kind: str = ""
    after: str = ""
    executed: str = "0"
    is_whole: bool = True

    def cursor(self, page: int) -> Cursor:
        """Write it as a cursor of the given page."""
        return Cursor(msgspec.json.encode(self).decode(), page)

    @staticmethod
    def of(cursor: Cursor | None) -> Mark:
        """Read it from a cursor; without one it is the start."""
        return Mark() if cursor is None else msgspec.json.decode(cursor.value, type=Mark)


def question_call(question: Question, cursor: Cursor | None) -> RestCall:
    """Write (a page of) a question."""
    mark = Mark.of(cursor)
    return RestCall(
        OPERATIONS[question.step], "GET", PATHS[question.step], _query(question, mark), instrument=question.instrument
    )


def _query(question: Question, mark: Mark) -> Pairs:
    if question.step is Step.ORDER:
        return (("instId", question.instrument), *_order_id(question.order_id, question.client_order_id))
    pairs: Pairs = ()
    if question.step is Step.HISTORY:
        pairs = (("instType", mark.kind or _kinds(question)[0]), ("instId", question.instrument))
    elif question.step is Step.FILLS:  # it takes no client id: by that one, the instrument's newest fills are looked at
        named = _order_id(question.order_id, None) if question.order_id is not None else ()
        pairs = (("instId", question.instrument), *named)
    return (*pairs, *((("after", mark.after),) if mark.after else ()), ("limit", str(PAGE_ROWS)))


def _order_id(order_id: OrderId | None, client_order_id: ClientOrderId | None) -> Pairs:
    """Name an order by one id: ``ordId`` where it is known, since only the latest order is found by client id."""
    if order_id is not None:
        return (("ordId", order_id),)
    return (("clOrdId", client_order_id),) if client_order_id is not None else ()


def _kinds(question: Question) -> tuple[str, ...]:
    return instrument_types(question.instrument) or ("SPOT",)


# ---------------------------------------------------------------- reading


class Answer(msgspec.Struct, frozen=True):
    """One page to be read, with all that its reading depends on."""

    question: Question
    rows: list[object]
    mark: Mark
    page: int
    frame: Frame

    @property
    def is_full(self) -> bool:
        """Whether more rows may follow."""
        return len(self.rows) >= PAGE_ROWS

    @property
    def absence(self) -> Absence | None:
        """What absence is worth as long as not everything was seen; None when the question is about no order."""
        return Absence.BLIND if self.is_about_an_order else None

    @property
    def is_about_an_order(self) -> bool:
        """Whether the question names an order."""
        return self.question.order_id is not None or self.question.client_order_id is not None

    def concerns(self, order_id: str | None, client_order_id: str | None) -> bool:
        """Whether ids are those of the asked order."""
        if self.question.order_id is not None:
            return order_id == self.question.order_id
        return client_order_id is not None and client_order_id == self.question.client_order_id

    def following(self, mark: Mark) -> Cursor | None:
        """Give the next page's cursor, unless enough pages were asked for."""
        return mark.cursor(self.page + 1) if self.page < PAGES_MAX[self.question.step] else None


def read_question(question: Question, response: RestResponse, cursor: Cursor | None, table: Table) -> Page:
    """Read (a page of) an answer. Never raises: what cannot be read is a `QuestionFailed`."""
    try:
        envelope = read_envelope(response)
        if envelope.code != ACCEPTED and not _is_kind_without_instrument(question, envelope, cursor):
            return _refused(question, response, envelope, table)
        page = 1 if cursor is None else cursor.page
        frame = frame_of(response.body)
        return _READERS[question.step](Answer(question, envelope.rows, Mark.of(cursor), page, frame))
    except Unreadable as error:
        return _failed(question, str(error), rate_limited=response.status == RATE_LIMITED)


def _is_kind_without_instrument(question: Question, envelope: Envelope, cursor: Cursor | None) -> bool:
    """Whether history knows the pair but not as this type: a pair without margin trading has no margin orders."""
    return question.step is Step.HISTORY and envelope.code == UNKNOWN_INSTRUMENT and Mark.of(cursor).kind == "MARGIN"


def _refused(question: Question, response: RestResponse, envelope: Envelope, table: Table) -> Page:
    base = envelope.code.partition("_")[0]
    absence = ORDER_ABSENCES.get(base) if question.step is Step.ORDER or base == UNKNOWN_INSTRUMENT else None
    if absence is None:
        row = row_of(envelope.code, table)
        limited = response.status == RATE_LIMITED or row.remedy is Remedy.BACK_OFF
        return _failed(question, f"{envelope.code} {envelope.message}".rstrip(), rate_limited=limited)
    answered = QuestionAnswered(
        question.query_id,
        question.step,
        (),
        absence,
        complete=absence is Absence.DENIES,
        code=envelope.code,
        message=envelope.message,
        frame=frame_of(response.body),
    )
    return Page(answered)


def _failed(question: Question, why: str, *, rate_limited: bool) -> Page:
    return Page(QuestionFailed(question.query_id, question.step, why, rate_limited))


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
    """Read the answer about one order. No row is as good as 51603; a row about another order is no answer."""
    if not answer.rows:
        return _page(answer, (), Absence.DENIES, complete=True)
    report = _report(answer, as_object(answer.rows[0], "data[0]"))
    if not answer.concerns(report.order_id, report.client_order_id):
        raise Unreadable("data[0]", f"about another order, {report.order_id}")
    return _page(answer, (report,), None, complete=True)


def _read_pending(answer: Answer) -> Page:
    """Read a page of all open orders. With a row that cannot be read the listing is not complete: it may be the one."""
    reports, is_whole = [], answer.mark.is_whole
    for row in answer.rows:
        try:
            reports.append(_report(answer, as_object(row, "row")))
        except Unreadable:
            is_whole = False
    after = _last_id(answer.rows, "ordId") if answer.is_full else None
    if after is not None:
        following = answer.following(Mark(after=after, is_whole=is_whole))
        return _page(answer, tuple(reports), answer.absence, complete=False, following=following)
    complete = is_whole and not answer.is_full
    denies = Absence.DENIES if complete and answer.is_about_an_order else answer.absence
    return _page(answer, tuple(reports), denies, complete=complete)


def _read_history(answer: Answer) -> Page:
    """Look for the asked order among an instrument's ended ones, newest first, type by type, and stop when found."""
    reports, is_whole = _asked_rows(answer)
    if reports:
        return _page(answer, tuple(reports), None, complete=False)
    kinds = _kinds(answer.question)
    kind = answer.mark.kind or kinds[0]
    rest = kinds[kinds.index(kind) + 1 :] if kind in kinds else ()
    after = _last_id(answer.rows, "ordId") if answer.is_full else None
    if after is not None or (rest and not answer.is_full):
        mark = Mark(kind, after, is_whole=is_whole) if after is not None else Mark(rest[0], is_whole=is_whole)
        return _page(answer, (), Absence.BLIND, complete=False, following=answer.following(mark))
    complete = is_whole and not answer.is_full and bool(instrument_types(answer.question.instrument))
    return _page(answer, (), Absence.DENIES if complete else Absence.BLIND, complete=complete)


def _asked_rows(answer: Answer) -> tuple[list[OrderReported], bool]:
    """Read the rows about the asked order; False when a row was there that cannot be read and may be about it."""
    reports, is_whole = [], answer.mark.is_whole
    for row in answer.rows:
        try:
            fields = as_object(row, "row")
            if answer.concerns(optional_text(fields, "ordId"), optional_text(fields, "clOrdId")):
                reports.append(_report(answer, fields))
        except Unreadable:
            is_whole = False
    return reports, is_whole


def _read_fills(answer: Answer) -> Page:
    """Sum the asked order's transactions, page by page. Without any nothing is known: absence is always blind."""
    fills: list[Fill] = []
    is_whole = answer.mark.is_whole
    for row in answer.rows:
        try:
            fill = read_fill(as_object(row, "row"))
        except Unreadable:
            is_whole = False
            continue
        if answer.concerns(fill.order_id, fill.client_order_id):
            fills.append(fill)
    carried = Decimal(answer.mark.executed)
    reports = report_fills(fills, carried, CHANNELS[Step.FILLS], answer.frame)
    after = _last_id(answer.rows, "billId") if answer.is_full and answer.question.order_id is not None else None
    if after is None:
        return _page(answer, reports, answer.absence, complete=is_whole and not answer.is_full)
    mark = Mark(after=after, executed=str(carried + executed(fills)), is_whole=is_whole)
    return _page(answer, reports, answer.absence, complete=False, following=answer.following(mark))


def _report(answer: Answer, row: Json) -> OrderReported:
    return read_order(row, Source.QUERY, CHANNELS[answer.question.step], answer.frame)


def _last_id(rows: list[object], key: str) -> str | None:
    """Give the id from which the next page goes on; None when the last row does not say it."""
    try:
        return optional_text(as_object(rows[-1], "row"), key)
    except Unreadable:
        return None


_READERS: Final[Mapping[Step, Callable[[Answer], Page]]] = {
    Step.ORDER: _read_order,
    Step.OPEN_ORDERS: _read_pending,
    Step.HISTORY: _read_history,
    Step.FILLS: _read_fills,
}
