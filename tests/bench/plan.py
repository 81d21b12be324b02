"""How large a run is: what the command line may set, and how each part cuts it into rounds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """``samples`` are those of a contender that is compared closely; the others get a share of them.

    ``is_tls`` and ``is_strict`` put every contender into that mode, for a run of its own.
    """

    samples: int = 20_000
    rounds: int = 10
    seconds: float = 2.0
    """Of one rate of the open loop, and of one kind of stress."""
    orders: int = 100_000
    """Tracked, and journaled, for the part `scale`."""
    is_tls: bool = False
    is_strict: bool = False

    def a_round(self, share: float = 1.0) -> int:
        """How many samples one round takes."""
        return max(20, int(self.samples * share / self.rounds))
