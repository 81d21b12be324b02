"""The unit files as texts: the instance's says the same as the single one's, and no line contradicts a known trap.

How they behave is seen in `tests/system/test_boot.py`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.config import settings

UNITS = Path(__file__).resolve().parent.parent / "systemd"
INSTANCE = {
    "canceld@%i.socket": "canceld.socket",
    "/etc/canceld/%i.toml": "/etc/canceld/canceld.toml",
    "/run/canceld/%i.sock": "/run/canceld/canceld.sock",
    "StateDirectory=canceld/%i": "StateDirectory=canceld",
    "canceld for %i,": "canceld,",
}


def directives(name: str) -> list[str]:
    """Give a unit's sections and settings, without its comments."""
    lines = (UNITS / name).read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize("kind", ["service", "socket"])
def test_an_instance_differs_from_the_single_one_by_its_names_alone(kind: str) -> None:
    made_single = "\n".join(directives(f"canceld@.{kind}"))
    for instance, single in INSTANCE.items():
        made_single = made_single.replace(instance, single)
    assert made_single.splitlines() == directives(f"canceld.{kind}")


def test_every_group_of_settings_has_its_reason_above_it() -> None:
    """A blank line or a section ends what a comment stands for."""
    has_reason = True
    for line in (UNITS / "canceld.service").read_text().splitlines():
        if line.startswith("#"):
            has_reason = True
        elif not line or line.startswith("["):
            has_reason = line in {"[Unit]", "[Install]"}  # names and targets explain themselves
        else:
            assert has_reason or line.startswith(("Restart=",)), line


def test_the_socket_and_the_paths_are_those_of_the_configuration() -> None:
    assert f"ListenStream={settings.SOCKET.default}" in directives("canceld.socket")
    assert settings.JOURNAL.default == "/var/lib/canceld/journal.sqlite"
    assert "StateDirectory=canceld" in directives("canceld.service")


@pytest.mark.parametrize("name", ["canceld.service", "canceld@.service"])
def test_no_known_trap_is_stepped_into(name: str) -> None:
    lines = directives(name)
    keys = {line.partition("=")[0] for line in lines}
    assert "Type=notify" in lines  # notify-reload is not parsed before systemd 253: the unit becomes simple
    assert "PrivateUsers" not in keys  # every peer would be uid 65534
    assert "RuntimeDirectory" not in keys  # a stop would remove the socket under the socket unit
    assert "DynamicUser" not in keys  # the journal and the credentials files have a fixed owner
    assert "StartLimitIntervalSec=0" in lines  # a crash loop would fail the socket too
    assert "SystemCallErrorNumber=EPERM" in lines  # one odd call would kill the daemon
    assert "LimitCORE=0" in lines  # a core file holds keys
    assert "LoadCredential" not in keys  # one missing file would fail the whole unit
