"""Cancels, single and batch, over whichever road they came: checks, rate limits, the order's fate, and the way of the
answer.

HTX: Orders / Cancel Order, Cancel multiple orders, Cancel all orders, and their WebSocket twins. `order_id` wins over
`client_order_id`, which resolves only while its order lives. What becomes of an order is `fate`'s; this file decides
whether the request reaches it, and when, where and whether the answer and the pushes leave. The faults of that are
described in `meanings`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from daemon.sim.book import Order
from daemon.sim.fates import Fate
from daemon.sim.faults import Fault
from daemon.sim.losses import LEFT_OUT, loss_of
from daemon.sim.timers import MILLISECOND_US
from daemon.sim.venue import Floor
from daemon.sim.venues.htx import codes, limits
from daemon.sim.venues.htx.fate import NO_SUCH_ORDER, Fates
from daemon.sim.venues.htx.instruments import Instruments
from daemon.sim.venues.htx.options import HtxOptions
from daemon.sim.venues.htx.push import Pushes
from daemon.sim.venues.htx.road import USER, Answer, Item, Road, missing_echo
from daemon.sim.venues.htx.rows import client_id
from daemon.sim.wire import JsonObject

BATCH_MAX = 10
CANCEL_OPS = frozenset({"cancel_order", "cancel_batch_orders"})
"""The WebSocket operations and the last parts of the REST paths that cancel orders which they name."""


@dataclass(frozen=True, slots=True)
class CancelAsk:
    """One cancel as it was asked: a contract, and an order by its id or its client id ("" where not given)."""

    contract_code: str
    order_id: str = ""
    client_order_id: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class _Delivery:
    """How the answer travels: cut ("" for not), lost, late by `delay_us`, after the push, without which ids."""

    cut: str = ""
    is_lost: bool = False
    delay_us: int = 0
    is_push_first: bool = False
    echo: str = ""


@dataclass(frozen=True, slots=True)
class _Carried:
    item: Item
    fate: Fate


def asks_of(data: object) -> list[CancelAsk]:
    """The cancels that a command's data names: one, or lists of ids of one contract."""
    if not isinstance(data, dict):
        return []
    contract_code = _text(data.get("contract_code"))
    order_ids, client_ids = data.get("order_id"), data.get("client_order_id")
    if not isinstance(order_ids, list) and not isinstance(client_ids, list):
        return [CancelAsk(contract_code, _text(order_ids), _text(client_ids))]
    asks = [CancelAsk(contract_code, order_id=_text(each)) for each in _listed(order_ids)]
    return asks + [CancelAsk(contract_code, client_order_id=_text(each)) for each in _listed(client_ids)]


def count_arrivals(floor: Floor, op: str, data: object) -> None:
    """Count cancels under the orders that they name, before anything is checked; other operations are passed over."""
    if op not in CANCEL_OPS:
        return
    for ask in asks_of(data):
        order = None if ask.order_id else floor.book.by_client_id(ask.client_order_id)
        floor.stats.cancel(order.order_id if order else ask.order_id or ask.client_order_id)


