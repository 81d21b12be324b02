"""Placements, single and batch: enough of HTX's order entry for other people's clients to rest orders here.

HTX: Orders / Place an Order, and its WebSocket twin. Limit and post-only orders rest at any price, since nothing trades
here by itself; IOC and FOK orders are taken off at once; market orders are refused. No fault of the catalogue touches a
placement.
"""

from collections.abc import Sequence
from decimal import Decimal

from daemon.sim import wire
from daemon.sim.book import CapReached, EndedBy, NewOrder, Side
from daemon.sim.pushing import Change
from daemon.sim.venue import Floor
from daemon.sim.venues.htx import codes, limits
from daemon.sim.venues.htx.instruments import Instruments
from daemon.sim.venues.htx.push import Pushes
from daemon.sim.venues.htx.road import USER, Answer, Item, Road
from daemon.sim.venues.htx.rows import client_id
from daemon.sim.wire import JsonObject, text

BATCH_MAX = 10
BY_SYSTEM = "Order cancelation by system"
_RESTING = frozenset({"limit", "post_only"})
_LIVES = frozenset({"gtc", "ioc", "fok"})
_MODES = frozenset({"cross", "isolated"})


class _Refusal(Exception):
    def __init__(self, code: str, detail: str = "") -> None:
        self.code = code
        self.detail = detail
        super().__init__(code)


class Places:
    """Carries out placements."""

    def __init__(self, floor: Floor, instruments: Instruments, pushes: Pushes) -> None:
        self._floor = floor
        self._instruments = instruments
        self._pushes = pushes

    def place(self, asks: Sequence[JsonObject], road: Road, now_us: int, *, is_batch: bool) -> None:
        """Place up to ten orders, each for itself, answer, then push."""
        if not self._floor.rates.take(limits.TRADE, USER, now_us):
            road.answer(Answer(code=codes.TOO_MANY), now_us)
            return
        if not asks or len(asks) > (BATCH_MAX if is_batch else 1):
            road.answer(Answer(code="1052" if asks else "1030"), now_us)
            return
        items: list[Item] = []
        placed: list[list[Change]] = []
        for ask in asks:
            item, changes = self._one(ask, now_us)
            items.append(item)
            placed.append(changes)
        road.answer(Answer(items, is_batch=is_batch), now_us)
        for changes in placed:
            if changes:
                self._pushes.announce(changes, now_us)

    def _one(self, ask: JsonObject, now_us: int) -> tuple[Item, list[Change]]:
        try:
            changes = self._rest(self._checked(ask), now_us)
        except _Refusal as refusal:
            return Item("", text(ask, "client_order_id"), refusal.code, refusal.detail), []
        order = changes[0].order
        return Item(order.order_id, client_id(order)), changes

    def _checked(self, ask: JsonObject) -> NewOrder:
        code = text(ask, "contract_code")
        instrument = self._instruments.get(code)
        if instrument is None:
            raise _Refusal("1013" if code else "1066", "contract_code")
        side, mode = text(ask, "side"), text(ask, "margin_mode") or "cross"
        order_type, life = text(ask, "type") or "limit", (text(ask, "time_in_force") or "gtc").lower()
        wrong = [
            name
            for name, is_right in (
                ("side", side in ("buy", "sell")),
                ("margin_mode", mode in _MODES),
                ("type", order_type in _RESTING),
                ("time_in_force", life in _LIVES),
            )
            if not is_right
        ]
        if wrong:
            raise _Refusal("1067", wrong[0])
        qty = _positive(ask, "volume")
        if qty != qty.to_integral_value():
            raise _Refusal("1067", "volume")
        position_side = text(ask, "position_side") or "both"
        return NewOrder(
            instrument=instrument.code,
            side=Side(side),
            price=_positive(ask, "price"),
            qty=qty,
            client_order_id=_number(ask, "client_order_id") or None,
            terms={"type": order_type, "margin_mode": mode, "time_in_force": life, "position_side": position_side},
        )

    def _rest(self, new: NewOrder, now_us: int) -> list[Change]:
        try:
            order = self._floor.book.place(new, now_us)
        except CapReached:
            raise _Refusal("1030") from None
        changes = [Change(order, None)]
        if new.terms["time_in_force"] != "gtc":
            changes.append(Change(self._floor.book.cancel(order.order_id, EndedBy.VENUE, now_us, BY_SYSTEM), None))
        return changes


def _positive(fields: JsonObject, name: str) -> Decimal:
    number = wire.decimal_text(fields.get(name))
    if number is None or number <= 0:
        raise _Refusal("1067", name)
    return number


def _number(fields: JsonObject, name: str) -> str:
    """A client id: an integer, as a text or a number; "" where there is none."""
    value = fields.get(name)
    if value is None or value == "":
        return ""
    written = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else "-"
    if not written.isascii() or not written.isdigit() or not 0 < int(written) < 2**63:
        raise _Refusal("1065")
    return written
