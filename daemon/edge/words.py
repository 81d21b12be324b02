"""The daemon's own values in the words of the socket: reports, orders and stories as encoded results.

A long answer is cut to one line here, and says where to go on. Who is told is no matter here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from protocols.control import results
from protocols.control.encode import encoded, extended, fitting, plain
from protocols.control.lines import LINE_BYTES_MAX
from protocols.evidence import RAW_BYTES_MAX

if TYPE_CHECKING:
    from daemon.core.records import Previous, Report
    from daemon.edge.desk import HistoryRow, HistoryRows, OrderRow, OrderRows, Reattached, SessionRow, Story, StoryStep

ROWS_BYTES_MAX: Final = LINE_BYTES_MAX - 4096
"""What the rows of one page may take of a line; the rest is for its frame, the call's id among it."""
RESPONSE_LENGTH_MAX: Final = 2048
"""How much of a venue's answer a result repeats, in characters. Real ones take a third of it; a re-attached result has
it twice, and every character may take six bytes."""
TEXT_LENGTH_MAX: Final = 512
"""How much of a venue's free text a result repeats."""
DETAIL_LENGTH_MAX: Final = 2048
"""How much detail a step of a story has."""
_CONTROLS: Final = {code: "\N{REPLACEMENT CHARACTER}" for code in range(32) if chr(code) not in "\t\r\n"}


def result(report: Report) -> bytes:
    """Write a report as the result of CONTRACT, member by member."""
    return encoded(report) if _is_as_told(report) else encoded(_shaped(report))


def _is_as_told(report: Report) -> bool:
    """Whether a report, which has the members of a result in their order, is written as one without a change.

    Nearly all are: quantities in plain notation, and texts that are short. It saves four fifths of the writing.
    """
    quantities = "%s %s %s %s" % (report.order_qty, report.cum_qty, report.leaves_qty, report.avg_px)  # noqa: UP031 - it takes half the time
    if "E" in quantities:
        return False
    if len(report.cancel_reason or "") > TEXT_LENGTH_MAX or len(report.venue_message or "") > TEXT_LENGTH_MAX:
        return False
    return _bounded(report.venue_response) is report.venue_response


def _shaped(report: Report) -> results.CancelResult:
    evidence, times = report.evidence, report.times
    return results.CancelResult(
        request_id=report.request_id,
        account=report.account,
        venue=report.venue,
        product=report.product,
        instrument=report.instrument,
        order_id=report.order_id,
        client_order_id=report.client_order_id,
        outcome=report.outcome,
        ord_status=report.ord_status,
        cxl_rej_reason=report.cxl_rej_reason,
        order_qty=plain(report.order_qty),
        cum_qty=plain(report.cum_qty),
        cum_qty_final=report.cum_qty_final,
        leaves_qty=plain(report.leaves_qty),
        avg_px=plain(report.avg_px),
        ended_by=report.ended_by,
        cancel_reason=_cut(report.cancel_reason),
        successor_order_id=report.successor_order_id,
        venue_response=_bounded(report.venue_response),
        venue_code=report.venue_code,
        venue_message=_cut(report.venue_message),
        evidence=results.EvidenceSeen(evidence.source, evidence.channel, evidence.venue_time, evidence.digest),
        times=results.TimesSeen(
            times.received, times.recorded, times.forwarded, times.acked, times.evidence, times.reported
        ),
        reason=report.reason,
        durable=report.durable,
        seq=report.seq,
        revision=report.revision,
    )


def correction(report: Report, previous: Previous) -> bytes:
    """Write a correction: the result that stands now, and what it takes the place of."""
    return extended(result(report), previous=results.PreviousSeen(previous.outcome, plain(previous.cum_qty)))


def reattached(report: Report, history: Reattached) -> bytes:
    """Write the first outcome with what has been said since; of many corrections the latest that fit a line."""
    first, latest = result(report), result(history.latest)
    room = ROWS_BYTES_MAX - len(first) - len(latest)
    newest_first = fitting((correction(*row) for row in reversed(history.corrections)), room)
    return extended(first, latest=msgspec.Raw(latest), corrections=newest_first[::-1])


