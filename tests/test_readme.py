"""The README promises only what runs: its examples are taken out of it and carried out against a daemon.

``CANCELD_README=write`` puts the output of a fresh demonstration into it.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from daemon.config import Config, loads
from daemon.edge.alarms import LASTING
from protocols.venues.registry import VENUES
from tests.system.rig import ROOT, world

if TYPE_CHECKING:
    from tests.system.rig import World

PATH = ROOT / "README.md"
README = PATH.read_text()
SOCKET = "/run/canceld/canceld.sock"
EXAMPLE_ORDER = "590908157585625111"
RUN_S = 280.0
"""A net under a hang: the demonstration takes half a minute, and several of them on a machine that has other work."""


def block(name: str) -> str:
    """Give the fenced text that follows a marker."""
    found = re.search(rf"<!-- {name} -->\n```\w*\n(.*?)```", README, re.DOTALL)
    assert found, f"the README has no block {name}"
    return found.group(1)


def shape(text: str) -> list[str]:
    """Reduce output to its words: numbers, spaces and rules differ from run to run."""
    plain = (re.sub(r"[\d.]+|\s+", " ", line) for line in text.splitlines())
    return [" ".join(line.split()) for line in plain if line.strip()]


def excerpt(output: str) -> str:
    """Cut a demonstration of all venues down to one of them and what it came to."""
    lines = [line.rstrip() for line in output.splitlines()]
    sections = "\n".join(lines).split("\n\n")
    (sample,) = (section for section in sections if section.startswith("okx:"))
    table = [line for line in sections[-1].splitlines() if not line.startswith("breaches of")]
    return "\n\n".join((lines[0], sample, "\n".join(table[:-1]), table[-1])) + "\n"


async def run(*command: str, **environment: str) -> tuple[int, str]:
    """Run a command in the checkout; give its exit code and its output."""
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, env={**os.environ, **environment}, stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(RUN_S):
        output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


async def an_order(it: World) -> str:
    """Start everything, and let one order rest."""
    await it.daemon.start()
    await it.ready(await it.client())
    (order_id,) = await it.door.place([{"instrument": "BTC-USDT", "side": "buy", "price": "60000", "qty": "1"}])
    return order_id


@pytest.mark.timeout(300)
async def test_the_demo_prints_what_the_readme_shows() -> None:
    code, output = await run(sys.executable, "-m", "daemon.cli", "demo")
    assert code == 0
    if os.environ.get("CANCELD_README") == "write":
        PATH.write_text(README.replace(block("demo"), excerpt(output)))
    shown, printed = shape(block("demo")), shape(output)
    headings = [line for line in shown if line.startswith(("Starting", "order instrument", "what it came to", "venue"))]
    assert headings
    for line in headings:
        assert line in printed
    assert shown[-1] == printed[-1]
    assert [line.split()[0] for line in shown if line.split()[0] in VENUES] == [
        line.split()[0] for line in printed if line.split()[0] in VENUES
    ]


def test_the_configuration_loads_as_it_stands() -> None:
    assert isinstance(loads(block("config"), Path("/etc/canceld/canceld.toml")), Config)
    with_switch = loads(block("config") + block("dead_man"), Path("/etc/canceld/canceld.toml"))
    assert isinstance(with_switch, Config)
    assert all(account.dead_man is not None for account in with_switch.accounts.values())


@pytest.mark.skipif(
    shutil.which("socat") is None and "CI" not in os.environ, reason="socat is not installed here; CI installs it"
)
async def test_the_socat_line_cancels_an_order(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        order_id = await an_order(it)
        command = block("socat").replace(EXAMPLE_ORDER, order_id).replace(SOCKET, str(it.daemon.socket))
        code, output = await run("sh", "-c", command)
        assert code == 0
        assert json.loads(output)["result"]["outcome"] == "canceled"
        assert (await it.door.truths())[order_id].ord_status == "canceled"


async def test_the_cancelctl_line_cancels_an_order_and_exits_with_its_outcome(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        order_id = await an_order(it)
        words = block("cancelctl").replace(EXAMPLE_ORDER, order_id).split()
        assert words[0] == "cancelctl"
        command = Path(sys.executable).parent / words[0]
        code, _ = await run(str(command), *words[1:], CANCELD_SOCKET=str(it.daemon.socket))
        assert code == 0
        assert (await it.door.truths())[order_id].ord_status == "canceled"


async def test_the_python_example_cancels_an_order(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        order_id = await an_order(it)
        source = block("python").replace(EXAMPLE_ORDER, order_id).replace(SOCKET, str(it.daemon.socket))
        printed = io.StringIO()

        def example() -> None:
            with contextlib.redirect_stdout(printed):
                exec(compile(source, "README.md", "exec"), {})  # noqa: S102 - our own README

        await asyncio.to_thread(example)
        assert printed.getvalue() == "canceled 0 final\n"


async def test_the_binding_example_binds_and_lets_go(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        order_id = await an_order(it)
        source = block("binding").replace(SOCKET, str(it.daemon.socket))
        printed = io.StringIO()

        def example() -> None:
            with contextlib.redirect_stdout(printed):
                exec(compile(source, "README.md", "exec"), {})  # noqa: S102 - our own README

        await asyncio.to_thread(example)
        assert printed.getvalue() == "trading\n"
        assert (await it.door.truths())[order_id].ord_status == "new"


def test_every_venue_has_its_row_and_every_lasting_alarm_its_word() -> None:
    rows = re.findall(r"^\| `(\w+)`", README[README.index("## Venues") :], re.MULTILINE)
    assert sorted(set(rows) & set(VENUES)) == sorted(VENUES)
    operating = README[README.index("## Operating it") : README.index("## Venues")]
    assert all(f"`{alarm}`" in operating for alarm in LASTING)


def test_every_file_that_the_readme_links_to_exists() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert links
    assert all((ROOT / link).exists() for link in links)


async def test_the_bulk_lines_list_and_then_cancel_what_is_on_the_instrument_and_nothing_else(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        await an_order(it)
        orders = await it.rest(6)
        dry, real = (line.split() for line in block("cancel_all").splitlines())
        command = Path(sys.executable).parent / dry[0]
        code, output = await run(str(command), *dry[1:], CANCELD_SOCKET=str(it.daemon.socket))
        assert (code, "2 open orders match; nothing was sent" in output) == (0, True)
        assert {order.ord_status for order in (await it.door.truths()).values()} == {"new"}
        code, _ = await run(str(command), *real[1:], CANCELD_SOCKET=str(it.daemon.socket))
        assert code == 0
        ended = {order for order, truth in (await it.door.truths()).items() if truth.ord_status == "canceled"}
        assert {it.instrument_of(order) for order in ended} == {"BTC-USDT"}
        assert len(ended & set(orders)) == 1
