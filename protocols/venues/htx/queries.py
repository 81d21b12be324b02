"""The questions about an order at HTX, and what their answers are worth: order, open orders, history.

It refuses to conclude: an answer names orders as the venue lists them, and says what it is worth that the asked one is
not among them. Every question is put in both margin modes, one after the other, since an order of the other mode looks
like one that does not exist, and the mode of an order is not known here. So an answer is a walk over `MODES`, page by
page; between pages nothing is remembered but the cursor. The last page speaks for all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from protocols.asks import Cursor, Page, Question
from protocols.errors import Unreadable
from protocols.evidence import Absence, Frame, OrderReported, QuestionAnswered, QuestionFailed, Remedy, Source, Step
from protocols.jsonread import Json, as_object, frame_of, optional_text
from protocols.rest import RATE_LIMITED, Pairs, RestCall, RestResponse
from protocols.venues.htx import rates
from protocols.venues.htx.answers import Envelope, read_envelope, rows_of
from protocols.venues.htx.codes import ACCEPTED, row_of
from protocols.venues.htx.orders import own_client_id, read_order

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LADDER: Final = (Step.ORDER, Step.OPEN_ORDERS, Step.HISTORY)
PATHS: Final = {
    Step.ORDER: "/v5/trade/order",
    Step.OPEN_ORDERS: "/v5/trade/order/opens",
    Step.HISTORY: "/v5/trade/order/history",
}
OPERATIONS: Final = {Step.ORDER: rates.ORDER, Step.OPEN_ORDERS: rates.OPEN_ORDERS, Step.HISTORY: rates.HISTORY}
CHANNELS: Final = {step: f"GET {path}" for step, path in PATHS.items()}

MODES: Final = ("cross", "isolated")
CALLS: Final = dict.fromkeys(LADDER, len(MODES))
"""What a question takes at the most, as long as its listings fit on a page; more pages are the limiter's matter."""
PAGE_ROWS: Final = 100
"""The venue's greatest ``limit``; its default is 10 (HTX: Orders / Get Current Orders, Get Order History)."""
PAGES_MAX: Final = {Step.ORDER: 1, Step.OPEN_ORDERS: 20, Step.HISTORY: 10}
"""Of one margin mode. Of the past only the newest thousand orders of one contract are looked through."""
NEXT, PREV = "next", "prev"


# ---------------------------------------------------------------- asking


class Mark(msgspec.Struct, frozen=True):
    """What a cursor says: where the next page starts, and what the pages before it leave to be known.

    ``mode`` counts in `MODES`, ``pages`` those of this mode so far; ``low`` and ``high`` are the query ids between
    which everything was seen; ``is_whole`` is False after a row that could not be read, or a page that did not come.
    """

    mode: int = 0
    pages: int = 0
    direct: str = ""
    low: int = 0
    high: int = 0
    is_whole: bool = True

    @property
    def start(self) -> int:
        """The query id after which the next page goes on; 0 for the first page."""
        return {NEXT: self.high, PREV: self.low}.get(self.direct, 0)

    @staticmethod
    def of(cursor: Cursor | None) -> Mark:
        """Read it from a cursor; without one it is the start."""
        return Mark() if cursor is None else msgspec.json.decode(cursor.value, type=Mark)


def question_call(question: Question, cursor: Cursor | None) -> RestCall:
    """Write (a page of) a question."""
    mark = Mark.of(cursor)
    pairs: Pairs = (("margin_mode", MODES[mark.mode]),)
    if question.step is not Step.OPEN_ORDERS:  # which is asked of all contracts
        pairs += (("contract_code", question.instrument),)
    if question.step is Step.ORDER:
        pairs += _order_id(question)
    else:
        pairs += (("limit", str(PAGE_ROWS)),)
        if mark.start:
            pairs += (("from", str(mark.start)), ("direct", mark.direct))
    return RestCall(
        OPERATIONS[question.step], "GET", PATHS[question.step], tuple(sorted(pairs)), instrument=question.instrument
    )


