"""The local drop copy: outcomes, corrections, orders and sessions for everyone who subscribed, in order, with replay.

Outcomes and corrections carry the journal's ``seq`` and are published strictly in its order, so that a subscriber who
comes back with the last number it saw misses nothing: a word that still waits for its commit holds back those with
higher numbers (from subscribers only; whoever asked is told at once). The latest ones are kept in memory; what is older
is replayed from the journal. Orders and sessions have a number of their own kind, which only shows a gap.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

import msgspec
import structlog

from daemon.core.records import Previous, Report
from daemon.edge.desk import OrderRow, SessionRow, Subscription
from daemon.edge.inorder import InOrder
from daemon.edge.loop import LoopTime
from protocols.control.params import Topic
from protocols.errors import JournalError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from daemon.edge.desk import ConnectionId, Listener
    from daemon.edge.journal import HistoryRow
    from daemon.edge.outside import Running, Time
    from protocols.fix import AccountName

    ReadPage = Callable[[int, int], Awaitable[tuple[list[HistoryRow], int]]]

RECENT_MAX: Final = 4096
"""Outcomes kept in memory for replay: well past what can wait for a commit; the journal has the rest."""
BEHIND_MAX: Final = 16_384
"""Words that a replay may fall behind the present before it is told that it has a gap."""
PAGE: Final = 500
log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Word(msgspec.Struct, frozen=True, gc=False):
    """An outcome, or with ``previous`` a correction."""

    report: Report
    previous: Previous | None


class _Subscriber:
    """One listener. While it is being replayed to, what is new waits in ``behind``."""

    def __init__(self, listener: Listener, topics: frozenset[Topic], accounts: frozenset[AccountName] | None) -> None:
        self.listener = listener
        self.topics = topics
        self.accounts = accounts
        self.behind: deque[Word] | None = None
        self.lost: tuple[int, int] | None = None
        self.replay: Running[None] | None = None

    def hears(self, account: AccountName) -> bool:
        return self.accounts is None or account in self.accounts

    def tell(self, word: Word) -> None:
        if not self.hears(word.report.account):
            return
        if word.previous is None and Topic.OUTCOMES in self.topics:
            self.listener.outcome(word.report)
        elif word.previous is not None and Topic.CORRECTIONS in self.topics:
            self.listener.correction(word.report, word.previous)

    def take(self, word: Word) -> None:
        """Tell it now, or keep it until the replay has caught up."""
        if self.behind is None:
            self.tell(word)
        elif len(self.behind) < BEHIND_MAX:
            self.behind.append(word)
        else:
            self.lost = (self.lost[0] if self.lost else word.report.seq, word.report.seq)


class Publisher:
    """Tells subscribers. ``read_page(from_seq, limit)`` reads older words back from the journal.

    ``first_order_seq`` starts the numbers of orders and sessions: higher in each life of the daemon.
    """

    def __init__(self, read_page: ReadPage, first_order_seq: int, time: Time | None = None) -> None:
        self._read_page = read_page
        self._time = time or LoopTime()
        self._subscribers: dict[ConnectionId, _Subscriber] = {}
        self._numbered: InOrder[Word] = InOrder()
        self._recent: deque[Word] = deque(maxlen=RECENT_MAX)
        self._order_seq = first_order_seq
        self.has_order_watchers = False
        """Whether anybody wants to hear of orders; asked for each order that the venue speaks of."""
        self._last_seq = 0

    @property
    def subscribers(self) -> int:
        """How many clients are being told."""
        return len(self._subscribers)

    # ------------------------------------------------------------ what is told

    def expect(self, seq: int) -> None:
        """A word has this number and will come: hold back those after it. Call in the order of the numbers."""
        self._numbered.expect(seq)

    def publish(self, report: Report, previous: Previous | None) -> None:
        """A word may be told now."""
        for word in self._numbered.ready(report.seq, Word(report, previous)):
            self._tell(word)

    def order(self, row: OrderRow) -> None:
        """An order changed."""
        self._order_seq += 1
        for subscriber in list(self._subscribers.values()):
            if Topic.ORDERS in subscriber.topics and subscriber.hears(row.account):
                subscriber.listener.order(row, self._order_seq)

    def session(self, row: SessionRow) -> None:
        """A channel of an account came or went."""
        self._order_seq += 1
        for subscriber in list(self._subscribers.values()):
            if Topic.SESSIONS in subscriber.topics and subscriber.hears(row.account):
                subscriber.listener.session(row, self._order_seq)

    def _tell(self, word: Word) -> None:
        self._last_seq = max(self._last_seq, word.report.seq)
        self._recent.append(word)
        for subscriber in list(self._subscribers.values()):
            subscriber.take(word)

    # ------------------------------------------------------------ who is told

    def subscribe(
        self,
        listener: Listener,
        topics: frozenset[Topic],
        accounts: frozenset[AccountName] | None,
        from_seq: int | None,
    ) -> Subscription:
        """Start telling a listener of ``accounts`` (None: all), in place of its connection's earlier subscription."""
        self.drop(listener.connection)
        subscriber = _Subscriber(listener, topics, accounts)
        self._subscribers[listener.connection] = subscriber
        self._look_for_order_watchers()
        if from_seq is not None:
            subscriber.behind = deque()
            subscriber.replay = self._time.spawn(self._replay(subscriber, from_seq))
        next_seq = self._last_seq + 1 if from_seq is None else from_seq
        return Subscription(next_seq, lambda: self._end(listener.connection, subscriber))

    def drop(self, connection: ConnectionId) -> None:
        """Forget a listener."""
        subscriber = self._subscribers.pop(connection, None)
        if subscriber is not None and subscriber.replay is not None:
            subscriber.replay.cancel()
        self._look_for_order_watchers()

    def _look_for_order_watchers(self) -> None:
        self.has_order_watchers = any(Topic.ORDERS in each.topics for each in self._subscribers.values())

    def _end(self, connection: ConnectionId, subscriber: _Subscriber) -> None:
        if self._subscribers.get(connection) is subscriber:
            self.drop(connection)

    async def _replay(self, subscriber: _Subscriber, from_seq: int) -> None:
        """Tell the journal's words, then those in memory, then what came meanwhile; then go on live.

        Each word waits until the client has read those before it, so that a replay never overruns a client that reads.
        """
        recent = list(self._recent)
        oldest = recent[0].report.seq if recent else None
        told_seq = from_seq - 1
        try:
            async for word in self._journaled(from_seq, oldest):
                if not await subscriber.listener.drained():
                    return
                subscriber.tell(word)
                told_seq = word.report.seq
        except JournalError as error:
            log.warning("replay_failed", from_seq=from_seq, detail=str(error))
            subscriber.listener.gap(Topic.OUTCOMES, told_seq + 1, (oldest or self._last_seq + 1) - 1)
        waiting = deque(recent)
        while waiting or subscriber.behind:
            word = waiting.popleft() if waiting else (subscriber.behind or waiting).popleft()
            if word.report.seq > told_seq:
                if not await subscriber.listener.drained():
                    return
                subscriber.tell(word)
                told_seq = word.report.seq
        subscriber.behind = None
        if subscriber.lost is not None:
            subscriber.listener.gap(Topic.OUTCOMES, *subscriber.lost)

    async def _journaled(self, from_seq: int, before_seq: int | None) -> AsyncIterator[Word]:
        """Read words back from the journal, up to those that are in memory."""
        next_seq = from_seq
        while before_seq is None or next_seq < before_seq:
            rows, following = await self._read_page(next_seq, PAGE)
            for row in rows:
                if before_seq is None or row.report.seq < before_seq:
                    yield Word(row.report, row.previous)
            if not rows or following <= next_seq:
                return
            next_seq = following
