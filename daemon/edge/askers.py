"""Who waits for which request, what was said of it, and what may not be said yet: each word goes out from here.

Three rules, all about time. No word about a request leaves before the request's own record is committed. Those words
that could not be derived from the venue again (or, with strict durability, all) wait for their own commit too, and with
them those after them: the words about a request are told in their order. When the journal fails, words are told all the
same and say ``durable: false``.

What became of an order is decided before. A commit of hundreds of records is told in bites, so that the answer to a
lone cancel need not wait behind a bulk's.
"""

from __future__ import annotations

from collections import OrderedDict
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Final

import msgspec

from daemon.core.bulk_names import is_of_bulk
from daemon.core.records import Previous, Report, RequestKey
from daemon.edge.bites import Bites, Deference
from daemon.edge.desk import Reattached
from daemon.edge.inorder import InOrder
from daemon.edge.journal import JournalState
from protocols.fix import RequestState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from daemon.core.case import Ticket
    from daemon.core.effects import Tell
    from daemon.core.records import Caller, CancelRequest
    from daemon.edge.aftermath import Aftermath
    from daemon.edge.clock import Clock
    from daemon.edge.desk import ConnectionId, Sink
    from daemon.edge.ledger import Ledger
    from daemon.edge.outside import Time

    Word = tuple[Tell, Report]
    """What is to be told, and its report with the number that it was written down under."""

REMEMBERED_MAX: Final = 20_000
"""Requests whose words are kept in memory for those who ask again; the journal has the rest."""
WORDS_PER_TURN: Final = 16
"""Words of one commit that are told in a turn of the loop: less than a millisecond."""
WORDS_BACK_MAX: Final = 4_000
"""Words that may be told and stand back while something is read: more than one call for a thousand orders brings."""


class Told(msgspec.Struct, frozen=True, gc=False):
    """A word as it was told."""

    report: Report
    previous: Previous | None


class Waiting:
    """One request's listeners, and the words that wait for its record or for their own."""

    __slots__ = ("caller", "first_is_due", "held", "in_order", "is_durable", "recorded_us", "sinks", "told")

    def __init__(self, caller: Caller, *, is_durable: bool | None) -> None:
        self.caller = caller
        self.sinks: list[Sink] = []
        self.recorded_us: int | None = None
        self.is_durable = is_durable
        """Whether its record is committed; None while that is not known."""
        self.held: list[Callable[[], None]] = []
        self.told: list[Told] = []
        self.first_is_due = False
        """The first outcome is decided in this life and waits for a commit."""
        self.in_order: InOrder[Callable[[], None]] | None = None
        """Words that wait for their own commits, and those that wait for these, by revision; few requests have any."""


