"""The outcomes of the last while, as `cancelctl top` sums them up: how many a second, of which kind, how fast.

Outcomes go in as the socket tells them (`add`); what was told is never judged here. Percentiles are those of the
outcomes that are held, not estimates; what the daemon itself counts since its start stands on its metrics page.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

OUTCOMES_MAX: Final = 5_000
"""Past that the oldest go; a screen that is a minute wide shows no more at a venue's fastest."""
US_PER_S: Final = 1_000_000
BOUNDS_MS: Final = (0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 5_000, 25_000)
QUANTILES: Final = (0.5, 0.9, 0.99, 1.0)


@dataclass(frozen=True, slots=True)
class Told:
    """One outcome: when it was told, and how long each part took (us). None: that part did not happen."""

    at_us: int
    account: str
    outcome: str
    source: str
    own_us: int | None
    """From the reading of the line to the first byte on its way: what canceld and the rate limits cost."""
    venue_us: int | None
    """From there to the evidence."""
    whole_us: int

    @classmethod
    def of(cls, result: Mapping[str, object]) -> Told | None:
        """Read a result of the socket; None if it is none."""
        times, evidence = result.get("times"), result.get("evidence")
        if not isinstance(times, dict) or not isinstance(times.get("received"), int):
            return None
        received: int = times["received"]
        # What is replayed says no more when it was told. Evidence can be older than the request: an order ended before.
        ended = _time(times, "reported") or max(value for value in times.values() if isinstance(value, int))
        forwarded, proven = _time(times, "forwarded"), _time(times, "evidence")
        return cls(
            at_us=ended,
            account=str(result.get("account")),
            outcome=str(result.get("outcome")),
            source=str(evidence.get("source")) if isinstance(evidence, dict) else "none",
            own_us=None if forwarded is None else forwarded - received,
            venue_us=None if forwarded is None or proven is None else max(0, proven - forwarded),
            whole_us=ended - received,
        )


class Window:
    """The newest `OUTCOMES_MAX` outcomes."""

    def __init__(self) -> None:
        self._told: deque[Told] = deque(maxlen=OUTCOMES_MAX)

    def add(self, result: Mapping[str, object]) -> None:
        """Take an outcome in."""
        told = Told.of(result)
        if told is not None:
            self._told.append(told)

    def since(self, from_us: int) -> list[Told]:
        """Give those that were told from then on."""
        return [told for told in self._told if told.at_us >= from_us]

    def latest(self, count: int) -> list[Told]:
        """Give the newest few, the newest first."""
        return [told for told, _ in zip(reversed(self._told), range(count), strict=False)]

    def per_second(self, now_us: int, seconds: int) -> list[int]:
        """Count by whole seconds up to now, the oldest first."""
        counts = [0] * seconds
        for told in self.since(now_us - seconds * US_PER_S):
            place = seconds - 1 - max(0, now_us - told.at_us) // US_PER_S
            if place >= 0:
                counts[place] += 1
        return counts

    def counts(self, now_us: int, seconds: int) -> Counter[str]:
        """Count by outcome."""
        return Counter(told.outcome for told in self.since(now_us - seconds * US_PER_S))


def quantiles_ms(values_us: Iterable[int | None]) -> list[float | None]:
    """Give the values at `QUANTILES`, in milliseconds; None where there is nothing to take them from."""
    ordered = sorted(value for value in values_us if value is not None)
    if not ordered:
        return [None] * len(QUANTILES)
    return [ordered[max(0, ceil(share * len(ordered)) - 1)] / 1000 for share in QUANTILES]


def histogram(values_us: Iterable[int | None]) -> list[tuple[float | None, int]]:
    """Count by upper bound (ms; None: past all), without the empty ones at both ends."""
    counts: Counter[float | None] = Counter()
    for value_us in values_us:
        if value_us is not None:
            counts[next((bound for bound in BOUNDS_MS if value_us <= bound * 1000), None)] += 1
    bounds: list[float | None] = [*BOUNDS_MS, None]
    used = [index for index, bound in enumerate(bounds) if counts[bound]]
    return [(bound, counts[bound]) for bound in bounds[used[0] : used[-1] + 1]] if used else []


def _time(times: Mapping[str, object], name: str) -> int | None:
    """Give one of the times, if it is there."""
    value = times.get(name)
    return value if isinstance(value, int) else None
