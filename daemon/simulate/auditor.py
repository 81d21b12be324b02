"""The auditor: holds what clients were told against what was true, and shares no code with what it checks.

It sees five things only: the venues' own books, the frames that left the daemon and those that reached it, the words
that clients heard, what a daemon that died had on its disk, and the bounds. What is right stands in its rules, each a
function below, named as in a violation:

    one_outcome       each request has one first outcome, however often and in whatever life it is asked for
    nothing_open      after the heal every request has an outcome, and none is left in doubt
    truth             ``canceled`` and ``filled`` are what the venue's book says at that moment
    cum_qty           equal to the book's where it is called final, and never above it elsewhere
    corrections       a later change was told: the last word is the book's; revisions are numbered without a gap
    not_sent          no frame of it left
    in_doubt          only where nothing that shows the order's end had reached the daemon
    unknown_order     only if the venue never held it
    rejected          only if the order lived on after the last cancel left
    ended_by          it is called us, or somebody else, only of an order of which the venue's book says so
    calm              what is asked for after the storm is simply canceled
    rate              no published limit of a venue was exceeded
    bound             no queue grew past its bound
    forgotten         what was called recorded was taken up again after a crash, and not anew
    stranger          no order was cancelled by us that nobody had asked for
    drop_copy         a subscriber hears words in the order of their numbers
    fault             the daemon caught no fault of its own

The rules for bulk cancels stand in `bulk_audit`, those for bindings in `binding_audit`, for dead-man switches in
`switches`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from daemon.edge.journal.backlog import LINGER_MAX_S
from daemon.sim.book import EndedBy, OrdStatus
from daemon.simulate.binding_audit import BINDING_RULES, is_asked_for
from daemon.simulate.bulk_audit import BULK_RULES, blamed_wrongly, unheard_of
from daemon.simulate.trace import US_PER_S
from daemon.simulate.track_audit import is_ghost_that_may_be_doubted, names_its_order, was_misled
from protocols.fix import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from daemon.sim.book import Order
    from daemon.sim.rates import Breach
    from daemon.simulate.chronicle import Chronicle, Story, Word
    from daemon.simulate.wishes import WishPlan
    from protocols.fix import AccountName

ENDED: Final = frozenset({Outcome.CANCELED, Outcome.FILLED})


class Violation(msgspec.Struct, frozen=True):
    """A rule that was broken, and by what."""

    rule: str
    detail: str


def audit(seen: Chronicle, broken: Mapping[AccountName, Sequence[Breach]]) -> list[Violation]:
    """Hold everything against the rules; ``broken`` are the limits whose breach the venues saw, by account."""
    found = [
        Violation("rate", f"{account}: {breach.rule} for {breach.key} at {seen.after_s(breach.at_us)}")
        for account, breaches in broken.items()
        for breach in breaches
        if not _went_under_two_names(seen, account, breach)
    ]
    found += [Violation("bound", f"{full.name}: {full.length}, {full.at_most} at most") for full in seen.overfull]
    found += [Violation("fault", f"{account}: {what}") for account, what in seen.faults]
    found += [Violation("drop_copy", detail) for seqs in seen.published_seqs.values() for detail in _misnumbered(seqs)]
    for name, bulk in seen.bulks.items():
        for check in BULK_RULES:
            found += [Violation(check.__name__, f"{name}: {detail}") for detail in check(seen, bulk)]
    for name, report in seen.bulk_ends.items():
        if name not in seen.bulks:  # a binding's: nobody is told but its journal
            found += [Violation("bulk_found", f"{name}: {what}") for what in unheard_of(name, report, seen.findings)]
    for bound in seen.bindings:
        for judge in BINDING_RULES:
            found += [Violation(judge.__name__, f"{bound.plan.index}: {detail}") for detail in judge(seen, bound)]
    found += [Violation("stranger", detail) for detail in _strangers(seen)]
    for name, story in seen.stories.items():
        for rule in RULES:
            what = _what(story.wish, seen)
            found += [Violation(rule.__name__, f"{name} ({what}): {detail}") for detail in rule(seen, story)]
    return found


def only_lasting_doubts(seen: Chronicle) -> bool:
    """Whether nobody who was answered is in a doubt that must not last."""
    lasts = ((story, story.last) for story in seen.stories.values())
    return not any(
        last is not None and last.outcome is Outcome.IN_DOUBT and not _may_stay_open(seen, story)
        for story, last in lasts
    )


# ---------------------------------------------------------------- the rules


def one_outcome(seen: Chronicle, story: Story) -> Iterator[str]:
    """Each request has one first outcome. One that was told while nothing could be written may be told anew.

    What is told on the strength of its request's receipt is found out again by the next life; if it died with the last
    one before it was written, and is found out too late, by a venue that answers nobody for a while or by a client id,
    that life may have to doubt. That it had not seen the end by then is the rule `in_doubt`.
    """
    firsts = {word.report.outcome for word in story.words if word.is_first and word.report.durable}
    if len(firsts - {Outcome.IN_DOUBT} if _may_be_lost(seen, story) else firsts) > 1:
        yield f"first outcomes {', '.join(sorted(firsts))}"
    for sink, count in story.results.items():
        if count > 1:
            yield f"call {sink} was answered {count} times"


def _may_be_lost(seen: Chronicle, story: Story) -> bool:
    """Whether an outcome may have been told and not written down before a crash."""
    if seen.plan.durability != "receipt" or not seen.crashes_us:
        return False
    told_us = [word.at_us for word in story.words if word.is_first and word.report.outcome in ENDED]
    lasts_us = [(at_us - WORD_US, _written_by_us(seen, at_us)) for at_us in told_us]
    is_young = any(from_us < crash_us < until_us for from_us, until_us in lasts_us for crash_us in seen.crashes_us)
    return is_young or not names_its_order(seen, story)


def _written_by_us(seen: Chronicle, told_us: int) -> int:
    """Give when a word that nobody waits for is written at the latest: a disk that takes nothing keeps it waiting."""
    by_us = told_us + WRITTEN_US
    for begin_us, end_us in sorted(seen.plan.habits.fails):
        if seen.start_us + begin_us < by_us and seen.start_us + end_us > told_us:
            by_us = max(by_us, seen.start_us + end_us + WRITTEN_US)
    return by_us


def nothing_open(seen: Chronicle, story: Story) -> Iterator[str]:
    """Nobody is left without an outcome after the heal, and nobody in doubt about what the venue can tell."""
    if story.last is None and not _found_no_room(seen, story):
        yield f"no outcome; refused with {story.refusals}" if story.refusals else "no outcome"
    elif story.last is not None and story.last.outcome is Outcome.IN_DOUBT and not _may_stay_open(seen, story):
        yield f"in doubt at the end: {story.last.reason}"


def truth(seen: Chronicle, story: Story) -> Iterator[str]:
    """What is called canceled or filled is, at that moment, in the venue's book."""
    for word in story.words:
        report = word.report
        if report.outcome not in ENDED:
            continue
        now = _as_of(_meant(seen, story, word), word.at_us)
        if now is None:
            yield f"{report.outcome} of an order that never was"
        elif report.order_id != now.order_id:
            yield f"{report.outcome} of order {report.order_id}, which is another one than {now.order_id}"
        elif not now.ord_status.is_terminal:
            yield f"{report.outcome} at {seen.after_s(word.at_us)}, when it was {now.ord_status.value}"
        elif (report.outcome is Outcome.FILLED) != (now.ord_status is OrdStatus.FILLED):
            yield f"{report.outcome}, and the book says {now.ord_status.value}"


