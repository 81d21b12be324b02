"""The processes of a benchmark: simulated venues, daemons, relays and peers, each with a folder and a core of its own.

Every contender has a venue process for itself, so that the pushes of one never cost another. Logs go to files, as they
would on a host. Whoever leaves the block stops everything.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from ssl import create_default_context
from typing import TYPE_CHECKING, Any, Final, Self

import orjson

from tests.bench.pinning import BESIDE, MEASURED, pinned
from tests.system.rig import account_table, write_credentials

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT: Final = Path(__file__).resolve().parents[2]
PEERS_PYTHON: Final = ROOT / ".venv-peers/bin/python"
ACCOUNT: Final = "bench"
MEMORY: Final = Path("/dev/shm")
START_S: Final = 120.0
PAUSE_S: Final = 0.01


class Stage:
    """Where one run's processes live. Use as a context manager; its folder is on the checkout's disk, so fsyncs count.

    ``is_tls`` and ``is_strict`` are the mode of everything that does not choose for itself.
    """

    def __init__(self, *, is_tls: bool = False, is_strict: bool = False) -> None:
        self.is_tls = is_tls
        self.is_strict = is_strict
        self._stack = contextlib.ExitStack()
        (ROOT / ".bench").mkdir(exist_ok=True)
        self.folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="run-", dir=ROOT / ".bench")))
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def room(self, name: str, *, in_memory: bool = False) -> Path:
        """Make a folder for one process."""
        self._count += 1
        if not in_memory:
            room = self.folder / f"{self._count}-{name}"
            room.mkdir()
            return room
        return Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="canceld-bench-", dir=MEMORY)))

    def spawn(self, room: Path, *command: str, core: int | None, has_pipes: bool = False) -> subprocess.Popen[bytes]:
        """Start a process on a core; its errors go to ``room/log``, and what it says too unless it ``has_pipes``."""
        with (room / "log").open("ab") as log, pinned(core):
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                stdin=subprocess.PIPE if has_pipes else subprocess.DEVNULL,
                stdout=subprocess.PIPE if has_pipes else log,
                stderr=log,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )
        self._stack.callback(stop, process)
        return process

    def certificate(self) -> tuple[Path, Path]:
        """Make a certificate for the venues (and the authority to believe), once; gives it with its key."""
        pem, key = self.folder / "venue.pem", self.folder / "venue.key"
        if not pem.exists():
            if shutil.which("openssl") is None:
                raise SystemExit("TLS needs openssl for a certificate: install it, or leave TLS out")
            make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=venue"
            names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(pem)]
            subprocess.run([*make.split(), *names], check=True, capture_output=True)
        return pem, key


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process, politely at first."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Venue:
    """A simulated venue. ``delay_us`` passes between a cancel and its answer, as on the way there and back."""

    def __init__(self, stage: Stage, *, delay_us: int = 0, is_tls: bool | None = None) -> None:
        self.ca = None
        options = ["--delay-us", str(delay_us)]
        if stage.is_tls if is_tls is None else is_tls:
            pem, key = stage.certificate()
            self.ca = str(pem)
            options += ["--tls", str(pem), str(key)]
        room = stage.room("venue")
        self.process = stage.spawn(
            room, sys.executable, "-m", "tests.bench.venue", *options, core=BESIDE, has_pipes=True
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"the simulated venue did not start:\n{(room / 'log').read_text()}")
        self.url: str = orjson.loads(line)["listening"]
        self._tls = create_default_context(cafile=self.ca) if self.ca else None

    def ask(self, wish: str, **asked: int) -> Any:
        """Have one of the benchmark's wishes fulfilled; see `tests.bench.venue`."""
        query = "&".join(f"{name}={value}" for name, value in asked.items())
        with urllib.request.urlopen(f"{self.url}/_bench/{wish}?{query}", context=self._tls) as answer:
            return orjson.loads(answer.read())

    def rest(self, count: int) -> list[tuple[str, str]]:
        """Let orders rest; gives their ids with their instruments."""
        return [(order_id, instrument) for order_id, instrument in self.ask("rest", count=count)]

    def require_unbound(self) -> None:
        """End the run if one of the venue's published limits bound: then the figures would be the limit's."""
        if breaches := self.ask("stats")["breaches"]:
            raise SystemExit(f"a published limit of the venue bound, so the figures say nothing: {breaches}")


