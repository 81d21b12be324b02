"""Holds outcomes against the venue's truth. Pure, and it trusts neither side's code: only what each one said.

An outcome is wrong when the venue's books say otherwise: another end, another final quantity, an unknown order that the
venue holds, a ``not_sent`` of which a frame arrived. A request without an outcome, or with two, is wrong too.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

OUTCOMES: Final = ("canceled", "filled", "rejected", "in_doubt", "unknown_order", "not_sent")
UNFINISHED: Final = ("in_doubt", "unknown_order", "not_sent")
_ENDED_UNFILLED: Final = frozenset({"canceled", "expired", "rejected"})


class Truth(msgspec.Struct, frozen=True):
    """An order by the venue's own books."""

    order_id: str
    instrument: str
    ord_status: str
    cum_qty: str


class Said(msgspec.Struct, frozen=True):
    """All that the daemon said about one request: ``first`` outcomes (there should be one) and the ``latest`` word."""

    first: tuple[str, ...]
    outcome: str
    cum_qty: str | None
    cum_qty_final: bool
    source: str
    us: int


class Judged(msgspec.Struct, frozen=True):
    """One request beside the truth; ``why`` is None when both agree."""

    truth: Truth
    said: Said | None
    why: str | None


class Confirm(msgspec.Struct, frozen=True):
    """Time from the reading of the line to the outcome, in milliseconds."""

    p50: float
    p99: float


class VenueScore(msgspec.Struct, frozen=True):
    """What a venue's part of the demonstration came to: the shape of ``demo --json``."""

    requested: int
    outcomes: dict[str, int]
    partial: int
    by_query: int
    wrong: int
    confirm_ms: Confirm


def judge(truth: Truth, said: Said | None, frames_arrived: int) -> Judged:
    """Hold one request against the truth."""
    return Judged(truth, said, _trouble(truth, said, frames_arrived))


def score(judged: Sequence[Judged]) -> VenueScore:
    """Add up a venue's requests."""
    said = [entry.said for entry in judged if entry.said is not None]
    outcomes = dict.fromkeys(OUTCOMES, 0)
    for words in said:
        outcomes[words.outcome] = outcomes.get(words.outcome, 0) + 1
    return VenueScore(
        requested=len(judged),
        outcomes=outcomes,
        partial=sum(1 for words in said if words.outcome == "canceled" and Decimal(words.cum_qty or 0) > 0),
        by_query=sum(1 for words in said if words.source == "query"),
        wrong=sum(1 for entry in judged if entry.why is not None),
        confirm_ms=Confirm(_quantile(said, 0.50), _quantile(said, 0.99)),
    )


def is_good(scores: Mapping[str, VenueScore]) -> bool:
    """Whether nothing was wrong and nothing was left unfinished."""
    return all(venue.wrong == 0 and not any(venue.outcomes[word] for word in UNFINISHED) for venue in scores.values())


def _trouble(truth: Truth, said: Said | None, frames_arrived: int) -> str | None:
    if said is None or not said.first:
        return "no outcome"
    if len(said.first) > 1:
        return f"{len(said.first)} outcomes: {', '.join(said.first)}"
    if not _agrees(truth, said, frames_arrived):
        return f"told {said.outcome}, but the venue has it {truth.ord_status}"
    if said.cum_qty_final and (said.cum_qty is None or Decimal(said.cum_qty) != Decimal(truth.cum_qty)):
        return f"told {said.cum_qty} filled for good, but the venue has {truth.cum_qty}"
    if said.cum_qty is not None and Decimal(said.cum_qty) > Decimal(truth.cum_qty):
        return f"told {said.cum_qty} filled, but the venue has {truth.cum_qty}"
    return None


def _agrees(truth: Truth, said: Said, frames_arrived: int) -> bool:
    match said.outcome:
        case "canceled":
            return truth.ord_status in _ENDED_UNFILLED
        case "filled":
            return truth.ord_status == "filled"
        case "rejected":
            return truth.ord_status in {"new", "partially_filled"}
        case "not_sent":
            return frames_arrived == 0
        case "unknown_order":
            return False  # each order of the demonstration is held by its venue
        case "in_doubt":
            return True
        case _:
            return False


def _quantile(said: Sequence[Said], share: float) -> float:
    times = sorted(words.us for words in said)
    if not times:
        return 0.0
    return round(times[min(len(times) - 1, int(share * len(times)))] / 1000, 2)
