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
NEVER: Final = 1 << 30
"""Looks at one generation before one at the next: those that are not young are `sweep`'s alone. Of the objects that
a busy daemon remembers, a look at the middle generation found nothing, in a tenth of a second."""


def settle() -> None:
    """Take what the start made for good, and look rarely from now on."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_MAX, NEVER, NEVER)


def sweep() -> int:
    """Look through everything, which takes tens of milliseconds; gives how much was found that nobody could reach."""
    return gc.collect()