def cum_qty(seen: Chronicle, story: Story) -> Iterator[str]:
    """What is called final is what the book has in the end; nothing is ever above what it had at that moment."""
    for word in story.words:
        report = word.report
        states = _meant(seen, story, word)
        now = _as_of(states, word.at_us)
        if report.cum_qty is None or now is None:
            continue
        if report.cum_qty > now.cum_qty:
            yield f"cum_qty {report.cum_qty} at {seen.after_s(word.at_us)}, when {now.cum_qty} had traded"
        if report.cum_qty_final and report.cum_qty != states[-1].cum_qty:
            yield f"cum_qty {report.cum_qty} called final, and {states[-1].cum_qty} traded"


def corrections(seen: Chronicle, story: Story) -> Iterator[str]:
    """The last word is the book's, and on each call revisions follow one another."""
    states = _meant(seen, story, max(story.words, key=_age)) if story.words else ()
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


def not_sent(seen: Chronicle, story: Story) -> Iterator[str]:
    """No frame left for it: with several requests for an order, none for any that says so of itself, and no bulk one.

    A life that dies before it has written a request down leaves nothing behind, not even what it sent; that a client
    asks again is all that the next one knows.
    """
    if not any(word.report.outcome is Outcome.NOT_SENT for word in story.words) or story.wish.order is None:
        return
    if is_asked_for(seen, story.wish.order):
        return
    alike = [other for other in seen.stories.values() if other.wish.order == story.wish.order]
    if any(other.last is None or other.last.outcome is not Outcome.NOT_SENT for other in alike):
        return
    forgotten_us = [at_us for at_us in seen.crashes_us if story.recorded_us is None or at_us < story.recorded_us]
    since_us = max(story.asked_us[0], *forgotten_us, 0)
    left = [at_us for at_us in seen.cancels_left(story) if at_us >= since_us]
    if left:
        yield f"a cancel left at {', '.join(map(seen.after_s, left))}"


