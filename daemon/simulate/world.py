"""Lets a plan happen: boots the daemon, brews the storm, heals it, waits until nobody waits, and has all audited.

It moves time and pulls the levers that the plan names. It judges nothing: what it sees goes to the chronicle,
and the auditor reads that.
"""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Final

import msgspec
import orjson

from daemon.sim.book import BadFill, NewOrder, OrderEnded, Side, UnknownOrder
from daemon.sim.faults import Fault
from daemon.sim.registry import build
from daemon.simulate.auditor import Violation, audit, only_lasting_doubts
from daemon.simulate.bound import BoundClient
from daemon.simulate.chronicle import Bound, Chronicle
from daemon.simulate.clients import Client, Office
from daemon.simulate.disk import Disk
from daemon.simulate.kernel import Kernel
from daemon.simulate.life import Life
from daemon.simulate.network import Host
from daemon.simulate.plan import SECOND_US
from daemon.simulate.switches import END_MAX_S, FIRES_US, SwitchSeen, broken_rules
from daemon.simulate.trace import Trace
from daemon.simulate.wishes import UNITS
from protocols.control.params import CancelAllParams, CancelBatchParams, CancelParams, TrackedOrder
from protocols.fix import ClientOrderId, OrderId, Priority, RequestId
from protocols.flights import OUT_MAX

if TYPE_CHECKING:
    from collections.abc import Callable

    from daemon.edge.account import Account
    from daemon.edge.status import GatewayStatus
    from daemon.sim.demo_plan import Placing
    from daemon.sim.venue import SimVenue
    from daemon.simulate.bulks import BulkPlan
    from daemon.simulate.plan import AccountPlan, Crash, Plan
    from daemon.simulate.swarm import Flash, Span
    from daemon.simulate.tracks import TrackPlan
    from daemon.simulate.wishes import OrderPlan, WishPlan
    from protocols.fix import AccountName

START_US: Final = 1_763_600_000_000_000
DRAIN_MAX_US: Final = 1_200 * SECOND_US
"""After the calm: several rounds of the slowest questions."""
DOUBT_US: Final = 65 * SECOND_US
"""One of those rounds."""
LAST_WORDS_US: Final = 5 * SECOND_US
SAMPLE_US: Final = SECOND_US
INTERNAL_ERROR: Final = "internal_error"
"""The alarm that stands a quarter of an hour after a fault."""
NO_ORDER: Final = "2900999999999999999"
"""An order id of the right shape, which no simulated venue gives out."""


class Result(msgspec.Struct, frozen=True):
    """What a seed came to."""

    seed: int
    requests: int
    faults: dict[str, int]
    outcomes: dict[str, int]
    violations: list[Violation]
    trace_hash: str
    virtual_s: float


