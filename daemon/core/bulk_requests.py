"""The request for one order of a bulk cancel, and which of them a crash has lost that were named already.

What a bulk cancel found is written down with the names of the requests, and words may have been told about those before
any of them was on disk. So they are made good as requests of that life: a life that goes on with them asks before it
sends, says nothing of them that would need to know whether something left, and has them also where the wish is too old
by then to cancel anything, or its account is not to be spoken to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from daemon.core.bulk_names import member_name
from daemon.core.records import CancelRequest, CaseId, RequestKey, RequestOpened
from daemon.core.sweep import order_key
from protocols.fix import Priority

if TYPE_CHECKING:
    from collections.abc import Mapping

    from daemon.core.bulk import RecoveredBulk
    from daemon.core.records import BulkIntent, BulkMeant
    from daemon.core.scope import NamedOrder
    from daemon.core.sweep import OrderKey
    from protocols.fix import AccountName, OrderId

Place = tuple["AccountName", str, str, "OrderId"]
"""An order with its account, product and instrument: those who ask for the same have one case."""


def request_for(
    intent: BulkIntent, account: AccountName, number: int, order: NamedOrder, received_us: int
) -> CancelRequest:
    """Make the request for one order."""
    deadline_us = intent.deadline_us
    if order.deadline_us is not None:
        deadline_us = order.deadline_us if deadline_us is None else min(deadline_us, order.deadline_us)
    is_urgent = intent.priority is Priority.URGENT or order.priority is Priority.URGENT
    return CancelRequest(
        RequestKey(intent.caller.uid, account, member_name(intent.name, number)),
        intent.caller,
        order.product,
        order.instrument,
        order.order_id,
        order.client_order_id,
        received_us,
        deadline_us,
        Priority.URGENT if is_urgent else Priority.NORMAL,
        order.venue_params,
    )


def lost_requests(found: RecoveredBulk, cases: Mapping[Place, CaseId]) -> list[RequestOpened]:
    """Give the records of those requests that were named and are not there; ``cases`` are the orders' own, if any.

    An order for which there was no room lost its name, and may have got another one.
    """
    intent = found.intent
    named: dict[tuple[AccountName, OrderKey], tuple[BulkMeant, int, NamedOrder]] = {}
    for meant in found.meant:
        for number, order in enumerate(meant.orders, meant.first or 0):
            if (key := order_key(order)) is None:
                continue
            named.pop((meant.account, key), None)
            if meant.first is not None:
                named[meant.account, key] = meant, number, order
    for member in found.members:
        if (key := order_key(member.order)) is not None:
            named.pop((member.key.account, key), None)
    held = {member.key for member in found.members}
    lost: list[RequestOpened] = []
    for (account, (product, order_id)), (meant, number, order) in named.items():
        request = request_for(intent, account, number, order, intent.received_us)
        if request.key not in held:
            case = cases.get((account, product, order.instrument, order_id)) or CaseId(f"k{intent.bulk[1:]}m{number}")
            lost.append(RequestOpened(meant.t, case, request))
    return lost
