"""The cancels that wait for budget, and the requests in which they leave: together where that is sooner, or alone.

Theory of operation. Whoever cannot leave at once stands in a *lane*: with those who need the same call and the same
budget, and who could travel in one batch. Lanes share their turns, so that over all of them the urgent go first and
then client by client. When something may leave, the first of all leads: with as many of its group as a batch takes and
the budgets allow, else alone. So two budgets that do not count each other's calls are used side by side, and of one
that both share, a call is spent on as many as it can carry.

What is wanted may have changed while somebody waited. So the wish is asked for again when its turn comes, and who no
longer has one takes no slot. Nobody is ever made to wait here who could leave at once: that is the caller's to see.
"""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from daemon.core.lines import Line, Place, Turns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from daemon.core.buckets import BucketKey
    from daemon.core.budget import Budget
    from daemon.core.case import Case, Ticket
    from daemon.core.lines import Party
    from daemon.core.policy import SendPlan
    from daemon.core.records import CaseId
    from protocols.batching import BatchCancel
    from protocols.fix import Road
    from protocols.mass import Everything

GATHER_US: Final = 3_000
"""Those who have to wait anyway wait so long for others where a fuller batch costs no more: a client's flood comes in
over some milliseconds."""
TOGETHER_MIN: Final = 2
"""A batch of one is a cancel like any other, and counts as one."""

REQUEST_WEIGHT: Final = 4
"""What a request takes of a turn beside its orders, in orders of a batch."""


class Group(NamedTuple):
    """Those who may travel in one batch are alike in these."""

    road: Road
    product: str
    instrument: str
    has_order_id: bool
    params: tuple[tuple[str, str], ...]


class Lane(NamedTuple):
    """Those who stand in one line are alike in these. ``instrument`` is "" where no limit counts by it."""

    operation: str
    instrument: str
    group: Group | None


@dataclass(slots=True)
class Wish:
    """A cancel that wants to leave now: for which case and request, by which call.

    ``has_just_begun``: so has its case, which somebody looks at again in time. ``lane_of`` says where it would stand.
    """

    case: Case
    ticket: Ticket
    plan: SendPlan
    operation: str
    lane_of: Callable[[Wish], Lane]
    has_just_begun: bool = False
    _lane: Lane | None = None

    @property
    def lane(self) -> Lane:
        """Where it stands while it waits, and with whom it could leave: most leave alone, and nobody asks."""
        if self._lane is None:
            self._lane = self.lane_of(self)
        return self._lane

    @property
    def name(self) -> str:
        """What names its order to the venue."""
        return self.case.order_id or self.case.client_order_id or ""

    @property
    def names(self) -> set[str]:
        """All that may name it: two cancels that share one may be of one order."""
        return {name for name in (self.case.order_id, self.case.alias) if name is not None}


@dataclass(slots=True)
class Load:
    """What leaves as one request."""

    operation: str
    road: Road
    wishes: list[Wish]
    everything: Everything | None = None


