"""The auditor: holds what clients were told against what was true, and shares no code with what it checks.

It sees four things only: the venues' own books, the frames that left the daemon and those that reached it, the words
that clients heard, and the bounds. What is right stands in its rules, each a function below, named as in a violation:

    one_outcome       each request has one first outcome, however often and in whatever life it is asked for
    nothing_open      after the heal every request has an outcome, and none is left in doubt
    truth             ``canceled`` and ``filled`` are what the venue's book says at that moment
    cum_qty           equal to the book's where it is called final, and never above it elsewhere
    corrections       a later change was told: the last word is the book's; revisions are numbered without a gap
    not_sent          no frame of it left
    in_doubt          only where nothing that shows the order's end had reached the daemon
    unknown_order     only if the venue never held it
    rejected          only if the order lived on after the last cancel left
    calm              what is asked for after the storm is simply canceled
    rate              no published limit of a venue was exceeded
    bound             no queue grew past its bound
    forgotten         what was called recorded was taken up again after a crash, and not anew
    drop_copy         a subscriber hears words in the order of their numbers
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import msgspec
import orjson

from daemon.sim.book import OrdStatus
from daemon.simulate.swarm import FINAL_REJECTS
from daemon.simulate.trace import US_PER_S
from protocols.fix import AccountName, Outcome, RequestState

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from daemon.core.records import Previous, Report
    from daemon.edge.desk import Reattached
    from daemon.sim.book import Book, Order
    from daemon.simulate.plan import Plan
    from daemon.simulate.trace import Trace
    from daemon.simulate.wishes import OrderPlan, WishPlan
    from protocols.errors import BadRequest

ENDED: Final = frozenset({Outcome.CANCELED, Outcome.FILLED})
_IDS: Final = re.compile(r"\d{15,20}")
_ORDER_IDS: Final = re.compile(r"29\d{17}")
_ENDS: Final = frozenset(
    "canceled cancelled mmp_canceled partially_canceled partial_canceled partial-canceled filled expired".split()
)
"""Words by which some venue says that an order has ended."""


class Violation(msgspec.Struct, frozen=True):
    """A rule that was broken, and by what."""

    rule: str
    detail: str


class Bound(msgspec.Struct, frozen=True):
    """A queue at one moment."""

    name: str
    length: int
    at_most: int


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


class Auditor:
    """Watches one world. It is a `network.Witness` and a `clients.Hearer`."""

    def __init__(self, plan: Plan, start_us: int, books: Mapping[AccountName, Book], trace: Trace) -> None:
        self.plan = plan
        self.books = books
        self.stories = {wish.name: Story(wish) for wish in plan.wishes}
        self.left_us: dict[str, list[int]] = {}
        """When cancels left that named an id, by the id."""
        self.shown_us: dict[str, list[int]] = {}
        """When something reached this life of the daemon that shows an order's end, by the order's id."""
        self.crashes_us: list[int] = []
        self._start_us = start_us
        self._trace = trace
        self._order_ids: dict[int, str] = {}
        self._asked_us: dict[str, int] = {}
        self._heard: dict[int, int] = {}
        self._found: list[Violation] = []
        self._open = len(plan.wishes)

    # ------------------------------------------------------------ what it sees: the venue

    def placed(self, order: OrderPlan, order_id: str) -> None:
        """An order rests."""
        self._order_ids[order.number] = order_id

    def order_id(self, number: int) -> str:
        """Give the venue's id of an order of the plan."""
        return self._order_ids[number]

    def truth(self, wish: WishPlan) -> tuple[Order, ...]:
        """Every state that the order of a wish was in; empty if there never was one."""
        return () if wish.order is None else self.books[wish.account].states(self._order_ids[wish.order])

    # ------------------------------------------------------------ what it sees: the wire

    def left(self, account: str, at_us: int, text: str, *, may_cancel: bool) -> None:
        """Something was handed to a transport."""
        if may_cancel:
            for name in set(_IDS.findall(text)):
                self.left_us.setdefault(name, []).append(at_us)

    def reached(self, account: str, at_us: int, text: str, *, is_evidence: bool) -> None:
        """Something reached a daemon that lives."""
        if is_evidence:
            named = [name for name in set(_ORDER_IDS.findall(text)) if self._is_news(account, name)]
            if named:
                for name in _ended_in(text, named):
                    self.shown_us.setdefault(name, []).append(at_us)

    def _is_news(self, account: str, order_id: str) -> bool:
        """Whether an order is one that somebody asked about, has ended, and was not shown to have since then."""
        asked_us = self._asked_us.get(order_id)
        if asked_us is None or self.shown_us.get(order_id, [0])[-1] > asked_us:
            return False
        order = self.books[AccountName(account)].get(order_id)
        return order is not None and order.ord_status.is_terminal

    def crashed(self, at_us: int) -> None:
        """The daemon died: what had reached it may be lost with it."""
        self.shown_us.clear()
        self.crashes_us.append(at_us)

    def sampled(self, *bounds: Bound) -> None:
        """A look at the queues."""
        for bound in bounds:
            if bound.length > bound.at_most:
                self._found.append(Violation("bound", f"{bound.name}: {bound.length}, {bound.at_most} at most"))

    # ------------------------------------------------------------ what it sees: the clients

    def asked(self, name: str, sink: int, received_us: int, at_us: int) -> None:
        """A client handed its request in."""
        story = self.stories[name]
        story.asked_us.append(at_us)
        story.received[sink] = received_us
        if story.wish.order is not None:
            self._asked_us[self._order_ids[story.wish.order]] = at_us

    def refused(self, name: str, why: BadRequest, at_us: int) -> None:
        """A client heard that there is no such request."""
        self.stories[name].refusals.append(why.reason)
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
        if not story.words:
            self._open -= 1
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
        before = self._heard.get(listener, 0)
        if report.seq and report.seq <= before:
            self._found.append(Violation("drop_copy", f"number {report.seq} came after {before}"))
        self._heard[listener] = max(before, report.seq)

    @property
    def is_content(self) -> bool:
        """Whether every request has its outcome."""
        return self._open == 0

    def _hear(self, story: Story, word: Word) -> None:
        story.words.append(word)
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
        self._trace.note(at_us, f"client {self.stories[name].wish.client}", f"{name} {text}")

    # ------------------------------------------------------------ what it says

    def outcomes(self) -> dict[str, int]:
        """Count the last words."""
        return dict(Counter(s.last.outcome.value if s.last is not None else "none" for s in self.stories.values()))

    def verdict(self, breaches: Mapping[AccountName, Mapping[str, int]]) -> list[Violation]:
        """Hold everything against the rules; ``breaches`` are those that the venues counted, by account and rule."""
        found = list(self._found)
        for account, counted in breaches.items():
            found += [Violation("rate", f"{account}: {rule}, {n} times") for rule, n in counted.items()]
        for name, story in self.stories.items():
            for rule in RULES:
                for detail in rule(self, story):
                    found.append(Violation(rule.__name__, f"{name} ({_what(story.wish, self)}): {detail}"))
        return found

    def may_stay_open(self, story: Story) -> bool:
        """Whether the doubt may last.

        Past its request's deadline, or (by our clock) age, nothing is sent again, so that an order may live on; and
        a client id may mean two orders where the venue forgets it, or where our clock was set ahead meanwhile, so that
        the order seems to be newer than the request.
        """
        ahead_us = self._set_ahead_us(story)
        if not story.wish.by_order_id and (ahead_us > 0 or self._is_forgotten_there(story)):
            return True
        states = self.truth(story.wish)
        if states and states[-1].ord_status.is_terminal:
            return False
        if self._was_refused_for_good(story) or len(self.cancels_left(story)) >= SENDS_MAX:
            return True
        age_max_us = min(account.timings.resend_max_age_s for account in self.plan.accounts) * US_PER_S
        return story.wish.deadline_ms is not None or ahead_us > age_max_us / 2

    def _is_forgotten_there(self, story: Story) -> bool:
        """Whether a client id was used twice, at a venue that forgets what the second order's was when it ends."""
        account = next(account for account in self.plan.accounts if account.name == story.wish.account)
        mine = None if story.wish.order is None else self.plan.orders[story.wish.order].client_order_id
        is_reused = sum(order.client_order_id == mine for order in self.plan.orders) > 1
        return account.venue in FORGETFUL and mine is not None and is_reused

    def cancels_left(self, story: Story) -> list[int]:
        """When cancels left that named the order of a request, by whichever id."""
        if story.wish.order is None:
            return []
        ids = {self.order_id(story.wish.order), self.plan.orders[story.wish.order].client_order_id}
        return sorted({at_us for name in ids if name is not None for at_us in self.left_us.get(name, ())})

    def _was_refused_for_good(self, story: Story) -> bool:
        """Whether a venue may have said that repeating a cancel is pointless, of which it took no other."""
        account = next(account for account in self.plan.accounts if account.name == story.wish.account)
        return any(f"REJECT({code})" in span.spec for code in FINAL_REJECTS for span in account.spans)

    def _set_ahead_us(self, story: Story) -> int:
        """How far our clock was set ahead between two lives since the request was made, at the most."""
        offsets = [(0, self.plan.clock_offset_us)]
        offsets += [(crash.at_us + crash.down_us, crash.clock_offset_us) for crash in self.plan.crashes]
        asked_us = min(story.asked_us, default=self._start_us) - self._start_us
        first = [index for index, (at_us, _) in enumerate(offsets) if at_us <= asked_us][-1]
        seen = [offset_us for _, offset_us in offsets[first:]]
        return max(later - min(seen[: index + 1]) for index, later in enumerate(seen))

    def after_s(self, at_us: int) -> str:
        """Write a moment as the story does."""
        return f"{(at_us - self._start_us) / US_PER_S:.6f}"


