"""Records of a bulk cancel by a filter, as they stand on the disk of a daemon that dies."""

from __future__ import annotations

from daemon.core.records import (
    BulkIntent,
    BulkMeant,
    BulkOpened,
    Caller,
    CancelRequest,
    CaseId,
    RequestKey,
    RequestOpened,
)
from daemon.core.scope import NamedOrder, Scope
from protocols.fix import AccountName, OrderId, RequestId
from tests.simulate.scene import BULK

CALLER = Caller(1001, 1001, 1)


def wish(account: AccountName, of: str = BULK, *named: str, uid: int = 1001) -> BulkOpened:
    """It was asked for: by a filter, or of the orders that it names."""
    orders = tuple(NamedOrder("", "X", OrderId(order_id)) for order_id in named)
    caller = Caller(uid, uid, 1)
    intent = BulkIntent(CaseId(f"{uid}-{of}"), RequestId(of), caller, "cancel_all", (Scope(account, orders=orders),), 0)
    return BulkOpened(0, intent.bulk, intent)


def meant(account: AccountName, *order_ids: str, of: str = BULK) -> BulkMeant:
    """It found orders."""
    orders = tuple(NamedOrder("", "X", OrderId(order_id)) for order_id in order_ids)
    return BulkMeant(0, CaseId(f"1001-{of}"), account, orders)


def opened(
    account: AccountName, number: int, order_id: str | None, of: str = BULK, *, uid: int = 1001, at_us: int = 0
) -> RequestOpened:
    """One of its orders has a request."""
    key = RequestKey(uid, account, RequestId(f"{of}/{number}"))
    named = None if order_id is None else OrderId(order_id)
    return RequestOpened(at_us, CaseId(f"c{number}"), CancelRequest(key, CALLER, "", "X", named, None, 0))
