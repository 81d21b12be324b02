"""Bitget's questions as walks: a question is one or several legs, each a paged call, and is read page by page.

Both generations ask this way; which legs a question has stands in `classic_questions` and `unified_questions`. It
refuses to conclude: an answer names orders as the venue lists them, and says what it is worth that the asked one is not
among them. Between the pages nothing is remembered but the cursor: a page that another one follows is not ``complete``
and its ``absence`` is blind; the last page speaks for all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import msgspec

from protocols.asks import Cursor, Page, Question
from protocols.errors import Unreadable
from protocols.evidence import Absence, Frame, OrderReported, QuestionAnswered, QuestionFailed, Remedy, Source, Step
from protocols.jsonread import Json, as_array, as_object, frame_of, optional_text
from protocols.rest import RATE_LIMITED, Pairs, RestCall, RestResponse
from protocols.venues.bitget.answers import Envelope, read_envelope
from protocols.venues.bitget.codes import row_of
from protocols.venues.bitget.orders import Surface, read_order

if TYPE_CHECKING:
    from protocols.fix import ClientOrderId, OrderId

PAGE_ROWS: Final = 100
"""The venue's greatest ``limit`` on every listing."""
PAGES_MAX: Final = {Step.ORDER: 1, Step.OPEN_ORDERS: 50, Step.HISTORY: 5, Step.FILLS: 1, Step.PRODUCT_ORDERS: 50}
"""Of history only the newest five hundred rows of a symbol are looked through."""

ORDER_ABSENCES: Final = {
    **dict.fromkeys("22001 25204 31007 40109 40768 40819 43001 45057 80011".split(), Absence.DENIES),
    **dict.fromkeys("43020 43025 43033".split(), Absence.BLIND),
}
"""What a refusal of the order's own question is worth. The last three speak of trigger orders, kept elsewhere. 40109
comes for a wrong symbol or product too: the listing over all products, which ends each round, would show that."""


class Shape(msgspec.Struct, frozen=True):
    """How a page lists its ``rows``, and where the next one starts: a field of ``data``, or the last row's id."""

    rows: str | None
    next_field: str | None
    after: str


FUTURES_LIST: Final = Shape("entrustedList", "endId", "idLessThan")
SPOT_LIST: Final = Shape(None, None, "idLessThan")
UNIFIED_LIST: Final = Shape("list", "cursor", "cursor")


class Leg(msgspec.Struct, frozen=True):
    """One paged call of a question."""

    operation: str
    path: str
    query: Pairs
    product: str
    surface: Surface
    shape: Shape
    is_listing: bool = True


Legs = tuple[Leg, ...]


class Asks(msgspec.Struct, frozen=True):
    """A generation's questions: the leg about an order, the one of its history, those of all open orders."""

    order: Callable[[Question], Leg]
    history: Callable[[Question], Leg]
    listing: Callable[[tuple[str, ...]], Legs]

    def legs_for(self, question: Question, products: tuple[str, ...]) -> Legs:
        """Give the calls that make up a question, for an account that watches these product lines."""
        match question.step:
            case Step.OPEN_ORDERS:
                return self.listing(products)
            case Step.PRODUCT_ORDERS:
                return self.listing((question.product,))
            case Step.HISTORY:
                return (self.history(question),)
            case _:
                return (self.order(question),)


class Mark(msgspec.Struct, frozen=True):
    """What a cursor says: which leg, where its next page starts, and whether every row so far could be read."""

    leg: int = 0
    after: str = ""
    is_whole: bool = True

    def cursor(self, page: int) -> Cursor:
        """Write it as a cursor of the given page."""
        return Cursor(msgspec.json.encode(self).decode(), page)

    @staticmethod
    def of(cursor: Cursor | None) -> Mark:
        """Read it from a cursor; without one it is the start."""
        return Mark() if cursor is None else msgspec.json.decode(cursor.value, type=Mark)


def id_pairs(order_id: OrderId | None, client_order_id: ClientOrderId | None) -> Pairs:
    """Name an order by one id: ``orderId`` where it is known, since a client id may be another order's too."""
    if order_id is not None:
        return (("orderId", order_id),)
    return (("clientOid", client_order_id),) if client_order_id is not None else ()


def call_of(question: Question, cursor: Cursor | None, legs: Legs) -> RestCall:
    """Write (a page of) a question."""
    mark = Mark.of(cursor)
    leg = legs[mark.leg]
    pairs = leg.query
    if leg.is_listing:
        pairs = (*pairs, ("limit", str(PAGE_ROWS)), *(((leg.shape.after, mark.after),) if mark.after else ()))
    return RestCall(leg.operation, "GET", leg.path, pairs, instrument=question.instrument)


# ---------------------------------------------------------------- reading


class Answer(msgspec.Struct, frozen=True):
    """One page to be read, with all that its reading depends on."""

    question: Question
    legs: Legs
    rows: list[object]
    next_after: str | None
    mark: Mark
    page: int
    frame: Frame

    @property
    def leg(self) -> Leg:
        """The leg that the page belongs to."""
        return self.legs[self.mark.leg]

    @property
    def blind(self) -> Absence | None:
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

    def following(self, *, is_whole: bool) -> tuple[bool, Cursor | None]:
        """Say whether more is to come after this page, and the cursor of that unless enough pages were asked for."""
        if self.next_after is not None:
            mark = Mark(self.mark.leg, self.next_after, is_whole)
        elif self.mark.leg + 1 < len(self.legs):
            mark = Mark(self.mark.leg + 1, "", is_whole)
        else:
            return False, None
        return True, mark.cursor(self.page + 1) if self.page < PAGES_MAX[self.question.step] else None

    def report(self, row: Json) -> OrderReported:
        """Read one row, or raise `Unreadable`."""
        leg = self.leg
        return read_order(row, leg.surface, Source.QUERY, leg.product, f"GET {leg.path}", self.frame)


