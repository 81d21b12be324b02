"""Whatever arrives from Bitget, reading it raises nothing and makes up nothing."""

from hypothesis import given
from hypothesis import strategies as st

from protocols.asks import Page
from protocols.dialect import Strange
from protocols.errors import RemoteError
from protocols.evidence import CancelAnswered, OrderReported, Proof, Step
from protocols.rest import RestResponse
from tests.protocols.bitget_material import (
    CANCELED_ROW,
    CLASSIC,
    CLIENT_ORDER_ID,
    DETAIL,
    FILLED_ROW,
    FRAMES,
    LIVE_ROW,
    PARTIAL_ROW,
    SPOT_INFO,
    SPOT_ROW,
    UNIFIED,
    UTA_ENDED,
    UTA_ROW,
    Either,
    body,
    decoded,
    push,
    question,
    uta_push,
    wire,
)
from tests.protocols.mutations import STATUSES, mutated, values

ROWS = (LIVE_ROW, PARTIAL_ROW, FILLED_ROW, CANCELED_ROW)
WHOLE = (*FRAMES, push(*ROWS), push(SPOT_ROW, product="SPOT"), uta_push(UTA_ROW, UTA_ENDED))
BODIES = (
    body(DETAIL).body,
    body([SPOT_INFO]).body,
    body({"entrustedList": [DETAIL], "endId": "1"}).body,
    body({"list": [UTA_ENDED], "cursor": "1"}).body,
    body({"serverTime": "1700111073740"}).body,
    body({"userId": "1", "uid": "1"}).body,
    body(None, "43001").body,
)
DIALECTS = st.sampled_from([CLASSIC, UNIFIED])
VALUES = values("live", "cancelled", "filled", "orders", "error", "login", "trade", "43001", "00000", "SPOT", "30033")


@given(DIALECTS, st.binary() | st.text())
def test_no_frame_is_too_strange_to_be_read(dialect: Either, raw: bytes | str) -> None:
    assert decoded(raw, dialect)


@given(DIALECTS, mutated(WHOLE, VALUES))
def test_no_wrong_value_makes_reading_a_frame_fail(dialect: Either, raw: bytes) -> None:
    for item in decoded(raw, dialect):
        if isinstance(item, OrderReported):
            assert item.order_id
            assert item.instrument
            assert item.product in dialect.traits.products
            assert item.cum_qty is None or item.cum_qty >= 0
            assert not item.cum_qty_final or (item.cum_qty is not None and item.status.is_terminal)
        elif isinstance(item, CancelAnswered):
            assert item.send_id
        elif isinstance(item, Strange):
            assert item.what


@given(DIALECTS, STATUSES, st.binary() | mutated(BODIES, VALUES))
def test_reading_a_cancels_answer_never_fails(dialect: Either, status: int, raw: bytes) -> None:
    found = dialect.read_cancel(wire(), RestResponse(status, raw))
    assert found.send_id == wire().send_id
    if status >= 500:
        assert found.proof is Proof.UNKNOWN
    if found.proof is Proof.ACCEPTED:
        assert status == 200


@given(DIALECTS, st.sampled_from(list(Step)), st.booleans(), STATUSES, st.binary() | mutated(BODIES, VALUES))
def test_reading_a_questions_answer_never_fails(
    dialect: Either, step: Step, by_alias: bool, status: int, raw: bytes
) -> None:
    asked = question(step, None, CLIENT_ORDER_ID) if by_alias else question(step)
    page = dialect.read_question(asked, RestResponse(status, raw), None)
    assert isinstance(page, Page)
    if page.following is not None:
        assert dialect.question_call(asked, page.following).path


@given(DIALECTS, STATUSES, st.binary() | mutated(BODIES, VALUES))
def test_the_other_answers_fail_only_by_the_errors_of_the_tree(dialect: Either, status: int, raw: bytes) -> None:
    for read in (dialect.read_clock, dialect.read_identity):
        try:
            read(RestResponse(status, raw))
        except RemoteError:
            continue
