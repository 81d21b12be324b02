"""Virtual time: a heap of calls to come, and tasks that wait in it. It knows nothing of what is simulated.

Time moves only from one call to the next, in whole microseconds; of two calls at the same moment the one that was asked
for first comes first. A `Scope` is one life of something that can be killed: its calls and tasks end with it, in the
middle of whatever they were doing, as those of a killed process do.
"""

from __future__ import annotations

import heapq
from functools import partial
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator
    from types import TracebackType

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
US_PER_S: Final = 1_000_000
CALLS_MAX: Final = 500_000
"""A world that has not come to rest by then goes round in circles: most take ten thousand."""


class Endless(Exception):
    """Whatever is simulated does not come to rest."""

    def __init__(self, calls: int) -> None:
        self.calls = calls
        super().__init__(f"no rest after {calls} calls")


class Cancelled(BaseException):
    """Thrown into a task that is cancelled."""


class Call:
    """A call that is to come."""

    __slots__ = ("run", "scope")

    def __init__(self, run: Callable[[], object], scope: Scope | None) -> None:
        self.run: Callable[[], object] | None = run
        self.scope = scope

    def cancel(self) -> None:
        """Let it not come."""
        self.run = None


class Kernel:
    """The heap. ``now_us`` is the present."""

    def __init__(self, start_us: int) -> None:
        self.now_us = start_us
        self.calls = 0
        """How many calls came so far."""
        self._heap: list[tuple[int, int, Call]] = []
        self._n = 0

    def at(self, at_us: int, run: Callable[[], object], scope: Scope | None = None) -> Call:
        """Have something called at a moment, or at once after what is running now."""
        call = Call(run, scope)
        self._n += 1
        heapq.heappush(self._heap, (max(at_us, self.now_us), self._n, call))
        return call

    def after(self, delay_us: int, run: Callable[[], object], scope: Scope | None = None) -> Call:
        """Have something called in a while."""
        return self.at(self.now_us + delay_us, run, scope)

    def run(self, until_us: int) -> None:
        """Let everything come that is due by ``until_us``, which is the present then."""
        heap, pop = self._heap, heapq.heappop
        while heap and heap[0][0] <= until_us:
            at_us, _, call = pop(heap)
            run, scope = call.run, call.scope
            if run is None or (scope is not None and scope.is_dead):
                continue
            self.now_us = at_us
            self.calls += 1
            if self.calls > CALLS_MAX:
                raise Endless(self.calls)
            call.run = None
            run()
        self.now_us = max(self.now_us, until_us)


