"""`python -m tests.simulate.fresh`: the fixed seeds, then fresh ones as long as there is time; prints what it ran.

It exits with 1 when a rule was violated, having said how to see it again.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from typing import Final

from daemon.simulate.sweep import Total, run_seeds

FIXED: Final = range(60)
FRESH_MAX: Final = 1_000_000


def main() -> int:
    """Run them, and give the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulate.fresh", description=__doc__)
    parser.add_argument("--seconds", type=float, default=110.0, help="how long in all (%(default)s)")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="cores (%(default)s)")
    parser.add_argument("--begin", type=int, default=time.time_ns() % 10**12, help="the first of the fresh seeds")
    options = parser.parse_args()
    until_s = time.monotonic() + options.seconds
    fixed, fresh = Total(), Total()
    for seed in run_seeds(FIXED, (), options.jobs):
        fixed.add(seed.result)
    for seed in run_seeds(range(options.begin, options.begin + FRESH_MAX), (), options.jobs):
        fresh.add(seed.result)
        if time.monotonic() >= until_s:
            break
    for name, begin, total in (("fixed", FIXED.start, fixed), ("fresh", options.begin, fresh)):
        ran = f"{begin}..{begin + total.seeds}, {total.requests} requests"
        print(f"{name} seeds {ran}: {len(total.violations)} violations")
        for found in total.violations:
            print(f"  {found.rule}: {found.detail}\n    see it again: canceld simulate --replay {found.seed}")
    return 1 if fixed.violations or fresh.violations else 0


if __name__ == "__main__":
    sys.exit(main())