class Askers:
    """Those who wait for the requests of one account.

    By the ``deference`` the words of bulk cancels stand back: while something came of it that is not read yet.
    """

    def __init__(self, journal: Ledger, clock: Clock, time: Time, aftermath: Aftermath, deference: Deference) -> None:
        self._journal = journal
        self._clock = clock
        self._aftermath = aftermath
        self._waiting: OrderedDict[RequestKey, Waiting] = OrderedDict()
        self._heard_by: dict[ConnectionId, set[RequestKey]] = {}
        self._of_bulks = Bites(time, WORDS_PER_TURN, deference, WORDS_BACK_MAX)
        self._of_others = Bites(time, WORDS_PER_TURN)

    @property
    def is_behind(self) -> bool:
        """Whether there are words that may be told and are not told yet."""
        return bool(self._of_bulks or self._of_others)

    # ------------------------------------------------------------ who waits

    def expect(self, request: CancelRequest, *, is_durable: bool | None = None) -> Waiting:
        """A request is taken up: there will be words about it. ``is_durable``: whether its record is committed."""
        key = request.key
        waiting = self._waiting[key] = Waiting(request.caller, is_durable=is_durable)
        self._waiting.move_to_end(key)
        if len(self._waiting) > REMEMBERED_MAX:
            self._forget_the_oldest()
        return waiting

    def listen(self, key: RequestKey, sink: Sink) -> None:
        """Have ``sink`` told what is still to be said of a request."""
        waiting = self._waiting.get(key)
        if waiting is not None:
            waiting.sinks.append(sink)
            self._heard_by.setdefault(sink.connection, set()).add(key)

    def attach(self, ticket: Ticket, sink: Sink) -> Ticket | None:
        """Have ``sink`` told what was said of a request that was asked for before, and what is still to be said.

        Gives the ticket back if its first outcome was told in an earlier life: that is in the journal only.
        """
        key = ticket.request.key
        waiting = self._waiting.get(key) or self.expect(ticket.request, is_durable=True)
        has_first = waiting.first_is_due or (bool(waiting.told) and waiting.told[0].previous is None)
        if ticket.told is not None and not has_first:
            return ticket
        if waiting.told:
            first, *later = waiting.told
            corrections = tuple((told.report, told.previous) for told in later if told.previous is not None)
            sink.result(first.report, Reattached(waiting.told[-1].report, corrections))
        self.listen(key, sink)
        return None

    def drop(self, connection: ConnectionId) -> None:
        """Forget a client: its requests go on."""
        for key in self._heard_by.pop(connection, ()):
            waiting = self._waiting.get(key)
            if waiting is not None:
                waiting.sinks = [sink for sink in waiting.sinks if sink.connection != connection]

    def told_after(self, key: RequestKey, revision: int) -> list[Told]:
        """Give the words about a request that are newer than a revision, as far as this life told them."""
        waiting = self._waiting.get(key)
        return [] if waiting is None else [told for told in waiting.told if told.report.revision > revision]

    def _forget_the_oldest(self) -> None:
        """Keep the memory of words bounded: of those who have their outcome, the oldest go."""
        excess = len(self._waiting) - REMEMBERED_MAX
        answered = (key for key, waiting in self._waiting.items() if waiting.told and not waiting.in_order)
        for key in list(islice(answered, excess)):
            for sink in self._waiting.pop(key).sinks:
                self._heard_by.get(sink.connection, set()).discard(key)

    # ------------------------------------------------------------ what is to be said

    def progress(self, key: RequestKey, state: RequestState) -> None:
        """Tell how far a request has come, once its record is committed, and nothing after its outcome."""
        waiting = self._waiting.get(key)
        if waiting is None or waiting.told or waiting.is_durable is False:
            return
        for sink in waiting.sinks:
            if not sink.wants_progress:
                continue
            if waiting.is_durable is None:
                waiting.held.append(partial(self.progress, key, state))
                return
            sink.progress(key.request_id, state)

    def tell(self, tell: Tell, report: Report, *, is_late: bool) -> None:
        """Tell a word, once its request's record is committed. One that ``is_late`` waits for `committed`."""
        waiting = self._waiting.get(tell.key)
        if waiting is None:
            if not is_late:
                self._say(None, tell, report)
            return
        if tell.previous is None:
            waiting.first_is_due = True
        if is_late or waiting.in_order:
            waiting.in_order = waiting.in_order or InOrder()
            waiting.in_order.expect(report.revision)
        if is_late:
            return
        if waiting.is_durable is None:
            waiting.held.append(partial(self._tell, waiting, tell, report))
        else:
            self._tell(waiting, tell, report)

    def committed(self, opened: Sequence[RequestKey], late: Sequence[Word], is_durable: bool) -> None:
        """Tell what waited for a commit: that of the requests ``opened`` by it, and the words that it has for itself.

        Nothing that stands back is about a request that is opened only now, so it need not wait for that; and what is
        of no bulk cancel stands back for nobody.
        """
        now_us = self._clock.now()
        if len(opened) == 1 and not late:
            self._recorded(opened[0], now_us, is_durable)
            return
        of_bulks: list[Callable[[], None]] = []
        of_others: list[Callable[[], None]] = []
        for key in opened:
            (of_bulks if is_of_bulk(key.request_id) else of_others).append(
                partial(self._recorded, key, now_us, is_durable)
            )
        for word in late:
            (of_bulks if is_of_bulk(word[0].key.request_id) else of_others).append(
                partial(self._told_late, word, is_durable)
            )
        try:
            self._of_others.take(of_others)
        finally:
            self._of_bulks.take(of_bulks)

    def finish(self) -> None:
        """Let nothing stand back that may be told: this is the end."""
        try:
            self._of_others.finish()
        finally:
            self._of_bulks.finish()

    # ------------------------------------------------------------ saying it

    def _recorded(self, key: RequestKey, now_us: int, is_durable: bool) -> None:
        """A request's record is committed, or is not: tell what waited for that."""
        waiting = self._waiting.get(key)
        if waiting is None or waiting.recorded_us is not None:
            return
        waiting.is_durable = is_durable
        if is_durable:
            waiting.recorded_us = now_us
            self.progress(key, RequestState.RECORDED)
        held, waiting.held = waiting.held, []
        for word in held:
            word()

    def _told_late(self, word: Word, is_committed: bool) -> None:
        tell, report = word
        if is_committed:  # then its request is, too, though the word about that may be still to come
            self._recorded(tell.key, self._clock.now(), is_durable=True)
        waiting = self._waiting.get(tell.key)
        if waiting is None:
            self._say(None, tell, report, is_committed)
        else:
            self._tell(waiting, tell, report, is_committed)

    def _tell(self, waiting: Waiting, tell: Tell, report: Report, is_committed: bool | None = None) -> None:
        """Tell a word as soon as those before it about the same request are told."""
        if not waiting.in_order:
            self._say(waiting, tell, report, is_committed)
            return
        say = partial(self._say, waiting, tell, report, is_committed)
        for word in waiting.in_order.ready(report.revision, say):
            word()

    def _say(self, waiting: Waiting | None, tell: Tell, report: Report, is_committed: bool | None = None) -> None:
        """Tell a word. ``is_committed`` None: it is told on the strength of the request's receipt.

        While the journal fails no word is called durable, since what it rests on is not written down.
        """
        recorded_us = None if waiting is None else waiting.recorded_us
        if is_committed is None:
            has_receipt = waiting is None or waiting.is_durable is not False
            is_committed = has_receipt and self._journal.state is JournalState.OK
        times = msgspec.structs.replace(report.times, recorded=recorded_us, reported=self._clock.now())
        final = msgspec.structs.replace(report, durable=is_committed, times=times)
        if waiting is not None:
            waiting.first_is_due = waiting.first_is_due and tell.previous is not None
            waiting.told.append(Told(final, tell.previous))
            for sink in waiting.sinks:
                if tell.previous is None:
                    sink.result(final)
                else:
                    sink.correction(final, tell.previous)
        self._aftermath.of(tell.key, None if waiting is None else waiting.caller, final, tell.previous)