class Scope:
    """One life, whose calls and tasks end together."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.is_dead = False
        self._tasks: dict[Task[object], None] = {}

    def after_s(self, seconds: float, run: Callable[[], object]) -> Call:
        """Have something called in so many seconds, unless this life is over by then."""
        return self.kernel.after(max(0, round(seconds * US_PER_S)), run, self)

    def soon(self, run: Callable[[], object]) -> Call:
        """Have something called after what is running now."""
        return self.kernel.at(self.kernel.now_us, run, self)

    def spawn(self, coroutine: Coroutine[object, object, T]) -> Task[T]:
        """Set a coroutine running; in a life that is over it never begins."""
        task = Task(self, coroutine)
        if self.is_dead:
            task.kill()
            return task
        self._tasks[task] = None
        self.soon(task.step)
        return task

    def ended(self, task: Task[T]) -> None:
        """Forget a task that ended."""
        self._tasks.pop(task, None)

    def kill(self) -> None:
        """End it, now, in the middle of everything."""
        self.is_dead = True
        for task in tuple(self._tasks):
            task.kill()
        self._tasks.clear()


class Park:
    """What a task waits at until somebody wakes it, once."""

    __slots__ = ("_task", "is_over", "value")

    def __init__(self) -> None:
        self.is_over = False
        self.value: object = None
        self._task: Task[object] | None = None

    def __await__(self) -> Generator[Park, None, object]:
        if not self.is_over:
            yield self
        return self.value

    def hold(self, task: Task[object]) -> None:
        """A task waits here now."""
        self._task = task

    def wake(self, value: object = None) -> None:
        """Let the task go on, after what is running now. Harmless twice."""
        if self.is_over:
            return
        self.is_over = True
        self.value = value
        if self._task is not None:
            self._task.scope.soon(self._task.step)


class Task(Generic[T_co]):
    """A coroutine under way."""

    def __init__(self, scope: Scope, coroutine: Coroutine[object, object, T_co]) -> None:
        self.scope = scope
        self._coroutine = coroutine
        self._parked: Park | None = None
        self._result: list[T_co] = []
        self._is_cancelled = False
        self._wants_cancel = False
        self.is_done = False
        self._callbacks: list[Callable[[Task[T_co]], object]] = []
        self._ended = Park()

    def step(self) -> None:
        """Go on until the next wait, or the end. What the coroutine raises ends the simulation: it is a bug."""
        if self.is_done:
            return
        self._parked = None
        try:
            if self._wants_cancel:
                self._wants_cancel = False
                parked = self._coroutine.throw(Cancelled())
            else:
                parked = self._coroutine.send(None)
        except StopIteration as stop:
            self._result.append(stop.value)
            self._end()
        except Cancelled:
            self._is_cancelled = True
            self._end()
        else:
            assert isinstance(parked, Park)  # noqa: S101 - nothing else can be awaited here
            self._parked = parked
            parked.hold(self)

    def cancel(self) -> bool:
        """Have it end by cancellation, at its present wait."""
        if self.is_done:
            return False
        self._wants_cancel = True
        if self._parked is not None:
            self._parked.wake()
        return True

    def kill(self) -> None:
        """End it without letting it wait for anything any more."""
        self.is_done = True
        self._coroutine.close()

    def cancelled(self) -> bool:
        """Whether it ended by cancellation."""
        return self._is_cancelled

    def result(self) -> T_co:
        """Give what it returned."""
        return self._result[0]

    def add_done_callback(self, call: Callable[[Task[T_co]], object], /) -> None:
        """Have ``call`` called with this, soon after the end."""
        if self.is_done:
            self.scope.soon(partial(call, self))
        else:
            self._callbacks.append(call)

    async def ended(self) -> None:
        """Wait for its end."""
        await self._ended

    def _end(self) -> None:
        self.is_done = True
        self.scope.ended(self)
        self._ended.wake()
        for call in self._callbacks:
            self.scope.soon(partial(call, self))


class Bell:
    """Once rung it stays rung, for whoever waits, until it is cleared."""

    __slots__ = ("_is_rung", "_parked", "_scope")

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._is_rung = False
        self._parked: list[Park] = []

    def ring(self) -> None:
        """Wake those who wait."""
        self._is_rung = True
        parked, self._parked = self._parked, []
        for park in parked:
            park.wake(True)

    def clear(self) -> None:
        """Forget that it was rung."""
        self._is_rung = False

    async def wait(self, limit_s: float | None = None) -> bool:
        """Wait until it is rung, at most so long; say whether it was."""
        if self._is_rung:
            return True
        park = Park()
        self._parked.append(park)
        alarm = self._scope.after_s(limit_s, lambda: park.wake(False)) if limit_s is not None else None
        try:
            return bool(await park)
        finally:
            if alarm is not None:
                alarm.cancel()
            if park in self._parked:
                self._parked.remove(park)


class Group:
    """Whoever leaves it waits for its tasks."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._tasks: list[Task[object]] = []

    async def __aenter__(self) -> Group:
        """Begin to own tasks."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> bool | None:
        """Wait for them, cancelled if the body was. One that is killed waits for nothing."""
        if kind is GeneratorExit:
            return None
        for task in self._tasks:
            if kind is not None:
                task.cancel()
        for task in self._tasks:
            await task.ended()
        return None

    def create_task(self, coroutine: Coroutine[object, object, T], /) -> Task[T]:
        """Set a coroutine running."""
        task = self._scope.spawn(coroutine)
        self._tasks = [known for known in self._tasks if not known.is_done]
        self._tasks.append(task)
        return task
