"""Writing lines to a descriptor without ever making the caller wait.

Lines go through a bounded queue to a thread, which alone may block on a reader that has stalled. A line that does not
fit is lost and counted; the count is told as a line of its own as soon as one can be written again. When a line comes
the thread rests for a moment and then writes what has come meanwhile at once: to write while the caller has more to say
would keep it from saying it, and to wake for each line of a busy log would cost the daemon's core more than the line.
It does not rest while it has as much to write as fits into one go, so that a burst is lost no sooner and a close waits
no longer for the rest's sake. It knows nothing of what the lines say.
"""

from __future__ import annotations

import os
import queue
import select
import threading
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

REST_S: Final = 0.005
"""How late a line may leave: nobody reads faster."""
TOGETHER_MAX: Final = 64  # lines in one write, half of a pipe's buffer
LINES_MAX: Final = 4096  # seconds of a busy log; at most some tens of MB, since lines are cut before they come here


class LineWriter:
    """A queue of lines and the thread that writes them. `close` it."""

    def __init__(self, descriptor: int, tell_lost: Callable[[int], str], lines_max: int = LINES_MAX) -> None:
        self._descriptor = descriptor
        self._tell_lost = tell_lost
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._lines_max = lines_max
        self._lost = 0
        self._lock = threading.Lock()
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
        self._lines.put(None)
        self._thread.join(wait_s)
        return not self._thread.is_alive()

    def _lose(self, lines: int) -> None:
        with self._lock:
            self._lost += lines

    def _run(self) -> None:
        is_over = False
        while not is_over:
            lines = [self._lines.get()]
            if lines[0] is not None and self._lines.qsize() < TOGETHER_MAX:
                time.sleep(REST_S)
            while len(lines) < TOGETHER_MAX and not self._lines.empty():
                lines.append(self._lines.get())
            is_over = None in lines
            self._write("".join(f"{line}\n" for line in lines if line is not None))
            with self._lock:
                lost, self._lost = self._lost, 0
            if lost:
                self._write(f"{self._tell_lost(lost)}\n")

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
