"""Checks what clients want to bind to their own life and who asks, and hands what passes to `daemon.edge.bindings`.

Who may cancel at an account may bind its orders. A binding is its user's own: another one may take it over, or release
it, with the role ``admin`` alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from daemon.config.settings import Role
from daemon.core.bindings import BindingId, Seen, Tie
from daemon.core.scope import NamedOrder, Scope
from protocols.control.results import BindingSeen
from protocols.errors import BadRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from daemon.core.ids import Ids
    from daemon.edge.access import Access
    from daemon.edge.account import Account
    from daemon.edge.bindings import LiveBindings, OnBound
    from daemon.edge.desk import Peer
    from protocols.control.params import BindParams, BoundOrder, BoundScope
    from protocols.fix import AccountName

SHOWN_MAX: Final = 64
"""Bindings that a status names: a quarter of the line that it may take."""
ANY_ORDER: Final = "1"
"""An order id that every venue's alphabet has: where the other names are to be checked alone."""
ANY_INSTRUMENT: Final = "X"
"""The same of an instrument."""


class BindingDesk:
    """The part of a `Desk` that takes up bindings; ``find`` gives an account by its name and the path for the error."""

    def __init__(
        self, live: LiveBindings, access: Access, ids: Ids, find: Callable[[AccountName, str], Account]
    ) -> None:
        self._live = live
        self._access = access
        self._ids = ids
        self._find = find

    def bind(self, request: BindParams, peer: Peer, now_us: int, on_bound: OnBound) -> None:
        """Bind, take over or release; see `Desk.bind`."""
        if request.binding_id is not None:
            self._hold(BindingId(request.binding_id), peer, on_bound, is_released=request.release)
            return
        if request.scope is None or request.grace_ms is None:
            raise BadRequest("invalid_params", "a scope with its grace_ms is needed", path="scope")
        scope = self._scope(request.scope, peer)
        binding = BindingId(self._ids.binding())
        tie = Tie(binding, peer.caller, scope, request.grace_ms, request.heartbeat_ms, now_us)
        self._live.bind(tie, peer.connection, on_bound)

    def _hold(self, binding: BindingId, peer: Peer, on_bound: OnBound, *, is_released: bool) -> None:
        tie = self._live.core.find(binding)
        self._access.require(peer, Role.CANCEL, tie.scope.account)
        if tie.caller.uid != peer.caller.uid and not self._access.may(peer, Role.ADMIN, tie.scope.account):
            raise BadRequest("not_allowed", f"{binding} is another user's; its operator may take it", path="binding_id")
        if is_released:
            self._live.release(binding)
        else:
            self._live.take_over(binding, peer.connection)
        on_bound(binding, True)

    def _scope(self, wanted: BoundScope, peer: Peer) -> Scope:
        account = self._find(wanted.account, "scope.account")
        self._access.require(peer, Role.CANCEL, account.name)
        try:
            product = None if wanted.product is None else account.product_of(wanted.product)
            account.dialect.check_cancel(ANY_ORDER, wanted.client_id_prefix, wanted.instrument or ANY_INSTRUMENT, {})
        except BadRequest as error:
            path = "client_id_prefix" if error.path == "client_order_id" else error.path
            raise BadRequest(error.reason, error.what, path=f"scope.{path}", **error.data) from None
        named = tuple(_named(account, wanted, order, index) for index, order in enumerate(wanted.orders or ()))
        if named:
            return Scope(account.name, orders=named)
        return Scope(account.name, product, wanted.instrument, None, wanted.client_id_prefix)

    def seen(self, visible: Collection[AccountName], now_us: int) -> tuple[list[BindingSeen], int]:
        """Show the bindings at these accounts, those that fire first before the others, and count all of them."""
        mine = [seen for seen in self._live.core if seen.tie.scope.account in visible]
        mine.sort(key=lambda seen: (seen.fires_us is None, seen.fires_us or 0))
        return [_shown(seen, now_us) for seen in mine[:SHOWN_MAX]], len(mine)


def _named(account: Account, scope: BoundScope, order: BoundOrder, index: int) -> NamedOrder:
    try:
        product = account.product_of(order.product or scope.product)
        account.dialect.check_cancel(order.order_id, order.client_order_id, order.instrument, {})
    except BadRequest as error:
        path = f"scope.orders[{index}].{error.path}"
        raise BadRequest(error.reason, error.what, path=path, **error.data) from None
    return NamedOrder(product, order.instrument, order.order_id, order.client_order_id)


def _shown(seen: Seen, now_us: int) -> BindingSeen:
    tie = seen.tie
    return BindingSeen(
        binding_id=tie.binding,
        account=tie.scope.account,
        scope=tie.scope.described(),
        state=seen.state.value,
        why=seen.why,
        uid=tie.caller.uid,
        pid=tie.caller.pid,
        client=tie.caller.client,
        grace_ms=tie.grace_ms,
        heartbeat_ms=tie.heartbeat_ms,
        fires_in_ms=None if seen.fires_us is None else max(0, seen.fires_us - now_us) // 1000,
    )
