"""How a test that hangs is ended, wherever it hangs; pytest-timeout keeps the time.

By itself that rings once, and a failure puts it out: what swallowed the ring, or hangs in a teardown after a failure,
would hang for ever. So each ring is followed by others until the test's own code has ended, a teardown has a limit of
its own, and a ring between two phases is left to the next one: pytest cannot live with it.
"""

import signal
from collections.abc import Generator
from types import FrameType

import pytest

RING_AGAIN_S = 10.0
LIMIT = pytest.StashKey[object]()
IS_RUNNING = pytest.StashKey[bool]()
OVERRAN = pytest.StashKey[bool]()
Phase = Generator[None, object, object]


@pytest.hookimpl(wrapper=True)
def pytest_timeout_set_timer(item: pytest.Item, settings: object) -> Phase:
    """Let the limit ring until it is heard."""
    item.stash[LIMIT] = settings
    is_set = yield
    left_s, _ = signal.getitimer(signal.ITIMER_REAL)
    end_it = signal.getsignal(signal.SIGALRM)
    if left_s and callable(end_it):

        def ring(number: int, frame: FrameType | None) -> None:
            if item.stash.get(IS_RUNNING, False):
                item.stash[OVERRAN] = True
                end_it(number, frame)

        signal.signal(signal.SIGALRM, ring)
        signal.setitimer(signal.ITIMER_REAL, left_s, min(left_s, RING_AGAIN_S))
    return is_set


def _phase(item: pytest.Item) -> Phase:
    item.stash[IS_RUNNING] = True
    try:
        return (yield)
    finally:
        item.stash[IS_RUNNING] = False


@pytest.hookimpl(wrapper=True, trylast=True)  # next to the test's own code
def pytest_runtest_setup(item: pytest.Item) -> Phase:
    """Let the limit ring in a setup."""
    return (yield from _phase(item))


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call(item: pytest.Item) -> Phase:
    """Let the limit ring in a test, and fail one that swallowed it and passed."""
    result = yield from _phase(item)
    if item.stash.get(OVERRAN, False):
        pytest.fail("it went on past its time limit, and swallowed what was to end it")
    return result


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> Phase:
    """Let a teardown have a limit of its own: by now the test's may be put out."""
    if LIMIT in item.stash:
        item.config.hook.pytest_timeout_set_timer(item=item, settings=item.stash[LIMIT])
    return (yield from _phase(item))
