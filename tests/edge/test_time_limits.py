"""A test that hangs costs its time limit and names itself; the run goes on to the next test, on either loop."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HANGING = Path(__file__).with_name("hanging.py")
LIMIT_S = "0.5"


@pytest.mark.parametrize(("loop", "swallowed"), [("asyncio", "EF"), ("uvloop", "F")])
def test_a_test_that_hangs_is_ended_wherever_it_hangs_and_the_run_goes_on(loop: str, swallowed: str) -> None:
    """On asyncio who swallows a test's end only hears of it in the teardown, and swallows that, too."""
    tests = [line.split("def ")[1].split("(")[0] for line in HANGING.read_text().splitlines() if "def test_" in line]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", "--timeout", LIMIT_S,
         *(f"{HANGING}::{test}[{loop}]" for test in tests)],
        cwd=HANGING.parents[2], env=os.environ | {"PYTEST_ADDOPTS": ""}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    ended = dict.fromkeys(tests, "")
    for word, test in re.findall(r"^(FAILED|ERROR) \S+::(\w+)", run.stdout, re.MULTILINE):
        ended[test] += word[0]
    for test, words in ended.items():
        ended[test] = "".join(sorted(words))
    assert ended == {
        "test_that_waits_for_ever": "F",
        "test_that_waits_for_tasks": "F",
        "test_that_never_rests": "F",
        "test_that_swallows_its_end": swallowed,
        "test_that_never_begins": "E",
        "test_that_passes_and_never_ends": "E",
        "test_that_fails_and_never_ends": "EF",
        "test_that_passes": "",
    }, run.stdout[-4000:]
    assert "2 passed" in run.stdout, run.stdout[-4000:]
