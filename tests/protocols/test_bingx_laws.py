"""Whatever arrives from BingX, reading it raises nothing and makes up nothing."""

from hypothesis import given
from hypothesis import strategies as st

from protocols.asks import Page
from protocols.dialect import Strange
from protocols.errors import RemoteError
from protocols.evidence import OrderReported, Proof, QuestionAnswered, Step
from protocols.rest import RestResponse
from tests.protocols.bingx_material import (
    BINGX,
    CANCEL_DATA,
    CANCELED,
    CLIENT_ORDER_ID,
    FILLED,
    FRAMES,
    NEW,
    NOT_EXIST,
    ORDER_ID,
    PARTIAL,
    ROW,
    TRADE,
    body,
    decoded,
    push,
    question,
    wire,
    zipped,
)
from tests.protocols.mutations import STATUSES, mutated, values

DATA = (NEW, PARTIAL, FILLED, CANCELED)
WHOLE = (*FRAMES, *(push(data) for data in DATA), push(*DATA))
BODIES = (
    body(ROW).body,
    body(CANCEL_DATA).body,
    body({"orders": [ROW, CANCEL_DATA]}).body,
    body({"orders": [], "fails": [{"orderId": ORDER_ID, "error": "order status :FILLED"}]}).body,
    body({"fills": [TRADE]}).body,
    body({"serverTime": 1790000000000, "uid": 1, "listenKey": "k"}).body,
    body(code=100404, msg=NOT_EXIST).body,
    b'{"listenKey":"ab12"}',
)
STEPS = st.sampled_from(BINGX.traits.ladder)
VALUES = values("PENDING", "CANCELED", "FILLED", "spot.executionReport", "100404", "ping", NOT_EXIST)
ADMISSION = BINGX.sockets()[0].admission


@given(st.binary() | st.text())
def test_no_frame_is_too_strange_to_be_read(raw: bytes | str) -> None:
    assert decoded(raw)


@given(mutated(WHOLE, VALUES), st.booleans())
def test_no_wrong_value_makes_reading_a_frame_fail(raw: bytes, is_zipped: bool) -> None:
    for item in decoded(zipped(raw) if is_zipped else raw):
        if isinstance(item, OrderReported):
            assert item.order_id
            assert item.instrument
            assert item.cum_qty is None or item.cum_qty >= 0
            assert not item.cum_qty_final
            item.client_order_id and item.client_order_id.encode()
        elif isinstance(item, Strange):
            assert item.what


@given(
    st.lists(st.sampled_from(DATA) | st.dictionaries(st.text(max_size=3), st.integers(-9, 9)), min_size=2, max_size=6)
)
def test_every_row_is_reported_or_kept_aside_and_none_costs_another(rows: list[dict[str, object]]) -> None:
    items = decoded(push(*rows))
    assert len(items) == len(rows)
    for row, item in zip(rows, items, strict=True):
        assert isinstance(item, OrderReported) == (row in DATA)


@given(STATUSES, st.booleans(), st.binary() | mutated(BODIES, VALUES))
def test_reading_a_cancels_answer_never_fails(status: int, sparing: bool, raw: bytes) -> None:
    found = BINGX.read_cancel(wire(sparing=sparing), RestResponse(status, raw))
    assert found.send_id == wire().send_id
    if status >= 500:
        assert found.proof is Proof.UNKNOWN
    if found.proof is Proof.ACCEPTED:
        assert status == 200
        assert not found.counts_as_error


@given(STEPS, st.booleans(), STATUSES, st.binary() | mutated(BODIES, VALUES))
def test_reading_a_questions_answer_never_fails(step: Step, by_alias: bool, status: int, raw: bytes) -> None:
    asked = question(step, None, CLIENT_ORDER_ID) if by_alias else question(step)
    page = BINGX.read_question(asked, RestResponse(status, raw), None)
    assert isinstance(page, Page)
    if isinstance(page.answer, QuestionAnswered) and step is Step.FILLS:
        assert not any(report.is_state for report in page.answer.reports)


@given(STATUSES, st.binary() | mutated(BODIES, VALUES))
def test_the_other_answers_fail_only_by_the_errors_of_the_tree(status: int, raw: bytes) -> None:
    response = RestResponse(status, raw)
    assert ADMISSION is not None
    for read in (BINGX.read_clock, BINGX.read_identity, ADMISSION.read, ADMISSION.read_extension):
        try:
            read(response)
        except RemoteError:
            continue
