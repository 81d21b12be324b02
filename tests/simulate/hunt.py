"""`python -m tests.simulate.hunt`: lets each wrong daemon live through the seeds from 0 on until one finds it out."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Final

from daemon.simulate.sweep import run_seed
from tests.simulate.canaries import CANARIES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from daemon.simulate.auditor import Violation
    from tests.simulate.canaries import Canary

SEEDS_MAX: Final = 2_000


def hunt(canary: Canary, seeds: Iterable[int]) -> tuple[int, Violation] | None:
    """Give the first seed that finds a canary out, and what it found."""
    with canary.belief():
        for seed in seeds:
            found = [each for each in run_seed(seed).result.violations if each.rule != "raised"]
            if found:
                return seed, found[0]
    return None


def main() -> int:
    """Hunt all of them, or those that are named; 0 if each was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulate.hunt", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="which of them (all)")
    parser.add_argument("--seeds", type=int, default=SEEDS_MAX, help="how many each may live through (%(default)s)")
    options = parser.parse_args()
    survivors = 0
    for canary in CANARIES:
        if options.names and canary.name not in options.names:
            continue
        caught = hunt(canary, range(options.seeds))
        survivors += caught is None
        what = f"found by seed {caught[0]}, after {caught[0] + 1}: {caught[1].rule}" if caught else "NOT FOUND"
        print(f"{canary.name:45} {what}", flush=True)
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
