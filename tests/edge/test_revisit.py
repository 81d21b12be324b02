"""What an earlier life had answered is looked at again: all of it, a little at a time, and only for the same user."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from daemon.edge import revisit
from protocols.errors import JournalError

if TYPE_CHECKING:
    import pytest

Place = tuple[int, int]


class World:
    """An account with what was recovered into it, and a journal of so many cases, one by one to be read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, is_known: bool = True) -> None:
        self.is_known = is_known
        self.name = "main"
        self.held: dict[str, object] = {}
        self.recovered: list[str] = []
        self.asked: list[Place] = []
        self.waits: list[float] = []
        self.fails = 0
        self.driver = SimpleNamespace(correlator=SimpleNamespace(cases=self.held))
        monkeypatch.setattr(asyncio, "sleep", self.sleep)

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.is_known = True

    def recover(self, cases: list[Any]) -> None:
        self.recovered += [case.case for case in cases]

    async def settled(self, account: str, since_us: int, before: Place, limit: int) -> tuple[list[Any], Place | None]:
        if self.fails:
            self.fails -= 1
            raise JournalError("journal", "busy", "wait")
        self.asked.append(before)
        left = [at for at in (30, 20, 10) if since_us <= at < before[0]]
        if not left:
            return [], None
        return [SimpleNamespace(case=f"case-{left[0]}")], (left[0], 7)

    async def run(self) -> None:
        await revisit.revisit(cast("Any", self), cast("Any", self), 15, 99)


async def test_every_answered_case_is_taken_up_once_the_latest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch)
    await world.run()
    assert world.recovered == ["case-30", "case-20"]
    assert world.asked == [(99, revisit.LAST_ROW), (30, 7), (20, 7)]
    assert world.waits == [revisit.PAUSE_S] * 3


async def test_a_case_that_is_in_memory_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch)
    world.held["case-30"] = object()
    await world.run()
    assert world.recovered == ["case-20"]


async def test_nothing_is_taken_up_before_the_key_is_known_to_be_the_same_users(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(monkeypatch, is_known=False)
    await world.run()
    assert world.waits[0] == revisit.LOOK_S
    assert world.recovered == ["case-30", "case-20"]


async def test_a_journal_that_cannot_be_read_now_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch)
    world.fails = 2
    await world.run()
    assert world.recovered == ["case-30", "case-20"]
