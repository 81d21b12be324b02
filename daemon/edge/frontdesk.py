"""Answers the socket: finds the account, checks what is asked and who asks, and hands cancels to the account's driver.

Everything that can be wrong with a request is found here, before anything is recorded or sent: an unknown account, one
that is not ready to cancel, an id outside the venue's alphabet, a caller without the role. What passes ends in an
outcome.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

import structlog

from daemon.config.settings import OnJournalFailure, Role
from daemon.core import names
from daemon.core.records import CancelRequest, Report, RequestKey
from daemon.edge.account import WAITING_SHOWN
from daemon.edge.bindingdesk import BindingDesk
from daemon.edge.bindings import LiveBindings
from daemon.edge.bulkdesk import BulkDesk
from daemon.edge.bulks import ROUNDS_MAX, Bulks
from daemon.edge.desk import HistoryRow, HistoryRows, OrderRows, Reattached, Story, StoryStep, Subscription
from daemon.edge.journal import JournalState
from daemon.edge.loop import LoopTime
from daemon.edge.order_rows import live_rows
from protocols.control.results import JournalStatus, Status, Welcome
from protocols.errors import BadRequest, JournalError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from daemon.core.ids import Ids
    from daemon.edge.access import Access
    from daemon.edge.account import Account
    from daemon.edge.clock import Clock
    from daemon.edge.desk import ConnectionId, Listener, Peer, Sink
    from daemon.edge.journal import StoredRequest
    from daemon.edge.ledger import Ledger
    from daemon.edge.outside import Running, Time
    from daemon.edge.publisher import Publisher
    from protocols.control.params import (
        BindParams,
        CancelParams,
        ExplainParams,
        HistoryParams,
        OrdersParams,
        SubscribeParams,
        TrackParams,
    )
    from protocols.fix import AccountName, RequestId

Answer = TypeVar("Answer")

WAITING_NAMED_MAX: Final = 64
"""Over all accounts: an eighth of the line that a status may take."""
LOOKUPS_MAX: Final = 4096
"""Look-ups of old names in the journal at a time: who comes back after a crash asks for all of its names at once."""
log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class FrontDesk:
    """The `Desk` of a running daemon. ``known_names`` holds the hashes of request keys that only the journal knows."""

    def __init__(  # noqa: PLR0913 - the parts that a desk is made of, brought together in one place
        self,
        accounts: Mapping[AccountName, Account],
        journal: Ledger,
        publisher: Publisher,
        access: Access,
        clock: Clock,
        ids: Ids,
        *,
        version: str,
        on_journal_failure: OnJournalFailure,
        known_names: set[int],
        time: Time | None = None,
        bulk_rounds_max: int = ROUNDS_MAX,
    ) -> None:
        self._accounts = accounts
        self._journal = journal
        self._publisher = publisher
        self._access = access
        self._clock = clock
        self._ids = ids
        self._version = version
        self._on_journal_failure = on_journal_failure
        self._known_names = known_names
        self._started_us = clock.now()
        self._time = time or LoopTime()
        self._lookups: set[Running[None]] = set()
        self.bulks = Bulks(accounts, journal, clock, ids, self._time, rounds_max=bulk_rounds_max)
        self.bulks.looks.on_session = publisher.session
        self._bulk_desk = BulkDesk(
            accounts,
            self.bulks,
            access,
            find=self._account,
            require_ready=self._require_ready,
            is_taken=lambda key: accounts[key.account].driver.knows(key) or hash(key) in known_names,
        )
        self.cancel_batch = self._bulk_desk.cancel_batch
        self.cancel_all = self._bulk_desk.cancel_all
        self.bindings = LiveBindings(accounts, self.bulks, journal, publisher, clock, self._time)
        self._binding_desk = BindingDesk(self.bindings, access, ids, self._account)
        self.heard = self.bindings.heard
        self.goodbye = self.bindings.goodbye
        self.is_stopping = False

    # ------------------------------------------------------------ cancels

    def cancel(self, request: CancelParams, peer: Peer, received_us: int, sink: Sink) -> RequestId:
        """Take up a cancel; see `Desk.cancel`."""
        account = self._account(request.account)
        self._access.require(peer, Role.CANCEL, account.name)
        wish = self._wish(request, account, peer, received_us)
        self.bulks.require_free(wish.key, received_us)
        if hash(wish.key) in self._known_names and not account.driver.knows(wish.key):
            self._look_up(account, wish, sink)
        else:
            self._submit(account, wish, sink)
        return wish.key.request_id

    def _submit(self, account: Account, wish: CancelRequest, sink: Sink) -> None:
        """Take up a new request, or attach to the one of that name, which takes no account that is ready."""
        if not account.driver.knows(wish.key):
            self._require_ready(account)
        held = account.driver.submit(wish, sink)
        self._known_names.add(hash(wish.key))
        if held is not None:
            self._look_up(account, wish, sink, held.told)

    def _wish(self, request: CancelParams, account: Account, peer: Peer, received_us: int) -> CancelRequest:
        product = account.product_of(request.product)
        params = request.venue_texts()
        account.dialect.check_cancel(request.order_id, request.client_order_id, request.instrument, params)
        deadline_us = None if request.deadline_ms is None else received_us + request.deadline_ms * 1000
        name = request.request_id or self._ids.request()
        return CancelRequest(
            RequestKey(peer.caller.uid, account.name, name),
            peer.caller,
            product,
            request.instrument,
            request.order_id,
            request.client_order_id,
            received_us,
            deadline_us,
            request.priority,
            params,
        )

    def _require_ready(self, account: Account) -> None:
        if self.is_stopping:
            raise BadRequest("shutting_down", "the daemon is stopping; ask again when it is back")
        account.require_ready()
        if self._on_journal_failure is OnJournalFailure.REFUSE and self._journal.state is not JournalState.OK:
            raise BadRequest(
                "journal_unavailable",
                f"the journal is {self._journal.state.value} ({self._journal.why}) and this daemon cancels nothing "
                "that it cannot record; mend its disk",
            )

    # ------------------------------------------------------------ names of an earlier life

    def _look_up(self, account: Account, wish: CancelRequest, sink: Sink, told: Report | None = None) -> None:
        """Answer from the journal, or where that fails with ``told``, the last word that is in memory."""
        if len(self._lookups) >= LOOKUPS_MAX:
            raise BadRequest("too_fast", "too many old requests are being looked up; ask again in a moment")
        task = self._time.spawn(self._attach_from_journal(account, wish, sink, told))
        self._lookups.add(task)
        task.add_done_callback(self._lookups.discard)

    async def _attach_from_journal(
        self, account: Account, wish: CancelRequest, sink: Sink, told: Report | None
    ) -> None:
        stored = await self._stored(wish.key)
        try:
            if stored is not None and stored.first is not None and stored.latest is not None:
                self._reattach(account, wish, sink, stored, stored.first, stored.latest)
            elif told is not None:
                sink.result(told, Reattached(told))
                account.driver.askers.listen(wish.key, sink)
            else:
                self._submit(account, wish, sink)
        except BadRequest as refusal:
            sink.refuse(refusal)

    async def _stored(self, key: RequestKey) -> StoredRequest | None:
        try:
            return await self._journal.lookup(key)
        except JournalError as error:
            log.warning("lookup_failed", request_id=key.request_id, detail=str(error))
            return None

    def _reattach(
        self,
        account: Account,
        wish: CancelRequest,
        sink: Sink,
        stored: StoredRequest,
        first: Report,
        latest: Report,
    ) -> None:
        """Answer with the first outcome, and what has been said since: some of it may not be in the journal yet."""
        if not names.is_same(wish, stored.request, latest.order_id, latest.client_order_id):
            raise names.conflict(stored.request, self._clock.now())
        corrections = [(row.report, row.previous) for row in stored.corrections if row.previous is not None]
        for newer in account.driver.askers.told_after(wish.key, latest.revision):
            if newer.previous is not None:
                corrections.append((newer.report, newer.previous))
                latest = newer.report
        sink.result(first, Reattached(latest, tuple(corrections)))
        account.driver.askers.listen(wish.key, sink)

    # ------------------------------------------------------------ everything else

    def hello(self, peer: Peer) -> Welcome:
        """Say who answers."""
        seen = self._visible(peer)
        return Welcome(
            server="canceld",
            version=self._version,
            boot_id=str(self._journal.boot),
            accounts={name: self._accounts[name].venue for name in seen},
        )

    def bind(self, request: BindParams, peer: Peer, on_bound: Callable[[str, bool], None]) -> None:
        """Bind a scope to a connection's life, hold a binding by it, or release one; see `Desk.bind`."""
        if self.is_stopping:
            raise BadRequest("shutting_down", "the daemon is stopping; ask again when it is back")
        self._binding_desk.bind(request, peer, self._clock.now(), on_bound)

    def track(self, request: TrackParams, peer: Peer) -> int:
        """Take note of the client's own orders: all of them, or none if one cannot be."""
        orders = []
        for index, order in enumerate(request.orders):
            account = self._account(order.account, f"orders[{index}].account")
            self._access.require(peer, Role.CANCEL, account.name)
            product = account.product_of(order.product)
            account.dialect.check_cancel(order.order_id, order.client_order_id, order.instrument, {})
            orders.append((account, product, order))
        now_us = self._clock.now()
        for account, product, order in orders:
            is_said = order.placed_at is not None
            placed_us = now_us if order.placed_at is None else order.placed_at
            account.driver.correlator.track(product, order.client_order_id, order.order_id, placed_us, is_said=is_said)
        return len(orders)

    def orders(self, request: OrdersParams, peer: Peer) -> OrderRows:
        """List known live orders."""
        names_seen = self._visible(peer) if request.account is None else [self._observed(request.account, peer).name]
        accounts = [self._accounts[name] for name in names_seen]
        if request.product is not None:
            _require_product(request.product, accounts)
        rows = tuple(
            row
            for account in accounts
            for row in live_rows(account.driver.correlator)
            if (request.product is None or row.product == request.product)
            and (request.instrument is None or row.instrument == request.instrument)
        )
        return OrderRows(rows, all(account.driver.correlator.book.is_complete for account in accounts))

    def status(self, peer: Peer) -> Status:
        """Say how everything is, in one line of the socket: of many accounts fewer requests are named."""
        now_us = self._clock.now()
        seen = self._visible(peer)
        rows = min(WAITING_SHOWN, WAITING_NAMED_MAX // max(1, len(seen)))
        bindings, bindings_total = self._binding_desk.seen(seen, now_us)
        return Status(
            server=f"canceld {self._version}",
            boot_id=str(self._journal.boot),
            uptime_s=(now_us - self._started_us) // 1_000_000,
            journal=JournalStatus(self._journal.state.value, self._journal.why),
            accounts={name: self._accounts[name].status(now_us, rows) for name in seen},
            bulks=self.bulks.status(frozenset(seen), now_us),
            bindings=bindings,
            bindings_total=bindings_total,
        )

    async def history(self, request: HistoryParams, peer: Peer) -> HistoryRows:
        """Read outcomes and corrections back."""
        if request.account is not None:
            self._observed(request.account, peer)
        rows, next_seq = await self._read(
            lambda: self._journal.history(
                request_id=request.request_id,
                order_id=request.order_id,
                account=request.account,
                accounts=self._visible(peer),
                outcome=request.outcome,
                since_us=request.since,
                from_seq=request.from_seq,
                before_seq=request.before_seq,
                limit=request.limit,
            )
        )
        found = tuple(HistoryRow(row.report, row.uid, row.pid or 0) for row in rows)
        return HistoryRows(found, next_seq, is_newest_first=request.from_seq is None)

    async def explain(self, request: ExplainParams, peer: Peer) -> Story:
        """Tell a request's story."""
        keys = await self._read(lambda: self._journal.find_request(request.account, request.request_id))
        mine = [key for key in keys if self._access.may(peer, Role.OBSERVE, key.account)]
        if not mine:
            return await self._explain_bulk(request, peer)
        chosen = next((key for key in mine if key.uid == peer.caller.uid), mine[0])
        found = await self._read(lambda: self._journal.explain(chosen.uid, chosen.request_id, chosen.account))
        if found is None:
            return Story(None, ())
        steps = tuple(
            StoryStep(step.t, step.kind, step.detail, step.frame.encode() if step.frame is not None else None)
            for step in found.steps
        )
        return Story(found.report, steps)

    async def _explain_bulk(self, request: ExplainParams, peer: Peer) -> Story:
        """Tell a bulk cancel's own story, to who may see all of its accounts."""
        found = await self._read(lambda: self._journal.find_bulks(request.request_id))
        mine = [
            stored.intent
            for stored in found
            if all(self._access.may(peer, Role.OBSERVE, key.account) for key in stored.intent.names_held())
        ]
        if not mine:
            raise BadRequest(
                "invalid_params", f"no request of the name {request.request_id} is in the journal", path="request_id"
            )
        chosen = next((intent for intent in mine if intent.caller.uid == peer.caller.uid), mine[0])
        steps = await self._read(lambda: self._journal.explain_bulk(chosen.bulk))
        return Story(None, tuple(StoryStep(step.t, step.kind, step.detail) for step in steps))

    def subscribe(self, request: SubscribeParams, peer: Peer, listener: Listener) -> Subscription:
        """Start telling a listener of the accounts that its peer may observe."""
        seen = frozenset(self._visible(peer))
        return self._publisher.subscribe(listener, frozenset(request.topics), seen, request.from_seq)

    def drop(self, connection: ConnectionId) -> None:
        """Forget a client that is gone."""
        self.bindings.drop(connection)
        self._publisher.drop(connection)
        self.bulks.drop(connection)
        for account in self._accounts.values():
            account.driver.askers.drop(connection)

    # ------------------------------------------------------------ inside

    async def _read(self, work: Callable[[], Awaitable[Answer]]) -> Answer:
        try:
            return await work()
        except JournalError as error:
            raise BadRequest("journal_unavailable", str(error)) from error

    def _account(self, name: AccountName, path: str = "account") -> Account:
        account = self._accounts.get(name)
        if account is None:
            known = ", ".join(sorted(self._accounts)) or "none"
            raise BadRequest("unknown_account", f"{name} is not configured; known are: {known}", path=path)
        return account

    def _observed(self, name: AccountName, peer: Peer) -> Account:
        account = self._account(name)
        self._access.require(peer, Role.OBSERVE, account.name)
        return account

    def _visible(self, peer: Peer) -> list[AccountName]:
        return [name for name in self._accounts if self._access.may(peer, Role.OBSERVE, name)]


def _require_product(product: str, accounts: list[Account]) -> None:
    """Refuse a product line that none of the accounts has: it is a slip, and "no orders" would be no answer to it."""
    refusal = None
    for account in accounts:
        try:
            account.product_of(product)
        except BadRequest as error:
            refusal = error
        else:
            return
    if refusal is not None and len(accounts) > 1:
        raise BadRequest("invalid_params", f"no account has the product line {product}", path="product")
    if refusal is not None:
        raise refusal
