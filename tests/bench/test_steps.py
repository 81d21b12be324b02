"""What is done most costs no more steps of the interpreter than recorded: a slower program fails, a slow machine not.

``CANCELD_STEPS=write`` records what it costs now, for the Python that runs; the commit then says why it is more.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from daemon.core import shortcuts
from tests.bench.course import course
from tests.bench.steps import Steps

BOUNDS = Path(__file__).with_name("bounds.json")
VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"
HEADROOM = 1.05
"""So that a small change need not be recorded: half of what the long way through the policy costs."""


def counted() -> dict[str, float]:
    """Count in a process of its own, whose hashes are fixed."""
    command = [sys.executable, "-m", "tests.bench.steps"]
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    output = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    found: dict[str, float] = json.loads(output.splitlines()[-1])
    return {name: found[name] for name in ("cancel", "push", "flattened")}


def test_a_cancel_a_push_and_an_order_of_a_flatten_cost_no_more_than_was_recorded() -> None:
    bounds: dict[str, dict[str, float]] = json.loads(BOUNDS.read_text())
    found = counted()
    if os.environ.get("CANCELD_STEPS") == "write":
        BOUNDS.write_text(json.dumps(bounds | {VERSION: found}, indent=1, sort_keys=True) + "\n")
        return
    if VERSION not in bounds:
        pytest.skip(f"nothing was recorded for Python {VERSION}")
    for name, recorded in bounds[VERSION].items():
        steps = found[name]
        assert steps <= recorded * HEADROOM, f"{name}: {steps:.0f} steps; see tests.bench.steps --where"


def test_what_is_counted_is_the_same_however_busy_the_machine_is() -> None:
    counts = []
    for _ in range(2):
        with course() as on:
            on.cancel(5)
            counts.append(Steps().of(lambda on=on: on.cancel(3)))  # type: ignore[misc]  # mypy sees no default of a lambda
    assert counts[0] == counts[1]


def test_a_case_that_is_looked_at_in_the_long_way_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    with course() as on:
        on.cancel(5)
        before = Steps().of(lambda: on.cancel(3))
        monkeypatch.setattr(shortcuts, "begun_by", lambda *_: None)
        assert Steps().of(lambda: on.cancel(3)) > before * HEADROOM
