"""Words for the journal's stories: requests, what happens to them as records, and waiting for the word about them."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

from msgspec.structs import replace

from daemon.core.order_view import without_bytes
from daemon.core.records import (
    Bound,
    BulkEnded,
    BulkIntent,
    BulkItem,
    BulkListed,
    BulkMeant,
    BulkOpened,
    BulkReport,
    Caller,
    CancelRequest,
    CaseId,
    Concluded,
    EvidenceRef,
    Moved,
    Observed,
    Previous,
    Record,
    Report,
    RequestKey,
    RequestOpened,
    SendAnswered,
    SendForwarded,
    SendMade,
    Times,
)
from daemon.core.scope import NamedOrder, Scope
from daemon.edge.journal import Journal, lock_journal
from daemon.edge.journal.receipts import ReceiptFile, begin
from daemon.edge.journal.schema import connect
from protocols.asks import WireCancel
from protocols.evidence import CancelAnswered, CancelForwarded, OrderReported, Proof, Source
from protocols.fix import (
    AccountName,
    ClientOrderId,
    EndedBy,
    OrderId,
    OrdStatus,
    Outcome,
    Priority,
    RequestId,
    Road,
    SendId,
)
from protocols.jsonread import frame_of

UID = 1000
ACCOUNT = AccountName("main")
T0 = 1_700_000_000_000_000
HOUR_US = 3_600_000_000
PUSHED = '{"state":"canceled"}'
BIG_ORDER_ID = "9007199254740993123"  # no float holds it


def key(name: str, *, uid: int = UID, account: str = ACCOUNT) -> RequestKey:
    return RequestKey(uid, AccountName(account), RequestId(name))


def request(name: str, *, uid: int = UID, account: str = ACCOUNT, order_id: str | None = None) -> CancelRequest:
    return CancelRequest(
        key=key(name, uid=uid, account=account),
        caller=Caller(uid=uid, gid=100, pid=4242, client="mm1"),
        product="",
        instrument="BTC-USDT",
        order_id=OrderId(order_id or f"order-of-{name}"),
        client_order_id=ClientOrderId(f"c{name}"),
        received_us=T0,
        deadline_us=T0 + 500_000,
        priority=Priority.URGENT,
        venue_params={"flag": "1"},
    )


def opened(name: str, *, case: str | None = None, uid: int = UID, account: str = ACCOUNT, t: int = T0) -> RequestOpened:
    return RequestOpened(t, CaseId(case or f"case-{name}"), request(name, uid=uid, account=account))


def observed(case: str, *, order_id: str = "1", raw: str | bytes = PUSHED, t: int = T0 + 5) -> Observed:
    report = OrderReported(
        source=Source.PUSH,
        channel="orders",
        product="",
        instrument="BTC-USDT",
        order_id=OrderId(order_id),
        client_order_id=None,
        status=OrdStatus.CANCELED,
        word="canceled",
        order_qty=Decimal("2.50"),
        cum_qty=Decimal("0.10"),
        frame=frame_of(raw),
    )
    return Observed(t, CaseId(case), report)


def observed_again(case: str) -> Observed:
    """What says nothing new: the digest of its frame alone is written."""
    again = observed(case)
    return replace(again, report=without_bytes(again.report))


def wire(name: str, road: Road = Road.WS) -> WireCancel:
    return WireCancel(SendId(f"S{name}"), road, "", "BTC-USDT", OrderId(f"order-of-{name}"), None)


def report(  # the words of one outcome
    name: str,
    seq: int,
    *,
    outcome: Outcome = Outcome.CANCELED,
    revision: int = 0,
    cum_qty: str | None = "0.10",
    uid: int = UID,
    account: str = ACCOUNT,
    order_id: str | None = None,
) -> Report:
    asked = request(name, uid=uid, account=account, order_id=order_id)
    return Report(
        request_id=asked.key.request_id,
        account=asked.key.account,
        venue="venue",
        product="",
        instrument=asked.instrument,
        order_id=asked.order_id,
        client_order_id=asked.client_order_id,
        outcome=outcome,
        ord_status=OrdStatus.CANCELED,
        cxl_rej_reason=None,
        order_qty=Decimal("2.50"),
        cum_qty=None if cum_qty is None else Decimal(cum_qty),
        cum_qty_final=True,
        leaves_qty=Decimal(0),
        avg_px=None,
        ended_by=EndedBy.US,
        cancel_reason=None,
        successor_order_id=None,
        venue_response={"sCode": "0", "sMsg": ""},
        venue_code="0",
        venue_message="",
        evidence=EvidenceRef("push", "orders", "1700000000005", frame_of(PUSHED).digest),
        times=Times(received=T0, recorded=T0 + 1, reported=T0 + 9),
        seq=seq,
        revision=revision,
    )


def concluded(
    name: str,
    seq: int,
    *,
    case: str | None = None,
    outcome: Outcome = Outcome.CANCELED,
    uid: int = UID,
    account: str = ACCOUNT,
    t: int = T0 + 10,
) -> Concluded:
    told = report(name, seq, outcome=outcome, uid=uid, account=account)
    return Concluded(t, CaseId(case or f"case-{name}"), key(name, uid=uid, account=account), told)


def corrected(name: str, seq: int, revision: int, cum_qty: str, *, t: int = T0 + 20) -> Concluded:
    told = report(name, seq, revision=revision, cum_qty=cum_qty)
    before = Previous(Outcome.CANCELED, Decimal("0.10"))
    return Concluded(t, CaseId(f"case-{name}"), key(name), told, before)


def moved(name: str, case: str, into: str, *, t: int = T0 + 3) -> Moved:
    return Moved(t, CaseId(case), CaseId(into), key(name))


def bound(case: str, order_id: str) -> Bound:
    return Bound(T0 + 4, CaseId(case), OrderId(order_id), "named by a push")


def intent(name: str, *, uid: int = UID, accounts: Sequence[str] = (ACCOUNT,), t: int = T0) -> BulkIntent:
    """A wish to cancel everything."""
    return BulkIntent(
        CaseId(f"bulk-{name}"),
        RequestId(name),
        Caller(uid=uid, gid=100, pid=4242, client="mm1"),
        "cancel_all",
        tuple(Scope(AccountName(account), instrument="BTC-USDT") for account in accounts),
        t,
        t + 60_000_000,
    )


def bulk_opened(name: str, *, uid: int = UID, accounts: Sequence[str] = (ACCOUNT,), t: int = T0) -> BulkOpened:
    return BulkOpened(t, CaseId(f"bulk-{name}"), intent(name, uid=uid, accounts=accounts, t=t))


def bulk_listed(name: str, *, taken: int = 1, t: int = T0 + 1) -> BulkListed:
    return BulkListed(t, CaseId(f"bulk-{name}"), ACCOUNT, t - 1, True, 3, taken)


def bulk_meant(name: str, *order_ids: str, t: int = T0 + 1, first: int | None = None) -> BulkMeant:
    orders = tuple(NamedOrder("", "BTC-USDT", OrderId(order_id)) for order_id in order_ids)
    return BulkMeant(t, CaseId(f"bulk-{name}"), ACCOUNT, orders, first)


def bulk_ended(name: str, *members: str, complete: bool = True, t: int = T0 + 30) -> BulkEnded:
    """The end of a bulk cancel of which each member's order was canceled."""
    named = [NamedOrder("", "BTC-USDT", OrderId(f"order-of-{member}")) for member in members]
    items = tuple(
        BulkItem(RequestId(member), ACCOUNT, order.product, order.instrument, order.order_id, None, Outcome.CANCELED)
        for member, order in zip(members, named, strict=True)
    )
    told = BulkReport(
        RequestId(name),
        items,
        len(items),
        {Outcome.CANCELED: len(items)} if items else {},
        0,
        complete,
        (),
        0,
        {"venue": ("algos",)},
    )
    return BulkEnded(t, CaseId(f"bulk-{name}"), told)