class Cancels:
    """Carries out cancels."""

    def __init__(
        self, floor: Floor, options: HtxOptions, instruments: Instruments, fates: Fates, pushes: Pushes
    ) -> None:
        self._floor = floor
        self._faults = floor.faults
        self._options = options
        self._instruments = instruments
        self._fates = fates
        self._pushes = pushes

    def single(self, ask: CancelAsk, road: Road, now_us: int) -> None:
        """Cancel one order."""
        order_id = self._order_id(ask)
        delivery = self._delivery(order_id, road, now_us)
        if delivery is None or self._is_limited(road, now_us):
            return
        carried = self._carry_out(ask, now_us)
        answer = Answer([carried.item], echo=delivery.echo, order_id=order_id)
        self._deliver(delivery, road, answer, [carried], now_us)

    def batch(self, asks: Sequence[CancelAsk], road: Road, now_us: int) -> None:
        """Cancel up to ten orders, each for itself."""
        if not asks or len(asks) > BATCH_MAX:
            road.answer(Answer(code="1052" if asks else "1066", detail="order_id"), now_us)
            return
        order_ids = [self._order_id(ask) for ask in asks]
        delivery = self._delivery(order_ids[0], road, now_us)
        if delivery is None or self._is_limited(road, now_us):
            return
        loss = loss_of(self._faults, order_ids[0], len(asks))
        carried = [
            self._carry_out(replace(ask, problem=loss.problem) if at == loss.at else ask, now_us)
            for at, ask in enumerate(asks)
        ]
        whole = [each for each in carried if each.item.code != LEFT_OUT]
        items = [each.item for each in whole]
        if not loss.is_reordered:
            items.reverse()  # HTX's own sample is not in the order of the request either
        answer = Answer(items, is_batch=True, echo=delivery.echo, order_id=order_ids[0])
        self._deliver(delivery, road, answer, whole, now_us)

    def everything(self, data: JsonObject, road: Road, now_us: int) -> None:
        """Cancel all orders, or those of a contract or side."""
        if self._is_limited(road, now_us):
            return
        contract_code, side = _text(data.get("contract_code")).upper(), _text(data.get("side"))
        carried = [
            self._carry_out(CancelAsk(order.instrument, order.order_id), now_us)
            for order in self._floor.book.live()
            if contract_code in ("", order.instrument) and side in ("", order.side.value)
        ]
        answer = Answer([each.item for each in carried], is_batch=True)
        self._deliver(_Delivery(delay_us=self._options.ack_delay_us), road, answer, carried, now_us)

    def _order_id(self, ask: CancelAsk) -> str:
        """What the faults of a cancel are drawn for: its order, as far as that can be known."""
        order = self._find(ask)
        return order.order_id if order else ask.order_id or ask.client_order_id

    def _find(self, ask: CancelAsk) -> Order | None:
        if ask.order_id:
            return self._floor.book.get(ask.order_id)
        order = self._floor.book.by_client_id(ask.client_order_id) if ask.client_order_id else None
        return None if order is None or order.ord_status.is_terminal else order

    def _is_limited(self, road: Road, now_us: int) -> bool:
        if self._floor.rates.take(limits.TRADE, USER, now_us):
            return False
        road.answer(Answer(code=codes.TOO_MANY), now_us)
        return True

    def _delivery(self, order_id: str, road: Road, now_us: int) -> _Delivery | None:
        """Draw how the answer travels; None if the request ends here, unprocessed."""
        fires = self._faults.fires
        if road.is_socket and fires(Fault.HALF_OPEN, order_id) is not None:
            road.silence()
            return None
        seconds = fires(Fault.NOTICE_CLOSE, order_id) if road.is_socket else None
        if seconds is not None:
            road.notice(float(seconds), now_us)
        cut = fires(Fault.DISCONNECT, order_id) or ""
        if cut == "before_process":
            road.cut()
            return None
        lost = fires(Fault.NO_ACK, order_id)
        if lost == "lost":
            return None
        echo = missing_echo(self._floor, order_id, road)
        if echo == "error":
            road.answer(Answer(echo=echo), now_us)
            return None
        late = fires(Fault.ACK_LATE, order_id)
        push_first = fires(Fault.PUSH_BEFORE_ACK, order_id) if late is None else None
        delay_us = round(float(late or push_first or 0) * MILLISECOND_US) or self._options.ack_delay_us
        if push_first is not None:
            delay_us += self._options.push_delay_us
        return _Delivery(cut, lost is not None, delay_us, push_first is not None, echo)

    def _carry_out(self, ask: CancelAsk, now_us: int) -> _Carried:
        order = self._find(ask)
        problem, detail = (ask.problem, "") if ask.problem else self._problem(ask, order)
        fate = Fate(problem) if problem else self._fates.of(order, now_us)
        if fate.code == codes.OK and order is not None:
            return _Carried(Item(order.order_id, client_id(order)), fate)
        return _Carried(Item(ask.order_id, ask.client_order_id, fate.code, detail), fate)

    def _problem(self, ask: CancelAsk, order: Order | None) -> tuple[str, str]:
        """The code that ends a cancel before its order's fate, and its detail; "" if there is none."""
        if not ask.contract_code:
            return "1066", "contract_code"
        instrument = self._instruments.get(ask.contract_code)
        if instrument is None:
            return "1013", ""
        if not ask.order_id and not ask.client_order_id:
            return "1066", "order_id"
        if ask.order_id and not _is_number(ask.order_id):
            return "1067", "order_id"
        if not ask.order_id and not _is_number(ask.client_order_id):
            return "1065", ""
        is_elsewhere = order is not None and order.instrument != instrument.code
        return (NO_SUCH_ORDER, "") if is_elsewhere else ("", "")

    def _deliver(
        self, delivery: _Delivery, road: Road, answer: Answer, carried: Sequence[_Carried], now_us: int
    ) -> None:
        """Let the answer and the pushes leave, in the order that was drawn."""
        early = [each.fate for each in carried if each.fate.changes and each.fate.is_push_first]
        later = [each.fate for each in carried if each.fate.changes and not each.fate.is_push_first]
        if delivery.is_push_first:
            early, later = early + later, []
        if delivery.cut == "before_ack":
            road.cut()
        for fate in early:
            self._pushes.announce(fate.changes, now_us)
        if not delivery.is_lost and delivery.cut != "before_ack":
            self._floor.later(delivery.delay_us, now_us, self._leave(delivery, road, answer))
        for fate in later:
            self._pushes.announce(fate.changes, now_us)

    def _leave(self, delivery: _Delivery, road: Road, answer: Answer) -> Callable[[int], None]:
        def leave(at_us: int) -> None:
            road.answer(answer, at_us)
            if delivery.cut == "after_ack":
                road.cut()

        return leave


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text) < 2**63


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _text(value: object) -> str:
    """An id or word, written as a text or a number; "" for anything else."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""
