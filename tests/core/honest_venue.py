"""A venue with a truth of its own, that tells it late, twice, not at all, or as it was a while ago, but never falsely.

Orders are placed, fill, and end; wire cancels reach them or get lost; pushes and replies are delayed, dropped and
repeated; answers may be as old as the replica lag. `Life` lets one correlator live with such a venue for some minutes
and holds every word that it tells against the truth. Chance comes from one seed.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Final

from daemon.core.effects import Tell
from protocols.evidence import Absence, DropCopyState, OrderReported, Proof, Source, Step
from protocols.fix import OrdStatus, Outcome, Road
from tests.core.story import Put, Sent, Story
from tests.core.words import report

if TYPE_CHECKING:
    from collections.abc import Callable

    from daemon.core.effects import Effect

QTY: Final = 10
SECOND: Final = 1_000_000
ANSWERS: Final = (*[Proof.ACCEPTED] * 3, Proof.UNCHANGED_RETRY, Proof.UNCHANGED_FINAL, Proof.UNKNOWN)
"""What a live order's cancel is answered with, each as likely."""


@dataclass
class Order:
    """An order and its past: each state from when on it was so."""

    order_id: str
    alias: str | None
    created_us: int
    past: list[tuple[int, OrdStatus, int]] = field(default_factory=list)

    def at(self, when_us: int) -> tuple[int, OrdStatus, int]:
        """The state at a time: since when, which, and how much was filled."""
        return max((state for state in self.past if state[0] <= when_us), key=self.past.index)

    @property
    def now(self) -> tuple[int, OrdStatus, int]:
        return self.past[-1]

    @property
    def is_live(self) -> bool:
        return not self.now[1].is_terminal

    def seen(self, when_us: int, source: Source) -> OrderReported:
        """Report the state at a time."""
        since_us, status, cum = self.at(when_us)
        return report(
            status,
            order=self.order_id,
            alias=self.alias,
            cum=str(cum),
            qty=str(QTY),
            source=source,
            created_ms=self.created_us // 1000,
            updated_ms=since_us // 1000,
        )


@dataclass
class Asked:
    """A request, and the orders that it may mean: at the time of its making, and since then by what its frames hit."""

    name: str
    at_us: int
    meant: set[str]


