"""Cancels over whichever road they came: checks, rate limits, the order's fate, and the way of the answer.

Bitget: Contract, Spot, Unified account / Cancel order, and their Cancel Order Channels. `orderId` wins over
`clientOid`. What becomes of an order is `fate`'s; this file decides whether the request reaches it, and when, where and
whether the answer and the pushes leave. The faults of that are described in `meanings`.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from daemon.sim.book import Order
from daemon.sim.fates import Fate
from daemon.sim.faults import Fault
from daemon.sim.losses import LEFT_OUT, loss_of
from daemon.sim.rates import RateRule
from daemon.sim.timers import MILLISECOND_US
from daemon.sim.venue import Floor
from daemon.sim.venues.bitget import limits
from daemon.sim.venues.bitget.fate import Fates
from daemon.sim.venues.bitget.instruments import FUTURES
from daemon.sim.venues.bitget.options import BitgetOptions
from daemon.sim.venues.bitget.push import Pushes

_REAL_ID = re.compile(r"\d{15,20}")
_CLIENT_ID = re.compile(r"[.A-Za-z0-9:/_+#-]{1,50}")


@dataclass(frozen=True, slots=True)
class CancelAsk:
    """One cancel as it was asked: product and symbol ("" where the request need not name them), and an order by its id
    or its client id. `problem`: a code that the road's own checks found, with the parameter's name.
    """

    product: str
    symbol: str
    order_id: str
    client_order_id: str
    rule: RateRule
    problem: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What comes back: a code, the ids as the answer gives them, and what ID_ECHO_MISSING leaves out ("ack", "id").

    `fault_id` names the order for the faults of shapes.
    """

    code: str
    order: Order | None = None
    detail: str = ""
    echo: str = ""
    fault_id: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One order's part of the answer to a batch: its code, and the ids as the answer gives them."""

    code: str
    order_id: str
    client_order_id: str
    detail: str = ""


class BatchRoad(Protocol):
    """A way back to whoever asked for several."""

    def answer_batch(self, rows: Sequence[Row], fault_id: str, now_us: int) -> None:
        """Send the answer, row by row."""


class Road(Protocol):
    """A way back to whoever asked."""

    is_socket: bool

    def answer(self, answer: Answer, now_us: int) -> None:
        """Send the answer."""

    def session_error(self, code: str, now_us: int) -> None:
        """Send an error that names nobody; by REST, a refusal."""

    def cut(self) -> None:
        """Cut the connection that the request came on."""

    def silence(self) -> None:
        """Leave the connection open and dead."""

    def notice(self, seconds: float, now_us: int) -> None:
        """Announce that the connection will be closed."""


@dataclass(frozen=True, slots=True)
class _Delivery:
    """How the answer travels: cut ("" for not), lost, late by `delay_us`, after the push, without which ids."""

    cut: str = ""
    is_lost: bool = False
    delay_us: int = 0
    is_push_first: bool = False
    echo: str = ""


