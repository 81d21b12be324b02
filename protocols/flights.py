"""The cancels that one socket has out, and the batches that some of them left in: whose an answer is.

It knows no frame and no time. A cancel is *out* from when it was handed to the socket until it is answered or lost; a
batch is remembered for a while longer, so that an answer that comes late still finds its cancels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from protocols.batching import BatchAnswered, Spread, spread

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from protocols.asks import WireCancel
    from protocols.evidence import CancelAnswered
    from protocols.fix import SendId

OUT_MAX: Final = 16_384
"""Cancels without an answer on one socket, as many as an account has orders under cancel (``cases_max``). Past that the
oldest, long overtaken by questions, is given up as lost. A smaller bound would give up thousands at once when a venue
goes silent under a bulk cancel, and send each again by the other road at once."""
BATCHES_KEPT: Final = 512
"""Batches remembered, answered or not; more than any venue's limits let through before its answers are given up."""


class Flights:
    """What is out on one socket, the oldest first."""

    __slots__ = ("_batches", "_out")

    def __init__(self) -> None:
        self._out: dict[SendId, None] = {}
        self._batches: dict[SendId, tuple[WireCancel, ...]] = {}

    def left(self, send_id: SendId) -> SendId | None:
        """Note a cancel that leaves; gives the oldest one, if it has to be given up for it."""
        given_up = next(iter(self._out)) if len(self._out) >= OUT_MAX else None
        if given_up is not None:
            del self._out[given_up]
        self._out[send_id] = None
        return given_up

    def left_together(self, wires: Sequence[WireCancel]) -> list[SendId]:
        """Note a batch that leaves, named as its first cancel; gives those that have to be given up for it."""
        self._batches[wires[0].send_id] = tuple(wires)
        if len(self._batches) > BATCHES_KEPT:
            del self._batches[next(iter(self._batches))]
        return [given_up for wire in wires if (given_up := self.left(wire.send_id)) is not None]

    def whose(self, answer: CancelAnswered) -> list[CancelAnswered]:
        """Say whom an answer concerns that has no items: one cancel, or each of the batch that it names."""
        wires = self._batches.get(answer.send_id)
        if wires is None:
            return [answer]
        return list(spread(wires, BatchAnswered(answer.send_id, answer, ())).answers)

    def spread(self, answer: BatchAnswered) -> Spread:
        """Give each cancel of a batch its answer. Of a batch that is not known here, all items are strangers."""
        wires = self._batches.get(answer.batch)
        if wires is not None:
            return spread(wires, answer)
        if answer.batch not in self._out:
            return Spread((), answer.items)
        # A cancel that left alone, answered with a list: of one it is its answer, of any other number it says nothing.
        alone = answer.items[0] if len(answer.items) == 1 else answer.whole
        return Spread((msgspec.structs.replace(alone, send_id=answer.batch),))

    def landed(self, send_id: SendId) -> bool:
        """Note an answer; says whether the cancel was out."""
        if send_id not in self._out:
            return False
        del self._out[send_id]
        return True

    def give_up(self) -> Iterable[SendId]:
        """Forget all that is out, and say what that was. Batches are remembered."""
        out, self._out = self._out, {}
        return out

    def __len__(self) -> int:
        return len(self._out)
