"""Tests that hang, each in another way; not collected with the rest (`test_time_limits` runs them)."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

TURNS = 2


@pytest.fixture
async def torn_down_for_ever() -> AsyncIterator[None]:
    yield
    await asyncio.Event().wait()


@pytest.fixture
async def set_up_for_ever() -> None:
    await asyncio.Event().wait()


async def test_that_waits_for_ever() -> None:
    await asyncio.Event().wait()


async def test_that_waits_for_tasks() -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(asyncio.Event().wait())


async def test_that_never_rests() -> None:
    while True:
        await asyncio.sleep(0)


async def test_that_swallows_its_end() -> None:
    for _ in range(TURNS):
        with contextlib.suppress(asyncio.CancelledError, pytest.fail.Exception):
            await asyncio.Event().wait()


@pytest.mark.usefixtures("set_up_for_ever")
async def test_that_never_begins() -> None:
    pass


@pytest.mark.usefixtures("torn_down_for_ever")
async def test_that_passes_and_never_ends() -> None:
    pass


@pytest.mark.usefixtures("torn_down_for_ever")
async def test_that_fails_and_never_ends() -> None:
    pytest.fail("as it should")


async def test_that_passes() -> None:
    pass
