"""Makes wire cancels: at once where there is a slot, and else with others or alone when one comes free.

It decides neither whether a case wants a cancel (`policy` does) nor who goes first of those who wait (`dispatch` does).
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from daemon.core import policy
from daemon.core.case import Case, Ticket, WireSend, is_settled
from daemon.core.dispatch import Dispatch, Load, Wish
from daemon.core.effects import Effect, Send, SendMany, Write
from daemon.core.records import SendMade
from protocols.asks import WireCancel
from protocols.fix import Road, SendId

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from daemon.core.casefile import CaseFile
    from daemon.core.ids import Ids
    from daemon.core.limits import Limits
    from daemon.core.records import CaseId
    from daemon.core.world import World
    from protocols.mass import Everything, MassCancel

TURN_MAX: Final = 100
"""Cancels that leave in one turn: about ten milliseconds, in which a new one may have to wait."""
MORE_WAIT_US: Final = 100_000
"""How long batches wait to be filled when more cancels were announced; they come as soon as others had their turn."""


class Sending:
    """The cancels of one account. ``emit`` takes effects, ``appoint`` when to `serve`, ``work`` a case to look at."""

    def __init__(
        self,
        world: World,
        cases: CaseFile,
        ids: Ids,
        limits: Limits,
        emit: Callable[[Effect], None],
        appoint: Callable[[int | None], None],
        work: Callable[[Case, int], None],
    ) -> None:
        self._world = world
        self._cases = cases
        self._ids = ids
        self._limits = limits
        self._emit = emit
        self._appoint = appoint
        self._work = work
        self._dispatch = Dispatch(world.traits.batch, limits.budget, self._wish_by_now)
        self._serve_us: int | None = None
        self._no_longer: list[Case] = []
        self._is_gathering = False
        self._await_more_us = 0
        """Until then only full batches leave: more of those who wait to leave together are about to come."""
        self._holds_all = False
        """Until then nothing at all leaves: what is about to come may decide that one call does for everything."""
        self._company: list[CaseId] = []
        """Those who joined the lines to leave together, until the last of them is there."""
        self._gathered = 0
        """Cancels that joined the lines to leave together, of which it is not known yet whether they leave at once."""
        self._at_once = 0
        """Those that did, over this life."""

    # ------------------------------------------------------------ inputs

    def send(self, case: Case, now_us: int) -> int | None:
        """Send what a case wants sent, or let it wait for a slot; gives when to look at the case again.

        What follows from a cancel that left just now is for the caller to see: most cases then rest.
        """
        wish, later_us = self._wish(case, now_us)
        if wish is None:
            return later_us
        awaits_more = now_us < self._await_more_us
        if self._is_gathering or not self._dispatch.may_leave(wish, now_us, has_precedence=awaits_more):
            rank = 0 if policy.is_urgent(case, self._world, now_us) else 1
            self.serve_at(self._dispatch.join(wish, rank, party_of(wish.ticket), now_us))
            if self._is_gathering:
                self._company.append(case.case_id)
            return None
        self._leave(Load(wish.lane.operation, wish.plan.road, [wish]), now_us)
        return None

    @contextmanager
    def gathering(self, now_us: int, *, has_more: bool, everything: Everything | None) -> Iterator[None]:
        """Let no cancel leave until all of several are there; then they leave together, as far as the budgets allow.

        If more follow, only full batches leave yet; the others a moment later, at the latest. Where they are
        ``everything`` of a scope, one call may do for all.
        """
        self._is_gathering = True
        joined = self._dispatch.joined
        try:
            yield
        finally:
            self._is_gathering = False
        self._gathered += self._dispatch.joined - joined
        self._await_more_us = now_us + MORE_WAIT_US if has_more else 0
        self._holds_all = has_more and everything is not None and bool(self._world.traits.mass_cancels)
        if not has_more:
            swept, self._company = self._company, []
            if everything is not None:
                self._sweep(swept, everything, now_us)
        self.serve(now_us)

    def serve_at(self, at_us: int) -> None:
        """Serve no later than then."""
        if self._serve_us is None or at_us < self._serve_us:
            self._serve_us = at_us
            self._appoint(at_us)

    def serve(self, now_us: int) -> None:
        """Let those leave who may by now, so many at once that nobody else waits long."""
        self._world.spared = self._limits.errors.spared(now_us)
        served: list[Case] = []
        awaits_more = now_us < self._await_more_us
        orders_max = 0 if awaits_more and self._holds_all else TURN_MAX
        for load in self._dispatch.serve(now_us, orders_max, only_full=awaits_more):
            self._leave(load, now_us)
            served += [wish.case for wish in load.wishes]
        self._appoint_next(now_us, is_waiting_for_more=awaits_more and not served)
        no_longer, self._no_longer = self._no_longer, []
        for case in (*served, *no_longer):
            self._work(case, now_us)

    def _appoint_next(self, now_us: int, *, is_waiting_for_more: bool) -> None:
        self._serve_us = None
        next_us = self._dispatch.next_us(now_us)
        if next_us is None:
            self._appoint(None)
        else:
            self.serve_at(max(next_us, self._await_more_us if is_waiting_for_more else now_us + 1))
        if next_us is None or next_us > now_us:
            self._at_once += max(0, self._gathered - len(self._dispatch))
            self._gathered = 0

    def _sweep(self, company: list[CaseId], everything: Everything, now_us: int) -> None:
        """Let those who are everything of a scope leave by one call, where that is sooner than by batches."""
        if Road.REST not in self._world.open_roads:
            return
        served: list[Case] = []
        for (mass, product, instrument), group in self._masses(company, everything, now_us).items():
            is_sooner = self._calls_needed(group) > self._calls_free(group[0], now_us)
            if not is_sooner or not self._limits.budget.calls_free(mass.operation, instrument, now_us):
                continue
            wishes = [wish for case in group if (wish := self._dispatch.take_out(case.case_id, now_us)) is not None]
            if wishes:
                scope = everything.narrowed(product, instrument or None)
                self._leave(Load(mass.operation, Road.REST, wishes, scope), now_us)
                served += [wish.case for wish in wishes]
        for case in served:
            self._work(case, now_us)

    def _masses(
        self, company: list[CaseId], everything: Everything, now_us: int
    ) -> dict[tuple[MassCancel, str, str], list[Case]]:
        """Part those who wait by the call that would take them in, and by what it would name."""
        found: dict[tuple[MassCancel, str, str], list[Case]] = {}
        for case in (self._cases.get(case_id) for case_id in company):
            if case is None or everything.product not in {None, case.product}:
                continue
            for mass in self._world.traits.mass_cancels:
                named = mass.instrument_for(everything, case.instrument) if case.product in mass.products else None
                if named is not None:
                    found.setdefault((mass, case.product, named), []).append(case)
                    break
        return found

    def _calls_needed(self, group: list[Case]) -> int:
        """How many calls they would take by name."""
        batch = self._world.traits.batch
        if batch is None:
            return len(group)
        is_mixed = group[0].product in batch.mixed_products
        counts = Counter("" if is_mixed else case.instrument for case in group)
        return sum(-(-count // batch.items_max) for count in counts.values())

    def _calls_free(self, case: Case, now_us: int) -> int:
        """How many of those calls may leave now."""
        batch = self._world.traits.batch
        operation = batch.operation if batch is not None else self._world.traits.cancel_operation
        return self._limits.budget.calls_free(operation, case.instrument, now_us)

    def note_gap(self, case: Case, now_us: int) -> None:
        """Note when a case last sent a cancel, for others that may mean its order, where the venue wants a gap."""
        if self._world.gap_us:
            self._world.gaps.note(case, now_us - self._world.gap_us)

    # ------------------------------------------------------------ what waits

    def wait_us(self, now_us: int) -> int:
        """How long those who wait longest for budget have to wait for their next slot."""
        return self._dispatch.wait_us(now_us)

    @property
    def waiting(self) -> int:
        """How many cancels wait for budget now."""
        return len(self._dispatch)

    @property
    def delayed(self) -> int:
        """How many cancels could not leave at once for want of budget, over this life."""
        return self._dispatch.joined - self._at_once

    # ------------------------------------------------------------ wishes

    def _wish(self, case: Case, now_us: int) -> tuple[Wish | None, int | None]:
        """Say which cancel a case wants to send now, as far as that is its own business; else when to look again.

        A first cancel leaves whatever the venue has borne; a repeated one keeps out of a ban, which would stop all.
        """
        plan, later_us = policy.wants_send(case, self._world, now_us)
        if plan is None:
            return None, later_us
        ticket = list(case.tickets.values())[plan.ticket_index]
        operation = self._operation_for(ticket)
        own_us = self._limits.budget.free_of_order_us(operation, name_of(case), now_us)
        if any(send.may_have_left for send in case.sends_for(ticket)):
            if case.unheard:
                return None, None  # what is not taken in yet may be the end of the order
            own_us = max(own_us, self._world.spared.get(operation, 0))
        if own_us > now_us:
            return None, own_us
        return Wish(case, ticket, plan, self._dispatch.lane_of(case, ticket, operation, plan.batch_road)), None

    def _wish_by_now(self, case_id: CaseId, now_us: int) -> Wish | None:
        """Ask what a case that waited wants by now; those who want nothing are worked on afterwards."""
        case = self._cases.get(case_id)
        wish = self._wish(case, now_us)[0] if case is not None else None
        if wish is None and case is not None:
            self._no_longer.append(case)
        return wish

    def _operation_for(self, ticket: Ticket) -> str:
        """Choose the call that cancels: the usual one, unless its errors are scarce and another can carry this."""
        traits = self._world.traits
        sparing = traits.sparing_cancel
        if sparing is None or traits.cancel_operation not in self._world.spared:
            return traits.cancel_operation
        can_carry = ticket.request.venue_params.keys() <= sparing.venue_params
        return sparing.operation if can_carry else traits.cancel_operation

    # ------------------------------------------------------------ leaving

    def _leave(self, load: Load, now_us: int) -> None:
        """Make the cancels of one request, and count it."""
        if len(load.wishes) == 1 and load.everything is None:
            self._leave_alone(load.wishes[0], load, now_us)
            return
        names = [self._ids.send() for _ in load.wishes]
        wires = [self._wire(wish, load, name, names[0]) for wish, name in zip(load.wishes, names, strict=True)]
        self._limits.left(load.operation, [(wish.case.instrument, wish.name) for wish in load.wishes], names, now_us)
        for wish, wire in zip(load.wishes, wires, strict=True):
            self._note(wish.case, wire, now_us)
        cases = tuple(wish.case.case_id for wish in load.wishes)
        self._emit(SendMany(cases, tuple(wires), load.everything))
        for case, wire in zip(cases, wires, strict=True):
            self._emit(Write(SendMade(now_us, case, wire)))

    def _leave_alone(self, wish: Wish, load: Load, now_us: int) -> None:
        """Make the cancel of a request that holds no other: as most do."""
        case, name = wish.case, self._ids.send()
        wire = self._wire(wish, load, name, SendId(""))
        self._limits.left(load.operation, ((case.instrument, wish.name),), (name,), now_us)
        self._note(case, wire, now_us)
        self._emit(Send(case.case_id, wire))
        self._emit(Write(SendMade(now_us, case.case_id, wire)))

    def _wire(self, wish: Wish, load: Load, send_id: SendId, batch: SendId) -> WireCancel:
        case, request = wish.case, wish.ticket.request
        return WireCancel(
            send_id=send_id,
            road=load.road,
            product=case.product,
            instrument=request.instrument,
            order_id=case.order_id,
            client_order_id=None if case.order_id is not None else case.client_order_id,
            venue_params=request.venue_params,
            operation="" if load.operation == self._world.traits.cancel_operation else load.operation,
            batch=batch,
        )

    def _note(self, case: Case, wire: WireCancel, now_us: int) -> None:
        params = wire.venue_params
        wanting = [t for t in case.tickets.values() if t.request.venue_params == params and not is_settled(t)]
        send = WireSend(wire, now_us, frozenset(ticket.request.key for ticket in wanting))
        case.sends.append(send)
        self._cases.sent(send, case)
        self.note_gap(case, now_us)
        if self._world.gap_us:
            self._world.gaps.left(case, now_us)
        for other in wanting:
            other.first_send = other.first_send or wire.send_id


def name_of(case: Case) -> str:
    """Name a case's order as the limits per order count it."""
    return case.order_id or case.client_order_id or ""


def party_of(ticket: Ticket) -> tuple[int, int, str]:
    """Name who has turns of its own in a line: a client's process, and each of its bulk cancels (``NAME/3``) beside."""
    request = ticket.request
    return request.caller.uid, request.caller.pid, request.key.request_id.rpartition("/")[0]
