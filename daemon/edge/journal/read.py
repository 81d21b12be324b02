"""The thread that answers questions about the past: `history`, `explain`, and requests by their name.

It has a connection of its own that cannot write, so a long answer holds up no commit. It sees what is committed and
nothing else; what is under way is the correlator's to know.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

import msgspec
from msgspec.structs import replace

from daemon.core.records import (
    CancelRequest,
    CaseId,
    Concluded,
    Moved,
    Previous,
    Record,
    RecoveredCase,
    Report,
    RequestKey,
    RequestOpened,
)
from daemon.edge.journal.bulks import StoredBulk, named
from daemon.edge.journal.cases import Stay, trail
from daemon.edge.journal.codec import Undecodable, read_previous, read_record, read_report, read_request
from daemon.edge.journal.recovery import settled
from daemon.edge.journal.repeats import LEFT_OUT, OF_OTHERS, StepTold, folded, shortened
from daemon.edge.journal.schema import cannot_use, connect_for_reading
from daemon.edge.journal.story import tell
from protocols.errors import JournalError
from protocols.fix import AccountName, OrderId, Outcome, RequestId

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection
    from pathlib import Path

Given = ParamSpec("Given")
Answer = TypeVar("Answer")
Bindings = dict[str, str | int]

HISTORY_ROWS_MAX: Final = 1_000
"""The contract's own limit of one page."""
EXPLAIN_STEPS_MAX: Final = 1_000
"""Steps of a story, once it is folded: one that took more is a bug, and would be nobody's to read."""
EXPLAIN_ROWS_MAX: Final = 4_000
"""The latest so many steps of a case are looked through, and as many of its first as a story has: hours in doubt,
and no more than a thread may read while the event loop wants the interpreter, too."""
QUESTIONS_WAITING_MAX: Final = 4_352
"""Questions that wait for the thread: all look-ups of old names that there may be at a time, and some of each kind."""

_OUTCOMES: Final = """SELECT o.seq, o.uid, o.report, o.previous, r.pid, r.received_us, r.recorded_us
FROM outcomes o LEFT JOIN requests r USING (request_id, account, uid) WHERE """
_CONDITIONS: Final = {
    "request_id": "(o.request_id = :request_id OR"
    " (o.request_id > :request_id || '/' AND o.request_id < :request_id || '0'))",
    "order_id": "o.order_id = :order_id",
    "account": "o.account = :account",
    "uid": "o.uid = :uid",
    "outcome": "o.outcome = :outcome",
    "since": "o.t_us >= :since",
    "before": "o.seq < :before",
    "from": "o.seq >= :from",
}
"""What a row of history has to fulfil, by the name of the value that is bound to it."""
_STEPS: Final = """SELECT id, t_us, kind, body FROM steps WHERE case_id = :case AND id <= ifnull(:until, id)
ORDER BY id {} LIMIT :at_most"""


class HistoryRow(msgspec.Struct, frozen=True):
    """An outcome or a correction as it was told. ``pid`` is None when the request's own row was lost.

    ``previous`` is what was said before a correction, and None for an outcome.
    """

    report: Report
    uid: int
    pid: int | None
    previous: Previous | None


class StoredRequest(msgspec.Struct, frozen=True):
    """A request by its name: ``first`` is its outcome, ``latest`` the present word; both None while it has none.

    ``corrections`` are all words after the first.
    """

    request: CancelRequest
    case: CaseId
    recorded_us: int
    first: Report | None
    latest: Report | None
    corrections: tuple[HistoryRow, ...]


class StepShown(msgspec.Struct, frozen=True):
    """A step of a request's story. ``t`` in microseconds; ``frame`` is text, or hex where it is no text."""

    t: int
    kind: str
    detail: str
    frame: str | None


class Explanation(msgspec.Struct, frozen=True):
    """The story of a request: its latest report, if there is one, and its steps in order.

    Runs of questions that came again and again are folded. ``complete`` is False when others are left out, too.
    """

    key: RequestKey
    report: Report | None
    steps: tuple[StepShown, ...]
    complete: bool


