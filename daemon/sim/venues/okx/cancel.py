"""Cancels, single and batch, over whichever road they came: checks, rate limits, the order's fate, and the way of the
answer.

OKX: Trade / POST Cancel order, Cancel multiple orders, and their WebSocket twins. `ordId` wins over `clOrdId`. What
becomes of an order is `fate`'s; this file decides whether the request reaches it, and when, where and whether the
answer and the pushes leave. The faults of that are described in `meanings`.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from daemon.sim.book import Order
from daemon.sim.faults import Fault
from daemon.sim.losses import LEFT_OUT, loss_of
from daemon.sim.timers import MILLISECOND_US
from daemon.sim.venue import Floor
from daemon.sim.venues.okx import codes
from daemon.sim.venues.okx.codes import Place
from daemon.sim.venues.okx.fate import Fate
from daemon.sim.venues.okx.options import OkxOptions
from daemon.sim.venues.okx.product import Product
from daemon.sim.venues.okx.push import Pushes
from daemon.sim.venues.okx.road import Answer, Item, Road, refused
from daemon.sim.wire import text

BATCH_MAX = 20
CANCEL_OPS = frozenset({"cancel-order", "batch-cancel-orders", "cancel-batch-orders", "sprd-cancel-order"})
"""The WebSocket operations and the last parts of the REST paths that cancel."""
_ORDER_ID = re.compile(r"\d{1,20}")
_CLIENT_ID = re.compile(r"[A-Za-z0-9]{1,32}")


@dataclass(frozen=True, slots=True)
class CancelAsk:
    """One cancel as it was asked: an order by its id or its client id, and its instrument ("" where not given).

    `problem`: a code that the road's own checks found, with the parameter's name, which ends it before the order is
    looked up.
    """

    instrument: str
    order_id: str
    client_order_id: str
    problem: str = ""
    detail: str = ""


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


def count_arrivals(floor: Floor, op: str, args: Sequence[object]) -> None:
    """Count cancels under the orders that they name, before anything is checked; other operations are passed over."""
    if op not in CANCEL_OPS:
        return
    for arg in args:
        if isinstance(arg, dict):
            order_id, client_order_id = text(arg, "ordId"), text(arg, "clOrdId")
            order = None if order_id else floor.book.by_client_id(client_order_id)
            floor.stats.cancel(order.order_id if order else order_id or client_order_id)


class Judge(Protocol):
    """Decides and carries out the fate of a cancel that has reached the order: the product's own business."""

    def of(self, order: Order | None, now_us: int) -> Fate:
        """The fate of a cancel of this order; None is an unknown one."""


