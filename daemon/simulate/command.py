"""`canceld simulate`: its arguments, what it prints, its exit code."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import sys
import time
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec

from daemon.sim.registry import VENUES
from daemon.simulate.sweep import Total, run_seed, run_seeds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from daemon.simulate.sweep import Seed, Summary
    from daemon.simulate.world import Result

EXIT_GOOD: Final = 0
EXIT_BAD: Final = 1
EXIT_USAGE: Final = 2
JOBS_MAX: Final = 256


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments, as `run` reads them."""
    parser.add_argument("--seeds", type=_seeds, metavar="A..B", help="run the seeds from A up to B, without B")
    parser.add_argument(
        "--venue", action="append", choices=sorted(VENUES), help="draw from this venue; again for more (default: all)"
    )
    parser.add_argument("--replay", type=_seed, metavar="SEED", help="run this seed alone, and tell its whole story")
    parser.add_argument("--jobs", type=_jobs, default=1, metavar="N", help="seeds at a time, a core each (%(default)s)")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output, nothing else there")


def run(options: argparse.Namespace) -> int:
    """Run the seeds; 0 without a violation, 1 with one, 2 for wrong arguments."""
    why = _why_not(options)
    if why:
        print(f"canceld simulate: {why}", file=sys.stderr)
        return EXIT_USAGE
    say = partial(print, file=sys.stderr if options.json else sys.stdout)
    venues = tuple(dict.fromkeys(options.venue or ()))
    total = Total()
    started_s = time.monotonic()
    try:
        for seed in _run(options, venues, say):
            total.add(seed.result)
            for line in _came_to(seed.result, venues):
                say(line)
    except BrokenPipeError:  # who pipes a story away has read enough; nothing is left to tell to nobody
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_BAD
    summary = total.summary(round(time.monotonic() - started_s, 1))
    if options.json:
        print(msgspec.json.encode(summary).decode())
    else:
        say(_sum(summary))
    return EXIT_BAD if summary.violations else EXIT_GOOD


def _why_not(options: argparse.Namespace) -> str:
    """Say what is wrong with the arguments taken together; "" if nothing is."""
    if options.seeds is None and options.replay is None:
        return "name the seeds: --seeds 0..200, or --replay SEED"
    if options.seeds is not None and options.replay is not None:
        return "--replay SEED runs that seed alone and --seeds many: give one of them"
    if options.replay is not None and options.jobs > 1:
        return "--replay SEED runs one seed, on one core: leave --jobs out"
    return ""


def _run(options: argparse.Namespace, venues: Sequence[str], say: Callable[[str], None]) -> Iterator[Seed]:
    if options.replay is not None:
        yield run_seed(options.replay, venues, say)
        return
    for seed in run_seeds(options.seeds, venues, options.jobs):
        say(seed.drew)
        yield seed


def _came_to(result: Result, venues: Sequence[str]) -> Iterator[str]:
    """Tell what a seed came to, and for each violation how to see it happen again."""
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in sorted(result.outcomes.items()))
    yield f"  {outcomes}; {sum(result.faults.values())} faults in {result.virtual_s:.0f} s; trace {result.trace_hash}"
    for found in result.violations:
        yield f"  VIOLATION of {found.rule}: {found.detail}"
    if result.violations:
        again = ["canceld", "simulate", "--replay", str(result.seed)]
        yield f"  see it again: {shlex.join([*again, *(word for venue in venues for word in ('--venue', venue))])}"


def _sum(summary: Summary) -> str:
    shown = ", ".join(f"{name} {count}" for name, count in summary.faults.items())
    broken = Counter(found.rule for found in summary.violations)
    verdict = ", ".join(f"{rule} {count}" for rule, count in sorted(broken.items())) or "none"
    return (
        f"{summary.seeds} seeds, {summary.requests} requests, {summary.wall_s} s; trace {summary.trace_hash}\n"
        f"faults: {shown}\nviolations: {verdict}"
    )


def _seeds(text: str) -> range:
    found = re.fullmatch(r"(\d{1,18})\.\.(\d{1,18})", text, re.ASCII)
    if found is None or int(found[1]) >= int(found[2]):
        raise argparse.ArgumentTypeError(f"{text!r} is not A..B with A below B, such as 0..200")
    return range(int(found[1]), int(found[2]))


def _seed(text: str) -> int:
    if re.fullmatch(r"\d{1,18}", text, re.ASCII) is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a seed: a number from 0 on")
    return int(text)


def _jobs(text: str) -> int:
    if re.fullmatch(r"\d{1,3}", text, re.ASCII) is None or not 1 <= int(text) <= JOBS_MAX:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of cores from 1 to {JOBS_MAX}")
    return int(text)