def order(row: OrderRow) -> bytes:
    """Write a row of ``orders``."""
    return encoded(_order_seen(row))


def order_moved(row: OrderRow, seq: int) -> bytes:
    """Write an ``order`` notification."""
    return extended(order(row), seq=seq)


def session_moved(row: SessionRow, seq: int) -> bytes:
    """Write a ``session`` notification."""
    return encoded(results.SessionMoved(row.account, row.channel, row.state, row.detail, seq))


def orders_page(orders: OrderRows, after: str | None) -> bytes:
    """Write as many orders as fit, sorted by account, product, instrument and ids, from behind ``after`` on."""
    places = sorted(((_place(row), row) for row in orders.rows), key=lambda pair: pair[0])
    left = [(place, row) for place, row in places if after is None or place > after]
    taken = fitting((order(row) for _, row in left), ROWS_BYTES_MAX)
    is_last = len(taken) == len(left)
    next_place = None if is_last else left[len(taken) - 1][0]
    return _object(orders=taken, complete=orders.complete, next=next_place)


def history_page(history: HistoryRows) -> bytes:
    """Write as many entries as fit, and where to go on: from the first one that does not, or before the last one."""
    taken = fitting((_history_entry(row) for row in history.rows), ROWS_BYTES_MAX)
    if history.is_newest_first:
        before_seq = history.rows[len(taken) - 1].report.seq if taken else None
        return _object(requests=taken, next_seq=history.next_seq, before_seq=before_seq)
    is_all = len(taken) == len(history.rows)
    next_seq = history.next_seq if is_all else history.rows[len(taken)].report.seq
    return _object(requests=taken, next_seq=next_seq, before_seq=None)


def story_page(story: Story, from_step: int) -> bytes:
    """Write as many steps as fit, from ``from_step`` on."""
    request = b"null" if story.report is None else result(story.report)
    left = story.steps[from_step:]
    taken = fitting((_step(step) for step in left), ROWS_BYTES_MAX - len(request))
    next_step = None if len(taken) == len(left) else from_step + len(taken)
    return _object(request=msgspec.Raw(request), steps=taken, next_step=next_step)


def _place(row: OrderRow) -> str:
    """Say where a row stands in the list: a text that sorts as the rows do, and that the next page goes on behind."""
    return "\t".join((row.account, row.product or "", row.instrument, row.order_id or "", row.client_order_id or ""))


def _order_seen(row: OrderRow) -> results.OrderSeen:
    return results.OrderSeen(
        account=row.account,
        venue=row.venue,
        product=row.product,
        instrument=row.instrument,
        order_id=row.order_id,
        client_order_id=row.client_order_id,
        ord_status=row.ord_status,
        side=row.side,
        order_qty=plain(row.order_qty),
        cum_qty=plain(row.cum_qty),
        venue_time=row.venue_time,
    )


def _history_entry(row: HistoryRow) -> bytes:
    return extended(result(row.report), uid=row.uid, pid=row.pid)


def _step(step: StoryStep) -> bytes:
    frame = None if step.frame is None else step.frame[:RAW_BYTES_MAX].decode("utf-8", "replace").translate(_CONTROLS)
    return encoded(results.StepSeen(step.t, step.kind, step.detail[:DETAIL_LENGTH_MAX], frame))


def _object(**members: object) -> bytes:
    return encoded(members)


def _cut(text: str | None) -> str | None:
    return text and text[:TEXT_LENGTH_MAX]


def _bounded(response: dict[str, str]) -> dict[str, str]:
    """Give a venue's answer back whole, or of a monstrous one the members that fit."""
    if sum(map(len, response.values())) + sum(map(len, response)) <= RESPONSE_LENGTH_MAX:
        return response
    kept, size = {}, 0
    for name, value in response.items():
        size += len(name) + len(value)
        if size > RESPONSE_LENGTH_MAX:
            break
        kept[name] = value
    return kept
