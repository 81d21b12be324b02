"""Whoever asks for cancels in the benchmark: one after the other, so many at a time, or on a schedule.

Plain blocking sockets without an event loop, so that as little as possible of what is measured is the client's.
"""

from __future__ import annotations

import select
import socket
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import orjson

from tests.bench.processes import ACCOUNT, until

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.bench.processes import Contender

RECEIVE_BYTES: Final = 1 << 16
PATIENCE_S: Final = 30.0
Order = tuple[str, str]
"""An order's id and its instrument."""


class Caller:
    """One connection to a daemon or a relay."""

    def __init__(self, contender: Contender) -> None:
        self.contender = contender
        self._sock: socket.socket = contender.connect()
        self._sock.settimeout(PATIENCE_S)
        self._rest = b""

    def close(self) -> None:
        """Hang up."""
        self._sock.close()

    def send(self, lines: bytes) -> None:
        """Send lines whose answers nobody waits for."""
        self._sock.sendall(lines)

    def call(self, method: str, **params: object) -> Any:
        """Ask anything and wait for the result."""
        self._sock.sendall(orjson.dumps({"jsonrpc": "2.0", "id": 0, "method": method, "params": params}) + b"\n")
        return orjson.loads(self._lines(1)[0])["result"]

    def wait_until_ready(self) -> None:
        """Wait until a daemon's account takes cancels by its WebSocket and hears pushes."""

        def is_ready() -> bool:
            account = self.call("status")["accounts"][ACCOUNT]
            return bool(account["order_entry"] == "ws" and account["drop_copy"] == "live")

        until(f"{self.contender.name} to be ready", is_ready)

    # ------------------------------------------------------------ one after the other

    def serial(self, orders: Sequence[Order]) -> list[int]:
        """Cancel orders one by one; gives each round trip in nanoseconds. One that is not canceled ends the run."""
        took: list[int] = []
        sock, clock = self._sock, time.perf_counter_ns
        for order in orders:
            line = cancel_line(0, order)
            began = clock()
            sock.sendall(line)
            answer = sock.recv(RECEIVE_BYTES)
            took.append(clock() - began)
            if b'"outcome":"canceled"' not in answer or not answer.endswith(b"\n"):
                raise SystemExit(f"{self.contender.name} did not cancel {order[0]}: {answer!r}")
        return took

    # ------------------------------------------------------------ so many at a time

    def saturate(self, orders: Sequence[Order], at_once: int) -> float:
        """Keep so many cancels in flight until all orders are done; gives the seconds that it took."""
        began = time.perf_counter()
        self._sock.sendall(b"".join(cancel_line(0, order) for order in orders[:at_once]))
        sent, done = min(at_once, len(orders)), 0
        while done < len(orders):
            answers = self._lines(1)
            canceled = sum(b'"outcome":"canceled"' in answer for answer in answers)
            if canceled < len(answers):
                raise SystemExit(f"{self.contender.name}: {next(a for a in answers if b'canceled' not in a)!r}")
            done += canceled
            more = orders[sent : sent + canceled]
            sent += len(more)
            self._sock.sendall(b"".join(cancel_line(0, order) for order in more))
        return time.perf_counter() - began

    # ------------------------------------------------------------ on a schedule

    def on_schedule(self, orders: Sequence[Order], per_s: float, deadline_ms: int) -> Arrivals:
        """Send cancels at their times, whatever the answers do, and measure each from when it was to be sent."""
        found, out = Arrivals(), b""
        gap_ns = 1e9 / per_s
        poll = select.poll()
        start = time.perf_counter_ns()
        sent, until_ns = 0, start + len(orders) * gap_ns + PATIENCE_S * 1e9
        while found.count < len(orders):
            now = time.perf_counter_ns()
            if now > until_ns:
                raise SystemExit(f"{self.contender.name}: {len(orders) - found.count} requests were never answered")
            while sent < len(orders) and start + sent * gap_ns <= now:
                out += cancel_line(sent, orders[sent], deadline_ms)
                sent += 1
            out = self._send_some(out)
            wait_ns = start + sent * gap_ns - time.perf_counter_ns() if sent < len(orders) else PATIENCE_S * 1e9
            poll.register(self._sock, select.POLLIN | (select.POLLOUT if out else 0))
            ready = poll.poll(max(0.0, wait_ns / 1e6 - SPIN_MS))
            if any(events & ~select.POLLOUT for _, events in ready):
                for line in self._lines(1):
                    answer = orjson.loads(line)
                    intended = start + answer["id"] * gap_ns
                    found.note(time.perf_counter_ns() - intended, answer, deadline_ms)
        return found

    def _send_some(self, lines: bytes) -> bytes:
        """Send what the daemon takes now; gives the rest. Who waits to be read must not stop reading."""
        if not lines:
            return lines
        try:
            return lines[self._sock.send(lines, socket.MSG_DONTWAIT) :]
        except BlockingIOError:
            return lines
        except OSError as error:
            raise SystemExit(f"{self.contender.name} hung up ({error}):\n{self.contender.last_words()}") from None

    def _lines(self, at_least: int) -> list[bytes]:
        lines: list[bytes] = []
        while len(lines) < at_least:
            data = self._sock.recv(RECEIVE_BYTES)
            if not data:
                raise SystemExit(f"{self.contender.name} hung up")
            *more, self._rest = (self._rest + data).split(b"\n")
            lines += more
        return lines


SPIN_MS: Final = 0.1
"""How long before a send the client stops sleeping: poll(2) wakes late by about as much."""
STAGES: Final = ("forwarded", "recorded", "acked", "evidence", "reported")


@dataclass
class Arrivals:
    """What came of a schedule, in microseconds: whole round trips, and the daemon's stages since it read the line."""

    whole: list[float] = field(default_factory=list)
    stages: dict[str, list[float]] = field(default_factory=lambda: {stage: [] for stage in STAGES})
    late: int = 0
    """Answers later than the request's own deadline."""
    not_canceled: int = 0

    @property
    def count(self) -> int:
        """How many were answered."""
        return len(self.whole)

    def note(self, took_ns: float, answer: Any, deadline_ms: int) -> None:
        """Note an answer."""
        self.whole.append(took_ns / 1000)
        self.late += took_ns > deadline_ms * 1e6
        result = answer.get("result", {})
        self.not_canceled += result.get("outcome") != "canceled"
        times = result.get("times", {})
        for stage, values in self.stages.items():
            if times.get(stage) is not None:
                values.append(times[stage] - times["received"])


def cancel_line(number: int, order: Order, deadline_ms: int | None = None) -> bytes:
    """Write a cancel as a client does."""
    deadline = f',"deadline_ms":{deadline_ms}' if deadline_ms else ""
    return (
        f'{{"jsonrpc":"2.0","id":{number},"method":"cancel","params":{{"account":"{ACCOUNT}","instrument":"{order[1]}",'
        f'"order_id":"{order[0]}"{deadline}}}}}\n'
    ).encode()
