"""When cancels last left, by every name of their orders: a venue may want a gap between two cancels of one order.

One order may have several cases, as long as it is not known that a client id means it. What left for one of them keeps
the others waiting, as soon as any name is common to both: one that was asked for, that evidence tells, that the
venue's answer names, or that is remembered of an order of the client id that a case knows alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from daemon.core.case import Case, WireSend
    from protocols.fix import ClientOrderId, OrderId

    OrdersOf = Callable[[str, ClientOrderId], Iterable[OrderId]]


class Gaps:
    """The newest cancels of one account, by product and name. ``orders_of`` gives what orders had a client id."""

    def __init__(self) -> None:
        self.orders_of: OrdersOf = lambda _product, _client_order_id: ()
        self._newest: dict[tuple[str, str], WireSend] = {}

    def note(self, case: Case, since_us: int) -> None:
        """Know a case's newest cancel by all names that the case has now, if it left since then."""
        send = case.last_send
        if send is not None and send.made_us >= since_us:
            for name in self._names(case):
                known = self._newest.get(name)
                if known is None or known.made_us < send.made_us:
                    self._newest[name] = send

    def last_us(self, case: Case) -> int:
        """When a cancel last left, that the venue may have seen, for what may be the order of a case; 0 if none did."""
        sends = (self._newest.get(name) for name in self._names(case))
        return max((send.made_us for send in sends if send is not None and send.may_have_left), default=0)

    def forget(self, before_us: int) -> None:
        """Drop what left before then."""
        self._newest = {name: send for name, send in self._newest.items() if send.made_us >= before_us}

    def __len__(self) -> int:
        return len(self._newest)

    def _names(self, case: Case) -> Iterator[tuple[str, str]]:
        answer = case.last_send.answer if case.last_send is not None else None
        told = (answer.order_id, answer.client_order_id) if answer is not None else ()
        alias = case.alias
        remembered = self.orders_of(case.product, alias) if alias is not None and case.order_id is None else ()
        for name in {case.order_id, alias, *told, *remembered}:
            if name is not None:
                yield case.product, name
