"""What a figure was measured on: the machine, the versions, the commit. A figure without them is a rumour."""

from __future__ import annotations

import os
import platform
import sqlite3
import subprocess
from importlib.metadata import version
from pathlib import Path

from tests.bench import pinning
from tests.bench.processes import ROOT

PACKAGES = ("uvloop", "websockets", "orjson", "msgspec", "aiohttp", "structlog")


def machine() -> dict[str, str | int | None]:
    """Name the machine: cores, memory, kernel, the disk's file system, and what was pinned where."""
    cpuinfo = Path("/proc/cpuinfo").read_text()
    model = next((line.partition(": ")[2] for line in cpuinfo.splitlines() if line.startswith("model name")), "")
    return {
        "cpu": model or platform.processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30),
        "kernel": f"{platform.system()} {platform.release()}",
        "file_system": _file_system(ROOT),
        "is_virtual": int(" hypervisor" in cpuinfo),
        "pinned": pinning.words(),
    }


def versions() -> dict[str, str]:
    """Name the versions of what runs."""
    return {
        "canceld": version("canceld"),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        **{name: version(name) for name in PACKAGES},
    }


def commit() -> str:
    """Name the commit, with ``-dirty`` where files differ from it."""
    found = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=12"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return found.stdout.strip() or "unknown"


def _file_system(path: Path) -> str:
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    over = [(mount[1], mount[2]) for mount in mounts if path.is_relative_to(mount[1])]
    return max(over, key=lambda mount: len(mount[0]))[1] if over else "unknown"
