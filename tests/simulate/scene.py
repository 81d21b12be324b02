"""A made-up world with one order and one request for it, told step by step: what the auditor is to judge."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from daemon.core.records import EvidenceRef, Previous, Times
from daemon.sim.book import Book, NewOrder, Side
from daemon.sim.book import EndedBy as Ender
from daemon.sim.rates import Breach
from daemon.simulate.auditor import Violation, audit
from daemon.simulate.bound import BindingPlan
from daemon.simulate.bulks import BulkPlan
from daemon.simulate.chronicle import Chronicle
from daemon.simulate.plan import draw
from daemon.simulate.trace import Trace
from daemon.simulate.wishes import OrderPlan, WishPlan
from protocols.control.params import TrackedOrder
from protocols.errors import BadRequest
from protocols.fix import ClientOrderId, EndedBy, OrderId, OrdStatus, Outcome, RequestId, RequestState
from tests.desks import report

if TYPE_CHECKING:
    from collections.abc import Sequence

    from daemon.core.records import Record, Report
    from daemon.simulate.plan import AccountPlan, Plan

START_US = 1_763_600_000_000_000
SECOND_US = 1_000_000
A_MOMENT_S = 0.001
ALIAS = "100000000000001"
NAME = "w0"
SINK = 1
QTY = Decimal(8)


BULK = "bulk0"


def a_plan(
    account: AccountPlan,
    bulks: tuple[BulkPlan, ...],
    bindings: tuple[BindingPlan, ...],
    *,
    by_order_id: bool,
    **of_wish: object,
) -> Plan:
    """Plan one order and a request for it, and no trouble at all."""
    order = OrderPlan(0, account.name, 0, 0, ALIAS)
    wish = WishPlan(NAME, 0, account.name, SECOND_US, 0, 0, by_order_id, by_client_id=not by_order_id)
    return msgspec.structs.replace(
        draw(0), accounts=(account,), orders=(order,), wishes=(msgspec.structs.replace(wish, **of_wish),), crashes=(),
        bulks=bulks, bindings=bindings, durability="receipt", clock_offset_us=0,
    )  # fmt: skip


class Scene:
    """What happens is told in calls, at ``now_us``, which only `wait` moves. The order rests from the beginning."""

    def __init__(
        self,
        *,
        by_order_id: bool = True,
        venue: str = "okx",
        bulk: dict[str, object] | None = None,
        is_bound: bool = False,
        **of_wish: object,
    ) -> None:
        account = msgspec.structs.replace(draw(0, [venue]).accounts[0], spans=(), flashes=(), rain=())
        self.account = account.name
        self.now_us = START_US
        self.book = Book(1, per_instrument_max=10, total_max=10)
        everything = BulkPlan(BULK, 0, account.name, SECOND_US)
        bulks = () if bulk is None else (msgspec.structs.replace(everything, **bulk),)
        own = BindingPlan(0, account.name, ALIAS, (0,), 500, is_all=False, dies_us=None, says_bye=False)
        plan = a_plan(account, bulks, (own,) if is_bound else (), by_order_id=by_order_id, **of_wish)
        self.seen = Chronicle(plan, START_US, {account.name: self.book}, Trace(START_US))
        new = NewOrder(instrument="X", side=Side.BUY, price=QTY, qty=QTY, client_order_id=ALIAS)
        self.order = self.book.place(new, START_US)
        self.seen.placed(plan.orders[0], self.order.order_id)
        self._seq = 0

    def wait(self, seconds: float = 1) -> None:
        """Let time pass."""
        self.now_us += round(seconds * SECOND_US)

    # ------------------------------------------------------------ the client

    def ask(self, sink: int = SINK) -> None:
        """Hand the request in."""
        self.wait()
        self.seen.asked(NAME, sink, self.now_us, self.now_us)

    def track(self, *, is_named: bool = True, placed_at: int | None = None) -> None:
        """Say which order the client id is, or when it was placed."""
        self.wait()
        order_id = OrderId(self.order.order_id) if is_named else None
        alias = ClientOrderId(self.seen.plan.wishes[0].ghost or ALIAS)
        order = TrackedOrder(
            account=self.account, instrument="X", client_order_id=alias, order_id=order_id, placed_at=placed_at
        )
        self.seen.tracked([order], self.now_us)

    def refuse(self, reason: str) -> None:
        """Refuse it at the door."""
        self.seen.refused(NAME, BadRequest(reason, reason), self.now_us)

    def record(self) -> None:
        """Say that it is recorded."""
        self.seen.progress(NAME, SINK, RequestState.RECORDED, self.now_us)

    def tell(self, outcome: Outcome, cum: int | None = 0, *, final: bool = True, **told: object) -> Report:
        """Tell the outcome."""
        self.wait(A_MOMENT_S)
        said = self._said(outcome, cum, final=final, **told)
        self.seen.result(NAME, SINK, said, None, self.now_us)
        return said

    def correct(self, before: Report, outcome: Outcome, cum: int | None, **told: object) -> Report:
        """Tell a correction."""
        told.setdefault("revision", before.revision + 1)
        said = self._said(outcome, cum, final=True, **told)
        self.seen.correction(NAME, SINK, said, Previous(before.outcome, before.cum_qty), self.now_us)
        return said

    def _said(self, outcome: Outcome, cum: int | None, *, final: bool, **told: object) -> Report:
        self._seq += 1
        asked_us = self.seen.stories[NAME].asked_us
        return report(
            **{
                "request_id": RequestId(NAME),
                "order_id": OrderId(self.order.order_id),
                "outcome": outcome,
                "ord_status": OrdStatus.CANCELED if outcome is Outcome.CANCELED else None,
                "cum_qty": None if cum is None else Decimal(cum),
                "cum_qty_final": final and cum is not None,
                "ended_by": EndedBy.UNKNOWN,
                "evidence": EvidenceRef(),
                "times": Times(asked_us[0] if asked_us else 0),
                "seq": self._seq,
                "revision": 0,
                **told,
            }
        )

    # ------------------------------------------------------------ the venue and the way there

    def place(self, alias: str) -> str:
        """Place another order that nobody asks for; give its id."""
        self.wait()
        plan = OrderPlan(len(self.seen.plan.orders), self.account, 0, 0, alias)
        self.seen.plan = msgspec.structs.replace(self.seen.plan, orders=(*self.seen.plan.orders, plan))
        new = NewOrder(instrument="X", side=Side.BUY, price=QTY, qty=QTY, client_order_id=alias)
        order = self.book.place(new, self.now_us)
        self.seen.placed(plan, order.order_id)
        return order.order_id

    def fill(self, qty: int | None = None) -> None:
        """Let the order trade."""
        self.wait()
        self.book.fill(self.order.order_id, None if qty is None else Decimal(qty), self.now_us)

    def cancel(self, by: Ender = Ender.USER) -> None:
        """Take the order off the book."""
        self.wait()
        self.book.cancel(self.order.order_id, by, self.now_us)

    def send(self, name: str | None = None) -> None:
        """Let a cancel leave for the order, by its id or another name."""
        self.wait()
        self.seen.left(self.account, self.now_us, f'{{"ordId":"{name or self.order.order_id}"}}', may_cancel=True)

    def show(self, state: str, alias: str = "", asked: str = "") -> None:
        """Let a push about the order reach the daemon, or an answer to what was ``asked``."""
        self.wait()
        text = f'{{"data":[{{"ordId":"{self.order.order_id}","clOrdId":"{alias}","state":"{state}"}}]}}'
        self.seen.reached(self.account, self.now_us, text, is_evidence=True, asked=asked)

    def crash(self, *records: Record) -> None:
        """Kill the daemon, with these on its disk."""
        self.wait()
        self.seen.crashed(self.now_us, records)

    # ------------------------------------------------------------ the judgement

    def broken(self, breaches: Sequence[Breach] = ()) -> set[str]:
        """Name the rules that were broken."""
        return {found.rule for found in self.found(breaches)}

    def found(self, breaches: Sequence[Breach] = ()) -> list[Violation]:
        """Have it audited."""
        return audit(self.seen, {self.account: breaches})

    def breach(self) -> Breach:
        """Give a breach of the venue's limit for cancels of one order."""
        self.wait(A_MOMENT_S)
        return Breach("same order", self.order.order_id, self.now_us)
