"""Scale: memory idle, per tracked live order and per request in flight; the start; and coming back with many requests.

Gives ``{"idle_rss_mib", "bytes_per_order", "bytes_per_request", "ready_s", "ready_with_journal_s", "recovery_s",
"orders", "requests_in_flight", "requests_journaled"}``. A tracked order was named by its client (``track``) and pushed
live by the venue, with both ids. A request in flight waits for a venue that is silent. ``ready_s`` is from the start of
the process until a cancel could leave by the WebSocket; ``ready_with_journal_s`` is the same with a journal of that
many requests, and ``recovery_s`` what they add to a start without them, with the noise of both: they ended over the
last twenty hours, so each is still to be asked about, and `SEED` a moment ago.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from tests.bench.clients import Caller, cancel_line
from tests.bench.figures import over_rounds
from tests.bench.processes import ACCOUNT, DaemonKind, Stage, Venue, daemon, stop, until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.bench.plan import Plan
    from tests.bench.processes import Contender

STARTS: Final = 5
IN_FLIGHT: Final = 10_000
PER_CLIENT: Final = 1_000
TRACKED_AT_ONCE: Final = 250
SEED: Final = 1_000
"""Requests that are really made for the journal; the others are their copies under other names, made earlier."""
_AT: Final = re.compile(r'"t":(\d+)')
AGO_US: Final = 20 * 3_600_000_000


def run(plan: Plan) -> Any:
    """Measure one after the other; nothing is compared here, so nothing takes turns."""
    with Stage(is_tls=plan.is_tls, is_strict=plan.is_strict) as stage:
        venue = Venue(stage)
        starts = [_start(stage, venue, f"start{number}") for number in range(STARTS)]
        found = {name: figure for name, figure in over_rounds(starts).items() if name != "rounds"}
        found |= {"orders": plan.orders, "bytes_per_order": _per_order(stage, plan.orders)}
        found |= {"requests_in_flight": IN_FLIGHT, "bytes_per_request": _per_request(stage)}
        return found | _recovery(stage, plan.orders)


def _start(stage: Stage, venue: Venue, name: str) -> dict[str, float]:
    began = time.perf_counter()
    contender = daemon(stage, name, venue)
    caller = Caller(contender)
    caller.wait_until_ready()
    found = {"ready_s": round(time.perf_counter() - began, 3), "idle_rss_mib": contender.rss_bytes() / 2**20}
    caller.close()
    stop(contender.process)
    return found


def _per_order(stage: Stage, count: int) -> float:
    contender = daemon(stage, "orders", Venue(stage), DaemonKind(extra=f"orders_max = {count + SEED}"))
    caller = Caller(contender)
    caller.wait_until_ready()
    before = contender.rss_bytes()
    for start in range(0, count, TRACKED_AT_ONCE):
        named = range(start, min(start + TRACKED_AT_ONCE, count))
        caller.call("track", orders=[_tracked(number) for number in named])
    contender.venue.ask("live", count=count)
    _until_settled(contender, caller)
    return round((contender.rss_bytes() - before) / count, 1)


def _tracked(number: int) -> dict[str, str]:
    return {"account": ACCOUNT, "instrument": "SIM001-USDT", "client_order_id": f"own{number}"}


def _until_settled(contender: Contender, caller: Caller) -> None:
    """Wait until a daemon has read what was pushed to it: it answers, and uses no processor any more."""
    used = -1

    def is_idle() -> bool:
        nonlocal used
        caller.call("ping")
        before, used = used, contender.cpu_ns()
        time.sleep(0.2)
        return contender.cpu_ns() - used < 10_000_000 and used - before < 10_000_000

    until("the daemon to have read its pushes", is_idle, 120)


def _per_request(stage: Stage) -> float:
    """Let requests wait for a venue that says nothing; as long as the daemon waits for an answer, that is all."""
    extra = "ack_wait_ms = 60000\nhorizon_s = 600\nsettle_ms = 60000"
    contender = daemon(stage, "requests", Venue(stage), DaemonKind(extra=extra))
    watcher = Caller(contender)
    watcher.wait_until_ready()
    callers = [Caller(contender) for _ in range(IN_FLIGHT // PER_CLIENT)]
    contender.venue.ask("mute", on=1)
    before = contender.rss_bytes()
    for caller in callers:
        orders = contender.venue.rest(PER_CLIENT)
        caller.send(b"".join(cancel_line(number, order) for number, order in enumerate(orders)))
    status = watcher.call
    until("requests to be in flight", lambda: status("status")["accounts"][ACCOUNT]["in_flight"] == IN_FLIGHT, 120)
    _until_settled(contender, watcher)
    return round((contender.rss_bytes() - before) / IN_FLIGHT, 1)


# ---------------------------------------------------------------- recovery


def _recovery(stage: Stage, count: int) -> dict[str, float]:
    venue = Venue(stage)
    contender = daemon(stage, "recovery", venue)
    caller = Caller(contender)
    caller.wait_until_ready()
    caller.serial(venue.rest(SEED))
    caller.close()
    stop(contender.process)
    plain = _back(stage, venue, contender.room)
    _copy_requests(contender.room / "journal.sqlite", count // SEED)
    laden = _back(stage, venue, contender.room)
    return {"requests_journaled": count, "recovery_s": round(laden - plain, 3), "ready_with_journal_s": round(laden, 3)}


def _back(stage: Stage, venue: Venue, room: Path) -> float:
    """Start a daemon on a journal; gives the seconds until its account takes cancels."""
    began = time.perf_counter()
    contender = daemon(stage, "recovery", venue, room=room)
    caller = Caller(contender)
    caller.wait_until_ready()
    took = time.perf_counter() - began
    caller.close()
    stop(contender.process)
    return took


def _copy_requests(journal: Path, times: int) -> None:
    """Write the journal's requests again, so many times in all, as those of other orders under other names."""
    with contextlib.closing(sqlite3.connect(journal)) as db:
        db.row_factory = sqlite3.Row
        requests = db.execute("SELECT * FROM requests").fetchall()
        steps: dict[str, list[sqlite3.Row]] = {}
        for row in db.execute("SELECT * FROM steps ORDER BY id"):
            steps.setdefault(row["case_id"], []).append(row)
        outcomes = {row["request_id"]: row for row in db.execute("SELECT * FROM outcomes")}
        step, seq = (db.execute(f"SELECT max({column}) FROM {table}").fetchone()[0]
                     for column, table in (("id", "steps"), ("seq", "outcomes")))  # fmt: skip
        for number in range(1, times):
            copied: dict[str, list[dict[str, object]]] = {table: [] for table in ("requests", "outcomes", "steps")}
            for request in requests:
                seq += 1
                renamed = partial(_renamed, request, number, AGO_US * number // times)
                copied["requests"].append(renamed(request) | {"opened_step": step + 1, "seq": seq, "first_seq": seq})
                copied["outcomes"].append(renamed(outcomes[request["request_id"]]) | {"seq": seq})
                for step, row in enumerate(steps[request["case_id"]], step + 1):  # noqa: B020 - it counts on
                    copied["steps"].append(renamed(row) | {"id": step})
            for table, rows in copied.items():
                columns = rows[0]
                marks = ", ".join(f":{column}" for column in columns)
                db.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows)
        db.execute("UPDATE meta SET value = max(value, ?) WHERE name = 'seq_reserved'", (seq + 1,))
        db.commit()


def _renamed(request: sqlite3.Row, number: int, ago_us: int, row: sqlite3.Row) -> dict[str, object]:
    """Copy a row, so much earlier, with the names of its request, case and order replaced wherever they stand."""
    values = dict(row)
    for column in ("received_us", "recorded_us", "ended_us", "t_us"):
        if column in values:
            values[column] -= ago_us
    for name in (request["request_id"], request["case_id"], request["order_id"]):
        for column in ("request_id", "case_id", "opened_case", "order_id", "found_order_id"):
            if values.get(column) == name:
                values[column] = f"{number}{name}"
        for column in ("body", "report"):
            if column in values:
                values[column] = values[column].replace(f'"{name}"', f'"{number}{name}"')
    if "body" in values:
        values["body"] = _AT.sub(lambda found: f'"t":{int(found[1]) - ago_us}', values["body"], count=1)
    return values
