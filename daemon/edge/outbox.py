"""What leaves to one client, bounded: a client that does not read loses notifications first, and then its connection.

Two bounds on what waits in the process, beside what the kernel holds. Past the first, notifications are left out and
remembered as gaps; when the client has read on, it gets one ``gap`` per topic and the stream goes on. Answers are never
left out: when they reach the second bound, the connection is aborted. The outcomes are in the journal all the same.

The first line of a turn of the loop goes to the kernel at once; those after it in the same turn go together at its end,
since each write is a call of the kernel's that wakes whoever reads: a tenth of what a bulk cancel's outcomes cost.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from protocols.control.encode import encoded, notification
from protocols.control.results import Gap

if TYPE_CHECKING:
    from collections.abc import Callable

    from protocols.control.params import Topic

NOTIFY_BYTES_MAX: Final = 256 * 1024
"""Where notifications stop: some 250 outcomes, a second's worth at a venue's fastest."""
RESUME_BYTES: Final = 64 * 1024
"""Where they go on."""
ANSWER_BYTES_MAX: Final = 4 * 1024 * 1024
"""Where answers stop, and the connection with them: every request that may be in flight, answered twice over."""

GATHERED_BYTES_MAX: Final = 16 * 1024
"""Lines of one turn that go together."""


class Outbox:
    """The writing half of a connection. ``overflowed`` is called once, when the connection had to be aborted.

    ``soon`` calls something when this turn of the loop is over.
    """

    def __init__(
        self,
        transport: asyncio.WriteTransport,
        soon: Callable[[Callable[[], None]], object],
        overflowed: Callable[[], None],
        notify_bytes_max: int = NOTIFY_BYTES_MAX,
        answer_bytes_max: int = ANSWER_BYTES_MAX,
    ) -> None:
        self._transport = transport
        self._soon = soon
        self._overflowed = overflowed
        self._answer_bytes_max = answer_bytes_max
        self._gaps: dict[Topic, tuple[int, int]] = {}
        self._is_lagging = False
        self._gathered: list[bytes] = []
        self._gathered_bytes = 0
        self._has_spoken = False
        """A line went in this turn."""
        self._moved = asyncio.Event()
        self._moved.set()
        transport.set_write_buffer_limits(high=notify_bytes_max, low=min(RESUME_BYTES, notify_bytes_max))

    @property
    def is_open(self) -> bool:
        """Whether anything can still be said."""
        return not self._transport.is_closing()

    def answer(self, line: bytes) -> None:
        """Send an answer, whatever the client's lag; past the bound the connection is aborted instead."""
        if not self.is_open:
            return
        if self._transport.get_write_buffer_size() + self._gathered_bytes + len(line) > self._answer_bytes_max:
            self._transport.abort()
            self._overflowed()
            return
        self._say(line)

    def mention(self, line: bytes) -> None:
        """Send what may be left out without a word: progress."""
        if self.is_open and not self._is_lagging:
            self._say(line)

    def notify(self, topic: Topic, seq: int, line: bytes) -> None:
        """Send a notification, or remember that it was left out."""
        if self._is_lagging:
            self.skip(topic, seq, seq)
        elif self.is_open:
            self._say(line)

    def skip(self, topic: Topic, from_seq: int, to_seq: int) -> None:
        """Remember a gap of which the client is told as soon as it reads."""
        low, high = self._gaps.get(topic, (from_seq, to_seq))
        self._gaps[topic] = min(low, from_seq), max(high, to_seq)
        if not self._is_lagging:
            self._tell_gaps()

    def pause(self) -> None:
        """Take note that the transport's buffer is past the first bound."""
        self._is_lagging = True
        self._moved.clear()

    def resume(self) -> None:
        """Take note that the client has read on."""
        self._is_lagging = False
        self._tell_gaps()
        if not self._is_lagging:
            self._moved.set()

    def end(self) -> None:
        """Take note that the connection is gone."""
        self._gathered, self._gathered_bytes = [], 0
        self._gaps.clear()
        self._moved.set()

    def close(self) -> None:
        """Send what is still to go, and close the transport once that is read."""
        self._end_turn()
        self._transport.close()

    async def drained(self) -> bool:
        """Wait until the next notification will not be left out; False if the connection is gone."""
        await self._moved.wait()
        return self.is_open

    def _say(self, line: bytes) -> None:
        if self._has_spoken:
            self._gathered.append(line)
            self._gathered_bytes += len(line)
            if self._gathered_bytes >= GATHERED_BYTES_MAX:
                self._send_gathered()
            return
        self._has_spoken = True
        self._transport.write(line)
        self._soon(self._end_turn)

    def _end_turn(self) -> None:
        self._has_spoken = False
        self._send_gathered()

    def _send_gathered(self) -> None:
        if self._gathered and self.is_open:
            lines, self._gathered, self._gathered_bytes = b"".join(self._gathered), [], 0
            self._transport.write(lines)

    def _tell_gaps(self) -> None:
        while self._gaps and not self._is_lagging and self.is_open:
            topic, (from_seq, to_seq) = self._gaps.popitem()
            self._say(notification("gap", encoded(Gap(topic, from_seq, to_seq))))
