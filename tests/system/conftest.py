"""A daemon that runs for a whole file of tests, where each of them may do what it likes to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest_asyncio

from tests.system.rig import world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import pytest

    from tests.system.rig import World


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lasting(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """A daemon that is ready at a simulated OKX, for all tests of a module (which have the module's loop)."""
    async with world(tmp_path_factory.mktemp("lasting")) as it:
        await it.started()
        yield it


@pytest_asyncio.fixture(loop_scope="module")
async def running(lasting: World) -> AsyncIterator[World]:
    """The lasting daemon, with its venue behaving well, for one test: its clients are closed after it."""
    yield lasting
    lasting.venue.faults.clear()
    await lasting.leave()
