"""How an answer about orders is read, whichever of OKX's products was asked: its pages, and what absence is worth.

It refuses to conclude: an answer names orders as the venue lists them, and says what it is worth that the asked one is
not among them. Between the pages of a listing nothing is remembered but the cursor: a page that another one follows is
not ``complete`` and its ``absence`` is blind; the last page speaks for all of them. What differs between products
(paths, rows, codes) stands in their `Catalogue`, and the questions that only one of them knows are read by that one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import msgspec

from protocols.asks import Cursor, Page, Question
from protocols.errors import Unreadable
from protocols.evidence import Absence, Frame, OrderReported, QuestionAnswered, QuestionFailed, Remedy, Source, Step
from protocols.jsonread import Json, as_object, frame_of, optional_text
from protocols.rest import RATE_LIMITED, Pairs, RestResponse
from protocols.venues.okx.answers import Envelope, read_envelope
from protocols.venues.okx.codes import ACCEPTED, Table, row_of
from protocols.venues.okx.fills import Fill, executed, report_fills

if TYPE_CHECKING:
    from protocols.fix import ClientOrderId, OrderId

PAGE_ROWS: Final = 100
"""The venue's greatest ``limit``, the same for every listing of orders and transactions."""

ORDER_ABSENCES: Final = {
    "51603": Absence.DENIES,
    "51063": Absence.DENIES,
    "51400": Absence.DENIES,
    "51001": Absence.BLIND,
}
"""What a refusal of the order query is worth. 51001: only live instruments can be asked about, and an order may have
outlived its instrument's name. Any other code is a failure of the question. For spreads the page names no code of an
unknown order, so any of these is taken."""
UNKNOWN_INSTRUMENT: Final = "51001"


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


class Catalogue(msgspec.Struct, frozen=True):
    """What differs between OKX's products when an order is asked about.

    ``pages_max`` bounds each answer; ``readers`` reads the pages of each step; ``is_empty`` tells a refusal that only
    says that there are no rows here, where the venue has such.
    """

    paths: Mapping[Step, str]
    operations: Mapping[Step, str]
    pages_max: Mapping[Step, int]
    read_row: Callable[[Json, Source, str, Frame], OrderReported]
    readers: Mapping[Step, Callable[[Answer], Page]]
    is_empty: Callable[[Question, str, Mark], bool] | None = None


class Answer(msgspec.Struct, frozen=True):
    """One page to be read, with all that its reading depends on."""

    catalogue: Catalogue
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

    @property
    def channel(self) -> str:
        """The name of the question as a source of evidence."""
        return f"GET {self.catalogue.paths[self.question.step]}"

    def concerns(self, order_id: str | None, client_order_id: str | None) -> bool:
        """Whether ids are those of the asked order."""
        if self.question.order_id is not None:
            return order_id == self.question.order_id
        return client_order_id is not None and client_order_id == self.question.client_order_id

    def following(self, mark: Mark) -> Cursor | None:
        """Give the next page's cursor, unless enough pages were asked for."""
        return mark.cursor(self.page + 1) if self.page < self.catalogue.pages_max[self.question.step] else None

    def last_id(self, key: str) -> str | None:
        """Give the id from which a next page goes on; None when this one is the last or does not say it."""
        if not self.is_full:
            return None
        try:
            return optional_text(as_object(self.rows[-1], "row"), key)
        except Unreadable:
            return None

    def report(self, row: Json) -> OrderReported:
        """Read one row of orders, or raise `Unreadable`."""
        return self.catalogue.read_row(row, Source.QUERY, self.channel, self.frame)

    def said(
        self,
        reports: tuple[OrderReported, ...],
        absence: Absence | None,
        *,
        complete: bool,
        following: Cursor | None = None,
    ) -> Page:
        """Make the page of what was read."""
        question = self.question
        answered = QuestionAnswered(
            question.query_id, question.step, reports, absence, complete, code=ACCEPTED, frame=self.frame
        )
        return Page(answered, following)


def named(order_id: OrderId | None, client_order_id: ClientOrderId | None) -> Pairs:
    """Name an order by one id: ``ordId`` where it is known, since only the latest order is found by client id."""
    if order_id is not None:
        return (("ordId", order_id),)
    return (("clOrdId", client_order_id),) if client_order_id is not None else ()


