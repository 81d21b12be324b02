"""Names that are never given twice: a counter within one life of the daemon, after the number of that life.

A clock would collide (two requests in one millisecond) and repeat (a clock set back); a counter with the journal's boot
number does neither. Letters and digits only, at most 32, since that is what every venue's request id takes.
"""

from __future__ import annotations

from daemon.core.records import CaseId
from protocols.fix import QueryId, RequestId, SendId


def life_of(name: str) -> int:
    """Read from a name which life gave it: the journal's number of that; 0 if nobody here gave it."""
    life = name[1:].partition("x")[0]
    try:
        return int(life, 16)
    except ValueError:
        return 0


class Ids:
    """Hands out names. ``boot`` is the journal's number of this life of the daemon."""

    __slots__ = ("_boot", "_n")

    def __init__(self, boot: int) -> None:
        self._boot = f"{boot:x}"
        self._n = 0

    def case(self) -> CaseId:
        """Name a case."""
        return CaseId(self._next("k"))

    def bulk(self) -> CaseId:
        """Name a bulk cancel."""
        return CaseId(self._next("b"))

    def binding(self) -> str:
        """Name what a client binds to its own life."""
        return self._next("t")

    def send(self) -> SendId:
        """Name a wire cancel."""
        return SendId(self._next("c"))

    def query(self) -> QueryId:
        """Name a question."""
        return QueryId(self._next("q"))

    def request(self) -> RequestId:
        """Name a request whose client gave it no name."""
        return RequestId(self._next("r"))

    def _next(self, kind: str) -> str:
        self._n += 1
        return f"{kind}{self._boot}x{self._n:x}"
