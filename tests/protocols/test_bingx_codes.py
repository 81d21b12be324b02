"""BingX's code table: whole, read by text where a code is overloaded, and never an outcome."""

import pytest

from protocols.dialect import RefusalKind
from protocols.evidence import Proof, Remedy
from protocols.venues.bingx.codes import CODES, SOCKET_CODES, UNLISTED, account_refusal, row_of, unblocked_at_ms
from tests.protocols.bingx_material import ENDED, NOT_EXIST

P = Proof
ALREADY = "the order is FILLED or CANCELLED already before, please verify"
BAN = "over 20 error code:100404 requests within 480000 ms for this api ... can retry after time: 1790000480000"
BLOCKED = "...frequency limit rule is currently in the disabled period and will be unblocked after 1790000480001"

# What each code of the sheet's table proves by each text, written down a second time and by hand.
READINGS = [
    ("0", "", P.ACCEPTED),
    *(("100404", text, P.GONE) for text in (NOT_EXIST, ENDED, ALREADY)),
    ("100404", "the api you requested does not ex1st", P.UNKNOWN),
    *(("100400", text, P.GONE) for text in (NOT_EXIST, ENDED)),
    ("100400", "The same order can only be submitted once per second.", P.UNKNOWN),
    ("100400", "Field validation for 'OrderIds' failed", P.UNCHANGED_FINAL),
    ("100421", "Null timestamp or timestamp mismatch", P.UNCHANGED_RETRY),
    ("100421", "cancel fail,  order not exist", P.GONE),
    ("100421", "this pair is not open to the API", P.UNCHANGED_FINAL),
    *(("100410", text, P.UNCHANGED_RETRY) for text in ("rate limited", BAN, BLOCKED)),
    ("100410", "The current system is busy, please try again later", P.UNKNOWN),
    *((code, "", P.UNCHANGED_RETRY) for code in "100409 109429".split()),
    *((code, "", P.UNCHANGED_FINAL) for code in "109403 80020 40029 100412".split()),
    *((code, "", P.UNCHANGED_RETRY) for code in "100001 100413 100004 100419".split()),
    *((code, "", P.UNCHANGED_FINAL) for code in "100403 100414 100441".split()),
    *((code, "", P.UNKNOWN) for code in "100490 100202 100204 100440 100500 100503 101500 80012 109500".split()),
    *((code, "", P.UNKNOWN) for code in "110500 109701 80013 101419 80017 109420 109425 109415 109418".split()),
    ("80001", "service has some errors, The order doesn't exist", P.GONE),
    ("80001", "order state illegal", P.UNKNOWN),
    ("109400", "order not exist", P.GONE),
    ("109400", "orderId and clientOrderID are both empty", P.UNKNOWN),
    ("109400", "timestamp is invalid", P.UNCHANGED_RETRY),
    ("109414", "order not exist", P.GONE),
    ("109414", "Request failed", P.UNKNOWN),
    ("80014", "timestamp is invalid", P.UNCHANGED_RETRY),
    ("80014", "invalid parameter", P.UNCHANGED_FINAL),
    *((code, "", P.GONE) for code in "80016 109421 80018 109422".split()),
    *((code, "", P.UNKNOWN) for code in "80019 109423 109424 109201".split()),
]


@pytest.mark.parametrize(("code", "message", "proof"), READINGS)
def test_a_code_proves_what_its_text_says_and_no_more(code: str, message: str, proof: Proof) -> None:
    row = row_of(code, message)
    assert row.proof is proof
    assert row.meaning
    assert row.page
    assert row_of(code, f"  {message.upper()} ") is row


def test_the_table_holds_no_code_that_was_not_read_twice() -> None:
    assert set(CODES) == {code for code, _, _ in READINGS}


def test_every_row_can_be_reached_by_some_text() -> None:
    reached = {id(row_of(code, message)) for code, message, _ in READINGS}
    assert {id(row) for rows in CODES.values() for row in rows} == reached


@pytest.mark.parametrize("code", ["99999", "", "10040", "1004040", "-1"])
def test_an_unlisted_code_proves_nothing(code: str) -> None:
    assert row_of(code, NOT_EXIST) is UNLISTED
    assert UNLISTED.proof is Proof.UNKNOWN


def test_what_is_to_be_mended_is_said_where_it_can_be() -> None:
    remedies = {(code, row.remedy) for code, message, _ in READINGS for row in [row_of(code, message)]}
    assert {code for code, remedy in remedies if remedy is Remedy.BACK_OFF} == {"100410", "100409", "109429"}
    assert {code for code, remedy in remedies if remedy is Remedy.RESYNC_CLOCK} == {"100421", "80014", "109400"}


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("100001", RefusalKind.CREDENTIALS),
        ("100413", RefusalKind.CREDENTIALS),
        ("100004", RefusalKind.CREDENTIALS),
        ("100419", RefusalKind.CREDENTIALS),
        ("100421", RefusalKind.CLOCK),
        ("100412", None),
        ("100404", None),
        ("100410", None),
        ("77777", None),
    ],
)
def test_only_a_keys_and_a_clocks_trouble_concern_the_account(code: str, kind: RefusalKind | None) -> None:
    assert account_refusal(code) is kind


def test_a_ban_says_until_when_it_holds() -> None:
    assert unblocked_at_ms(BAN) == 1_790_000_480_000
    assert unblocked_at_ms(BLOCKED) == 1_790_000_480_001
    assert unblocked_at_ms("rate limited") is None
    assert unblocked_at_ms("id 2030000000000000123 of 480000 ms") is None


def test_every_refusal_of_a_subscription_is_known() -> None:
    sheet = "100204 100205 100400 100401 100403 100410 100416 100419 100500 100503 80015 80403 403 1006"
    assert set(SOCKET_CODES) == set(sheet.split())
    assert SOCKET_CODES["100401"] is RefusalKind.SEQUENCE  # the key is over: a new one means a new socket
