"""A bulk cancel of this life: how it is to be done, who listens to it, and the ear that each of its requests has.

What it wants done and when it is over is `daemon.core.bulk`'s to say, and `daemon.edge.bulks` does it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from daemon.edge.desk import ConnectionId
from daemon.edge.footing import Footing
from protocols.fix import AccountName, Priority

if TYPE_CHECKING:
    from daemon.core.bulk import Bulk
    from daemon.core.records import Previous, Report, RequestKey
    from daemon.edge.bites import Deference
    from daemon.edge.desk import BulkSink, Reattached
    from daemon.edge.outside import Timer
    from protocols.errors import BadRequest
    from protocols.fix import RequestId, RequestState

INSIDE: Final = ConnectionId(0)
"""The connection of those who listen for the daemon itself; clients' begin at 1."""


class Terms(msgspec.Struct, frozen=True):
    """How a bulk cancel is to be done: ``received_us`` is when the wish came (None: now), ``deadline_us`` until when
    anything may be sent for it. ``is_all_accounts`` says that the scopes are those of every account. ``lost`` are
    accounts that it goes on without, with the reason. ``is_unattended``: a policy fired, and nobody would ask again.
    """

    received_us: int | None = None
    deadline_us: int | None = None
    priority: Priority = Priority.NORMAL
    is_all_accounts: bool = False
    lost: dict[AccountName, str] = {}
    is_unattended: bool = False


class Running:
    """A bulk cancel of this life, and who listens to it."""

    __slots__ = ("bulk", "deference", "ended_us", "footing", "is_awake", "is_durable", "is_told", "sinks", "timer")

    def __init__(self, bulk: Bulk, deference: Deference) -> None:
        self.bulk = bulk
        self.deference = deference
        self.footing = Footing()
        self.sinks: list[BulkSink] = []
        self.is_awake = False
        self.is_told = False
        self.is_durable = False
        self.timer: Timer | None = None
        self.ended_us = 0


class Hearing(Protocol):
    """Who has to know what is said to the ears."""

    def heard(self, running: Running, key: RequestKey, report: Report) -> None:
        """One order's request has an outcome, or another one than before."""
        ...

    def refused(self, running: Running, key: RequestKey, why: BadRequest) -> None:
        """No request came of an order."""
        ...


class Ear:
    """The `Sink` of one order's request: it tells the bulk, and through it whoever asked."""

    __slots__ = ("_bulks", "_key", "_running")
    connection = INSIDE

    def __init__(self, bulks: Hearing, running: Running, key: RequestKey) -> None:
        self._bulks = bulks
        self._running = running
        self._key = key

    @property
    def wants_progress(self) -> bool:
        """Whether somebody who listens to the bulk cancel asked for progress."""
        for sink in self._running.sinks:  # noqa: SIM110 - `any` takes twice the time, and it is asked for each order
            if sink.wants_progress:
                return True
        return False

    def progress(self, request_id: RequestId, state: RequestState) -> None:
        """Pass on how far the request has come."""
        for sink in self._running.sinks:
            sink.progress(request_id, state)

    def result(self, report: Report, history: Reattached | None = None) -> None:
        """Take note of the outcome, and pass it on."""
        self._bulks.heard(self._running, self._key, report)
        for sink in self._running.sinks:
            sink.outcome(report)

    def correction(self, report: Report, previous: Previous) -> None:
        """Take note of another outcome, and pass it on."""
        self._bulks.heard(self._running, self._key, report)
        for sink in self._running.sinks:
            sink.correction(report, previous)

    def refuse(self, why: BadRequest) -> None:
        """Take note that there is no request."""
        self._bulks.refused(self._running, self._key, why)
