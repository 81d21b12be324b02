"""Open loop: cancels arrive on a schedule, and each is measured from when it was to be sent.

Gives ``{rate: {"p50_us", …, "late", "not_canceled", "stages": {stage: {"p50_us", …}}}}`` for the rates in cancels a
second, and ``"500_tls"`` and ``"500_strict"`` for the other modes. A request that waits behind a slow one is charged
for its wait (no coordinated omission). ``late`` counts answers past the request's own deadline. Stages are by the
daemon's own times, since it read the line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tests.bench.clients import Arrivals, Caller
from tests.bench.figures import of_round, over_rounds
from tests.bench.processes import DaemonKind, Stage, Venue, daemon

if TYPE_CHECKING:
    from tests.bench.plan import Plan

RATES: Final = (100, 500, 1_000, 2_000)
COMPARED: Final = 500
"""The rate at which the other modes are measured."""
DEADLINE_MS: Final = 1_000
ROUNDS: Final = 5
WARM_UP: Final = 500


def run(plan: Plan) -> Any:
    """Measure the rates, in turns."""
    with Stage(is_tls=plan.is_tls, is_strict=plan.is_strict) as stage:
        plain = ready(Caller(daemon(stage, "daemon", Venue(stage))))
        runs = {str(rate): (plain, rate) for rate in RATES}
        tls = ready(Caller(daemon(stage, "daemon_tls", Venue(stage, is_tls=True))))
        strict = ready(Caller(daemon(stage, "daemon_strict", Venue(stage), DaemonKind(is_strict=True))))
        runs |= {f"{COMPARED}_tls": (tls, COMPARED), f"{COMPARED}_strict": (strict, COMPARED)}
        found: dict[str, list[Arrivals]] = {name: [] for name in runs}
        for _ in range(ROUNDS):
            for name, (caller, rate) in runs.items():
                found[name].append(scheduled(caller, rate, plan.seconds))
        for caller in (plain, tls, strict):
            caller.contender.venue.require_unbound()
    return {name: summary(rounds) for name, rounds in found.items()}


def ready(caller: Caller) -> Caller:
    """Wait until a daemon is ready and warm."""
    caller.wait_until_ready()
    caller.serial(caller.contender.venue.rest(WARM_UP))
    return caller


def scheduled(caller: Caller, rate: int, seconds: float) -> Arrivals:
    """Send cancels at a rate for so long."""
    orders = caller.contender.venue.rest(int(rate * seconds))
    return caller.on_schedule(orders, rate, DEADLINE_MS)


def summary(rounds: list[Arrivals]) -> Any:
    """Give the figures of some rounds at one rate."""
    stages = {
        stage: over_rounds([of_round(arrivals.stages[stage]) for arrivals in rounds])
        for stage in rounds[0].stages
        if all(arrivals.stages[stage] for arrivals in rounds)
    }
    late, not_canceled = sum(each.late for each in rounds), sum(each.not_canceled for each in rounds)
    whole = over_rounds([of_round(arrivals.whole) for arrivals in rounds])
    return whole | {"late": late, "not_canceled": not_canceled, "stages": stages}
