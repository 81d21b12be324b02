"""The table of sixty failures has a test for every row and every primitive, and each of these tests exists."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from daemon.sim.faults import Fault
from tests.fault_table import PRIMITIVES, RESTARTS, ROWS, Row

TESTS = Path(__file__).parent
FAMILIES = 60


def module_of(test: str) -> Path:
    return TESTS / test.partition("::")[0]


def is_shown_by(primitive: str, test: str) -> bool:
    """Whether a test brings a primitive about: its own name says so, or its module does."""
    return primitive in test or primitive in module_of(test).read_text()


def named() -> list[str]:
    """Every test that the table names, once."""
    return sorted({test for row in ROWS for test in row.tests} | set(PRIMITIVES.values()) | set(RESTARTS))


def test_every_row_of_the_catalogue_is_there_once_and_says_what_and_where() -> None:
    assert [row.number for row in ROWS] == list(range(1, FAMILIES + 1))
    assert all(len(row.what) > 20 and row.source for row in ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row.number))
def test_every_row_has_a_test_that_brings_about_what_it_is_about(row: Row) -> None:
    assert row.tests, f"row {row.number} ({row.what}) has no test"
    assert set(row.shows) <= set(Fault)
    unshown = [each for each in row.shows if not any(is_shown_by(each, test) for test in row.tests)]
    assert unshown == [], f"no test of row {row.number} shows it"


def test_every_primitive_has_a_test_of_the_whole_daemon() -> None:
    assert PRIMITIVES.keys() == set(Fault)
    for primitive, test in PRIMITIVES.items():
        assert test.startswith("system/")
        assert primitive == Fault.RESTART or is_shown_by(primitive, test), test


def test_every_test_that_the_table_names_exists() -> None:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:randomly", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, *(f"tests/{test}" for test in named())],
        cwd=TESTS.parent, capture_output=True, text=True, check=False,
    )  # fmt: skip
    missing = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("ERROR")]
    assert (done.returncode, missing) == (0, [])
