"""Whatever arrives, reading it raises nothing and makes up nothing."""

from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from protocols.dialect import Page, Strange
from protocols.errors import RemoteError
from protocols.evidence import CancelAnswered, OrderReported, Proof, QuestionAnswered, Step
from protocols.fix import OrdStatus
from protocols.rest import RestResponse
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
STATUSES = st.sampled_from([200, 200, 200, 201, 400, 401, 404, 429, 500, 503])
STEPS = st.sampled_from(list(Step))
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(
        ["0", "1", "", "live", "canceled", "filled", "orders", "error", "login", "51400", "1e999", "\ud800"]
    )
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner), max_leaves=4
)


def spell(value: object) -> bytes:
    """Write JSON that orjson would not: long integers, lone surrogates."""
    match value:
        case dict():
            return b"{" + b",".join(spell(str(key)) + b":" + spell(inner) for key, inner in value.items()) + b"}"
        case list():
            return b"[" + b",".join(map(spell, value)) + b"]"
        case bool() | None:
            return orjson.dumps(value)
        case int():
            return str(value).encode()
        case str():
            return b'"' + value.encode("utf-8", "surrogatepass").replace(b"\\", b"").replace(b'"', b"") + b'"'
        case _:
            return orjson.dumps(value)


def paths(value: object, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a document."""
    found = [here]
    if isinstance(value, dict):
        for key, inner in value.items():
            found += paths(inner, (*here, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            found += paths(inner, (*here, index))
    return found


def put(value: Any, path: tuple[Any, ...], new: object) -> Any:
    """The document with something else in one place."""
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = put(value[path[0]], path[1:], new)
    return copy


@st.composite
def mutated(draw: st.DrawFn, whole: tuple[str | bytes, ...]) -> bytes:
    """A frame or body with up to three wrong values in it, cut short now and then."""
    document = orjson.loads(draw(st.sampled_from(whole)))
    for _ in range(draw(st.integers(1, 3))):
        document = put(document, draw(st.sampled_from(paths(document))), draw(VALUES))
    raw = spell(document)
    return raw[: draw(st.integers(0, len(raw)))] if draw(st.integers(0, 9)) == 0 else raw


@given(st.binary() | st.text())
def test_no_frame_is_too_strange_to_be_read(raw: bytes | str) -> None:
    assert decoded(raw)


@given(mutated(WHOLE))
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


@given(STATUSES, st.binary() | mutated(BODIES))
def test_reading_a_cancels_answer_never_fails(status: int, raw: bytes) -> None:
    found = OKX.read_cancel(wire(), RestResponse(status, raw))
    assert found.send_id == wire().send_id
    if status >= 500:
        assert found.proof is Proof.UNKNOWN
    if found.proof is Proof.ACCEPTED:
        assert status == 200


@given(STEPS, st.booleans(), STATUSES, st.binary() | mutated(BODIES))
def test_reading_a_questions_answer_never_fails(step: Step, by_alias: bool, status: int, raw: bytes) -> None:
    asked = question(step, None, "tkm000001") if by_alias else question(step)
    page = OKX.read_question(asked, RestResponse(status, raw), None)
    assert isinstance(page, Page)
    if isinstance(page.answer, QuestionAnswered) and step is Step.FILLS:
        assert all(report.status is OrdStatus.PARTIALLY_FILLED for report in page.answer.reports)


@given(STATUSES, st.binary() | mutated(BODIES))
def test_the_other_answers_fail_only_by_the_errors_of_the_tree(status: int, raw: bytes) -> None:
    response = RestResponse(status, raw)
    for read in (OKX.read_clock, OKX.read_identity, OKX.read_reference):
        try:
            read(response)
        except RemoteError:
            continue
