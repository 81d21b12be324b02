"""A disk that is slow, fails for a while and forgets what was not durable in a crash, and the journal upon it.

Beside it lies the memory of what left (`daemon.simulate.sent`), which no crash of the process touches.

`Disk` outlives the daemon; a `VirtualJournal` is one life's. It keeps the promises of `daemon.edge.journal` (group
commit, what goes before what, one word for each append, in order; what a failing disk did not take is kept and written
when it heals) and no others. It knows records and keys, and decides nothing about them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from daemon.core.bulk import RecoveredBulk, RecoveredMember
from daemon.core.bulk_names import number_of
from daemon.core.bulk_requests import lost_requests
from daemon.core.records import (
    BulkCorrected,
    BulkEnded,
    BulkIntent,
    BulkListed,
    BulkLooked,
    BulkMeant,
    BulkOpened,
    Concluded,
    Moved,
    Observed,
    Record,
    RecoveredCase,
    RecoveredRequest,
    RequestOpened,
    SendAnswered,
    Told,
)
from daemon.core.scope import NamedOrder
from daemon.edge.journal import Binding, HistoryRow, JournalState, StoredBulk, StoredRequest
from daemon.edge.journal.backlog import Backlog, Group
from daemon.edge.journal.bulks import unlooked_of
from daemon.simulate.kernel import Park
from daemon.simulate.sent import SentMemory
from protocols.errors import JournalError
from protocols.evidence import Frame
from protocols.fix import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from random import Random

    from daemon.core.bindings import BindingId, Tie
    from daemon.core.bulk_requests import Place
    from daemon.core.records import CaseId, Report, RequestKey
    from daemon.core.second_look import RecoveredEnd
    from daemon.edge.journal import Explanation, StepShown
    from daemon.simulate.kernel import Call, Kernel, Scope
    from protocols.fix import AccountName, OrderId, RequestId

Note = TypeVar("Note", BulkListed, BulkMeant)

SEQ_BLOCK: Final = 1_000_000
"""Outcome numbers of one life."""
PROBE_US: Final = 1_000_000
READ_US: Final = 2_000
"""At most so long takes a look into the past."""


class Habits(msgspec.Struct, frozen=True):
    """How a disk is: ``commit_us`` at least and at most, and when (from, to) it takes nothing."""

    commit_us: tuple[int, int]
    fails: tuple[tuple[int, int], ...] = ()

    def since(self, start_us: int) -> Habits:
        """Give the same, with the times of a world that starts then."""
        return Habits(
            self.commit_us, tuple((start_us + begin_us, start_us + end_us) for begin_us, end_us in self.fails)
        )


class Disk:
    """What is durable, and in ``sent`` what outlives a process without being so."""

    def __init__(self, kernel: Kernel, habits: Habits, rng: Random) -> None:
        self.kernel = kernel
        self.rng = rng
        self.boot = 0
        self.bindings: dict[AccountName, Binding] = {}
        self.ties: dict[BindingId, Tie] = {}
        self.records: list[Record] = []
        self.habits = habits
        self.sent = SentMemory()
        self._opened: dict[RequestKey, RequestOpened] = {}
        self._now_in: dict[RequestKey, CaseId] = {}
        self._left: dict[RequestKey, list[tuple[CaseId, int]]] = {}
        self._words: dict[RequestKey, list[Concluded]] = {}

    @property
    def is_failing(self) -> bool:
        """Whether it takes nothing now."""
        return any(begin_us <= self.kernel.now_us < end_us for begin_us, end_us in self.habits.fails)

    def heal(self) -> None:
        """It fails no more."""
        self.habits = Habits(self.habits.commit_us)

    def commit_us(self) -> int:
        """Draw how long a commit takes."""
        return self.rng.randint(*self.habits.commit_us)

    def keep(self, records: Sequence[Record]) -> None:
        """Make records durable."""
        for record in records:
            match record:
                case RequestOpened():
                    self._opened[record.request.key] = record
                    self._now_in[record.request.key] = record.case
                    self._left[record.request.key] = []
                case Moved():
                    self._left[record.key].append((record.case, len(self.records)))
                    self._now_in[record.key] = record.into
                case Concluded():
                    self._words.setdefault(record.key, []).append(record)
                case _:
                    pass
            self.records.append(record)

    def write_named(self) -> None:
        """Write down the requests that bulk cancels had named when a crash came; see `daemon.edge.journal.named`."""
        unfinished = self.unfinished_bulks()
        since_us = min((meant.t for found in unfinished for meant in found.meant), default=0)
        cases: dict[Place, CaseId] = {}
        for key, opened in self._opened.items():
            request = opened.request
            if request.order_id is not None and self._is_open(key, since_us):
                cases[key.account, request.product, request.instrument, request.order_id] = self._now_in[key]
        for found in unfinished:
            self.keep(lost_requests(found, cases))

    # ------------------------------------------------------------ reading

    def known_keys(self) -> list[RequestKey]:
        """List the requests that are held."""
        return list(self._opened)

    def stored(self, key: RequestKey) -> StoredRequest | None:
        """Give a request with all that was told about it."""
        opened = self._opened.get(key)
        if opened is None:
            return None
        words = self._words.get(key, [])
        first, latest = (_durable(words[0]), _durable(words[-1])) if words else (None, None)
        rows = tuple(_row(word) for word in words[1:])
        return StoredRequest(opened.request, self._now_in[key], opened.t, first, latest, rows)

    def bulks(self, name: RequestId | None = None) -> list[StoredBulk]:
        """Give the bulk cancels (of a name), the youngest first."""
        ended = {r.case: r.report for r in self.records if isinstance(r, BulkEnded | BulkCorrected)}
        opened = [record.intent for record in reversed(self.records) if isinstance(record, BulkOpened)]
        return [StoredBulk(intent, ended.get(intent.bulk)) for intent in opened if name in {None, intent.name}]

    def unfinished_bulks(self) -> list[RecoveredBulk]:
        """Find the bulk cancels that a new life has to take up, with the requests that were made for them."""
        return [
            RecoveredBulk(
                stored.intent,
                tuple(self._members(stored.intent)),
                tuple(self._of_bulk(BulkListed, stored.intent.bulk)),
                tuple(self._of_bulk(BulkMeant, stored.intent.bulk)),
            )
            for stored in reversed(self.bulks())
            if stored.report is None
        ]

    def bulks_unlooked(self, since_us: int) -> list[RecoveredEnd]:
        """Find the bulk cancels that were called complete since then and not looked at again."""
        notes: dict[CaseId, list[Record]] = {}
        for record in self.records:
            if isinstance(record, BulkLooked) or (isinstance(record, BulkEnded) and record.t >= since_us):
                notes.setdefault(record.case, []).append(record)
        return [
            end
            for stored in self.bulks()
            if stored.report is not None
            for end in unlooked_of(stored.intent, stored.report, notes.get(stored.intent.bulk, []))
        ]

    def _of_bulk(self, kind: type[Note], bulk: CaseId) -> Iterator[Note]:
        return (record for record in self.records if isinstance(record, kind) and record.case == bulk)

    def bulks_over(self) -> list[tuple[RequestKey, int]]:
        """List the names of the bulk cancels that are over, with the times of their ends."""
        ended = {record.case: record.t for record in self.records if isinstance(record, BulkEnded)}
        intents = [stored.intent for stored in self.bulks() if stored.report is not None]
        return [(key, ended[intent.bulk]) for intent in intents for key in intent.names_held()]

    def _members(self, intent: BulkIntent) -> Iterator[RecoveredMember]:
        held = {(key.uid, key.account) for key in intent.names_held()}
        for key, opened in self._opened.items():
            if (key.uid, key.account) not in held or number_of(intent.name, key.request_id) is None:
                continue
            request, words = opened.request, self._words.get(key)
            report = words[-1].report if words else None
            order_id = request.order_id or (report.order_id if report is not None else None)
            order = NamedOrder(request.product, request.instrument, order_id, request.client_order_id)
            yield RecoveredMember(
                key,
                order,
                report.outcome if report is not None else None,
                report.ord_status if report is not None else None,
            )

    def history(self, from_seq: int, limit: int) -> list[HistoryRow]:
        """Give outcomes and corrections from a number on."""
        words = [word for words in self._words.values() for word in words if word.report.seq >= from_seq]
        return [_row(word) for word in sorted(words, key=lambda word: word.report.seq)[:limit]]

    def recover(self, since_us: int) -> list[RecoveredCase]:
        """Find the cases with a request that has no outcome, is in doubt, or got its latest word since then."""
        cases: dict[CaseId, list[RequestKey]] = {}
        for key, case_id in self._now_in.items():
            cases.setdefault(case_id, []).append(key)
        wanted = {case_id: keys for case_id, keys in cases.items() if any(self._is_open(key, since_us) for key in keys)}
        own: dict[CaseId, list[Record]] = {case_id: [] for case_id in wanted}
        for record in self.records:
            if record.case in own:
                own[record.case].append(_reread(record))
        return [
            RecoveredCase(case_id, tuple(map(self._request, keys)), tuple(own[case_id]), self._former(case_id, keys))
            for case_id, keys in wanted.items()
        ]

    def _is_open(self, key: RequestKey, since_us: int) -> bool:
        words = self._words.get(key)
        return not words or words[-1].report.outcome is Outcome.IN_DOUBT or words[-1].t >= since_us

    def _request(self, key: RequestKey) -> RecoveredRequest:
        opened, words = self._opened[key], self._words.get(key)
        report = _durable(words[-1]) if words else None
        return RecoveredRequest(opened.request, report, report.revision if report is not None else 0, opened.t)

    def _former(self, case_id: CaseId, keys: list[RequestKey]) -> tuple[Record, ...]:
        until: dict[CaseId, int] = {}
        for key in keys:
            for former, index in self._left[key]:
                if former != case_id:
                    until[former] = max(index, until.get(former, -1))
        if not until:
            return ()
        pieces = (record for index, record in enumerate(self.records) if index <= until.get(record.case, -1))
        return tuple(map(_reread, pieces))


@dataclass(slots=True)
class _Group(Group):
    """Records that become durable together, and what else does."""

    binding: tuple[AccountName, Binding] | None = None
    tie: tuple[BindingId, Tie | None] | None = None
    """A scope that is bound to a client's life, or with None one that is not any more."""


