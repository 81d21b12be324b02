"""Puts questions to the venue by REST and gathers the pages of their answers.

It knows calls, pages and cursors; what a row says is the dialect's. Every question ends in exactly one evidence:
answered or failed, whatever happens to the coroutine that asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from daemon.edge.outside import CallFailed
from protocols.evidence import Absence, QuestionAnswered, QuestionFailed

if TYPE_CHECKING:
    from collections.abc import Callable

    from daemon.edge.call_pace import CallPace
    from daemon.edge.settings import Waits
    from daemon.edge.venue_rest import VenueRest
    from protocols.asks import Cursor, Page, Question

QUESTIONS_MAX: Final = 24
"""Under way at once: fewer than the pool has connections, so that no cancel waits for one behind questions that hang,
and no question that took its turn leaves later, with others. A few hundred a second still go. The account's
listing goes beside them: on it the rest of a resync waits, and each bulk cancel."""
PAGES_MAX: Final = 50
"""Of one answer: 5000 orders at a hundred a page, more than venues let an account rest."""

Ending = QuestionAnswered | QuestionFailed


async def answer(
    question: Question, rest: VenueRest, waits: Waits, pace: CallPace, on_fault: Callable[[str, Exception], None]
) -> Ending:
    """Ask, page by page. Raises nothing but cancellation: a bug goes to ``on_fault`` and fails the question."""
    try:
        return await _gather(question, rest, waits, pace)
    except Exception as error:  # noqa: BLE001 - afraid of a dialect's bug: a question without an end would hang its case
        on_fault("question", error)
        return failed(question, f"internal: {type(error).__name__}")


def failed(question: Question, why: str) -> QuestionFailed:
    """Say that a question was not answered."""
    return QuestionFailed(question.query_id, question.step, why)


async def _gather(question: Question, rest: VenueRest, waits: Waits, pace: CallPace) -> Ending:
    whole: QuestionAnswered | None = None
    cursor: Cursor | None = None
    for _ in range(PAGES_MAX):
        page = await _page(question, cursor, rest, waits, pace)
        if isinstance(page, QuestionFailed):
            return page if whole is None else _cut(whole)
        if isinstance(page.answer, QuestionFailed):
            return page.answer if whole is None else _cut(whole)
        whole = page.answer if whole is None else _joined(whole, page.answer)
        cursor = page.following
        if cursor is None:
            return whole
    return _cut(whole) if whole is not None else failed(question, "no page")


async def _page(
    question: Question, cursor: Cursor | None, rest: VenueRest, waits: Waits, pace: CallPace
) -> Page | QuestionFailed:
    call = rest.dialect.question_call(question, cursor)
    await pace.turn(call)
    response = await rest.fetch(call, waits.rest_question_s)
    if isinstance(response, CallFailed):
        return failed(question, response.why)
    return rest.dialect.read_question(question, response, cursor)


def _joined(first: QuestionAnswered, then: QuestionAnswered) -> QuestionAnswered:
    """Join two pages: the orders of both, and what the later one says of all of them (see `dialect.Page`)."""
    return msgspec.structs.replace(then, reports=(*first.reports, *then.reports))


def _cut(answer: QuestionAnswered) -> QuestionAnswered:
    """Keep what the first pages said; what they do not name may stand on a page that did not come."""
    return msgspec.structs.replace(answer, complete=False, absence=None if answer.absence is None else Absence.BLIND)
