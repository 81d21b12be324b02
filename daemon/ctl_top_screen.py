"""What `cancelctl top` draws: one frame of accounts, sockets, requests that wait, outcomes, latencies and alarms.

A frame is made of facts that were fetched before; drawing asks nobody. Text of venues and clients never reaches the
terminal with control characters in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from rich import box
from rich.columns import Columns
from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from daemon.ctl_screens import binding_words, bulk_words, cell, clean, switch_words, time_of
from daemon.ctl_terminal import STYLES
from daemon.ctl_window import QUANTILES, US_PER_S, histogram, quantiles_ms

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.console import RenderableType

    from daemon.ctl_window import Told, Window

    Json = Mapping[str, object]

SPARKS: Final = " ▁▂▃▄▅▆▇█"
RATE_S: Final = 60
"""How wide the picture of outcomes per second is."""
WAITING_ROWS: Final = 10
SPARK_S: Final = 2
"""Seconds a column of it."""
BAR_WIDTH: Final = 16
MORE_STYLES: Final = {
    "connecting": "yellow",
    "auth_failed": "bold red",
    "account_changed": "bold red",
    "stopped": "dim",
    "rest": "yellow",
    "ws": "green",
    "down": "bold red",
    "blind": "bold yellow",
    "venue_refused": "red",
}
OUTCOMES: Final = ("canceled", "filled", "rejected", "in_doubt", "unknown_order", "not_sent")


@dataclass(frozen=True, slots=True)
class Frame:
    """The facts of one moment. ``trouble`` says why they are old, if they are."""

    status: Json
    window: Window
    now_us: int
    trouble: str = ""


def draw(frame: Frame) -> RenderableType:
    """Draw a frame."""
    parts: list[RenderableType] = [_title(frame), _accounts(frame.status)]
    told = frame.window.since(frame.now_us - RATE_S * US_PER_S) or frame.window.latest(1000)
    parts.append(Columns([_rates(frame), _latencies(told), _histogram(told)], expand=False, padding=(0, 1)))
    parts.append(_waiting(frame.status))
    parts += [*_bulks(frame.status), *_watches(frame.status), _alarms(frame.status)]
    return Group(*parts)


def as_json(frame: Frame) -> dict[str, object]:
    """Give the same facts as one JSON object."""
    counts = frame.window.counts(frame.now_us, RATE_S)
    told = frame.window.since(frame.now_us - RATE_S * US_PER_S) or frame.window.latest(1000)
    names = [f"p{share * 100:g}" if share < 1 else "max" for share in QUANTILES]
    return {
        "status": dict(frame.status),
        "window_s": RATE_S,
        "outcomes": {outcome: counts[outcome] for outcome in OUTCOMES},
        "latency_ms": {
            part: dict(zip(names, quantiles_ms(values), strict=True)) for part, values in _parts(told).items()
        },
        "histogram_ms": [{"le": bound, "count": count} for bound, count in histogram(one.whole_us for one in told)],
    }


def _title(frame: Frame) -> Text:
    status = frame.status
    journal = status.get("journal")
    state = str(journal.get("state")) if isinstance(journal, dict) else "-"
    uptime_s = status.get("uptime_s")
    title = Text.assemble(
        (clean(str(status.get("server"))), "bold"),
        f"   up {_age(uptime_s * 1000) if isinstance(uptime_s, int) else '-'}   journal ",
        (clean(state), STYLES.get(state, "bold red")),
        f"   clients: {cell(status.get('clients'))}   {_second(frame.now_us)}",
    )
    if frame.trouble:
        title.append(f"   {clean(frame.trouble)}", "bold red")
    return title


def _accounts(status: Json) -> Table:
    table = Table(box=box.SIMPLE_HEAD, title="accounts", title_justify="left", title_style="bold", expand=True)
    for heading in ("account", "venue", "state", "cancels by", "pushes"):
        table.add_column(heading, no_wrap=True)
    for heading in ("in flight", "oldest", "in doubt", "oldest", "budget wait", "clock ms"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("sockets (quiet for)")
    for name, account in _of(status, "accounts"):
        states = (account.get("state"), account.get("order_entry"), account.get("drop_copy"))
        table.add_row(
            clean(name),
            clean(cell(account.get("venue"))),
            *(_word(state) for state in states),
            *_load(account),
            _sockets(account),
        )
    return table


def _load(account: Json) -> Iterator[Text | str]:
    """What an account has to do: counts, ages, waits."""
    for count, age, style in (("in_flight", "oldest_ms", "cyan"), ("in_doubt", "in_doubt_oldest_ms", "bold magenta")):
        number = account.get(count)
        yield Text(cell(number), style=style if number else "dim")
        yield _age(account.get(age))
    wait_ms, waiting = account.get("budget_wait_ms"), account.get("budget_waiting")
    yield Text(f"{wait_ms} ms ({waiting})", style="yellow") if waiting else Text("-", style="dim")
    offset = account.get("clock_offset_ms")
    yield f"{offset:+.1f}" if isinstance(offset, int | float) else "-"


def _sockets(account: Json) -> Text:
    text = Text()
    for socket in _rows(account, "sockets"):
        state = cell(socket.get("state"))
        text.append(f"{clean(cell(socket.get('name')))} ")
        text.append(clean(state), _style(state))
        text.append(f" {_age(socket.get('last_inbound_ms'))}  ", "dim")
    return text or Text("none", style="dim")


# ---------------------------------------------------------------- outcomes


def _rates(frame: Frame) -> Panel:
    seconds = frame.window.per_second(frame.now_us, RATE_S)
    counts = frame.window.counts(frame.now_us, RATE_S)
    columns = [sum(seconds[start : start + SPARK_S]) for start in range(0, RATE_S, SPARK_S)]
    most, steps = max(columns), len(SPARKS) - 1
    picture = "".join(SPARKS[-(-count * steps // most) if most else 0] for count in columns)
    grid = Table.grid(padding=(0, 2))
    grid.add_row(Text(picture or " ", style="cyan"))
    grid.add_row(f"{sum(seconds[-10:]) / 10:.1f}/s over 10 s, {sum(seconds)} in {RATE_S} s, at most {max(seconds)}/s")
    kinds = Table.grid(padding=(0, 2))
    for left, right in zip(OUTCOMES[:3], OUTCOMES[3:], strict=True):
        kinds.add_row(*_kind(left, counts[left]), *_kind(right, counts[right]))
    grid.add_row("")
    grid.add_row(kinds)
    return Panel(grid, title="outcomes per second", title_align="left", box=box.ROUNDED)


def _kind(outcome: str, count: int) -> tuple[Text, Text]:
    style = STYLES.get(outcome, "") if count else "dim"
    return Text(outcome, style=style), Text(str(count), style=style, justify="right")


def _latencies(told: Sequence[Told]) -> Panel:
    table = Table(box=None, padding=(0, 1))
    table.add_column("ms")
    for share in QUANTILES:
        table.add_column(f"p{share * 100:g}" if share < 1 else "max", justify="right", min_width=6)
    for part, values in _parts(told).items():
        table.add_row(part, *(f"{value:,.1f}" if value is not None else "-" for value in quantiles_ms(values)))
    by = ", ".join(f"{count} by {source}" for source in ("push", "query") if (count := _by(told, source)))
    grid = Table.grid()
    grid.add_row(table)
    grid.add_row(Text(f"\n of {len(told)}{': ' if by else ''}{by}", style="dim"))
    return Panel(grid, title="latency", title_align="left", box=box.ROUNDED)


def _parts(told: Sequence[Told]) -> dict[str, list[int | None]]:
    return {
        "until sent": [one.own_us for one in told],
        "venue": [one.venue_us for one in told],
        "whole": [one.whole_us for one in told],
    }


def _by(told: Sequence[Told], source: str) -> int:
    return sum(one.source == source for one in told)


def _histogram(told: Sequence[Told]) -> Panel:
    rows = histogram(one.whole_us for one in told)
    most = max((count for _, count in rows), default=0)
    grid = Table.grid(padding=(0, 1))
    for bound, count in rows:
        label = "more" if bound is None else f"≤ {bound:g}"
        width = max(1, round(count / most * BAR_WIDTH)) if count else 0
        grid.add_row(Text(label, justify="right"), Text("█" * width, style="cyan"), Text(str(count), style="dim"))
    if not rows:
        grid.add_row(Text("no outcome yet", style="dim"))
    return Panel(grid, title="whole, ms", title_align="left", box=box.ROUNDED)


# ---------------------------------------------------------------- what to look at


def _waiting(status: Json) -> RenderableType:
    rows = [(name, row) for name, account in _of(status, "accounts") for row in _rows(account, "waiting")]
    rows.sort(key=lambda row: -_number(row[1].get("age_ms")))
    if not rows:
        return Text("\n nothing waits", style="dim")
    table = Table(box=box.SIMPLE_HEAD, title="oldest that wait", title_justify="left", title_style="bold")
    for heading in ("request", "account", "instrument", "order", "state"):
        table.add_column(heading, no_wrap=True)
    table.add_column("age", justify="right")
    for name, row in rows[:WAITING_ROWS]:
        order = row.get("order_id") or row.get("client_order_id")
        cells = (row.get("request_id"), name, row.get("instrument"), order)
        table.add_row(*(clean(cell(one)) for one in cells), _word(row.get("state")), _age(row.get("age_ms")))
    return table


def _bulks(status: Json) -> Iterator[RenderableType]:
    """Bulk cancels: those that run, and how many of each account ended in what way; nothing where there was none."""
    text = Text("\n").join(Text(clean(bulk_words(bulk)), style="yellow") for bulk in _rows(status, "bulks"))
    for name, account in _of(status, "accounts"):
        counts = account.get("bulks")
        if isinstance(counts, dict) and any(map(_number, counts.values())):
            line = ", ".join(f"{_number(counts.get(word))} {word}" for word in ("running", "complete", "incomplete"))
            text.append(("\n" if text else "") + clean(f"{name}: {line}"), "red" if counts.get("incomplete") else "")
    if text:
        yield Panel(text, title="bulk cancels", title_align="left", box=box.ROUNDED)


def _watches(status: Json) -> Iterator[RenderableType]:
    """What is canceled if somebody dies: bindings, and the venues' dead-man switches; nothing where there is none."""
    lines = [(binding_words(seen), str(seen.get("state")) == "held") for seen in _rows(status, "bindings")]
    for name, account in _of(status, "accounts"):
        if isinstance(switch := account.get("dead_man"), dict):
            lines.append((f"dead-man switch of {name}: {switch_words(switch)}", switch.get("state") == "armed"))
    if lines:
        text = Text("\n").join(Text(clean(line), style="" if is_well else "yellow") for line, is_well in lines)
        yield Panel(text, title="canceled when they die", title_align="left", box=box.ROUNDED)


