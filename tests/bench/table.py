"""The results as a table: what was promised first, as ratios, then each part's figures.

It computes nothing but ratios of figures that stand in the results; a part that did not run has no lines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

Results = dict[str, Any]
LONE: Final = "lone"
"""Among the venues of a flatten: the single cancel beside one."""


def table(results: Results) -> str:
    """Write the table."""
    parts = {
        "serial": _serial,
        "throughput": _throughput,
        "open_loop": _rates,
        "stress": _rates,
        "scale": _scale,
        "flatten": _flatten,
    }
    lines = [*_head(results)]
    goals = list(goals_of(results))
    if goals:
        lines += ["", f"{'what it has to show':<62} {'measured':>10} {'goal':>9}"]
        lines += [f"  {goal.what:<60} {goal.shown:>10} {goal.bound:>9}  {goal.word}" for goal in goals]
    for name, write in parts.items():
        if name in results:
            lines += ["", name, *(f"  {line}" for line in write(results[name]))]
    return "\n".join(lines)


class Goal:
    """One figure that was promised, as it was measured: None if it was not, though it could have been.

    ``at_most`` False: it has to be at least the bound.
    """

    def __init__(self, what: str, value: float | None, limit: float, unit: str = "", *, at_most: bool = True) -> None:
        self.what = what
        self.bound = ("<= " if at_most else ">= ") + number(limit) + unit
        if value is None:
            self.shown, self.word = "-", "not measured"
        else:
            is_met = value <= limit if at_most else value >= limit
            self.shown, self.word = number(value) + unit, "met" if is_met else "not met"


def goals_of(results: Results) -> Iterator[Goal]:
    """Hold the results against what the project promises, as far as the parts were run."""
    if "serial" in results:
        yield from _serial_goals(results["serial"])
    if "throughput" in results:
        ours, floor = results["throughput"]["daemon"], results["throughput"]["relay"]
        yield Goal("throughput, of the bare relay's", ours["per_s"] / floor["per_s"], 0.4, at_most=False)
        yield Goal("processor time a cancel, times the bare relay's", ours["cpu_us"] / floor["cpu_us"], 2.5)
    if "open_loop" in results:
        rates = results["open_loop"]
        yield Goal("p99 at 1,000/s, times that at 100/s", rates["1000"]["p99_us"] / rates["100"]["p99_us"], 3)
        lost = sum(rate["late"] + rate["not_canceled"] for rate in rates.values())
        yield Goal("requests lost, or late beyond their deadline", lost, 0)
    if "stress" in results:
        quiet, pushed = (results["stress"][name]["p50_us"] for name in ("serial_quiet", "serial_foreign_pushes"))
        yield Goal("serial p50 under 5,000 foreign pushes a second, times the quiet", pushed / quiet, 1.5)
    if "scale" in results:
        scale = results["scale"]
        yield Goal("memory per tracked live order", scale["bytes_per_order"], 1024, " B")
        yield Goal("memory idle", scale["idle_rss_mib"], 80, " MiB")
        yield Goal("from start to ready", scale["ready_s"], 1, " s")
        yield _recovery_goal(scale)
    if "flatten" in results:
        yield from _flatten_goals(results["flatten"])


def _recovery_goal(scale: Results) -> Goal:
    """Hold the whole start against the bound, and tell beside it what it takes without those requests.

    What they add may be less than what one start differs from the next, and would then say nothing.
    """
    laden_s = scale["ready_with_journal_s"]
    bare_s = laden_s - scale["recovery_s"]
    return Goal(
        f"the same with {scale['requests_journaled']:,} old requests ({bare_s:.2f} s without)", laden_s, 5, " s"
    )


def _flatten_goals(flatten: Results) -> Iterator[Goal]:
    rounds = {
        (venue, kind): found for venue, kinds in flatten.items() if venue != LONE for kind, found in kinds.items()
    }
    for (venue, kind), found in rounds.items():
        bound = 1.1 * found["optimum_s"] + 0.25
        yield Goal(f"flatten {found['orders']:,} at {venue}, {kind}", found["s"], bound, " s")
    yield Goal("breaches of a limit in all flattens", sum(found["breaches"] for found in rounds.values()), 0)
    if LONE in flatten:
        lone = flatten[LONE]
        ratio = lone["during_p99_ms"] / lone["idle_p99_ms"]
        yield Goal("a lone cancel's p99 during a flatten, times that at rest", ratio, 2)


def _serial_goals(serial: Results) -> Iterator[Goal]:
    ours, floor = serial["daemon"], serial["relay_durable"]
    yield Goal("serial p50, times the relay with a durable receipt", ours["p50_us"] / floor["p50_us"], 1.3)
    yield Goal("serial p99, times the relay with a durable receipt", ours["p99_us"] / floor["p99_us"], 2)
    ours, floor = serial["daemon_2ms"], serial["relay_2ms"]
    yield Goal("added to the bare relay at p50, venue 2 ms away", ours["p50_us"] - floor["p50_us"], 150, " us")
    yield Goal("added to the bare relay at p99, venue 2 ms away", ours["p99_us"] - floor["p99_us"], 1000, " us")
    ratio = serial["daemon_tmpfs"]["p50_us"] / serial["ccxt"]["p50_us"] if "ccxt" in serial else None
    yield Goal("serial p50, of ccxt.pro's (journal on tmpfs)", ratio, 0.75)


def _head(results: Results) -> Iterator[str]:
    on, of = results["machine"], results["versions"]
    yield ", ".join([f"canceld {of['canceld']} at {results['commit']}", f"Python {of['python']}", *results["mode"]])
    yield f"{on['cpu']}, {on['cores']} cores, {on['memory_gib']} GiB, {on['kernel']}, {on['file_system']}"
    yield on["pinned"]


_PERCENTILES: Final = (("p50_us", "p50 us"), ("p99_us", "p99 us"), ("p999_us", "p99.9 us"))


def _serial(serial: Results) -> Iterator[str]:
    yield from _percentiles(serial)


def _rates(rates: Results) -> Iterator[str]:
    yield from _percentiles(rates)
    stages = {name: rate["stages"] for name, rate in rates.items() if "stages" in rate}
    names = list(dict.fromkeys(stage for found in stages.values() for stage in found))
    yield f"{'stage p50/p99 us, since the line was read':<24}" + "".join(f"{name:>16}" for name in names)
    for name, found in stages.items():
        cells = (f"{number(found[s]['p50_us'])}/{number(found[s]['p99_us'])}" if s in found else "" for s in names)
        yield f"{name:<24}" + "".join(f"{cell:>16}" for cell in cells)


def _percentiles(rows: Results) -> Iterator[str]:
    yield f"{'':<24}" + "".join(f"{title:>10} {'(rounds)':>17}" for _, title in _PERCENTILES) + f"{'n':>9}"
    for name, row in rows.items():
        cells = "".join(f"{number(row[key]):>10} {_spread(row, key):>17}" for key, _ in _PERCENTILES)
        late = f"  late {row['late']}, not canceled {row['not_canceled']}" if "late" in row else ""
        yield f"{name:<24}{cells}{row['n']:>9.0f}{late}"


def _throughput(throughput: Results) -> Iterator[str]:
    yield f"{'':<24}{'per s':>10} {'(rounds)':>17}{'cpu us':>10} {'(rounds)':>17}"
    for name, row in throughput.items():
        cells = (
            f"{number(row[key]):>10} {_spread(row, key):>17}" if key in row else " " * 28 for key in ("per_s", "cpu_us")
        )
        yield f"{name:<24}" + "".join(cells)


def _scale(scale: Results) -> Iterator[str]:
    for name, value in scale.items():
        if not name.endswith(("_least", "_most")):
            spread = f"  ({_spread(scale, name)})" if f"{name}_least" in scale else ""
            yield f"{name:<24}{number(value):>10}{spread}"


def _flatten(flatten: Results) -> Iterator[str]:
    yield f"{'':<24}{'orders':>8}{'s':>10}{'optimum s':>12}{'naive s':>10}{'breaches':>10}"
    for venue, kinds in flatten.items():
        if venue == LONE:
            yield "  ".join(f"{name} {number(value)}" for name, value in {"lone": kinds["n"], **kinds}.items())
            continue
        for kind, found in kinds.items():
            cells = f"{found['orders']:>8,}{found['s']:>10.2f}{found['optimum_s']:>12.1f}{found['naive_s']:>10.1f}"
            yield f"{venue + ' ' + kind:<24}{cells}{found['breaches']:>10}"


def _spread(row: Results, key: str) -> str:
    return f"{number(row[f'{key}_least'])}..{number(row[f'{key}_most'])}"


def number(value: float) -> str:
    """Write a figure with as many digits as it deserves."""
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
