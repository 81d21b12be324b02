"""The pool of calls in virtual time: as many at once as there may be, and who waits too long for a connection."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING
from unittest.mock import Mock

from daemon.edge.outside import CallFailed
from daemon.edge.settings import Waits
from daemon.simulate.kernel import Kernel, Scope, Task
from daemon.simulate.ways import CONNECTIONS_MAX, VirtualPool
from protocols.rest import RestResponse

if TYPE_CHECKING:
    from collections.abc import Callable

ANSWER = RestResponse(200, b"{}")
WAIT_US = round(Waits().rest_connect_s * 1_000_000)


class Venue:
    """A host that answers when it is told to, and the pool before it."""

    def __init__(self) -> None:
        self.kernel = Kernel(0)
        self.answers: list[Callable[[RestResponse], None]] = []
        self._scope = Scope(self.kernel)
        host = Mock(is_dark=False, now_us=0)
        host.call = lambda _signed, _sent, answered: self.answers.append(answered)
        self._pool = VirtualPool(self._scope, host, Waits())

    def call(self) -> Task[RestResponse | CallFailed]:
        return self._scope.spawn(self._pool.call(Mock(), total_s=60.0))

    def answer(self, number: int) -> None:
        self.answers[number](ANSWER)


def test_a_connection_that_comes_free_as_one_gives_up_is_the_next_ones() -> None:
    venue = Venue()
    venue.kernel.at(WAIT_US, partial(venue.answer, 0))
    for _ in range(CONNECTIONS_MAX):
        venue.call()
    late = venue.call()
    venue.kernel.run(WAIT_US - 1)
    patient = venue.call()
    venue.kernel.run(WAIT_US)
    assert isinstance(late.result(), CallFailed)
    venue.answer(CONNECTIONS_MAX)
    venue.kernel.run(WAIT_US)
    assert patient.result() == ANSWER