class World:
    """One seed's world."""

    def __init__(self, plan: Plan, tell: Callable[[str], None] | None = None) -> None:
        self.plan = plan
        self.kernel = Kernel(START_US)
        self.trace = Trace(START_US, tell)
        self.venues: dict[AccountName, SimVenue] = {a.name: build(a.venue, seed=a.venue_seed) for a in plan.accounts}
        books = {name: venue.book for name, venue in self.venues.items()}
        self.chronicle = Chronicle(plan, START_US, books, self.trace)
        self.hosts = {
            account.name: Host(
                self.kernel,
                account.name,
                self.venues[account.name],
                account.climate,
                Random(f"{plan.seed}/network/{account.name}"),
                self.trace,
                self.chronicle,
            )
            for account in plan.accounts
        }
        self.disk = Disk(self.kernel, plan.habits.since(START_US), Random(f"{plan.seed}/disk/commits"))
        self.office = Office(self.kernel, self.chronicle, Random(f"{plan.seed}/clients"))
        self.clients = [Client(self.office, client) for client in plan.clients]
        self.bound = [BoundClient(self.office, story) for story in self.chronicle.bindings]
        self.restarts = 0
        self._taken_up: dict[AccountName, int] = {}
        """How many open cases each account found: some may have ended in the instant before that was written down."""
        self._lives = Random(f"{plan.seed}/lives")
        self._accounts = {account.name: account for account in plan.accounts}

    # ------------------------------------------------------------ its course

    def run(self) -> Result:
        """Let everything happen, and give what it came to."""
        plan = self.plan
        self._boot(plan.clock_offset_us)
        self._schedule()
        self.kernel.run(START_US + plan.heal_us)
        self._heal()
        calm_us = max(wish.at_us for wish in plan.wishes)
        self.kernel.run(START_US + calm_us + LAST_WORDS_US)
        self._drain()
        for client in self.clients:
            client.come_back()
            client.ask_again()
        self.kernel.run(self.kernel.now_us + LAST_WORDS_US)
        self._drain()
        return self.result([*self._audit(), *self._end_of_all()])

    def close(self) -> None:
        """Let nothing go on that is under way, wherever it ended."""
        if self.office.life is not None:
            self.office.life.scope.kill()

    def _end_of_all(self) -> list[Violation]:
        """End the daemon for good, and see what becomes of its dead-man switches. All else was judged by then."""
        watched = [account for account in self.plan.accounts if account.switch_s is not None]
        life = self.office.life
        if not watched or life is None:
            return []
        before = {account.name: self._switch_of(account) for account in watched}
        if self.plan.ends_in_order:
            life.stand_down(END_MAX_S)
            self.kernel.run(self.kernel.now_us + int(END_MAX_S * SECOND_US))
        life.crash()
        longest_s = max(account.switch_s or 0 for account in watched)
        self.kernel.run(self.kernel.now_us + longest_s * SECOND_US + FIRES_US)
        seen = [self._switch_seen(account, *before[account.name]) for account in watched]
        return [Violation(rule, detail) for rule, detail in broken_rules(seen)]

    def _switch_of(self, account: AccountPlan) -> tuple[bool, list[int]]:
        """Say whether a venue's switch is set, and when it fired."""
        shown = orjson.loads(orjson.dumps(self.venues[account.name].floor.reports["switch"]()))
        return bool(shown["due_us"]), [at_us - START_US for at_us in shown["fired_us"]]

    def _switch_seen(self, account: AccountPlan, was_armed: bool, fired_us: list[int]) -> SwitchSeen:
        is_set, all_us = self._switch_of(account)
        return SwitchSeen(
            account.name, account.switch_s or 0, self.plan.trouble_of(account), tuple(fired_us), was_armed,
            self.plan.ends_in_order, len(all_us) - len(fired_us), is_set,
        )  # fmt: skip

    def _drain(self) -> None:
        """Wait until nobody waits any more, and not long for a doubt that may last."""
        begun_us = self.kernel.now_us
        while not self._is_quiet() and self.kernel.now_us < begun_us + DRAIN_MAX_US:
            self.kernel.run(self.kernel.now_us + LAST_WORDS_US)
            if self.kernel.now_us >= begun_us + DOUBT_US and self._is_content and only_lasting_doubts(self.chronicle):
                break

    def result(self, found: list[Violation]) -> Result:
        """Give what it came to."""
        faults = Counter({Fault.RESTART.value: self.restarts})
        for venue in self.venues.values():
            faults.update(venue.faults.fired)
        return Result(
            self.plan.seed,
            len(self.plan.wishes),
            dict(faults),
            self.chronicle.outcomes(),
            found,
            self.trace.digest(),
            (self.kernel.now_us - START_US) / SECOND_US,
        )

    def _audit(self) -> list[Violation]:
        broken = {
            name: list(venue.floor.rates.broken)
            for name, venue in self.venues.items()
            if not self._accounts[name].is_rough
        }
        self.chronicle.remained(self.disk.records)
        return audit(self.chronicle, broken)

    def _is_quiet(self) -> bool:
        return self.office.life is not None and self.office.life.is_idle and self._is_content

    @property
    def _is_content(self) -> bool:
        """Whether nobody waits; who is patient asks again only at the end."""
        return all(client.is_content for client in self.clients)

    def _at(self, at_us: int, run: Callable[[], object]) -> None:
        self.kernel.at(START_US + at_us, run)

    def _schedule(self) -> None:
        plan = self.plan
        for order in plan.orders:
            self._at(order.at_us, partial(self._place, order))
        for crash in plan.crashes:
            self._at(crash.at_us, partial(self._crash, crash))
        for account in plan.accounts:
            self._schedule_trouble(account)
        self._schedule_clients()
        self._at(SAMPLE_US, self._sample)

    def _schedule_trouble(self, account: AccountPlan) -> None:
        for span in account.spans:
            self._at(span.begin_us, partial(self._begin, account.name, span))
            self._at(span.end_us, partial(self._end, account.name, span))
        for flash in account.flashes:
            self._at(flash.at_us, partial(self._flash, account.name, flash))
        for rain in account.rain:
            self._at(rain.at_us, partial(self._rain, account.name, rain.kind, rain.for_us))

    def _schedule_clients(self) -> None:
        for wish in self.plan.wishes:
            self._at(wish.at_us, partial(self._wish, wish))
        for track in self.plan.tracks:
            for at_us, is_named in track.said:
                self._at(at_us, partial(self._track, track, is_named=is_named))
        for bulk in self.plan.bulks:
            self._at(bulk.at_us, partial(self._flatten, bulk))
        for client, its in zip(self.clients, self.plan.clients, strict=True):
            for at_us, for_us in its.leaves:
                self._at(at_us, client.leave)
                self._at(at_us + for_us, client.come_back)
        for bound in self.bound:
            if bound.story.plan.dies_us is not None:
                self._at(bound.story.plan.dies_us, bound.die)

    # ------------------------------------------------------------ the daemon

    def _boot(self, clock_offset_us: int) -> None:
        life = Life(self.kernel, self.plan, self.disk, self.hosts, self._lives, clock_offset_us)
        self.office.life = life
        self.trace.note(self.kernel.now_us, "daemon", f"life {life.journal.boot} begins")
        life.start()
        self._taken_up = {name: a.driver.correlator.cases.open_count() for name, a in life.accounts.items()}
        everybody: list[Client | BoundClient] = [*self.clients, *self.bound]
        for client in everybody:
            self.kernel.after(self._lives.randint(1_000, 50_000), client.connect)

    def _crash(self, crash: Crash) -> None:
        life = self.office.life
        if life is None:
            return
        self.restarts += 1
        for name, account in life.accounts.items():
            self._look_for_faults(name, account, account.gateway.snapshot() if account.gateway is not None else None)
        self.office.life = None
        life.crash()
        for host in self.hosts.values():
            host.hang_up_all()
        for client in self.clients:
            client.lost()
        for bound in self.bound:
            bound.lost()
        self.trace.note(self.kernel.now_us, "daemon", "dies")
        self.chronicle.crashed(self.kernel.now_us, self.disk.records)
        self.kernel.after(crash.down_us, partial(self._boot, crash.clock_offset_us))

    def _sample(self) -> None:
        """Look at the queues, now and then."""
        life = self.office.life
        if life is not None:
            for name, account in life.accounts.items():
                correlator, plan = account.driver.correlator, self._accounts[name]
                gateway = account.gateway.snapshot() if account.gateway is not None else None
                self.chronicle.sampled(
                    Bound(f"{name} cases", correlator.cases.open_count(), max(plan.cases_max, self._taken_up[name])),
                    Bound(f"{name} orders", len(correlator.book), plan.orders_max),
                    Bound(f"{name} cancels in flight", gateway.in_flight if gateway else 0, OUT_MAX),
                )
                self._look_for_faults(name, account, gateway)
        is_stormy = self.kernel.now_us < START_US + self.plan.heal_us
        self.kernel.after(SAMPLE_US if is_stormy else 10 * SAMPLE_US, self._sample)

    def _look_for_faults(self, name: AccountName, account: Account, gateway: GatewayStatus | None) -> None:
        """Read from the alarms what the daemon caught of its own."""
        alarms = account.driver.alarms.standing() + (gateway.alarms if gateway is not None else ())
        for alarm in alarms:
            if alarm.name == INTERNAL_ERROR:
                self.chronicle.faulted(name, alarm.detail)

    # ------------------------------------------------------------ the venue

    def _place(self, order: OrderPlan) -> None:
        placing = self._placing(order.account, order.placing)
        qty = int(placing.qty) * UNITS
        body = {"instrument": placing.instrument, "side": "buy", "price": placing.price, "qty": str(qty)}
        if placing.product is not None:
            body["product"] = placing.product
        if order.client_order_id is not None:
            body["client_order_id"] = order.client_order_id
        venue = self.venues[order.account]
        new = NewOrder(
            instrument=placing.instrument,
            side=Side.BUY,
            price=Decimal(placing.price),
            qty=Decimal(qty),
            client_order_id=order.client_order_id,
            product=placing.product,
        )
        problem = venue.placing_problem(new)
        if problem is not None:
            raise AssertionError(f"{order} was not placed: {problem}")
        order_id = venue.rest(new, self.kernel.now_us).order_id
        self.chronicle.placed(order, order_id)
        self.trace.note(self.kernel.now_us, f"{order.account} market", f"order {order_id} rests, {body}")
        self.hosts[order.account].pump()
        for at_us, units in order.fills:
            qty_filled = None if units is None else units * int(placing.qty)
            self._at(at_us, partial(self._fill, order.account, order_id, qty_filled))
        if order.taken_off_us is not None:
            self._at(order.taken_off_us, partial(self._take_off, order.account, order_id))

    def _fill(self, account: AccountName, order_id: str, qty: int | None) -> None:
        venue = self.venues[account]
        book = venue.book.get(order_id)
        if book is None or book.ord_status.is_terminal or (qty is not None and qty > book.leaves_qty):
            return
        try:
            filled = venue.trade(order_id, None if qty is None else type(book.qty)(qty), self.kernel.now_us)
        except (OrderEnded, BadFill, UnknownOrder):
            return
        self.trace.note(self.kernel.now_us, f"{account} market", f"order {order_id} trades, now {filled.cum_qty}")
        self.hosts[account].pump()

    def _take_off(self, account: AccountName, order_id: str) -> None:
        try:
            self.venues[account].take_off(order_id, self.kernel.now_us)
        except (OrderEnded, UnknownOrder):
            return
        self.trace.note(self.kernel.now_us, f"{account} market", f"order {order_id} is taken off by somebody else")
        self.hosts[account].pump()

    def _placing(self, account: AccountName, index: int) -> Placing:
        return self._accounts[account].placings[index]

    # ------------------------------------------------------------ trouble

    def _begin(self, account: AccountName, span: Span) -> None:
        faults = self.venues[account].faults
        faults.add(faults.parse_spec(span.spec))
        self.trace.note(self.kernel.now_us, f"{account} faults", f"{span.spec} begins")

    def _end(self, account: AccountName, span: Span) -> None:
        faults = self.venues[account].faults
        over = faults.parse_spec(span.spec)[0].fault
        standing = [rule for rule in faults.rules() if rule.fault is not over]
        faults.clear()
        faults.add(standing)

    def _flash(self, account: AccountName, flash: Flash) -> None:
        venue = self.venues[account]
        rule = venue.faults.parse_spec(flash.spec)[0]
        venue.fault_at_once(rule, self.kernel.now_us)
        self.trace.note(self.kernel.now_us, f"{account} faults", f"{flash.spec} now")
        self.hosts[account].pump()

    def _rain(self, account: AccountName, kind: str, for_us: int) -> None:
        host = self.hosts[account]
        self.trace.note(self.kernel.now_us, f"{account} network", f"{kind} for {for_us / SECOND_US} s")
        match kind:
            case "cut":
                host.cut_all("connection reset")
            case "stall":
                host.stall(self.kernel.now_us + for_us)
            case _:
                host.go_dark(self.kernel.now_us + for_us)

    def _heal(self) -> None:
        """All faults end; what they have done stays, and so does a wrong clock."""
        self.trace.note(self.kernel.now_us, "world", "heals")
        self.disk.heal()
        for host in self.hosts.values():
            host.calm_down()
        for venue in self.venues.values():
            standing = [rule for rule in venue.faults.rules() if rule.fault is Fault.SKEW]
            venue.faults.clear()
            venue.faults.add(standing)

    # ------------------------------------------------------------ wishes

    def _wish(self, wish: WishPlan) -> None:
        placing = self._placing(wish.account, wish.placing)
        order_id = NO_ORDER if wish.order is None else self.chronicle.order_id(wish.order)
        client_order_id = wish.ghost if wish.order is None else self.plan.orders[wish.order].client_order_id
        params = CancelParams(
            account=wish.account,
            instrument=placing.instrument,
            order_id=OrderId(order_id) if wish.by_order_id else None,
            client_order_id=ClientOrderId(client_order_id) if wish.by_client_id and client_order_id else None,
            product=placing.product,
            request_id=RequestId(wish.name),
            deadline_ms=wish.deadline_ms,
            progress=True,
            priority=Priority.URGENT if wish.is_urgent else Priority.NORMAL,
        )
        self.trace.note(self.kernel.now_us, f"client {wish.client}", f"wants {wish.name}: {order_id} {client_order_id}")
        self.clients[wish.client].wish(wish.name, params)

    def _track(self, track: TrackPlan, *, is_named: bool) -> None:
        """Have a client say what it knows of an order of its own: by its host's clock, if it says when."""
        placing = self._placing(track.account, track.placing)
        placed_at = START_US + track.placed_us + self.plan.clock_offset_at(track.placed_us)
        order = TrackedOrder(
            account=track.account,
            instrument=placing.instrument,
            client_order_id=ClientOrderId(track.client_order_id),
            product=placing.product,
            order_id=OrderId(self.chronicle.order_id(track.order)) if is_named and track.order is not None else None,
            placed_at=placed_at if track.is_dated else None,
        )
        where = f"client {track.client}"
        self.trace.note(self.kernel.now_us, where, f"tracks {order.client_order_id} {order.order_id} {order.placed_at}")
        self.clients[track.client].track(order)

    def _flatten(self, bulk: BulkPlan) -> None:
        """Have a client ask for a bulk cancel."""
        self.trace.note(self.kernel.now_us, f"client {bulk.client}", f"wants {bulk.name}")
        self.clients[bulk.client].wish(bulk.name, self._named(bulk) if bulk.orders else self._everything(bulk))

    def _named(self, bulk: BulkPlan) -> CancelBatchParams:
        items = []
        for number in bulk.orders:
            placing = self._placing(bulk.account, self.plan.orders[number].placing)
            order_id = OrderId(self.chronicle.order_id(number))
            items.append(CancelParams(bulk.account, placing.instrument, order_id, product=placing.product))
        return CancelBatchParams(items=items, request_id=RequestId(bulk.name))

    def _everything(self, bulk: BulkPlan) -> CancelAllParams:
        placing = None if bulk.placing is None else self._placing(bulk.account, bulk.placing)
        return CancelAllParams(
            account=bulk.account,
            product=placing.product if placing is not None else None,
            instrument=placing.instrument if placing is not None else None,
            client_id_prefix=ClientOrderId(bulk.prefix) if bulk.prefix is not None else None,
            request_id=RequestId(bulk.name),
        )
