"""What the README says of performance is what a kept run says, and a part of the benchmark is found by its name."""

from __future__ import annotations

import re
from importlib import import_module

import orjson

from tests.bench.figures import of_round, over_rounds
from tests.bench.parts import PARTS
from tests.bench.readme import MARKED, PUBLISHED, README, section
from tests.bench.table import goals_of, table


def test_the_readme_has_the_figures_of_the_published_run() -> None:
    found = MARKED.search(README.read_text())
    assert found is not None
    assert found.group() == section(orjson.loads(PUBLISHED.read_bytes()))


def test_the_published_run_is_of_a_commit_and_has_every_part_and_its_table() -> None:
    results = orjson.loads(PUBLISHED.read_bytes())
    assert re.fullmatch(r"[0-9a-f]{12}", results["commit"])
    assert [name for name in PARTS if name not in results] == []
    shown = table(results)
    assert all(goal.what in shown for goal in goals_of(results))


def test_coming_back_with_many_requests_is_told_beside_a_start_without_them() -> None:
    scale = {"requests_journaled": 1000, "ready_with_journal_s": 0.6, "recovery_s": -0.1, "ready_s": 0.5}
    goals = list(goals_of({"scale": scale | {"bytes_per_order": 1, "idle_rss_mib": 1}}))
    told = goals[-1]
    assert (told.what, told.shown) == ("the same with 1,000 old requests (0.70 s without)", "0.60 s")


def test_every_part_says_what_it_gives_and_can_be_run() -> None:
    for name in PARTS:
        part = import_module(f"tests.bench.parts.{name}")
        assert callable(part.run)
        assert "Gives ``" in (part.__doc__ or "")


def test_percentiles_are_a_rounds_own_and_medians_are_over_the_rounds() -> None:
    quiet, disturbed = [100.0] * 999 + [5000.0], [200.0] * 1000
    rounds = [of_round(quiet), of_round(quiet), of_round(disturbed)]
    found = over_rounds(rounds)
    assert abs(found["p50_us"] - 100) < 1
    assert abs(found["p50_us_most"] - 200) < 1
    assert abs(rounds[0]["max_us"] - 5000) < 10
    assert found["n"] == 3000


def test_the_goal_beside_a_peer_that_is_not_there_is_told_as_not_measured() -> None:
    serial = orjson.loads(PUBLISHED.read_bytes())["serial"]
    del serial["ccxt"]
    unmeasured = [(goal.what, goal.shown) for goal in goals_of({"serial": serial}) if goal.word == "not measured"]
    assert unmeasured == [("serial p50, of ccxt.pro's (journal on tmpfs)", "-")]
