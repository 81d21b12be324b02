"""`cancelctl cancel-all` and `cancel-batch`: how many orders there are, each outcome as it comes, and all at the end.

A person at a terminal is asked before anything is sent; a program never is. The exit code is the worst outcome's, and
that of a doubt where orders may rest of which there is no outcome.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from daemon.ctl_options import EXIT_FAILED, EXIT_OK, EXIT_REPLACED, OUTCOME_EXITS, Parser, Usage
from daemon.ctl_screens import Sheet, cell

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Mapping

    from daemon.client import BulkResult, Client, Filters, Json, Result
    from daemon.ctl_output import Output

WORST_FIRST: Final = ("in_doubt", "rejected", "not_sent", "unknown_order")
"""Outcomes worse than a replaced order, by the contract's order of exit codes."""
ITEMS_MAX: Final = 256
COLUMNS: Final = ("request_id", "account", "instrument", "order_id", "outcome", "ord_status", "cum_qty")
MATCH_COLUMNS: Final = (
    *("account", "product", "instrument", "order_id", "client_order_id"),
    *("ord_status", "side", "order_qty", "cum_qty"),
)


class Told:
    """The outcomes that came, each said on stderr."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self.results: dict[str, Result] = {}

    def __call__(self, result: Result) -> None:
        """Take note of an outcome; one that is told again, as after a reconnect, is not said again."""
        before = self.results.get(result.request_id)
        self.results[result.request_id] = result
        if before is not None and (before.outcome, before.cum_qty) == (result.outcome, result.cum_qty):
            return
        order = f"{result.raw.get('instrument')} {result.order_id or result.raw.get('client_order_id')}"
        self._out.aside(f"{len(self.results)} {result.outcome} {order} filled={cell(result.raw.get('cum_qty'))}")


def cancel_all(canceld: Client, options: argparse.Namespace, out: Output) -> int:
    """Cancel everything in a scope, or list it; give the exit code."""
    filters: Filters = {}
    for name in ("product", "instrument", "side", "client_id_prefix", "deadline_ms"):
        if getattr(options, name) is not None:
            filters[name] = getattr(options, name)
    if options.all_accounts:
        filters["all_accounts"] = True
    if options.dry_run or _is_asked_back(options):
        found = canceld.cancel_all(options.account, timeout=options.timeout, **(filters | {"dry_run": True}))
        _warn(found, out)
        if options.dry_run:
            out.answer(found.raw, lambda: matches_sheet(found))
            return EXIT_OK
        if not _confirmed(found, out):
            out.aside("nothing was sent")
            return EXIT_FAILED
    else:
        again = f", unless {options.request_id} was asked for before" if options.request_id else ""
        out.aside(f"{_known(canceld, options)} orders that match are known; the venue is asked for others{again}")
    told = Told(out)
    filters["priority"] = options.priority
    result = canceld.cancel_all(
        options.account, request_id=options.request_id, timeout=options.timeout, on_outcome=told, **filters
    )
    return _finish(result, told, out)


def cancel_batch(canceld: Client, options: argparse.Namespace, out: Output) -> int:
    """Cancel the orders of a list; give the exit code."""
    items = _items(options)
    out.aside(f"{len(items)} orders")
    told = Told(out)
    result = canceld.cancel_batch(items, request_id=options.request_id, timeout=options.timeout, on_outcome=told)
    return _finish(result, told, out)


def exit_code(result: BulkResult) -> int:
    """Give the worst outcome's code, worst first: 5, 4, 7, 6, 8, 3, 0."""
    if result.reasons or int(str(result.raw.get("survivors_total", 0))) > _not_ended(result):
        return OUTCOME_EXITS["in_doubt"]  # orders may rest of which there is no outcome, or one that says otherwise
    for outcome in WORST_FIRST:
        if result.counts.get(outcome):
            return OUTCOME_EXITS[outcome]
    if result.raw.get("replaced"):
        return EXIT_REPLACED
    return OUTCOME_EXITS["filled"] if result.counts.get("filled") else EXIT_OK


def _not_ended(result: BulkResult) -> int:
    return sum(result.counts.get(outcome, 0) for outcome in ("in_doubt", "rejected", "not_sent"))


# ---------------------------------------------------------------- before


def _is_asked_back(options: argparse.Namespace) -> bool:
    return not options.yes and not options.json and sys.stdin.isatty() and sys.stderr.isatty()


