"""What takes long to make and serves a whole file of tests: a daemon that runs, and an authority for certificates."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.system.authority import Authority
from tests.system.rig import leave_out, world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

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


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority that signs certificates for a venue, and that nobody trusts unasked."""
    if shutil.which("openssl") is None:
        leave_out("openssl is not installed, so there is no certificate")
    return Authority(tmp_path_factory.mktemp("authority"))
