"""Four clients as nobody wants them, in a process of their own: ``python -m tests.system.bad_clients SOCKET``.

One floods, one never reads, one sends half lines, one connects a thousand times. Says on standard output what each has
done, as a JSON object a line, twice a second and at the end; goes on until SIGTERM.
"""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import sys
import threading
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

CONNECTS = 1000
LINE_BYTES_MAX = 64 * 1024
INSTRUMENT = "DOGE-USDT"
"""What the flood names: nobody else has orders there."""


def a_call(number: int, method: str, **params: object) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}).encode() + b"\n"


def a_flood_of_calls() -> bytes:
    """Calls of every kind: right, refused, senseless; among them cancels of orders that nobody has."""
    calls = [b"no json\n", b"[]\n", b'{"jsonrpc":"2.0"}\n']
    for number in range(200):
        calls.append(a_call(number, "ping"))
        calls.append(a_call(number, "status"))
        calls.append(a_call(number, "cancel", account="nobody", instrument="X", order_id="1"))
        calls.append(a_call(number, "history", from_seq=0, limit=1000))
    name = {"account": "okx-main", "instrument": INSTRUMENT}
    calls += [a_call(n, "cancel", **name, order_id=f"77{n}", request_id=f"f-{n}") for n in range(20)]
    return b"".join(calls)


class Bad:
    """The four. What each has done is counted in ``done``."""

    def __init__(self, path: str) -> None:
        self._path = path
        self.done: Counter[str] = Counter()

    def _connected(self) -> socket.socket:
        made = socket.socket(socket.AF_UNIX)
        made.connect(self._path)
        return made

    def flood(self) -> None:
        """Ask without a pause, and read what comes."""
        calls = a_flood_of_calls()
        with self._connected() as connected:
            threading.Thread(target=self._read_all, args=(connected,), daemon=True).start()
            while True:
                connected.sendall(calls)
                self.done["floods"] += 1

    def _read_all(self, connected: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while connected.recv(1 << 20):
                self.done["flood_read"] += 1

    def never_read(self) -> None:
        """Ask for everything and read nothing."""
        with self._connected() as connected:
            topics = ["outcomes", "corrections", "orders", "sessions"]
            connected.sendall(a_call(1, "subscribe", topics=topics, from_seq=0))
            while True:
                connected.sendall(a_call(2, "status") * 100)
                self.done["never_read"] += 1

    def half_lines(self) -> None:
        """Send half a line and go, or a line that does not end."""
        line = a_call(1, "cancel", account="okx-main", instrument="BTC-USDT", order_id="1")
        for part in (line[: len(line) // 2], b"\x00\xff{", b"x" * (2 * LINE_BYTES_MAX)):
            with self._connected() as connected:
                connected.sendall(part)
                self.done["half_lines"] += 1

    def connect_and_go(self) -> None:
        """Connect a thousand times and leave in every way there is."""
        while self.done["connects"] < CONNECTS:
            with self._connected() as connected:
                self.done["connects"] += 1
                if self.done["connects"] % 3:
                    connected.sendall(a_call(1, "ping"))
                if self.done["connects"] % 2:
                    connected.shutdown(socket.SHUT_WR)
        threading.Event().wait()


def for_ever(what: Callable[[], None]) -> None:
    """Do it, and do it again when the daemon has had enough of it."""
    while True:
        with contextlib.suppress(OSError):
            what()


def main() -> None:
    bad = Bad(sys.argv[1])
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    for what in (bad.flood, bad.never_read, bad.half_lines, bad.connect_and_go):
        threading.Thread(target=for_ever, args=(what,), daemon=True).start()
    while not over.wait(0.5):
        print(json.dumps(bad.done), flush=True)
    print(json.dumps(bad.done), flush=True)


if __name__ == "__main__":
    main()
