"""Cancels, clock, account, instruments and signatures over REST."""

import orjson
import pytest

from protocols.dialect import Profile, RefusalKind
from protocols.errors import RemoteError, Unreadable, VenueRefusal
from protocols.evidence import CancelAnswered, Proof, Remedy
from protocols.fix import Road
from protocols.jsonread import frame_of
from protocols.rest import RestCall, RestResponse
from protocols.signing import okx_rest
from protocols.venues.okx.codes import CODES
from protocols.venues.okx.dialect import OkxTrade
from tests.protocols.okx_material import (
    CLIENT_ORDER_ID,
    CREDENTIALS,
    OKX,
    ORDER_ID,
    SECRET,
    body,
    wire,
)

NOW_US = 1_607_418_537_715_000
DEMO = OkxTrade(Profile(environment="demo"))


def read(response: RestResponse) -> CancelAnswered:
    return OKX.read_cancel(wire(), response)


def item(code: object, **more: object) -> dict[str, object]:
    return {"clOrdId": "oktswap6", "ordId": ORDER_ID, "sCode": code, "sMsg": ""} | more


# ---------------------------------------------------------------- cancels


def test_a_cancel_names_its_instrument_and_one_id() -> None:
    call = OKX.cancel_call(wire(instrument="BTC-USDT"))
    assert (call.method, call.path, call.signed) == ("POST", "/api/v5/trade/cancel-order", True)
    assert orjson.loads(call.body) == {"instId": "BTC-USDT", "ordId": ORDER_ID}
    assert (call.operation, call.instrument) == (OKX.traits.cancel_operation, "BTC-USDT")


def test_of_two_ids_the_orders_own_is_sent() -> None:
    assert orjson.loads(OKX.cancel_call(wire(ORDER_ID, CLIENT_ORDER_ID)).body) == {
        "instId": "BTC-USDT-SWAP",
        "ordId": ORDER_ID,
    }
    assert orjson.loads(OKX.cancel_call(wire(None, CLIENT_ORDER_ID)).body)["clOrdId"] == CLIENT_ORDER_ID


def test_a_cancel_without_an_id_is_never_written() -> None:
    with pytest.raises(ValueError, match="at least one id"):
        OKX.cancel_call(wire(None, None))


def test_an_acceptance_keeps_every_field_of_the_page() -> None:
    response = body(item("0"), inTime="1695190491421339", outTime="1695190491423240")
    found = read(response)
    assert (found.send_id, found.road, found.proof) == ("c0000001", Road.REST, Proof.ACCEPTED)
    assert (found.order_id, found.client_order_id) == (ORDER_ID, "oktswap6")
    assert found.fields == {
        "code": "0",
        "msg": "",
        "clOrdId": "oktswap6",
        "ordId": ORDER_ID,
        "sCode": "0",
        "sMsg": "",
        "inTime": "1695190491421339",
        "outTime": "1695190491423240",
    }
    assert found.frame == frame_of(response.body)


@pytest.mark.parametrize("code", [code for code, row in CODES.items() if row.proof is not Proof.ACCEPTED])
@pytest.mark.parametrize("status", [200, 400, 401, 429])
def test_a_refusal_is_read_from_item_or_top_under_any_status_that_decides(code: str, status: int) -> None:
    row = CODES[code]
    for response in (body(item(code), code="1", status=status), body(code=code, status=status)):
        found = read(response)
        assert (found.proof, found.remedy, found.code) == (row.proof, row.remedy, code)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408, 520, 599])
@pytest.mark.parametrize("code", ["0", "51400", "51603", "50011"])
def test_a_servers_failure_proves_nothing_whatever_its_body_says(status: int, code: str) -> None:
    found = read(body(item(code), status=status))
    assert (found.proof, found.fields["sCode"]) == (Proof.UNKNOWN, code)


@pytest.mark.parametrize("status", [201, 302, 400, 403])
def test_success_under_another_status_proves_nothing(status: int) -> None:
    assert read(body(item("0"), status=status)).proof is Proof.UNKNOWN


@pytest.mark.parametrize("status", [200, 400, 403, 502])
@pytest.mark.parametrize("raw", [b"", b"<html>", b"[]", b"{}", b'{"code":"0","data":7}', b'{"code":1.5}'])
def test_an_unreadable_answer_proves_nothing(status: int, raw: bytes) -> None:
    found = read(RestResponse(status, raw))
    assert (found.proof, found.remedy) == (Proof.UNKNOWN, Remedy.NONE)


@pytest.mark.parametrize("response", [RestResponse(429, b"<html>"), body(code="50011"), body(code=50011, status=429)])
def test_too_many_is_not_processed_and_backed_off(response: RestResponse) -> None:
    found = read(response)
    assert (found.proof, found.remedy) == (Proof.UNCHANGED_RETRY, Remedy.BACK_OFF)


# ---------------------------------------------------------------- clock and account


def test_the_venues_time_is_read_in_microseconds() -> None:
    call = OKX.clock_call()
    assert (call.method, call.path, call.signed) == ("GET", "/api/v5/public/time", False)
    assert OKX.read_clock(body({"ts": "1597026383085"})) == 1_597_026_383_085_000
    assert OKX.read_clock(body({"ts": 1597026383085})) == 1_597_026_383_085_000


@pytest.mark.parametrize("response", [body(), body({}), body({"ts": "0"}), body({"ts": "x"}), RestResponse(502, b"")])
def test_a_time_that_was_not_said_is_not_made_up(response: RestResponse) -> None:
    with pytest.raises(Unreadable):
        OKX.read_clock(response)


