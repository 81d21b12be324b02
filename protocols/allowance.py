"""Reading what a venue says of its limits beside an answer: how many more requests it takes, and until when.

It refuses to judge what follows: that the word is about requests of all who hold a key of the user, ours among them, is
for `daemon.core.budget` to weigh. A word that cannot be read was not said.
"""

from __future__ import annotations

from typing import Final

from protocols.evidence import Allowance

DIGITS_MAX: Final = 18


def allowance_of(remaining: str, limit: str = "", reset_ms: str = "") -> Allowance | None:
    """Read an allowance from texts of whole numbers; None where it is not said what remains."""
    left = whole_number(remaining)
    return None if left is None else Allowance(left, whole_number(limit) or None, whole_number(reset_ms))


def whole_number(text: str) -> int | None:
    """Read a whole number that is not negative; None for anything else, and for one past all that is counted."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= DIGITS_MAX else None