class Reader:
    """Answers one question after the other, in its own thread. Each method raises `JournalError`.

    ``catch_up`` is awaited before each, so that an answer has all that was told before the question.
    """

    def __init__(self, path: Path, catch_up: Callable[[], Awaitable[object]]) -> None:
        self._path = path
        self._catch_up = catch_up
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal-reader")
        self._db: sqlite3.Connection | None = None
        self._in_use = threading.Lock()
        """Held for each question, from the first look at the file to the last."""
        self._waiting = 0

    async def history(  # noqa: PLR0913 - each is a filter that a client may name
        self,
        *,
        request_id: RequestId | None = None,
        order_id: OrderId | None = None,
        account: AccountName | None = None,
        accounts: Collection[AccountName] | None = None,
        uid: int | None = None,
        outcome: Outcome | None = None,
        since_us: int | None = None,
        from_seq: int | None = None,
        before_seq: int | None = None,
        limit: int = 100,
    ) -> tuple[list[HistoryRow], int]:
        """Give a page of what was told, and the ``from_seq`` of the page after it.

        With ``from_seq``: each outcome and each correction from that number on, in their order. Without: the latest
        word about each request, the youngest first. ``since_us`` and ``before_seq`` bound both. ``accounts`` bounds
        what the asker may see. ``limit`` is cut to `HISTORY_ROWS_MAX`. A row that cannot be read is left out.
        """
        wanted: Bindings = {}
        for name, value in (
            *(("request_id", request_id), ("order_id", order_id), ("account", account), ("uid", uid)),
            *(("outcome", outcome), ("since", since_us), ("before", before_seq), ("from", from_seq)),
        ):
            if value is not None:
                wanted[name] = value
        seen = None if accounts is None else frozenset(accounts)
        rows = min(max(limit, 1), HISTORY_ROWS_MAX)
        return await self._ask(self._history, wanted, seen, rows)

    async def explain(
        self, uid: int | None, request_id: RequestId, account: AccountName | None = None
    ) -> Explanation | None:
        """Tell how a request went; with several of that name (``uid`` or ``account`` None) the youngest one."""
        return await self._ask(self._explain, uid, request_id, account)

    async def lookup(self, key: RequestKey) -> StoredRequest | None:
        """Give a request with all that was told about it."""
        return await self._ask(self._lookup, key)

    async def find_request(self, account: AccountName | None, request_id: RequestId) -> list[RequestKey]:
        """Give every request of that name, whoever's it is, the youngest first."""
        return await self._ask(self._find, account, request_id)

    async def find_bulks(self, name: RequestId) -> list[StoredBulk]:
        """Give every bulk cancel of that name, whoever's it is, the youngest first."""
        return await self._ask(self._bulks, name)

    async def explain_bulk(self, bulk: CaseId) -> tuple[StepShown, ...]:
        """Tell how a bulk cancel went, apart from its orders, each of which has a story of its own."""
        return await self._ask(self._bulk_steps, bulk)

    async def settled(
        self, account: AccountName, since_us: int, before: tuple[int, int], limit: int
    ) -> tuple[list[RecoveredCase], tuple[int, int] | None]:
        """Give cases that were answered in an earlier life, a few at a time; see `recovery.settled`."""
        return await self._ask(lambda: settled(self._connected(), account, since_us, before, limit))

    def close(self) -> None:
        """Answer what is being answered, and end. Blocks for as long as that takes."""
        self._thread.shutdown(cancel_futures=True)
        self.let_go()

    def let_go(self) -> None:
        """Close the connection, once the question that is being answered is: the next one opens it anew. Any thread's.

        Blocks for as long as that takes.
        """
        with self._in_use:
            self._disconnect()

    # -- in the reader's thread

    async def _ask(self, work: Callable[Given, Answer], *given: Given.args, **named: Given.kwargs) -> Answer:
        if self._waiting >= QUESTIONS_WAITING_MAX:
            raise JournalError(str(self._path), "too many questions wait for it", "ask again, less often")
        self._waiting += 1
        try:
            await self._catch_up()
            return await asyncio.get_running_loop().run_in_executor(
                self._thread, lambda: self._guarded(work, *given, **named)
            )
        finally:
            self._waiting -= 1

    def _guarded(self, work: Callable[Given, Answer], *given: Given.args, **named: Given.kwargs) -> Answer:
        with self._in_use:
            return self._answered(work, *given, **named)

    def _answered(self, work: Callable[Given, Answer], *given: Given.args, **named: Given.kwargs) -> Answer:
        try:
            self._connected().execute("BEGIN")  # one view of the file for all parts of an answer
            try:
                return work(*given, **named)
            finally:
                self._connected().execute("ROLLBACK")
        except sqlite3.Error as trouble:
            self._disconnect()
            raise cannot_use(self._path, trouble) from trouble
        except Undecodable as trouble:
            raise JournalError(str(self._path), str(trouble), "look at the row with sqlite3") from trouble

    def _connected(self) -> sqlite3.Connection:
        if self._db is None:
            self._db = connect_for_reading(self._path)
        return self._db

    def _disconnect(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    def _history(
        self, wanted: Bindings, accounts: frozenset[AccountName] | None, limit: int
    ) -> tuple[list[HistoryRow], int]:
        where = [_CONDITIONS[name] for name in wanted]
        values: Bindings = {**wanted, "limit": limit}
        if accounts is not None:
            where.append("o.account IN (SELECT value FROM json_each(:accounts))")
            values["accounts"] = msgspec.json.encode(sorted(accounts)).decode()
        is_replay = "from" in wanted
        if not is_replay:
            where.append("(r.seq IS NULL OR r.seq = o.seq)")
        order = "ASC" if is_replay else "DESC"
        found = self._outcomes(f"{' AND '.join(where)} ORDER BY o.seq {order} LIMIT :limit", values)
        rows = [told for told in map(_told_or_none, found) if told is not None]
        if is_replay and len(found) == limit:
            return rows, found[-1]["seq"] + 1
        newest: int = self._connected().execute("SELECT ifnull(max(seq), 0) FROM outcomes").fetchone()[0]
        return rows, max(newest + 1, int(wanted.get("from", 0)))

    def _outcomes(self, where: str, values: Bindings) -> list[sqlite3.Row]:
        """``where`` is made of this file's own words; what anybody asked for is bound by name."""
        return self._connected().execute(_OUTCOMES + where, values).fetchall()

    def _find(self, account: AccountName | None, request_id: RequestId) -> list[RequestKey]:
        rows = self._connected().execute(
            "SELECT uid, account FROM requests WHERE request_id = ? AND account = ifnull(?, account)"
            " ORDER BY received_us DESC",
            (request_id, account),
        )
        return [RequestKey(row["uid"], AccountName(row["account"]), request_id) for row in rows]

    def _lookup(self, key: RequestKey) -> StoredRequest | None:
        row = self._row(key)
        if row is None:
            return None
        told: list[HistoryRow] = []
        if row["first_seq"] is not None:  # an older request of this name may have left words before that
            found = self._outcomes(
                "o.request_id = :request_id AND o.account = :account AND o.uid = :uid AND o.seq >= :first"
                " ORDER BY o.seq",
                {"request_id": key.request_id, "account": key.account, "uid": key.uid, "first": row["first_seq"]},
            )
            told = [_told(outcome) for outcome in found]
        return StoredRequest(
            request=read_request(row),
            case=CaseId(row["case_id"]),
            recorded_us=row["recorded_us"],
            first=told[0].report if told else None,
            latest=told[-1].report if told else None,
            corrections=tuple(told[1:]),
        )

    def _row(self, key: RequestKey) -> sqlite3.Row | None:
        row: sqlite3.Row | None = (
            self._connected()
            .execute(
                "SELECT * FROM requests WHERE request_id = ? AND account = ? AND uid = ?",
                (key.request_id, key.account, key.uid),
            )
            .fetchone()
        )
        return row

    def _explain(self, uid: int | None, request_id: RequestId, account: AccountName | None) -> Explanation | None:
        keys = [key for key in self._find(account, request_id) if uid is None or key.uid == uid]
        row = self._row(keys[0]) if keys else None
        if row is None:
            return None
        key = keys[0]
        stays = trail(self._connected(), key, row)
        told_to = _shown(key)
        found = sorted((step for stay in stays for step in self._steps_of(stay, told_to)), key=lambda step: step.number)
        steps = shortened(folded(found), EXPLAIN_STEPS_MAX)
        told = self._connected().execute("SELECT report FROM outcomes WHERE seq = ?", (row["seq"],)).fetchone()
        return Explanation(
            key=key,
            report=None if told is None else _as_recorded(read_report(told["report"]), row),
            steps=self._with_frames(steps),
            complete=all(step.kind != LEFT_OUT for step in steps),
        )

    def _bulks(self, name: RequestId) -> list[StoredBulk]:
        return named(self._connected(), name)

    def _bulk_steps(self, bulk: CaseId) -> tuple[StepShown, ...]:
        steps = self._steps_of(Stay(bulk, None), lambda row: _step(row, _detail(row["body"])))
        return tuple(StepShown(step.t, step.kind, step.detail, None) for step in shortened(steps, EXPLAIN_STEPS_MAX))

    def _steps_of(self, stay: Stay, told: Callable[[sqlite3.Row], StepTold | None]) -> list[StepTold]:
        """Tell the steps of a stay in their order: the first ones, and the latest."""
        db, at = self._connected(), {"case": stay.case, "until": stay.until}
        first = db.execute(_STEPS.format("ASC"), at | {"at_most": EXPLAIN_STEPS_MAX}).fetchall()
        last = db.execute(_STEPS.format("DESC"), at | {"at_most": EXPLAIN_ROWS_MAX + 1}).fetchall()
        last = [row for row in reversed(last) if row["id"] > first[-1]["id"]]
        steps = [told(row) for row in first]
        if len(last) > EXPLAIN_ROWS_MAX:
            del last[0]
            steps.append(StepTold(last[0]["id"], last[0]["t_us"], LEFT_OUT, "steps that the journal has"))
        return [step for step in (*steps, *map(told, last)) if step is not None]

    def _with_frames(self, steps: list[StepTold]) -> tuple[StepShown, ...]:
        """Show steps with what the venue sent, or say that only its digest was kept."""
        numbers = msgspec.json.encode([step.number for step in steps if step.kind not in OF_OTHERS]).decode()
        found = self._connected().execute(
            "SELECT id, digest, frame FROM steps WHERE id IN (SELECT value FROM json_each(?))", (numbers,)
        )
        rows = {row["id"]: row for row in found}
        return tuple(_with_frame(step, None if step.kind in OF_OTHERS else rows.get(step.number)) for step in steps)


def _told(row: sqlite3.Row) -> HistoryRow:
    report = _as_recorded(read_report(row["report"]), row)
    return HistoryRow(report, row["uid"], row["pid"], read_previous(row["previous"]))


def _as_recorded(report: Report, row: sqlite3.Row) -> Report:
    """Say when the request of a word was written down, which was not known yet when the word was.

    Not of an older request, whose name that of the row has now.
    """
    if report.times.recorded is not None or report.times.received != row["received_us"]:
        return report
    return replace(report, times=replace(report.times, recorded=row["recorded_us"]))


def _told_or_none(row: sqlite3.Row) -> HistoryRow | None:
    try:
        return _told(row)
    except Undecodable:
        return None


def _shown(key: RequestKey) -> Callable[[sqlite3.Row], StepTold | None]:
    """Make the function that shows a step to who asks about ``key``: None for what is about another request alone."""

    def show(row: sqlite3.Row) -> StepTold | None:
        try:
            record = read_record(row["body"])
        except Undecodable as trouble:
            detail = f"cannot be read: {trouble}"
        else:
            if _whose(record) not in {None, key}:
                return None
            detail = tell(record)
        return _step(row, detail)

    return show


def _with_frame(step: StepTold, row: sqlite3.Row | None) -> StepShown:
    digest, raw = (None, None) if row is None else (row["digest"], row["frame"])
    only = f"; of the frame only its digest is kept, {digest}" if digest is not None and not raw else ""
    return StepShown(step.t, step.kind, step.detail + only, _as_text(raw))


def _step(row: sqlite3.Row, detail: str) -> StepTold:
    return StepTold(row["id"], row["t_us"], row["kind"], detail)


def _detail(body: str) -> str:
    try:
        return tell(read_record(body))
    except Undecodable as trouble:
        return f"cannot be read: {trouble}"


def _whose(record: Record) -> RequestKey | None:
    match record:
        case RequestOpened(request=request):
            return request.key
        case Moved(key=key) | Concluded(key=key):
            return key
    return None


def _as_text(frame: bytes | None) -> str | None:
    if frame is None:
        return None
    try:
        return frame.decode()
    except UnicodeDecodeError:
        return frame.hex()
