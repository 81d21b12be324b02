"""Whatever arrives about spreads, reading it raises nothing and makes up nothing."""

from hypothesis import given
from hypothesis import strategies as st

from protocols.asks import Page
from protocols.evidence import CancelAnswered, OrderReported, Proof, QuestionAnswered, Step
from protocols.rest import RestResponse
from tests.protocols.mutations import STATUSES, mutated, values
from tests.protocols.okx_material import body, question, wire
from tests.protocols.okx_spread_material import (
    ACCEPTED,
    CANCELED_ROW,
    FILLED_ROW,
    LIVE_ROW,
    PARTIAL_ROW,
    REFUSED,
    SPREAD,
    TRADE_ROW,
    decoded,
    push,
)

ROWS = (LIVE_ROW, PARTIAL_ROW, FILLED_ROW, CANCELED_ROW)
FRAMES = (ACCEPTED, REFUSED, *(push(row) for row in ROWS), push(*ROWS))
BODIES = (*(body(row).body for row in (*ROWS, TRADE_ROW)), body(code="51400").body, ACCEPTED.encode())
WRONG = values("live", "canceled", "filled", "rejected", "sprd-orders", "51410")


@given(st.binary() | st.text() | mutated(FRAMES, WRONG))
def test_no_frame_is_too_strange_to_be_read(raw: bytes | str) -> None:
    for item in decoded(raw):
        if isinstance(item, OrderReported):
            assert item.order_id
            assert item.cum_qty is None or item.cum_qty >= 0
            assert not item.cum_qty_final or (item.cum_qty is not None and item.status.is_terminal)
        elif isinstance(item, CancelAnswered):
            assert item.send_id


@given(STATUSES, st.binary() | mutated(BODIES, WRONG))
def test_reading_a_cancels_answer_never_fails(status: int, raw: bytes) -> None:
    found = SPREAD.read_cancel(wire(), RestResponse(status, raw))
    if status >= 500:
        assert found.proof is Proof.UNKNOWN
    if found.proof is Proof.ACCEPTED:
        assert status == 200


@given(st.sampled_from(list(Step)), st.booleans(), STATUSES, st.binary() | mutated(BODIES, WRONG))
def test_reading_a_questions_answer_never_fails(step: Step, by_alias: bool, status: int, raw: bytes) -> None:
    asked = question(step, None, "tks000001") if by_alias else question(step)
    page = SPREAD.read_question(asked, RestResponse(status, raw), None)
    assert isinstance(page, Page)
    if isinstance(page.answer, QuestionAnswered) and step is Step.FILLS:
        assert not any(report.is_state for report in page.answer.reports)
