"""A test that hangs costs its time limit and names itself; the run goes on to the next test, on either loop."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HANGING = Path(__file__).with_name("hanging.py")
LIMIT_S = "1"


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_test_that_hangs_is_ended_wherever_it_hangs_and_the_run_goes_on(loop: str) -> None:
    """What swallowed its end may hear of it once more in the teardown, so some are named twice."""
    tests = [line.split("def ")[1].split("(")[0] for line in HANGING.read_text().splitlines() if "def test_" in line]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", "--timeout", LIMIT_S,
         *(f"{HANGING}::{test}[{loop}]" for test in tests)],
        cwd=HANGING.parents[2], env=os.environ | {"PYTEST_ADDOPTS": ""}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    named = set(re.findall(r"^(?:FAILED|ERROR) \S+::(\w+)", run.stdout, re.MULTILINE))
    assert len(tests) > 6
    assert set(tests) - named == {"test_that_passes"}, run.stdout[-4000:]
