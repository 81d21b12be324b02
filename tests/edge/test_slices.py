"""A thread that has little to do each time is run soon: it asks the kernel for short slices, and for nothing else."""

import ctypes
import os
import platform
import threading
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from daemon.edge import slices
from daemon.edge.slices import SHORTEST_NS, shorten_slices

Attributes = tuple[int, ...]
"""Size, policy, flags, nice, priority, slice, deadline, period."""


def attributes() -> Attributes:
    """Ask the kernel about the thread that calls this."""
    found = ctypes.create_string_buffer(slices._ATTR.size)
    asked = ctypes.CDLL(None).syscall(slices._GETATTR[platform.machine()], 0, found, slices._ATTR.size, 0)
    assert asked == 0
    return slices._ATTR.unpack(found.raw)


def lengthen_slices() -> None:
    """Give the thread that calls this slices of 3 ms: it has those of the one that started it, which may be short."""
    before = attributes()
    wanted = slices._ATTR.pack(*before[:5], 3_000_000, *before[6:])
    ctypes.CDLL(None).syscall(slices._SETATTR[platform.machine()], 0, wanted, 0)


def in_a_thread(do: Callable[[], None]) -> tuple[bool, Attributes, Attributes]:
    """Shorten the slices of a thread that is over then, since they stay so; give what it was like before and after."""
    found: list[tuple[bool, Attributes, Attributes]] = []

    def run() -> None:
        lengthen_slices()
        do()
        before = attributes()
        is_short = shorten_slices()
        found.append((is_short, before, attributes()))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return found[0]


def is_known(attribute: Attributes) -> bool:
    """Whether this kernel says how long a thread's slices are (Linux 6.12)."""
    return attribute[5] > 0


of_known_calls = pytest.mark.skipif(
    platform.machine() not in slices._SETATTR, reason="slices of this machine are not known"
)


@of_known_calls
@pytest.mark.parametrize("do", [lambda: None, lambda: os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 5)])
def test_a_thread_gets_short_slices_and_stays_as_it_was(do: Callable[[], None]) -> None:
    ours = attributes()
    is_short, before, after = in_a_thread(do)
    assert is_short
    if is_known(before):
        assert after[5] == SHORTEST_NS < before[5]
    assert (*after[:5], *after[6:]) == (*before[:5], *before[6:])
    assert attributes() == ours


@of_known_calls
def test_a_thread_of_another_policy_is_left_alone() -> None:
    is_short, before, after = in_a_thread(lambda: os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0)))
    assert not is_short
    assert after == before


def test_on_a_machine_of_which_the_calls_are_not_known_nothing_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    monkeypatch.setattr(slices, "ctypes", None)
    assert not shorten_slices()


@pytest.mark.parametrize("refused", ["_GETATTR", "_SETATTR"])
def test_a_kernel_or_a_filter_that_refuses_is_lived_with(monkeypatch: pytest.MonkeyPatch, refused: str) -> None:
    called: list[int] = []
    number = 7

    def call(which: int, *_: object) -> int:
        called.append(which)
        return -1 if which == number else 0

    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setitem(getattr(slices, refused), "x86_64", number)
    library = SimpleNamespace(syscall=call)
    monkeypatch.setattr(
        slices, "ctypes", SimpleNamespace(CDLL=lambda _: library, create_string_buffer=ctypes.create_string_buffer)
    )
    assert not shorten_slices()
    assert called[-1] == number
