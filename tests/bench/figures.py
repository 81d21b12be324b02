"""From samples to figures: percentiles of a round, medians over the rounds, and how far the rounds lie apart."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Final

from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped]  # the package has no types

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Figures = dict[str, float]
PERCENTILES: Final = {"p50_us": 50.0, "p99_us": 99.0, "p999_us": 99.9}
LONGEST_US: Final = 600_000_000
DIGITS: Final = 3


def of_round(took_us: Iterable[float]) -> Figures:
    """Give the percentiles of one round, with the number of its samples."""
    histogram = HdrHistogram(1, LONGEST_US * 10, DIGITS)
    for value in took_us:
        histogram.record_value(max(1, round(value * 10)))  # in tenths of a microsecond
    at = {name: histogram.get_value_at_percentile(percentile) / 10 for name, percentile in PERCENTILES.items()}
    return at | {"max_us": histogram.get_max_value() / 10, "n": histogram.get_total_count()}


def over_rounds(rounds: Sequence[Mapping[str, float]]) -> Figures:
    """Give the median of each figure over the rounds, its least and most as ``NAME_least``/``_most``; ``n`` adds up."""
    found: Figures = {}
    for name in rounds[0]:
        values = [figures[name] for figures in rounds]
        if name == "n":
            found["n"] = sum(values)
            continue
        found[name] = round(statistics.median(values), 1)
        found[f"{name}_least"], found[f"{name}_most"] = round(min(values), 1), round(max(values), 1)
    return found | {"rounds": len(rounds)}
