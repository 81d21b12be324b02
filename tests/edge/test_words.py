"""A result on the socket has the contract's members in their order, by whichever way it was written."""

from decimal import Decimal

import msgspec
import orjson
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.records import Report
from daemon.edge import words
from protocols.control.results import CancelResult
from tests.desks import report

QUANTITIES = (
    st.none() | st.decimals(allow_nan=False, allow_infinity=False) | st.sampled_from([Decimal("1E-8"), Decimal("1E+3")])
)
TEXTS = st.none() | st.text(max_size=20) | st.just("x" * (words.TEXT_LENGTH_MAX + 1))
RESPONSES = st.dictionaries(st.text(max_size=5), st.text(max_size=20)) | st.just({"a": "x" * 3000, "b": "y"})


def test_a_report_has_the_members_of_a_result_in_their_order() -> None:
    names = [field.name for field in msgspec.structs.fields(Report)]
    assert names == [field.name for field in msgspec.structs.fields(CancelResult)]


@given(QUANTITIES, QUANTITIES, TEXTS, TEXTS, RESPONSES)
def test_a_result_is_the_same_whether_it_needs_mending_or_not(
    cum_qty: Decimal | None, avg_px: Decimal | None, reason: str | None, message: str | None, response: dict[str, str]
) -> None:
    told = msgspec.structs.replace(
        report(), cum_qty=cum_qty, avg_px=avg_px, cancel_reason=reason, venue_message=message, venue_response=response
    )
    written = words.result(told)
    assert written == msgspec.json.encode(words._shaped(told))
    found = orjson.loads(written)
    for name, quantity in (("cum_qty", cum_qty), ("avg_px", avg_px)):
        assert found[name] == (None if quantity is None else format(quantity, "f"))
