"""The mark of the tests that need other people's clients, and how such a client is run."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
Drive = Callable[..., Awaitable[dict[str, Any]]]
"""From the name of a program beside this file and its arguments to what it says that it saw."""


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "peers: other people's clients drive a simulated venue (needs .venv-peers)")


@pytest.fixture(scope="session")
def peers_python() -> str:
    """The interpreter that has ccxt. Where there is none the test is skipped, except in CI, where it fails."""
    python = Path(os.environ.get("CANCELD_PEERS_PYTHON") or ROOT / ".venv-peers/bin/python")
    if python.exists():
        return str(python)
    reason = f"no interpreter with ccxt at {python}: install requirements-peers.lock there, or set CANCELD_PEERS_PYTHON"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture
def drive(peers_python: str) -> Drive:
    """Run a driver in a process of its own; its failure is the test's."""

    async def run(program: str, *arguments: str) -> dict[str, Any]:
        driver = await asyncio.create_subprocess_exec(
            peers_python,
            "-m",
            f"tests.peers.{program}",
            *arguments,
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        said, errors = await driver.communicate()
        assert driver.returncode == 0, errors.decode()
        seen: dict[str, Any] = json.loads(said)
        return seen

    return run
