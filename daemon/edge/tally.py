"""What is counted while an account works: words told, how long each stage took, channels that came and went.

Plain integers that the event loop alone adds to, at some microseconds an outcome; `daemon.edge.metrics` reads them when
somebody asks. It judges nothing: an outcome is counted as it was told.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from protocols.control.results import BulksSeen
from protocols.fix import Outcome

if TYPE_CHECKING:
    from daemon.core.records import Previous, Report, Times

BOUNDS_US: Final = (
    *(100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000),
    *(1_000_000, 2_500_000, 5_000_000, 10_000_000, 25_000_000, 60_000_000, 300_000_000),
)
"""Upper bounds of the buckets: from a loopback's round trip, past every wait of ours, to what only a restart takes."""
SOURCES: Final = ("push", "query", "none")


class Stage(StrEnum):
    """A stretch of a request's life, named by how it ends."""

    RECORDED = "recorded"
    """From the reading of the line to the commit of its record."""
    FORWARDED = "forwarded"
    """From the reading of the line to the first byte handed to a transport: what canceld itself and budgets cost."""
    ACKED = "acked"
    """From there to the venue's answer, of each wire cancel: often it comes after the outcome."""
    EVIDENCE = "evidence"
    """From the same start to the evidence that the outcome rests on; it may come before the answer."""
    REPORTED = "reported"
    """From the evidence to the client's answer."""
    WHOLE = "whole"
    """From the reading of the line to the client's answer."""


class BulkEnd(StrEnum):
    """How a bulk cancel ended at an account."""

    COMPLETE = "complete"
    INCOMPLETE = "incomplete"
    """Orders of its scope may rest."""


class Histogram:
    """How often what took how long. ``counts`` has one entry more than `BOUNDS_US`, for what took longer than all."""

    __slots__ = ("counts", "sum_us")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS_US) + 1)
        self.sum_us = 0

    def note(self, took_us: int) -> None:
        """Count one. A clock that was set back in another life of the daemon must not make it negative."""
        self.counts[bisect_left(BOUNDS_US, took_us)] += 1
        if took_us > 0:
            self.sum_us += took_us

    def __add__(self, other: Histogram) -> Histogram:
        """Count what both have counted."""
        both = Histogram()
        both.counts = [mine + its for mine, its in zip(self.counts, other.counts, strict=True)]
        both.sum_us = self.sum_us + other.sum_us
        return both


class Tally:
    """One account's counts, over this life of the daemon."""

    def __init__(self) -> None:
        self.outcomes = dict.fromkeys(Outcome, 0)
        self.sources = dict.fromkeys(SOURCES, 0)
        self.corrections: Counter[tuple[Outcome, Outcome]] = Counter()
        """By what had been said and what is said now."""
        self.changes: Counter[tuple[str, str]] = Counter()
        """By a channel of the account and the state that it came into."""
        self.bulks_begun = 0
        """Bulk cancels that were about this account, those that an earlier life left unfinished included."""
        self.bulks_ended = dict.fromkeys(BulkEnd, 0)
        self.stages = {stage: Histogram() for stage in Stage}
        self._recorded, self._forwarded = self.stages[Stage.RECORDED], self.stages[Stage.FORWARDED]
        self._evidence, self._reported = self.stages[Stage.EVIDENCE], self.stages[Stage.REPORTED]
        self._whole = self.stages[Stage.WHOLE]

    @property
    def bulks_seen(self) -> BulksSeen:
        """How many bulk cancels are not over, and how those that are ended."""
        ended = self.bulks_ended
        running = self.bulks_begun - sum(ended.values())
        return BulksSeen(running, ended[BulkEnd.COMPLETE], ended[BulkEnd.INCOMPLETE])

    def told(self, report: Report, previous: Previous | None) -> None:
        """Count a word as it was told."""
        if previous is not None:
            self.corrections[previous.outcome, report.outcome] += 1
            return
        self.outcomes[report.outcome] += 1
        self.sources[report.evidence.source] = self.sources.get(report.evidence.source, 0) + 1
        self._took(report.times)

    def acked(self, took_us: int) -> None:
        """Count a wire cancel's answer."""
        self.stages[Stage.ACKED].note(took_us)

    def changed(self, channel: str, state: str) -> None:
        """Count that a channel came into a state."""
        self.changes[channel, state] += 1

    def _took(self, times: Times) -> None:
        received, recorded, forwarded, evidence, reported = (
            times.received, times.recorded, times.forwarded, times.evidence, times.reported,
        )  # fmt: skip
        if recorded is not None:
            self._recorded.note(recorded - received)
        if forwarded is not None:
            self._forwarded.note(forwarded - received)
            if evidence is not None:
                self._evidence.note(evidence - forwarded)
        if reported is not None:
            self._whole.note(reported - received)
            if evidence is not None:
                self._reported.note(reported - evidence)
