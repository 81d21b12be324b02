"""Placements by REST: enough of Bitget's order entry for other people's clients to rest orders here.

Bitget: Contract, Spot, Unified account / Trade / Place order. Limit and post-only orders rest at any price, since
nothing trades here by itself; IOC and FOK orders are taken off at once; other types are refused. No fault of the
catalogue touches a placement.
"""

import re
from decimal import Decimal

from daemon.sim import wire
from daemon.sim.book import CapReached, EndedBy, NewOrder, Order, Side
from daemon.sim.pushing import Change
from daemon.sim.venue import Floor
from daemon.sim.venues.bitget import limits
from daemon.sim.venues.bitget.instruments import Instruments
from daemon.sim.venues.bitget.push import Pushes
from daemon.sim.venues.bitget.queries import QueryRefused
from daemon.sim.wire import JsonObject, text

_GONE_AT_ONCE = {"fok": "fok_not_full_cancel", "ioc": "ioc_not_full_cancel"}
_FORCES = frozenset({"gtc", "post_only", *_GONE_AT_ONCE})
_CLIENT_ID = re.compile(r"[.A-Za-z0-9:/_+#-]{1,50}")


class Places:
    """Carries out placements."""

    def __init__(self, floor: Floor, instruments: Instruments, pushes: Pushes) -> None:
        self._floor = floor
        self._instruments = instruments
        self._pushes = pushes

    def place(self, product: str, fields: JsonObject, now_us: int, *, size: str, force: str) -> Order:
        """Rest an order and push it; `size` and `force` name the generation's fields. Raises QueryRefused."""
        if not self._floor.rates.take(limits.PLACE, "uid", now_us):
            raise QueryRefused("429")
        new = self._checked(product, fields, size, force)
        try:
            order = self._floor.book.place(new, now_us)
        except CapReached:
            raise QueryRefused("45117") from None
        changes = [Change(order, None)]
        reason = _GONE_AT_ONCE.get(new.terms["force"])
        if reason is not None:
            changes.append(Change(self._floor.book.cancel(order.order_id, EndedBy.VENUE, now_us, reason), None))
        self._floor.timers.at(now_us, lambda at_us: self._pushes.announce(changes, at_us))
        return order

    def _checked(self, product: str, fields: JsonObject, size: str, force: str) -> NewOrder:
        instrument = self._instruments.get(product, text(fields, "symbol"))
        if instrument is None:
            raise QueryRefused("40034", text(fields, "symbol"))
        side, kept = text(fields, "side").lower(), (text(fields, force) or "gtc").lower()
        if side not in ("buy", "sell"):
            raise QueryRefused("41101", f"side={side}")
        if text(fields, "orderType") != "limit" or kept not in _FORCES:
            raise QueryRefused("41101", "orderType")
        return NewOrder(
            instrument=instrument.symbol,
            side=Side(side),
            price=_positive(fields, "price"),
            qty=_positive(fields, size),
            client_order_id=self._client_id(text(fields, "clientOid"), product),
            product=product,
            terms={"force": kept},
        )

    def _client_id(self, client_order_id: str, product: str) -> str | None:
        if not client_order_id:
            return None
        if not _CLIENT_ID.fullmatch(client_order_id):
            raise QueryRefused("41101", f"clientOid={client_order_id}")
        same = self._floor.book.by_client_id(client_order_id)
        if same is not None and same.product == product and not same.ord_status.is_terminal:
            raise QueryRefused("40786")
        return client_order_id


def _positive(fields: JsonObject, name: str) -> Decimal:
    number = wire.decimal_text(fields.get(name))
    if number is None or number <= 0:
        raise QueryRefused("41101", f"{name}={fields.get(name)}")
    return number
