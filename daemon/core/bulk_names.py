"""The names of a bulk cancel's requests: the bulk's own with a number, kept for an order before its request is made.

A number that was written down with its order is of that order's request in every life of the daemon.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from daemon.core.sweep import order_key
from protocols.fix import AccountName, RequestId

if TYPE_CHECKING:
    from collections.abc import Sequence

    from daemon.core.scope import NamedOrder
    from daemon.core.sweep import OrderKey

NUMBER_DIGITS_MAX: Final = 5
NAME_LENGTH_MAX: Final = 64 - 1 - NUMBER_DIGITS_MAX
"""A bulk's name leaves room for a slash and the number of an order."""


def member_name(name: RequestId, number: int) -> RequestId:
    """Name the request for one order of a bulk."""
    return RequestId(f"{name}/{number}")


def is_of_bulk(name: RequestId) -> bool:
    """Whether a request is of a bulk cancel: nobody else's name may have a slash."""
    return "/" in name


def number_of(name: RequestId, member: RequestId) -> int | None:
    """Read the number of a bulk's member from its name; None if it is none."""
    bulk, slash, number = member.rpartition("/")
    is_one = slash and bulk == name and number.isascii() and number.isdigit() and len(number) <= NUMBER_DIGITS_MAX
    return int(number) if is_one else None


class Numbers:
    """Which number is the next one, and which are kept."""

    def __init__(self) -> None:
        self.next = 0
        self._kept: dict[tuple[AccountName, OrderKey], int] = {}

    def give(self) -> int:
        """Give a number that no request has and none is kept for."""
        self.next += 1
        return self.next - 1

    def pass_over(self, number: int) -> None:
        """A request has it already."""
        self.next = max(self.next, number + 1)

    def keep(self, account: AccountName, orders: Sequence[NamedOrder], first: int) -> None:
        """Keep numbers for the requests of an account's orders, one after the other."""
        for number, order in enumerate(orders, first):
            if (key := order_key(order)) is not None:
                self._kept[account, key] = number
        self.next = max(self.next, first + len(orders))

    def strike(self, account: AccountName, orders: Sequence[NamedOrder]) -> None:
        """Keep no numbers for orders any more: no request came of them."""
        for order in orders:
            self.take(account, order)

    def without(self, account: AccountName, orders: Sequence[NamedOrder]) -> Sequence[NamedOrder]:
        """Give the orders for which none is kept that is still to be taken."""
        if not self._kept:
            return orders
        return [order for order in orders if (account, order_key(order)) not in self._kept]

    def take(self, account: AccountName, order: NamedOrder) -> int | None:
        """Give the number that was kept for an order, once."""
        key = order_key(order)
        return None if key is None else self._kept.pop((account, key), None)