def _order_id(question: Question) -> Pairs:
    """Name an order by one id: ``order_id`` where it is known, which the venue would prefer as well."""
    if question.order_id is not None:
        return (("order_id", question.order_id),)
    return (("client_order_id", question.client_order_id),) if question.client_order_id is not None else ()


# ---------------------------------------------------------------- reading


class Answer(msgspec.Struct, frozen=True):
    """One page to be read, with all that its reading depends on."""

    question: Question
    rows: list[object]
    mark: Mark
    page: int
    frame: Frame
    code: str = ACCEPTED
    message: str = ""

    @property
    def is_about_an_order(self) -> bool:
        """Whether the question names an order."""
        return self.question.order_id is not None or self.question.client_order_id is not None

    def concerns(self, order_id: str | None, client_order_id: str | None) -> bool:
        """Whether ids are those of the asked order."""
        if self.question.order_id is not None:
            return order_id == self.question.order_id
        return client_order_id is not None and client_order_id == self.question.client_order_id


def read_question(question: Question, response: RestResponse, cursor: Cursor | None) -> Page:
    """Read (a page of) an answer. Never raises: what cannot be read is a `QuestionFailed`."""
    try:
        envelope = read_envelope(response)
        mark, page = Mark.of(cursor), 1 if cursor is None else cursor.page
        frame = frame_of(response.body)
        if envelope.code == ACCEPTED:
            return _READERS[question.step](Answer(question, rows_of(envelope.data), mark, page, frame))
        absence = row_of(envelope.code).absence
        if absence is None:
            return _refused(question, response, envelope)
        mark = msgspec.structs.replace(mark, is_whole=mark.is_whole and absence is Absence.DENIES)
        return _lacking(Answer(question, [], mark, page, frame, envelope.code, envelope.message))
    except Unreadable as error:
        return _failed(question, str(error), rate_limited=response.status == RATE_LIMITED)


def _refused(question: Question, response: RestResponse, envelope: Envelope) -> Page:
    limited = response.status == RATE_LIMITED or row_of(envelope.code).remedy is Remedy.BACK_OFF
    return _failed(question, f"{envelope.code} {envelope.message}".rstrip(), rate_limited=limited)


def _failed(question: Question, why: str, *, rate_limited: bool) -> Page:
    return Page(QuestionFailed(question.query_id, question.step, why, rate_limited))


def _read_order(answer: Answer) -> Page:
    """Read the answer about one order. No row is as good as 1061; a row about another order is no answer."""
    if not answer.rows:
        return _lacking(answer)
    report = _report(answer, as_object(answer.rows[0], "data"))
    if not answer.concerns(report.order_id, report.client_order_id):
        raise Unreadable("data", f"about another order, {report.order_id}")
    return _page(answer, (report,), None, complete=True)


def _read_opens(answer: Answer) -> Page:
    """Read a page of all open orders. With a row that cannot be read the listing is not complete: it may be the one."""
    reports, mark = [], answer.mark
    for row in answer.rows:
        try:
            reports.append(_report(answer, as_object(row, "row")))
        except Unreadable:
            mark = msgspec.structs.replace(mark, is_whole=False)
    return _lacking(msgspec.structs.replace(answer, mark=mark), tuple(reports))


def _read_history(answer: Answer) -> Page:
    """Look for the asked order among a contract's ended ones, and stop when it is found.

    What the page shows of other orders is told, too: each may be one that somebody else waits for.
    """
    reports, mark, is_found = [], answer.mark, False
    for row in answer.rows:
        is_asked = True
        try:
            fields = as_object(row, "row")
            order_id, client_order_id = optional_text(fields, "order_id"), optional_text(fields, "client_order_id")
            is_asked = answer.concerns(order_id, own_client_id(order_id, client_order_id))
            reports.append(_report(answer, fields))
            if client_order_id is None and answer.question.order_id is None:  # it may be the one
                mark = msgspec.structs.replace(mark, is_whole=False)
        except Unreadable:
            mark = msgspec.structs.replace(mark, is_whole=mark.is_whole and not is_asked)
        else:
            is_found = is_found or is_asked
    if is_found:
        return _page(answer, tuple(reports), None, complete=False)
    return _lacking(msgspec.structs.replace(answer, mark=mark), tuple(reports))


