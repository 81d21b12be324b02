"""Which core each process of the benchmark runs on: who is measured has one for itself, with all its threads.

On two cores that leaves one for whoever asks and for the venue, which take turns in a serial cancel. With one core
nobody is pinned.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MEASURED: int | None
BESIDE: int | None
_CORES = sorted(os.sched_getaffinity(0))
MEASURED, BESIDE = (_CORES[0], _CORES[1]) if len(_CORES) > 1 else (None, None)


def pin(core: int | None) -> None:
    """Keep this process, and the threads and processes that it starts, on a core; None leaves it free."""
    if core is not None:
        os.sched_setaffinity(0, {core})


@contextmanager
def pinned(core: int | None) -> Iterator[None]:
    """Be on a core for a moment, so that a process that is started meanwhile stays there."""
    before = os.sched_getaffinity(0)
    pin(core)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def words() -> str:
    """Say what is pinned where."""
    if MEASURED is None:
        return "one core only: nothing is pinned"
    return f"the measured process on core {MEASURED}, the venue and the client together on core {BESIDE}"
