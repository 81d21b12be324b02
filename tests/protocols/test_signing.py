"""Signatures against vectors, and times written as venues want them."""

from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.secret import Secret
from protocols.signing import epoch_seconds, iso_millis, okx_login, okx_rest, sorted_query
from tests.protocols.okx_material import SECRET

TIMESTAMP = "2020-12-08T09:08:57.715Z"


def test_an_okx_login_is_signed_as_the_page_says() -> None:
    assert okx_login(Secret(SECRET), "1704876947") == "5/36BgGV6m/6pmdc20zdqk0mzF5ZalmzzPD2fo3wavU="


@pytest.mark.parametrize(
    ("method", "target", "body", "signature"),
    [
        (
            "GET",
            "/api/v5/trade/order?ordId=1753197687182819328&instId=BTC-USDT",
            b"",
            "S5gP6AYLAVlzFTte8MiUWZE75jrGrNAejP4urQrCvTo=",
        ),
        (
            "POST",
            "/api/v5/trade/cancel-order",
            b'{"instId":"BTC-USDT","ordId":"590908157585625111"}',
            "1R7BQKEU+7vVcdmv8WO+OaWB0Ms755E8lVWUD1sbqh8=",
        ),
        (
            "post",
            "/api/v5/sprd/cancel-order",
            b'{"ordId":"2510789768709120"}',
            "5at6+amHcKIIj4qp5NKQH6aVwAo6Wu8+bmafBirK3M0=",
        ),
    ],
)
def test_an_okx_rest_call_is_signed_as_the_page_says(method: str, target: str, body: bytes, signature: str) -> None:
    assert okx_rest(Secret(SECRET), TIMESTAMP, method, target, body) == signature


@pytest.mark.parametrize(
    ("now_us", "written"),
    [
        (1_607_418_537_715_000, TIMESTAMP),
        (1_607_418_537_715_999, TIMESTAMP),
        (1_607_418_537_000_000, "2020-12-08T09:08:57.000Z"),
        (0, "1970-01-01T00:00:00.000Z"),
        (1_709_164_800_001_000, "2024-02-29T00:00:00.001Z"),
    ],
)
def test_a_time_is_written_to_the_millisecond_and_never_rounded_up(now_us: int, written: str) -> None:
    assert iso_millis(now_us) == written


@given(st.integers(0, 4_000_000_000_000_000), st.integers(0, 4_000_000_000_000_000))
def test_later_times_are_never_written_as_earlier_ones(one: int, other: int) -> None:
    earlier, later = sorted((one, other))
    assert iso_millis(earlier) <= iso_millis(later)
    assert int(epoch_seconds(earlier)) <= int(epoch_seconds(later))


def test_seconds_are_cut_and_not_rounded() -> None:
    assert epoch_seconds(1_704_876_947_999_999) == "1704876947"


@given(st.lists(st.tuples(st.text(), st.text() | st.from_regex(r"[A-Za-z0-9._~-]+", fullmatch=True)), max_size=5))
def test_a_query_is_encoded_as_forms_are_but_for_blanks(pairs: list[tuple[str, str]]) -> None:
    assert sorted_query(tuple(pairs)) == urlencode(sorted(pairs), quote_via=quote, safe="")
