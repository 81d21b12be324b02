"""Each kind of record is written, read back as it was, and told in a sentence."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from daemon.core.records import (
    Asked,
    AskFailed,
    BulkCorrected,
    BulkLooked,
    CancelRequest,
    CaseId,
    Noticed,
    Record,
    SendAnswered,
    SendForwarded,
    SendLost,
    SendMade,
    Struck,
    Told,
    frame_of,
)
from daemon.core.scope import NamedOrder
from daemon.edge.journal.codec import KINDS, Undecodable, read_record, read_report, step_row, to_json
from daemon.edge.journal.story import tell
from protocols.asks import Question
from protocols.evidence import (
    RAW_BYTES_MAX,
    Absence,
    CancelAnswered,
    CancelForwarded,
    CancelLost,
    Proof,
    QuestionAnswered,
    QuestionFailed,
    Step,
)
from protocols.fix import OrderId, Outcome, QueryId, RequestId, Road, SendId
from protocols.jsonread import frame_of as frame_from
from tests.edge.journal_world import (
    ACCOUNT,
    BIG_ORDER_ID,
    T0,
    bound,
    bulk_ended,
    bulk_listed,
    bulk_meant,
    bulk_opened,
    concluded,
    corrected,
    moved,
    observed,
    opened,
    report,
    wire,
)

X = CaseId("X")
DUE = T0 + 500_000
SEND = SendId("Sa")
ASK = QueryId("q1")
ANSWER = CancelAnswered(SEND, Road.WS, Proof.GONE, "51400", "Cancellation failed", frame=frame_from('{"id":"Sa"}'))
FOUND_NOT = QuestionAnswered(
    ASK, Step.ORDER, (), Absence.DENIES, complete=False, code="51603", message="none", frame=frame_from("{}")
)

NAMED = NamedOrder("", "BTC-USDT", OrderId("o1"))

SENTENCES: list[tuple[Record, str]] = [
    (
        opened("a"),
        (
            "uid 1000, gid 100, pid 4242 (mm1) asked to cancel BTC-USDT order order-of-a, client order ca, urgent, "
            f"deadline {DUE}"
        ),
    ),
    (SendMade(T0, X, wire("a")), "cancel Sa of BTC-USDT order order-of-a goes by ws"),
    (SendForwarded(T0, X, CancelForwarded(SEND, Road.REST)), "Sa was handed to rest"),
    (SendAnswered(T0, X, ANSWER), "Sa was answered by ws: gone 51400 Cancellation failed"),
    (
        SendLost(T0, X, CancelLost(SEND, Road.WS, handed_over=True, why="link lost")),
        "Sa was lost on ws: link lost; nobody knows whether it arrived",
    ),
    (
        SendLost(T0, X, CancelLost(SEND, Road.WS, handed_over=False, why="link down")),
        "Sa was lost on ws: link down; no byte of it left",
    ),
    (
        Asked(T0, X, Question(ASK, Step.ORDER, "", "BTC-USDT", OrderId(BIG_ORDER_ID))),
        f"question q1 (order) was put, about BTC-USDT order {BIG_ORDER_ID}",
    ),
    (Asked(T0, X, Question(ASK, Step.OPEN_ORDERS, "", "")), "question q1 (open_orders) was put, about all orders"),
    (
        Told(T0, X, T0 - 5, FOUND_NOT),
        "question q1 (order): the order is not in it (denies), cut short 51603 none",
    ),
    (Told(T0, X, T0 - 5, QuestionAnswered(ASK, Step.FILLS, ())), "question q1 (fills): answered"),
    (
        AskFailed(T0, X, QuestionFailed(ASK, Step.ORDER, "timeout", rate_limited=True)),
        "question q1 (order) has no answer: timeout, rate limited",
    ),
    (observed("X", order_id=BIG_ORDER_ID), f"push orders: order {BIG_ORDER_ID} is canceled, 0.10 filled of 2.50"),
    (bound("X", "7"), "the order is 7: named by a push"),
    (moved("a", "X", "Y"), "the request moved to case Y"),
    (Struck(T0, X, "ab", "another side"), "evidence ab was set aside: another side"),
    (Noticed(T0, X, "waits for budget"), "waits for budget"),
    (concluded("a", 5, outcome=Outcome.FILLED), "outcome 5: filled, 0.10 filled"),
    (corrected("a", 6, 1, "0.20"), "correction 1 (6): canceled, 0.20 filled; before: canceled"),
    (
        opened("flat/3"),
        (
            "uid 1000, gid 100, pid 4242 (mm1) asked to cancel BTC-USDT order order-of-flat/3, client order cflat/3, "
            f"urgent, deadline {DUE}, for bulk cancel flat"
        ),
    ),
    (
        bulk_opened("flat"),
        (
            "uid 1000, gid 100, pid 4242 (mm1): cancel_all is to cancel all orders of main (instrument BTC-USDT), "
            f"normal, deadline {T0 + 60_000_000}"
        ),
    ),
    (bulk_listed("flat"), "main was asked for its open orders: 3 match, 1 of them new"),
    (bulk_meant("flat", "o1", "o2"), "2 orders of main were found that match and had no request yet"),
    (bulk_ended("flat", "flat/0", "flat/1"), "over: 2 canceled; nothing rests"),
    (bulk_ended("flat", complete=False), "over: no orders; 0 orders may rest"),
    (BulkLooked(T0, X, ACCOUNT, T0), "main was looked at again: none overlooked"),
    (
        BulkLooked(T0, X, ACCOUNT, T0, (NAMED, NAMED), (NAMED,), RequestId("look.b1")),
        (
            "main was looked at again: 2 orders rest that had been overlooked, 1 rest that may be younger; "
            "look.b1 cancels them"
        ),
    ),
    (
        BulkLooked(T0, X, ACCOUNT, 0, why="the account could not be asked"),
        "main was looked at again: nothing was seen; the account could not be asked",
    ),
    (BulkCorrected(T0, X, bulk_ended("flat").report), "corrected: nothing rests"),
]


def test_every_kind_of_record_is_among_the_examples() -> None:
    assert {type(record) for record, _ in SENTENCES} == set(KINDS)


@pytest.mark.parametrize(("record", "sentence"), SENTENCES)
def test_a_record_reads_back_as_it_was_written(record: Record, sentence: str) -> None:
    row = step_row(record)
    frame = frame_of(record)
    assert row.kind == KINDS[type(record)]
    assert (row.digest, row.frame) == ((frame.digest, frame.raw) if frame else (None, None))
    assert read_record(row.body, row.frame) == record
    assert tell(record) == sentence


def test_the_beginning_of_a_long_frame_is_kept_where_it_names_the_order() -> None:
    page = "[" + ",".join(f'{{"id":"{number}"}}' for number in range(1000, 2000)) + "]"
    assert len(page) > RAW_BYTES_MAX
    for order_id, kept in (("1001", page[:RAW_BYTES_MAX].encode()), ("1999", None)):
        answer = replace(ANSWER, order_id=OrderId(order_id), frame=frame_from(page))
        for row in (step_row(observed("X", order_id=order_id, raw=page)), step_row(SendAnswered(T0, X, answer))):
            assert (row.frame, row.digest) == (kept, frame_from(page).digest)


def test_a_frame_that_is_there_as_a_whole_is_kept_whatever_it_names() -> None:
    assert step_row(observed("X", order_id="other", raw="x" * (RAW_BYTES_MAX - 1))).frame
    assert step_row(SendAnswered(T0, X, replace(ANSWER, frame=frame_from("x" * RAW_BYTES_MAX)))).frame


def test_an_order_id_and_a_quantity_stay_text() -> None:
    row = step_row(observed("X", order_id=BIG_ORDER_ID))
    assert f'"order_id":"{BIG_ORDER_ID}"' in row.body
    assert '"order_qty":"2.50"' in row.body
    assert row.order_id == BIG_ORDER_ID


def test_a_report_reads_back_durable_since_it_was_found() -> None:
    told = report("a", 3, cum_qty=None)
    found = read_report(to_json(told))
    assert (found.durable, told.durable) == (True, False)
    assert (found.cum_qty, found.order_qty) == (None, Decimal("2.50"))


@pytest.mark.parametrize("body", ["", "{", "[]", "{}", '{"type":"Observed"}', '{"type":"Noticed","t":0,"case":"X"}'])
def test_what_cannot_be_read_says_so(body: str) -> None:
    with pytest.raises(Undecodable):
        read_record(body)


def test_a_missing_member_that_cannot_be_unknown_is_not_made_up() -> None:
    body = to_json(report("a", 3)).replace('"cum_qty_final":true,', "")
    assert "cum_qty_final" not in body
    with pytest.raises(Undecodable, match="cum_qty_final"):
        read_report(body)


def test_a_request_has_no_member_that_the_journal_forgets() -> None:
    kept = {"key", "caller", "product", "instrument", "order_id", "client_order_id", "received_us", "deadline_us"}
    assert set(CancelRequest.__struct_fields__) == kept | {"priority", "venue_params"}
