"""Event loops for the tests of the edge: the daemon runs on uvloop, and what it promises must not hang on that."""

import asyncio
from collections.abc import Callable, Mapping

import pytest
import uvloop

LoopFactory = Callable[[], asyncio.AbstractEventLoop]
ON_BOTH_LOOPS = frozenset(
    {
        "test_gateway.py",
        "test_gateway_sockets.py",
        "test_link.py",
        "test_rest.py",
        "test_server.py",
        "test_server_answers.py",
        "test_server_doors.py",
        "test_server_telling.py",
    }
)


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, LoopFactory]:
    if item.path.name in ON_BOTH_LOOPS:
        return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
    return {"asyncio": asyncio.new_event_loop}
