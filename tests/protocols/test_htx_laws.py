"""Whatever arrives from HTX, reading it raises nothing and makes up nothing."""

from hypothesis import given
from hypothesis import strategies as st

from protocols.asks import Page
from protocols.dialect import Strange
from protocols.errors import RemoteError
from protocols.evidence import CancelAnswered, OrderReported, Proof, Step
from protocols.rest import RestResponse
from tests.protocols.htx_material import (
    CANCELED_ROW,
    CLIENT_ORDER_ID,
    FILLED_ROW,
    FRAMES,
    HTX,
    NEW_ROW,
    PARTIAL_ROW,
    PARTLY_CANCELED_ROW,
    QUERIED_ROW,
    body,
    decoded,
    push,
    question,
    wire,
    zipped,
)
from tests.protocols.mutations import STATUSES, mutated, values

ROWS = (NEW_ROW, PARTIAL_ROW, FILLED_ROW, CANCELED_ROW, PARTLY_CANCELED_ROW, QUERIED_ROW)
WHOLE = (*FRAMES, *(push(row) for row in ROWS), push(list(ROWS)))
BODIES = (
    *(body(row).body for row in ROWS),
    body(list(ROWS)).body,
    body([]).body,
    body(code=1061).body,
    *(raw.encode() for raw in FRAMES),
)
STEPS = st.sampled_from(HTX.traits.ladder)
VALUES = values("new", "canceled", "filled", "orders", "auth", "sub", "200", "1061", "*")


@given(st.binary() | st.text())
def test_no_frame_is_too_strange_to_be_read(raw: bytes | str) -> None:
    assert decoded(raw)


@given(mutated(WHOLE, VALUES), st.booleans())
def test_no_wrong_value_makes_reading_a_frame_fail(raw: bytes, is_zipped: bool) -> None:
    for item in decoded(zipped(raw.decode(errors="replace")) if is_zipped else raw):
        if isinstance(item, OrderReported):
            assert item.order_id
            assert item.instrument
            assert item.cum_qty is None or item.cum_qty >= 0
            assert not item.cum_qty_final or (item.cum_qty is not None and item.status.is_terminal)
            assert item.client_order_id is None or str(item.client_order_id) != str(item.order_id)
        elif isinstance(item, CancelAnswered):
            assert item.send_id
        elif isinstance(item, Strange):
            assert item.what


@given(st.binary(max_size=60))
def test_no_gzip_is_too_broken_to_be_set_aside(tail: bytes) -> None:
    assert decoded(b"\x1f\x8b\x08" + tail)


@given(STATUSES, st.binary() | mutated(BODIES, VALUES))
def test_reading_a_cancels_answer_never_fails(status: int, raw: bytes) -> None:
    found = HTX.read_cancel(wire(), RestResponse(status, raw))
    assert found.send_id == wire().send_id
    if status >= 500:
        assert found.proof is Proof.UNKNOWN
    if found.proof is Proof.ACCEPTED:
        assert status == 200


@given(STEPS, st.booleans(), STATUSES, st.binary() | mutated(BODIES, VALUES))
def test_reading_a_questions_answer_never_fails_nor_walks_for_ever(
    step: Step, by_alias: bool, status: int, raw: bytes
) -> None:
    asked = question(step, None, CLIENT_ORDER_ID) if by_alias else question(step)
    cursor, pages = None, 0
    while pages == 0 or cursor is not None:
        page = HTX.read_question(asked, RestResponse(status, raw), cursor)
        assert isinstance(page, Page)
        cursor, pages = page.following, pages + 1
        assert pages <= 50


@given(STATUSES, st.binary() | mutated(BODIES, VALUES))
def test_the_other_answers_fail_only_by_the_errors_of_the_tree(status: int, raw: bytes) -> None:
    for read in (HTX.read_clock, HTX.read_identity, HTX.read_reference):
        try:
            read(RestResponse(status, raw))
        except RemoteError:
            continue