class Cancels:
    """Carries out cancels."""

    def __init__(self, floor: Floor, options: OkxOptions, product: Product, fates: Judge, pushes: Pushes) -> None:
        self._product = product
        self._floor = floor
        self._faults = floor.faults
        self._options = options
        self._fates = fates
        self._pushes = pushes

    def single(self, ask: CancelAsk, road: Road, now_us: int) -> None:
        """Cancel one order."""
        order_id = self._order_id(ask)
        delivery = self._delivery(order_id, road, now_us)
        if delivery is None:
            return
        carried = self._carry_out(ask, now_us, is_single=True)
        self._deliver(delivery, road, self._answer(ask, carried.item, delivery, road, order_id), [carried], now_us)

    def batch(self, asks: Sequence[CancelAsk], road: Road, now_us: int) -> None:
        """Cancel up to twenty orders, each for itself; a batch of one counts as a single cancel."""
        if len(asks) > BATCH_MAX:
            road.answer(Answer(code="51406"), now_us)
            return
        order_ids = [self._order_id(ask) for ask in asks]
        delivery = self._delivery(order_ids[0], road, now_us)
        if delivery is None:
            return
        loss = loss_of(self._faults, order_ids[0], len(asks))
        carried = [
            self._carry_out(
                replace(ask, problem=loss.problem) if at == loss.at else ask, now_us, is_single=len(asks) == 1
            )
            for at, ask in enumerate(asks)
        ]
        whole = [each for each in carried if each.item.code != LEFT_OUT]
        if loss.is_reordered:
            whole.reverse()
        answer = Answer([each.item for each in whole], echo=delivery.echo, order_id=order_ids[0])
        self._deliver(delivery, road, answer, whole, now_us)

    def everything(self, instrument: str, now_us: int) -> None:
        """Cancel all that rests, in an instrument or ("") anywhere; only the pushes say what became of it."""
        for order in list(self._floor.book.live()):
            if instrument in ("", order.instrument):
                fate = self._fates.of(order, now_us)
                self._pushes.announce(fate.changes, now_us, is_together=fate.is_together)

    def _answer(self, ask: CancelAsk, item: Item, delivery: _Delivery, road: Road, order_id: str) -> Answer:
        place = Place.ITEM if item.code == "0" else refused(self._floor, item.code, order_id)
        if place is Place.ITEM:
            return Answer([item], echo=delivery.echo, order_id=order_id)
        if place is Place.EVENT and not road.is_socket:
            place = Place.TOP
        return Answer(code=item.code, place=place, detail=ask.detail, echo=delivery.echo, order_id=order_id)

    def _order_id(self, ask: CancelAsk) -> str:
        """What the faults of a cancel are drawn for: its order, as far as that can be known."""
        order = self._find(ask)
        return order.order_id if order else ask.order_id or ask.client_order_id

    def _find(self, ask: CancelAsk) -> Order | None:
        if ask.order_id:
            return self._floor.book.get(ask.order_id)
        return self._floor.book.by_client_id(ask.client_order_id) if ask.client_order_id else None

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
        echo = self._echo(order_id, road)
        if echo == "error":
            road.answer(Answer(code="60012", place=Place.EVENT), now_us)
            return None
        late = fires(Fault.ACK_LATE, order_id)
        push_first = fires(Fault.PUSH_BEFORE_ACK, order_id) if late is None else None
        delay_us = round(float(late or push_first or 0) * MILLISECOND_US) or self._options.ack_delay_us
        if push_first is not None:
            delay_us += self._options.push_delay_us
        return _Delivery(cut, lost is not None, delay_us, push_first is not None, echo)

    def _echo(self, order_id: str, road: Road) -> str:
        how = self._faults.fires(Fault.ID_ECHO_MISSING, order_id)
        if how is None:
            return ""
        if not road.is_socket:
            return "ack"
        return how or self._faults.pick(Fault.ID_ECHO_MISSING, order_id, ("ack", "id", "error"))

    def _carry_out(self, ask: CancelAsk, now_us: int, *, is_single: bool) -> _Carried:
        order = self._find(ask)
        problem = ask.problem or self._problem(ask, order, now_us, is_single=is_single)
        fate = Fate(problem) if problem else self._fates.of(order, now_us)
        is_accepted = fate.code == "0" and order is not None
        item = Item(
            order_id=order.order_id if is_accepted and order else ask.order_id,
            client_order_id=(order.client_order_id or "") if is_accepted and order else ask.client_order_id,
            code=fate.code,
            message=fate.message or codes.message(fate.code, ask.detail or _wrong_id(ask)),
            created_us=order.created_us if is_accepted and order else 0,
        )
        return _Carried(item, fate)

    def _problem(self, ask: CancelAsk, order: Order | None, now_us: int, *, is_single: bool) -> str:
        """The code that ends a cancel before its order's fate; "" if there is none."""
        rule = self._product.cancel if is_single else self._product.cancel_batch
        if not self._floor.rates.take(rule, self._product.key(ask.instrument), now_us):
            return "50011"
        if not ask.order_id and not ask.client_order_id:
            return "51003"
        if _wrong_id(ask):
            return "51000"
        names_another = order is not None and bool(ask.instrument) and order.instrument != ask.instrument
        return "51408" if names_another else ""

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
            self._pushes.announce(fate.changes, now_us, is_together=fate.is_together)
        if not delivery.is_lost and delivery.cut != "before_ack":
            self._floor.later(delivery.delay_us, now_us, self._leave(delivery, road, answer))
        for fate in later:
            self._pushes.announce(fate.changes, now_us, is_together=fate.is_together)

    def _leave(self, delivery: _Delivery, road: Road, answer: Answer) -> Callable[[int], None]:
        def leave(at_us: int) -> None:
            road.answer(answer, at_us)
            if delivery.cut == "after_ack":
                road.cut()

        return leave


def _wrong_id(ask: CancelAsk) -> str:
    """The parameter whose id is not of OKX's alphabet or length; "" if both are right. A wrong clOrdId beside an
    ordId is not looked at.
    """
    if ask.order_id:
        return "" if _ORDER_ID.fullmatch(ask.order_id) else "ordId"
    return "clOrdId" if ask.client_order_id and not _CLIENT_ID.fullmatch(ask.client_order_id) else ""