@dataclass
class Contender:
    """A running process that takes cancels on a Unix socket: ``name`` as in the results."""

    name: str
    venue: Venue
    process: subprocess.Popen[bytes]
    path: Path
    room: Path

    def connect(self) -> socket.socket:
        """Connect to it, as soon as it listens."""
        until = time.monotonic() + START_S
        while time.monotonic() < until and self.process.poll() is None:
            sock = socket.socket(socket.AF_UNIX)
            with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
                sock.connect(str(self.path))
                return sock
            sock.close()
            time.sleep(PAUSE_S)
        raise SystemExit(f"{self.name} did not start:\n{self.last_words()}")

    def last_words(self) -> str:
        """Give the end of its log."""
        return (self.room / "log").read_text()[-2000:]

    def cpu_ns(self) -> int:
        """Give the time that its threads were on a core, over its life."""
        tasks = Path(f"/proc/{self.process.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)

    def rss_bytes(self) -> int:
        """Give its resident memory."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class DaemonKind:
    """How a daemon is to be run. ``module`` is what runs it; None in ``is_strict`` leaves that to the stage."""

    is_strict: bool | None = None
    in_memory: bool = False
    extra: str = ""
    module: str = "daemon.cli"


PLAIN: Final = DaemonKind()


def daemon(stage: Stage, name: str, venue: Venue, kind: DaemonKind = PLAIN, room: Path | None = None) -> Contender:
    """Start canceld with the shipped defaults, at log level info; it is not waited for."""
    room = room or stage.room(name, in_memory=kind.in_memory)
    is_strict = stage.is_strict if kind.is_strict is None else kind.is_strict
    if not (room / "okx.toml").exists():
        write_credentials(room / "okx.toml")
    ca = f'ca_file = "{venue.ca}"\n' if venue.ca else ""
    (room / "canceld.toml").write_text(
        f'[daemon]\nsocket = "./canceld.sock"\njournal = "./journal.sqlite"\nlog_level = "info"\n'
        f'durability = "{"strict" if is_strict else "receipt"}"\n{kind.extra}\n'
        + account_table(ACCOUNT, venue.url, ca)
    )  # fmt: skip
    command = [sys.executable, "-m", kind.module, "run", "--config", str(room / "canceld.toml")]
    process = stage.spawn(room, *command, core=MEASURED)
    return Contender(name, venue, process, room / "canceld.sock", room)


def relay(stage: Stage, name: str, venue: Venue, *, has_receipt: bool = False) -> Contender:
    """Start the floor: the bare relay, or the one that writes each request down first."""
    room = stage.room(name)
    options = ["--socket", str(room / "relay.sock"), "--venue", venue.url]
    options += ["--receipt", str(room / "receipts.sqlite")] if has_receipt else []
    options += ["--ca", venue.ca] if venue.ca else []
    process = stage.spawn(room, sys.executable, "-m", "tests.bench.relay", *options, core=MEASURED)
    return Contender(name, venue, process, room / "relay.sock", room)


def until(stage_of: str, holds: Callable[[], bool], seconds: float = START_S) -> None:
    """Wait until something holds, or end the run."""
    ends = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > ends:
            raise SystemExit(f"waited {seconds:.0f} s for: {stage_of}")
        time.sleep(PAUSE_S)


def ccxt(stage: Stage, venue: Venue) -> subprocess.Popen[bytes] | None:
    """Start ccxt as a process of its own, if it is installed; with TLS it is left out."""
    if not PEERS_PYTHON.exists() or venue.ca is not None:
        return None
    program = str(ROOT / "tests/bench/peer_ccxt.py")
    return stage.spawn(stage.room("ccxt"), str(PEERS_PYTHON), program, venue.url, core=MEASURED, has_pipes=True)
