"""A session driven by hand: frames and times in, frames, events and a deadline out. No socket, no waiting."""

from __future__ import annotations

from typing import TypeVar

from protocols.dialect import SocketPlan
from protocols.evidence import (
    DropCopyChanged,
    DropCopyState,
)
from protocols.fix import SendId
from protocols.session import (
    Entered,
    Event,
    Session,
    State,
)
from tests.fakes import CREDENTIALS, PLAN, FakeDialect

T0 = 1_000_000_000
SECOND = 1_000_000
E = TypeVar("E")


class Bench:
    """One session and its clock, in domain verbs."""

    def __init__(self, plan: SocketPlan = PLAN, subscriptions: tuple[str, ...] = ("orders",)) -> None:
        self.session = Session(plan, FakeDialect(plans=(plan,), subscriptions=subscriptions), CREDENTIALS)
        self.now = T0
        self.sent: list[str] = []
        self.events: list[Event] = []

    def _collect(self) -> None:
        self.sent += self.session.take_frames()
        self.events += self.session.take_events()

    def open(self) -> Bench:
        self.session.opened(self.now, self.now + 7)
        self._collect()
        return self

    def hear(self, *frames: str | bytes) -> Bench:
        for frame in frames:
            self.session.received(frame, self.now)
        self._collect()
        return self

    def log_in(self) -> Bench:
        return self.open().hear("login ok")

    def go_live(self) -> Bench:
        return self.log_in().hear("sub ok orders")

    def cancel(self, send_id: str) -> bool:
        taken = self.session.cancel(f"cancel {send_id}", SendId(send_id), self.now)
        self._collect()
        return taken

    def wait(self, us: int) -> Bench:
        """Let time pass, calling `tick` at each deadline on the way, as a link does."""
        end = self.now + us
        while (due := self.session.deadline_us) is not None and due <= end:
            self.now = max(due, self.now)
            before = self.session.deadline_us
            self.session.tick(self.now)
            self._collect()
            assert self.session.deadline_us != before, "a deadline that tick does not move would spin"
        self.now = end
        return self

    def probe(self) -> Bench:
        self.session.probe(self.now)
        self._collect()
        return self

    def drain(self) -> Bench:
        self.session.drain(self.now)
        self._collect()
        return self

    def close(self, why: str = "gone") -> Bench:
        self.session.closed(self.now, why)
        self._collect()
        return self

    def all(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    def states(self) -> list[State]:
        return [event.state for event in self.all(Entered)]

    def drop_copy(self) -> list[DropCopyState]:
        return [event.state for event in self.all(DropCopyChanged)]


def plan(**changes: object) -> SocketPlan:
    fields = {name: getattr(PLAN, name) for name in PLAN.__struct_fields__}
    return SocketPlan(**{**fields, **changes})
