"""Walks through all that can happen to one request, event by event, and merges states that nothing can tell apart.

A state is what the core holds and what the auditor has in its book; `tests.core.likeness` says when two are alike.
"""

from __future__ import annotations

import io
import pickle
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

import msgspec

from daemon.core.records import Caller, CancelRequest, RequestKey
from protocols.fix import ClientOrderId, OrderId, RequestId
from tests.core.auditor import Auditor, Breach
from tests.core.likeness import state_of
from tests.core.story import ACCOUNT, UID, Story
from tests.core.words import INSTRUMENT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from daemon.core.effects import Effect
    from protocols.evidence import Evidence


class Nothing(list[Any]):
    """A list that keeps nothing: what a walk does not look at need not be carried along."""

    def append(self, thing: object) -> None:
        """Let it go."""


class Audited(Story):
    """A story of one request, watched by an auditor."""

    auditor: Auditor | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.effects = Nothing()
        self.news = Nothing()

    def begin(self, order: str | None, alias: str | None, deadline_ms: int | None) -> None:
        """Ask for the cancel, with the auditor looking on."""
        request = CancelRequest(
            RequestKey(UID, ACCOUNT, RequestId("r1")),
            Caller(UID, UID, 1),
            "",
            INSTRUMENT,
            OrderId(order) if order is not None else None,
            ClientOrderId(alias) if alias is not None else None,
            self.now_us,
            self.now_us + deadline_ms * 1000 if deadline_ms is not None else None,
        )
        self.auditor = Auditor(request, self.traits.timings)
        self.submit(order, alias=alias, deadline_ms=deadline_ms)

    def see(self, evidence: Evidence) -> None:
        if self.auditor is not None:
            self.auditor.hear(evidence, self.now_us)
        super().see(evidence)
        if self.auditor is not None:
            self.auditor.check_all_is_told()

    def end_life(self) -> None:
        """Restart the daemon."""
        if self.auditor is not None:
            self.auditor.restarted(self.now_us)
        self.restart()

    def _take(self, effects: list[Effect]) -> None:
        if self.auditor is not None:
            self.auditor.watch(effects, self.now_us)
        super()._take(effects)


@dataclass(frozen=True)
class Event:
    """Something that can happen: when it can, and how."""

    can: Callable[[Audited], bool]
    do: Callable[[Audited], object]


@dataclass
class Walk:
    """What an exploration has seen."""

    states: int = 0
    transitions: int = 0
    merged: int = 0
    outcomes: set[str] = field(default_factory=set)
    breaches: list[tuple[tuple[str, ...], str]] = field(default_factory=list)


def explore(start: Callable[[], Audited], events: Mapping[str, Event], depth: int, *, breaches_max: int = 1) -> Walk:
    """Walk all paths of up to ``depth`` events; stop early after so many breaches.

    The states after the last event are checked, not told apart: nothing goes on from them.
    """
    walk = Walk(states=1)
    seen = {_key(start())}
    frontier: list[tuple[str, ...]] = [()]
    for level in range(1, depth + 1):
        following: list[tuple[str, ...]] = []
        for path in frontier:
            here = _replay(start, events, path)
            snapshot = Snapshot(here)
            for name in [name for name, event in events.items() if event.can(here)]:
                walk.transitions += 1
                there = snapshot.story()
                try:
                    events[name].do(there)
                    if level < depth and not _is_new(there, seen):
                        walk.merged += 1
                        continue
                    following.append((*path, name))
                    walk.outcomes |= {outcome.value for outcome in there.outcomes()}
                    _run_to_an_outcome(there)
                except AssertionError as breach:
                    walk.breaches.append(((*path, name), str(breach)))
                    if len(walk.breaches) >= breaches_max:
                        return walk
        frontier = following
    walk.states = len(seen)
    return walk


def _key(story: Audited) -> int:
    facts = story.auditor.facts(story.now_us) if story.auditor is not None else None
    return hash((state_of(story), facts))


def _is_new(story: Audited, seen: set[int]) -> bool:
    key = _key(story)
    is_new = key not in seen
    seen.add(key)
    return is_new


def _replay(start: Callable[[], Audited], events: Mapping[str, Event], path: tuple[str, ...]) -> Audited:
    story = start()
    for name in path:
        events[name].do(story)
    return story


class Snapshot:
    """A story as it stands, to be gone on from more than once. What cannot change is not copied."""

    def __init__(self, story: Audited) -> None:
        self._kept: dict[int, object] = {}
        buffer = io.BytesIO()
        _Copier(buffer, self._kept).dump(story)
        self._bytes = buffer.getvalue()

    def story(self) -> Audited:
        """Give a copy."""
        copy = _Reader(io.BytesIO(self._bytes), self._kept).load()
        assert isinstance(copy, Audited)
        return copy


class _Copier(pickle.Pickler):
    def __init__(self, buffer: io.BytesIO, kept: dict[int, object]) -> None:
        super().__init__(buffer, pickle.HIGHEST_PROTOCOL)
        self._kept = kept

    def persistent_id(self, thing: object) -> int | None:
        if not _is_immutable(type(thing)):
            return None
        self._kept[id(thing)] = thing
        return id(thing)


class _Reader(pickle.Unpickler):
    def __init__(self, buffer: io.BytesIO, kept: dict[int, object]) -> None:
        super().__init__(buffer)
        self._kept = kept

    def persistent_load(self, name: int) -> object:
        return self._kept[name]


_FIXED: Final[dict[type, bool]] = {}
"""Kinds of things, and whether such a thing can change."""


def _is_immutable(kind: type) -> bool:
    known = _FIXED.get(kind)
    if known is None:
        is_frozen = issubclass(kind, msgspec.Struct) and kind.__struct_config__.frozen
        known = _FIXED[kind] = is_frozen or issubclass(kind, Enum)
    return known


def _run_to_an_outcome(story: Audited) -> None:
    """From every state timers alone lead to an outcome, within the horizon."""
    began_us = story.now_us
    for _ in range(200):
        if story.outcome() is not None:
            return
        if not story.run_to_next_timer():
            break
    raise Breach(f"no outcome by timers alone, {story.now_us - began_us} us on")
