"""`canceld sim`, as far as it serves nothing: its help, and what its faults mean."""

from __future__ import annotations

import pytest

from daemon import cli
from daemon.sim.faults import Fault, FaultError
from daemon.sim.registry import VENUES, build


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int | str | None, str]:
    """Run the command; give its exit code and what it wrote to standard output."""
    try:
        code: int | str | None = cli.main(["sim", *arguments])
    except SystemExit as end:
        code = end.code
    return code, capsys.readouterr().out


def takes(venue: str, fault: Fault) -> bool:
    try:
        build(venue, faults=fault.value)
    except FaultError:
        return False
    return True


def test_its_help_names_every_fault(capsys: pytest.CaptureFixture[str]) -> None:
    code, text = told(capsys, "--help")
    assert code == 0
    assert set(text.replace(",", " ").split()) >= {fault.value for fault in Fault}


@pytest.mark.parametrize("venue", list(VENUES))
def test_what_a_venue_makes_of_each_fault_is_listed(capsys: pytest.CaptureFixture[str], venue: str) -> None:
    code, text = told(capsys, "--venue", venue, "--listen", "127.0.0.1:0", "--faults", "list")
    assert code == 0
    assert [fault.value for fault in Fault if takes(venue, fault) and fault.value not in text] == []
