"""Cancel on disconnect: which clients have bound a scope of orders to their own life, and when one of them is dead.

Theory of operation. A binding belongs to a uid and is held by one connection. While it is held and its heartbeat (if it
asked for one) is kept, nothing happens. When the connection is gone, or the heartbeat is missed, its grace begins; who
comes back within it, by the binding's name or by a heartbeat, ends the grace. At its end the binding *fires*, once: its
scope is to be canceled, and it is over. A clean goodbye releases what the connection holds.

A binding outlives the daemon. In a new life all of them wait for their clients, and their grace begins when the daemon
is ready to be spoken to, not before: a client cannot come back to a daemon that is not there. While the daemon ends
nobody is taken for dead.

Inputs are clients and time; outputs are effects. Nothing here awaits, reads a clock or knows what a cancel is.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NewType

import msgspec

from daemon.core.records import Caller
from daemon.core.scope import Scope
from protocols.errors import BadRequest
from protocols.fix import RequestId

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

BindingId = NewType("BindingId", str)
"""Names a binding, uniquely over all lives of the daemon."""
Holder = NewType("Holder", int)
"""Names a connection, uniquely in one life of the daemon."""

PER_UID_MAX: Final = 64
"""Bindings of one user: some strategies with some scopes each."""
TOTAL_MAX: Final = 1024
"""Of all users: each is a bulk cancel that may begin in the same second."""
OVER_KEPT: Final = 256
"""Bindings that are over and of which it is still known why, for those who ask for them again."""


class Tie(msgspec.Struct, frozen=True):
    """What is bound, as it is written down. ``heartbeat_ms`` None: the connection alone is the sign of life."""

    binding: BindingId
    caller: Caller
    scope: Scope
    grace_ms: int
    heartbeat_ms: int | None
    bound_us: int

    @property
    def cancel_name(self) -> RequestId:
        """Name the bulk cancel that it starts when it fires: the same in each life, so that it is started once."""
        return RequestId(f"bind.{self.binding}")


class BindingState(StrEnum):
    """How a binding is."""

    HELD = "held"
    GRACE = "grace"
    """Its client is gone or silent; it fires when the grace is over."""
    WAITING = "waiting"
    """Of an earlier life: its grace begins when the daemon is ready."""


class Keep(msgspec.Struct, frozen=True):
    """Write a binding down."""

    tie: Tie


class Drop(msgspec.Struct, frozen=True):
    """Strike a binding that is over."""

    binding: BindingId


class Fire(msgspec.Struct, frozen=True):
    """Cancel a binding's scope, then strike it. ``why`` says what became of its client, in a few words."""

    tie: Tie
    why: str


class News(msgspec.Struct, frozen=True):
    """Tell that a binding came into a state: ``held``, ``grace``, ``fired`` or ``released``."""

    tie: Tie
    state: str
    why: str


BindingEffect = Keep | Drop | Fire | News


@dataclass(slots=True, eq=False)
class _Held:
    """A binding and who holds it. ``fires_us`` None: no time is set for it."""

    tie: Tie
    holder: Holder | None
    beat_us: int
    why: str = ""
    grace_from_us: int | None = None

    @property
    def fires_us(self) -> int | None:
        return None if self.grace_from_us is None else self.grace_from_us + self.tie.grace_ms * 1000

    @property
    def silent_us(self) -> int | None:
        """When its heartbeat will have been missed; None where there is none to miss."""
        if self.tie.heartbeat_ms is None or self.holder is None or self.grace_from_us is not None:
            return None
        return self.beat_us + self.tie.heartbeat_ms * 1000


class Seen(msgspec.Struct, frozen=True):
    """A binding as it is shown; ``fires_us`` is when it will fire, None while it is held."""

    tie: Tie
    state: BindingState
    why: str
    fires_us: int | None