# ---------------------------------------------------------------- the rules


def one_outcome(auditor: Auditor, story: Story) -> Iterator[str]:
    """Each request has one first outcome. One that was told while nothing could be written may be told anew.

    What is told on the strength of its request's receipt is found out again by the next life; by a client id that it
    finds out too late, that life may have to doubt.
    """
    firsts = {word.report.outcome for word in story.words if word.is_first and word.report.durable}
    is_lost = auditor.plan.durability == "receipt" and not story.wish.by_order_id and auditor.crashes_us
    if len(firsts - {Outcome.IN_DOUBT} if is_lost else firsts) > 1:
        yield f"first outcomes {', '.join(sorted(firsts))}"
    for sink, count in story.results.items():
        if count > 1:
            yield f"call {sink} was answered {count} times"


def nothing_open(auditor: Auditor, story: Story) -> Iterator[str]:
    """Nobody is left without an outcome after the heal, and nobody in doubt about what the venue can tell."""
    if story.last is None:
        yield f"no outcome; refused with {story.refusals}" if story.refusals else "no outcome"
    elif story.last.outcome is Outcome.IN_DOUBT and not auditor.may_stay_open(story):
        yield f"in doubt at the end: {story.last.reason}"


def truth(auditor: Auditor, story: Story) -> Iterator[str]:
    """What is called canceled or filled is, at that moment, in the venue's book."""
    states = auditor.truth(story.wish)
    for word in story.words:
        report = word.report
        if report.outcome not in ENDED:
            continue
        now = _as_of(states, word.at_us)
        if now is None:
            yield f"{report.outcome} of an order that never was"
        elif report.order_id != now.order_id:
            yield f"{report.outcome} of order {report.order_id}, which is another one than {now.order_id}"
        elif not now.ord_status.is_terminal:
            yield f"{report.outcome} at {auditor.after_s(word.at_us)}, when it was {now.ord_status.value}"
        elif (report.outcome is Outcome.FILLED) != (now.ord_status is OrdStatus.FILLED):
            yield f"{report.outcome}, and the book says {now.ord_status.value}"


