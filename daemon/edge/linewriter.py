"""Writing lines to a descriptor without ever making the caller wait.

Lines go through a bounded queue to a thread, which alone may block on a reader that has stalled. A line that does not
fit is lost and counted; the count is told as a line of its own as soon as one can be written again.

While lines keep coming nobody wakes the thread: it rests for a moment, writes what has come meanwhile at once, and
rests again. Only when it finds nothing does it sleep until a line comes. To wake it for the lines of a busy log took
four switches of the core among ten cancels, each in the midst of what the caller does. It does not rest while it has as
much to write as fits into one go, so that a burst is lost no sooner, nor once it is to close. It knows nothing of what
the lines say.
"""

from __future__ import annotations

import os
import queue
import select
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

REST_S: Final = 0.025
"""How late a line may leave: nobody reads faster."""
TOGETHER_MAX: Final = 64  # lines in one write, half of a pipe's buffer
LINES_MAX: Final = 4096  # seconds of a busy log; at most some tens of MB, since lines are cut before they come here


class LineWriter:
    """A queue of lines and the thread that writes them. `close` it. ``rest`` waits so many seconds, or until then."""

    def __init__(
        self,
        descriptor: int,
        tell_lost: Callable[[int], str],
        lines_max: int = LINES_MAX,
        rest: Callable[[float], object] | None = None,
    ) -> None:
        self._descriptor = descriptor
        self._tell_lost = tell_lost
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._lines_max = lines_max
        self._lost = 0
        self._lock = threading.Lock()
        self._is_closing = threading.Event()
        self._rest = rest or self._is_closing.wait
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def put(self, line: str) -> None:
        """Queue a line, given without its end. Never waits; without room the line is lost and counted."""
        if self._lines.qsize() < self._lines_max:
            self._lines.put(line)
        else:
            self._lose(1)

    def close(self, wait_s: float) -> bool:
        """Write what is queued and end the thread, within about ``wait_s``; False if the reader is too slow for it."""
        self._is_closing.set()
        self._lines.put(None)
        self._thread.join(wait_s)
        return not self._thread.is_alive()

    def _lose(self, lines: int) -> None:
        with self._lock:
            self._lost += lines

    def _run(self) -> None:
        is_over = False
        while not is_over:
            lines = self._gather()
            is_over = None in lines
            self._write("".join(f"{line}\n" for line in lines if line is not None))
            with self._lock:
                lost, self._lost = self._lost, 0
            if lost:
                self._write(f"{self._tell_lost(lost)}\n")

    def _gather(self) -> list[str | None]:
        """Take what goes together, at least one: what came during a rest, else what comes behind the next one."""
        lines: list[str | None] = []
        self._rest_a_while()
        if self._lines.empty():
            lines.append(self._lines.get())
            self._rest_a_while()
        while len(lines) < TOGETHER_MAX and not self._lines.empty():
            lines.append(self._lines.get())
        return lines

    def _rest_a_while(self) -> None:
        if self._lines.qsize() < TOGETHER_MAX:
            self._rest(REST_S)

    def _write(self, text: str) -> None:
        """Write all of it. An error of the descriptor loses it: there is nowhere left to say so."""
        rest = memoryview(text.encode())
        while rest:
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except BlockingIOError:  # somebody who shares the descriptor made it non-blocking
                select.select([], [self._descriptor], [])
            except OSError:
                return
