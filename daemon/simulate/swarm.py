"""The faults that a seed may draw, by class, with the arguments that a venue's simulation takes: data.

Swarm style: whole classes are switched on and off for a seed, then single faults within a class, so that seeds differ
in kind and not only in dice. Two rules keep the worlds solvable, and both are a venue's own promise as `Timings` has
it: an answer is never staler than ``replica_lag_ms``, and a venue does not deny an order for longer than that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from daemon.sim.faults import Fault, FaultError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

    from daemon.sim.venue import SimVenue

FOREVER_US: Final = 1 << 50
"""A venue's clock is wrong from the beginning and stays so: it does not change when an order was made."""
CLASS_P: Final = 0.45
FAULT_P: Final = 0.5
CHANCES: Final = (0.02, 0.05, 0.15, 0.4)

CLASSES: Final[Mapping[str, tuple[Fault, ...]]] = {
    "fate": (
        Fault.ACK_OK_THEN_FILL,
        Fault.ACK_OK_NO_PUSH,
        Fault.BURST_PUSH,
        Fault.FOREIGN_CANCEL,
        Fault.CANCELING_STATE,
        Fault.REJECT,
        Fault.RATE_LIMIT,
    ),
    "answers": (Fault.NO_ACK, Fault.ACK_LATE, Fault.PUSH_BEFORE_ACK, Fault.ID_ECHO_MISSING, Fault.PARTIAL_BATCH),
    "pushes": (Fault.DUP_PUSH, Fault.REORDER, Fault.DROP_PUSH, Fault.ZOMBIE),
    "shapes": (Fault.TYPE_FLIP, Fault.BIG_INT, Fault.BAD_FRAME, Fault.UNKNOWN_EVENT),
    "stale": (Fault.STALE_QUERY,),
    "denial": (Fault.QUERY_NOTFOUND, Fault.QUERY_OPEN_ONLY),
    "links": (Fault.DISCONNECT, Fault.HALF_OPEN, Fault.NOTICE_CLOSE),
    "keys": (Fault.AUTH_FAIL, Fault.AUTH_SLOW, Fault.KEY_EXPIRE),
    "clock": (Fault.SKEW,),
}
EXCLUSIVE: Final = ("stale", "denial")
"""Each may take a replica's whole lag for itself."""

REJECTS: Final[Mapping[str, tuple[str, ...]]] = {
    "okx": ("51400", "50013", "50026", "51149", "51412", "51404", "54048", "51416", "59999"),
    "okx_spread": ("51402", "51401", "51410", "51400", "50026", "59999"),
    "bitget": ("43001", "40725", "40010", "25114", "99999"),
    "bitget_uta": ("25204", "25000", "25001", "25114", "99999"),
    "htx": ("1061", "1063", "1071", "1000", "1004", "1056", "1031", "9999"),
    "bingx": ("100404", "100400", "100421", "100500", "100503", "999999"),
}
"""Codes of every proof that a venue's table has: gone, unknown, unchanged to be tried again or not, and unlisted."""
FINAL_REJECTS: Final = frozenset({"51416", "1031", "100400"})
"""Of these, the ones by which a venue says that repeating the cancel is pointless."""
ARGUMENTS: Final[Mapping[Fault, tuple[str, ...]]] = {
    Fault.BURST_PUSH: ("1", "2", "5"),
    Fault.CANCELING_STATE: ("0.3", "2", "5"),
    Fault.NO_ACK: ("", "lost"),
    Fault.ACK_LATE: ("300", "2000", "8000"),
    Fault.PUSH_BEFORE_ACK: ("5", "50"),
    Fault.ID_ECHO_MISSING: ("",),
    Fault.DROP_PUSH: ("1", "3", "10"),
    Fault.BAD_FRAME: ("",),
    Fault.DISCONNECT: ("before_process", "before_ack", "after_ack"),
    Fault.NOTICE_CLOSE: ("1", "5"),
    Fault.AUTH_FAIL: ("", "login", "rest", "key"),
    Fault.AUTH_SLOW: ("1", "8"),
    Fault.KEY_EXPIRE: ("told", "silent"),
    Fault.SKEW: ("40", "-40", "3", "-3"),
}
READ_EXACTLY: Final[Mapping[str, str]] = {"bingx": "text"}
"""Where a number too long for an id is read like any other, since numbers are: two orders under one are no world."""
FLASHES: Final = (
    Fault.DISCONNECT,
    Fault.HALF_OPEN,
    Fault.ZOMBIE,
    Fault.NOTICE_CLOSE,
    Fault.KEY_EXPIRE,
    Fault.UNKNOWN_EVENT,
    Fault.BAD_FRAME,
)
"""What can happen at once, on every connection that is logged in."""


