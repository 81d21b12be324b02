"""The two generations of Bitget at the edges of an order: subscriptions, trade frames, and how a change is printed.

Everything else in this package (sessions, pushes, fates, queries) is the same for both and asks here. This file knows
no order's life.
"""

import re
from functools import partial
from typing import Protocol

from daemon.sim import wire
from daemon.sim.clock import VenueClock
from daemon.sim.pushing import Change
from daemon.sim.venues.bitget import limits
from daemon.sim.venues.bitget.batch import UNIFIED_MAX, objects, unified_asks
from daemon.sim.venues.bitget.cancel import Answer, CancelAsk, Cancels
from daemon.sim.venues.bitget.instruments import CLASSIC_PRODUCTS, SPOT, UNIFIED_PRODUCTS, Instrument, Instruments
from daemon.sim.venues.bitget.options import BitgetOptions
from daemon.sim.venues.bitget.roads import ClassicRoad, SocketRoad, UnifiedRoad
from daemon.sim.venues.bitget.rows import futures_push, spot_push, unified_push
from daemon.sim.venues.bitget.session import BitgetConnection, Sessions, Subscription
from daemon.sim.wire import JsonObject, text

_ID = re.compile(r"[0-9A-Za-z_:#\-+\s]{1,40}")
CANCEL, BATCH = "cancel-order", "batch-cancel"


class MakeClassicRoad(Protocol):
    """Makes the way back for a v2 trade."""

    def __call__(self, *, connection: BitgetConnection, arg: JsonObject) -> ClassicRoad:
        """Make it."""


class MakeUnifiedRoad(Protocol):
    """Makes the way back for a v3 trade."""

    def __call__(self, *, connection: BitgetConnection, frame_id: str) -> UnifiedRoad:
        """Make it."""


class Generation(Protocol):
    """What differs."""

    name: str
    path: str
    gone: str
    foreign: str
    products: tuple[str, ...]

    def subscription(self, arg: JsonObject) -> Subscription | None:
        """What an arg subscribes to; None for what does not exist."""

    def extras(self, connection: BitgetConnection) -> JsonObject:
        """What a login's and a subscription's answer have beside the common fields."""

    def pushed(self, change: Change, instrument: Instrument, clock: VenueClock) -> JsonObject:
        """The row of a push."""

    def strange_push(self, order_id: str) -> JsonObject:
        """A push with a status that nobody has heard of."""


class Classic(Generation):
    """v2."""

    name = "bitget"
    path = "/v2/ws/private"
    gone = "43001"
    foreign = "25245"
    products = CLASSIC_PRODUCTS

    def subscription(self, arg: JsonObject) -> Subscription | None:
        """Bitget: Contract, Spot / WebSocket / Order channel: a symbol, or `default` for all."""
        product, symbol = text(arg, "instType"), text(arg, "instId")
        if text(arg, "channel") != "orders" or product not in self.products or not symbol:
            return None
        return Subscription(product, "" if symbol == "default" else symbol, wire.dumps(arg))

    def extras(self, connection: BitgetConnection) -> JsonObject:
        """None."""
        return {}

    def pushed(self, change: Change, instrument: Instrument, clock: VenueClock) -> JsonObject:
        """The row of the orders channel."""
        prints = spot_push if instrument.product == SPOT else futures_push
        return prints(change, instrument, clock)

    def strange_push(self, order_id: str) -> JsonObject:
        """`suspended` is none of the words."""
        row = {"instId": "BTCUSDT", "orderId": order_id, "clientOid": "", "status": "suspended", "uTime": ""}
        arg = {"instType": "USDT-FUTURES", "channel": "orders", "instId": "default"}
        return {"action": "snapshot", "arg": arg, "data": [row], "ts": 0}


class Unified(Generation):
    """v3."""

    name = "bitget_uta"
    path = "/v3/ws/private"
    gone = "25204"
    foreign = "40085"
    products = UNIFIED_PRODUCTS

    def subscription(self, arg: JsonObject) -> Subscription | None:
        """Bitget: Unified account / WebSocket / Order channel: all categories at once, `UTA` in capitals."""
        if text(arg, "topic") != "order" or text(arg, "instType") != "UTA":
            return None
        return Subscription("", "", wire.dumps(arg))

    def extras(self, connection: BitgetConnection) -> JsonObject:
        """The connection's name."""
        return {"connId": connection.token}

    def pushed(self, change: Change, instrument: Instrument, clock: VenueClock) -> JsonObject:
        """The row of the order topic."""
        return unified_push(change, instrument, clock)

    def strange_push(self, order_id: str) -> JsonObject:
        """`suspended` is none of the words."""
        row = {
            "category": "spot",
            "symbol": "BTCUSDT",
            "orderId": order_id,
            "clientOid": "",
            "orderStatus": "suspended",
        }
        return {"action": "snapshot", "arg": {"instType": "UTA", "topic": "order"}, "data": [row], "ts": 0}


