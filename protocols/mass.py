"""Cancelling everything in a scope by one call: what a venue's calls of that kind can express, as data.

Such a call names no order, so it may be made only where everything in its scope is meant. It is an accelerator and no
evidence: each order that it was made for is proven for itself, like one that was canceled by name. This file refuses to
know how any venue writes it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

import msgspec

from protocols.fix import Side

if TYPE_CHECKING:
    from collections.abc import Sequence

    from protocols.asks import WireCancel
    from protocols.batching import BatchAnswered
    from protocols.rest import RestCall, RestResponse


class Naming(StrEnum):
    """Whether a call is of one instrument."""

    NEVER = "never"
    MAY = "may"
    MUST = "must"


class Everything(msgspec.Struct, frozen=True):
    """All open orders of a product line (None: of every one), or only those of an instrument or side of it."""

    product: str | None = None
    instrument: str | None = None
    side: Side | None = None

    def narrowed(self, product: str, instrument: str | None) -> Everything:
        """Say the same of one product line, and of one instrument or all."""
        return Everything(product, instrument, self.side)


class MassCancel(msgspec.Struct, frozen=True):
    """A call that cancels everything of one of ``products``, by REST.

    ``operation`` is its rate rules' name. ``of_instrument`` says whether it can name one, ``of_side`` whether it can be
    of buys or sells alone. ``page`` is the venue's.
    """

    operation: str
    products: frozenset[str]
    of_instrument: Naming
    page: str
    of_side: bool = False

    def instrument_for(self, everything: Everything, instrument: str) -> str | None:
        """Say which instrument the call names where ``everything`` is meant and an order of this one rests: "" is all.

        None where the call would take in more than is meant.
        """
        if everything.side is not None and not self.of_side:
            return None
        if everything.instrument is None:
            return instrument if self.of_instrument is Naming.MUST else ""
        is_meant = everything.instrument == instrument and self.of_instrument is not Naming.NEVER
        return instrument if is_meant else None


class MassDialect(Protocol):
    """What a dialect with `Traits.mass_cancels` has to fill in besides."""

    def mass_call(self, operation: str, everything: Everything) -> RestCall:
        """Write the call; ``everything`` has a product, and an instrument where the call names one."""
        ...

    def read_mass(self, wires: Sequence[WireCancel], response: RestResponse) -> BatchAnswered:
        """Read the answer to it, for the orders that it was made for. Never raises.

        Rows, where there are any, are those of orders that were taken in; without them the whole is about all.
        """
        ...


class NoMassCancels:
    """A dialect whose venue has no such call: its `Traits.mass_cancels` is empty, so nobody calls these."""

    def mass_call(self, operation: str, everything: Everything) -> RestCall:
        """Refuse."""
        raise NotImplementedError("this venue has no such call")

    def read_mass(self, wires: Sequence[WireCancel], response: RestResponse) -> BatchAnswered:
        """Refuse."""
        raise NotImplementedError("this venue has no such call")
