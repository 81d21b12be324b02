"""``canceld journal``: what people and programs are told, by which exit code, beside a daemon and on a copy."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from daemon import cli
from daemon.edge.journal.schema import VERSION
from tests.edge.journal_world import PUSHED, a_journal, keep, observed, opened, whole_story
from tests.system.rig import ROOT, world

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Told = tuple[int, str, str]


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """A journal at rest: a whole story, and a request without an outcome."""
    path = tmp_path / "journal.sqlite"
    with a_journal(path) as held:
        await keep(held, whole_story("a", held.next_seq()))
        await keep(held, [opened("b")])
    return path


@pytest.fixture
def canceld(capfdbinary: pytest.CaptureFixture[bytes]) -> Callable[..., Told]:
    """The command: gives its exit code and what it said."""

    def run(*words: object) -> Told:
        code = cli.main(["journal", *map(str, words)])
        sys.stdout.flush()
        said, complained = capfdbinary.readouterr()
        return code, said.decode(), complained.decode()

    return run


def spoil(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE steps SET frame = x'00' WHERE id = 5")
        db.execute("DELETE FROM outcomes")
        db.commit()


def test_a_sound_journal_is_said_in_a_line(path: Path, canceld: Callable[..., Told]) -> None:
    frames = "2 frames, 0 frames cut, 0 digests alone"
    counts = f"1 lives, 1 open, {frames}, 7 steps, 1 outcomes, 2 requests, 0 bulks, 0 bindings"
    assert canceld("verify", path) == (0, f"{path}: sound; format {VERSION}: {counts}\n", "")


def test_what_is_found_is_said_a_line_each_with_what_to_do(path: Path, canceld: Callable[..., Told]) -> None:
    spoil(path)
    code, said, complained = canceld("verify", path)
    lines = said.splitlines()
    assert (code, complained) == (1, "")
    assert lines[0].startswith(f"{path}: step 5: its frame is not the one with the digest ")
    assert f"{path}: step 6: concludes with outcome 1, which is missing" in lines
    assert any(line.startswith(f"{path}: 3 found; format {VERSION}: 1 lives, ") for line in lines), lines
    assert lines[-1].startswith("what to do: keep a copy of the file and of its -wal; `canceld journal export` takes")


def test_of_a_file_of_which_nothing_can_be_read_no_export_is_promised(path: Path, canceld: Callable[..., Told]) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)
    code, said, _ = canceld("verify", path)
    assert code == 1
    assert said.splitlines()[-1].startswith("what to do: keep a copy of the file and of its -wal; no daemon starts")
    assert canceld("export", path)[:2] == (2, "")


def test_verify_speaks_to_programs_too(path: Path, canceld: Callable[..., Told]) -> None:
    code, said, _ = canceld("verify", path, "--json")
    told = json.loads(said)
    assert (code, told["ok"], told["format"], told["found"], told["findings"]) == (0, True, VERSION, 0, [])
    assert told["counts"]["requests"] == 2
    spoil(path)
    code, said, _ = canceld("verify", "--json", path)
    told = json.loads(said)
    assert (code, told["ok"], told["found"]) == (1, False, 3)
    assert told["findings"][0]["where"] == "step 5"


@pytest.mark.parametrize("action", ["verify", "export"])
def test_where_there_is_no_journal_that_is_said_with_what_to_do(
    tmp_path: Path, canceld: Callable[..., Told], action: str
) -> None:
    code, said, complained = canceld(action, tmp_path / "missing")
    assert (code, said) == (2, "")
    what = "there is no such file; name the file of [daemon] journal, or a copy of it"
    assert complained == f"canceld: journal {tmp_path}/missing: {what}\n"
    with closing(sqlite3.connect(tmp_path / "other")) as db:
        db.execute("CREATE TABLE a (b)")
    code, said, complained = canceld(action, tmp_path / "other")
    assert (code, said) == (2, "")
    assert "it is not a journal of canceld" in complained


def test_a_file_that_is_no_database_is_found_and_cannot_be_exported(
    tmp_path: Path, canceld: Callable[..., Told]
) -> None:
    path = tmp_path / "text"
    path.write_text("no database, and longer than a header of one would be: " * 4)
    code, said, _ = canceld("verify", path)
    assert (code, said.splitlines()[0]) == (1, f"{path}: file: file is not a database")
    code, said, complained = canceld("export", path)
    assert (code, said) == (2, "")
    assert "it is damaged: stop the daemon, keep the file aside" in complained


def test_export_writes_every_row_as_a_line_of_json(path: Path, canceld: Callable[..., Told]) -> None:
    code, said, complained = canceld("export", path)
    assert (code, complained) == (0, "")
    rows = [json.loads(line) for line in said.splitlines()]
    assert [row["row"] for row in rows] == ["journal", "life", "request", "request", *["step"] * 7, "outcome"]
    assert rows[0] == {"row": "journal", "format": VERSION, "boot": 1, "forgotten_before": 0, "seq_reserved": 2}
    by_kind = {row["kind"]: row for row in rows if row["row"] == "step"}
    assert by_kind["observed"]["frame"] == PUSHED
    assert by_kind["observed"]["body"]["report"]["order_id"] == "order-of-a"
    assert by_kind["send_made"]["frame"] is None
    assert rows[-1]["report"]["outcome"] == "canceled"
    assert rows[2]["venue_params"] == {"flag": "1"}


async def test_what_looks_like_a_secret_in_a_frame_is_dotted_out(tmp_path: Path, canceld: Callable[..., Told]) -> None:
    path = tmp_path / "journal.sqlite"
    with a_journal(path) as held:
        await keep(held, [opened("a"), observed("case-a", raw='{"passphrase":"hunter2","ordId":"1"}')])
        await keep(held, [observed("case-a", raw=b"\x1f\x8b\xff")])
    code, said, _ = canceld("export", path)
    assert code == 0
    assert "hunter2" not in said
    frames = [row.get("frame") or row.get("frame_hex") for row in map(json.loads, said.splitlines()) if "kind" in row]
    assert frames[1:] == ['{"passphrase":••••••••,"ordId":"1"}', "1f8bff"]


def test_a_damaged_row_is_exported_as_it_stands(path: Path, canceld: Callable[..., Told]) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE steps SET body = '{' WHERE id = 3")
        db.commit()
    code, said, _ = canceld("export", path)
    assert code == 0
    assert [row["body"] for row in map(json.loads, said.splitlines()) if row.get("id") == 3] == ["{"]


def test_a_byte_that_is_no_text_costs_no_row(path: Path, canceld: Callable[..., Told]) -> None:
    """One flipped bit of 28 MB kept three quarters of the rows back."""
    whole = canceld("export", path)[1].splitlines()
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE steps SET body = CAST(x'7b22ff223a317d' AS TEXT) WHERE id = 3")
        db.commit()
    code, said, complained = canceld("export", path)
    assert (code, complained, len(said.splitlines())) == (0, "", len(whole))
    assert [row["body"] for row in map(json.loads, said.splitlines()) if row.get("id") == 3] == [{"\ufffd": 1}]


def test_a_table_that_cannot_be_read_keeps_back_no_other(path: Path, canceld: Callable[..., Told]) -> None:
    whole = canceld("export", path)[1].splitlines()
    with closing(sqlite3.connect(path)) as db:
        (page,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'requests'").fetchone()
        (size,) = db.execute("PRAGMA page_size").fetchone()
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(bytes(size))
    code, said, complained = canceld("export", path)
    assert said.splitlines() == [line for line in whole if not line.startswith('{"row":"request"')]
    assert code == 2
    assert "it is damaged" in complained


def test_a_reader_that_has_enough_is_no_failure_of_ours(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute(
            "INSERT INTO steps (case_id, t_us, kind, body) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 "
            "FROM n WHERE i < 20000) SELECT 'case-x', 0, 'noticed', '{}' FROM n"
        )
        db.commit()
    line = f"{sys.executable} -m daemon.cli journal export {path} | head -n 1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (141, "")


async def test_beside_a_daemon_that_runs_both_only_look(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        client = await it.started()
        orders = await it.rest(6)
        for number, order_id in enumerate(orders):
            await it.canceled(client, order_id, request_id=f"r-{number}")
            code, told = await beside("verify", "--json", str(tmp_path / "journal.sqlite"))
            assert (code, told[0]["findings"]) == (0, [])
        code, lines = await beside("export", str(tmp_path / "journal.sqlite"))
        assert code == 0
        assert [row["request_id"] for row in lines if row["row"] == "request"] == [f"r-{n}" for n in range(6)]
        (order_id,) = await it.rest(1)
        assert (await it.canceled(client, order_id))["durable"] is True
        assert await it.daemon.stop() == 0


async def beside(*words: str) -> tuple[int, list[dict[str, Any]]]:
    """Run the command as another process; gives its exit code and its lines."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "daemon.cli", "journal", *words, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, [json.loads(line) for line in said.splitlines()]
