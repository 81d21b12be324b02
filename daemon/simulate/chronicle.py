"""What happened in a world, as the auditor needs it, and no judgement of it.

Five things are seen here: the venues' own books, the frames that left the daemon and those that reached it, the words
that clients heard, what a daemon that died had on its disk, and how long queues were.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import msgspec
import orjson

from daemon.simulate.bound import BindingStory
from daemon.simulate.bulks import BulkStory, BulkWord
from daemon.simulate.findings import asked_for_on, ended_on, found_on, looked_on
from daemon.simulate.trace import US_PER_S
from protocols.fix import AccountName, RequestState

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from daemon.core.records import BulkLooked, BulkReport, Previous, Record, Report
    from daemon.edge.desk import Reattached
    from daemon.sim.book import Book, Order
    from daemon.simulate.bulks import BulkPlan
    from daemon.simulate.findings import Finding
    from daemon.simulate.plan import Plan
    from daemon.simulate.trace import Trace
    from daemon.simulate.wishes import OrderPlan, WishPlan
    from protocols.control.params import TrackedOrder
    from protocols.errors import BadRequest
    from protocols.fix import OrderId, RequestId

READING_US: Final = 10_000
"""What reached the daemon so long ago has been read."""
_IDS: Final = re.compile(r"\d{15,20}")
_ORDER_IDS: Final = re.compile(r"29\d{17}")
_ENDS: Final = frozenset(
    "canceled cancelled mmp_canceled partially_canceled partial_canceled partial-canceled filled expired".split()
)
"""Words by which some venue says that an order has ended."""


class Bound(msgspec.Struct, frozen=True):
    """A queue at one moment."""

    name: str
    length: int
    at_most: int


class Said(msgspec.Struct, frozen=True):
    """What a client said of its client id to this life: which order it is, and when that was placed, by its clock."""

    order_id: str | None
    placed_at: int | None


class Ask(msgspec.Struct, frozen=True):
    """A request was handed in. ``said`` is what had been said by then of its client id.

    ``is_placed_before``: by the clock of this life that is not about an order of the future. ``is_known_to_be_over``:
    something had reached this life that shows the end of the order that was said.
    """

    at_us: int
    said: Said | None
    is_placed_before: bool
    is_known_to_be_over: bool


@dataclass(slots=True)
class Word:
    """An outcome or a correction, as a client heard it."""

    at_us: int
    sink: int
    report: Report
    previous: Previous | None
    is_first: bool
    is_repeated: bool = False
    """It was told before, and is told again to one who asks again."""


@dataclass(slots=True)
class Story:
    """All that is known of one request."""

    wish: WishPlan
    asked_us: list[int] = field(default_factory=list)
    asks: list[Ask] = field(default_factory=list)
    received: dict[int, int] = field(default_factory=dict)
    """When each call was received, by the daemon's clock and by its sink."""
    recorded_us: int | None = None
    received_by_then: frozenset[int] = frozenset()
    words: list[Word] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    results: Counter[int] = field(default_factory=Counter)

    @property
    def last(self) -> Report | None:
        """The newest word."""
        return max(self.words, key=lambda word: (word.report.seq, word.at_us)).report if self.words else None