class Life:
    """One correlator and one venue, for a while."""

    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)
        self.story = Story()
        self.lag_us = self.story.traits.timings.replica_lag_ms * 1000
        self.orders: list[Order] = []
        self.asked: dict[str, Asked] = {}
        self._queue: list[tuple[int, int, Callable[[], None]]] = []
        self._n = self._sent = self._put = self._told = 0
        self.told: list[Tell] = []
        self._show_that_ids_are_reused()

    def _show_that_ids_are_reused(self) -> None:
        """Let the core hear of two ended orders of one client id: that it is used again is no surprise to it."""
        for number in (1, 2):
            past = self.now_us - number * 3600 * SECOND
            order = Order(f"past{number}", "y", past, [(past, OrdStatus.FILLED, QTY)])
            self.story.see(order.seen(past, Source.PUSH))

    # ------------------------------------------------------------ time

    @property
    def now_us(self) -> int:
        return self.story.now_us

    def after(self, wait_us: int, what: Callable[[], None]) -> None:
        """Let something happen later."""
        self._n += 1
        heapq.heappush(self._queue, (self.now_us + wait_us, self._n, what))

    def run(self, length_us: int) -> None:
        """Let events and timers happen in their order."""
        end_us = self.now_us + length_us
        for _ in range(200_000):
            tick_us = self.story.core.next_tick_us()
            event_us = self._queue[0][0] if self._queue else None
            due = [at for at in (tick_us, event_us) if at is not None]
            if not due or min(due) > end_us:
                self.story.now_us = end_us
                return
            if event_us is not None and event_us == min(due):
                self.story.now_us = max(self.now_us, event_us)
                heapq.heappop(self._queue)[2]()
            else:
                self.story.run_to_next_timer()
            self._look()
        raise AssertionError("time does not pass")

    def _wait(self, most_s: float) -> int:
        return int(self.chance.random() ** 3 * most_s * SECOND)

    # ------------------------------------------------------------ what happens at the venue

    def place(self, alias: str | None = None) -> Order:
        """Place an order."""
        order = Order(f"o{len(self.orders)}", alias, self.now_us)
        self.orders.append(order)
        self._become(order, OrdStatus.NEW, 0)
        return order

    def trade(self, order: Order) -> None:
        """Fill a part of an order, or what is left of it."""
        if order.is_live:
            cum = min(QTY, order.now[2] + self.chance.choice([1, 3, QTY]))
            self._become(order, OrdStatus.FILLED if cum == QTY else OrdStatus.PARTIALLY_FILLED, cum)

    def end(self, order: Order) -> None:
        """End an order otherwise."""
        if order.is_live:
            self._become(order, self.chance.choice([OrdStatus.CANCELED, OrdStatus.EXPIRED]), order.now[2])

    def _become(self, order: Order, status: OrdStatus, cum: int) -> None:
        order.past.append((self.now_us, status, cum))
        piece = order.seen(self.now_us, Source.PUSH)
        for _ in range(self.chance.choice([0, 1, 1, 1, 2])):
            self.after(self._wait(12), lambda: self._push(piece))

    def _push(self, piece: OrderReported) -> None:
        if self.story.core.world.drop_copy is DropCopyState.LIVE:
            self.story.see(piece)

    # ------------------------------------------------------------ what the core does

    def _look(self) -> None:
        """Take up what the core did since the last look, and check what it told."""
        for sent in self.story.sent[self._sent :]:
            self._carry(sent)
        self._sent = len(self.story.sent)
        for put in self.story.put[self._put :]:
            self.after(self._wait(3), partial(self._answer, put, self.now_us))
        self._put = len(self.story.put)
        for effect in self.story.effects[self._told :]:
            self._hear(effect)
        self._told = len(self.story.effects)

    def _carry(self, sent: Sent) -> None:
        fate = self.chance.random()
        if fate < 0.03:
            self.after(self._wait(1), lambda: self.story.never_left(sent) if sent.is_in_flight else None)
        elif fate > 0.1:
            self.after(self._wait(1), lambda: self._arrive(sent))

    def _arrive(self, sent: Sent) -> None:
        order = self._target(sent)
        if order is not None:
            for name in self._names_of(sent):
                self.asked[name].meant.add(order.order_id)
        proof = Proof.GONE
        if order is not None and order.is_live:
            proof = self.chance.choice(ANSWERS)
            if proof is Proof.ACCEPTED or (proof is Proof.UNKNOWN and self.chance.random() < 0.5):
                self.after(self._wait(2), lambda: self.end(order))
            named = order.order_id if self.chance.random() < 0.7 else None
        else:
            named = None
        if self.chance.random() < 0.85:
            self.after(self._wait(1), lambda: self._reply(sent, proof, named))

    def _names_of(self, sent: Sent) -> list[str]:
        """Name the requests whose cancel it was."""
        cases = [case for case in self.story.core.cases if any(send.wire == sent.wire for send in case.sends)]
        return [key.request_id for case in cases for key in case.tickets]

    def _target(self, sent: Sent) -> Order | None:
        if sent.wire.order_id is not None:
            return next((order for order in self.orders if order.order_id == sent.wire.order_id), None)
        same = [order for order in self.orders if order.alias == sent.wire.client_order_id]
        return same[-1] if same else None

    def _reply(self, sent: Sent, proof: Proof, order: str | None) -> None:
        if sent.is_open:
            self.story.refuse(proof, sent, order=order)

    def _answer(self, put: Put, asked_us: int) -> None:
        if not put.is_open:
            return
        if self.chance.random() < 0.15:
            self.story.fail_question(put)
            return
        as_of_us = asked_us - self._wait(self.lag_us / SECOND)
        asked = put.question
        there = [order for order in self.orders if order.created_us <= as_of_us]
        if asked.step is Step.OPEN_ORDERS:
            live = [order for order in there if not order.at(as_of_us)[1].is_terminal]
            self.story.answer(put, [order.seen(as_of_us, Source.QUERY) for order in live], Absence.DENIES)
        elif asked.step is Step.ORDER:
            same = [
                o
                for o in there
                if o.order_id == asked.order_id or (asked.order_id is None and o.alias == asked.client_order_id)
            ]
            rows = [order.seen(as_of_us, Source.QUERY) for order in same[-1:]]
            self.story.answer(put, rows, None if rows else Absence.DENIES)
        else:
            self.story.answer(put, [], Absence.BLIND)

    # ------------------------------------------------------------ clients and links

    def cancel(self, order: Order, *, by_alias: bool, deadline_ms: int | None = None) -> None:
        """Ask for a cancel of a live order."""
        alias = order.alias if by_alias else None
        name = self.story.submit(None if alias else order.order_id, alias=alias, deadline_ms=deadline_ms)
        self.asked[name] = Asked(name, self.now_us, {order.order_id})

    def cut(self) -> None:
        """Lose a link for a while, or the stream of pushes, or the daemon."""
        match self.chance.randrange(4):
            case 0:
                road = self.chance.choice([Road.WS, Road.REST])
                self.story.cut_link(road)
                self.after(self._wait(10), lambda: self.story.restore_link(road))
            case 1:
                self.story.drop_copy_is(DropCopyState.DOWN)
                self.after(self._wait(10), lambda: self.story.drop_copy_is(DropCopyState.LIVE))
            case 2:
                self.story.drop_copy_is(DropCopyState.BLIND)
                self.after(self._wait(10), lambda: self.story.drop_copy_is(DropCopyState.LIVE))
            case _:
                self.story.restart()
                self._show_that_ids_are_reused()

    # ------------------------------------------------------------ truth

    def _hear(self, effect: Effect) -> None:
        if not isinstance(effect, Tell):
            return
        self.told.append(effect)
        told, asked = effect.report, self.asked.get(effect.key.request_id)
        if asked is None or told.outcome in {Outcome.IN_DOUBT, Outcome.NOT_SENT}:
            return
        assert told.outcome is not Outcome.UNKNOWN_ORDER, f"{asked.name}: every order here exists"
        assert told.order_id in asked.meant, f"{asked.name} means {asked.meant}, was told of {told.order_id}"
        order = next(order for order in self.orders if order.order_id == told.order_id)
        _, status, cum = order.now
        assert told.cum_qty is None or told.cum_qty <= cum, f"{asked.name}: more than was filled"
        match told.outcome:
            case Outcome.FILLED:
                assert status is OrdStatus.FILLED, f"{asked.name}: {status}"
            case Outcome.CANCELED:
                assert status.is_terminal, f"{asked.name}: {status}"
                assert status is not OrdStatus.FILLED, f"{asked.name}: {status}"
            case _:
                lived_us = order.now[0] if not order.is_live else self.now_us
                assert lived_us >= asked.at_us, f"{asked.name} rejected, but the order had ended before"
        if told.cum_qty_final:
            assert told.cum_qty == Decimal(cum), f"{asked.name}: {told.cum_qty} is not final"
