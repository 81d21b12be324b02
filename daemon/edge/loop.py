"""The running event loop's time and tasks, as a `daemon.edge.outside.Time`. It knows neither sockets nor venues."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

T = TypeVar("T")


class LoopBell:
    """An event of the loop, as a `daemon.edge.outside.Bell`."""

    __slots__ = ("_event",)

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def ring(self) -> None:
        """Wake those who wait."""
        self._event.set()

    def clear(self) -> None:
        """Forget that it was rung."""
        self._event.clear()

    async def wait(self, limit_s: float | None = None) -> bool:
        """Wait until it is rung, at most so long; say whether it was."""
        try:
            async with asyncio.timeout(limit_s):
                await self._event.wait()
        except TimeoutError:
            return False
        return True


class LoopTime:
    """What `daemon.edge.outside.Time` says, on the loop that runs when it is first used.

    It is held, since to ask which one runs is a call of the kernel's (``getpid``), several times a request.
    """

    def __init__(self) -> None:
        self._held: asyncio.AbstractEventLoop | None = None

    @property
    def _loop(self) -> asyncio.AbstractEventLoop:
        if self._held is None:
            self._held = asyncio.get_running_loop()
        return self._held

    def bell(self) -> LoopBell:
        """Make a bell."""
        return LoopBell()

    def group(self) -> asyncio.TaskGroup:
        """Make a group of tasks."""
        return asyncio.TaskGroup()

    def spawn(self, coroutine: Coroutine[object, object, T]) -> asyncio.Task[T]:
        """Set a coroutine running that the caller keeps hold of."""
        return self._loop.create_task(coroutine)

    def soon(self, call: Callable[[], object]) -> None:
        """Have something called after what is running now."""
        self._loop.call_soon(call)

    def later(self, seconds: float, call: Callable[[], object]) -> asyncio.TimerHandle:
        """Have something called in a while."""
        return self._loop.call_later(seconds, call)

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)

    def draw(self) -> float:
        """Draw a number from 0 up to 1, for jitter."""
        return random.random()  # noqa: S311 - jitter keeps no secret