def _report(answer: Answer, row: Json) -> OrderReported:
    return read_order(row, Source.QUERY, CHANNELS[answer.question.step], answer.frame)


# ---------------------------------------------------------------- the walk


def _lacking(answer: Answer, reports: tuple[OrderReported, ...] = ()) -> Page:
    """End a page that does not show the asked order: go on with the next one, the other mode, or say what it is worth.

    A client id is forgotten when its order ends, so the order's own question denies nothing by it; history, in which
    the ended ones bear theirs, has a window of two days by the order's creation, and denies those that are younger.
    """
    mark = _after(answer)
    if mark is not None:
        following = Cursor(msgspec.json.encode(mark).decode(), answer.page + 1)
        blind = Absence.BLIND if answer.is_about_an_order else None
        return _page(answer, reports, blind, complete=False, following=following)
    is_whole = _is_whole(answer)
    absence = (_worth(answer.question) if is_whole else Absence.BLIND) if answer.is_about_an_order else None
    return _page(answer, reports, absence, complete=is_whole)


def _worth(question: Question) -> Absence:
    """Say what it is worth that a whole answer lacks the order."""
    is_by_client_id = question.order_id is None
    match question.step:
        case Step.OPEN_ORDERS:
            return Absence.DENIES
        case Step.ORDER:
            return Absence.BLIND if is_by_client_id else Absence.DENIES
        case _:
            return Absence.DENIES_RECENT if is_by_client_id else Absence.BLIND


def _after(answer: Answer) -> Mark | None:
    """Say where the walk goes on after a page; None at its end."""
    mark = answer.mark
    if len(answer.rows) >= PAGE_ROWS and mark.pages + 1 < PAGES_MAX[answer.question.step] and _is_progress(answer):
        ids = _ids(answer.rows)
        low, high = min([*ids, *([mark.low] if mark.low else [])]), max([*ids, mark.high])
        direct = NEXT if ids[0] <= ids[-1] else PREV
        return Mark(mark.mode, mark.pages + 1, mark.direct or direct, low, high, mark.is_whole)
    if mark.mode + 1 < len(MODES):
        return Mark(mark.mode + 1, is_whole=_is_whole(answer))
    return None


def _is_whole(answer: Answer) -> bool:
    """Whether this page leaves nothing open in its mode, nor did one before it."""
    if answer.mark.start and answer.rows and not _is_progress(answer) and _ids(answer.rows) != [answer.mark.start]:
        return False
    return answer.mark.is_whole and len(answer.rows) < PAGE_ROWS


def _is_progress(answer: Answer) -> bool:
    """Whether a page can be gone on from: its rows have query ids, some of which were not seen before."""
    ids, mark = _ids(answer.rows), answer.mark
    return bool(ids) and (not mark.start or min(ids) < mark.low or max(ids) > mark.high)


def _ids(rows: list[object]) -> list[int]:
    """Give the query ids of rows, by which pages go on; none at all if one lacks it.

    With ``next`` the following page starts after the greatest, with ``prev`` before the least; which of the two a
    listing is, its own order says.
    """
    ids = []
    for row in rows:
        found = row.get("id") or row.get("order_id") if isinstance(row, dict) else None
        if not isinstance(found, str | int) or not str(found).isdecimal():
            return []
        ids.append(int(found))
    return ids


def _page(
    answer: Answer,
    reports: tuple[OrderReported, ...],
    absence: Absence | None,
    *,
    complete: bool,
    following: Cursor | None = None,
) -> Page:
    question = answer.question
    answered = QuestionAnswered(
        question.query_id, question.step, reports, absence, complete, answer.code, answer.message, answer.frame
    )
    return Page(answered, following)


_READERS: Final[Mapping[Step, Callable[[Answer], Page]]] = {
    Step.ORDER: _read_order,
    Step.OPEN_ORDERS: _read_opens,
    Step.HISTORY: _read_history,
}