def in_doubt(seen: Chronicle, story: Story) -> Iterator[str]:
    """Who says that nothing is known has seen nothing that shows the end. Client ids may mean several orders."""
    if story.wish.order is None or not names_its_order(seen, story):
        return
    for word in story.words:
        if word.report.outcome is Outcome.IN_DOUBT and word.is_first and not word.is_repeated:
            shown = seen.shown_us.get(seen.order_id(story.wish.order), [])
            since_us = min((at for at in story.asked_us if at <= word.at_us), default=word.at_us)
            if any(since_us <= at_us < word.at_us - WORD_US for at_us in shown):
                at_us = next(at_us for at_us in shown if since_us <= at_us)
                yield f"at {seen.after_s(word.at_us)}, and its end had come at {seen.after_s(at_us)}"


def unknown_order(seen: Chronicle, story: Story) -> Iterator[str]:
    """Nobody says of an order that the venue has held that it is not known there."""
    if any(word.report.outcome is Outcome.UNKNOWN_ORDER for word in story.words) and seen.truth(story.wish):
        yield "the venue held it"


def rejected(seen: Chronicle, story: Story) -> Iterator[str]:
    """The order lived on after the last cancel for it had left, when that was first told: it may be told again."""
    states = seen.truth(story.wish)
    for word in story.words:
        if word.report.outcome is not Outcome.REJECTED:
            continue
        if not states:
            yield "of an order that never was"
            continue
        told_us = seen.first_told_us.get(word.report.seq, word.at_us)
        left = [at_us for at_us in seen.left_us.get(states[0].order_id, ()) if at_us < told_us]
        last = states[-1]
        if last.ord_status.is_terminal and last.updated_us <= max(left, default=0):
            yield f"at {seen.after_s(word.at_us)}, and it had ended at {seen.after_s(last.updated_us)}"


def ended_by(seen: Chronicle, story: Story) -> Iterator[str]:
    """Nobody cancels as the user but the daemon; that it is not known who did it is never wrong."""
    for word in story.words:
        yield from blamed_wrongly(seen, story.wish.account, word.report)