def _alarms(status: Json) -> RenderableType:
    alarms = [(name, alarm) for name, account in _of(status, "accounts") for alarm in _rows(account, "alarms")]
    if not alarms:
        return Text("\n no alarm", style="green")
    grid = Table.grid(padding=(0, 2))
    for name, alarm in alarms:
        words = (name, cell(alarm.get("name")), time_of(alarm.get("since"))[:19], cell(alarm.get("detail")))
        grid.add_row(*(clean(word) for word in words))
    return Panel(grid, title="alarms", title_align="left", box=box.ROUNDED, style="red")


# ---------------------------------------------------------------- small things


def _of(members: Json, key: str) -> Iterator[tuple[str, Json]]:
    found = members.get(key)
    if isinstance(found, dict):
        yield from ((str(name), value) for name, value in found.items() if isinstance(value, dict))


def _rows(members: Json, key: str) -> list[Json]:
    found = members.get(key)
    return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []


def _word(value: object) -> Text:
    word = clean(cell(value))
    return Text(word, style=_style(word))


def _style(word: str) -> str:
    return MORE_STYLES.get(word) or STYLES.get(word, "")


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _age(value_ms: object) -> str:
    """Show an age, as short as it is clear."""
    if not isinstance(value_ms, int):
        return "-"
    if value_ms < 1000:
        return f"{value_ms} ms"
    seconds = value_ms / 1000
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02}" if hours else f"{minutes}m{rest:02}"


def _second(now_us: int) -> str:
    return datetime.fromtimestamp(now_us // US_PER_S, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
