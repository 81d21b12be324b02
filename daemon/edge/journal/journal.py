"""The journal as the driver sees it: append and be told, numbers for outcomes, what is remembered, and the way back in.

Nothing here blocks the event loop except what says so (`open`, `recover`, `known_keys`, `close`): writing happens in
`writer`'s thread, receipts become durable in `intake`'s, reading is done in `read`'s. It knows records and keys, and
decides nothing about them.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from typing import TYPE_CHECKING, Final

import msgspec

from daemon.core.records import BulkMeant, frame_of
from daemon.core.second_look import YOUNG_US
from daemon.edge.journal import schema
from daemon.edge.journal.backlog import LINGER_S, Group
from daemon.edge.journal.courtesy import give_way
from daemon.edge.journal.forget import Forgetting
from daemon.edge.journal.intake import Intake, path_of, refuse_older, remove, take_in
from daemon.edge.journal.named import write_named
from daemon.edge.journal.patience import Patience
from daemon.edge.journal.read import Reader
from daemon.edge.journal.receipts import begin
from daemon.edge.journal.recovery import known_bulks, known_keys, recover
from daemon.edge.journal.rows import Rows, binding_rows, reservation_rows, tie_rows, untie_rows
from daemon.edge.journal.schema import Binding
from daemon.edge.journal.shortcut import Shortcut
from daemon.edge.journal.writer import JournalState, Stop, Tidings, Writer
from protocols.errors import JournalError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from daemon.core.bindings import BindingId, Tie
    from daemon.core.records import Record, RequestKey
    from daemon.edge.journal.backlog import Verdict
    from daemon.edge.journal.intake import Begin, Receipt
    from daemon.edge.journal.lock import JournalLock
    from daemon.edge.journal.recovery import Recovered
    from daemon.edge.journal.schema import Connect, Life
    from daemon.edge.tally import Histogram
    from protocols.fix import AccountName

HAND_OVER_S: Final = LINGER_S / 2
"""How long records that nobody waits for are kept from the writer, who so hears in time that more of them came."""
HELD_RECORDS_MAX: Final = 100_000
"""Records that are queued, or kept for a disk that fails: a minute of the busiest host without a disk."""
HELD_BYTES_MAX: Final = 128 * 1024 * 1024
"""The same by size: what a daemon may take of its host while it waits for a disk."""
RECORD_BYTES: Final = 1_000
"""What a record is reckoned to hold beside its frame."""
ORDER_BYTES: Final = 200
"""The same of each order that a bulk cancel found."""
PROBE_INTERVAL_S: Final = 1.0
"""How often a failed disk is tried again: soon enough for an operator who watches, too seldom to be a load."""
COMMIT_WAIT_S: Final = 5.0
"""How long a word waits for its commit; a disk that takes longer to answer counts as failed until it does."""
WORDS_POLL_S: Final = 0.01
"""How often it is looked at the end whether all was told."""
DETOUR_AGAIN_S: Final = 60.0
"""How soon it is said again that receipts wait for the journal, for the same reason, if they did not in between."""
CLOSE_WAIT_S: Final = 10.0
"""How long `close` waits for the disk; systemd would wait 90 s before it kills."""


class Journal:
    """What canceld keeps. ``boot`` is the number of this life of the daemon, by this journal.

    ``on_state_change(state, why)`` is called in the event loop when the disk fails, fails in another way or heals, and
    ``on_problem(text)`` for records that were refused because they cannot be written at all; ``on_detour(why)`` when
    receipts have to wait for the journal itself, since the intake takes none for now (the same once a minute at most).
    Set them before the first `append`.
    """

    def __init__(
        self,
        lock: JournalLock,
        life: Life,
        connect: Connect,
        now_us: Callable[[], int],
        probe_interval_s: float,
        commit_wait_s: float,
        *,
        begin_intake: Begin,
        problems: Sequence[str],
    ) -> None:
        self.boot = life.boot
        self.state = JournalState.OK
        self.why = ""
        self.records_dropped = 0
        """Records that were never written because too many were held, over this life."""
        self.on_state_change: Callable[[JournalState, str], None] = lambda _state, _why: None
        self.on_problem: Callable[[str], None] = lambda _text: None
        self.on_detour: Callable[[str], None] = lambda _text: None
        self._lock = lock
        self._bindings = dict(life.bindings)
        self._seq_next = life.seq_from
        self._seq_to = life.seq_to
        self._is_reserving = False
        self._records_queued = 0
        self._bytes_queued = 0
        self._problems = problems
        """What could not be taken in, in sentences."""
        self._detour = ""
        """Why receipts have to wait for the journal itself."""
        self._detour_said = ("", 0.0)
        """Which reason was said last, and when."""
        self._is_watching = False
        """Whether the word about a receipt's group is waited for, lest nobody notice that only the journal hangs."""
        self._aside: list[Group] = []
        """Groups that nobody waits for: to wake the writer for each would cost more than to write it."""
        self._fetch: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_closed = False
        self._patience = Patience(commit_wait_s, self._review)
        self._writers_word = (JournalState.OK, "")
        self._reader = Reader(lock.path, self._catch_up)
        self._writer = Writer(
            lock.path,
            connect,
            next_step=life.next_step,
            now_us=now_us,
            probe_interval_s=probe_interval_s,
            tell=self._pass_on,
            close_others=self._reader.let_go,
            rest=self._rest,
        )
        self._thread = threading.Thread(target=self._writer.run, name="journal-writer", daemon=True)
        self._intake = Intake(
            lock.path, begin_intake, now_us, lambda: self._writer.receipts_done, self._pass_receipts_on
        )
        self._intake_thread = threading.Thread(target=self._intake.run, name="journal-intake", daemon=True)
        self._shortcut = Shortcut(self._intake, life.boot, probe_interval_s)
        self.history = self._reader.history
        self.explain = self._reader.explain
        self.lookup = self._reader.lookup
        self.settled = self._reader.settled
        self.find_request = self._reader.find_request
        self.find_bulks = self._reader.find_bulks
        self.explain_bulk = self._reader.explain_bulk

    @classmethod
    def open(
        cls,
        path: Path,
        lock: JournalLock,
        *,
        connect: Connect = schema.connect,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
        probe_interval_s: float = PROBE_INTERVAL_S,
        commit_wait_s: float = COMMIT_WAIT_S,
        begin_intake: Begin = begin,
        has_intake: bool = True,
    ) -> Journal:
        """Open the journal that ``lock`` was taken for, making it if there is none, and begin a new life. Blocks.

        ``now_us`` is the daemon's clock, read in the threads that write. ``connect`` opens connections for writing, in
        place of `schema.connect`, and ``begin_intake`` makes the intake's file, in place of `receipts.begin`. Without
        an intake receipts wait for the journal itself. Raises `JournalError`.
        """
        if not lock.is_held or path.resolve() != lock.path:
            raise JournalError(str(path), "its lock is not held", "call lock_journal first")
        refuse_older(lock.path)  # before its journal is brought up to date, which that one would refuse then
        life, problems = take_in(lock.path, connect, schema.begin_life(lock.path, connect, now_us()))
        life = msgspec.structs.replace(life, next_step=write_named(lock.path, connect, life.next_step))
        journal = cls(
            lock, life, connect, now_us, probe_interval_s, commit_wait_s, begin_intake=begin_intake, problems=problems
        )
        journal._thread.start()
        if has_intake:
            journal._intake_thread.start()
            journal._shortcut.renew()
        return journal

    @property
    def has_receipts_under_way(self) -> bool:
        """Whether the intake is writing receipts, by a thread that needs the core for it."""
        return self._shortcut.under_way > 0

    @property
    def records_held(self) -> int:
        """How many records wait to become durable."""
        return self._records_queued - self._writer.records_done

    @property
    def commits(self) -> Histogram:
        """How long commits took, in this life."""
        return self._writer.commits + self._intake.commits

    # -- writing

    def append(self, records: Sequence[Record], on_commit: Verdict | None = None) -> None:
        """Have records written, together and after all that were appended before. Never blocks.

        ``on_commit(is_durable)`` is called once, in the event loop, in the order of the appends but for receipts, which
        may overtake what is of other cases (`daemon.edge.journal.backlog`): True once all of them are fsync'ed, False
        as soon as it is known that they are not, or that the disk hangs. Those may yet become so: they are kept for a
        disk that heals, up to `HELD_RECORDS_MAX` and `HELD_BYTES_MAX`; past that they are dropped and counted.
        """
        self._enqueue(Group(records, on_commit, sum(map(_bytes_of, records))))

    async def caught_up(self) -> None:
        """Wait until the word about everything that was appended by now is told, whatever it is."""
        words = self._patience.untold()
        await self._written(Rows())
        while not all(word.is_told for word in words):  # noqa: ASYNC110 - once a life: the intake's come as they like
            await asyncio.sleep(WORDS_POLL_S)

    def next_seq(self) -> int:
        """Give the next outcome its number: never the same twice, over all lives of the daemon; gaps are possible.

        Raises `JournalError` when a journal that fails has not let us reserve any for half of `schema.SEQ_BLOCK`.
        """
        if self._seq_next >= self._seq_to:
            raise JournalError(str(self._lock.path), "it has no more outcome numbers to give", "mend its disk")
        seq, self._seq_next = self._seq_next, self._seq_next + 1
        if self._seq_to - seq <= schema.SEQ_BLOCK // 2 and not self._is_reserving and self.state is JournalState.OK:
            self._reserve(self._seq_to + schema.SEQ_BLOCK)
        return seq

    async def bind_user(self, account: AccountName, venue: str, environment: str, venue_user_id: str) -> None:
        """Write down whose key ``account`` stands for, in place of what was written before.

        Raises `JournalError` when it did not become durable (it is kept, as with `append`).
        """
        self._bindings[account] = Binding(venue, environment, venue_user_id)
        if not await self._written(binding_rows(account, venue, environment, venue_user_id)):
            raise JournalError(str(self._lock.path), f"not written: {self.why or 'it is closed'}", "mend its disk")

    def keep_binding(self, tie: Tie, on_commit: Verdict | None = None) -> None:
        """Write down a scope that is bound to a client's life; ``on_commit`` as with `append`."""
        self._enqueue(Group((), on_commit, 0, rows=tie_rows(tie)))

    def drop_binding(self, binding: BindingId) -> None:
        """Strike a binding that is over."""
        self._enqueue(Group((), None, 0, rows=untie_rows(binding)))

    def bound_user(self, account: AccountName) -> Binding | None:
        """Tell whose key ``account`` stands for, by what was written down."""
        return self._bindings.get(account)

    async def forget(self, before_us: int) -> int:
        """Forget requests whose latest outcome is older, with their outcomes and steps; give their number.

        It is done in small bites between commits, so it takes its time.
        """
        loop = self._running_loop()
        done: asyncio.Future[int] = loop.create_future()

        def settle(count: int) -> None:
            if not done.done():
                done.set_result(count)

        if self._is_closed:
            return 0
        self._writer.jobs.put(Forgetting(before_us, lambda count: self._post(settle, count)))
        return await done

    # -- coming back, and leaving

    def recover(self, now_us: int, correction_window_us: int) -> Recovered:
        """Find the cases that this life has to take up again. Blocks; for the start. Raises `JournalError`.

        Those with a request that has no outcome, or is in doubt, or whose latest word is younger than the window.
        """
        found = recover(self._lock.path, now_us - correction_window_us, now_us - YOUNG_US)
        return msgspec.structs.replace(found, problems=[*self._problems, *found.problems])

    def known_keys(self, since_us: int) -> Iterator[RequestKey]:
        """List the requests that are held: without an outcome, or with one since then. Blocks; for the start."""
        return known_keys(self._lock.path, since_us)

    def known_bulks(self, since_us: int) -> list[tuple[RequestKey, int]]:
        """List the names of bulk cancels that ended since then, and when they did. Blocks; for the start."""
        return known_bulks(self._lock.path, since_us)

    def close(self) -> None:
        """Write what is queued, fold the log into the file, and stop. Blocks, at most `CLOSE_WAIT_S`; harmless twice.

        A disk that hangs already is waited for no longer than a word would.
        The lock stays with who took it. Raises `JournalError` when records could not be written.
        """
        if self._is_closed:
            return
        self._is_closed = True
        self._patience.end()
        self._seq_to = self._seq_next  # what was not handed out by now is given back
        self._reader.close()
        if self._fetch is not None:
            self._fetch.cancel()
        self._hand_over()
        self._writer.jobs.put(Stop(self._seq_next))
        self._intake.jobs.put("stop")
        until_s = time.monotonic() + (self._patience.wait_s if self._patience.is_over else CLOSE_WAIT_S)
        for thread in (self._thread, self._intake_thread):
            if thread.ident is not None:
                thread.join(max(0.0, until_s - time.monotonic()))
        self._end_intake()
        if self._thread.is_alive() or self._writer.records_kept:
            raise JournalError(
                str(self._lock.path),
                f"{self.records_held} records were not written ({self.why or 'the disk does not answer'})",
                "mend its disk; the requests among them are not taken up again",
            )

    # -- inside

    def _rest(self) -> None:
        """Let the writer's thread rest. At the end nobody has anything else to do, and `close` waits."""
        if not self._is_closed:
            give_way(lambda: self.has_receipts_under_way)

    def _end_intake(self) -> None:
        """Remove what the journal has all of; what it has not is for the next life."""
        if self._intake_thread.ident is None:
            return
        if not self._thread.is_alive() and not self._writer.records_kept and not self._intake_thread.is_alive():
            with contextlib.suppress(OSError):  # the next life finds nothing new in it
                remove(path_of(self._lock.path))

    def _enqueue(self, group: Group) -> None:
        self._running_loop()
        if self._is_closed:
            if group.on_commit is not None:
                self._post(group.on_commit, False)
            return
        if group.on_commit is not None:
            group.on_commit = self._patience.expect(group.on_commit)
        count = len(group.records)
        bytes_held = self._bytes_queued - self._writer.bytes_done
        if self.records_held + count > HELD_RECORDS_MAX or bytes_held + group.bytes_held > HELD_BYTES_MAX:
            self.records_dropped += count
            if group.on_commit is not None:  # its word must not overtake those before it
                self._hand_over(Group((), group.on_commit, 0, is_dropped=True))
            return
        self._records_queued += count
        self._bytes_queued += group.bytes_held
        if self.state is JournalState.OK:
            self._take_shortcut(group)
        self._shortcut.note(group)
        if group.may_stay_behind:
            self._set_aside(group)
        else:
            self._hand_over(group)

    def _take_shortcut(self, group: Group) -> None:
        """Have a receipt made durable beside the journal, which gets its records all the same."""
        if self._shortcut.take(group) and not self._is_watching:
            self._is_watching = True
            group.on_commit = self._patience.expect(self._watched)

    def _watched(self, _is_durable: bool) -> None:
        self._is_watching = False

    def _set_aside(self, group: Group) -> None:
        """Keep what nobody waits for until something goes to the writer anyway, but no longer than it may linger."""
        group.came_s = time.monotonic()
        self._aside.append(group)
        if self._fetch is None:
            self._fetch = self._running_loop().call_later(HAND_OVER_S, self._fetched)

    def _fetched(self) -> None:
        self._fetch = None
        if self._aside:
            self._hand_over()

    def _hand_over(self, *groups: Group) -> None:
        """Give the writer all that came, in its order, in one go."""
        aside, self._aside = self._aside, []
        self._writer.jobs.put([*aside, *groups])

    async def _written(self, rows: Rows) -> bool:
        done: asyncio.Future[bool] = self._running_loop().create_future()

        def settle(is_durable: bool) -> None:
            if not done.done():
                done.set_result(is_durable)

        self._enqueue(Group((), settle, 0, rows=rows))
        return await done

    async def _catch_up(self) -> None:
        """Have all that was appended by now committed, unless the disk takes nothing anyway."""
        if self.records_held and self.state is JournalState.OK:
            await self._written(Rows())

    def _reserve(self, seq_to: int) -> None:
        def settle(is_durable: bool) -> None:
            self._is_reserving = False
            if is_durable:
                self._seq_to = seq_to

        self._is_reserving = True
        self._enqueue(Group((), settle, 0, rows=reservation_rows(seq_to)))

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        return self._loop

    def _post(self, call: Callable[..., None], *values: object) -> None:
        """Have something called in the event loop, from any thread; after the loop's end nobody listens."""
        if self._loop is not None and not self._loop.is_closed():
            try:
                self._loop.call_soon_threadsafe(call, *values)
            except RuntimeError:  # it closed just now
                return

    def _pass_on(self, tidings: Tidings) -> None:
        self._post(self._hear, tidings)

    def _pass_receipts_on(self, receipts: list[Receipt], why: str) -> None:
        self._post(self._hear_of_receipts, receipts, why)

    def _hear_of_receipts(self, receipts: list[Receipt], why: str) -> None:
        """Tell that receipts are durable; where the intake did not take them, wait until the journal has."""
        self._shortcut.under_way -= len(receipts)
        before, self._detour = self._detour, why
        if not why or self._is_closed:
            self._say([(receipt.on_commit, not why) for receipt in receipts])
            return
        if why != before:
            self._say_detour(why)
        self._hand_over(*(Group((), receipt.on_commit, 0, rows=Rows()) for receipt in receipts))

    def _say_detour(self, why: str) -> None:
        """Say it, unless it was said just now: an intake without room takes some of a flood's receipts all the same."""
        said, said_s = self._detour_said
        now_s = time.monotonic()
        if why != said or now_s >= said_s + DETOUR_AGAIN_S:
            self._detour_said = why, now_s
            self.on_detour(why)

    def _hear(self, tidings: Tidings) -> None:
        """Take note of the writer's state, and tell the words."""
        self._writers_word = tidings.state, tidings.why
        self._say(tidings.verdicts, tidings.problems)
        if self.state is JournalState.OK:
            self._shortcut.renew()

    def _say(self, verdicts: list[tuple[Verdict, bool]], problems: Iterable[str] = ()) -> None:
        """Tell the words, in this turn of the loop. A fault in one does not keep the next from its word."""
        if not self._is_closed:
            self._patience.answered(verdict for verdict, _ in verdicts)
        before = self._note_state()
        for verdict, is_durable in verdicts:
            try:
                verdict(is_durable)
            except Exception as fault:  # noqa: BLE001 - whatever it was, it is its own caller's
                loop = self._running_loop()
                loop.call_exception_handler({"message": "a word about a commit was not taken", "exception": fault})
        for problem in problems:
            self.on_problem(problem)
        if before != (self.state, self.why):
            self.on_state_change(self.state, self.why)

    def _review(self) -> None:
        """Hear that the disk hangs."""
        if self._note_state() != (self.state, self.why):
            self.on_state_change(self.state, self.why)

    def _note_state(self) -> tuple[JournalState, str]:
        """Put together what the writer says and what its silence says; give the state and the reason before."""
        before = self.state, self.why
        self.state, self.why = self._writers_word
        if self._patience.is_over and self.state is JournalState.OK:
            self.state, self.why = JournalState.FAILED, f"the disk has not answered for {self._patience.wait_s:g} s"
        return before


def _bytes_of(record: Record) -> int:
    frame = frame_of(record)
    if frame is not None:
        return RECORD_BYTES + len(frame.raw)
    return RECORD_BYTES + len(record.orders) * ORDER_BYTES if isinstance(record, BulkMeant) else RECORD_BYTES