def calm(_: Chronicle, story: Story) -> Iterator[str]:
    """After the storm everything works as if there had been none."""
    if story.wish.is_calm and story.words and story.words[0].report.outcome is not Outcome.CANCELED:
        yield f"{story.words[0].report.outcome} in the calm"


def forgotten(seen: Chronicle, story: Story) -> Iterator[str]:
    """What was called recorded is the request that is answered, in whatever life."""
    if story.recorded_us is None:
        return
    for word in story.words:
        if word.at_us > story.recorded_us and word.report.times.received not in story.received_by_then:
            yield f"recorded at {seen.after_s(story.recorded_us)}, and taken up anew afterwards"
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
    ended_by,
    calm,
    forgotten,
)
FORGETFUL: Final = frozenset({"htx"})
"""Where a client id stops resolving when its order ends (HTX: announcement of 2025-05-08)."""
SENDS_MAX: Final = 40
"""Cancels for one request, at the most: past that nothing is sent any more."""
GAP_US: Final = 1_500_000
"""The longest gap that a venue wants between two cancels of one order, and the way there."""
PAGES_US: Final = 1_000_000
"""What the first page of a listing may wait for its others, before all are read."""
WORD_US: Final = 200_000
"""What a word may take from its conclusion to its client: a slow commit and the way."""
WRITTEN_US: Final = WORD_US + round(LINGER_MAX_S * US_PER_S)
"""What it may take to the disk where nobody waits for that: it stays behind for a while, and is then as slow."""


# ---------------------------------------------------------------- small things


def _went_under_two_names(seen: Chronicle, account: AccountName, breach: Breach) -> bool:
    """Whether an order was cancelled by both its ids before anything had shown this life that they are one order's.

    What was shown may be forgotten where there are more orders than the account may remember.
    """
    alias = seen.aliases.get(breach.key)
    if alias is None:
        return False
    near = range(breach.at_us - GAP_US, breach.at_us)
    by_id, by_alias = (
        max((at_us for at_us in seen.left_us.get(name, ()) if at_us in near), default=None)
        for name in (breach.key, alias)
    )
    if by_id is None or by_alias is None:
        return False
    if seen.forgets_orders(account):
        return True
    later_us = max(by_id, by_alias)
    born_us = max((at_us for at_us in seen.crashes_us if at_us < later_us), default=0)
    return not any(born_us < at_us < later_us - PAGES_US for at_us in seen.paired_us.get(breach.key, ()))


def _strangers(seen: Chronicle) -> Iterator[str]:
    """Find orders that were cancelled by us, and that nobody asked to have cancelled."""
    meant = {(wish.account, wish.order) for wish in seen.plan.wishes}
    named = seen.plan.names_wished()
    for order in seen.plan.orders:
        if (order.account, order.number) in meant or (order.account, order.client_order_id) in named:
            continue
        if is_asked_for(seen, order.number):
            continue
        last = seen.books[order.account].get(seen.order_id(order.number))
        if last is not None and last.ended_by is EndedBy.USER:
            yield f"{order.account}: order {last.order_id} ({last.client_order_id}) at {seen.after_s(last.updated_us)}"


def _misnumbered(seqs: list[int]) -> Iterator[str]:
    """Find words that one subscriber heard out of their order."""
    latest = 0
    for seq in seqs:
        if seq and seq <= latest:
            yield f"number {seq} came after {latest}"
        latest = max(latest, seq)


def _what(wish: WishPlan, seen: Chronicle) -> str:
    if wish.order is None:
        return "no order" + (f", by client id {wish.ghost}" if wish.ghost is not None else "")
    by = "order id" if wish.by_order_id else "client id"
    return f"order {seen.order_id(wish.order)} by {by}"


