"""A gateway at a small venue on loopback, in domain verbs, and the fixture that starts and ends it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import pytest_asyncio
import structlog

from daemon.edge.clock import Clock
from daemon.edge.gateway import Gateway
from daemon.edge.settings import GatewaySettings, Waits
from daemon.edge.socket_sends import Departed
from daemon.edge.status import GatewayStatus
from protocols.asks import WireCancel
from protocols.dialect import Endpoints
from protocols.evidence import (
    AccountIdentified,
    CancelAnswered,
    CancelForwarded,
    CancelLost,
    DropCopyChanged,
    DropCopyState,
    Evidence,
    OrderReported,
    RoadChanged,
)
from protocols.fix import AccountName, OrderEntry, Road
from protocols.mass import Everything
from tests.edge.fake_venue import Body, Call, FakeVenue, serving
from tests.edge.watch import Watch
from tests.fakes import CREDENTIALS, FakeDialect

E = TypeVar("E")
SOON = Waits(
    close_s=0.5,
    warm_every_s=60.0,
    reconnect_first_s=0.01,
    reconnect_max_s=0.02,
    reconnect_gap_s=0.0,
    refused_retry_s=30.0,
    retry_s=0.01,
    reference_gap_s=0.0,
)


class Overheard(Gateway):
    """A gateway that says to others too what a call gives about cancels."""

    on_departed: Callable[[Sequence[Evidence]], object]

    def send(self, wire: WireCancel) -> Sequence[Departed]:
        departed = super().send(wire)
        self.on_departed(departed)
        return departed

    def send_batch(self, wires: tuple[WireCancel, ...], everything: Everything | None = None) -> Sequence[Departed]:
        departed = super().send_batch(wires, everything)
        self.on_departed(departed)
        return departed


@dataclass
class Rig:
    """A venue, a gateway, and everything that the gateway told."""

    venue: FakeVenue
    watch: Watch
    told: list[Evidence] = field(default_factory=list)
    logs: list[structlog.typing.EventDict] = field(default_factory=list)
    in_call: bool = False
    told_in_call: int = 0
    fails_on: str = ""
    _running: list[asyncio.Task[None]] = field(default_factory=list)

    def start(
        self,
        order_entry: OrderEntry = OrderEntry.WS_THEN_REST,
        waits: Waits = SOON,
        dialect: FakeDialect | None = None,
        endpoints: Endpoints | None = None,
    ) -> "Rig":
        endpoints = endpoints or self.venue.endpoints
        settings = GatewaySettings(AccountName("a"), "fake", endpoints, order_entry, waits=waits)
        self.gateway = Overheard(
            settings, dialect or FakeDialect(), CREDENTIALS, self._report, Clock(), structlog.get_logger()
        )
        self.gateway.on_departed = self.told.extend
        self._running.append(asyncio.create_task(self.gateway.run()))
        return self

    def _report(self, evidence: Sequence[Evidence]) -> None:
        self.told_in_call += self.in_call
        for piece in evidence:
            if isinstance(piece, OrderReported) and piece.order_id == self.fails_on:
                raise RuntimeError(piece.order_id)
            self.told.append(piece)
        self.watch.changed()

    @contextlib.contextmanager
    def calling(self) -> Iterator[Gateway]:
        """Call the gateway as the driver does, who must not be told anything meanwhile."""
        self.in_call = True
        yield self.gateway
        self.in_call = False

    async def live(self) -> "Rig":
        await self.until(
            lambda: self.status.drop_copy is DropCopyState.LIVE and self.status.counters["reference_loads"]
        )
        await self.until(lambda: self.of(AccountIdentified))
        return self

    async def stop(self) -> None:
        self.gateway.stop()
        await asyncio.gather(*self._running)

    async def until(self, condition: Callable[[], object], what: str = "") -> None:
        await self.watch.until(condition, what)

    def of(self, kind: type[E]) -> list[E]:
        return [evidence for evidence in self.told if isinstance(evidence, kind)]

    @property
    def status(self) -> GatewayStatus:
        return self.gateway.snapshot()

    def roads(self, road: Road) -> list[bool]:
        return [change.is_open for change in self.of(RoadChanged) if change.road is road]

    def drop_copy(self) -> list[DropCopyState]:
        return [change.state for change in self.of(DropCopyChanged)]

    def alarms(self) -> list[str]:
        return [alarm.name for alarm in self.status.alarms]

    def about(self, send_id: str) -> list[str]:
        """What was told about one send, in order."""
        kinds = CancelForwarded | CancelAnswered | CancelLost
        return [type(one).__name__ for one in self.told if isinstance(one, kinds) and one.send_id == send_id]


@pytest_asyncio.fixture
async def rig() -> AsyncIterator[Rig]:
    watch = Watch()
    async with serving(watch) as venue:
        rig = Rig(venue, watch)
        with structlog.testing.capture_logs() as logs:
            rig.logs = logs
            yield rig
            await rig.stop()
        assert rig.told_in_call == 0
        assert "very-secret" not in repr(logs)


async def hang(_: Call) -> Body:
    """Answer a call never."""
    await asyncio.Event().wait()
    return ""