class Chronicle:
    """One world's. It is a `network.Witness` and a `clients.Hearer`."""

    def __init__(self, plan: Plan, start_us: int, books: Mapping[AccountName, Book], trace: Trace) -> None:
        self.plan = plan
        self.books = books
        self.stories = {wish.name: Story(wish) for wish in plan.wishes}
        self.bulks = {bulk.name: BulkStory(bulk) for bulk in plan.bulks}
        self.bindings = [BindingStory(binding) for binding in plan.bindings]
        self.order_ids: dict[int, str] = {}
        """The venues' ids of the plan's orders that were placed by now, by their numbers."""
        self.left_us: dict[str, list[int]] = {}
        """When cancels left that named an id, by the id."""
        self.shown_us: dict[str, list[int]] = {}
        """When something reached this life that shows the end of an order that was asked for or said, by its id."""
        self.aliases: dict[str, str | None] = {}
        """The client ids that orders were placed with, by the orders' ids."""
        self.paired_us: dict[str, list[int]] = {}
        """When each life of the daemon was first shown both ids of an order, by the order's id."""
        self.crashes_us: list[int] = []
        self.findings: list[Finding] = []
        """What each daemon that died had on its disk as found by bulk cancels."""
        self.bulk_ends: dict[str, BulkReport] = {}
        """What the disk has in the end of each bulk cancel that is over, by its name."""
        self.bulk_requests: dict[RequestId, OrderId | None] = {}
        """The requests of bulk cancels that the disk has in the end, each with the order that it names."""
        self.second_looks: dict[str, list[BulkLooked]] = {}
        """What it has of the second looks after each."""
        self.overfull: list[Bound] = []
        """Queues that were found past their bounds."""
        self.faults: dict[tuple[str, str], None] = {}
        """The daemon's own faults that it caught, by account."""
        self.first_told_us: dict[int, int] = {}
        """When a word was first heard by anybody, by its number."""
        self.published_seqs: dict[int, list[int]] = {}
        """The numbers of what each subscriber heard."""
        self.start_us = start_us
        self._trace = trace
        self._unpaired: dict[str, str | None] = {}
        self._said: dict[tuple[str, str], Said] = {}
        self._asked_us: dict[str, int] = {}
        self._written = 0
        """How many records were on the disk when the daemon died last."""
        self._places = {
            account.name: [(placing.product, placing.instrument) for placing in account.placings]
            for account in plan.accounts
        }

    # ------------------------------------------------------------ what it sees: the venue

    def placed(self, order: OrderPlan, order_id: str) -> None:
        """An order rests."""
        self.order_ids[order.number] = order_id
        self.aliases[order_id] = self._unpaired[order_id] = order.client_order_id

    def order_id(self, number: int) -> str:
        """Give the venue's id of an order of the plan."""
        return self.order_ids[number]

    def truth(self, wish: WishPlan) -> tuple[Order, ...]:
        """Every state that the order of a wish was in; empty if there never was one."""
        return () if wish.order is None else self.books[wish.account].states(self.order_ids[wish.order])

    # ------------------------------------------------------------ what it sees: the wire

    def left(self, account: str, at_us: int, text: str, *, may_cancel: bool) -> None:
        """Something was handed to a transport."""
        if may_cancel:
            for name in dict.fromkeys(_IDS.findall(text)):
                self.left_us.setdefault(name, []).append(at_us)

    def reached(self, account: str, at_us: int, text: str, *, is_evidence: bool, asked: str = "") -> None:
        """Something reached a daemon that lives. From an answer about one order it need not read of others."""
        named = set(_ORDER_IDS.findall(text))
        if not named:
            return
        for name in named & self._unpaired.keys():
            alias = self._unpaired[name]
            if alias is not None and alias in text:
                del self._unpaired[name]
                self.paired_us.setdefault(name, []).append(at_us)
        if not is_evidence:
            return
        about = set(_IDS.findall(asked))
        if about:
            named = {name for name in named if name in about or self.aliases.get(name) in about}
        news = [name for name in named & self._asked_us.keys() if self._is_news(account, name)]
        if news:
            for name in _ended_in(text, news):
                self.shown_us.setdefault(name, []).append(at_us)

    def _is_news(self, account: str, order_id: str) -> bool:
        """Whether an order that somebody spoke of has ended, and was not shown to have since then."""
        if self.shown_us.get(order_id, [0])[-1] > self._asked_us[order_id]:
            return False
        order = self.books[AccountName(account)].get(order_id)
        return order is not None and order.ord_status.is_terminal

    def crashed(self, at_us: int, records: Sequence[Record] = ()) -> None:
        """The daemon died: what had reached it may be lost with it, but for the records on its disk."""
        self.shown_us.clear()
        self._unpaired = dict(self.aliases)
        self._said.clear()
        self.crashes_us.append(at_us)
        self.findings += found_on(records, at_us, self._written)
        self._written = len(records)

    def remained(self, records: Sequence[Record]) -> None:
        """All is over: this is what the disk has."""
        self.bulk_ends = dict(ended_on(records))
        self.bulk_requests = dict(asked_for_on(records))
        for name, look in looked_on(records):
            self.second_looks.setdefault(name, []).append(look)

    def sampled(self, *bounds: Bound) -> None:
        """A look at the queues."""
        self.overfull += [bound for bound in bounds if bound.length > bound.at_most]

    def faulted(self, account: str, what: str) -> None:
        """The daemon says that it caught a fault of its own; it may say so of one fault many times."""
        self.faults[account, what] = None

    # ------------------------------------------------------------ what it sees: the clients

    def asked(self, name: str, sink: int, received_us: int, at_us: int) -> None:
        """A client handed its request in."""
        story = self.stories[name]
        story.asked_us.append(at_us)
        story.received[sink] = received_us
        story.asks.append(self._ask(story.wish, received_us, at_us))
        if story.wish.order is not None:
            self._asked_us[self.order_ids[story.wish.order]] = at_us

    def _ask(self, wish: WishPlan, received_us: int, at_us: int) -> Ask:
        alias = wish.ghost if wish.order is None else self.plan.orders[wish.order].client_order_id
        said = self._said.get((wish.account, alias)) if alias is not None else None
        placed_at = None if said is None else said.placed_at
        shown = self.shown_us.get(said.order_id, ()) if said is not None and said.order_id is not None else ()
        is_known_to_be_over = any(shown_us < at_us - READING_US for shown_us in shown)
        return Ask(at_us, said, placed_at is None or placed_at <= received_us, is_known_to_be_over)

    def tracked(self, orders: Sequence[TrackedOrder], at_us: int) -> None:
        """The daemon was told of orders under their client ids."""
        for order in orders:
            self._said[order.account, order.client_order_id] = Said(order.order_id, order.placed_at)
            if order.order_id is not None:
                self._asked_us.setdefault(order.order_id, at_us)

    def refused(self, name: str, why: BadRequest, at_us: int) -> None:
        """A client heard that there is no such request."""
        (self.bulks.get(name) or self.stories[name]).refusals.append(why.reason)
        self._note(at_us, name, f"refused: {why.reason}: {why}")

    def progress(self, name: str, sink: int, state: RequestState, at_us: int) -> None:
        """A client heard how far its request has come."""
        story = self.stories[name]
        self._note(at_us, name, f"progress: {state.value}")
        if state is RequestState.RECORDED and story.recorded_us is None:
            story.recorded_us = at_us
            story.received_by_then = frozenset(story.received.values())

    def result(self, name: str, sink: int, report: Report, history: Reattached | None, at_us: int) -> None:
        """A client heard the outcome."""
        story = self.stories[name]
        story.results[sink] += 1
        self._hear(story, Word(at_us, sink, report, None, is_first=True, is_repeated=history is not None))
        for correction, previous in history.corrections if history is not None else ():
            self._hear(story, Word(at_us, sink, correction, previous, is_first=False, is_repeated=True))
        if history is not None and not history.corrections and history.latest != report:
            self._hear(story, Word(at_us, sink, history.latest, None, is_first=False, is_repeated=True))

    def correction(self, name: str, sink: int, report: Report, previous: Previous, at_us: int) -> None:
        """A client heard a revision."""
        self._hear(self.stories[name], Word(at_us, sink, report, previous, is_first=False))

    def published(self, listener: int, report: Report, at_us: int) -> None:
        """A subscriber heard a word."""
        self.published_seqs.setdefault(listener, []).append(report.seq)
        self._told(report, at_us)

    def asked_bulk(self, name: str, at_us: int) -> None:
        """A client handed a bulk cancel in."""
        self.bulks[name].asked_us.append(at_us)

    def bulk_word(self, name: str, report: Report, at_us: int) -> None:
        """A client heard an outcome or a correction of one order of a bulk cancel."""
        self.bulks[name].words.append((at_us, report))
        self._note(at_us, name, f"{report.request_id} {report.outcome.value} of {report.order_id} seq {report.seq}")

    def bulk_result(self, name: str, sink: int, report: BulkReport, at_us: int) -> None:
        """A client heard the answer to a bulk cancel."""
        story = self.bulks[name]
        story.results.append(BulkWord(at_us, sink, report))
        counts = ", ".join(f"{count} {outcome.value}" for outcome, count in report.counts.items() if count)
        self._note(at_us, name, f"{'complete' if report.complete else 'not complete'}: {counts or 'none'}")

    def bulk_corrected(self, name: str, report: BulkReport, at_us: int) -> None:
        """A client heard that an answer to a bulk cancel was not so, or is not so any more."""
        self.bulks[name].corrections.append((at_us, report))
        self._note(at_us, name, f"corrected: {report.survivors_total} may rest, revision {report.revision}")

    # ------------------------------------------------------------ what it tells

    def outcomes(self) -> dict[str, int]:
        """Count the last words."""
        return dict(Counter(s.last.outcome.value if s.last is not None else "none" for s in self.stories.values()))

    def cancels_left(self, story: Story) -> list[int]:
        """When cancels left that named the order of a request, by whichever id."""
        if story.wish.order is None:
            return []
        ids = {self.order_id(story.wish.order), self.plan.orders[story.wish.order].client_order_id}
        return sorted({at_us for name in ids if name is not None for at_us in self.left_us.get(name, ())})

    def forgets_orders(self, name: AccountName) -> bool:
        """Whether an account had more orders by the end than its daemon may remember."""
        account = next(account for account in self.plan.accounts if account.name == name)
        return sum(self.plan.orders[number].account == name for number in self.order_ids) > account.orders_max

    def covers(self, bulk: BulkPlan, order: OrderPlan) -> bool:
        """Whether a bulk cancel is about an order."""
        return bulk.covers(order, self._places[order.account])

    def after_s(self, at_us: int) -> str:
        """Write a moment as the story does."""
        return f"{(at_us - self.start_us) / US_PER_S:.6f}"

    # ------------------------------------------------------------ inside

    def _told(self, report: Report, at_us: int) -> None:
        if report.seq:
            self.first_told_us.setdefault(report.seq, at_us)

    def _hear(self, story: Story, word: Word) -> None:
        story.words.append(word)
        self._told(word.report, word.at_us)
        report = word.report
        kind = "outcome" if word.is_first else "correction"
        self._note(
            word.at_us,
            story.wish.name,
            f"{kind} {report.outcome.value} {report.ord_status.value if report.ord_status else '-'} "
            f"{report.cum_qty}{' final' if report.cum_qty_final else ''} of {report.order_id} "
            f"by {report.evidence.source} {report.reason or ''} seq {report.seq} revision {report.revision}",
        )

    def _note(self, at_us: int, name: str, text: str) -> None:
        client = self.bulks[name].plan.client if name in self.bulks else self.stories[name].wish.client
        self._trace.note(at_us, f"client {client}", f"{name} {text}")


def _ended_in(text: str, named: list[str]) -> set[str]:
    """Pick the orders of which some row of a document says that they have ended."""
    start = text.find("{")
    try:
        document = orjson.loads(text[start:]) if start >= 0 else None
    except orjson.JSONDecodeError:
        return set()
    wanted = {*named, *map(int, named)}
    ended: set[str] = set()
    for row in _rows(document):
        scalars = [value for value in row.values() if isinstance(value, str | int)]
        about = wanted.intersection(scalars)
        if about and not _ENDS.isdisjoint([str(value).lower() for value in scalars]):
            ended.update(map(str, about))
    return ended


def _rows(value: object) -> Iterator[dict[str, object]]:
    if isinstance(value, dict):
        yield value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for each in inner:
        if isinstance(each, dict | list):
            yield from _rows(each)
