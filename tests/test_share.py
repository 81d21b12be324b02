"""What is installed beside the program says what the program says: man pages, completions, alert rules, dashboard."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from daemon import cli, ctl, ctl_options
from daemon.version import software_version
from tests.scraping import free_port, scrape
from tests.system.rig import WAIT_S, world

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.scraping import Page

SHARE = Path(__file__).resolve().parent.parent / "systemd" / "share"
PROGRAMS = ("canceld", "cancelctl")
HELP = {"-h", "--help"}


def commands_of(program: str) -> dict[str, argparse.ArgumentParser]:
    """Give each subcommand's parser by its name; the program's own under ""."""
    whole = ctl._parser() if program == "cancelctl" else cli._parser("")
    found = {"": whole} | choices_of(whole)
    if program == "canceld":  # it describes some of its commands only when they are asked for
        found |= {name: choices_of(cli._parser(name))[name] for name in choices_of(whole)}
    return found


def choices_of(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    (action,) = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return dict(action.choices)


def options_of(parser: argparse.ArgumentParser) -> set[str]:
    """Give the options of a parser, without those that it takes silently since the program's own are the same."""
    shown = [action for action in parser._actions if action.help is not argparse.SUPPRESS]
    return {option for action in shown for option in action.option_strings}


def words_of(parser: argparse.ArgumentParser) -> set[str]:
    """Give its options, and the words that its first argument may be."""
    places = [action for action in parser._actions if not action.option_strings and action.choices]
    return options_of(parser) | {str(word) for action in places[:1] for word in action.choices or ()}


# ---------------------------------------------------------------- man pages


def man_page(program: str) -> str:
    return (SHARE / f"{program}.1").read_text().replace("\\-", "-").replace("\\fR", "").replace("\\fB", "")


def sections_of(program: str) -> dict[str, str]:
    """Give the part of a man page about each command; what is about all of them under ""."""
    page = man_page(program)
    commands = page[page.index(".SH COMMANDS") :]
    commands = commands[: commands.index("\n.SH ", 1)] if "\n.SH " in commands[1:] else commands
    _, *parts = re.split(r"(?m)^\.SS (\S+)\n", commands)
    found = dict(zip(parts[::2], parts[1::2], strict=True))
    options = page[page.index("\n.SH OPTIONS") + 1 :]
    return found | {"": options[: options.index("\n.SH ")]}


def options_in(text: str) -> set[str]:
    """Give the options that stand where one is described: behind .TP."""
    tagged = re.findall(r"(?m)^\.TP\n(.+)$", text)
    return {option for tag in tagged for option in re.findall(r"(?<![\w-])--?[a-z][a-z-]*", tag)}


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_man_page_describes_every_command_and_option_and_no_other(program: str) -> None:
    sections = sections_of(program)
    parsers = commands_of(program)
    assert set(sections) == set(parsers)
    for name, parser in parsers.items():
        described = options_in(sections[name])
        assert described - HELP == options_of(parser) - HELP, f"{program} {name}"
    for name in set(parsers) - {""}:
        assert name in man_page(program)[: man_page(program).index(".SH DESCRIPTION")], f"{name} is not in the synopsis"


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_man_page_names_its_version_and_exit_codes(program: str) -> None:
    assert f'"canceld {software_version()}"' in man_page(program)
    if program == "cancelctl":
        told = man_page(program)[man_page(program).index(".SH EXIT STATUS") :]
        for code in {
            *ctl_options.OUTCOME_EXITS.values(),
            ctl_options.EXIT_REPLACED,
            ctl_options.EXIT_NO_ANSWER,
            ctl_options.EXIT_NO_DAEMON,
            130,
            141,
        }:
            assert re.search(rf"(?m)^\.?B? ?{code}\b", told), code


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed here")
@pytest.mark.parametrize("program", PROGRAMS)
def test_the_man_page_is_set_without_a_warning(program: str) -> None:
    command = ["groff", "-man", "-Tutf8", "-ww", "-z", str(SHARE / f"{program}.1")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


# ---------------------------------------------------------------- completion


def completed(program: str, *words: str, **environment: str) -> set[str]:
    """Give what bash offers for the last of these words."""
    line = " ".join(f"'{word}'" for word in (program, *words))
    script = (
        f"source {SHARE / program}.bash; COMP_WORDS=({line}); COMP_CWORD={len(words)}; _{program}; "
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", script], capture_output=True, text=True, check=True, env=os.environ | environment
    )
    assert done.stderr == ""
    return set(done.stdout.split())


@pytest.mark.parametrize("program", PROGRAMS)
def test_completion_offers_every_command_and_option_and_no_other(program: str) -> None:
    parsers = commands_of(program)
    own = options_of(parsers[""]) - {"-h"}
    assert completed(program, "") == {*parsers, *own} - {""}
    for name, parser in parsers.items():
        if name:
            assert completed(program, name, "") == words_of(parser) - {"-h"}, name


@pytest.mark.parametrize("program", PROGRAMS)
def test_completion_offers_the_words_that_an_option_takes(program: str) -> None:
    for name, parser in commands_of(program).items():
        for action in parser._actions:
            if action.option_strings and action.choices is not None:
                assert completed(program, name, action.option_strings[0], "") == set(action.choices), action


def test_completion_goes_on_with_what_was_begun() -> None:
    assert completed("cancelctl", "--socket", "/run/x", "hi") == {"history"}
    assert completed("cancelctl", "--json", "history", "--out") == {"--outcome"}
    assert completed("cancelctl", "history", "--order-id", "") == set()
    assert completed("canceld", "check", "--on") == {"--online"}
    assert completed("canceld", "journal", "ex") == {"export"}
    assert completed("canceld", "journal", "verify", str(SHARE / "alerts")) == {str(SHARE / "alerts.yml")}


async def test_completion_offers_the_accounts_of_the_daemon(tmp_path: Path) -> None:
    import asyncio
    import sys

    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    async with world(tmp_path) as it:
        await it.daemon.start()
        words = ("cancel", "--account", "")
        assert await asyncio.to_thread(
            completed, "cancelctl", "--socket", str(it.daemon.socket), *words, PATH=path
        ) == {"okx-main"}  # fmt: skip
        found = await asyncio.to_thread(completed, "cancelctl", *words, PATH=path, CANCELD_SOCKET=str(it.daemon.socket))
        assert found == {"okx-main"}
    assert completed("cancelctl", *words, PATH=path, CANCELD_SOCKET="/nowhere") == set()


# ---------------------------------------------------------------- alert rules and dashboard

ALERT = re.compile(
    r"""      - alert: (?P<name>Canceld\w+)
        expr: (?P<expr>.+)
(?:        for: \d+[sm]
)?        labels: \{severity: (?:critical|warning)\}
        annotations:
          summary: "(?P<summary>[^\n]+)"
          action: "(?P<action>[^\n]+)"
"""
)


def alerts() -> list[dict[str, str]]:
    """Read the rules; they are all of one form, so that nothing but this is needed to read them."""
    text = (SHARE / "alerts.yml").read_text()
    found = [match.groupdict() for match in ALERT.finditer(text)]
    assert len(found) == text.count("- alert:") > 20
    return found


def queries_of(part: object) -> Iterator[str]:
    """Give every query of the dashboard."""
    if isinstance(part, dict):
        yield from (str(value) for key, value in part.items() if key in {"expr", "definition"})
        for value in part.values():
            yield from queries_of(value)
    elif isinstance(part, list):
        for value in part:
            yield from queries_of(value)


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SHARE / "grafana.json").read_text())
    return found


