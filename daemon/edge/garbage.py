"""When Python's garbage collector runs: seldom, and never through all of memory while somebody waits.

A request leaves no cycles behind (values that hold only values are not even looked at: ``gc=False``), so nearly all
memory goes by itself when it is let go. What the collector finds are a few cycles of connections and tasks that ended.
Left to itself it would look for them so often that it takes a fifth of the processor time of a busy daemon, and walk
through everything that is remembered, tens of milliseconds at a time.
"""

from __future__ import annotations

import gc
from typing import Final

YOUNG_MAX: Final = 3_000
"""Objects between two looks at the youngest, some tenths of a millisecond each; Python's own number is 700."""
MIDDLE_MAX: Final = 3
"""Looks at the youngest before one at all that these left. A thousand orders that are canceled at once make a hundred
thousand objects; to look through all of them together would take ten milliseconds, and as much in all."""
NEVER: Final = 1 << 30
"""Looks at the middle generation before one at the oldest: those are `sweep`'s alone."""


def settle() -> None:
    """Take what the start made for good, and look rarely from now on."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_MAX, MIDDLE_MAX, NEVER)


def sweep() -> int:
    """Look through everything, which takes tens of milliseconds; gives how much was found that nobody could reach."""
    return gc.collect()
