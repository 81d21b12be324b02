"""Serial: one cancel after the other, from the client's line to the line with its outcome.

Gives ``{contender: {"p50_us", "p99_us", "p999_us", "max_us", "n", …}}``. The contenders take turns, a round each, so
that what the machine does meanwhile hits all of them. ``daemon`` is to be held against ``relay_durable``, the
``_2ms`` pair against each other, and ``ccxt``, which writes nothing down, against ``daemon_tmpfs``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

from tests.bench.clients import Caller
from tests.bench.figures import Figures, of_round, over_rounds
from tests.bench.processes import Contender, DaemonKind, Stage, Venue, ccxt, daemon, relay

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Sequence

    from tests.bench.clients import Order
    from tests.bench.plan import Plan

WARM_UP: Final = 200
COLOCATED_US: Final = 2_000


@dataclass
class Runner:
    """A contender with its share of the samples, and what it measured so far."""

    venue: Venue
    cancel: Callable[[Sequence[Order]], list[int]]
    share: float
    rounds: list[Figures]


def run(plan: Plan) -> Any:
    """Measure all contenders, in turns."""
    with Stage(is_tls=plan.is_tls, is_strict=plan.is_strict) as stage:
        runners = {**_on_sockets(stage), **_peers(stage)}
        for runner in runners.values():
            runner.cancel(runner.venue.rest(WARM_UP))
        for _ in range(plan.rounds):
            for runner in runners.values():
                took = runner.cancel(runner.venue.rest(plan.a_round(runner.share)))
                runner.rounds.append(of_round(ns / 1000 for ns in took))
        for runner in runners.values():
            runner.venue.require_unbound()
    return {name: over_rounds(runner.rounds) for name, runner in runners.items()}


def _on_sockets(stage: Stage) -> dict[str, Runner]:
    plain, memory, strict = DaemonKind(), DaemonKind(in_memory=True), DaemonKind(is_strict=True)
    made: list[tuple[float, Contender]] = [
        (1.0, daemon(stage, "daemon", Venue(stage), plain)),
        (1.0, relay(stage, "relay_durable", Venue(stage), has_receipt=True)),
        (1.0, relay(stage, "relay", Venue(stage))),
        (0.25, daemon(stage, "daemon_tmpfs", Venue(stage), memory)),
        (0.25, daemon(stage, "daemon_2ms", Venue(stage, delay_us=COLOCATED_US), plain)),
        (0.25, relay(stage, "relay_2ms", Venue(stage, delay_us=COLOCATED_US))),
        (0.25, daemon(stage, "daemon_strict", Venue(stage), strict)),
        (0.25, daemon(stage, "daemon_tls", Venue(stage, is_tls=True), plain)),
        (0.25, relay(stage, "relay_tls", Venue(stage, is_tls=True))),
    ]
    runners: dict[str, Runner] = {}
    for share, contender in made:
        caller = Caller(contender)
        if contender.name.startswith("daemon"):
            caller.wait_until_ready()
        runners[contender.name] = Runner(contender.venue, caller.serial, share, [])
    return runners


def _peers(stage: Stage) -> dict[str, Runner]:
    """Other people's clients, where `make peers` has installed them; with TLS they are left out."""
    venue = Venue(stage)
    process = ccxt(stage, venue)
    return {} if process is None else {"ccxt": Runner(venue, Peer(process).serial, 0.25, [])}


class Peer:
    """A peer's process: it gets a line of orders and gives a line of round trips."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._answer()

    def serial(self, orders: Sequence[Order]) -> list[int]:
        """Have it cancel orders one by one; gives each round trip in nanoseconds."""
        assert self._process.stdin is not None
        self._process.stdin.write(orjson.dumps(orders) + b"\n")
        self._process.stdin.flush()
        took: list[int] = self._answer()
        return took

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("the peer ended; its log says why")
        return orjson.loads(line)