# ---------------------------------------------------------------- any answer


def read_question(
    catalogue: Catalogue, question: Question, response: RestResponse, cursor: Cursor | None, table: Table
) -> Page:
    """Read (a page of) an answer. Never raises: what cannot be read is a `QuestionFailed`."""
    try:
        envelope = read_envelope(response)
        mark = Mark.of(cursor)
        is_empty = catalogue.is_empty is not None and catalogue.is_empty(question, envelope.code, mark)
        if envelope.code != ACCEPTED and not is_empty:
            return _refused(question, response, envelope, table)
        page = 1 if cursor is None else cursor.page
        answer = Answer(catalogue, question, envelope.rows, mark, page, frame_of(response.body))
        return catalogue.readers[question.step](answer)
    except Unreadable as error:
        return _failed(question, str(error), rate_limited=response.status == RATE_LIMITED)


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


# ---------------------------------------------------------------- what every product answers alike


def read_order_details(answer: Answer) -> Page:
    """Read the answer about one order. No row is as good as 51603; a row about another order is no answer."""
    if not answer.rows:
        return answer.said((), Absence.DENIES, complete=True)
    report = answer.report(as_object(answer.rows[0], "data[0]"))
    if not answer.concerns(report.order_id, report.client_order_id):
        raise Unreadable("data[0]", f"about another order, {report.order_id}")
    return answer.said((report,), None, complete=True)


def read_open_orders(answer: Answer) -> Page:
    """Read a page of all open orders. With a row that cannot be read the listing is not complete: it may be the one."""
    reports, is_whole = [], answer.mark.is_whole
    for row in answer.rows:
        try:
            reports.append(answer.report(as_object(row, "row")))
        except Unreadable:
            is_whole = False
    after = answer.last_id("ordId")
    if after is not None:
        following = answer.following(Mark(after=after, is_whole=is_whole))
        return answer.said(tuple(reports), answer.absence, complete=False, following=following)
    complete = is_whole and not answer.is_full
    denies = Absence.DENIES if complete and answer.is_about_an_order else answer.absence
    return answer.said(tuple(reports), denies, complete=complete)


class Ended(msgspec.Struct, frozen=True):
    """The rows of a page of history: ``is_found`` says that one is about the asked order, ``is_whole`` is False when
    a row was there that cannot be read and may be about it.
    """

    reports: tuple[OrderReported, ...]
    is_found: bool
    is_whole: bool


def ended_rows(answer: Answer) -> Ended:
    """Read all rows of a page of history: what it shows of other orders may be what somebody else waits for.

    An order that is not asked about is told as far as it can be read.
    """
    reports, is_found, is_whole = [], False, answer.mark.is_whole
    for row in answer.rows:
        is_asked = True
        try:
            fields = as_object(row, "row")
            is_asked = answer.concerns(optional_text(fields, "ordId"), optional_text(fields, "clOrdId"))
            reports.append(answer.report(fields))
        except Unreadable:
            is_whole = is_whole and not is_asked
        else:
            is_found = is_found or is_asked
    return Ended(tuple(reports), is_found, is_whole)


def read_transactions(answer: Answer, read: Callable[[Json], Fill | None], key: str) -> Page:
    """Sum the asked order's transactions, page by page. Without any nothing is known: absence is always blind.

    ``read`` reads a row, or None where it is no execution; ``key`` names the id by which the listing is paged. By
    client id only the newest page is looked at.
    """
    fills: list[Fill] = []
    is_whole = answer.mark.is_whole
    for row in answer.rows:
        try:
            fill = read(as_object(row, "row"))
        except Unreadable:
            is_whole = False
            continue
        if fill is not None and answer.concerns(fill.order_id, fill.client_order_id):
            fills.append(fill)
    carried = Decimal(answer.mark.executed)
    reports = report_fills(fills, carried, answer.channel, answer.frame)
    after = answer.last_id(key) if answer.question.order_id is not None else None
    if after is None:
        return answer.said(reports, answer.absence, complete=is_whole and not answer.is_full)
    mark = Mark(after=after, executed=str(carried + executed(fills)), is_whole=is_whole)
    return answer.said(reports, answer.absence, complete=False, following=answer.following(mark))
