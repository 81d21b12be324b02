"""Tells the states of a story apart: a value that is equal where nothing that may still happen can tell the difference.

Times are relative to now, and names in the order of their appearance. Everything that the core holds counts, except
what a walk of one request never changes; of wire cancels that are answered only what policy can see in them.
"""

from __future__ import annotations

import dataclasses
import re
from enum import Enum
from typing import TYPE_CHECKING, Final

import msgspec

from daemon.core.agenda import Agenda
from daemon.core.case import Case, WireSend
from daemon.core.order_view import OrderView, digest_of
from daemon.core.records import Report
from protocols.evidence import OrderReported, Proof

if TYPE_CHECKING:
    from tests.core.story import Story

EPOCH: Final = 10**14
"""Integers past it are times, microseconds since the epoch."""
FIXED: Final = frozenset({"traits", "timings"})
"""What is the same in all states of one walk."""
_NAME: Final = re.compile(r"[kcqr][0-9a-f]+x[0-9a-f]+")


def state_of(story: Story) -> object:
    """Give a value that is equal for states that nothing can tell apart."""
    core = story.core
    names: dict[str, int] = {}
    canon = _Canon(story.now_us, names)
    bench = core._bench
    return (
        canon(list(core.cases)),
        canon(core.world),
        canon(core.book),
        canon(bench._agenda),
        canon(bench._listing),
        canon(bench._listing_again),
        core._listings.resyncing is None,
        canon(core._listings.resync_us),
        tuple((put.question.step, put.at_us - story.now_us) for put in story.open_questions()),
        tuple((sent.wire.road, sent.at_us - story.now_us) for sent in story.open_sends()),
    )


class _Canon:
    def __init__(self, now_us: int, names: dict[str, int]) -> None:
        self._now_us = now_us
        self._names = names

    def __call__(self, value: object) -> object:
        said: object
        match value:
            case None | bool() | Enum():
                said = value
            case int():
                said = ("at", value - self._now_us) if value > EPOCH else value
            case str():
                said = self._names.setdefault(value, len(self._names)) if _NAME.fullmatch(value) else value
            case OrderReported():
                said = digest_of(value)
            case Report():
                said = value.outcome, value.ord_status, str(value.cum_qty), value.cum_qty_final, value.revision
            case OrderView():
                seen = sorted((digest_of(piece), str(self(times))) for piece, times in value._seen.items())
                said = tuple(seen), tuple(sorted(value._struck)), self(value.last_push_us), self(value.last_end_us)
            case Agenda():
                said = tuple(sorted((str(self(key)), at - self._now_us) for key, at in value._at.items()))
            case Case():
                members = [self(getattr(value, name)) for name in value.__struct_fields__ if name != "sends"]
                said = tuple(members), self._sends(value.sends)
            case dict():
                said = tuple((self(key), self(item)) for key, item in value.items())
            case set() | frozenset():
                said = tuple(sorted(map(str, value)))
            case list() | tuple():
                said = tuple(self(item) for item in value)
            case _:
                said = tuple(self(item) for item in _members(value))
        return said

    def _sends(self, sends: list[WireSend]) -> object:
        """Of sends that are answered only count what they prove together, how many there are, and the newest ones."""
        left = [send for send in sends if send.may_have_left]
        waiting = [self._send(send) for send in sends if send.proof in {None, Proof.UNKNOWN} and send.may_have_left]
        is_work = [send.may_have_left and send.proof is not Proof.UNCHANGED_RETRY for send in reversed(sends)]
        failures = is_work.index(True) if True in is_work else len(sends)
        ended = max((send.ended_us for send in left if send.ended_us is not None), default=None)
        first = self(left[0].made_us) if left else None
        newest = tuple(self._send(send) for send in (*sends[-1:], *left[-1:]))
        proofs = frozenset(send.proof for send in left)
        return tuple(waiting), proofs, len(left), failures, first, self(ended), newest

    def _send(self, send: WireSend) -> object:
        return send.wire.road, send.wire.order_id, self(send.made_us), send.state, send.proof, self(send.ended_us)


def _members(value: object) -> list[object]:
    """List what an object holds."""
    if isinstance(value, msgspec.Struct):
        return [getattr(value, name) for name in value.__struct_fields__ if name not in FIXED]
    if dataclasses.is_dataclass(value):
        return [getattr(value, item.name) for item in dataclasses.fields(value) if item.name not in FIXED]
    return list(vars(value).values())