def read(question: Question, response: RestResponse, cursor: Cursor | None, legs: Legs) -> Page:
    """Read (a page of) an answer. Never raises: what cannot be read is a `QuestionFailed`."""
    try:
        envelope = read_envelope(response)
        if question.step not in _READERS:
            return failed(question, "no such question is put to this venue")
        if not envelope.is_accepted:
            return _refused(question, response, envelope)
        answer = _answer(question, response, envelope, cursor, legs)
        return _READERS[question.step](answer)
    except Unreadable as error:
        return failed(question, str(error), rate_limited=response.status == RATE_LIMITED)


def failed(question: Question, why: str, *, rate_limited: bool = False) -> Page:
    """Say that a question was not answered."""
    return Page(QuestionFailed(question.query_id, question.step, why, rate_limited))


def _answer(
    question: Question, response: RestResponse, envelope: Envelope, cursor: Cursor | None, legs: Legs
) -> Answer:
    mark = Mark.of(cursor)
    leg = legs[mark.leg]
    rows = _rows(envelope.data, leg)
    page = 1 if cursor is None else cursor.page
    return Answer(question, legs, rows, _next_after(envelope.data, rows, leg), mark, page, frame_of(response.body))


def _rows(data: object, leg: Leg) -> list[object]:
    """Give the rows of a page. None at all may be null, "", {} or []; the order's own answer is the row itself."""
    if data in (None, "", {}):
        return []
    if isinstance(data, list):
        return as_array(data, "data")
    if leg.shape.rows is None or not leg.is_listing:
        return [as_object(data, "data")]
    listed = as_object(data, "data").get(leg.shape.rows)
    return [] if listed is None else as_array(listed, f"data.{leg.shape.rows}")


def _next_after(data: object, rows: list[object], leg: Leg) -> str | None:
    """Say where the next page starts; None after a page that is not full."""
    if not leg.is_listing or len(rows) < PAGE_ROWS:
        return None
    named = optional_text(data, leg.shape.next_field) if isinstance(data, dict) and leg.shape.next_field else None
    if named is None and leg.shape.after == "idLessThan":
        named = optional_text(as_object(rows[-1], "row"), "orderId")
    if named is None:
        raise Unreadable("data", "a full page that does not say where the next one starts")
    return named


def _refused(question: Question, response: RestResponse, envelope: Envelope) -> Page:
    absence = ORDER_ABSENCES.get(envelope.code) if question.step is Step.ORDER else None
    if absence is None:
        limited = response.status == RATE_LIMITED or row_of(envelope.code).remedy is Remedy.BACK_OFF
        return failed(question, f"{envelope.code} {envelope.message}".rstrip(), rate_limited=limited)
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


def _page(
    answer: Answer,
    reports: tuple[OrderReported, ...],
    absence: Absence | None,
    *,
    complete: bool,
    following: Cursor | None = None,
) -> Page:
    asked = answer.question
    answered = QuestionAnswered(
        asked.query_id, asked.step, reports, absence, complete, code="00000", frame=answer.frame
    )
    return Page(answered, following)


def _read_order(answer: Answer) -> Page:
    """Read the answer about one order. No row is as good as 43001; a row about another order is no answer."""
    if not answer.rows:
        return _page(answer, (), Absence.DENIES, complete=True)
    report = answer.report(as_object(answer.rows[0], "data"))
    if not answer.concerns(report.order_id, report.client_order_id):
        raise Unreadable("data", f"about another order, {report.order_id}")
    return _page(answer, (report,), None, complete=True)


def _read_listing(answer: Answer) -> Page:
    """Read a page of all open orders. With a row that cannot be read the listing is not complete: it may be the one."""
    reports, is_whole = [], answer.mark.is_whole
    for row in answer.rows:
        try:
            reports.append(answer.report(as_object(row, "row")))
        except Unreadable:
            is_whole = False
    has_more, following = answer.following(is_whole=is_whole)
    if has_more:
        return _page(answer, tuple(reports), answer.blind, complete=False, following=following)
    denies = Absence.DENIES if is_whole and answer.is_about_an_order else answer.blind
    return _page(answer, tuple(reports), denies, complete=is_whole)


def _read_history(answer: Answer) -> Page:
    """Look for the asked order among a symbol's ended ones, newest first, and stop when found.

    What the page shows of other orders is told, too: each may be one that somebody else waits for.
    """
    reports, is_whole, is_found = [], answer.mark.is_whole, False
    for row in answer.rows:
        is_asked = True
        try:
            fields = as_object(row, "row")
            is_asked = answer.concerns(optional_text(fields, "orderId"), optional_text(fields, "clientOid"))
            reports.append(answer.report(fields))
        except Unreadable:
            is_whole = is_whole and not is_asked
        else:
            is_found = is_found or is_asked
    if is_found:
        return _page(answer, tuple(reports), None, complete=False)
    has_more, following = answer.following(is_whole=is_whole)
    denies = Absence.DENIES if is_whole and not has_more else Absence.BLIND
    return _page(answer, tuple(reports), denies, complete=is_whole and not has_more, following=following)


_READERS: Final[dict[Step, Callable[[Answer], Page]]] = {
    Step.ORDER: _read_order,
    Step.OPEN_ORDERS: _read_listing,
    Step.PRODUCT_ORDERS: _read_listing,
    Step.HISTORY: _read_history,
}
LADDER: Final = (Step.ORDER, Step.HISTORY, Step.OPEN_ORDERS)
"""The listing last: it ends a round of "not found", and takes several calls."""
