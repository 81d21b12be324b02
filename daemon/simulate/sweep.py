"""Runs many seeds, one after another or on several cores, and adds up what they came to, in the order of the seeds.

What a seed comes to depends on the seed and the venues alone: neither on its neighbours nor on the number of cores.
A seed that ends with an exception is a finding like any other, and does not end the sweep.
"""

from __future__ import annotations

import gc
import multiprocessing
import traceback
from collections import Counter, deque
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

import msgspec
import structlog

from daemon.sim.faults import Fault
from daemon.simulate.auditor import Violation
from daemon.simulate.plan import draw
from daemon.simulate.world import Result, World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Future

AHEAD_PER_JOB: Final = 4
"""Seeds that wait or are done before their turn, for each core: enough to keep it busy beside a slow neighbour."""


class Seed(msgspec.Struct, frozen=True):
    """One seed: what it drew, in a line, and what that came to."""

    drew: str
    result: Result


class Broken(msgspec.Struct, frozen=True):
    """A violation, and where it was found."""

    seed: int
    rule: str
    detail: str


class Summary(msgspec.Struct, frozen=True):
    """What ``--json`` prints. ``trace_hash`` is one over those of all seeds."""

    seeds: int
    requests: int
    faults: dict[str, int]
    violations: list[Broken]
    trace_hash: str
    wall_s: float


def run_seed(seed: int, venues: Sequence[str] = (), tell: Callable[[str], None] | None = None) -> Seed:
    """Run one seed; ``tell`` gets all that it drew and its whole story, line by line."""
    plan = draw(seed, venues)
    if tell is not None:
        for line in plan.story():
            tell(line)
    world = World(plan, tell)
    try:
        with _silence():
            result = world.run()
    except Exception as error:  # noqa: BLE001 - whatever the product raises is a finding, and the seed says where
        at = traceback.extract_tb(error.__traceback__)[-1]
        found = Violation("raised", f"{type(error).__name__}: {error} (in {at.name}, line {at.lineno})")
        result = world.result([found])
    finally:
        world.close()
    return Seed(plan.summary(), result)


@contextmanager
def _silence() -> Iterator[None]:
    """Let nothing log: what parts of a daemon say by themselves belongs to no world."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50), cache_logger_on_first_use=False)
    try:
        yield
    finally:
        structlog.configure(**before)


def _run_and_sweep(seed: int, venues: Sequence[str]) -> Seed:
    """Run one of many seeds, and let its world go, which is of many cycles."""
    found = run_seed(seed, venues)
    gc.collect()
    return found


def _collect_by_hand() -> None:
    """Let nobody look for garbage in the middle of a seed: it takes a twentieth of the time, and finds next to none."""
    gc.freeze()
    gc.disable()


@contextmanager
def _collecting_by_hand() -> Iterator[None]:
    _collect_by_hand()
    try:
        yield
    finally:
        gc.unfreeze()
        gc.enable()


def run_seeds(seeds: range, venues: Sequence[str] = (), jobs: int = 1) -> Iterator[Seed]:
    """Run seeds on ``jobs`` cores and give them in their order."""
    if jobs == 1:
        with _collecting_by_hand():
            yield from (_run_and_sweep(seed, venues) for seed in seeds)
        return
    waiting: deque[Future[Seed]] = deque()
    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), _collect_by_hand)
    try:
        for seed in seeds:
            waiting.append(pool.submit(_run_and_sweep, seed, venues))
            if len(waiting) >= jobs * AHEAD_PER_JOB:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


@dataclass(slots=True)
class Total:
    """Adds up seeds; the order in which they come is part of the hash."""

    seeds: int = 0
    requests: int = 0
    faults: Counter[str] = field(default_factory=lambda: Counter({fault.value: 0 for fault in Fault}))
    violations: list[Broken] = field(default_factory=list)
    _hashes: list[str] = field(default_factory=list)

    def add(self, result: Result) -> None:
        """Add the next seed."""
        self.seeds += 1
        self.requests += result.requests
        self.faults.update(result.faults)
        self.violations += [Broken(result.seed, found.rule, found.detail) for found in result.violations]
        self._hashes.append(result.trace_hash)

    def summary(self, wall_s: float) -> Summary:
        """Give the sum."""
        digest = blake2b("\n".join(self._hashes).encode(), digest_size=16).hexdigest()
        return Summary(self.seeds, self.requests, dict(self.faults), self.violations, digest, wall_s)
