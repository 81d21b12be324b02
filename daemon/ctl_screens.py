"""What `cancelctl` shows of each answer: sentences and tables, not yet drawn.

Answers are shown as they came; nothing is concluded from them here. Text of venues and clients never reaches a terminal
with control characters in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from daemon.client import Notification

Row = tuple[str, ...]


@dataclass(frozen=True)
class Lines:
    """Sentences, one a line; the first word of each may be coloured."""

    lines: tuple[str, ...]


@dataclass(frozen=True)
class Sheet:
    """A table with sentences around it."""

    headers: Row
    rows: tuple[Row, ...]
    above: tuple[str, ...] = ()
    below: tuple[str, ...] = ()


def plain(screen: Lines | Sheet) -> Iterable[str]:
    """Give lines for a pipe: a sheet's cells are separated by tabs, under a line of headers."""
    if isinstance(screen, Lines):
        return map(clean, screen.lines)
    rows = (screen.headers, *screen.rows) if screen.rows else ()
    return (
        *map(clean, screen.above),
        *("\t".join(map(clean, row)) for row in rows),
        *map(clean, screen.below),
    )


def clean(text: str) -> str:
    """Take out what a terminal would obey."""
    return (
        text
        if text.isprintable()
        else "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
    )


# ---------------------------------------------------------------- screens


def result_lines(raw: Mapping[str, object]) -> Lines:
    """Say what became of a request, and what has been said since if it had been answered before."""
    latest = raw.get("latest")
    first = (_sentence(raw),)
    if isinstance(latest, dict) and latest.get("revision") != raw.get("revision"):
        return Lines((*first, f"{_sentence(latest)} (revision {latest.get('revision')}, this stands)"))
    return Lines(first)


def told_lines(told: Notification) -> Lines:
    """Say what the daemon said unasked."""
    said = told.params
    match told.method:
        case "outcome":
            return Lines((f"{_sentence(said)} seq {said.get('seq')}",))
        case "correction":
            previous = said.get("previous")
            before = previous.get("outcome") if isinstance(previous, dict) else None
            return Lines((f"{_sentence(said)} seq {said.get('seq')} corrects {before}",))
        case "order":
            words = ("account", "instrument", "order_id", "ord_status", "cum_qty", "order_qty")
            return Lines(("order " + _words(said, words),))
        case "session":
            return Lines(("session " + _words(said, ("account", "channel", "state", "detail")),))
        case _:
            return Lines((f"{told.method} " + _words(said, tuple(said)),))


def _sentence(raw: Mapping[str, object]) -> str:
    evidence = raw.get("evidence")
    source = evidence.get("source") if isinstance(evidence, dict) else None
    final = "" if raw.get("cum_qty_final") else " (not final)"
    order_id = raw.get("order_id") or raw.get("client_order_id")
    parts = [f"{raw.get('outcome')} {raw.get('account')} {raw.get('instrument')} {order_id}"]
    parts.append(f"ord_status={cell(raw.get('ord_status'))}")
    parts.append(f"filled={cell(raw.get('cum_qty'))} of {cell(raw.get('order_qty'))}{final}")
    parts.append(f"evidence={cell(source)}")
    parts += [f"{name}={raw[name]}" for name in ("reason", "venue_code", "successor_order_id") if raw.get(name)]
    parts.append(f"request_id={raw.get('request_id')}")
    return " ".join(parts)


def orders_sheet(answer: Mapping[str, object]) -> Sheet:
    """List orders."""
    columns = (
        "account",
        "product",
        "instrument",
        "order_id",
        "client_order_id",
        "ord_status",
        "side",
        "order_qty",
        "cum_qty",
    )
    rows = _rows(answer, "orders", columns)
    below = () if answer.get("complete") else ("not complete: a venue's own list does not stand behind all of it",)
    return Sheet(columns, rows, below=below if rows or below else ("no orders",))


def history_sheet(answer: Mapping[str, object]) -> Sheet:
    """List outcomes and corrections."""
    columns = (
        "seq",
        "revision",
        "account",
        "instrument",
        "order_id",
        "outcome",
        "ord_status",
        "cum_qty",
        "uid",
        "request_id",
    )
    return Sheet(columns, _rows(answer, "requests", columns))


