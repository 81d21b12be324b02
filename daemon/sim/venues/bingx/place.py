"""Placements: enough of BingX's order entry for other people's clients to rest orders here.

BingX: Spot / Trade / Place order. Limit orders rest at any price, since nothing trades here by itself; IOC and FOK
orders are taken off at once; market orders fill at the listed price, by quantity or by quote amount. No fault of the
catalogue touches a placement.
"""

import re
from decimal import Decimal

from daemon.sim import wire
from daemon.sim.book import CapReached, EndedBy, NewOrder, Side
from daemon.sim.clock import VenueClock
from daemon.sim.pushing import Change
from daemon.sim.venue import Floor
from daemon.sim.venues.bingx import codes
from daemon.sim.venues.bingx.call import Answers, Call, Refusal
from daemon.sim.venues.bingx.push import Pushes
from daemon.sim.venues.bingx.rows import placed_row
from daemon.sim.venues.bingx.symbols import Symbol, Symbols
from daemon.sim.wire import plain

_RESTING = frozenset({"", "GTC", "PostOnly", "POC", "PO"})
_GONE_AT_ONCE = frozenset({"IOC", "FOK"})
_CLIENT_ID = re.compile(r"[A-Za-z0-9_]{1,40}")


class Places:
    """Carries out placements."""

    def __init__(self, floor: Floor, symbols: Symbols, pushes: Pushes, clock: VenueClock, answers: Answers) -> None:
        self._floor = floor
        self._symbols = symbols
        self._pushes = pushes
        self._clock = clock
        self._answers = answers

    def place(self, call: Call) -> None:
        """Place one order, answer, then push; raises Refusal."""
        symbol = self._symbols.get(call.text("symbol"))
        if symbol is None:
            raise Refusal("100400", codes.text("100400", "Symbol"))
        new = self._read(call, symbol)
        changes = self._rest(new, call)
        self._answers.data(call, placed_row(changes[-1].order, self._clock))
        self._pushes.announce(changes, call.now_us)

    def _read(self, call: Call, symbol: Symbol) -> NewOrder:
        side, kind = call.text("side"), call.text("type")
        if side not in ("BUY", "SELL"):
            raise Refusal("100400", codes.text("100400", "Side"))
        if kind not in ("LIMIT", "MARKET") or call.text("timeInForce") not in _RESTING | _GONE_AT_ONCE:
            raise Refusal("100400", codes.text("100400", "Type"))
        price = symbol.price if kind == "MARKET" else _positive(call, "price")
        terms = {"type": kind, "timeInForce": call.text("timeInForce")}
        if call.text("quoteOrderQty"):
            quote = _positive(call, "quoteOrderQty")
            qty = (quote / price // symbol.lot) * symbol.lot
            terms["quote"] = plain(quote)
        else:
            qty = _positive(call, "quantity")
        if qty < symbol.lot:
            raise Refusal("100400", codes.text("100400", "Quantity"))
        return NewOrder(
            instrument=symbol.name,
            side=Side(side.lower()),
            price=price,
            qty=qty,
            client_order_id=self._client_id(call.text("newClientOrderId")),
            terms=terms,
        )

    def _client_id(self, client_order_id: str) -> str | None:
        if not client_order_id:
            return None
        if not _CLIENT_ID.fullmatch(client_order_id):
            raise Refusal("100400", codes.text("100400", "NewClientOrderId"))
        if self._floor.book.by_client_id(client_order_id) is not None:
            raise Refusal("100400", "clientOrderID is duplicated")
        return client_order_id

    def _rest(self, new: NewOrder, call: Call) -> list[Change]:
        book = self._floor.book
        try:
            order = book.place(new, call.now_us)
        except CapReached:
            raise Refusal("100421", "the number of your pending orders has reached the limit") from None
        changes = [Change(order, None)]
        if new.terms["type"] == "MARKET":
            filled = book.fill(order.order_id, None, call.now_us)
            changes.append(Change(filled, filled.fills[-1]))
        elif new.terms["timeInForce"] in _GONE_AT_ONCE:
            changes.append(Change(book.cancel(order.order_id, EndedBy.VENUE, call.now_us), None))
        return changes


def _positive(call: Call, name: str) -> Decimal:
    number = wire.decimal_text(call.text(name))
    if number is None or number <= 0:
        raise Refusal("100400", codes.text("100400", name))
    return number
