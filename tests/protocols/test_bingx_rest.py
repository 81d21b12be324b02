"""BingX's REST calls: cancels by both calls, listen keys, clock, account, and signatures against vectors."""

from urllib.parse import parse_qsl

import orjson
import pytest

from protocols.errors import RemoteError, Unreadable, VenueRefusal
from protocols.evidence import Allowance, CancelAnswered, Proof, Remedy
from protocols.fix import Road
from protocols.jsonread import frame_of
from protocols.rest import RestCall, RestResponse
from protocols.secret import Secret
from protocols.signing import bingx, raw_query
from protocols.venues.bingx.codes import CODES, row_of
from protocols.venues.bingx.listenkey import ListenKey
from tests.protocols.bingx_material import (
    BINGX,
    CANCEL_DATA,
    CLIENT_ORDER_ID,
    CREDENTIALS,
    ENDED,
    NOT_EXIST,
    ORDER_ID,
    body,
    wire,
)

NOW_US = 1_702_721_073_626_999
BAN = "over 20 error code:100404 requests within 480000 ms for this api, can retry after time: 1790000480000"


def read(response: RestResponse) -> CancelAnswered:
    return BINGX.read_cancel(wire(), response)


def read_sparing(response: RestResponse) -> CancelAnswered:
    return BINGX.read_cancel(wire(sparing=True), response)


# ---------------------------------------------------------------- signatures


@pytest.mark.parametrize(
    ("query", "signature"),
    [
        (
            "orderId=1735964079647111280&recvWindow=5000&symbol=BTC-USDT&timestamp=1702721073626",
            "8e8ba154857e649033fbd05c7e3a980d617ac0f60163a9395a3e411c64d17cd9",
        ),
        (
            "clientOrderID=oms_7&symbol=BTC-USDT&timestamp=1702721073626",
            "a0c5fe9258852ec92182060e4531667169e7447fab4debe0f6b29796cd0661fa",
        ),
        (
            "symbol=OTHR#99961-USDT&timestamp=1693166413910",
            "b2a349f6cdf960f8563e41aceab6be3d22ba2730bc153b665a1978a0e8000556",
        ),
        ("timestamp=1702721073626", "a20a085d6579940e7d1674e6d0d5b176a4d8363c768c60109e347d7cc24117a0"),
        (
            "orderIdList=[1735924831603391122,1735924833239172233]&symbol=BTC-USDT&timestamp=1702711750843",
            "bca4cab462408d892eacedfc4bf223693b056c93fa5e5a996cceb96060442871",
        ),
    ],
)
def test_a_call_is_signed_as_the_page_says(query: str, signature: str) -> None:
    assert bingx(Secret("secret"), query) == signature
    pairs = tuple(tuple(pair.split("=", 1)) for pair in reversed(query.split("&")))
    assert raw_query(pairs) == query  # type: ignore[arg-type]  # pairs of two


def test_a_call_is_sent_sorted_with_its_signature_last_and_its_key_in_a_header() -> None:
    call = RestCall(
        "x", "POST", "/p", (("symbol", "BTC-USDT"), ("orderId", "1735964079647111280"), ("recvWindow", "5000"))
    )
    signed = BINGX.sign(call, CREDENTIALS, NOW_US)
    assert signed.target == (
        "/p?orderId=1735964079647111280&recvWindow=5000&symbol=BTC-USDT&timestamp=1702721073626"
        "&signature=8e8ba154857e649033fbd05c7e3a980d617ac0f60163a9395a3e411c64d17cd9"
    )
    assert (signed.method, signed.headers, signed.body) == ("POST", (("X-BX-APIKEY", "K"),), b"")
    assert "signature" not in repr(signed)


@pytest.mark.parametrize(
    ("symbol", "sent"), [("OTHR#99961-USDT", "OTHR%2399961-USDT"), ("MØTH-USDT", "M%C3%98TH-USDT")]
)
def test_a_value_is_signed_raw_and_sent_encoded(symbol: str, sent: str) -> None:
    signed = BINGX.sign(RestCall("x", "GET", "/p", (("symbol", symbol),)), CREDENTIALS, 1_693_166_413_910_000)
    target, _, signature = signed.target.partition("&signature=")
    assert target == f"/p?symbol={sent}&timestamp=1693166413910"
    assert signature == bingx(Secret("secret"), f"symbol={symbol}&timestamp=1693166413910")


