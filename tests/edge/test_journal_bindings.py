"""Bindings in the journal: kept until they are struck, found by the next life, verified and exported."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import msgspec

from daemon.core.bindings import BindingId, Tie
from daemon.core.records import Caller
from daemon.core.scope import NamedOrder, Scope
from daemon.edge.journal.export import export
from daemon.edge.journal.verify import verify
from protocols.fix import AccountName, OrderId
from tests.edge.journal_world import T0, a_journal, rows

if TYPE_CHECKING:
    from pathlib import Path

    from daemon.edge.journal import Journal

ORDERS = (NamedOrder("", "BTC-USDT", OrderId("7")),)


def tie(name: str = "t1") -> Tie:
    return Tie(BindingId(name), Caller(1000, 1000, 7, "mm 1"), Scope(AccountName("main"), orders=ORDERS), 500, None, T0)


async def kept(held: Journal, one: Tie) -> bool:
    """Keep a binding and wait for the word about it."""
    word: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    held.keep_binding(one, word.set_result)
    return await word


async def test_a_binding_is_found_by_the_next_life_until_it_is_struck(tmp_path: Path) -> None:
    path = tmp_path / "j.sqlite"
    with a_journal(path) as held:
        assert await kept(held, tie("t1"))
        assert await kept(held, tie("t2"))
    with a_journal(path) as held:
        assert held.recover(T0, 0).ties == [tie("t1"), tie("t2")]
        held.drop_binding(BindingId("t1"))
        assert await kept(held, tie("t3"))
    with a_journal(path) as held:
        assert [found.binding for found in held.recover(T0, 0).ties] == ["t2", "t3"]
    assert verify(path).findings == []
    assert verify(path).counts["bindings"] == 2


async def test_one_that_cannot_be_read_is_said_and_the_others_are_found(tmp_path: Path) -> None:
    path = tmp_path / "j.sqlite"
    with a_journal(path) as held:
        assert await kept(held, tie("t1"))
        assert await kept(held, tie("t2"))
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE bindings SET tie = '{' WHERE binding_id = 't1'")
        db.execute("UPDATE bindings SET uid = 7 WHERE binding_id = 't2'")
    with a_journal(path) as held:
        found = held.recover(T0, 0)
        assert [one.binding for one in found.ties] == ["t2"]
        assert any("binding t1 of main" in problem for problem in found.problems)
    said = [str(finding) for finding in verify(path).findings]
    assert any("its columns do not say what its binding says" in one for one in said)
    assert len(said) == 2


async def test_it_is_exported(tmp_path: Path) -> None:
    path = tmp_path / "j.sqlite"
    with a_journal(path) as held:
        assert await kept(held, tie())
    lines = [msgspec.json.decode(line) for line in export(path)]
    (line,) = [line for line in lines if line["row"] == "binding"]
    assert (line["binding_id"], line["tie"]["scope"]["account"]) == ("t1", "main")
    assert rows(path, "SELECT count(*) FROM bindings") == [(1,)]