def whole_story(name: str, seq: int, *, t: int = T0) -> list[Record]:
    """A cancel that goes well, as six records."""
    case = CaseId(f"case-{name}")
    send = SendId(f"S{name}")
    answer = CancelAnswered(
        send, Road.WS, Proof.ACCEPTED, "0", "", fields={"sCode": "0"}, frame=frame_of('{"op":"cancel"}')
    )
    return [
        opened(name, t=t),
        SendMade(t + 1, case, wire(name)),
        SendForwarded(t + 2, case, CancelForwarded(send, Road.WS)),
        SendAnswered(t + 3, case, answer),
        observed(case, order_id=f"order-of-{name}", t=t + 4),
        concluded(name, seq, t=t + 5),
    ]


@contextmanager
def a_journal(
    path: Path,
    *,
    connecting: Callable[[Path], sqlite3.Connection] = connect,
    probe_interval_s: float = 0.01,
    commit_wait_s: float = 60.0,
    now_us: Callable[[], int] = lambda: T0 + 2,
    beginning: Callable[[Path], ReceiptFile] = begin,
    has_intake: bool = False,
) -> Iterator[Journal]:
    """Open a journal for one life, and end that life in order: without an intake, unless it is to have one."""
    with lock_journal(path) as lock:
        journal = Journal.open(
            path,
            lock,
            connect=connecting,
            now_us=now_us,
            probe_interval_s=probe_interval_s,
            commit_wait_s=commit_wait_s,
            begin_intake=beginning,
            has_intake=has_intake,
        )
        try:
            yield journal
        finally:
            journal.close()


async def written(journal: Journal, *records: Record) -> bool:
    """Append records and wait for the word about them."""
    word: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    journal.append(records, word.set_result)
    return await word


async def keep(journal: Journal, records: Sequence[Record]) -> None:
    assert await written(journal, *records)


def rows(path: Path, question: str) -> list[tuple[object, ...]]:
    """Ask the file as an operator would."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
        found = db.execute(question).fetchall()
    db.close()
    return found