def test_a_public_call_is_not_signed() -> None:
    signed = BINGX.sign(BINGX.clock_call(), CREDENTIALS, NOW_US)
    assert (signed.target, signed.headers) == ("/openApi/spot/v1/server/time", ())


# ---------------------------------------------------------------- cancels


def test_a_cancel_has_every_parameter_of_the_page() -> None:
    call = BINGX.cancel_call(wire(params={"cancelRestrictions": "PENDING", "recvWindow": "5000"}))
    assert (call.method, call.path, call.body) == ("POST", "/openApi/spot/v1/trade/cancel", b"")
    signed = BINGX.sign(call, CREDENTIALS, NOW_US)
    sent = dict(parse_qsl(signed.target.partition("?")[2]))
    assert sent.pop("signature")
    assert sent == {
        "symbol": "BTC-USDT",
        "orderId": ORDER_ID,
        "cancelRestrictions": "PENDING",
        "recvWindow": "5000",
        "timestamp": "1702721073626",
    }


def test_of_two_ids_the_orders_own_is_sent() -> None:
    assert dict(BINGX.cancel_call(wire(ORDER_ID, CLIENT_ORDER_ID)).query) == {"symbol": "BTC-USDT", "orderId": ORDER_ID}
    alias = BINGX.cancel_call(wire(None, CLIENT_ORDER_ID)).query
    assert dict(alias) == {"symbol": "BTC-USDT", "clientOrderID": CLIENT_ORDER_ID}


def test_the_sparing_call_is_a_list_of_one_that_may_fail_in_part() -> None:
    call = BINGX.cancel_call(wire(sparing=True, params={"recvWindow": "5000"}))
    assert (call.operation, call.path) == ("cancel_orders", "/openApi/spot/v1/trade/cancelOrders")
    expected = {"symbol": "BTC-USDT", "orderIds": ORDER_ID, "process": "1", "recvWindow": "5000"}
    assert dict(call.query) == expected
    alias = dict(BINGX.cancel_call(wire(None, CLIENT_ORDER_ID, sparing=True)).query)
    assert alias == {"symbol": "BTC-USDT", "clientOrderIDs": CLIENT_ORDER_ID, "process": "1"}


@pytest.mark.parametrize("sparing", [False, True])
def test_a_cancel_without_an_id_is_never_written(sparing: bool) -> None:
    with pytest.raises(ValueError, match="at least one id"):
        BINGX.cancel_call(wire(None, None, sparing=sparing))


def test_an_acceptance_keeps_every_field_of_the_page() -> None:
    response = body(CANCEL_DATA)
    found = read(response)
    assert (found.send_id, found.road, found.proof, found.code) == ("c0000001", Road.REST, Proof.ACCEPTED, "0")
    assert (found.order_id, found.client_order_id) == (ORDER_ID, "oms_7")
    assert found.fields == {
        "code": "0",
        "msg": "",
        "debugMsg": "",
        "symbol": "BTC-USDT",
        "orderId": ORDER_ID,
        "price": "50000",
        "origQty": "0.02",
        "executedQty": "0.005",
        "cummulativeQuoteQty": "250",
        "status": "CANCELED",
        "type": "LIMIT",
        "side": "BUY",
        "clientOrderID": "oms_7",
        "stopPrice": "0",
    }
    assert found.frame == frame_of(response.body)
    assert not found.counts_as_error


@pytest.mark.parametrize("status", ["NEW", "PENDING", "PARTIALLY_FILLED", "FILLED", "FAILED", "never heard of"])
def test_an_acceptance_is_no_more_than_that_whatever_status_it_shows(status: str) -> None:
    assert read(body(CANCEL_DATA | {"status": status})).proof is Proof.ACCEPTED


def test_an_acceptance_without_ids_is_ours_and_one_about_another_order_is_not() -> None:
    bare = {key: value for key, value in CANCEL_DATA.items() if key not in {"orderId", "clientOrderID"}}
    found = read(body(bare))
    assert (found.proof, found.order_id) == (Proof.ACCEPTED, None)
    assert read(body(CANCEL_DATA | {"orderId": 1})).proof is Proof.UNKNOWN
    by_alias = BINGX.read_cancel(wire(None, "another"), body(CANCEL_DATA))
    assert by_alias.proof is Proof.UNKNOWN


