"""Inside the booted machine: its service manager, its users, a simulated venue, and a plain client of the socket.

It speaks JSON lines and HTTP by itself, so that no mistake of the product's own clients can hide one of the daemon's.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import time
from http.client import HTTPConnection
from pathlib import Path
from socket import AF_UNIX, SOCK_STREAM, socket
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

OPT = Path("/opt/canceld")
ETC = Path("/etc/canceld")
SOCKET = Path("/run/canceld/canceld.sock")
JOURNAL = Path("/var/lib/canceld/journal.sqlite")
WAIT_S = 60.0
"""A net under a hang, for a busy machine."""
POLL_S = 0.02
Message = dict[str, Any]


def run(*command: str, may_fail: bool = False) -> str:
    """Run a command and give what it says; a failure is an error that holds its words."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=WAIT_S)
    if done.returncode and not may_fail:
        raise AssertionError(f"{' '.join(command)} gave {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def attempt(*command: str) -> tuple[int, str]:
    """Run a command and give its exit code and what it says."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=WAIT_S)
    return done.returncode, done.stdout + done.stderr


def until(what: str, holds: Callable[[], Any], within_s: float = WAIT_S) -> Any:
    """Wait until something holds, and give it."""
    end = time.monotonic() + within_s
    while not (found := holds()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {within_s:g} s: {what}")
        time.sleep(POLL_S)
    return found


class Unit:
    """A unit of the machine's systemd."""

    def __init__(self, name: str) -> None:
        self.name = name

    def show(self, prop: str) -> str:
        return run("systemctl", "show", "--value", "-p", prop, self.name).strip()

    @property
    def pid(self) -> int:
        return int(self.show("MainPID"))

    @property
    def restarts(self) -> int:
        return int(self.show("NRestarts"))

    def is_active(self) -> bool:
        return self.show("ActiveState") == "active"

    def log(self, *more: str) -> str:
        return run("journalctl", "--no-pager", "-o", "cat", "-u", self.name, *more)

    def kill(self, number: str) -> None:
        run("systemctl", "kill", "-s", number, self.name)

    def drop_in(self, name: str, text: str) -> None:
        """Do what `systemctl edit` does."""
        folder = Path(f"/etc/systemd/system/{self.name}.d")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.conf").write_text(text)
        run("systemctl", "daemon-reload")


class Venue:
    """A simulated venue of its own process. Its books are read and its orders placed at its control door."""

    def __init__(self, name: str, port: int) -> None:
        self._name = name
        self._lives = itertools.count(1)
        self.unit = Unit("")
        self.port = port

    def start(self, key: str) -> None:
        self.unit = Unit(f"venue-{self._name}-{next(self._lives)}.service")  # the last one may not be collected yet
        run(
            "systemd-run", f"--unit={self.unit.name}", "--collect", "--quiet",
            f"{OPT}/bin/canceld", "sim", "--venue", "okx", "--listen", f"127.0.0.1:{self.port}",
            "--key", key, "--secret", f"{key}-secret", "--passphrase", f"{key}-pass",
        )  # fmt: skip
        until(f"the venue at {self.port} listens", self.is_up)

    def is_up(self) -> bool:
        try:
            self.call("GET", "/_sim/stats")
        except OSError:
            return False
        return True

    def stop(self) -> None:
        run("systemctl", "stop", self.unit.name)

    def fall_silent(self) -> None:
        """Take connections and bytes, and answer nothing."""
        self.unit.kill("STOP")

    def speak_again(self) -> None:
        self.unit.kill("CONT")

    def rest(self, count: int) -> list[str]:
        """Let orders rest; gives their ids."""
        order = {"instrument": "BTC-USDT", "side": "buy", "price": "0.1", "qty": "2"}
        rows = self.call("POST", "/_sim/orders", [order] * count)["orders"]
        return [row["order_id"] for row in rows]

    def truth(self) -> dict[str, str]:
        """Read each order's status in its books."""
        return {row["order_id"]: row["ord_status"] for row in self.call("GET", "/_sim/orders")["orders"]}

    def call(self, method: str, path: str, body: object = None) -> Message:
        data = None if body is None else json.dumps(body).encode()
        connection = HTTPConnection("127.0.0.1", self.port, timeout=WAIT_S)
        try:
            connection.request(method, path, data)
            with connection.getresponse() as answer:
                assert answer.status < 400, answer.read()
                found: Message = json.load(answer)
                return found
        finally:
            connection.close()


class Client:
    """One connection to a daemon, as root. Replies are found by id, notifications kept."""

    def __init__(self, path: Path = SOCKET) -> None:
        self._socket = socket(AF_UNIX, SOCK_STREAM)
        self._socket.settimeout(WAIT_S)
        self._socket.connect(str(path))
        self._lines = self._socket.makefile("rb")
        self._ids = itertools.count(1)
        self._replies: dict[int, Message] = {}
        self.notified: list[Message] = []

    def send(self, method: str, **params: object) -> int:
        number = next(self._ids)
        line = json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        self._socket.sendall(line.encode() + b"\n")
        return number

    def reply(self, number: int) -> Message:
        """Wait for a call's answer: its result; an error of the daemon is one here."""
        while number not in self._replies:
            line = self._lines.readline()
            if not line:
                raise ConnectionResetError("the daemon has closed the connection")
            message = json.loads(line)
            if "id" in message:
                self._replies[message["id"]] = message
            else:
                self.notified.append(message)
        answer = self._replies.pop(number)
        assert "result" in answer, answer
        found: Message = answer["result"]
        return found

    def call(self, method: str, **params: object) -> Message:
        return self.reply(self.send(method, **params))

    def account(self, name: str) -> Message:
        """Give an account's status."""
        found: Message = self.call("status")["accounts"][name]
        return found

    def close(self) -> None:
        self._lines.close()
        self._socket.close()


class Requests:
    """Cancels of a bunch of orders, each under a name of its own, that can be asked again after anything."""

    def __init__(self, venue: Venue, name: str, count: int) -> None:
        self._venue = venue
        self.orders = {f"{name}-{n}": order_id for n, order_id in enumerate(venue.rest(count))}

    def ask(self, client: Client) -> list[int]:
        return [
            client.send("cancel", account="okx-main", instrument="BTC-USDT", order_id=order_id, request_id=name)
            for name, order_id in self.orders.items()
        ]

    def ask_until_recorded(self, client: Client) -> list[int]:
        """Ask, and wait until the daemon has every one under way."""
        asked = self.ask(client)
        many = len(self.orders)
        until(f"{many} requests are under way", lambda: client.account("okx-main")["in_flight"] >= many)
        return asked

    def prove(self) -> None:
        """Ask again, as their client would after a lost connection: each has its one outcome, and it is the truth."""
        client = Client()
        results = [client.reply(number) for number in self.ask(client)]
        client.close()
        truth = self._venue.truth()
        for (name, order_id), result in zip(self.orders.items(), results, strict=True):
            latest = result.get("latest") or result
            assert (result["request_id"], latest["outcome"]) == (name, "canceled"), result
            assert truth[order_id] == "canceled", (order_id, truth[order_id])


def main_ready() -> bool:
    """Whether the daemon serves, and its first account cancels by socket and hears pushes."""
    client = Client()
    try:
        account = client.account("okx-main")
    finally:
        client.close()
    return bool(account["order_entry"] == "ws" and account["drop_copy"] == "live")
