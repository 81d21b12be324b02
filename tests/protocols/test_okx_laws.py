"""Whatever arrives, reading it raises nothing and makes up nothing."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from protocols.asks import Page
from protocols.dialect import Strange
from protocols.errors import RemoteError
from protocols.evidence import CancelAnswered, OrderReported, Proof, QuestionAnswered, Step
from protocols.fix import OrdStatus
from protocols.rest import RestResponse
from tests.protocols.mutations import STATUSES, mutated, values
from tests.protocols.okx_material import (
    CANCELED_ROW,
    FILLED_ROW,
    FRAMES,
    LIVE_ROW,
    OKX,
    PARTIAL_ROW,
    QUERIED_ROW,
    body,
    decoded,
    push,
    question,
    wire,
)

ROWS = (LIVE_ROW, PARTIAL_ROW, FILLED_ROW, CANCELED_ROW, QUERIED_ROW)
WHOLE = (*FRAMES, *(push(row) for row in ROWS), push(*ROWS))
BODIES = (
    *(body(row).body for row in ROWS),
    body().body,
    body(code="51603").body,
    *(raw.encode() for raw in FRAMES),
)
STEPS = st.sampled_from(list(Step))
VALUES = values("live", "canceled", "filled", "orders", "error", "login", "51400")


@given(st.binary() | st.text())
def test_no_frame_is_too_strange_to_be_read(raw: bytes | str) -> None:
    assert decoded(raw)


@given(mutated(WHOLE, VALUES))
def test_no_wrong_value_makes_reading_a_frame_fail(raw: bytes) -> None:
    for item in decoded(raw):
        if isinstance(item, OrderReported):
            assert item.order_id
            assert item.instrument
            assert item.cum_qty is None or item.cum_qty >= 0
            assert not item.cum_qty_final or (item.cum_qty is not None and item.status.is_terminal)
        elif isinstance(item, CancelAnswered):
            assert item.send_id
        elif isinstance(item, Strange):
            assert item.what


@given(st.lists(st.sampled_from(ROWS) | VALUES, min_size=1, max_size=6))
def test_every_row_is_reported_or_kept_aside_and_none_costs_another(rows: list[Any]) -> None:
    # NaN and long integers are not to be written here; what orjson refuses is another test's matter.
    try:
        raw = push(*rows)
    except TypeError:
        return
    items = decoded(raw)
    assert len(items) == len(rows)
    for row, item in zip(rows, items, strict=True):
        if isinstance(row, dict) and row in ROWS:
            assert isinstance(item, OrderReported)
            assert item.word == row["state"]


@given(STATUSES, st.binary() | mutated(BODIES, VALUES))
def test_reading_a_cancels_answer_never_fails(status: int, raw: bytes) -> None:
    found = OKX.read_cancel(wire(), RestResponse(status, raw))
    assert found.send_id == wire().send_id
    if status >= 500:
        assert found.proof is Proof.UNKNOWN
    if found.proof is Proof.ACCEPTED:
        assert status == 200


@given(STEPS, st.booleans(), STATUSES, st.binary() | mutated(BODIES, VALUES))
def test_reading_a_questions_answer_never_fails(step: Step, by_alias: bool, status: int, raw: bytes) -> None:
    asked = question(step, None, "tkm000001") if by_alias else question(step)
    page = OKX.read_question(asked, RestResponse(status, raw), None)
    assert isinstance(page, Page)
    if isinstance(page.answer, QuestionAnswered) and step is Step.FILLS:
        assert all(report.status is OrdStatus.PARTIALLY_FILLED for report in page.answer.reports)


@given(STATUSES, st.binary() | mutated(BODIES, VALUES))
def test_the_other_answers_fail_only_by_the_errors_of_the_tree(status: int, raw: bytes) -> None:
    response = RestResponse(status, raw)
    for read in (OKX.read_clock, OKX.read_identity, OKX.read_reference):
        try:
            read(response)
        except RemoteError:
            continue
