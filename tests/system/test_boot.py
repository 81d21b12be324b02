"""The real units under a real systemd: a throw-away copy of this machine's own root is booted, and checked from inside.

What is checked stands in `tests/system/boot/checks.py`, a function a sentence. It needs root, systemd-nspawn and a
Python that a hardened unit can see; where these are missing it is left out, except in CI.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

from tests.system.boot import checks

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
SOURCE = "/src"
RESULTS = "opt/results.json"
BOOT_S = 270
PROBE = f"""
[Unit]
After=basic.target network.target
[Service]
Type=oneshot
WorkingDirectory={SOURCE}
Environment=PYTHONDONTWRITEBYTECODE=1
ExecStart=-/usr/bin/python3 -m tests.system.boot.checks /{RESULTS}
ExecStopPost=/bin/systemctl --no-block poweroff
StandardOutput=append:/opt/probe.out
StandardError=append:/opt/probe.out
"""
MASKED = ("systemd-networkd-wait-online.service", "NetworkManager-wait-online.service", "console-getty.service")

pytestmark = pytest.mark.timeout(300)


def missing() -> str:
    """Say what a boot lacks here."""
    if os.geteuid() != 0:
        return "booting a machine needs root"
    for tool, package in (("systemd-nspawn", "systemd-container"), ("systemd-analyze", "systemd"), ("make", "make")):
        if shutil.which(tool) is None:
            return f"{tool} is not installed (apt install {package})"
    return ""


@pytest.fixture(scope="module")
def booted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tuple[str, float]]]:
    """Install, boot, wait for the machine to end by itself, and give what it wrote."""
    if why := missing():
        leave_out(why)
    root = Overlay(tmp_path_factory.mktemp("boot"))
    try:
        root.mount()
    except subprocess.CalledProcessError as error:
        leave_out(f"{' '.join(error.cmd)}: {error.stderr.decode()}")
    try:
        prepare(root.path)
        yield boot(root.path)
    finally:
        root.unmount()


def leave_out(why: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(why)
    pytest.skip(why)


class Overlay:
    """A throw-away copy of this machine's root. Its changes go to memory, since the root may be an overlay itself."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "root"
        self._memory = folder / "memory"

    def mount(self) -> None:
        self.path.mkdir()
        self._memory.mkdir()
        run("mount", "-t", "tmpfs", "-o", "size=2g,mode=0755", "tmpfs", str(self._memory))
        upper, work = self._memory / "upper", self._memory / "work"
        upper.mkdir()
        upper.chmod(0o755)  # it becomes the machine's /, whatever the umask here
        work.mkdir()
        layers = f"lowerdir=/,upperdir={upper},workdir={work}"
        try:
            run("mount", "-t", "overlay", "-o", layers, "overlay", str(self.path))
        except subprocess.CalledProcessError:
            run("umount", str(self._memory))
            raise

    def unmount(self) -> None:
        run("umount", str(self.path))
        run("umount", str(self._memory))


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def prepare(root: Path) -> None:
    """Install with the project's own installer, and add the unit that checks."""
    installed = subprocess.run(
        ["make", "--no-print-directory", "install", f"DESTDIR={root}"],
        cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
    )  # fmt: skip
    assert installed.returncode == 0, installed.stdout + installed.stderr
    system = root / "etc/systemd/system"
    (system / "probe.service").write_text(PROBE)
    wanted = system / "multi-user.target.wants"
    shutil.rmtree(wanted, ignore_errors=True)  # this machine's own services have no part in it
    wanted.mkdir(parents=True)
    (wanted / "probe.service").symlink_to("../probe.service")
    for unit in MASKED:
        (system / unit).unlink(missing_ok=True)
        (system / unit).symlink_to("/dev/null")
    (system / "default.target").unlink(missing_ok=True)
    (system / "default.target").symlink_to("/lib/systemd/system/multi-user.target")
    (root / "etc/machine-id").write_text(uuid.uuid4().hex + "\n")  # its own; "uninitialized" would enable every unit
    (root / SOURCE.lstrip("/")).mkdir(exist_ok=True)


def boot(root: Path) -> dict[str, tuple[str, float]]:
    """Boot, wait for the end, and read the results."""
    machine = subprocess.run(
        [
            "systemd-nspawn", "--quiet", f"--directory={root}", "--boot", "--register=no", "--keep-unit",
            "--private-network", "--link-journal=no", "--console=pipe", f"--bind-ro={ROOT}:{SOURCE}",
        ],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False, timeout=BOOT_S,
    )  # fmt: skip
    results = root / RESULTS
    probe = root / "opt/probe.out"
    said = probe.read_text(errors="replace") if probe.exists() else ""
    assert results.exists(), f"{machine.stdout[-4000:]}\n{machine.stderr[-4000:]}\n{said}"
    found: dict[str, tuple[str, float]] = json.loads(results.read_text())
    for sentence, (why, took_s) in found.items():
        print(f"{took_s:6.2f} s  {'  ' if not why else '! '}{sentence}")
    return found


@pytest.mark.parametrize("sentence", [check.__name__ for check in checks.CHECKS])
def test_on_a_booted_machine(booted: dict[str, tuple[str, float]], sentence: str) -> None:
    assert sentence in booted, "the machine ended before"
    why, _ = booted[sentence]
    assert not why, why
