"""How the simulated venues read queries and write numbers: as everybody does, and where that is common, faster."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from hypothesis import given
from hypothesis import strategies as st

from daemon.sim.wire import plain, query_pairs

if TYPE_CHECKING:
    from decimal import Decimal


@given(st.text(alphabet="ab1-._&=%+2F", max_size=20))
def test_a_query_is_read_as_forms_are(query: str) -> None:
    assert query_pairs(query) == parse_qsl(query, keep_blank_values=True)


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_a_number_is_written_without_an_exponent(number: Decimal) -> None:
    assert plain(number) == format(number, "f")
