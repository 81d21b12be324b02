"""`cancelctl top`: a screen that follows a running canceld, fed by what every client may ask: status and outcomes.

It begins with the outcomes that the journal already has, so that the first frame says something. When the daemon goes
away the screen stays, says so, and goes on when it is back. How it looks is `ctl_top_screen`'s.
"""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.live import Live

from daemon.client import ClientError
from daemon.client_async import AsyncClient
from daemon.ctl_top_screen import Frame, as_json, draw
from daemon.ctl_window import Window

if TYPE_CHECKING:
    from daemon.client import Json

BEGIN_WITH: Final = 500
"""Outcomes that are read back at the start."""
PIPED_WIDTH: Final = 150
"""Where nobody looks at a terminal: wide enough that no cell is cut."""
PATIENCE_S: Final = 2.0
"""How much longer than its interval a frame waits for a daemon that does not answer."""


def top(path: str, *, interval_s: float, is_once: bool, is_json: bool) -> None:
    """Show it until interrupted, or one frame: ``is_once``, as JSON, or where stdout is no terminal.

    Raises `ClientError` when there is no daemon to begin with.
    """
    if is_once or is_json or not sys.stdout.isatty():
        frame = asyncio.run(_one_frame(path))
        if is_json:
            sys.stdout.write(json.dumps(as_json(frame)) + "\n")
        else:
            console = Console(highlight=False, width=None if sys.stdout.isatty() else PIPED_WIDTH)
            console.print(draw(frame))
        sys.stdout.flush()
        return
    asyncio.run(_follow(path, interval_s))


class Source:
    """Where the frames' facts come from."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client
        self._window = Window()
        self._status: Json = {}
        self._now_us = 0

    async def begin(self) -> None:
        """Take in the newest of what was told before."""
        page = await self._client.history(limit=BEGIN_WITH)
        rows = page.get("requests")
        for row in reversed(rows if isinstance(rows, list) else []):
            if isinstance(row, dict):
                self._window.add(row)

    async def listen(self) -> None:
        """Take in what is told from now on, for ever."""
        await self._client.subscribe(["outcomes"])
        async for told in self._client.notifications():
            if told.method == "outcome":
                self._window.add(told.params)

    async def frame(self, patience_s: float) -> Frame:
        """Ask for the present state. Without an answer the frame is the old one, and says why."""
        trouble = ""
        try:
            self._status = await self._client.call("status", {}, patience_s)
            now_us = (await self._client.call("ping", {}, patience_s)).get("now")
            self._now_us = now_us if isinstance(now_us, int) else self._now_us
        except ClientError as error:
            if not self._status:
                raise
            trouble = str(error)
        return Frame(self._status, self._window, self._now_us, trouble)


async def _one_frame(path: str) -> Frame:
    async with AsyncClient(path, name="cancelctl") as client:
        source = Source(client)
        await source.begin()
        return await source.frame(PATIENCE_S)


async def _follow(path: str, interval_s: float) -> None:
    async with AsyncClient(path, name="cancelctl") as client:
        source = Source(client)
        await source.begin()
        frame = await source.frame(PATIENCE_S)
        listening = asyncio.create_task(source.listen())
        try:
            with Live(draw(frame), screen=True, auto_refresh=False) as live:
                while not listening.done():
                    await asyncio.wait([listening], timeout=interval_s)
                    frame = await source.frame(interval_s + PATIENCE_S)
                    live.update(draw(frame), refresh=True)
            listening.result()  # it ends only by a refusal, which is the caller's to tell
        finally:
            listening.cancel()
            with suppress(asyncio.CancelledError, ClientError):
                await listening
