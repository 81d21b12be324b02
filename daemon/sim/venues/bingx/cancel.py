"""Cancels by REST, single and in lists: checks, limits, the order's fate, and the way of the answer.

BingX: Spot / Trade / Cancel Order, Cancel multiple orders, Cancel all open orders. `orderId` wins over `clientOrderID`,
which is found for two hours only. What becomes of an order is `fate`'s; this file decides whether the request reaches
it, and when and whether the answer and the pushes leave. The faults of that are described in `meanings`.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from daemon.sim.book import Order
from daemon.sim.faults import Fault
from daemon.sim.losses import loss_of
from daemon.sim.timers import MILLISECOND_US, SECOND_US
from daemon.sim.venue import Floor
from daemon.sim.venues.bingx import codes, limits
from daemon.sim.venues.bingx.call import Answers, Call, Refusal
from daemon.sim.venues.bingx.fate import Fate, Fates
from daemon.sim.venues.bingx.options import BingxOptions
from daemon.sim.venues.bingx.push import Pushes
from daemon.sim.venues.bingx.rows import STATUSES, cancel_row
from daemon.sim.venues.bingx.session import Sessions
from daemon.sim.wire import JsonObject

ALIAS_KEPT_US = 2 * 3_600 * SECOND_US
CANCELS = frozenset({"cancel", "cancelOrders"})
"""The last parts of the paths that name orders to cancel."""
_ORDER_ID = re.compile(r"\d{1,19}")
_CLIENT_ID = re.compile(r"[A-Za-z0-9_]{1,40}")


@dataclass(frozen=True, slots=True)
class _Ask:
    """An order as a cancel names it: by either id, "" where it is not given."""

    order_id: str
    client_order_id: str


@dataclass(frozen=True, slots=True)
class _Delivery:
    """How the answer travels: cut ("" for not), lost, late by `delay_us`, after the push, without ids."""

    cut: str = ""
    is_lost: bool = False
    delay_us: int = 0
    is_push_first: bool = False
    lacks_ids: bool = False


def find(floor: Floor, symbol: str, order_id: str, client_order_id: str, now_us: int) -> Order | None:
    """The order that is named, in its symbol; by client id the latest of the last two hours."""
    if order_id:
        order = floor.book.get(order_id)
    else:
        order = floor.book.by_client_id(client_order_id) if client_order_id else None
        if order is not None and order.created_us <= now_us - ALIAS_KEPT_US:
            return None
    return order if order is not None and order.instrument == symbol else None


def count_arrivals(floor: Floor, call: Call) -> None:
    """Count cancels under the orders that they name, before anything is checked; other calls are passed over."""
    if call.name not in CANCELS:
        return
    for ask in _asks(call):
        order = None if ask.order_id else floor.book.by_client_id(ask.client_order_id)
        named = order.order_id if order else ask.order_id or ask.client_order_id
        if named:
            floor.stats.cancel(named)


class Cancels:
    """Carries out cancels."""

    def __init__(
        self,
        floor: Floor,
        options: BingxOptions,
        fates: Fates,
        pushes: Pushes,
        sessions: Sessions,
        answers: Answers,
    ) -> None:
        self._floor = floor
        self._faults = floor.faults
        self._options = options
        self._fates = fates
        self._pushes = pushes
        self._sessions = sessions
        self._answers = answers
        self._recent: dict[str, int] = {}

    def single(self, call: Call) -> None:
        """Cancel one order."""
        ask = _asks(call)[0]
        order = self._find(call, ask)
        name = order.order_id if order else ask.order_id or ask.client_order_id
        delivery = self._delivery(call, name)
        if delivery is None:
            return
        fate = self._problem(call, ask, order) or self._fates.of(order, call.now_us)
        if fate.code == "0" and order is not None:
            row = _without_ids(cancel_row(order, fate.status)) if delivery.lacks_ids else cancel_row(order, fate.status)
            document: JsonObject = {"code": 0, "msg": "", "debugMsg": "", "data": row}
            answer = partial(self._answer, call, document, name)
        else:
            answer = partial(self._refuse, call, fate, name)
        self._deliver(call, delivery, answer, [fate])

    def several(self, call: Call) -> None:
        """Cancel a list of orders; with `process` 1 each for itself, and what fails is a row of the answer."""
        asks = _asks(call)
        if not any(ask.order_id or ask.client_order_id for ask in asks):
            raise Refusal("100400", codes.text("100400", "OrderIds"))
        names = [self._name(call, ask) for ask in asks]
        delivery = self._delivery(call, names[0])
        if delivery is None:
            return
        if call.text("process") != "1":
            missing = [ask for ask in asks if not _is_live(self._find(call, ask))]
            if missing:
                raise Refusal("100400", codes.NOT_LIVE_TEXTS["100400"][0])
        loss = loss_of(self._faults, names[0], len(names))
        fates: list[Fate] = []
        orders: list[JsonObject] = []
        fails: list[JsonObject] = []
        for at, ask in enumerate(asks):
            if at == loss.at:
                continue
            order = self._find(call, ask)
            fate = self._item_problem(ask, order, call.now_us) or self._fates.of(order, call.now_us)
            fates.append(fate)
            if fate.code == "0" and order is not None:
                row = cancel_row(order, fate.status)
                orders.append(_without_ids(row) if delivery.lacks_ids else row)
            else:
                fails.append(self._failure(ask, fate, order))
        if loss.is_reordered:
            orders.reverse()
            fails.reverse()
        document: JsonObject = {"code": 0, "msg": "", "debugMsg": "", "data": {"orders": orders, "fails": fails}}
        self._deliver(call, delivery, partial(self._answer, call, document, names[0]), fates)

    def all_open(self, call: Call) -> None:
        """Cancel everything on a symbol, or without one everything."""
        symbol = call.text("symbol")
        rows: list[JsonObject] = []
        for order in list(self._floor.book.live()):
            if symbol in ("", order.instrument):
                fate = self._fates.of(order, call.now_us)
                if fate.code == "0":
                    rows.append(cancel_row(order, fate.status))
                self._pushes.announce(fate.changes, call.now_us)
        self._answers.data(call, {"orders": rows})

    # ------------------------------------------------------------ one order

    def _find(self, call: Call, ask: _Ask) -> Order | None:
        return find(self._floor, call.text("symbol"), ask.order_id, ask.client_order_id, call.now_us)

    def _name(self, call: Call, ask: _Ask) -> str:
        order = self._find(call, ask)
        return order.order_id if order else ask.order_id or ask.client_order_id

    def _problem(self, call: Call, ask: _Ask, order: Order | None) -> Fate | None:
        """What ends a single cancel before its order's fate; None if nothing does."""
        if not call.text("symbol"):
            return Fate("100400", codes.text("100400", "Symbol"))
        if not ask.order_id and not ask.client_order_id:
            return Fate("100400", "orderId and clientOrderID are both empty")
        wanted = call.text("cancelRestrictions")
        if wanted not in ("", "NEW", "PENDING", "PARTIALLY_FILLED"):
            return Fate("100400", codes.text("100400", "CancelRestrictions"))
        if _is_live(order) and order is not None and wanted and wanted != STATUSES[order.ord_status]:
            return Fate("100400", f"the order is {STATUSES[order.ord_status]}, which cancelRestrictions exclude")
        return self._item_problem(ask, order, call.now_us)

    def _item_problem(self, ask: _Ask, order: Order | None, now_us: int) -> Fate | None:
        if ask.order_id and not _ORDER_ID.fullmatch(ask.order_id):
            return Fate("100400", codes.text("100400", "OrderId"))
        if not ask.order_id and not _CLIENT_ID.fullmatch(ask.client_order_id):
            return Fate("100400", codes.text("100400", "ClientOrderID"))
        if order is not None and self._is_too_soon(order.order_id, now_us):
            return Fate("100400", codes.ONCE_PER_SECOND)
        return None

    def _is_too_soon(self, order_id: str, now_us: int) -> bool:
        """Whether the order was cancelled within the last second already: a breach."""
        while self._recent and next(iter(self._recent.values())) <= now_us - limits.SAME_ORDER_GAP_US:
            del self._recent[next(iter(self._recent))]
        if order_id in self._recent:
            self._floor.rates.take(limits.SAME_ORDER, order_id, now_us)
            return True
        self._recent[order_id] = now_us
        return False

    def _failure(self, ask: _Ask, fate: Fate, order: Order | None) -> JsonObject:
        """A row of `fails`: the id is a text here, and the text names the order's status."""
        named = order.order_id if order else ask.order_id
        now = self._floor.book.get(named) if named else None
        said = fate.text
        if now is not None and fate.code == "100404":
            said = codes.CANNOT_DELETE.format(named, STATUSES[now.ord_status])
        return {"orderId": named or "0", "error": said}

    # ------------------------------------------------------------ the way of the answer

    def _delivery(self, call: Call, name: str) -> _Delivery | None:
        """Draw how the answer travels; None if the request ends here, unprocessed."""
        fires = self._faults.fires
        if fires(Fault.HALF_OPEN, name) is not None:
            for connection in self._sessions.subscribed():
                self._sessions.connections.silence(connection)
        cut = fires(Fault.DISCONNECT, name) or ""
        if cut == "before_process":
            self._answers.cut(call)
            return None
        lost = fires(Fault.NO_ACK, name)
        if lost == "lost":
            return None
        lacks_ids = fires(Fault.ID_ECHO_MISSING, name) is not None
        late = fires(Fault.ACK_LATE, name)
        push_first = fires(Fault.PUSH_BEFORE_ACK, name) if late is None else None
        delay_us = round(float(late or push_first or 0) * MILLISECOND_US) or self._options.ack_delay_us
        if push_first is not None:
            delay_us += self._options.push_delay_us
        return _Delivery(cut, lost is not None, delay_us, push_first is not None, lacks_ids)

    def _deliver(self, call: Call, delivery: _Delivery, answer: Callable[[int], None], fates: Sequence[Fate]) -> None:
        """Let the answer and the pushes leave, in the order that was drawn."""
        now_us = call.now_us
        early = [fate for fate in fates if fate.changes and (fate.is_push_first or delivery.is_push_first)]
        later = [fate for fate in fates if fate.changes and fate not in early]
        if delivery.cut == "before_ack":
            self._answers.cut(call)
        for fate in early:
            self._pushes.announce(fate.changes, now_us)
        if not delivery.is_lost and delivery.cut != "before_ack":
            self._floor.later(delivery.delay_us, now_us, answer)
        if delivery.cut == "after_ack":
            for connection in self._sessions.subscribed():
                self._sessions.connections.abort(connection)
        for fate in later:
            self._pushes.announce(fate.changes, now_us)

    def _answer(self, call: Call, document: JsonObject, name: str, at_us: int) -> None:
        self._answers.body(call, document, order_id=name)

    def _refuse(self, call: Call, fate: Fate, name: str, at_us: int) -> None:
        self._answers.refuse(call, fate.code, fate.text, at_us, order_id=name)


def _asks(call: Call) -> list[_Ask]:
    """The orders that a call names."""
    if call.name == "cancel":
        return [_Ask(call.text("orderId"), call.text("clientOrderID"))]
    if call.text("orderIds"):
        return [_Ask(each, "") for each in call.text("orderIds").split(",")]
    return [_Ask("", each) for each in call.text("clientOrderIDs").split(",")]


def _is_live(order: Order | None) -> bool:
    return order is not None and not order.ord_status.is_terminal


def _without_ids(row: JsonObject) -> JsonObject:
    return {key: value for key, value in row.items() if key not in ("orderId", "clientOrderID")}
