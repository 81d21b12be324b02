"""Checks what is asked of bulk cancels and who asks, and hands what passes to `daemon.edge.bulks`.

All that can be wrong is found before anything is recorded or sent: one bad item of a batch refuses the batch, with the
item's place in the error's path. Nothing is canceled by default: a scope has to be said.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from daemon.config.settings import Role
from daemon.core import names
from daemon.core.records import RequestKey
from daemon.core.scope import NamedOrder, Scope
from daemon.edge.bindingdesk import ANY_INSTRUMENT, ANY_ORDER
from daemon.edge.bulk_running import Terms
from protocols.errors import BadRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from daemon.edge.access import Access
    from daemon.edge.account import Account
    from daemon.edge.bulks import Bulks
    from daemon.edge.desk import BulkSink, Peer
    from protocols.control.params import CancelAllParams, CancelBatchParams, CancelParams
    from protocols.fix import AccountName, RequestId


class BulkDesk:
    """The part of a `Desk` that takes up bulk cancels.

    ``find`` gives an account by its name and the path for the error; ``require_ready`` refuses for one that cannot take
    a new cancel; ``is_taken`` says whether a single cancel holds a name.
    """

    def __init__(
        self,
        accounts: Mapping[AccountName, Account],
        bulks: Bulks,
        access: Access,
        *,
        find: Callable[[AccountName, str], Account],
        require_ready: Callable[[Account], None],
        is_taken: Callable[[RequestKey], bool],
    ) -> None:
        self._accounts = accounts
        self._bulks = bulks
        self._access = access
        self._find = find
        self._require_ready = require_ready
        self._is_taken = is_taken

    def cancel_batch(self, request: CancelBatchParams, peer: Peer, received_us: int, sink: BulkSink) -> RequestId:
        """Take up the cancels of named orders; see `Desk.cancel_batch`."""
        wishes = [self._wish(index, item, peer, received_us) for index, item in enumerate(request.items)]
        runs = groupby(wishes, key=lambda wish: wish[0].name)
        scopes = [Scope(name, orders=tuple(order for _, order in run)) for name, run in runs]
        accounts = list({account.name: account for account, _ in wishes}.values())
        if not self._is_held(request.request_id, accounts, peer):
            for account in accounts:
                self._require_ready(account)
        terms = Terms(received_us)
        return self._bulks.start(scopes, peer.caller, request.request_id, "cancel_batch", terms=terms, sink=sink)

    def _wish(self, index: int, item: CancelParams, peer: Peer, received_us: int) -> tuple[Account, NamedOrder]:
        """Check one item, and give its account and order."""
        try:
            account = self._find(item.account, "account")
            self._access.require(peer, Role.CANCEL, account.name)
            product, params = account.product_of(item.product), item.venue_texts()
            account.dialect.check_cancel(item.order_id, item.client_order_id, item.instrument, params)
        except BadRequest as error:
            path = f"items[{index}].{error.path}" if error.path else f"items[{index}]"
            raise BadRequest(error.reason, error.what, path=path, **error.data) from None
        deadline_us = None if item.deadline_ms is None else received_us + item.deadline_ms * 1000
        return account, NamedOrder(
            product, item.instrument, item.order_id, item.client_order_id, deadline_us, item.priority, params
        )

    def cancel_all(self, request: CancelAllParams, peer: Peer, received_us: int, sink: BulkSink) -> RequestId | None:
        """Take up the cancel of everything in a scope; see `Desk.cancel_all`."""
        if request.account is None:
            accounts = list(self._accounts.values())
        else:
            accounts = [self._find(request.account, "account")]
        for account in accounts:
            self._access.require(peer, Role.CANCEL, account.name)
        scopes = [_scope(request, account) for account in accounts]
        if request.account is not None:
            _require_possible(request, accounts[0])
        if request.dry_run:
            self._require_some_ready(accounts)
            self._bulks.look(scopes, sink)
            return None
        is_held = self._is_held(request.request_id, accounts, peer)
        terms = Terms(
            received_us,
            None if request.deadline_ms is None else received_us + request.deadline_ms * 1000,
            request.priority,
            request.all_accounts,
            {} if is_held else self._require_some_ready(accounts),
        )
        return self._bulks.start(scopes, peer.caller, request.request_id, "cancel_all", terms=terms, sink=sink)

    def _require_some_ready(self, accounts: Sequence[Account]) -> dict[AccountName, str]:
        """Say which accounts cannot cancel now, and why; refuse if none can."""
        lost: dict[AccountName, str] = {}
        for account in accounts:
            try:
                self._require_ready(account)
            except BadRequest as error:
                if len(lost) == len(accounts) - 1:
                    raise
                lost[account.name] = error.what
        return lost

    def _is_held(self, name: RequestId | None, accounts: Sequence[Account], peer: Peer) -> bool:
        """Whether a bulk cancel has that name already; refuses if a single cancel has it."""
        if name is None:
            return False
        keys = [RequestKey(peer.caller.uid, account.name, name) for account in accounts]
        taken = next((key for key in keys if self._is_taken(key)), None)
        if taken is not None:
            raise names.single_conflict(taken)
        return any(self._bulks.holds(key) for key in keys)


def _require_possible(request: CancelAllParams, account: Account) -> None:
    """Refuse what no order of a venue can match: it is a slip, and "nothing rests" would be no answer to it."""
    try:
        account.dialect.check_cancel(ANY_ORDER, request.client_id_prefix, request.instrument or ANY_INSTRUMENT, {})
    except BadRequest as error:
        path = "client_id_prefix" if error.path == "client_order_id" else error.path
        raise BadRequest(error.reason, error.what, path=path, **error.data) from None


def _scope(request: CancelAllParams, account: Account) -> Scope:
    product = None if request.product is None else account.product_of(request.product)
    return Scope(account.name, product, request.instrument, request.side, request.client_id_prefix)