class Dispatch:
    """The waiting cancels of one account. ``wish_of`` says what a case wants by now."""

    def __init__(
        self, batch: BatchCancel | None, budget: Budget, wish_of: Callable[[CaseId, int], Wish | None]
    ) -> None:
        self.joined = 0
        """How many came to wait, over this life."""
        self._batch = batch
        self._budget = budget
        self._wish_of = wish_of
        self._turns = Turns()
        self._lines: dict[Lane, Line[CaseId]] = {}
        self._lanes: dict[CaseId, Lane] = {}
        self._grouped: dict[Group, set[Lane]] = {}
        self._slots: Counter[BucketKey] = Counter()

    # ------------------------------------------------------------ coming and waiting

    def lane_of(self, wish: Wish) -> Lane:
        """Say where a cancel would stand."""
        case, operation, road = wish.case, wish.operation, wish.plan.batch_road
        _, instrument = self._budget.line_of(operation, case.instrument)
        group = None
        batch, params = self._batch, wish.ticket.request.venue_params
        if batch is not None and road is not None and (not params or params.keys() <= batch.venue_params):
            instrument = instrument or self._budget.line_of(batch.operation, case.instrument)[1]
            group = Group(
                road,
                case.product,
                "" if case.product in batch.mixed_products else case.instrument,
                batch.mixes_ids or case.order_id is not None,
                tuple(sorted(params.items())) if params else (),
            )
        return Lane(operation, instrument, group)

    def may_leave(self, wish: Wish, now_us: int, *, has_precedence: bool = False) -> bool:
        """Whether a cancel may leave at once: there is a slot, and nobody waits for one like it who goes before."""
        operation, instrument = wish.operation, wish.case.instrument
        if self._slots and not has_precedence and self._slots[self._budget.line_of(operation, instrument)]:
            return False
        return self._budget.free_us(operation, instrument, "", now_us) <= now_us

    def join(self, wish: Wish, rank: int, party: Party, now_us: int) -> int:
        """Let a cancel wait, and say when to `serve`. Who waits already may move forward, never back."""
        who = wish.case.case_id
        if self._lanes.get(who, wish.lane) != wish.lane:
            self._lines[self._lanes[who]].leave(who)
            self._left(who)
        self.joined += who not in self._lanes
        self._enter(who, wish.lane).join(who, rank, party)
        is_fuller_better = self._batch is not None and self._budget.counts_calls(self._batch.operation)
        return now_us + (GATHER_US if is_fuller_better else 1)

    def _enter(self, who: CaseId, lane: Lane) -> Line[CaseId]:
        line = self._lines.get(lane)
        if line is None:
            line = self._lines[lane] = Line(self._turns)
            if lane.group is not None:
                self._grouped.setdefault(lane.group, set()).add(lane)
        if who not in self._lanes:
            self._lanes[who] = lane
            self._slots[self._slot_of(lane)] += 1
        return line

    def _left(self, who: CaseId) -> None:
        """Forget where one stood, and its lane if nobody stands there any more."""
        lane = self._lanes.pop(who)
        slot = self._slot_of(lane)
        self._slots[slot] -= 1
        if not self._slots[slot]:
            del self._slots[slot]
        if self._lines[lane]:
            return
        del self._lines[lane]
        if lane.group is not None:
            self._grouped[lane.group].discard(lane)
            if not self._grouped[lane.group]:
                del self._grouped[lane.group]

    def _slot_of(self, lane: Lane) -> BucketKey:
        return self._budget.line_of(lane.operation, lane.instrument)

    # ------------------------------------------------------------ leaving

    def serve(self, now_us: int, orders_max: int, *, only_full: bool = False) -> Iterator[Load]:
        """Give what may leave now, at most about ``orders_max`` orders in batches, or a fifth of that alone; the budget
        for it is taken by the caller.

        With ``only_full`` those who could travel with others wait until they fill a batch.
        """
        spent: set[Lane] = set()
        without_batch: set[Group] = set()
        orders = 0
        while orders < orders_max:
            lane = self._first(spent)
            if lane is None:
                return
            load = None
            if lane.group is not None and lane.group not in without_batch:
                load = self._together(lane.group, now_us, only_full=only_full)
                if load is None:
                    without_batch.add(lane.group)
            may_be_alone = lane.group is None or not only_full
            if load is None and may_be_alone and lane in self._lines:
                load = self._alone(lane, now_us)
            if load is not None:
                orders += len(load.wishes) + REQUEST_WEIGHT
                yield load
            elif lane in self._lines:
                spent.add(lane)

    def _first(self, spent: set[Lane]) -> Lane | None:
        """Find the lane of whoever is first of all."""
        heads = ((place, lane) for lane, line in self._lines.items() if lane not in spent and (place := line.first()))
        return min(heads, key=lambda head: head[0], default=(None, None))[1]

    def _together(self, group: Group, now_us: int, *, only_full: bool) -> Load | None:
        """Fill a batch from the lanes of a group, the first of them first; None when there is none of two at least."""
        batch = self._batch
        if batch is None:
            return None
        orders_min = batch.items_max if only_full else TOGETHER_MIN
        if sum(len(self._lines[lane]) for lane in self._grouped[group]) < orders_min:
            return None
        heads = [(place, lane) for lane in self._grouped[group] if (place := self._lines[lane].first())]
        heapq.heapify(heads)
        load = Load(batch.operation, group.road, [])
        planned: Counter[str] = Counter()
        back: list[tuple[CaseId, Lane, Place]] = []
        names: set[str] = set()
        while heads and len(load.wishes) < batch.items_max:
            place, lane = heapq.heappop(heads)
            if not self._budget.fits(batch.operation, lane.instrument, planned, now_us):
                continue
            who, following = self._take(lane)
            if following is not None:
                heapq.heappush(heads, (following, lane))
            wish = self._still(who, lane, place, now_us)
            if wish is None:
                continue
            if not names.isdisjoint(wish.names):
                back.append((who, lane, place))
                continue
            names |= wish.names
            planned[lane.instrument] += 1
            load.wishes.append(wish)
            back.append((who, lane, place))
        is_batch = len(load.wishes) >= orders_min
        gone = {wish.case.case_id for wish in load.wishes if is_batch}
        for who, lane, place in back:
            if who not in gone:
                self._enter(who, lane).put_back(who, place)
        return load if is_batch else None

    def _alone(self, lane: Lane, now_us: int) -> Load | None:
        """Let the first of a lane leave alone; None when it may not yet."""
        while lane in self._lines and (place := self._lines[lane].first()) is not None:
            who, _ = self._take(lane)
            wish = self._still(who, lane, place, now_us)
            if wish is None:
                continue
            if self._budget.free_us(lane.operation, wish.case.instrument, "", now_us) <= now_us:
                return Load(lane.operation, wish.plan.road, [wish])
            self._enter(who, lane).put_back(who, place)
            return None
        return None

    def _take(self, lane: Lane) -> tuple[CaseId, Place | None]:
        """Take the first out of a lane; gives who it is, and where the next one stands."""
        line = self._lines[lane]
        who = line.pop()
        following = line.first()
        self._left(who)
        return who, following

    def _still(self, who: CaseId, lane: Lane, place: Place, now_us: int) -> Wish | None:
        """Ask what one who was taken out wants by now; who would stand elsewhere by now goes there."""
        wish = self._wish_of(who, now_us)
        if wish is None or wish.lane == lane:
            return wish
        self._enter(who, wish.lane).put_back(who, place)
        return None

    # ------------------------------------------------------------ when

    def next_us(self, now_us: int) -> int | None:
        """When the next one may leave; None while nobody waits."""
        return min((self._free_us(lane, now_us) for lane in self._lines), default=None)

    def wait_us(self, now_us: int) -> int:
        """How long the lane that waits longest has to wait for its next slot."""
        return max((self._free_us(lane, now_us) - now_us for lane in self._lines), default=0)

    def _free_us(self, lane: Lane, now_us: int) -> int:
        """When one of a lane may leave, alone or with another one."""
        free_us = self._budget.free_us(lane.operation, lane.instrument, "", now_us)
        if free_us <= now_us or lane.group is None or self._batch is None:
            return free_us
        return min(free_us, self._with_another_us(lane, lane.group, self._batch.operation, now_us))

    def _with_another_us(self, lane: Lane, group: Group, operation: str, now_us: int) -> int:
        if len(self._lines[lane]) >= TOGETHER_MIN:
            return self._budget.free_us(operation, lane.instrument, "", now_us, TOGETHER_MIN)
        times = sorted(self._budget.free_us(operation, other.instrument, "", now_us) for other in self._grouped[group])
        own_us = self._budget.free_us(operation, lane.instrument, "", now_us)
        return max(own_us, times[1]) if len(times) >= TOGETHER_MIN else own_us + FAR_US

    def __len__(self) -> int:
        return len(self._lanes)


FAR_US: Final = 3_600_000_000
"""Later than any slot."""
