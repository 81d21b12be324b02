"""What a gateway shows of itself: its state, its alarms, the frames that it set aside, and counters.

Nothing here decides anything or holds a secret.
"""

from __future__ import annotations

from collections import deque
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import msgspec

from daemon.edge.alarms import Alarm
from protocols.evidence import DropCopyState, Frame
from protocols.fix import AccountName
from protocols.session import State

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

    from daemon.edge.clock import Clock

QUARANTINE_MAX: Final = 100
"""Frames set aside for a human, each cut to `evidence.RAW_BYTES_MAX`."""
STRANGE_LOG_EVERY_US: Final = 10_000_000
"""A venue that changed its format is worth a line now and then, not one a frame."""


class GatewayState(StrEnum):
    """The account's state as its gateway sees it."""

    CONNECTING = "connecting"
    READY = "ready"
    AUTH_FAILED = "auth_failed"
    STOPPED = "stopped"


class EntryState(StrEnum):
    """By which road a cancel could leave now, the best one."""

    WS = "ws"
    REST = "rest"
    DOWN = "down"


class SetAside(msgspec.Struct, frozen=True):
    """A frame that could not be read, or that names nobody."""

    at_us: int
    what: str
    frame: Frame


class SocketStatus(msgspec.Struct, frozen=True):
    """One socket. ``last_inbound_us`` is None before its first frame."""

    name: str
    state: State
    drop_copy: DropCopyState
    in_flight: int
    last_inbound_us: int | None


class GatewayStatus(msgspec.Struct, frozen=True):
    """A gateway at one moment. ``clock_offset_us`` is venue minus ours, None before the first measurement."""

    account: AccountName
    venue: str
    state: GatewayState
    why: str
    order_entry: EntryState
    drop_copy: DropCopyState
    clock_offset_us: int | None
    clock_uncertainty_us: int | None
    last_inbound_us: int | None
    in_flight: int
    questions_under_way: int
    instrument_codes: int
    sockets: tuple[SocketStatus, ...]
    alarms: tuple[Alarm, ...]
    set_aside: tuple[SetAside, ...]
    counters: dict[str, int]


class Quarantine:
    """Frames set aside: the newest `QUARANTINE_MAX`, all of them counted, a few of them logged."""

    def __init__(self, clock: Clock, log: FilteringBoundLogger) -> None:
        self._clock = clock
        self._log = log
        self._held: deque[SetAside] = deque(maxlen=QUARANTINE_MAX)
        self._logged_us = -STRANGE_LOG_EVERY_US
        self._unlogged = 0
        self.count = 0

    def set_aside(self, what: str, frame: Frame) -> None:
        """Keep a frame for a human to see."""
        now_us = self._clock.now()
        self.count += 1
        self._held.append(SetAside(now_us, what, frame))
        if now_us - self._logged_us < STRANGE_LOG_EVERY_US:
            self._unlogged += 1
            return
        self._log.warning("frame_set_aside", what=what, digest=frame.digest, others_since=self._unlogged)
        self._logged_us = now_us
        self._unlogged = 0

    def held(self) -> tuple[SetAside, ...]:
        """List them, oldest first."""
        return tuple(self._held)