class Span(msgspec.Struct, frozen=True):
    """A fault that stands from one moment to another; ``spec`` as on the command line of `canceld sim`."""

    begin_us: int
    end_us: int
    spec: str


class Flash(msgspec.Struct, frozen=True):
    """A fault that happens at once."""

    at_us: int
    spec: str


def draw_classes(rng: Random) -> list[str]:
    """Switch classes on: each by itself, of the exclusive ones at most one."""
    drawn = [name for name in CLASSES if rng.random() < CLASS_P]
    exclusive = [name for name in drawn if name in EXCLUSIVE]
    for name in exclusive[1:] if rng.random() < 0.5 else exclusive[:-1]:
        drawn.remove(name)
    return drawn


def draw_spans(rng: Random, venue: SimVenue, classes: list[str], begin_us: int, end_us: int, lag_us: int) -> list[Span]:
    """Draw the faults of some classes between two moments, as far as the venue knows them."""
    spans: list[Span] = []
    denial_from_us = rng.randint(begin_us, end_us)
    for name in classes:
        faults = [fault for fault in CLASSES[name] if rng.random() < FAULT_P] or [rng.choice(CLASSES[name])]
        for fault in faults:
            spec = _spec(rng, venue, fault, lag_us)
            if spec is None:
                continue
            if fault is Fault.SKEW:
                spans.append(Span(0, FOREVER_US, spec))
                continue
            if name == "denial":
                spans.append(Span(denial_from_us, min(end_us, denial_from_us + lag_us * 9 // 10), spec))
                continue
            first_us = rng.choice((begin_us, rng.randint(begin_us, end_us)))
            last_us = rng.choice((end_us, rng.randint(first_us, end_us)))
            spans.append(Span(first_us, last_us, spec))
    return spans


def draw_flashes(rng: Random, venue: SimVenue, begin_us: int, end_us: int) -> list[Flash]:
    """Draw what happens at once, now and then."""
    flashes = []
    for _ in range(rng.choice((0, 0, 1, 3))):
        fault = rng.choice(FLASHES)
        argument = _argument(rng, venue, fault, 0) if fault in {Fault.NOTICE_CLOSE, Fault.KEY_EXPIRE} else ""
        spec = f"{fault.value}({argument})" if argument else fault.value
        if _is_taken(venue, spec):
            flashes.append(Flash(rng.randint(begin_us, end_us), spec))
    return flashes


def _spec(rng: Random, venue: SimVenue, fault: Fault, lag_us: int) -> str | None:
    """Write a fault with an argument and a chance; None where the venue has no such fault."""
    argument = _argument(rng, venue, fault, lag_us)
    chance = rng.choice(CHANCES)
    name = f"{fault.value}({argument})" if argument else fault.value
    for spec in (f"{name}:{chance}", f"{fault.value}:{chance}"):
        if _is_taken(venue, spec):
            return spec
    return None


def _argument(rng: Random, venue: SimVenue, fault: Fault, lag_us: int) -> str:
    if fault is Fault.REJECT:
        return rng.choice(REJECTS.get(venue.name, ("",)))
    if fault is Fault.BIG_INT:
        return READ_EXACTLY.get(venue.name, "")
    if fault is Fault.STALE_QUERY:
        return str(lag_us * rng.choice((10, 50, 100)) / 100_000_000)
    return rng.choice(ARGUMENTS.get(fault, ("",)))


def _is_taken(venue: SimVenue, spec: str) -> bool:
    try:
        venue.faults.parse_spec(spec)
    except FaultError:
        return False
    return True
