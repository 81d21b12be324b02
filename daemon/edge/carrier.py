"""What every connection does for the session that it carries: its frames out, its events told, its deadlines kept.

How frames leave, and what a connection is, stands in the link that is made of this.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Final

from daemon.edge.clock import seconds_until

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from daemon.edge.clock import Clock
    from daemon.edge.outside import Timer
    from protocols.asks import WireCancel
    from protocols.fix import SendId
    from protocols.session import Event, Session


HEAR_FIRST_S: Final = 0.05
"""How long what is due waits for what came to be read, before it is looked at again."""
HEAR_FIRST_TIMES_MAX: Final = 100
"""So often in a row: who does not catch up in five seconds had better begin anew."""


class Carrier(ABC):
    """The half of a link that knows its session. ``later`` has something called in so many seconds."""

    def __init__(
        self,
        session: Session,
        clock: Clock,
        report: Callable[[Sequence[Event]], None],
        later: Callable[[float, Callable[[], object]], Timer],
    ) -> None:
        self.session = session
        self._clock = clock
        self._report = report
        self._later = later
        self._timer: Timer | None = None
        self._timer_us = 0
        self._times_put_off = 0
        self._is_reporting = False

    @property
    def is_behind(self) -> bool:
        """Whether it holds something that came and is not read yet: not what hands over one message after the other."""
        return False

    def cancel(self, frame: str, send_id: SendId) -> bool:
        """Hand a cancel to the transport, now. False when it was certainly not handed over."""
        if not self._can_write or not self.session.cancel(frame, send_id, self._clock.now()):
            return False
        self._pass_on()
        return True

    def cancel_batch(self, frame: str, wires: Sequence[WireCancel]) -> bool:
        """Hand a batch of cancels to the transport, now. False when it was certainly not handed over."""
        if not self._can_write or not self.session.cancel_batch(frame, wires, self._clock.now()):
            return False
        self._pass_on()
        return True

    def probe(self) -> None:
        """Doubt this connection: it proves alive very soon, or is aborted."""
        self.session.probe(self._clock.now())
        self._flush()

    def drain(self, why: str) -> None:
        """Let a successor take over: read on for a while, then close."""
        self.session.drain(self._clock.now(), why)
        self._flush()

    @property
    @abstractmethod
    def _can_write(self) -> bool:
        """Whether the connection takes frames."""

    @abstractmethod
    def _write(self, frames: Sequence[str]) -> None:
        """Hand frames to the transport."""

    def _flush(self) -> None:
        """Send the session's frames, tell its events, and wake at its next deadline."""
        self._pass_on()
        self._rearm()

    def _pass_on(self) -> None:
        """Send and tell alone: to a cancel the session sets no deadline, so none comes nearer."""
        frames = self.session.take_frames()
        if frames and self._can_write:
            self._write(frames)
        self._tell()

    def _tell(self) -> None:
        """Tell the session's events in their order, those too that telling brings about."""
        if self._is_reporting:
            return
        self._is_reporting = True
        try:
            while events := self.session.take_events():
                self._report(events)
        finally:
            self._is_reporting = False

    def _rearm(self) -> None:
        due = self.session.deadline_us
        if due is None:
            self._disarm()
        elif self._timer is None or due < self._timer_us:  # a later deadline is found when the earlier one rings
            self._disarm()
            self._timer_us = due
            self._timer = self._later(seconds_until(due, self._clock.now()), self._ring)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ring(self) -> None:
        """Do what is due: mostly to call silence by its name, so that what came unread is heard before."""
        self._timer = None
        if self._times_put_off < HEAR_FIRST_TIMES_MAX and self._has_unheard():
            self._times_put_off += 1
            self._timer = self._later(HEAR_FIRST_S, self._ring)
            return
        self._times_put_off = 0
        self.session.tick(self._clock.now())
        self._flush()

    def _has_unheard(self) -> bool:
        """Whether something came that the session has not heard, here or where the host keeps it for us."""
        return self.is_behind