def cum_qty(auditor: Auditor, story: Story) -> Iterator[str]:
    """What is called final is what the book has in the end; nothing is ever above what it had at that moment."""
    states = auditor.truth(story.wish)
    for word in story.words:
        report = word.report
        now = _as_of(states, word.at_us)
        if report.cum_qty is None or now is None:
            continue
        if report.cum_qty > now.cum_qty:
            yield f"cum_qty {report.cum_qty} at {auditor.after_s(word.at_us)}, when {now.cum_qty} had traded"
        if report.cum_qty_final and report.cum_qty != states[-1].cum_qty:
            yield f"cum_qty {report.cum_qty} called final, and {states[-1].cum_qty} traded"


def corrections(auditor: Auditor, story: Story) -> Iterator[str]:
    """The last word is the book's, and on each call revisions follow one another."""
    states = auditor.truth(story.wish)
    if states and story.last is not None and story.last.outcome in ENDED and story.last.cum_qty != states[-1].cum_qty:
        yield f"the last word says {story.last.cum_qty}, and {states[-1].cum_qty} traded"
    before: dict[int, Word] = {}
    for word in story.words:
        last = before.get(word.sink)
        if last is not None and word.previous is not None:
            if word.report.revision != last.report.revision + 1:
                yield f"revision {word.report.revision} came after {last.report.revision}"
            elif word.previous.outcome is not last.report.outcome:
                yield f"a correction of {word.previous.outcome}, and {last.report.outcome} was told"
        before[word.sink] = word


def not_sent(auditor: Auditor, story: Story) -> Iterator[str]:
    """No frame left for it: with several requests for an order, none for any that says so of itself.

    A life that dies before it has written a request down leaves nothing behind, not even what it sent; that a client
    asks again is all that the next one knows.
    """
    if not any(word.report.outcome is Outcome.NOT_SENT for word in story.words) or story.wish.order is None:
        return
    alike = [other for other in auditor.stories.values() if other.wish.order == story.wish.order]
    if any(other.last is None or other.last.outcome is not Outcome.NOT_SENT for other in alike):
        return
    forgotten_us = [at_us for at_us in auditor.crashes_us if story.recorded_us is None or at_us < story.recorded_us]
    since_us = max(story.asked_us[0], *forgotten_us, 0)
    left = [at_us for at_us in auditor.cancels_left(story) if at_us >= since_us]
    if left:
        yield f"a cancel left at {', '.join(map(auditor.after_s, left))}"


