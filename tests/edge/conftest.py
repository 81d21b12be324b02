"""Event loops for the tests of the edge: the daemon runs on uvloop, and what it promises must not hang on that."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import uvloop

LoopFactory = Callable[[], asyncio.AbstractEventLoop]
ON_BOTH_LOOPS = frozenset(
    {
        "hanging.py",
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


def uvloop_that_can_be_interrupted() -> asyncio.AbstractEventLoop:
    """A loop on which a test's time limit ends the test: uvloop only tells of what a signal handler raises."""
    loop = uvloop.new_event_loop()

    def told(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if isinstance(context.get("exception"), pytest.fail.Exception):
            for task in asyncio.all_tasks(loop):
                task.cancel("the test's time is over")
        loop.default_exception_handler(context)

    loop.set_exception_handler(told)
    return loop


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, LoopFactory]:
    if item.path.name in ON_BOTH_LOOPS:
        return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop_that_can_be_interrupted}
    return {"asyncio": asyncio.new_event_loop}
