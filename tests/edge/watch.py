"""Waiting for a condition instead of sleeping: whoever changes something says so, and whoever waits looks again.

Not everything can say so, so a waiter looks by itself now and then, too.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE_S: Final = 60.0
"""How long a condition may take on a very slow machine. Nothing is slower for its being long."""
LOOK_EVERY_S: Final = 0.005


class Watch:
    """One per test, shared by everything in it that changes."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()

    def changed(self) -> None:
        """Say that something changed."""
        self._changed.set()

    async def until(self, condition: Callable[[], object], what: str = "") -> None:
        """Wait until ``condition`` holds."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not condition():
                    self._changed.clear()
                    await self._look()
        except TimeoutError:
            raise AssertionError(f"it never came about: {what or 'the condition'}") from None

    async def _look(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), LOOK_EVERY_S)