class ClassicTrades:
    """Reads v2 trade frames: exactly one arg, with its own id."""

    def __init__(
        self, options: BitgetOptions, instruments: Instruments, sessions: Sessions, cancels: Cancels,
        make_road: MakeClassicRoad,
    ) -> None:  # fmt: skip
        self._options = options
        self._instruments = instruments
        self._sessions = sessions
        self._cancels = cancels
        self._make_road = make_road

    def __call__(self, connection: BitgetConnection, document: JsonObject, now_us: int) -> None:
        """Carry out one trade frame."""
        args = document.get("args")
        arg = args[0] if isinstance(args, list) and len(args) == 1 else None
        if not isinstance(arg, dict) or not _ID.fullmatch(text(arg, "id")):
            self._sessions.error(connection, "30016", now_us)
            return
        params = arg.get("params")
        fields: JsonObject = params if isinstance(params, dict) else {}
        if text(arg, "channel") == CANCEL:
            self._cancels.arrived(text(fields, "orderId"), text(fields, "clientOid"))
        road = self._make_road(connection=connection, arg=arg)
        if is_barred(self._options, road, now_us):
            return
        if text(arg, "channel") != CANCEL:
            road.answer(Answer("30001", detail=f"channel:{text(arg, 'channel')}"), now_us)
            return
        self._cancels.single(self._ask(arg, fields), road, now_us)

    def _ask(self, arg: JsonObject, fields: JsonObject) -> CancelAsk:
        product, symbol = text(arg, "instType"), text(arg, "instId")
        ask = partial(
            CancelAsk, product, symbol, text(fields, "orderId"), text(fields, "clientOid"),
            limits.SPOT_CANCEL if product == SPOT else limits.MIX_CANCEL,
        )  # fmt: skip
        if product not in CLASSIC_PRODUCTS:
            return ask("41101", f"instType={product}")
        return ask() if self._instruments.get(product, symbol) else ask("41101", f"instId={symbol}")


class UnifiedTrades:
    """Reads v3 trade frames: the id at the top, a category in small letters or none, one arg."""

    def __init__(
        self, options: BitgetOptions, sessions: Sessions, cancels: Cancels, make_road: MakeUnifiedRoad
    ) -> None:
        self._options = options
        self._sessions = sessions
        self._cancels = cancels
        self._make_road = make_road

    def __call__(self, connection: BitgetConnection, document: JsonObject, now_us: int) -> None:
        """Carry out one trade frame."""
        args = objects(document.get("args"))
        frame_id, topic = text(document, "id"), text(document, "topic")
        if not args or (topic != BATCH and len(args) > 1) or not _ID.fullmatch(frame_id):
            self._sessions.error(connection, "30016", now_us)
            return
        for arg in args if topic in (CANCEL, BATCH) else ():
            self._cancels.arrived(text(arg, "orderId"), text(arg, "clientOid"))
        road = self._make_road(connection=connection, frame_id=frame_id)
        if is_barred(self._options, road, now_us):
            return
        if topic not in (CANCEL, BATCH) or len(args) > UNIFIED_MAX:
            problem = Answer("40912") if topic == BATCH else Answer("30001", detail=f"topic:{topic}")
            road.answer(problem, now_us)
            return
        category = text(document, "category")
        is_known = not category or (category == category.lower() and category.upper() in UNIFIED_PRODUCTS)
        if topic == BATCH and is_known:
            self._cancels.batch(unified_asks(args, category.upper()), limits.UTA_BATCH, road, road, now_us)
            return
        arg = args[0]
        ask = CancelAsk(
            category.upper(), "", text(arg, "orderId"), text(arg, "clientOid"), limits.UTA_CANCEL,
            "" if is_known else "41101", "" if is_known else f"category={category}",
        )  # fmt: skip
        self._cancels.single(ask, road, now_us)


def is_barred(options: BitgetOptions, road: SocketRoad, now_us: int) -> bool:
    """Refuse a trade of a key without the permission for it; whether it was."""
    if options.takes_ws_trades:
        return False
    if options.refuses_by_session:
        road.session_error("30003", now_us)
    else:
        road.answer(Answer("40014"), now_us)
    return True
