"""Which orders a bulk cancel means: a scope of one account, and whether an order is in it.

A scope names its account, always: there is no "everything" by default. Its other members narrow it, and all of them
have to hold. Or it names orders one by one. It knows no request and sends nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from protocols.fix import AccountName, ClientOrderId, OrderId, Priority, Side

if TYPE_CHECKING:
    from protocols.evidence import OrderReported


class NamedOrder(msgspec.Struct, frozen=True, omit_defaults=True):
    """An order by either id or both, and how it is to be canceled; ``deadline_us`` is absolute, by the daemon's clock.

    ``product`` is "" at a venue with a single product line.
    """

    product: str
    instrument: str
    order_id: OrderId | None = None
    client_order_id: ClientOrderId | None = None
    deadline_us: int | None = None
    priority: Priority = Priority.NORMAL
    venue_params: dict[str, str] = {}


class Scope(msgspec.Struct, frozen=True):
    """Orders of one account: those in ``orders``, or if there are none, every live one that fits each given member."""

    account: AccountName
    product: str | None = None
    instrument: str | None = None
    side: Side | None = None
    client_id_prefix: str | None = None
    orders: tuple[NamedOrder, ...] = ()

    @property
    def names_orders(self) -> bool:
        """Whether it holds the orders that it names and no others, so that nobody has to be asked what matches."""
        return bool(self.orders)

    def matches(self, order: OrderReported) -> bool | None:
        """Say whether an order is in the scope; None where its report does not say what the scope asks for.

        An order without a client id has none that begins with the prefix. Whether the order is live is not asked here.
        """
        if self.names_orders:
            return any(_is_named(order, named) for named in self.orders)
        if self.product is not None and order.product != self.product:
            return False
        if self.client_id_prefix is not None and not (order.client_order_id or "").startswith(self.client_id_prefix):
            return False
        if self.instrument is None and self.side is None:  # as when everything is to go
            return True
        answers = (
            _holds(self.instrument, order.instrument or None),
            _holds(self.side, order.side),
        )
        if False in answers:
            return False
        return None if None in answers else True

    def described(self) -> str:
        """Say what it holds, in a few words for a story or a log."""
        if self.names_orders:
            return f"{len(self.orders)} orders of {self.account}"
        narrowed = [
            f"{name} {value}"
            for name, value in (
                ("product", self.product),
                ("instrument", self.instrument),
                ("side", self.side),
                ("client ids beginning with", self.client_id_prefix),
            )
            if value is not None
        ]
        return f"all orders of {self.account}" + (f" ({', '.join(narrowed)})" if narrowed else "")


def _holds(wanted: str | None, said: str | None) -> bool | None:
    if wanted is None:
        return True
    return None if said is None else wanted == said


def _is_named(order: OrderReported, named: NamedOrder) -> bool:
    if named.product != order.product:
        return False
    if named.order_id is not None:
        return named.order_id == order.order_id
    return named.client_order_id == order.client_order_id
