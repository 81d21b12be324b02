"""Throughput: confirmed cancels a second with many in flight, and what each costs in processor time.

Gives ``{contender: {"per_s", "cpu_us", …}}``, and under ``venue`` what the venue itself spends on a cancel: it shares
its core with the client, so where ``per_s`` comes near what that core can serve, the figure is the venue's and only
``cpu_us`` says something about the contender.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tests.bench.clients import Caller
from tests.bench.figures import Figures, over_rounds
from tests.bench.processes import Contender, DaemonKind, Stage, Venue, daemon, relay

if TYPE_CHECKING:
    from tests.bench.plan import Plan

IN_FLIGHT: Final = 256
WARM_UP: Final = 500
SHARE: Final = 1.0


def run(plan: Plan) -> Any:
    """Saturate all contenders, in turns."""
    with Stage(is_tls=plan.is_tls, is_strict=plan.is_strict) as stage:
        contenders = [
            daemon(stage, "daemon", Venue(stage)),
            relay(stage, "relay", Venue(stage)),
            relay(stage, "relay_durable", Venue(stage), has_receipt=True),
            daemon(stage, "daemon_strict", Venue(stage), DaemonKind(is_strict=True)),
            daemon(stage, "daemon_tls", Venue(stage, is_tls=True)),
        ]
        callers = [Caller(contender) for contender in contenders]
        rounds: dict[str, list[Figures]] = {contender.name: [] for contender in contenders}
        venues: list[Figures] = []
        for caller in callers:
            if caller.contender.name.startswith("daemon"):
                caller.wait_until_ready()
            caller.saturate(caller.contender.venue.rest(WARM_UP), IN_FLIGHT)
        for _ in range(plan.rounds):
            for caller in callers:
                figures = _round(caller, plan.a_round(SHARE))
                rounds[caller.contender.name].append(figures)
                venues.append({"cpu_us": figures.pop("venue_cpu_us")})
        for contender in contenders:
            contender.venue.require_unbound()
    return {name: over_rounds(found) for name, found in rounds.items()} | {"venue": over_rounds(venues)}


def _round(caller: Caller, count: int) -> Figures:
    contender = caller.contender
    orders = contender.venue.rest(count)
    venue = Contender("venue", contender.venue, contender.venue.process, contender.path, contender.room)
    cpu_ns, venue_ns = contender.cpu_ns(), venue.cpu_ns()
    seconds = caller.saturate(orders, IN_FLIGHT)
    return {
        "per_s": count / seconds,
        "cpu_us": (contender.cpu_ns() - cpu_ns) / count / 1000,
        "venue_cpu_us": (venue.cpu_ns() - venue_ns) / count / 1000,
        "n": count,
    }
