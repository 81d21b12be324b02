"""`python -m tests.simulate.fresh`: the fixed seeds, then fresh ones; prints what it ran.

Fresh are seeds that no other commit ran: they begin at a number that the commit's name gives, so that every commit
looks elsewhere, and whoever runs it again for the same commit sees the same. It exits with 1 when a rule was
violated, having said how to see it again, or when the fixed seeds have not lived through every primitive of the
catalogue; with ``--tell`` only when a fixed seed violates one: what a fresh seed finds may be as old as the product,
so it is told and does not keep a commit out.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from typing import Final

from daemon.simulate.sweep import Total, run_seeds

FIXED: Final = range(60)
FRESH: Final = 400
NAME_DIGITS: Final = 10
"""Of a commit's name, in base 16: enough to be alone with one's seeds."""


def of_this_commit() -> int:
    """Give the first seed of this commit; of this moment where there is none."""
    said = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return int(said.stdout[:NAME_DIGITS], 16) if said.returncode == 0 else time.time_ns() % 10**12


def main() -> int:
    """Run them, and give the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulate.fresh", description=__doc__)
    parser.add_argument("--seconds", type=float, default=105.0, help="how long in all (%(default)s)")
    parser.add_argument("--fresh", type=int, default=FRESH, help="how many fresh seeds at the most (%(default)s)")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="cores (%(default)s)")
    parser.add_argument("--begin", type=int, default=of_this_commit(), help="the first of the fresh seeds")
    parser.add_argument("--tell", action="store_true", help="only tell what fresh seeds find")
    options = parser.parse_args()
    until_s = time.monotonic() + options.seconds
    fixed, fresh = Total(), Total()
    for seed in run_seeds(FIXED, (), options.jobs):
        fixed.add(seed.result)
    for seed in run_seeds(range(options.begin, options.begin + options.fresh), (), options.jobs):
        fresh.add(seed.result)
        if time.monotonic() >= until_s:
            break
    for name, begin, total in (("fixed", FIXED.start, fixed), ("fresh", options.begin, fresh)):
        ran = f"{begin}..{begin + total.seeds}, {total.requests} requests"
        print(f"{name} seeds {ran}: {len(total.violations)} violations")
        for found in total.violations:
            print(f"  {found.rule}: {found.detail}\n    see it again: canceld simulate --replay {found.seed}")
    unlived = [name for name, count in fixed.faults.items() if not count]
    if unlived:
        print(f"no fixed seed lives through {', '.join(unlived)}: take more of them")
    return 1 if unlived or fixed.violations or (fresh.violations and not options.tell) else 0


if __name__ == "__main__":
    sys.exit(main())