def test_the_account_is_named_by_its_uid() -> None:
    call = OKX.identity_call()
    assert (call.method, call.path, call.signed) == ("GET", "/api/v5/account/config", True)
    assert OKX.read_identity(body({"uid": "44705892343619584", "mainUid": "1"})).venue_user_id == "44705892343619584"
    assert OKX.read_identity(body({"uid": "1", "perm": "read_only,trade"})).permissions == ("read_only", "trade")


def test_a_refused_account_is_refused_by_its_code() -> None:
    with pytest.raises(VenueRefusal) as refused:
        OKX.read_identity(body(code="50113", status=401))
    assert refused.value.code == "50113"
    assert OKX.refusal_of(refused.value.code) is RefusalKind.CREDENTIALS
    assert OKX.refusal_of("50102") is RefusalKind.CLOCK
    assert OKX.refusal_of("50011") is None


@pytest.mark.parametrize("response", [body(), body({"uid": ""}), body({"uid": 1.5e20}), body(7), body(status=403)])
def test_an_account_without_a_name_is_unreadable(response: RestResponse) -> None:
    with pytest.raises(Unreadable):
        OKX.read_identity(response)


# ---------------------------------------------------------------- instruments


def test_live_codes_come_from_the_public_listing_and_demo_ones_from_the_accounts_own() -> None:
    live, demo = OKX.reference_calls(), DEMO.reference_calls()
    assert {(call.path, call.signed) for call in live} == {("/api/v5/public/instruments", False)}
    assert {(call.path, call.signed) for call in demo} == {("/api/v5/account/instruments", True)}
    kinds = [(("instType", "SPOT"),), (("instType", "SWAP"),), (("instType", "FUTURES"),)]
    assert [call.query for call in live] == [call.query for call in demo] == kinds


def test_a_code_is_kept_as_text_and_a_missing_one_is_no_zero() -> None:
    rows = (
        {"instId": "BTC-USDT-SWAP", "instIdCode": 10459},
        {"instId": "ETH-USDT-SWAP", "instIdCode": "10461"},
        {"instId": "NEW-USDT", "instIdCode": None},
        {"instId": "OLD-USDT"},
        {"instId": "ZERO-USDT", "instIdCode": 0},
        {"instId": "MINUS-USDT", "instIdCode": -5},
        {"instId": "HALF-USDT", "instIdCode": 1.5},
        {"instId": "WORD-USDT", "instIdCode": "abc"},
        {"instId": "", "instIdCode": 7},
        "noise",
    )
    assert OKX.read_reference(body(*rows)) == {"BTC-USDT-SWAP": "10459", "ETH-USDT-SWAP": "10461"}


@pytest.mark.parametrize("response", [body(code="50011"), RestResponse(200, b"[]"), RestResponse(503, b"")])
def test_a_failed_listing_is_no_empty_one(response: RestResponse) -> None:
    with pytest.raises(RemoteError):
        OKX.read_reference(response)


# ---------------------------------------------------------------- signatures


def test_what_is_signed_is_what_is_sent() -> None:
    query = (("ordId", "1753197687182819328"), ("instId", "BTC-USDT"))
    signed = OKX.sign(RestCall("order", "GET", "/api/v5/trade/order", query), CREDENTIALS, NOW_US)
    assert signed.target == "/api/v5/trade/order?ordId=1753197687182819328&instId=BTC-USDT"
    assert dict(signed.headers) == {
        "Content-Type": "application/json",
        "OK-ACCESS-KEY": "K",
        "OK-ACCESS-SIGN": "S5gP6AYLAVlzFTte8MiUWZE75jrGrNAejP4urQrCvTo=",
        "OK-ACCESS-TIMESTAMP": "2020-12-08T09:08:57.715Z",
        "OK-ACCESS-PASSPHRASE": "P",
    }


def test_a_posted_body_is_signed_byte_by_byte() -> None:
    call = OKX.cancel_call(wire("590908157585625111", instrument="BTC-USDT"))
    signed = OKX.sign(call, CREDENTIALS, NOW_US)
    assert signed.body == b'{"instId":"BTC-USDT","ordId":"590908157585625111"}'
    assert dict(signed.headers)["OK-ACCESS-SIGN"] == "1R7BQKEU+7vVcdmv8WO+OaWB0Ms755E8lVWUD1sbqh8="


def test_an_odd_query_is_signed_as_it_is_encoded() -> None:
    signed = OKX.sign(RestCall("order", "GET", "/p", (("instId", "A&B C/é"),)), CREDENTIALS, NOW_US)
    assert signed.target == "/p?instId=A%26B+C%2F%C3%A9"
    sign = okx_rest(CREDENTIALS.secret, "2020-12-08T09:08:57.715Z", "GET", signed.target, b"")
    assert dict(signed.headers)["OK-ACCESS-SIGN"] == sign


@pytest.mark.parametrize("call", [OKX.clock_call(), OKX.identity_call()])
def test_in_demo_every_call_says_so(call: RestCall) -> None:
    assert ("x-simulated-trading", "1") in DEMO.sign(call, CREDENTIALS, NOW_US).headers
    assert "x-simulated-trading" not in dict(OKX.sign(call, CREDENTIALS, NOW_US).headers)


def test_a_public_call_carries_no_key() -> None:
    assert dict(OKX.sign(OKX.clock_call(), CREDENTIALS, NOW_US).headers) == {"Content-Type": "application/json"}


def test_a_signed_call_shows_no_secret() -> None:
    shown = repr(OKX.sign(OKX.identity_call(), CREDENTIALS, NOW_US))
    assert SECRET not in shown
    assert "OK-ACCESS" not in shown
