"""The truth: the orders of one account at a simulated venue, and every state that they have been in.

Placing, filling, cancelling and expiring happen here and nowhere else, so that whatever a venue says (or fails to
say) can be held against this book. It knows no venue's words, no frames, no faults and no clock: times come in as
microseconds since the epoch. Each change makes a new `Order` value; the old ones are kept, so that a lagging replica
can answer with the state as it was (`as_of`).
"""

import random
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator, Mapping
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType

import msgspec

ZERO = Decimal(0)
NO_TERMS: Mapping[str, str] = MappingProxyType({})
ENDED_KEPT_MAX = 200_000
"""Ended orders remembered: some hundred megabytes at worst, hours of a soak run."""


class OrdStatus(StrEnum):
    """The state of an order, in the words of the control door."""

    NEW = "new"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"

    @property
    def is_terminal(self) -> bool:
        """Whether nothing can happen to the order any more."""
        return self in TERMINAL


TERMINAL = frozenset({OrdStatus.FILLED, OrdStatus.CANCELED, OrdStatus.EXPIRED})
"""The states from which nothing leads."""


class Side(StrEnum):
    """Which way an order trades."""

    BUY = "buy"
    SELL = "sell"


class EndedBy(StrEnum):
    """Who took an order off the book."""

    USER = "user"
    OTHER = "other"
    VENUE = "venue"


class Fill(msgspec.Struct, frozen=True):
    """One execution against an order; `qty` and `price` of this execution only."""

    trade_id: str
    price: Decimal
    qty: Decimal
    at_us: int


class NewOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order as it is asked for. `terms` holds what only one venue knows (order type, margin mode, tags)."""

    instrument: str
    side: Side
    price: Decimal
    qty: Decimal
    client_order_id: str | None = None
    product: str | None = None
    terms: Mapping[str, str] = NO_TERMS


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One order at one moment. `notional` is the sum of price times quantity over its fills; times are microseconds
    since the epoch.
    """

    order_id: str
    client_order_id: str | None
    product: str | None
    instrument: str
    side: Side
    price: Decimal
    qty: Decimal
    terms: Mapping[str, str]
    created_us: int
    updated_us: int
    ord_status: OrdStatus = OrdStatus.NEW
    cum_qty: Decimal = ZERO
    notional: Decimal = ZERO
    fills: tuple[Fill, ...] = ()
    ended_by: EndedBy | None = None
    cancel_source: str = ""

    @property
    def leaves_qty(self) -> Decimal:
        """What is still on the book."""
        return ZERO if self.ord_status.is_terminal else self.qty - self.cum_qty

    @property
    def avg_price(self) -> Decimal | None:
        """The average price of the fills, or None when there is none."""
        return self.notional / self.cum_qty if self.cum_qty else None


class BookError(Exception):
    """The book refuses: the tree below says why."""


class UnknownOrder(BookError):
    """There is no such order."""

    def __init__(self, order_id: str) -> None:
        self.order_id = order_id
        super().__init__(f"there is no order {order_id}")


class OrderEnded(BookError):
    """The order is off the book already; `order` is its last state."""

    def __init__(self, order: Order) -> None:
        self.order = order
        super().__init__(f"order {order.order_id} has ended: {order.ord_status.value}")


class BadFill(BookError):
    """The quantity is not above zero and at most what is left."""

    def __init__(self, order: Order, qty: Decimal) -> None:
        self.order = order
        self.qty = qty
        super().__init__(f"order {order.order_id} cannot fill {qty}: {order.leaves_qty} is left")


class CapReached(BookError):
    """As many orders rest as the venue allows, in this instrument or in all."""

    def __init__(self, scope: str, limit: int) -> None:
        self.scope = scope
        self.limit = limit
        super().__init__(f"{limit} orders rest in {scope} already, which is the venue's limit")


