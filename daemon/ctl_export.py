"""`cancelctl history --export`: everything that was told, for another program, as JSON lines or CSV.

Each line is one outcome or correction as the journal has it, in the order in which they were told; it goes out as soon
as its page came, so that a long history needs no memory. Cells are written as they came: what a client or a venue named
is data, not to be opened as formulas.
"""

from __future__ import annotations

import csv
import json
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from daemon.client import Client

PAGE: Final = 1000
PLAIN: Final = (
    *("seq", "revision", "request_id", "account", "venue", "product", "instrument", "order_id", "client_order_id"),
    *("outcome", "ord_status", "cxl_rej_reason", "order_qty", "cum_qty", "cum_qty_final", "leaves_qty", "avg_px"),
    *("ended_by", "cancel_reason", "successor_order_id", "reason", "venue_code", "venue_message"),
)
EVIDENCE: Final = ("source", "channel", "venue_time", "digest")
TIMES: Final = ("received", "recorded", "forwarded", "acked", "evidence", "reported")
ASKER: Final = ("uid", "pid")
COLUMNS: Final = (*PLAIN, *(f"evidence_{name}" for name in EVIDENCE), *(f"{name}_us" for name in TIMES), *ASKER)
"""Of CSV. Times are microseconds since the epoch; what is not known is empty."""


def export(
    canceld: Client,
    kind: str,
    which: Mapping[str, str | int],
    from_seq: int | None,
    limit: int | None,
    timeout: float,
) -> int:
    """Write the history to stdout, as ``jsonl`` or ``csv``; give the number of entries."""
    count = 0
    write = _csv if kind == "csv" else _json_lines
    for entry in write(_entries(canceld, which, from_seq or 0, limit, timeout)):
        sys.stdout.write(entry)
        count += 1
    sys.stdout.flush()
    return count


def _entries(
    canceld: Client, which: Mapping[str, str | int], from_seq: int, limit: int | None, timeout: float
) -> Iterator[Mapping[str, object]]:
    """Read page after page, up to what was there when the last one was asked for."""
    left = limit
    while left is None or left > 0:
        page = canceld.history(from_seq, PAGE if left is None else min(left, PAGE), timeout, **which)
        rows = page.get("requests")
        found = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
        yield from found
        following = page.get("next_seq")
        if not found or not isinstance(following, int):
            return
        from_seq = following
        left = None if left is None else left - len(found)


def _json_lines(entries: Iterable[Mapping[str, object]]) -> Iterator[str]:
    for entry in entries:
        yield json.dumps(entry) + "\n"


class _Line:
    """What csv writes to, one line at a time."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> None:
        self.text = text


def _csv(entries: Iterable[Mapping[str, object]]) -> Iterator[str]:
    line = _Line()
    writer = csv.writer(line, lineterminator="\n")
    writer.writerow(COLUMNS)
    head = line.text
    for entry in entries:
        writer.writerow(_cells(entry))
        yield head + line.text
        head = ""
    if head:  # nothing but the names
        sys.stdout.write(head)


def _cells(entry: Mapping[str, object]) -> list[object]:
    evidence, times = entry.get("evidence"), entry.get("times")
    return [
        *(entry.get(name) for name in PLAIN),
        *(_of(evidence, name) for name in EVIDENCE),
        *(_of(times, name) for name in TIMES),
        *(entry.get(name) for name in ASKER),
    ]


def _of(members: object, name: str) -> object:
    return members.get(name) if isinstance(members, dict) else None
