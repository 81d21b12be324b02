"""Cancelling several orders by one request: what a venue's batches are like, as data, and whose an answer's items are.

A batch is many cancels that travel together, and nothing more: each keeps its own name, each is answered for itself,
and what is not answered is not known. Its answer's items are matched to what was asked by the order's id, then by the
client's, and by position only where the venue keeps the order, an item names nothing and none is missing. An order that
is named twice, or was not asked for, is set aside. This file refuses to know how any venue writes or reads a batch.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Protocol

import msgspec

from protocols.evidence import CancelAnswered, Proof
from protocols.fix import Road, SendId

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from protocols.asks import WireCancel
    from protocols.rest import RestCall, RestResponse


class BatchCancel(msgspec.Struct, frozen=True):
    """The call that cancels several orders at once.

    ``operation`` is its rate rules' name; no rule that counts by order has it. ``roads`` can carry it, best first. A
    batch holds 2 to ``items_max`` orders of one product, of any instruments in ``mixed_products`` and of one instrument
    elsewhere, and of both kinds of ids only where it ``mixes_ids``. It can carry the ``venue_params`` only, alike for
    all its orders. ``page`` is the venue's.
    """

    operation: str
    roads: tuple[Road, ...]
    items_max: int
    page: str
    mixed_products: frozenset[str] = frozenset()
    mixes_ids: bool = False
    venue_params: frozenset[str] = frozenset()


class BatchAnswered(msgspec.Struct, frozen=True):
    """The venue's answer to one batch, as it came. ``batch`` names it.

    ``items`` are its rows, each without a send's name yet; ``whole`` is what the answer says of the batch as a whole,
    which stands for each of its orders where there are no rows. ``is_in_order``: the venue's rows stand as the orders
    were asked for, so that one without any name can be told by its position. ``is_about_all``: no order was named, and
    without rows an acceptance is of all of them.
    """

    batch: SendId
    whole: CancelAnswered
    items: tuple[CancelAnswered, ...]
    is_in_order: bool = False
    is_about_all: bool = False


class BatchDialect(Protocol):
    """What a dialect with a `Traits.batch` has to fill in besides."""

    def batch_frame(self, wires: Sequence[WireCancel], reference: Mapping[str, str]) -> str | None:
        """Write a batch for the WebSocket, named as its first cancel; None when an order cannot go by this road."""
        ...

    def batch_call(self, wires: Sequence[WireCancel]) -> RestCall:
        """Write a batch for REST."""
        ...

    def read_batch(self, wires: Sequence[WireCancel], response: RestResponse) -> BatchAnswered:
        """Read the answer to it. Never raises: what cannot be read is a `BatchAnswered.whole` of `Proof.UNKNOWN`."""
        ...


class NoBatches:
    """A dialect whose venue takes no batches: its `Traits.batch` is None, so nobody calls these."""

    def batch_frame(self, wires: Sequence[WireCancel], reference: Mapping[str, str]) -> str | None:
        """Refuse."""
        raise NotImplementedError("this venue takes no batches")

    def batch_call(self, wires: Sequence[WireCancel]) -> RestCall:
        """Refuse."""
        raise NotImplementedError("this venue takes no batches")

    def read_batch(self, wires: Sequence[WireCancel], response: RestResponse) -> BatchAnswered:
        """Refuse."""
        raise NotImplementedError("this venue takes no batches")


class Spread(msgspec.Struct, frozen=True):
    """A batch's answer given to its cancels: exactly one answer each, in their order; and the items of nobody."""

    answers: tuple[CancelAnswered, ...]
    strangers: tuple[CancelAnswered, ...] = ()


def spread(wires: Sequence[WireCancel], answer: BatchAnswered) -> Spread:
    """Give each cancel of a batch its answer. One that no item answers is `Proof.UNKNOWN`, whatever the whole says."""
    if not answer.items:
        whole = answer.whole
        if answer.is_about_all and whole.proof is Proof.UNCHANGED_FINAL:  # this call; the order's own may do
            whole = msgspec.structs.replace(whole, proof=Proof.UNCHANGED_RETRY)
        elif whole.proof in {Proof.IN_PROGRESS, Proof.GONE} or (
            whole.proof is Proof.ACCEPTED and not answer.is_about_all
        ):  # of whom? it names nobody
            whole = _unknown(whole, "the answer has no items")
        return Spread(tuple(msgspec.structs.replace(whole, send_id=wire.send_id) for wire in wires))
    owners = _owners(answer.items, wires)
    if answer.is_in_order and len(answer.items) == len(wires):
        _by_position(owners, answer.items)
    claims = Counter(owner for owner in owners if owner is not None)
    found = {
        owner: item
        for owner, item in zip(owners, answer.items, strict=True)
        if owner is not None and claims[owner] == 1
    }
    strangers = tuple(
        item for owner, item in zip(owners, answer.items, strict=True) if owner is None or claims[owner] > 1
    )
    answers = [_answer_of(index, wire, found, claims, answer) for index, wire in enumerate(wires)]
    if answer.whole.allowance is not None:  # of the one call that they all left in
        answers[0] = msgspec.structs.replace(answers[0], allowance=answer.whole.allowance)
    return Spread(tuple(answers), strangers)


def _owners(items: Sequence[CancelAnswered], wires: Sequence[WireCancel]) -> list[int | None]:
    """Find whose each item is by what it names: the order's id decides, and the client's where that is not known.

    Of two cancels that one item could be of, the first one has it.
    """
    by_order: dict[str, int] = {}
    by_client: dict[str, int] = {}
    by_client_alone: dict[str, int] = {}
    for index, wire in enumerate(wires):
        if wire.order_id is not None:
            by_order.setdefault(wire.order_id, index)
        elif wire.client_order_id is not None:
            by_client_alone.setdefault(wire.client_order_id, index)
        if wire.client_order_id is not None:
            by_client.setdefault(wire.client_order_id, index)
    owners: list[int | None] = []
    for item in items:
        named = item.client_order_id or ""
        found = [by_client.get(named)]
        if item.order_id is not None:
            found = [by_order.get(item.order_id), by_client_alone.get(named)]
        owners.append(min((index for index in found if index is not None), default=None))
    return owners


def _by_position(owners: list[int | None], items: Sequence[CancelAnswered]) -> None:
    """Give an item that names nothing to the cancel that stood where it stands, if no other item claims that one."""
    claimed = set(owners)
    for index, item in enumerate(items):
        if owners[index] is None and index not in claimed and item.order_id is None and item.client_order_id is None:
            owners[index] = index


def _answer_of(
    index: int, wire: WireCancel, found: Mapping[int, CancelAnswered], claims: Counter[int], answer: BatchAnswered
) -> CancelAnswered:
    item = found.get(index)
    if item is not None:
        return msgspec.structs.replace(item, send_id=wire.send_id)
    why = "the answer names this order twice" if claims[index] else "the answer leaves this order out"
    return msgspec.structs.replace(_unknown(answer.whole, why), send_id=wire.send_id)


def _unknown(whole: CancelAnswered, why: str) -> CancelAnswered:
    return msgspec.structs.replace(whole, proof=Proof.UNKNOWN, message=f"{why} {whole.message}".rstrip())