def status_sheet(answer: Mapping[str, object]) -> Sheet:
    """Show the daemon and its accounts, alarms last."""
    columns = (
        "venue",
        "state",
        "order_entry",
        "drop_copy",
        "cancel_ready",
        "in_flight",
        "in_doubt",
        "oldest_ms",
        "clock_offset_ms",
    )
    accounts = answer.get("accounts")
    journal = answer.get("journal")
    state = journal.get("state") if isinstance(journal, dict) else None
    if isinstance(journal, dict) and journal.get("detail"):
        state = f"{state} ({journal['detail']})"
    above = f"{answer.get('server')} up {answer.get('uptime_s')} s, journal {state}, clients: {answer.get('clients')}"
    rows: list[Row] = []
    alarms: list[str] = []
    switches: list[str] = []
    for name, account in accounts.items() if isinstance(accounts, dict) else ():
        rows.append((name, *(cell(account.get(column)) for column in columns)))
        if isinstance(switch := account.get("dead_man"), dict):
            switches.append(f"dead-man switch of {name}: {switch_words(switch)}")
        alarms += [
            f"ALARM {name} {alarm.get('name')} since {time_of(alarm.get('since'))} {alarm.get('detail')}"
            for alarm in account.get("alarms", ())
        ]
    bulks = answer.get("bulks")
    running = tuple(bulk_words(bulk) for bulk in (bulks if isinstance(bulks, list) else ()))
    bindings = answer.get("bindings")
    bound = tuple(binding_words(seen) for seen in (bindings if isinstance(bindings, list) else ()))
    return Sheet(("account", *columns), tuple(rows), (above,), (*running, *switches, *bound, *alarms))


def bulk_words(bulk: Mapping[str, object]) -> str:
    """Say how far a bulk cancel has come."""
    accounts = bulk.get("accounts")
    of = ", ".join(map(str, accounts)) if isinstance(accounts, list) else ""
    done = f"{bulk.get('ended')} of {bulk.get('orders')} orders ended"
    return f"bulk cancel {bulk.get('request_id')} ({bulk.get('cause')}) of {of}: {done}, {bulk.get('age_ms')} ms old"


def binding_words(seen: Mapping[str, object]) -> str:
    """Say what is bound to whose life, and when it will be canceled."""
    fires_in_ms = seen.get("fires_in_ms")
    state = str(seen.get("state"))
    if isinstance(fires_in_ms, int):
        state += f", canceled in {fires_in_ms / 1000:.1f} s ({seen.get('why')})"
    client = f"{seen.get('client') or 'client'} uid {seen.get('uid')} pid {seen.get('pid')}"
    return f"binding {seen.get('binding_id')}: {seen.get('scope')}, of {client}: {state}"


def switch_words(switch: Mapping[str, object]) -> str:
    """Say how a dead-man switch is, when it may fire, and what it then takes."""
    words = [str(switch.get("state"))]
    fires_in_ms = switch.get("fires_in_ms")
    if isinstance(fires_in_ms, int):
        words.append(f"fires in {fires_in_ms / 1000:.0f} s")
    if switch.get("tag"):
        words.append(f"tag {switch['tag']}")
    return f"{', '.join(words)}; it covers {switch.get('covers')}"


def _rows(answer: Mapping[str, object], key: str, columns: Row) -> tuple[Row, ...]:
    rows = answer.get(key)
    return tuple(tuple(cell(row.get(column)) for column in columns) for row in (rows if isinstance(rows, list) else ()))


def _words(said: Mapping[str, object], names: Iterable[str]) -> str:
    return " ".join(f"{name}={cell(said.get(name))}" for name in names)


def cell(value: object) -> str:
    """Show a value: what is not known as a dash."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def time_of(micros: object) -> str:
    """Show microseconds since the epoch as a time, UTC."""
    if not isinstance(micros, int):
        return "-"
    second, micro = divmod(micros, 1_000_000)
    return datetime.fromtimestamp(second, UTC).replace(microsecond=micro).strftime("%Y-%m-%d %H:%M:%S.%fZ")
