"""Counts what a confirmed cancel costs, in steps of the interpreter: the same on every machine, busy or not.

    PYTHONHASHSEED=0 python -m tests.bench.steps            count, as JSON
    PYTHONHASHSEED=0 python -m tests.bench.steps --where     and say in which functions

A step is one bytecode executed, or one call (before Python 3.12: one into C), over the fixed course
(`tests.bench.course`) in virtual time. What a call into C costs inside is not seen; what is called, and how often, is.
Python's own versions differ in their bytecodes, so a bound holds for one minor version.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from tests.bench.course import Course, course

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType

WARM_UP: Final = 50
CANCELS: Final = 100
PUSHES: Final = 100
FLATTENED: Final = 200


class Steps:
    """Counts the steps of what is called, by function."""

    def __init__(self) -> None:
        self.by_code: Counter[CodeType] = Counter()

    def of(self, call: Callable[[], None]) -> int:
        """Count one call."""
        self.by_code.clear()
        gc.disable()  # the finalizer of whatever was thrown away before would be counted
        try:
            if sys.version_info >= (3, 12):
                self._monitored(call)
            else:
                self._traced(call)
        finally:
            gc.enable()
        return sum(self.by_code.values())

    if sys.version_info >= (3, 12):

        def _monitored(self, call: Callable[[], None]) -> None:
            monitoring, tool = sys.monitoring, sys.monitoring.PROFILER_ID
            events = (monitoring.events.INSTRUCTION, monitoring.events.CALL)
            monitoring.use_tool_id(tool, "steps")
            try:
                for event in events:
                    monitoring.register_callback(tool, event, self._monitored_step)
                monitoring.set_events(tool, sum(events))
                call()
            finally:
                monitoring.set_events(tool, 0)
                monitoring.free_tool_id(tool)

        def _monitored_step(self, code: CodeType, *_: object) -> None:
            self.by_code[code] += 1

    def _traced(self, call: Callable[[], None]) -> None:
        sys.setprofile(self._called)
        sys.settrace(self._entered)
        try:
            call()
        finally:
            sys.settrace(None)
            sys.setprofile(None)

    def _entered(self, frame: FrameType, event: str, argument: object) -> Any:
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        return self._stepped

    def _stepped(self, frame: FrameType, event: str, argument: object) -> Any:
        if event == "opcode":
            self.by_code[frame.f_code] += 1
        return self._stepped

    def _called(self, frame: FrameType, event: str, argument: object) -> None:
        if event == "c_call":
            self.by_code[frame.f_code] += 1


def count(on: Course) -> dict[str, float]:
    """Count the steps of a confirmed cancel, of a push that nobody waits for, and of an order of a bulk cancel."""
    on.cancel(WARM_UP)
    on.rest(WARM_UP)
    on.flatten(WARM_UP)
    steps = Steps()
    found = {"cancel": steps.of(lambda: on.cancel(CANCELS)) / CANCELS}
    on.rest(FLATTENED)
    found["flattened"] = steps.of(lambda: on.flatten(FLATTENED)) / FLATTENED
    on.push(WARM_UP)
    found["push"] = steps.of(lambda: on.push(PUSHES)) / PUSHES
    return found


def main() -> None:
    """Count, and say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--where", type=int, nargs="?", const=40, default=0, metavar="N", help="the N dearest")
    where = parser.parse_args().where
    with course() as on:
        print(json.dumps({"python": f"{sys.version_info[0]}.{sys.version_info[1]}"} | count(on)))
        if where:
            steps = Steps()
            steps.of(lambda: on.cancel(CANCELS))
            for code, taken in steps.by_code.most_common(where):
                print(f"{taken / CANCELS:10.1f}  {code.co_qualname}  {code.co_filename.rpartition('/')[2]}")


if __name__ == "__main__":
    main()