class Cancels:
    """Carries out cancels."""

    def __init__(self, floor: Floor, options: BitgetOptions, fates: Fates, pushes: Pushes) -> None:
        self._floor = floor
        self._faults = floor.faults
        self._options = options
        self._fates = fates
        self._pushes = pushes

    def arrived(self, order_id: str, client_order_id: str) -> None:
        """Count a cancel under the order that it names, before anything is checked."""
        order = None if order_id else self._floor.book.by_client_id(client_order_id)
        self._floor.stats.cancel(order.order_id if order else order_id or client_order_id)

    def single(self, ask: CancelAsk, road: Road, now_us: int) -> None:
        """Cancel one order."""
        order = self._find(ask)
        fault_id = order.order_id if order else ask.order_id or ask.client_order_id
        delivery = self._delivery(fault_id, road, now_us)
        if delivery is None:
            return
        problem, detail = self._problem(ask, order, now_us)
        fate = Fate(problem) if problem else self._fates.of(order, now_us)
        if fate.code.startswith("30") and road.is_socket and not problem:
            road.session_error(fate.code, now_us)
            return
        answer = Answer(fate.code, order, detail, delivery.echo, fault_id)
        self._deliver(delivery, road, answer, fate, now_us)

    def batch(self, asks: Sequence[CancelAsk], rule: RateRule, road: Road, back: BatchRoad, now_us: int) -> None:
        """Cancel several orders, each for itself; the call counts once, by its own rule."""
        orders = [self._find(ask) for ask in asks]
        fault_id = orders[0].order_id if orders[0] else asks[0].order_id or asks[0].client_order_id
        delivery = self._delivery(fault_id, road, now_us)
        if delivery is None:
            return
        if not self._floor.rates.take(rule, "uid", now_us):
            road.answer(Answer("429", fault_id=fault_id), now_us)
            return
        rows: list[Row] = []
        fates: list[Fate] = []
        loss = loss_of(self._faults, fault_id, len(asks))
        for at, (ask, order) in enumerate(zip(asks, orders, strict=True)):
            problem, detail = (loss.problem, "") if at == loss.at else self._problem_of(ask, order, now_us)
            if problem == LEFT_OUT:
                continue
            fate = Fate(problem) if problem else self._fates.of(order, now_us)
            fates.append(fate)
            ids = (order.order_id, order.client_order_id or "") if order else (ask.order_id, ask.client_order_id)
            rows.append(Row(fate.code, *(("", "") if delivery.echo == "ack" else ids), detail))
        if loss.is_reordered:
            rows.reverse()
        self._send(delivery, road, lambda at_us: back.answer_batch(rows, fault_id, at_us), fates, now_us)

    def symbol(self, orders: Sequence[Order], road: Road, back: BatchRoad, now_us: int) -> None:
        """Cancel everything that a venue-wide call takes in."""
        fates = [self._fates.of(order, now_us) for order in orders]
        rows = [
            Row(fate.code, order.order_id, order.client_order_id or "")
            for fate, order in zip(fates, orders, strict=True)
        ]
        delivery = _Delivery(delay_us=self._options.ack_delay_us)
        self._send(delivery, road, lambda at_us: back.answer_batch(rows, "", at_us), fates, now_us)

    def _find(self, ask: CancelAsk) -> Order | None:
        """The order that is named: of the product, where that is said; the symbol only has to exist."""
        book = self._floor.book
        order = book.get(ask.order_id) if ask.order_id else book.by_client_id(ask.client_order_id)
        if order is None or ask.product not in ("", order.product):
            return None
        return order

    def _problem(self, ask: CancelAsk, order: Order | None, now_us: int) -> tuple[str, str]:
        """The code that ends a cancel before its order's fate, with a detail; "" if there is none."""
        if not ask.problem and not self._floor.rates.take(ask.rule, "uid", now_us):
            return "429", ""
        return self._problem_of(ask, order, now_us)

    def _problem_of(self, ask: CancelAsk, order: Order | None, now_us: int) -> tuple[str, str]:
        if ask.problem:
            return ask.problem, ask.detail
        if not ask.order_id and not ask.client_order_id:
            return "40034", "orderId"
        if ask.order_id and not _REAL_ID.fullmatch(ask.order_id) and ask.product in FUTURES:
            return "41101", f"orderId={ask.order_id}"
        if not ask.order_id and not _CLIENT_ID.fullmatch(ask.client_order_id):
            return "41101", f"clientOid={ask.client_order_id}"
        if order is not None and not self._floor.rates.take(limits.ORDER_CANCEL, order.order_id, now_us):
            return "45129", ""
        return "", ""

    def _delivery(self, fault_id: str, road: Road, now_us: int) -> _Delivery | None:
        """Draw how the answer travels; None if the request ends here, unprocessed."""
        fires = self._faults.fires
        if road.is_socket and fires(Fault.HALF_OPEN, fault_id) is not None:
            road.silence()
            return None
        seconds = fires(Fault.NOTICE_CLOSE, fault_id) if road.is_socket else None
        if seconds is not None:
            road.notice(float(seconds), now_us)
        cut = fires(Fault.DISCONNECT, fault_id) or ""
        if cut == "before_process":
            road.cut()
            return None
        lost = fires(Fault.NO_ACK, fault_id)
        if lost == "lost":
            return None
        echo = self._echo(fault_id, road)
        if echo == "error":
            road.session_error("30016", now_us)
            return None
        late = fires(Fault.ACK_LATE, fault_id)
        push_first = fires(Fault.PUSH_BEFORE_ACK, fault_id) if late is None else None
        delay_us = round(float(late or push_first or 0) * MILLISECOND_US) or self._options.ack_delay_us
        if push_first is not None:
            delay_us += self._options.push_delay_us
        return _Delivery(cut, lost is not None, delay_us, push_first is not None, echo)

    def _echo(self, fault_id: str, road: Road) -> str:
        how = self._faults.fires(Fault.ID_ECHO_MISSING, fault_id)
        if how is None:
            return ""
        if not road.is_socket:
            return "ack"
        return how or self._faults.pick(Fault.ID_ECHO_MISSING, fault_id, ("ack", "id", "error"))

    def _deliver(self, delivery: _Delivery, road: Road, answer: Answer, fate: Fate, now_us: int) -> None:
        self._send(delivery, road, lambda at_us: road.answer(answer, at_us), [fate], now_us)

    def _send(
        self,
        delivery: _Delivery,
        road: Road,
        answer: Callable[[int], None],
        fates: Sequence[Fate],
        now_us: int,
    ) -> None:
        """Let the answer and the pushes leave, in the order that was drawn."""
        early = [fate for fate in fates if fate.changes and (delivery.is_push_first or fate.is_push_first)]
        later = [fate for fate in fates if fate.changes and fate not in early]
        if delivery.cut == "before_ack":
            road.cut()
        for fate in early:
            self._pushes.announce(fate.changes, now_us, is_together=fate.is_together)
        if not delivery.is_lost and delivery.cut != "before_ack":
            self._floor.later(delivery.delay_us, now_us, self._leave(delivery, road, answer))
        for fate in later:
            self._pushes.announce(fate.changes, now_us, is_together=fate.is_together)

    def _leave(self, delivery: _Delivery, road: Road, answer: Callable[[int], None]) -> Callable[[int], None]:
        def leave(at_us: int) -> None:
            answer(at_us)
            if delivery.cut == "after_ack":
                road.cut()

        return leave
