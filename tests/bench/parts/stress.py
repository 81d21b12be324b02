"""Stress: what the same load costs while something else goes on.

Gives ``"quiet"``, ``"foreign_pushes"`` (5,000 pushes of other orders a second), ``"slow_disk"`` (each commit takes
20 ms more) and ``"reconnect"`` (the venue cuts the socket in the middle of each round), each as a rate of the part
`open_loop`, at 500 cancels a second; and ``"serial_quiet"`` and ``"serial_foreign_pushes"`` as in the part `serial`.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

from tests.bench.clients import Caller
from tests.bench.figures import Figures, of_round, over_rounds
from tests.bench.parts.open_loop import ready, scheduled, summary
from tests.bench.processes import DaemonKind, Stage, Venue, daemon

if TYPE_CHECKING:
    from tests.bench.clients import Arrivals
    from tests.bench.plan import Plan

RATE: Final = 500
FOREIGN_PER_S: Final = 5_000
ROUNDS: Final = 5
SERIAL_SHARE: Final = 0.25


def run(plan: Plan) -> Any:
    """Measure the kinds of stress beside the quiet, in turns."""
    with Stage(is_tls=plan.is_tls, is_strict=plan.is_strict) as stage:
        plain = ready(Caller(daemon(stage, "daemon", Venue(stage))))
        slow_kind = DaemonKind(module="tests.bench.slow_disk")
        slow = ready(Caller(daemon(stage, "daemon_slow_disk", Venue(stage), slow_kind)))
        open_loop: dict[str, list[Arrivals]] = {
            name: [] for name in ("quiet", "foreign_pushes", "slow_disk", "reconnect")
        }
        serial: dict[str, list[Figures]] = {"serial_quiet": [], "serial_foreign_pushes": []}
        for _ in range(ROUNDS):
            open_loop["quiet"].append(scheduled(plain, RATE, plan.seconds))
            open_loop["slow_disk"].append(scheduled(slow, RATE, plan.seconds))
            open_loop["reconnect"].append(_while_cut(plain, plan.seconds))
            serial["serial_quiet"].append(_serial(plain, plan))
            plain.contender.venue.ask("strangers", per_s=FOREIGN_PER_S)
            open_loop["foreign_pushes"].append(scheduled(plain, RATE, plan.seconds))
            serial["serial_foreign_pushes"].append(_serial(plain, plan))
            plain.contender.venue.ask("strangers", per_s=0)
        for caller in (plain, slow):
            caller.contender.venue.require_unbound()
    return {name: summary(rounds) for name, rounds in open_loop.items()} | {
        name: over_rounds(rounds) for name, rounds in serial.items()
    }


def _serial(caller: Caller, plan: Plan) -> Figures:
    took = caller.serial(caller.contender.venue.rest(int(plan.samples * SERIAL_SHARE / ROUNDS)))
    return of_round(ns / 1000 for ns in took)


def _while_cut(caller: Caller, seconds: float) -> Arrivals:
    """Have the venue cut every socket in the middle of a round."""
    cut = threading.Timer(seconds / 2, caller.contender.venue.ask, ["cut"])
    cut.start()
    found = scheduled(caller, RATE, seconds)
    cut.join()
    caller.wait_until_ready()
    return found
