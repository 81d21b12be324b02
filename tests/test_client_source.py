"""`canceld client-source` prints a module that works where canceld is not installed, with both clients in it."""

from __future__ import annotations

import ast
import inspect
import json
import subprocess
import sys
from typing import TYPE_CHECKING

from daemon import cli, client, client_async, client_binding
from tests.desks import FakeDesk, answer_with, elsewhere, folder

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.desks import Elsewhere

__all__ = ["elsewhere", "folder"]

SCRIPT = """
import asyncio, json, sys
from canceld_client import AsyncBinding, AsyncClient, Binding, Client
with Client(sys.argv[1], name="one") as canceld:
    said = [canceld.cancel("okx-main", "BTC-USDT", order_id="7", request_id="r1").outcome]
async def main():
    async with AsyncClient(sys.argv[1], name="two") as canceld:
        result = await canceld.cancel("okx-main", "BTC-USDT", order_id="8", request_id="r2")
        said.append(result.outcome)
asyncio.run(main())
print(json.dumps([said, sorted(name for name in sys.modules if name.split(".")[0] in {"daemon", "protocols"})]))
"""


def test_what_is_printed_works_without_canceld(
    folder: Path, elsewhere: Elsewhere, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["client-source"]) == 0
    (folder / "canceld_client.py").write_text(capsys.readouterr().out)
    (folder / "script.py").write_text(SCRIPT)
    desk = FakeDesk()
    desk.when_canceled = answer_with()
    elsewhere.start(desk)
    # -S, -P: nothing but that folder and the standard library
    command = [sys.executable, "-S", "-P", "-W", "error", str(folder / "script.py"), str(elsewhere.path)]
    done = subprocess.run(command, env={"PYTHONPATH": str(folder)}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == [["canceled", "canceled"], []]
    assert [taken.peer.caller.client for taken in desk.cancels] == ["one 1", "two 1"]


def test_it_holds_all_that_both_halves_have(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["client-source"]) == 0
    source = capsys.readouterr().out
    printed = {node.name for node in ast.parse(source).body if isinstance(node, ast.ClassDef | ast.FunctionDef)}
    for half in (client, client_async, client_binding):
        tree = ast.parse(inspect.getsource(half))
        assert {node.name for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)} <= printed
    assert not any(line.startswith("from daemon") for line in source.splitlines())
    assert source.startswith("# The client library of canceld ")
