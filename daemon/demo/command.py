"""`canceld demo`: its arguments, its course, its exit code."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import TYPE_CHECKING, Final

import msgspec

from daemon.demo.host import Host, HostError
from daemon.demo.play import VenuePlay
from daemon.demo.score import VenueScore, is_good, score
from daemon.demo.screen import Screen
from daemon.sim.registry import DEMOS

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from daemon.demo.score import Judged

ORDERS_DEFAULT: Final = 200
EXIT_GOOD: Final = 0
EXIT_BAD: Final = 1
EXIT_USAGE: Final = 2


class Summary(msgspec.Struct, frozen=True):
    """What ``--json`` prints."""

    ok: bool
    seed: int
    venues: dict[str, VenueScore]
    wall_s: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments, as `run` reads them."""
    parser.add_argument(
        "--venue", action="append", choices=sorted(DEMOS), help="a venue; again for more (default: all)"
    )
    parser.add_argument(
        "--orders", type=int, default=ORDERS_DEFAULT, metavar="N", help="orders per venue (%(default)s)"
    )
    parser.add_argument("--seed", type=int, default=7, metavar="S", help="fixes orders and faults (%(default)s)")
    parser.add_argument("--faults", action="store_true", help="let the venues misbehave in every way they know")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output, nothing else there")


def run(options: argparse.Namespace) -> int:
    """Run the demonstration; 0 if every outcome was right and none is left open, 1 if not, 2 for wrong arguments."""
    if options.orders < 1:
        print("canceld demo: --orders: at least 1", file=sys.stderr)
        return EXIT_USAGE
    try:
        return asyncio.run(_demonstrate(options))
    except (HostError, TimeoutError, OSError) as error:
        print(f"canceld demo: {str(error) or 'the daemon was not ready in time'}", file=sys.stderr)
        return EXIT_BAD


async def _demonstrate(options: argparse.Namespace) -> int:
    venues = tuple(dict.fromkeys(options.venue or sorted(DEMOS)))
    started_s = time.monotonic()
    faults = {venue: DEMOS[venue].faults for venue in venues} if options.faults else {}
    screen = Screen(is_silent=options.json)
    screen.say(f"Starting {len(venues)} simulated venue(s) and canceld on a private socket (seed {options.seed}).")
    async with Host(venues, options.seed, faults) as host:
        plays = [_play(host, venue, options, screen) for venue in venues]
        with screen:
            judged = await asyncio.gather(*(play.perform() for play in plays))
    results = {play.venue: entries for play, entries in zip(plays, judged, strict=True)}
    scores = {venue: score(entries) for venue, entries in results.items()}
    wall_s = round(time.monotonic() - started_s, 1)
    summary = Summary(is_good(scores), options.seed, scores, wall_s)
    if options.json:
        print(msgspec.json.encode(summary).decode())
    else:
        _show(screen, summary, results, plays)
    _blame(results, plays)
    return EXIT_GOOD if summary.ok else EXIT_BAD


def _play(host: Host, venue: str, options: argparse.Namespace, screen: Screen) -> VenuePlay:
    plan = DEMOS[venue]
    orders = min(options.orders, plan.orders_max)
    if orders < options.orders:
        print(f"canceld demo: {venue}: {orders} orders instead of {options.orders}, since {plan.why}", file=sys.stderr)
    screen.expect(venue, orders)
    return VenuePlay(host, venue, plan, orders, options.seed, screen.outcome)


def _show(screen: Screen, summary: Summary, results: Mapping[str, list[Judged]], plays: list[VenuePlay]) -> None:
    for venue, judged in results.items():
        screen.samples(venue, judged)
    screen.scores(summary.venues)
    for play in plays:
        if play.faults:
            shown = ", ".join(f"{name} {count}" for name, count in sorted(play.faults.items()) if count)
            screen.say(f"faults that {play.venue} showed: {shown}")
        breaches = ", ".join(f"{rule} {count}" for rule, count in play.breaches.items()) or "none"
        screen.say(f"breaches of {play.venue}'s rate limits: {breaches}")
    verdict = "Every outcome agrees with its venue's books." if summary.ok else "NOT every outcome agrees."
    screen.say(f"{verdict} {summary.wall_s:.1f} s.")


def _blame(results: Mapping[str, list[Judged]], plays: list[VenuePlay]) -> None:
    for play in plays:
        for trouble in play.troubles:
            print(f"canceld demo: {play.venue}: {trouble}", file=sys.stderr)
    for venue, judged in results.items():
        for entry in judged:
            if entry.why is not None:
                print(f"canceld demo: {venue}: order {entry.truth.order_id}: {entry.why}", file=sys.stderr)
