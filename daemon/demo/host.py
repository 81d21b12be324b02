"""The processes of a demonstration: simulated venues and one daemon, in a throw-away folder with a private socket.

They are started by the very commands that a user has (`canceld sim`, `canceld run`), and stopped by SIGTERM.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping

START_S: Final = 60.0
STOP_S: Final = 30.0
"""Nets under a hang; a busy machine takes its time."""
LOG_TAIL: Final = 20
TIMINGS: Final = """\
# A short horizon, so that a demonstration does not take a minute; every fault that it shows heals within it.
replica_lag_ms = 1500
settle_ms = 5000
horizon_s = 30
push_wait_ms = 400
ack_wait_ms = 400
"""
CREDENTIALS: Final = 'key = "sim-key"\nsecret = "sim-secret"\npassphrase = "sim-pass"\n'


class HostError(RuntimeError):
    """A process of the demonstration did not do what it should; the text says what it said last."""


class Host:
    """Starts everything on entering and stops it on leaving. ``faults`` is a SPEC a venue."""

    def __init__(self, venues: tuple[str, ...], seed: int, faults: Mapping[str, str]) -> None:
        self.venues = venues
        self.urls: dict[str, str] = {}
        self._seed = seed
        self._faults = faults
        self._stack = contextlib.AsyncExitStack()
        self._folder = Path()
        self.daemon: asyncio.subprocess.Process | None = None

    @property
    def socket(self) -> str:
        """The path of the daemon's socket."""
        return str(self._folder / "canceld.sock")

    async def __aenter__(self) -> Self:
        """Start the venues, then the daemon."""
        try:
            self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="canceld-demo-")))
            for venue in self.venues:
                self.urls[venue] = await self._start_venue(venue)
            await self._start_daemon()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop everything, the daemon first."""
        await self._stack.aclose()

    def account_of(self, venue: str) -> str:
        """Name the account at a venue."""
        return f"{venue.replace('_', '-')}-demo"

    def misbehaves(self, venue: str) -> bool:
        """Whether a venue was told to show faults."""
        return bool(self._faults.get(venue))

    def daemon_log(self) -> str:
        """Give the last lines that the daemon logged."""
        lines = (self._folder / "canceld.log").read_text().splitlines()
        return "\n".join(lines[-LOG_TAIL:])

    async def _start_venue(self, venue: str) -> str:
        arguments = ["--venue", venue, "--listen", "127.0.0.1:0", "--seed", str(self._seed)]
        if self.misbehaves(venue):
            arguments += ["--faults", self._faults[venue]]
        process = await self._spawn("sim", *arguments, stdout=asyncio.subprocess.PIPE)
        assert process.stdout is not None  # noqa: S101 - it was asked for
        async with asyncio.timeout(START_S):
            line = await process.stdout.readline()
        if not line:
            raise HostError(f"the simulated {venue} did not start")
        listening: str = orjson.loads(line)["listening"]
        return listening

    async def _start_daemon(self) -> None:
        credentials = self._folder / "sim.toml"
        credentials.touch(mode=0o600)
        credentials.write_text(CREDENTIALS)
        config = self._folder / "canceld.toml"
        config.write_text(self._config())
        log = self._stack.enter_context((self._folder / "canceld.log").open("wb"))
        self.daemon = await self._spawn("run", "--config", str(config), stderr=log.fileno())
        async with asyncio.timeout(START_S):
            while not self._has_socket():
                if self.daemon.returncode is not None:
                    raise HostError(f"the daemon did not start:\n{self.daemon_log()}")
                await asyncio.sleep(0.02)

    def _has_socket(self) -> bool:
        return Path(self.socket).exists()

    def _config(self) -> str:
        accounts = "".join(
            f'\n[accounts.{self.account_of(venue)}]\nvenue = "{venue}"\ncredentials = "./sim.toml"\n'
            f'endpoints = {{ rest = "{url}", ws = "{url.replace("http", "ws", 1)}" }}\n'
            for venue, url in self.urls.items()
        )
        return f'[daemon]\nsocket = "./canceld.sock"\njournal = "./journal.sqlite"\n{TIMINGS}{accounts}'

    async def _spawn(
        self, *arguments: str, stdout: int | None = None, stderr: int | None = None
    ) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "daemon.cli",
            *arguments,
            stdout=stdout,
            stderr=stderr,
            stdin=asyncio.subprocess.DEVNULL,
        )
        self._stack.push_async_callback(_stop, process)
        return process


async def _stop(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(STOP_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