class Bindings:
    """All bindings of a daemon. Times are microseconds since the epoch, on the daemon's clock."""

    def __init__(self) -> None:
        self.fired = 0
        """How many fired, in this life."""
        self._held: dict[BindingId, _Held] = {}
        self._over: dict[BindingId, str] = {}
        self._is_ready = False
        self._is_stopping = False

    # ------------------------------------------------------------ clients

    def bind(self, tie: Tie, holder: Holder, now_us: int) -> list[BindingEffect]:
        """Bind a scope to a connection's life. Raises `BadRequest` when there are too many."""
        of_uid = Counter(held.tie.caller.uid for held in self._held.values())[tie.caller.uid]
        if of_uid >= PER_UID_MAX or len(self._held) >= TOTAL_MAX:
            at_most = f"{PER_UID_MAX} of one user" if of_uid >= PER_UID_MAX else f"{TOTAL_MAX} in all"
            raise BadRequest("too_many_in_flight", f"there are bindings as many as there may be: {at_most}")
        self._held[tie.binding] = _Held(tie, holder, now_us)
        return [Keep(tie), News(tie, BindingState.HELD, "")]

    def find(self, binding: BindingId) -> Tie:
        """Give a binding that stands, or raise `BadRequest` saying why there is none."""
        held = self._held.get(binding)
        if held is None:
            why = self._over.get(binding, "there is none of that name")
            raise BadRequest("invalid_params", f"{binding} is not bound: {why}", path="binding_id")
        return held.tie

    def take_over(self, binding: BindingId, holder: Holder, now_us: int) -> list[BindingEffect]:
        """Hold a binding from now on, whoever held it. Raises `BadRequest` as `find`."""
        tie = self.find(binding)
        held = self._held[binding]
        was_held = held.holder is not None and held.grace_from_us is None
        held.holder, held.beat_us, held.grace_from_us, held.why = holder, now_us, None, ""
        return [] if was_held else [News(tie, BindingState.HELD, "its client is back")]

    def heard(self, holder: Holder, now_us: int) -> list[BindingEffect]:
        """A connection's heartbeat came: it holds all that it holds for another one, what was in grace too."""
        effects: list[BindingEffect] = []
        for held in self._of(holder):
            held.beat_us = now_us
            if held.grace_from_us is not None:
                held.grace_from_us, held.why = None, ""
                effects.append(News(held.tie, BindingState.HELD, "its heartbeat is back"))
        return effects

    def held_by(self, holder: Holder) -> list[BindingId]:
        """Name the bindings that a connection holds: those that stand, so a client learns which have fired."""
        return [held.tie.binding for held in self._of(holder)]

    def release(self, binding: BindingId) -> list[BindingEffect]:
        """Let one binding go. Raises `BadRequest` as `find`."""
        return self._end(self._held[self.find(binding).binding], "it was released")

    def goodbye(self, holder: Holder) -> list[BindingEffect]:
        """A client takes its leave: nothing that it holds is canceled."""
        return [effect for held in self._of(holder) for effect in self._end(held, "its client said goodbye")]

    def dropped(self, holder: Holder, now_us: int) -> list[BindingEffect]:
        """A connection is gone, for whatever reason."""
        effects: list[BindingEffect] = []
        for held in self._of(holder):
            held.holder = None
            effects += self._begin_grace(held, "its connection is gone", now_us)
        return effects

    # ------------------------------------------------------------ lives

    def restore(self, ties: Iterable[Tie]) -> None:
        """Take up the bindings of an earlier life: they wait for their clients. Once, before anything else."""
        for tie in ties:
            self._held[tie.binding] = _Held(tie, None, 0, "the daemon was started anew")

    def ready(self, now_us: int) -> list[BindingEffect]:
        """Clients can come back from now on: the grace of those that have not begins."""
        self._is_ready = True
        waiting = [held for held in self._held.values() if held.holder is None and held.grace_from_us is None]
        return [effect for held in waiting for effect in self._begin_grace(held, held.why, now_us)]

    def stop(self) -> None:
        """The daemon ends: who leaves now is not dead."""
        self._is_stopping = True

    def excuse(self, late_us: int) -> None:
        """The daemon itself stood still for so long: what clients said meanwhile is not read yet."""
        for held in self._held.values():
            held.beat_us += late_us
            if held.grace_from_us is not None:
                held.grace_from_us += late_us

    def tick(self, now_us: int) -> list[BindingEffect]:
        """Let time pass."""
        effects: list[BindingEffect] = []
        if self._is_stopping:
            return effects
        for held in list(self._held.values()):
            if held.silent_us is not None and held.silent_us <= now_us:
                effects += self._begin_grace(held, "its heartbeat was missed", held.silent_us)
            if held.fires_us is not None and held.fires_us <= now_us:
                effects += self._fire(held)
        return effects

    def next_us(self) -> int | None:
        """When `tick` is wanted next; None when only an event can change something."""
        if self._is_stopping:
            return None
        times = [at for held in self._held.values() for at in (held.silent_us, held.fires_us) if at is not None]
        return min(times, default=None)

    # ------------------------------------------------------------ what there is

    def __iter__(self) -> Iterator[Seen]:
        for held in self._held.values():
            if held.grace_from_us is not None:
                state = BindingState.GRACE
            else:
                state = BindingState.WAITING if held.holder is None else BindingState.HELD
            yield Seen(held.tie, state, held.why, held.fires_us)

    def __len__(self) -> int:
        return len(self._held)

    # ------------------------------------------------------------ inside

    def _of(self, holder: Holder) -> list[_Held]:
        return [held for held in self._held.values() if held.holder == holder]

    def _begin_grace(self, held: _Held, why: str, from_us: int) -> list[BindingEffect]:
        """Begin a grace, unless one runs: a silent client whose connection then breaks gets no second one."""
        if held.grace_from_us is not None or self._is_stopping:
            return []
        held.why = why
        if not self._is_ready and held.holder is None:
            return []
        held.grace_from_us = from_us
        return [News(held.tie, BindingState.GRACE, why)]

    def _fire(self, held: _Held) -> list[BindingEffect]:
        self.fired += 1
        why = f"{held.why} and it did not come back in {held.tie.grace_ms} ms"
        self._forget(held, f"it fired: {why}; its cancel is {held.tie.cancel_name}")
        return [News(held.tie, "fired", why), Fire(held.tie, why), Drop(held.tie.binding)]

    def _end(self, held: _Held, why: str) -> list[BindingEffect]:
        self._forget(held, why)
        return [News(held.tie, "released", why), Drop(held.tie.binding)]

    def _forget(self, held: _Held, why: str) -> None:
        del self._held[held.tie.binding]
        self._over[held.tie.binding] = why
        while len(self._over) > OVER_KEPT:
            del self._over[next(iter(self._over))]
