"""How a thread that has much to do leaves the core to others.

That it lets the interpreter go in between is not enough: where threads share a core, it has that back before whoever
waited for it runs at all, and goes on until the kernel looks at them again: up to 4 ms (250 looks a second), in which
the event loop reads nothing and no receipt is written.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

GIVE_WAY_S: Final = 0.00005
"""Any time at all does: whoever waits runs at once, and for as long as it wants to."""
AWAITED_S: Final = 0.0002
"""So much longer where the disk is at work for somebody, who would not have the core at once when that is done: of one
cancel after the other the slowest hundredth took a fifth longer without."""


def give_way(is_awaited: Callable[[], bool]) -> None:
    """Let whoever waits for the core, or for the interpreter, have it before the thread that calls this.

    ``is_awaited`` says whether somebody waits for another thread, which may be waiting for the disk.
    """
    time.sleep(GIVE_WAY_S)
    if is_awaited():
        time.sleep(AWAITED_S)
