"""When cancels last left, by every name of their orders: a venue may want a gap between two cancels of one order.

One order may have several cases, as long as it is not known that a client id means it. What left for one of them keeps
the others waiting, as soon as any name is common to both: one that was asked for, that evidence tells, that an answer
of the venue names, or that is remembered of an order of the client id that a case knows alone. What left before this
life keeps them waiting too, by the names that it had then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from daemon.core.departures import mark_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from daemon.core.case import Case, WireSend
    from daemon.core.departures import Departures
    from protocols.fix import ClientOrderId, OrderId

    OrdersOf = Callable[[str, ClientOrderId], Iterable[OrderId]]


class Gaps:
    """The newest cancels of one account, by product and name. ``orders_of`` gives what orders had a client id."""

    def __init__(self) -> None:
        self.orders_of: OrdersOf = lambda _product, _client_order_id: ()
        self._newest: dict[tuple[str, str], WireSend] = {}
        self._former: dict[tuple[str, str], int] = {}
        """When a cancel of an earlier life last left, as far as it was asked for."""
        self._owner = ""
        self._departures: Departures | None = None

    def remember(self, owner: str, departures: Departures) -> None:
        """Take over what left before this life, and keep what leaves for the next; ``owner`` as with `Buckets`."""
        self._owner, self._departures = owner, departures

    def left(self, case: Case, now_us: int) -> None:
        """A case's newest cancel leaves now: know it by all names, and keep for the next life that it left."""
        for name in self._names(case):
            self._know(name, case.last_send)
            if self._departures is not None:
                self._departures.note(mark_of(self._owner, *name), 1, now_us)

    def note(self, case: Case, since_us: int) -> None:
        """Know a case's newest cancel by all names that the case has now, if it left since then."""
        send = case.last_send
        if send is not None and send.made_us >= since_us:
            for name in self._names(case):
                self._know(name, send)

    def _know(self, name: tuple[str, str], send: WireSend | None) -> None:
        known = self._newest.get(name)
        if send is None or not send.may_have_left:
            return
        if known is None or not known.may_have_left or known.made_us < send.made_us:
            self._newest[name] = send

    def last_us(self, case: Case) -> int:
        """When a cancel last left, that the venue may have seen, for what may be the order of a case; 0 if none did."""
        last_us = 0
        for name in self._names(case):
            send = self._newest.get(name)
            if send is not None and send.may_have_left:
                last_us = max(last_us, send.made_us)
            last_us = max(last_us, self._former_us(name))
        return last_us

    def _former_us(self, name: tuple[str, str]) -> int:
        """When a cancel of this name last left in an earlier life; 0 if none did."""
        if self._departures is not None and self._departures.has_former:
            former = self._departures.take_former(mark_of(self._owner, *name))
            if former:
                self._former[name] = max(departed.left_us for departed in former)
        return self._former.get(name, 0)

    def forget(self, before_us: int) -> None:
        """Drop what left before then."""
        self._newest = {name: send for name, send in self._newest.items() if send.made_us >= before_us}
        self._former = {name: at_us for name, at_us in self._former.items() if at_us >= before_us}

    def __len__(self) -> int:
        return len(self._newest)

    def _names(self, case: Case) -> list[tuple[str, str]]:
        """All names of a case's order; with every cancel they are asked for some times, and most cases have one."""
        alias = case.alias
        names: set[str | None] = {case.order_id, alias}
        for send in case.sends:
            if send.answer is not None:
                names |= {send.answer.order_id, send.answer.client_order_id}
        if alias is not None and case.order_id is None:
            names.update(self.orders_of(case.product, alias))
        return [(case.product, name) for name in names if name is not None]