def in_doubt(auditor: Auditor, story: Story) -> Iterator[str]:
    """Who says that nothing is known has seen nothing that shows the end. Client ids may mean several orders."""
    if story.wish.order is None or not story.wish.by_order_id:
        return
    for word in story.words:
        if word.report.outcome is Outcome.IN_DOUBT and word.is_first and not word.is_repeated:
            shown = auditor.shown_us.get(auditor.order_id(story.wish.order), [])
            since_us = min((at for at in story.asked_us if at <= word.at_us), default=word.at_us)
            if any(since_us <= at_us < word.at_us - WORD_US for at_us in shown):
                at_us = next(at_us for at_us in shown if since_us <= at_us)
                yield f"at {auditor.after_s(word.at_us)}, and its end had come at {auditor.after_s(at_us)}"


def unknown_order(auditor: Auditor, story: Story) -> Iterator[str]:
    """Nobody says of an order that the venue has held that it is not known there."""
    if any(word.report.outcome is Outcome.UNKNOWN_ORDER for word in story.words) and auditor.truth(story.wish):
        yield "the venue held it"


def rejected(auditor: Auditor, story: Story) -> Iterator[str]:
    """The order lived on after the last cancel for it had left."""
    states = auditor.truth(story.wish)
    for word in story.words:
        if word.report.outcome is not Outcome.REJECTED:
            continue
        if not states:
            yield "of an order that never was"
            continue
        left = [at_us for at_us in auditor.left_us.get(states[0].order_id, ()) if at_us < word.at_us]
        last = states[-1]
        if last.ord_status.is_terminal and last.updated_us <= max(left, default=0):
            yield f"at {auditor.after_s(word.at_us)}, and it had ended at {auditor.after_s(last.updated_us)}"


def calm(_: Auditor, story: Story) -> Iterator[str]:
    """After the storm everything works as if there had been none."""
    if story.wish.is_calm and story.words and story.words[0].report.outcome is not Outcome.CANCELED:
        yield f"{story.words[0].report.outcome} in the calm"


def forgotten(auditor: Auditor, story: Story) -> Iterator[str]:
    """What was called recorded is the request that is answered, in whatever life."""
    if story.recorded_us is None:
        return
    for word in story.words:
        if word.at_us > story.recorded_us and word.report.times.received not in story.received_by_then:
            yield f"recorded at {auditor.after_s(story.recorded_us)}, and taken up anew afterwards"
            return


RULES: Final = (
    one_outcome,
    nothing_open,
    truth,
    cum_qty,
    corrections,
    not_sent,
    in_doubt,
    unknown_order,
    rejected,
    calm,
    forgotten,
)
FORGETFUL: Final = frozenset({"htx"})
"""Where a client id stops resolving when its order ends (HTX: announcement of 2025-05-08)."""
SENDS_MAX: Final = 8
"""Cancels for one request, at the most: past that nothing is sent any more."""
WORD_US: Final = 200_000
"""What a word may take from its conclusion to its client: a slow commit and the way."""


# ---------------------------------------------------------------- small things


def _what(wish: WishPlan, auditor: Auditor) -> str:
    if wish.order is None:
        return "no order"
    by = "order id" if wish.by_order_id else "client id"
    return f"order {auditor.order_id(wish.order)} by {by}"


def _as_of(states: tuple[Order, ...], at_us: int) -> Order | None:
    seen = [state for state in states if state.updated_us <= at_us]
    return seen[-1] if seen else None


def _ended_in(text: str, named: list[str]) -> set[str]:
    """Pick the orders of which some row of a document says that they have ended."""
    lowered = text.lower()
    if not any(word in lowered for word in _ENDS):
        return set()
    start = text.find("{")
    try:
        document = orjson.loads(text[start:]) if start >= 0 else None
    except orjson.JSONDecodeError:
        return set()
    ended: set[str] = set()
    for row in _rows(document):
        if any(isinstance(value, str) and value.lower() in _ENDS for value in row.values()):
            ended.update(name for name in named if name in row.values() or int(name) in row.values())
    return ended


def _rows(value: object) -> Iterator[dict[str, object]]:
    if isinstance(value, dict):
        yield value
        for each in value.values():
            yield from _rows(each)
    elif isinstance(value, list):
        for each in value:
            yield from _rows(each)