class IdSource:
    """Order ids as venues give them: 19 digits, above 2^53, growing, fixed by the seed. Trade ids grow by one."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(f"{seed}/ids")
        self._order = 2_900_000_000_000_000_000 + self._rng.randrange(10**15)
        self._trade = 700_000_000 + self._rng.randrange(10**6)

    def order_id(self) -> str:
        """The next order id."""
        self._order += self._rng.randrange(3, 9_973, 2)
        return str(self._order)

    def trade_id(self) -> str:
        """The next trade id."""
        self._trade += 1
        return str(self._trade)


class Book:
    """All orders of one account. Every method that changes an order returns its new state."""

    def __init__(self, seed: int, *, per_instrument_max: int, total_max: int) -> None:
        self.ids = IdSource(seed)
        self._per_instrument_max = per_instrument_max
        self._total_max = total_max
        self._states: dict[str, list[Order]] = {}
        self._live: dict[str, Order] = {}
        self._live_in: dict[str, int] = {}
        self._by_client: dict[str, list[str]] = {}
        self._ended: deque[str] = deque()

    def place(self, new: NewOrder, now_us: int) -> Order:
        """Rest an order; raises CapReached."""
        if len(self._live) >= self._total_max:
            raise CapReached("all instruments together", self._total_max)
        if self._live_in.get(new.instrument, 0) >= self._per_instrument_max:
            raise CapReached(new.instrument, self._per_instrument_max)
        order = Order(
            order_id=self.ids.order_id(),
            client_order_id=new.client_order_id,
            product=new.product,
            instrument=new.instrument,
            side=new.side,
            price=new.price,
            qty=new.qty,
            terms=new.terms,
            created_us=now_us,
            updated_us=now_us,
        )
        self._states[order.order_id] = [order]
        self._live[order.order_id] = order
        self._live_in[order.instrument] = self._live_in.get(order.instrument, 0) + 1
        if order.client_order_id is not None:
            self._by_client.setdefault(order.client_order_id, []).append(order.order_id)
        return order

    def fill(self, order_id: str, qty: Decimal | None, now_us: int) -> Order:
        """Execute `qty` at the order's own price, or all that is left; raises UnknownOrder, OrderEnded, BadFill."""
        order = self._must_be_live(order_id)
        amount = order.leaves_qty if qty is None else qty
        if not ZERO < amount <= order.leaves_qty:
            raise BadFill(order, amount)
        cum_qty = order.cum_qty + amount
        fill = Fill(trade_id=self.ids.trade_id(), price=order.price, qty=amount, at_us=now_us)
        return self._become(
            msgspec.structs.replace(
                order,
                updated_us=now_us,
                cum_qty=cum_qty,
                notional=order.notional + fill.price * fill.qty,
                fills=(*order.fills, fill),
                ord_status=OrdStatus.FILLED if cum_qty == order.qty else OrdStatus.PARTIALLY_FILLED,
            )
        )

    def note(self, order_id: str, terms: Mapping[str, str], now_us: int) -> Order:
        """Change what only the venue knows of an order, and nothing else. Raises UnknownOrder, OrderEnded."""
        order = self._must_be_live(order_id)
        return self._become(msgspec.structs.replace(order, updated_us=now_us, terms={**order.terms, **terms}))

    def cancel(self, order_id: str, by: EndedBy, now_us: int, source: str = "") -> Order:
        """Take an order off the book, whoever asked; `source` is the venue's own code for it. Raises UnknownOrder,
        OrderEnded.
        """
        return self._end(order_id, OrdStatus.CANCELED, by, now_us, source)

    def expire(self, order_id: str, now_us: int, source: str = "") -> Order:
        """The venue takes an order off the book because its time is up. Raises UnknownOrder, OrderEnded."""
        return self._end(order_id, OrdStatus.EXPIRED, EndedBy.VENUE, now_us, source)

    def get(self, order_id: str) -> Order | None:
        """The order as it is."""
        states = self._states.get(order_id)
        return states[-1] if states else None

    def by_client_id(self, client_order_id: str) -> Order | None:
        """The latest order that was placed with this client id."""
        order_ids = self._by_client.get(client_order_id)
        return self.get(order_ids[-1]) if order_ids else None

    def states(self, order_id: str) -> tuple[Order, ...]:
        """Every state of the order, oldest first; empty if there is no such order."""
        return tuple(self._states.get(order_id, ()))

    def as_of(self, order_id: str, at_us: int) -> Order | None:
        """The order as it was at `at_us`; None if it did not exist yet, or never."""
        states = self._states.get(order_id, [])
        position = bisect_right(states, at_us, key=lambda state: state.updated_us)
        return states[position - 1] if position else None

    def orders(self) -> Iterator[Order]:
        """Every order that is remembered, as it is, oldest first."""
        return (states[-1] for states in self._states.values())

    def newest_first(self) -> Iterator[Order]:
        """Every order that is remembered, as it is, newest first."""
        return (states[-1] for states in reversed(self._states.values()))

    def live(self) -> tuple[Order, ...]:
        """The orders on the book, oldest first."""
        return tuple(self._live.values())

    def _must_be_live(self, order_id: str) -> Order:
        order = self.get(order_id)
        if order is None:
            raise UnknownOrder(order_id)
        if order.ord_status.is_terminal:
            raise OrderEnded(order)
        return order

    def _end(self, order_id: str, status: OrdStatus, by: EndedBy, now_us: int, source: str) -> Order:
        order = self._must_be_live(order_id)
        return self._become(
            msgspec.structs.replace(order, updated_us=now_us, ord_status=status, ended_by=by, cancel_source=source)
        )

    def _become(self, order: Order) -> Order:
        self._states[order.order_id].append(order)
        if not order.ord_status.is_terminal:
            self._live[order.order_id] = order
            return order
        del self._live[order.order_id]
        self._live_in[order.instrument] -= 1
        self._ended.append(order.order_id)
        if len(self._ended) > ENDED_KEPT_MAX:
            self._forget(self._ended.popleft())
        return order

    def _forget(self, order_id: str) -> None:
        client_order_id = self._states.pop(order_id)[-1].client_order_id
        if client_order_id is not None:
            self._by_client[client_order_id].remove(order_id)
            if not self._by_client[client_order_id]:
                del self._by_client[client_order_id]
