"""The journal as the rest of the edge uses it: what is written and asked, without a word about how it is kept.

`daemon.edge.journal.Journal` is one; a simulation brings another, whose disk fails and crashes as its seed says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from daemon.core.bindings import BindingId, Tie
    from daemon.core.records import CaseId, Record, RequestKey
    from daemon.edge.journal import (
        Binding,
        Explanation,
        HistoryRow,
        JournalState,
        StepShown,
        StoredBulk,
        StoredRequest,
    )
    from protocols.fix import AccountName, OrderId, Outcome, RequestId


class Ledger(Protocol):
    """What is remembered over the lives of the daemon. ``boot`` is the number of this one."""

    boot: int
    state: JournalState
    why: str

    @property
    def has_receipts_under_way(self) -> bool:
        """Whether receipts of single requests are being written, by a thread that needs the core for it."""
        ...

    def append(self, records: Sequence[Record], on_commit: Callable[[bool], None] | None = None) -> None:
        """Have records written, together and after all before; ``on_commit`` hears once whether they are durable."""
        ...

    def next_seq(self) -> int:
        """Give the next outcome its number: never the same twice. Raises `JournalError` when it has none to give."""
        ...

    def keep_binding(self, tie: Tie, on_commit: Callable[[bool], None] | None = None) -> None:
        """Write down a scope that is bound to a client's life; ``on_commit`` as with `append`."""
        ...

    def drop_binding(self, binding: BindingId) -> None:
        """Strike a binding that is over."""
        ...

    def bound_user(self, account: AccountName) -> Binding | None:
        """Tell whose key ``account`` stands for, by what was written down."""
        ...

    async def bind_user(self, account: AccountName, venue: str, environment: str, venue_user_id: str) -> None:
        """Write down whose key ``account`` stands for. Raises `JournalError`."""
        ...

    async def lookup(self, key: RequestKey) -> StoredRequest | None:
        """Find a request by its name. Raises `JournalError`."""
        ...

    async def find_request(self, account: AccountName | None, request_id: RequestId) -> list[RequestKey]:
        """Find every request of a name. Raises `JournalError`."""
        ...

    async def find_bulks(self, name: RequestId) -> list[StoredBulk]:
        """Find every bulk cancel of a name. Raises `JournalError`."""
        ...

    async def explain_bulk(self, bulk: CaseId) -> tuple[StepShown, ...]:
        """Read a bulk cancel's own story. Raises `JournalError`."""
        ...

    async def history(  # noqa: PLR0913 - each is a filter that a client may name
        self,
        *,
        request_id: RequestId | None = None,
        order_id: OrderId | None = None,
        account: AccountName | None = None,
        accounts: Collection[AccountName] | None = None,
        outcome: Outcome | None = None,
        since_us: int | None = None,
        from_seq: int | None = None,
        before_seq: int | None = None,
        limit: int = 100,
    ) -> tuple[list[HistoryRow], int]:
        """Read outcomes and corrections back, and where to go on. Raises `JournalError`."""
        ...

    async def explain(
        self, uid: int | None, request_id: RequestId, account: AccountName | None = None
    ) -> Explanation | None:
        """Read a request's story. Raises `JournalError`."""
        ...