@pytest.mark.parametrize("code", [code for code in CODES if code != "0"])
@pytest.mark.parametrize("message", ["", NOT_EXIST])
def test_a_refusal_is_read_by_code_and_text_and_counts_as_an_error(code: str, message: str) -> None:
    row = row_of(code, message)
    for shape in (body(code=int(code), msg=message), body(code=code, msg=message, timestamp=1, success=False)):
        found = read(shape)
        assert (found.proof, found.remedy, found.code) == (row.proof, row.remedy, code)
        assert (found.message, found.counts_as_error) == (message, True)


def test_a_ban_says_until_when_nothing_is_wanted() -> None:
    found = read(body(code=100410, msg=BAN))
    assert (found.proof, found.remedy) == (Proof.UNCHANGED_RETRY, Remedy.BACK_OFF)
    assert (found.hold_until_ms, found.hold_ms) == (1_790_000_480_000, 0)
    assert read(body(code=100410, msg="rate limited")).hold_until_ms is None
    assert read(body(code=100404, msg=f"{NOT_EXIST} 1790000480000")).hold_until_ms is None


def test_the_headers_of_any_answer_say_what_is_left_of_the_limit() -> None:
    headers = (("x-ratelimit-requests-remain", "1"), ("x-ratelimit-requests-expire", "1790000480000"))
    for plain in (body(CANCEL_DATA), body(code=100404, msg=ENDED), RestResponse(429, b"<html>")):
        told = RestResponse(plain.status, plain.body, headers)
        assert (read(plain).allowance, read(told).allowance) == (None, Allowance(1, None, 1_790_000_480_000))
    nonsense = (("x-ratelimit-requests-remain", "1.5"), headers[1])
    assert read(RestResponse(200, body(CANCEL_DATA).body, nonsense)).allowance is None


@pytest.mark.parametrize(("status", "hold_ms"), [(403, 60_000), (418, 60_000), (429, 10_000)])
def test_what_stands_before_the_venue_did_nothing_and_wants_a_pause(status: int, hold_ms: int) -> None:
    found = read(RestResponse(status, b"<html>blocked</html>"))
    assert (found.proof, found.remedy, found.hold_ms) == (Proof.UNCHANGED_RETRY, Remedy.BACK_OFF, hold_ms)
    assert not found.counts_as_error


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408, 520])
@pytest.mark.parametrize("answer", [body(CANCEL_DATA), body(code=100404, msg=ENDED), RestResponse(200, b"")])
def test_a_servers_failure_proves_nothing_whatever_its_body_says(status: int, answer: RestResponse) -> None:
    assert read(RestResponse(status, answer.body)).proof is Proof.UNKNOWN


@pytest.mark.parametrize("status", [200, 404])
@pytest.mark.parametrize("raw", [b"", b"<html>", b"[]", b"{}", b'{"code":0}', b'{"code":0,"data":7}', b'{"code":1.5}'])
def test_an_unreadable_answer_proves_nothing(status: int, raw: bytes) -> None:
    found = read(RestResponse(status, raw))
    assert (found.proof, found.remedy) == (Proof.UNKNOWN, Remedy.NONE)


# ---------------------------------------------------------------- the call that answers no error


def lists(orders: list[object], fails: list[object] | None = None) -> RestResponse:
    return body({"orders": orders, "fails": fails})


def failed(said: str, order_id: object = ORDER_ID) -> RestResponse:
    return lists([], [{"orderId": order_id, "error": said}])


def test_a_canceled_order_of_a_list_is_accepted() -> None:
    found = read_sparing(lists([CANCEL_DATA | {"transactTime": 1790000000010}]))
    assert (found.proof, found.order_id, found.fields["transactTime"]) == (Proof.ACCEPTED, ORDER_ID, "1790000000010")


@pytest.mark.parametrize("word", ["FILLED", "CANCELED", "CANCELLED", "FAILED", "EXPIRED"])
def test_a_failed_one_that_is_over_only_says_what_to_ask(word: str) -> None:
    said = f"the  orderId:{ORDER_ID} order status :{word},can not delete, please verify and retry later"
    found = read_sparing(failed(said))
    assert (found.proof, found.code, found.message) == (Proof.GONE, "0", said)
    assert (found.fields["orderId"], found.fields["error"]) == (ORDER_ID, said)
    assert not found.counts_as_error


