"""Cancels that are wanted together, as a bulk's are: they leave in batches as they came, without standing in any line.

Theory of operation. Nobody here waits for budget. While that is to be had, those who came together fill batches group
by group, in the order in which they came. Who finds no room or no company goes on to the lines
(`daemon.core.dispatch`), where what is wanted is asked for again in its turn; so does whoever might be of an order that
leaves already. If more are about to come, a batch that is not full waits here for them. And where all of a scope is
meant, all of them may wait here, since one call may do for everything: whether that is sooner is said here too.

A wish holds for the turn in which it was made. Whoever keeps it longer asks again, and says so by `replace`.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from daemon.core.dispatch import TOGETHER_MIN, Load, Wish
from protocols.fix import Priority

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from daemon.core.budget import Budget
    from daemon.core.dispatch import Group
    from daemon.core.records import CaseId
    from protocols.batching import BatchCancel
    from protocols.dialect import Traits
    from protocols.mass import Everything, MassCancel


class Company:
    """Those of one account who came together and have not left yet: no more than it has cases under way."""

    def __init__(self, traits: Traits, budget: Budget) -> None:
        self._traits = traits
        self._budget = budget
        self._wishes: dict[CaseId, Wish] = {}

    def join(self, wish: Wish) -> None:
        """Come with the others. Of a case that is there already the newer wish counts: it knows all its requests."""
        self._wishes[wish.case.case_id] = wish

    def replace(self, wishes: Iterable[Wish]) -> None:
        """Put what is wanted by now in place of what was."""
        self._wishes = {wish.case.case_id: wish for wish in wishes}

    def take_all(self) -> list[Wish]:
        """Let all go."""
        wishes, self._wishes = self._wishes, {}
        return list(wishes.values())

    @property
    def is_of_one_rank(self) -> bool:
        """Whether all of them are as urgent as the others, so that none goes before another."""
        return len({wish.ticket.request.priority is Priority.URGENT for wish in self._wishes.values()}) <= 1

    def __iter__(self) -> Iterator[Wish]:
        return iter(list(self._wishes.values()))

    def __len__(self) -> int:
        return len(self._wishes)

    # ------------------------------------------------------------ batches

    def loads(self, now_us: int, orders_max: int, unplaced: list[Wish], *, only_full: bool) -> Iterator[Load]:
        """Give the batches that leave now, of about ``orders_max`` orders; the caller takes the budget for each.

        Whoever is to stand in line is put into ``unplaced``. With ``only_full`` those stay who only lack company.
        """
        batch, groups = self._traits.batch, self._groups(unplaced)
        if batch is None:
            return
        named: set[str] = set()
        for group, wishes in groups.items():
            for load in self._fill(batch, group, wishes, named, unplaced, now_us):
                if orders_max > 0 and len(load.wishes) >= (batch.items_max if only_full else TOGETHER_MIN):
                    orders_max -= len(load.wishes)
                    yield load
                elif only_full and orders_max > 0:
                    self._wishes |= {wish.case.case_id: wish for wish in load.wishes}
                else:
                    unplaced += load.wishes

    def _groups(self, unplaced: list[Wish]) -> dict[Group, list[Wish]]:
        """Part all by the batches that they could travel in. A client id alone may mean the order of another one."""
        groups: dict[Group, list[Wish]] = {}
        for wish in self.take_all():
            group = wish.lane.group
            if group is None or wish.case.order_id is None:
                unplaced.append(wish)
            else:
                groups.setdefault(group, []).append(wish)
        return groups

    def _fill(
        self, batch: BatchCancel, group: Group, wishes: list[Wish], named: set[str], unplaced: list[Wish], now_us: int
    ) -> Iterator[Load]:
        """Fill one batch after the other with those who fit by the budget; the last one may not be full."""
        load = Load(batch.operation, group.road, [])
        planned: Counter[str] = Counter()
        for wish in wishes:
            instrument, names = wish.lane.instrument, wish.names
            if not named.isdisjoint(names) or not self._budget.fits(batch.operation, instrument, planned, now_us):
                unplaced.append(wish)
                continue
            named |= names
            planned[instrument] += 1
            load.wishes.append(wish)
            if len(load.wishes) == batch.items_max:
                yield load
                load = Load(batch.operation, group.road, [])
                planned.clear()
        if load.wishes:
            yield load

    # ------------------------------------------------------------ one call for all

    def masses(self, everything: Everything, now_us: int) -> Iterator[tuple[MassCancel, Everything, list[Wish]]]:
        """Give the calls that are sooner than batches for those who are everything of a scope, with whom each is for.

        A call is given as long as there is budget for it; the caller takes that, and lets them leave.
        """
        for (mass, product, instrument), wishes in self._by_mass(everything).items():
            is_sooner = self._calls_needed(wishes) > self._calls_free(wishes[0], now_us)
            if is_sooner and self._budget.calls_free(mass.operation, instrument, now_us):
                for wish in wishes:
                    del self._wishes[wish.case.case_id]
                yield mass, everything.narrowed(product, instrument or None), wishes

    def _by_mass(self, everything: Everything) -> dict[tuple[MassCancel, str, str], list[Wish]]:
        """Part all by the call that would take them in, and by what it would name."""
        found: dict[tuple[MassCancel, str, str], list[Wish]] = {}
        for wish in self._wishes.values():
            case = wish.case
            if everything.product not in {None, case.product}:
                continue
            for mass in self._traits.mass_cancels:
                named = mass.instrument_for(everything, case.instrument) if case.product in mass.products else None
                if named is not None:
                    found.setdefault((mass, case.product, named), []).append(wish)
                    break
        return found

    def _calls_needed(self, wishes: list[Wish]) -> int:
        """How many calls they would take by name."""
        batch = self._traits.batch
        if batch is None:
            return len(wishes)
        is_mixed = wishes[0].case.product in batch.mixed_products
        counts = Counter("" if is_mixed else wish.case.instrument for wish in wishes)
        return sum(-(-count // batch.items_max) for count in counts.values())

    def _calls_free(self, wish: Wish, now_us: int) -> int:
        """How many of those calls may leave now."""
        batch = self._traits.batch
        operation = batch.operation if batch is not None else self._traits.cancel_operation
        return self._budget.calls_free(operation, wish.case.instrument, now_us)
