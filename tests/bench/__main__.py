"""`make bench`: measures, prints a table, and writes ``.bench/latest.json``.

    make bench                                     everything
    make bench ARGS="serial throughput"            some parts
    make bench ARGS="serial --samples 2000 --rounds 5"
    make bench ARGS="open_loop --tls --strict"     the same, all over TLS, all committed before it is told
    make bench ARGS="--show FILE"                  the table of an earlier run

What each part measures, and the shape of what it writes, stands in its module in `tests.bench.parts`.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import orjson

from tests.bench.machine import commit, machine, versions
from tests.bench.parts import PARTS, run_part
from tests.bench.pinning import BESIDE, pin
from tests.bench.plan import Plan
from tests.bench.processes import ROOT
from tests.bench.table import table

LATEST = ROOT / ".bench/latest.json"


def main() -> None:
    """Measure, print, keep."""
    options = _parser().parse_args()
    if options.show is not None:
        print(table(orjson.loads(options.show.read_bytes())))
        return
    pin(BESIDE)
    plan = Plan(options.samples, options.rounds, options.seconds, options.orders, options.tls, options.strict)
    mode = [name for name, is_on in (("tls", plan.is_tls), ("strict", plan.is_strict)) if is_on]
    document = {"machine": machine(), "versions": versions(), "commit": commit(), "mode": mode}
    began = time.monotonic()
    for name in options.parts or PARTS:
        print(f"{name} ...", file=sys.stderr, flush=True)
        document[name] = run_part(name, plan)
    document["wall_s"] = round(time.monotonic() - began, 1)
    print(table(document))
    options.out.parent.mkdir(exist_ok=True)
    options.out.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")


def _parser() -> argparse.ArgumentParser:
    plan = Plan()
    parser = argparse.ArgumentParser(prog="make bench", description="time confirmed cancels")
    parser.add_argument("parts", nargs="*", metavar="PART", choices=[*PARTS, []], help=f"all, or of {', '.join(PARTS)}")
    parser.add_argument("--samples", type=int, default=plan.samples, help="of a closely compared contender")
    parser.add_argument("--rounds", type=int, default=plan.rounds, help="in which the contenders take turns")
    parser.add_argument("--seconds", type=float, default=plan.seconds, help="a round of a rate or of a stress")
    parser.add_argument("--orders", type=int, default=plan.orders, help="tracked, and journaled, in `scale`")
    parser.add_argument("--tls", action="store_true", help="to every venue")
    parser.add_argument("--strict", action="store_true", help='every daemon with durability = "strict"')
    parser.add_argument("--out", type=Path, default=LATEST, help="where the results go (%(default)s)")
    parser.add_argument("--show", type=Path, metavar="FILE", help="measure nothing, print the table of these results")
    return parser


if __name__ == "__main__":
    main()
