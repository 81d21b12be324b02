"""What OKX's codes mean where spreads are traded: OKX's table, and over it the rows that differ here.

It refuses to say what becomes of an order: 51401 and 51402 name an end, and yet prove only that there is something to
ask. A cancel of a spread order names no instrument and says the same on both roads, so what another road or fresh
instrument data mends elsewhere is nothing but a mistake of ours here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from protocols.evidence import Proof, Remedy
from protocols.venues.okx.codes import CODES, Row

if TYPE_CHECKING:
    from protocols.venues.okx.codes import Table

SPREAD_ROWS: Final[Table] = {
    # -- "Error Code / Spread trading", "Trade class"
    "51400": Row(Proof.GONE, "the order does not exist: an unknown id, or one that is no longer kept", "SR"),
    "51401": Row(Proof.GONE, "already canceled; how much of it was filled, only a question tells", "S"),
    "51402": Row(Proof.GONE, "already completed", "S"),
    "51410": Row(Proof.IN_PROGRESS, "already being canceled, or its settlement is pending: it may end filled", "S"),
    "51001": Row(Proof.UNCHANGED_RETRY, "unknown spread, though a cancel names none", "SR", Remedy.ALARM),
    "50014": Row(Proof.UNCHANGED_FINAL, "a parameter is empty, on either road", "WR", Remedy.ALARM),
    # Documented for new and changed orders only, so that its coming here leaves a doubt.
    "75002": Row(Proof.UNKNOWN, "the spread takes no new or changed orders", "SR", Remedy.ALARM),
}
CODES_OF_SPREADS: Final[Table] = {**CODES, **SPREAD_ROWS}
