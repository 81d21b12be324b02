"""The questions about an order at OKX trade: order, pending, history, fills. How answers are read is `asking`'s.

It refuses to conclude. What is special here: history is listed by type of instrument, and fills by instrument.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

from protocols.evidence import Absence, Step
from protocols.rest import Pairs, RestCall
from protocols.venues.okx import asking, rates
from protocols.venues.okx.asking import PAGE_ROWS, UNKNOWN_INSTRUMENT, Answer, Catalogue, Mark, named
from protocols.venues.okx.fills import read_fill
from protocols.venues.okx.orders import read_order

if TYPE_CHECKING:
    from protocols.asks import Cursor, Page, Question
    from protocols.rest import RestResponse
    from protocols.venues.okx.codes import Table

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
PAGES_MAX: Final = {Step.ORDER: 1, Step.OPEN_ORDERS: 50, Step.HISTORY: 10, Step.FILLS: 10}
"""An account has at most 4,000 pending orders, so 50 pages hold them all with some to come; of history and fills only
the newest thousand rows of one instrument are looked through."""

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


def question_call(question: Question, cursor: Cursor | None) -> RestCall:
    """Write (a page of) a question."""
    query = _query(question, Mark.of(cursor))
    return RestCall(OPERATIONS[question.step], "GET", PATHS[question.step], query, instrument=question.instrument)


def read_question(question: Question, response: RestResponse, cursor: Cursor | None, table: Table) -> Page:
    """Read (a page of) an answer. Never raises: what cannot be read is a `QuestionFailed`."""
    return asking.read_question(CATALOGUE, question, response, cursor, table)


def _query(question: Question, mark: Mark) -> Pairs:
    if question.step is Step.ORDER:
        return (("instId", question.instrument), *named(question.order_id, question.client_order_id))
    pairs: Pairs = ()
    if question.step is Step.HISTORY:
        pairs = (("instType", mark.kind or _kinds(question)[0]), ("instId", question.instrument))
    elif question.step is Step.FILLS:  # it takes no client id: by that one, the instrument's newest fills are looked at
        pairs = (("instId", question.instrument), *named(question.order_id, None))
    return (*pairs, *((("after", mark.after),) if mark.after else ()), ("limit", str(PAGE_ROWS)))


def _kinds(question: Question) -> tuple[str, ...]:
    return instrument_types(question.instrument) or ("SPOT",)


def _is_kind_without_instrument(question: Question, code: str, mark: Mark) -> bool:
    """Whether history knows the pair but not as this type: a pair without margin trading has no margin orders."""
    return question.step is Step.HISTORY and code == UNKNOWN_INSTRUMENT and mark.kind == "MARGIN"


def _read_history(answer: Answer) -> Page:
    """Look for the asked order among an instrument's ended ones, newest first, type by type, and stop when found."""
    seen = asking.ended_rows(answer)
    if seen.is_found:
        return answer.said(seen.reports, None, complete=False)
    kinds = _kinds(answer.question)
    kind = answer.mark.kind or kinds[0]
    rest = kinds[kinds.index(kind) + 1 :] if kind in kinds else ()
    after = answer.last_id("ordId")
    if after is not None or (rest and not answer.is_full):
        mark = Mark(kind, after) if after is not None else Mark(rest[0])
        following = answer.following(msgspec.structs.replace(mark, is_whole=seen.is_whole))
        return answer.said(seen.reports, Absence.BLIND, complete=False, following=following)
    complete = seen.is_whole and not answer.is_full and bool(instrument_types(answer.question.instrument))
    return answer.said(seen.reports, Absence.DENIES if complete else Absence.BLIND, complete=complete)


def _read_fills(answer: Answer) -> Page:
    return asking.read_transactions(answer, read_fill, "billId")


CATALOGUE: Final = Catalogue(
    PATHS,
    OPERATIONS,
    PAGES_MAX,
    read_order,
    {
        Step.ORDER: asking.read_order_details,
        Step.OPEN_ORDERS: asking.read_open_orders,
        Step.HISTORY: _read_history,
        Step.FILLS: _read_fills,
    },
    _is_kind_without_instrument,
)
