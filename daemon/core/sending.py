"""Makes wire cancels: at once where there is a slot, and else with others or alone when one comes free.

It decides neither whether a case wants a cancel (`policy` does) nor who leaves with whom (`company` does, of those who
came together) nor who goes first of those who wait (`dispatch` does).
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from daemon.core import policy, shortcuts
from daemon.core.case import Case, Ticket, WireSend, is_settled
from daemon.core.company import Company
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
    from daemon.core.policy import SendPlan
    from daemon.core.records import CaseId
    from daemon.core.world import World
    from protocols.mass import Everything

TURN_MAX: Final = 70
"""Cancels that leave in one turn: about 1.5 ms, in which a new one may have to wait, as it does at the venue."""
IDLE_LOOK_US: Final = 5_000
"""When to look again after a turn in which nobody left though a slot is free: it takes two, and those who wait may mean
one order. To look without a pause would burn the core until something else comes free."""
MORE_WAIT_US: Final = 100_000
"""How long batches wait to be filled when more cancels were announced; they come as soon as others had their turn."""


class Sending:
    """The cancels of one account. ``emit`` takes effects, ``appoint`` when to `serve`, ``work`` a case to look at, and
    ``settle`` one whose cancel left just now.
    """

    def __init__(
        self,
        world: World,
        cases: CaseFile,
        ids: Ids,
        limits: Limits,
        emit: Callable[[Effect], None],
        appoint: Callable[[int | None], None],
        work: Callable[[Case, int], None],
        settle: Callable[[Case, int], None],
    ) -> None:
        self._world = world
        self._cases = cases
        self._ids = ids
        self._limits = limits
        self._emit = emit
        self._appoint = appoint
        self._work = work
        self._settle = settle
        self._dispatch = Dispatch(world.traits.batch, limits.budget, self._wish_by_now)
        self._company = Company(world.traits, limits.budget)
        self._serve_us: int | None = None
        self._no_longer: list[Case] = []
        self._is_gathering = False
        self._await_more_us = 0
        """Until then only full batches leave: more of those who wait to leave together are about to come."""
        self._gathered = 0
        """Cancels that came together and joined the lines, of which it is not known yet whether they leave at once."""
        self._at_once = 0
        """Those that did, over this life."""

    # ------------------------------------------------------------ inputs

    def send(self, case: Case, now_us: int) -> int | None:
        """Send what a case wants sent, or let it wait for a slot; gives when to look at the case again.

        What follows from a cancel that left just now is for the caller to see: most cases then rest.
        """
        wish, later_us = self._wish(case, now_us)
        if wish is not None:
            self._send(wish, now_us)
        return later_us

    def begin(self, case: Case, ticket: Ticket, now_us: int) -> bool:
        """Send the first cancel of a case that has just begun (`shortcuts.begun_by`), or let it come with the others.

        False: it waits for something else. True: the case is in good hands until `shortcuts.look_again_us`.
        """
        plan = policy.plan_by(self._world, 0, None)
        wish = self._wish_by(plan, case, ticket, now_us)[0] if plan is not None else None
        if wish is None:
            return False
        wish.has_just_begun = True
        self._send(wish, now_us)
        return self._is_gathering or bool(case.sends)

    def _send(self, wish: Wish, now_us: int) -> None:
        if self._is_gathering:
            self._company.join(wish)
        elif self._dispatch.may_leave(wish, now_us, has_precedence=now_us < self._await_more_us):
            self._leave(Load(wish.operation, wish.plan.road, [wish]), now_us)
        else:
            self._stand_in_line(wish, now_us)

    def _stand_in_line(self, wish: Wish, now_us: int) -> None:
        rank = 0 if policy.is_urgent(wish.case, self._world, now_us) else 1
        self.serve_at(self._dispatch.join(wish, rank, party_of(wish.ticket), now_us))

    @contextmanager
    def gathering(self, now_us: int, *, has_more: bool, everything: Everything | None) -> Iterator[None]:
        """Let no cancel leave until all of several are there; then they leave together, as far as the budgets allow.

        If more follow, only full batches leave yet; the others a moment later, at the latest. Where they are
        ``everything`` of a scope, one call may do for all, so none of them leaves before the last is there.
        """
        holds_all = has_more and everything is not None and bool(self._world.traits.mass_cancels)
        if not holds_all:
            self._ask_again(now_us)
        self._is_gathering = True
        try:
            yield
        finally:
            self._is_gathering = False
        self._await_more_us = now_us + MORE_WAIT_US if has_more else 0
        served: list[Wish] = []
        if everything is not None and not has_more:
            served += self._leave_by_one_call(everything, now_us)
        if not holds_all:
            served += self._leave_as_they_came(now_us, only_full=has_more)
        self._serve_lines(served, now_us)

    def serve_at(self, at_us: int) -> None:
        """Serve no later than then."""
        if self._serve_us is None or at_us < self._serve_us:
            self._serve_us = at_us
            self._appoint(at_us)

    def serve(self, now_us: int) -> None:
        """Let those leave who may by now, so many at once that nobody else waits long."""
        self._world.spared = self._limits.errors.spared(now_us)
        served: list[Wish] = []
        if len(self._company) and now_us >= self._await_more_us:
            self._ask_again(now_us)
            served = self._leave_as_they_came(now_us, only_full=False)
        self._serve_lines(served, now_us)

    def _serve_lines(self, served: list[Wish], now_us: int) -> None:
        """Let those leave who stand in line, beside the ``served``, and see when to look at everybody again."""
        only_full = now_us < self._await_more_us
        for load in self._dispatch.serve(now_us, TURN_MAX - len(served), only_full=only_full):
            self._leave(load, now_us)
            served += load.wishes
        self._appoint_next(now_us, has_served=bool(served))
        for wish in served:
            if not wish.has_just_begun:
                self._settle(wish.case, now_us)
        no_longer, self._no_longer = self._no_longer, []
        for case in no_longer:
            self._work(case, now_us)

    def _appoint_next(self, now_us: int, *, has_served: bool) -> None:
        self._serve_us = None
        next_us = self._dispatch.next_us(now_us)
        if next_us is None:
            self._appoint(None)
        elif has_served:
            self.serve_at(max(next_us, now_us + 1))
        else:
            look_us = now_us + IDLE_LOOK_US if next_us <= now_us else next_us
            self.serve_at(max(look_us, self._await_more_us))
        if len(self._company):
            self.serve_at(max(self._await_more_us, now_us + 1))
        if next_us is None or next_us > now_us:
            self._at_once += max(0, self._gathered - len(self._dispatch))
            self._gathered = 0

    # ------------------------------------------------------------ those who came together

    def _leave_as_they_came(self, now_us: int, *, only_full: bool) -> list[Wish]:
        """Let those who came together leave in batches, as far as nobody goes before them; who cannot stands in line.

        Gives whom it served. Of a thousand orders to be canceled nearly all leave by this way, for a third of what it
        takes to stand in line and be asked again what is wanted.
        """
        served: list[Wish] = []
        unplaced: list[Wish] = []
        if len(self._dispatch) or not self._company.is_of_one_rank:
            unplaced = self._company.take_all()
        for load in self._company.loads(now_us, TURN_MAX, unplaced, only_full=only_full):
            self._leave(load, now_us)
            served += load.wishes
        joined = self._dispatch.joined
        for wish in unplaced:
            self._stand_in_line(wish, now_us)
        self._gathered += self._dispatch.joined - joined
        return served

    def _leave_by_one_call(self, everything: Everything, now_us: int) -> list[Wish]:
        """Let those who are everything of a scope leave by one call, where that is sooner than by batches."""
        served: list[Wish] = []
        if Road.REST in self._world.open_roads:
            for mass, scope, wishes in self._company.masses(everything, now_us):
                self._leave(Load(mass.operation, Road.REST, wishes, scope), now_us)
                served += wishes
        return served

    def _ask_again(self, now_us: int) -> None:
        """Put what is wanted by now in place of what those wanted who came in an earlier turn."""
        by_now = [self._by_now(wish, now_us) for wish in self._company]
        self._company.replace(wish for wish in by_now if wish is not None)

    def _by_now(self, wish: Wish, now_us: int) -> Wish | None:
        roads = self._world.open_roads
        has_its_roads = wish.plan.road in roads and wish.plan.batch_road in {None, *roads}
        if has_its_roads and shortcuts.begun_by(wish.case, self._world, now_us) is wish.ticket:
            return wish
        return self._wish_by_now(wish.case.case_id, now_us)

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
        ticket = shortcuts.begun_by(case, self._world, now_us)
        if ticket is not None:
            plan, later_us = policy.plan_by(self._world, 0, None), None
        else:
            plan, later_us = policy.wants_send(case, self._world, now_us)
        if plan is None:
            return None, later_us
        return self._wish_by(plan, case, ticket or list(case.tickets.values())[plan.ticket_index], now_us)

    def _wish_by(
        self, plan: SendPlan, case: Case, ticket: Ticket, now_us: int
    ) -> tuple[Wish, None] | tuple[None, int | None]:
        """Say how a planned cancel would leave, as far as that is its own business; else when to look again."""
        operation = self._operation_for(ticket)
        own_us = self._limits.budget.free_of_order_us(operation, name_of(case), now_us)
        if case.sends and any(send.may_have_left for send in case.sends_for(ticket)):
            if case.unheard:
                return None, None  # what is not taken in yet may be the end of the order
            own_us = max(own_us, self._world.spared.get(operation, 0))
        if own_us > now_us:
            return None, own_us
        return Wish(case, ticket, plan, operation, self._dispatch.lane_of), None

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
        if load.everything is not None:
            self._world.swept(now_us)
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
        send = WireSend(wire, now_us, frozenset([ticket.request.key for ticket in wanting]))
        case.sends.append(send)
        self._cases.sent(send, case)
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
