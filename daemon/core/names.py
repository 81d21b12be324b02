"""The request's name: asking again under it attaches to the request that holds it; another wish under it is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocols.errors import BadRequest

if TYPE_CHECKING:
    from daemon.core.case import Case, Ticket
    from daemon.core.records import BulkIntent, CancelRequest, RequestKey
    from daemon.core.scope import Scope


def require_same(asked: CancelRequest, held: Ticket, case: Case, now_us: int) -> None:
    """Check that a request is the one that holds its name, or raise ``request_id_conflict``.

    The same means: same product, instrument and ids, after the client id is resolved. Deadline, progress and priority
    may differ.
    """
    if is_same(asked, held.request, case.order_id, case.alias):
        return
    raise conflict(held.request, now_us)


def is_same(asked: CancelRequest, held: CancelRequest, order_id: str | None, client_order_id: str | None) -> bool:
    """Compare two requests of one name; the ids are what the held one's aliases resolved to."""
    if asked.product != held.product or asked.instrument != held.instrument:
        return False
    if asked.order_id is not None:
        return asked.order_id in {held.order_id, order_id}
    return asked.client_order_id in {held.client_order_id, client_order_id}


def conflict(held: CancelRequest, now_us: int) -> BadRequest:
    """Write the refusal, naming the held request's order and age."""
    order = held.order_id or held.client_order_id
    age_ms = max(0, (now_us - held.received_us) // 1000)
    return BadRequest(
        "request_id_conflict",
        f"{held.key.request_id} already names a cancel of order {order} on {held.instrument}, {age_ms} ms old; "
        "use a new name for a new request",
        path="request_id",
        order_id=held.order_id,
        client_order_id=held.client_order_id,
        age_ms=age_ms,
    )


def require_same_bulk(asked: BulkIntent, held: BulkIntent, now_us: int) -> None:
    """Check that a bulk cancel is the one that holds its name, or raise ``request_id_conflict``.

    The same means: the same scopes, in the same order. Deadline and priority may differ.
    """
    is_same = asked.is_all_accounts == held.is_all_accounts
    if held.is_all_accounts and is_same:  # accounts come and go with the configuration
        is_same = _narrowings(asked) == _narrowings(held)
    elif is_same:
        is_same = [_without_terms(scope) for scope in asked.scopes] == [_without_terms(scope) for scope in held.scopes]
    if not is_same:
        raise bulk_conflict(held, now_us)


def bulk_conflict(held: BulkIntent, now_us: int) -> BadRequest:
    """Write the refusal, naming what the held bulk cancel is of, and its age."""
    age_ms = max(0, (now_us - held.received_us) // 1000)
    what = "; ".join(scope.described() for scope in held.scopes)
    return BadRequest(
        "request_id_conflict",
        f"{held.name} already names a bulk cancel of {what[:200]}, {age_ms} ms old; use a new name for a new request",
        path="request_id",
        age_ms=age_ms,
    )


def old_bulk_conflict(key: RequestKey) -> BadRequest:
    """Write the refusal of a cancel whose name a bulk cancel of earlier holds."""
    return BadRequest(
        "request_id_conflict",
        f"{key.request_id} already names a bulk cancel of {key.account}; use a new name for a new request",
        path="request_id",
    )


def single_conflict(held: RequestKey) -> BadRequest:
    """Write the refusal of a bulk cancel whose name a single cancel holds."""
    return BadRequest(
        "request_id_conflict",
        f"{held.request_id} already names a cancel of one order of {held.account}; use a new name for a new request",
        path="request_id",
    )


def _narrowings(intent: BulkIntent) -> set[tuple[str | None, ...]]:
    return {(scope.product, scope.instrument, scope.side, scope.client_id_prefix) for scope in intent.scopes}


def _without_terms(scope: Scope) -> tuple[object, ...]:
    """Give what a scope is of, without how it is to be canceled."""
    orders = [(order.product, order.instrument, order.order_id, order.client_order_id) for order in scope.orders]
    return scope.account, scope.product, scope.instrument, scope.side, scope.client_id_prefix, orders