@pytest.mark.parametrize("said", [" order not exist", "is not a valid order id"])
def test_a_failed_one_that_is_not_there_says_so(said: str) -> None:
    assert read_sparing(failed(said)).proof is Proof.GONE
    assert read_sparing(failed(said, 0)).proof is Proof.GONE


@pytest.mark.parametrize(
    "said", ["", "order status :PARTIALLY_FILLED,can not delete", "rate limited", "once per second"]
)
def test_any_other_failure_is_unknown(said: str) -> None:
    assert read_sparing(failed(said)).proof is Proof.UNKNOWN


@pytest.mark.parametrize(
    "response",
    [
        lists([]),
        lists([], []),
        body({}),
        lists([CANCEL_DATA, CANCEL_DATA]),
        lists([CANCEL_DATA], [{"orderId": ORDER_ID, "error": "FILLED"}]),
        lists([CANCEL_DATA | {"orderId": 7}]),
        failed("order status :FILLED", "7"),
        body({"orders": 7}),
    ],
)
def test_an_order_that_is_in_neither_list_or_another_one_is_unknown(response: RestResponse) -> None:
    assert read_sparing(response).proof is Proof.UNKNOWN


# ---------------------------------------------------------------- listen keys


@pytest.mark.parametrize("raw", [b'{"listenKey":"ab12"}', b'{"code":0,"msg":"","data":{"listenKey":"ab12"}}'])
def test_a_listen_key_comes_in_two_shapes(raw: bytes) -> None:
    key = ListenKey().read(RestResponse(200, raw))
    assert key.reveal() == "ab12"
    assert ListenKey().path(key) == "/market?listenKey=ab12"


def test_a_refused_key_tells_its_code() -> None:
    with pytest.raises(VenueRefusal) as refused:
        ListenKey().read(body(code=100413, msg="Incorrect apiKey"))
    assert refused.value.code == "100413"


@pytest.mark.parametrize("response", [RestResponse(200, b""), RestResponse(503, b'{"listenKey":"a"}'), body({})])
def test_no_key_is_made_up(response: RestResponse) -> None:
    with pytest.raises(Unreadable):
        ListenKey().read(response)


def test_a_key_is_asked_for_and_extended_by_signed_calls_within_its_hour() -> None:
    admission = BINGX.sockets()[0].admission
    assert admission is not None
    ask, extend = admission.ask(), admission.extend(Secret("ab12"))
    assert (ask.method, ask.path, ask.signed) == ("POST", "/openApi/user/auth/userDataStream", True)
    assert (extend.method, extend.path, extend.signed) == ("PUT", "/openApi/user/auth/userDataStream", True)
    assert extend.query == (("listenKey", "ab12"),)
    assert admission.extend_every_ms == 30 * 60_000


def test_an_extension_is_told_by_its_status() -> None:
    key = ListenKey()
    assert key.read_extension(RestResponse(200, b""))
    assert key.read_extension(body({}))
    assert not key.read_extension(RestResponse(404, b""))
    for response in (RestResponse(204, b""), RestResponse(503, b""), body(code=100410), RestResponse(200, b"<html>")):
        with pytest.raises(RemoteError):
            key.read_extension(response)


# ---------------------------------------------------------------- clock and account


def test_the_venues_time_is_read_in_microseconds() -> None:
    assert BINGX.read_clock(body({"serverTime": 1675319535362})) == 1_675_319_535_362_000
    assert BINGX.read_clock(body({"serverTime": "1675319535362"})) == 1_675_319_535_362_000
    for response in (body({}), body({"serverTime": 0}), body(code=100500), RestResponse(502, b"")):
        with pytest.raises(RemoteError):
            BINGX.read_clock(response)


def test_the_account_is_named_by_its_uid() -> None:
    call = BINGX.identity_call()
    assert (call.method, call.path, call.signed) == ("GET", "/openApi/account/v1/uid", True)
    assert BINGX.read_identity(body({"uid": 16789215})).venue_user_id == "16789215"
    with pytest.raises(VenueRefusal, match="100413"):
        BINGX.read_identity(body(code=100413, msg="Incorrect apiKey"))


def test_there_is_nothing_to_load_before_a_cancel() -> None:
    assert BINGX.reference_calls() == ()
    assert BINGX.read_reference(body({})) == {}
    assert orjson.loads(body({}).body)["code"] == 0