class VirtualJournal:
    """The journal of one life; see `daemon.edge.journal.Journal`."""

    def __init__(self, disk: Disk, scope: Scope) -> None:
        disk.write_named()
        disk.boot += 1
        self.boot = disk.boot
        self.state = JournalState.OK
        self.why = ""
        self.on_state_change: Callable[[JournalState, str], None] = lambda _state, _why: None
        self._disk = disk
        self._scope = scope
        self._seq_next = self.boot * SEQ_BLOCK
        self._bindings = dict(disk.bindings)
        self._backlog: Backlog[_Group] = Backlog()
        self._wakes_us: int | None = None
        self._under_way: list[_Group] = []
        self._kept: list[_Group] = []
        self._commit: Call | None = None

    # ------------------------------------------------------------ writing

    @property
    def has_receipts_under_way(self) -> bool:
        """Never: here no thread needs a core."""
        return False

    def append(self, records: Sequence[Record], on_commit: Callable[[bool], None] | None = None) -> None:
        """Have records written, together and after all before."""
        self._put(_Group(records, on_commit, 0))

    def next_seq(self) -> int:
        """Give the next outcome its number."""
        self._seq_next += 1
        return self._seq_next

    def bound_user(self, account: AccountName) -> Binding | None:
        """Tell whose key ``account`` stands for."""
        return self._bindings.get(account)

    async def bind_user(self, account: AccountName, venue: str, environment: str, venue_user_id: str) -> None:
        """Write down whose key ``account`` stands for."""
        binding = self._bindings[account] = Binding(venue, environment, venue_user_id)
        park = Park()
        self._put(_Group((), park.wake, 0, binding=(account, binding)))
        if not await park:
            raise JournalError("virtual", "it did not become durable", "wait")

    def keep_binding(self, tie: Tie, on_commit: Callable[[bool], None] | None = None) -> None:
        """Write down a scope that is bound to a client's life."""
        self._put(_Group((), on_commit, 0, tie=(tie.binding, tie)))

    def drop_binding(self, binding: BindingId) -> None:
        """Strike a binding that is over."""
        self._put(_Group((), None, 0, tie=(binding, None)))

    def crashed(self) -> None:
        """The daemon died: of a commit under way nobody knows whether the disk had it; what waited is lost.

        So is all that came after what a failing disk has not taken yet, since nothing is written out of its order.
        """
        takes = self.state is JournalState.OK and not self._disk.is_failing
        if self._under_way and takes and self._disk.rng.random() < 0.5:
            self._make_durable(self._under_way)

    def _put(self, group: _Group) -> None:
        if not self._scope.is_dead:
            self._backlog.put(group, self._now_s)
            self._go()

    @property
    def _now_s(self) -> float:
        return self._scope.kernel.now_us / 1e6

    def _go(self) -> None:
        """Begin the next commit, if none is under way, or come back when what lingers is due."""
        if self._commit is not None:
            return
        self._under_way = self._backlog.take(self._now_s)
        if self._under_way:
            self._commit = self._scope.kernel.after(self._disk.commit_us(), self._committed, self._scope)
            return
        due_s = self._backlog.due_s()
        if due_s is not None and self._wakes_us is None:
            self._wakes_us = int(due_s * 1e6) + 1
            self._scope.kernel.after(max(1, self._wakes_us - self._scope.kernel.now_us), self._wake, self._scope)

    def _wake(self) -> None:
        self._wakes_us = None
        self._go()

    def _committed(self) -> None:
        groups, self._under_way, self._commit = self._under_way, [], None
        if self.state is JournalState.OK and not self._disk.is_failing:
            self._make_durable(groups)
            self._say(groups, is_durable=True)
        else:
            self._kept += groups
            self._say(groups, is_durable=False)
            if self.state is JournalState.OK:
                self._become(JournalState.FAILED, "the disk takes nothing")
                self._scope.kernel.after(PROBE_US, self._probe, self._scope)
        self._go()

    def _probe(self) -> None:
        if self._disk.is_failing:
            self._scope.kernel.after(PROBE_US, self._probe, self._scope)
            return
        kept, self._kept = self._kept, []
        self._make_durable(kept)
        self._become(JournalState.OK, "")

    def _make_durable(self, groups: list[_Group]) -> None:
        for group in groups:
            self._disk.keep(group.records)
            if group.binding is not None:
                self._disk.bindings[group.binding[0]] = group.binding[1]
            if group.tie is not None:
                self._disk.ties.pop(group.tie[0], None)
                if group.tie[1] is not None:
                    self._disk.ties[group.tie[0]] = group.tie[1]

    def _say(self, groups: list[_Group], *, is_durable: bool) -> None:
        for group in groups:
            if group.on_commit is not None:
                self._scope.soon(partial(group.on_commit, is_durable))

    def _become(self, state: JournalState, why: str) -> None:
        self.state, self.why = state, why
        self._scope.soon(partial(self.on_state_change, state, why))

    # ------------------------------------------------------------ reading

    async def lookup(self, key: RequestKey) -> StoredRequest | None:
        """Find a request by its name."""
        await self._wait()
        return self._disk.stored(key)

    async def find_request(self, account: AccountName | None, request_id: RequestId) -> list[RequestKey]:
        """Find every request of a name."""
        await self._wait()
        return [k for k in self._disk.known_keys() if k.request_id == request_id and account in {None, k.account}]

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
        """Read outcomes and corrections back from a number on; nothing else is asked for here."""
        await self._wait()
        rows = self._disk.history(from_seq or 0, limit)
        return rows, (rows[-1].report.seq + 1 if rows else from_seq or 0)

    async def find_bulks(self, name: RequestId) -> list[StoredBulk]:
        """Find every bulk cancel of a name."""
        await self._wait()
        return self._disk.bulks(name)

    async def explain_bulk(self, bulk: CaseId) -> tuple[StepShown, ...]:
        """Nobody asks for stories here."""
        return ()

    async def explain(
        self, uid: int | None, request_id: RequestId, account: AccountName | None = None
    ) -> Explanation | None:
        """Nobody asks for stories here."""
        return None

    async def _wait(self) -> None:
        park = Park()
        self._scope.kernel.after(self._disk.rng.randint(1, READ_US), park.wake, self._scope)
        await park


def _durable(word: Concluded) -> Report:
    return msgspec.structs.replace(word.report, durable=True)


def _row(word: Concluded) -> HistoryRow:
    return HistoryRow(_durable(word), word.key.uid, None, word.previous)


def _reread(record: Record) -> Record:
    """Give a record as it comes out of the file: without the raw bytes of its frame."""
    match record:
        case Observed():
            return msgspec.structs.replace(
                record, report=msgspec.structs.replace(record.report, frame=_bare(record.report.frame))
            )
        case SendAnswered() | Told():
            return msgspec.structs.replace(
                record, what=msgspec.structs.replace(record.what, frame=_bare(record.what.frame))
            )
        case _:
            return record


def _bare(frame: Frame | None) -> Frame | None:
    return None if frame is None else Frame(frame.digest, b"")
