"""`canceld simulate`: what it takes, prints and exits with; and that a seed is the same everywhere."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from daemon import cli
from daemon.sim.faults import Fault
from daemon.simulate import auditor, kernel
from daemon.simulate.sweep import run_seed, run_seeds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from daemon.simulate.chronicle import Chronicle, Story

SEEDS = "0..3"
MIXED = (4, 7)


def simulate(*arguments: str, hash_seed: str = "random") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "daemon.cli", "simulate", *arguments]
    environment = os.environ | {"PYTHONHASHSEED": hash_seed}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def a_rule_that_nobody_keeps(_: Chronicle, story: Story) -> Iterator[str]:
    if story.wish.name == "w1":
        yield "it was asked for"


def test_json_is_one_object_with_a_count_for_every_primitive(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["simulate", "--seeds", SEEDS, "--json"]) == 0
    shown = capsys.readouterr()
    summary = json.loads(shown.out)
    assert list(summary) == ["seeds", "requests", "faults", "violations", "trace_hash", "wall_s"]
    assert (summary["seeds"], summary["violations"]) == (3, [])
    assert set(summary["faults"]) == {fault.value for fault in Fault}
    assert 3 * 80 <= summary["requests"] <= 3 * 130
    assert [line[:7] for line in shown.err.splitlines() if line.startswith("seed")] == ["seed 0:", "seed 1:", "seed 2:"]


def test_a_violation_says_rule_detail_and_how_to_see_it_again(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditor, "RULES", (a_rule_that_nobody_keeps,))
    assert cli.main(["simulate", "--seeds", "5..6", "--venue", "okx"]) == 1
    shown = capsys.readouterr().out
    assert "VIOLATION of a_rule_that_nobody_keeps: w1 (" in shown
    assert "): it was asked for\n" in shown
    assert "see it again: canceld simulate --replay 5 --venue okx\n" in shown
    assert "violations: a_rule_that_nobody_keeps 1\n" in shown


def test_a_seed_that_ends_with_an_exception_is_a_violation_and_the_sweep_goes_on(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(_seen: Chronicle, _story: Story) -> Iterator[str]:
        raise RuntimeError("out of paper")

    monkeypatch.setattr(auditor, "RULES", (breaks,))
    assert cli.main(["simulate", "--seeds", "0..2", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)["violations"]
    assert [(each["seed"], each["rule"]) for each in found] == [(0, "raised"), (1, "raised")]
    assert found[0]["detail"].startswith("RuntimeError: out of paper (in breaks, line ")


def test_a_replay_tells_each_frame_on_a_line_and_what_was_drawn_before_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["simulate", "--replay", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("seed 2: ")
    told = [line.split() for line in lines if line[:12].strip().replace(".", "").isdigit()]
    assert [float(line[0]) for line in told] == sorted(float(line[0]) for line in told)
    assert {"daemon", "world"} <= {line[1] for line in told}
    assert {"→", "←"} <= {line[2] if len(line[2]) == 1 else line[3] for line in told if len(line) > 3}
    assert any("outcome canceled" in line for line in lines)


def test_with_a_replay_as_json_the_story_goes_elsewhere(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["simulate", "--replay", "2", "--json"]) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["seeds"] == 1
    assert "life 1 begins" in shown.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "name the seeds: --seeds 0..200, or --replay SEED"),
        (("--seeds", "5..5"), "'5..5' is not A..B with A below B"),
        (("--seeds", "7"), "'7' is not A..B"),
        (("--seeds", "-1..4"), "--seeds: expected one argument"),
        (("--replay", "x"), "'x' is not a seed"),
        (("--seeds", "0..2", "--replay", "1"), "--replay SEED runs that seed alone and --seeds many: give one of them"),
        (("--replay", "1", "--jobs", "2"), "--replay SEED runs one seed, on one core: leave --jobs out"),
        (("--seeds", "0..2", "--jobs", "0"), "'0' is not a number of cores from 1 to 256"),
        (("--seeds", "0..2", "--venue", "nyse"), "argument --venue: invalid choice: 'nyse'"),
    ],
)
def test_a_wrong_argument_is_named_and_exits_with_two(
    arguments: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = cli.main(["simulate", *arguments])
    except SystemExit as end:
        code = int(end.code or 0)
    assert code == 2
    shown = capsys.readouterr()
    assert told in shown.err
    assert shown.out == ""


def test_a_seed_gives_the_same_trace_in_any_process_on_any_number_of_cores_alone_or_among_others() -> None:
    one, other = (json.loads(simulate("--seeds", "3..7", "--json", "--jobs", n, hash_seed=n).stdout) for n in "12")
    assert one | {"wall_s": 0} == other | {"wall_s": 0}
    among = {seed.result.seed: seed.result for seed in run_seeds(range(3, 9))}
    assert {seed: run_seed(seed).result for seed in MIXED} == {seed: among[seed] for seed in MIXED}
    told: list[str] = []
    assert run_seed(MIXED[0], tell=told.append).result == among[MIXED[0]]
    assert told


def test_the_venues_that_are_named_are_those_that_are_drawn() -> None:
    drew = [seed.drew for seed in run_seeds(range(6), ["htx", "bingx"])]
    assert all("htx-" in line or "bingx-" in line for line in drew)
    assert not any(venue in line for line in drew for venue in ("okx", "bitget"))


def test_a_world_that_does_not_come_to_rest_is_a_violation_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "CALLS_MAX", 1_000)
    assert [(found.rule, found.detail[:7]) for found in run_seed(0).result.violations] == [("raised", "Endless")]


def test_who_collects_garbage_by_hand_leaves_it_to_python_again() -> None:
    assert [gc.isenabled() for _ in run_seeds(range(MIXED[0], MIXED[0] + 1))] == [False]
    assert gc.isenabled()
