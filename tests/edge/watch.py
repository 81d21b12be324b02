"""Waiting for a condition instead of sleeping: whoever changes something says so, whoever waits looks again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE_S: Final = 20.0
"""How long a condition may take on a very slow machine. Nothing is slower for its being long."""


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
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(f"it never came about: {what or 'the condition'}") from None