def _confirmed(found: BulkResult, out: Output) -> bool:
    by_instrument: dict[str, int] = {}
    for item in found.items:
        name = f"{item.get('account')} {item.get('instrument')}"
        by_instrument[name] = by_instrument.get(name, 0) + 1
    for name, count in sorted(by_instrument.items()):
        out.aside(f"{count} of {name}")
    for line in _beside(found):
        out.aside(line)
    sys.stderr.write(f"cancel {found.total} orders? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _known(canceld: Client, options: argparse.Namespace) -> int:
    """Count the orders that match as far as the daemon knows without asking anybody."""
    given = {name: getattr(options, name) for name in ("account", "product", "instrument")}
    rows = canceld.orders(**{name: value for name, value in given.items() if value is not None}).get("orders")
    return sum(_fits(row, options) for row in rows) if isinstance(rows, list) else 0


def _fits(row: object, options: argparse.Namespace) -> bool:
    if not isinstance(row, dict):
        return False
    if options.side is not None and row.get("side") != options.side:
        return False
    prefix = options.client_id_prefix
    return prefix is None or str(row.get("client_order_id") or "").startswith(prefix)


def _items(options: argparse.Namespace) -> list[Json]:
    """Read the list: a JSON object a line."""
    try:
        text = sys.stdin.read() if options.file == "-" else Path(options.file).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Usage(Parser(prog="cancelctl cancel-batch"), f"{options.file}: {error}") from None
    items: list[Json] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            item = json.loads(line)
        except ValueError:
            item = None
        if not isinstance(item, dict):
            raise Usage(Parser(prog="cancelctl cancel-batch"), f"{options.file}: line {number} is no JSON object")
        items.append(item)
    if not 1 <= len(items) <= ITEMS_MAX:
        raise Usage(Parser(prog="cancelctl cancel-batch"), f"{len(items)} orders; 1 to {ITEMS_MAX} are wanted")
    return items


# ---------------------------------------------------------------- after


def _warn(result: BulkResult, out: Output) -> None:
    for warning in result.warnings:
        out.aside(f"WARNING {warning}")


def _finish(result: BulkResult, told: Told, out: Output) -> int:
    _warn(result, out)
    try:
        out.answer(result.raw, lambda: result_sheet(result, told.results))
    except BrokenPipeError:  # who pipes the words away may still want the exit code
        out.give_up()
    return exit_code(result)


def result_sheet(result: BulkResult, told: Mapping[str, Result]) -> Sheet:
    """Show every order with its outcome, then the numbers, and what may rest."""
    items = {str(item.get("request_id")): item for item in result.items}
    rows = {name: items.get(name, {}) | (told[name].raw if name in told else {}) for name in items.keys() | told.keys()}
    counts = ", ".join(f"{count} {outcome}" for outcome, count in result.counts.items() if count) or "none"
    state = "nothing that was meant rests" if result.complete else "NOT COMPLETE: orders may rest"
    if result.complete and result.warnings:
        state = "nothing matches"
    return Sheet(
        COLUMNS,
        tuple(tuple(cell(row.get(column)) for column in COLUMNS) for _, row in sorted(rows.items(), key=_by_number)),
        below=(f"{result.total} orders: {counts}; {state}", *_beside(result)),
    )


def matches_sheet(found: BulkResult) -> Sheet:
    """Show what a dry run found."""
    rows = tuple(tuple(cell(item.get(column)) for column in MATCH_COLUMNS) for item in found.items)
    return Sheet(MATCH_COLUMNS, rows, below=(f"{found.total} open orders match; nothing was sent", *_beside(found)))


def _beside(result: BulkResult) -> Iterable[str]:
    for survivor in result.survivors:
        named = " ".join(cell(survivor.get(name)) for name in ("account", "instrument", "order_id", "client_order_id"))
        yield f"SURVIVES {named}: {survivor.get('why')}"
    hidden = int(str(result.raw.get("survivors_total", 0))) - len(result.survivors)
    if hidden > 0:
        yield f"SURVIVES and {hidden} more"
    for account, why in result.reasons.items():
        yield f"not sure about {account}: {why}"
    for venue, what in result.not_covered.items():
        for each in what:
            yield f"not covered at {venue}: {each}"


def _by_number(entry: tuple[str, object]) -> tuple[str, int]:
    name, _, number = entry[0].rpartition("/")
    return name, int(number) if number.isdigit() else 0