def _meant(seen: Chronicle, story: Story, word: Word) -> tuple[Order, ...]:
    """Give the states of the order that a word has to be about: the one that is meant.

    By client id alone it may be an older one that had ended before the one that is meant was placed, if that is no
    longer open when it is told: the listing that decides shows no order of that client id. And it is the one that its
    client said the client id to be.
    """
    states, told, book = seen.truth(story.wish), word.report.order_id, seen.books[story.wish.account]
    if not states or told is None or told == states[0].order_id or names_its_order(seen, story):
        return states
    older = book.states(told)
    if was_misled(seen, story, told):
        return older
    meant = _as_of(states, word.at_us)
    is_older = bool(older) and older[-1].ord_status.is_terminal and older[-1].updated_us <= states[0].created_us
    is_over = meant is not None and meant.ord_status.is_terminal
    return older if is_older and is_over and older[0].client_order_id == states[0].client_order_id else states


def _age(word: Word) -> tuple[int, int]:
    return word.report.seq, word.at_us


def _as_of(states: tuple[Order, ...], at_us: int) -> Order | None:
    by_then = [state for state in states if state.updated_us <= at_us]
    return by_then[-1] if by_then else None


# ---------------------------------------------------------------- doubt that may last


def _may_stay_open(seen: Chronicle, story: Story) -> bool:
    """Whether the doubt may last.

    Past its request's deadline, or (by our clock) age, nothing is sent again, so that an order may live on; and
    a client id may mean two orders where the venue forgets it, or where our clock was set ahead meanwhile, so that
    the order seems to be newer than the request.
    """
    ahead_us = _set_ahead_us(seen, story)
    if not names_its_order(seen, story) and (ahead_us > 0 or _is_forgotten_there(seen, story)):
        return True
    if is_ghost_that_may_be_doubted(seen, story):
        return True
    states = seen.truth(story.wish)
    if states and states[-1].ord_status.is_terminal:
        return False
    if _was_refused_for_good(seen, story) or len(seen.cancels_left(story)) >= SENDS_MAX:
        return True
    age_max_us = min(account.timings.resend_max_age_s for account in seen.plan.accounts) * US_PER_S
    return story.wish.deadline_ms is not None or ahead_us > age_max_us / 2


def _found_no_room(seen: Chronicle, story: Story) -> bool:
    """Whether a request was refused since as many orders as may be worked on are in a doubt that lasts."""
    account = next(account for account in seen.plan.accounts if account.name == story.wish.account)
    alike = (other for other in seen.stories.values() if other.wish.account == account.name)
    doubted = {
        other.wish.order if other.wish.order is not None else other.wish.name
        for other in alike
        if other.last is not None and other.last.outcome is Outcome.IN_DOUBT and _may_stay_open(seen, other)
    }
    return story.refusals[-1:] == ["too_many_in_flight"] and len(doubted) >= account.cases_max


def _is_forgotten_there(seen: Chronicle, story: Story) -> bool:
    """Whether a client id was used twice, at a venue that forgets what the second order's was when it ends."""
    account = next(account for account in seen.plan.accounts if account.name == story.wish.account)
    mine = None if story.wish.order is None else seen.plan.orders[story.wish.order].client_order_id
    is_reused = sum(order.client_order_id == mine for order in seen.plan.orders) > 1
    return account.venue in FORGETFUL and mine is not None and is_reused


def _was_refused_for_good(seen: Chronicle, story: Story) -> bool:
    """Whether a venue may have said that repeating a cancel is pointless, of which it took no other."""
    account = next(account for account in seen.plan.accounts if account.name == story.wish.account)
    return account.may_refuse_for_good


def _set_ahead_us(seen: Chronicle, story: Story) -> int:
    """How far our clock was set ahead between two lives since the request was made, at the most."""
    offsets = seen.plan.clock_offsets()
    asked_us = min(story.asked_us, default=seen.start_us) - seen.start_us
    first = [index for index, (at_us, _) in enumerate(offsets) if at_us <= asked_us][-1]
    since = [offset_us for _, offset_us in offsets[first:]]
    return max(later - min(since[: index + 1]) for index, later in enumerate(since))