def names_on(page: Page) -> dict[str, dict[str, set[str]]]:
    """Give each name that a query may use, with its labels and the values that they have."""
    found: dict[str, dict[str, set[str]]] = {}
    suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "gauge": ("",)}
    for family in page.families.values():
        for suffix in suffixes[family.type]:
            labels = found.setdefault(family.name + suffix, {})
            for sample in family.samples:
                if sample.name == family.name + suffix:
                    for label, value in sample.labels.items():
                        labels.setdefault(label, set()).add(value)
    return found


@pytest.fixture
async def page(tmp_path: Path) -> Page:
    """The page of a real daemon that has something to show."""
    port = free_port()
    async with world(tmp_path, extra=f'metrics = "127.0.0.1:{port}"') as it:
        await it.daemon.start()
        client = await it.client()
        await it.ready(client)
        (order_id,) = await it.rest(1)
        mortal = await it.client()
        await mortal.result("bind", scope={"account": "okx-main", "client_id_prefix": "none"}, grace_ms=0)
        await mortal.close()
        async with asyncio.timeout(WAIT_S):
            while (await client.result("status"))["bindings_total"]:
                await asyncio.sleep(0.005)
        await client.result("cancel", account="okx-main", instrument=it.instrument_of(order_id), order_id=order_id)
        return await scrape(port)


async def test_every_metric_that_a_query_names_exists_with_its_labels(page: Page) -> None:
    known = names_on(page)
    queries = [alert["expr"] for alert in alerts()] + list(queries_of(dashboard()))
    assert len(queries) > 60
    used = set()
    for query in queries:
        for name, matchers in re.findall(r"\b(canceld_\w+)(?:\{([^}]*)\})?", query):
            used.add(name)
            assert name in known, query
            for label, how, value in re.findall(r'(\w+)(=~|=)"([^"]*)"', matchers):
                if known[name]:
                    assert label in known[name], query
                    words = value.split("|") if how == "=~" else [value]
                    assert value == "$account" or set(words) <= known[name][label], query
    assert len(used) > 40


async def test_all_but_a_few_metrics_stand_on_the_dashboard_or_in_a_rule(page: Page) -> None:
    text = (SHARE / "grafana.json").read_text() + (SHARE / "alerts.yml").read_text()
    assert {name for name in page.families if name not in text} == {
        "canceld_answers_late",
        "canceld_clock_uncertainty_seconds",
        "canceld_connections",
        "canceld_instrument_codes",
        "canceld_reference_loads",
    }


def test_every_alert_says_what_to_do() -> None:
    names = [alert["name"] for alert in alerts()]
    assert len(set(names)) == len(names)
    for alert in alerts():
        assert len(alert["action"]) > 40, alert["name"]
        assert alert["action"].endswith("."), alert["name"]
        for command in re.findall(r"`(cancelctl|canceld) ([a-z-]+)", alert["action"]):
            assert command[1] in commands_of(command[0]), alert["name"]


def test_the_panels_of_the_dashboard_do_not_lie_on_each_other() -> None:
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    covered: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & covered, panel["title"]
        covered |= cells
