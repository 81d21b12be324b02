"""What Bitget is like, on both kinds of account: hosts, socket, what we send, limits, ids, signatures."""

import orjson
import pytest

from protocols import signing
from protocols.dialect import Endpoints, Profile, RefusalKind, Role, Scope
from protocols.errors import BadRequest, ConfigMistake, Unreadable, VenueRefusal
from protocols.evidence import Proof, Remedy, Step
from protocols.fix import Road
from protocols.rest import RestCall, RestResponse
from protocols.secret import Secret
from protocols.venues.bitget.classic import BitgetClassic
from protocols.venues.bitget.unified import BitgetUnified
from protocols.venues.registry import dialect_for
from tests.protocols.bitget_material import (
    CLASSIC,
    CLIENT_ORDER_ID,
    CREDENTIALS,
    ORDER_ID,
    PLAN,
    UNIFIED,
    Either,
    body,
    wire,
)

BOTH = pytest.mark.parametrize("dialect", [CLASSIC, UNIFIED], ids=["classic", "unified"])
SECRET = Secret("test-secret")

# ---------------------------------------------------------------- signatures: the vectors of the algorithm's text


@pytest.mark.parametrize(
    ("secret", "stamp", "sign"),
    [
        ("test-secret", "1700000000", "QKXMEacdjBcrVZaxWVJypn62KNrQGzBErbiQtYn6KO8="),
        ("test-secret", "1700000000000", "fh1tVj+qVXA8lGcfZg4ebfuPmbtZxK7+nAYywuwTeAo="),
        ("22582BD0CFF14C41EDBF1AB98506286D", "1538054050", "/4S0C3L8mGdm8894ulf8wfnQ6dqMXO8Iw95zlvMN8Zw="),
        ("test-api-secret", "1700000000", "X3EWQeL5AwAlQUbSLbUp/bShEUaFiRE5JYOIo1BG0Vw="),
    ],
)
def test_a_login_signature(secret: str, stamp: str, sign: str) -> None:
    assert signing.bitget_login(Secret(secret), stamp) == sign


@pytest.mark.parametrize(
    ("method", "target", "sent", "sign"),
    [
        (
            "POST",
            "/api/v2/mix/order/cancel-order",
            '{"symbol":"BTCUSDT","productType":"USDT-FUTURES","marginCoin":"USDT","orderId":"1376999173366317057"}',
            "4+kJ0IwJFBTx/Zh7cog1oHPvEM5jlmOV+Po20yMfZFg=",
        ),
        (
            "GET",
            "/api/v2/mix/order/detail?orderId=1376999173366317057&productType=USDT-FUTURES&symbol=BTCUSDT",
            "",
            "Sj2UFvHNYYEV4IXep/544vikt5guofvoOWc2T8n6nq8=",
        ),
        (
            "POST",
            "/api/v3/trade/cancel-order",
            '{"orderId":"1396095071110135834"}',
            "b+ErzfdldbClSAI9LMr44cx6gACugSSNIwT3PHmqiY4=",
        ),
    ],
)
def test_a_rest_signature(method: str, target: str, sent: str, sign: str) -> None:
    assert signing.bitget_rest(SECRET, "1700000000000", method, target, sent.encode()) == sign


@BOTH
def test_a_call_is_signed_as_it_is_sent_with_its_query_sorted(dialect: Either) -> None:
    query = (("symbol", "BTCUSDT"), ("productType", "USDT-FUTURES"), ("orderId", "1376999173366317057"))
    signed = dialect.sign(RestCall("x", "GET", "/api/v2/mix/order/detail", query), CREDENTIALS, 1_700_000_000_000_999)
    assert signed.target.endswith("?orderId=1376999173366317057&productType=USDT-FUTURES&symbol=BTCUSDT")
    assert dict(signed.headers) == {
        "Content-Type": "application/json",
        "locale": "en-US",
        "ACCESS-KEY": "K",
        "ACCESS-SIGN": "Sj2UFvHNYYEV4IXep/544vikt5guofvoOWc2T8n6nq8=",
        "ACCESS-TIMESTAMP": "1700000000000",
        "ACCESS-PASSPHRASE": "P",
    }


@BOTH
def test_a_query_is_signed_in_plain_text_and_sent_encoded(dialect: Either) -> None:
    signed = dialect.sign(RestCall("x", "GET", "/p", (("symbol", "币USDT"), ("clientOid", "a+b#c"))), CREDENTIALS, 0)
    assert signed.target == "/p?clientOid=a%2Bb%23c&symbol=%E5%B8%81USDT"
    plain = signing.bitget_rest(SECRET, "0", "GET", "/p?clientOid=a+b#c&symbol=币USDT", b"")
    assert dict(signed.headers)["ACCESS-SIGN"] == plain


@BOTH
def test_a_public_call_carries_no_key(dialect: Either) -> None:
    signed = dialect.sign(dialect.clock_call(), CREDENTIALS, 0)
    assert signed.target == "/api/v2/public/time"
    assert not [name for name, _ in signed.headers if name.startswith("ACCESS")]


# ---------------------------------------------------------------- where


@BOTH
def test_live_and_demo_have_sockets_of_their_own_and_rest_says_which(dialect: Either) -> None:
    assert dialect.endpoints() == Endpoints("https://api.bitget.com", "wss://ws.bitget.com")
    demo = type(dialect)(Profile("demo"))
    assert demo.endpoints() == Endpoints("https://api.bitget.com", "wss://wspap.bitget.com")
    assert ("paptrading", "1") in demo.sign(demo.clock_call(), CREDENTIALS, 0).headers
    own = Endpoints("http://127.0.0.1:9", "ws://127.0.0.1:9")
    assert type(dialect)(Profile(endpoints=own)).endpoints() == own
    with pytest.raises(ConfigMistake):
        type(dialect)(Profile("paper"))


def test_the_registry_knows_both_kinds_of_account() -> None:
    assert isinstance(dialect_for("bitget", Profile()), BitgetClassic)
    assert isinstance(dialect_for("bitget_uta", Profile()), BitgetUnified)


@BOTH
def test_one_socket_serves_cancels_and_pushes_inside_the_venues_limits(dialect: Either) -> None:
    (plan,) = dialect.sockets()
    assert plan.roles == {Role.ORDER_ENTRY, Role.DROP_COPY}
    assert plan.path == ("/v2/ws/private" if dialect is CLASSIC else "/v3/ws/private")
    assert plan.heartbeat.ping == "ping"
    assert plan.heartbeat.every_ms == 30_000
    assert (plan.frames_max, plan.frames_window_ms, plan.max_age_ms) == (10, 1000, 86_400_000)


# ---------------------------------------------------------------- what we say


@BOTH
def test_a_login_is_signed_for_the_venues_seconds(dialect: Either) -> None:
    frame = dialect.login(PLAN, CREDENTIALS, 1_700_000_000_999_999)
    assert orjson.loads(frame) == {
        "op": "login",
        "args": [
            {
                "apiKey": "K",
                "passphrase": "P",
                "timestamp": "1700000000",
                "sign": "QKXMEacdjBcrVZaxWVJypn62KNrQGzBErbiQtYn6KO8=",
            }
        ],
    }
    assert "test-secret" not in frame


def test_each_product_line_is_subscribed_to_by_a_frame_of_its_own() -> None:
    pairs = CLASSIC.subscriptions(PLAN)
    assert [key for key, _ in pairs] == ["USDT-FUTURES", "COIN-FUTURES", "USDC-FUTURES", "SPOT"]
    assert orjson.loads(pairs[3][1]) == {
        "op": "subscribe",
        "args": [{"instType": "SPOT", "channel": "orders", "instId": "default"}],
    }
    few = BitgetClassic(Profile(products=("SPOT",)))
    assert [key for key, _ in few.subscriptions(PLAN)] == ["SPOT"]


def test_the_unified_account_has_one_subscription_in_capitals() -> None:
    ((key, frame),) = UNIFIED.subscriptions(PLAN)
    assert key == "order"
    assert orjson.loads(frame) == {"op": "subscribe", "args": [{"instType": "UTA", "topic": "order"}]}


def test_a_classic_cancel_names_one_order_by_one_id() -> None:
    frame = CLASSIC.cancel_frame(wire(ORDER_ID, CLIENT_ORDER_ID), {})
    assert frame is not None
    assert orjson.loads(frame) == {
        "op": "trade",
        "args": [
            {
                "id": "s1",
                "instType": "USDT-FUTURES",
                "instId": "BTCUSDT",
                "channel": "cancel-order",
                "params": {"orderId": ORDER_ID},
            }
        ],
    }
    alias = CLASSIC.cancel_frame(wire(None, CLIENT_ORDER_ID, "SPOT"), {})
    assert alias is not None
    assert orjson.loads(alias)["args"][0]["params"] == {"clientOid": CLIENT_ORDER_ID}


def test_a_unified_cancel_has_its_category_in_small_letters() -> None:
    frame = UNIFIED.cancel_frame(wire(), {})
    assert frame is not None
    assert orjson.loads(frame) == {
        "op": "trade",
        "id": "s1",
        "category": "usdt-futures",
        "topic": "cancel-order",
        "args": [{"orderId": ORDER_ID}],
    }


def test_cancels_by_rest() -> None:
    futures = CLASSIC.cancel_call(wire(road=Road.REST))
    assert (futures.method, futures.path) == ("POST", "/api/v2/mix/order/cancel-order")
    assert orjson.loads(futures.body) == {"symbol": "BTCUSDT", "orderId": ORDER_ID, "productType": "USDT-FUTURES"}
    spot = CLASSIC.cancel_call(wire(None, CLIENT_ORDER_ID, "SPOT", Road.REST))
    assert spot.path == "/api/v2/spot/trade/cancel-order"
    assert orjson.loads(spot.body) == {"symbol": "BTCUSDT", "clientOid": CLIENT_ORDER_ID}
    unified = UNIFIED.cancel_call(wire(road=Road.REST))
    assert unified.path == "/api/v3/trade/cancel-order"
    assert orjson.loads(unified.body) == {"orderId": ORDER_ID, "category": "USDT-FUTURES"}


def test_a_cancel_needs_an_id() -> None:
    with pytest.raises(ValueError, match="at least one id"):
        CLASSIC.cancel_call(wire(None, None))


# ---------------------------------------------------------------- what a request may say


@pytest.mark.parametrize(
    ("dialect", "alias"),
    [(CLASSIC, "sqt_302711_B_17651012+#-"), (CLASSIC, "x" * 50), (UNIFIED, "a.B:/c_9-"), (UNIFIED, "y" * 32)],
)
def test_ids_within_the_venues_alphabet_pass(dialect: Either, alias: str) -> None:
    dialect.check_cancel(ORDER_ID, None, "BTCUSDT", {})
    dialect.check_cancel(None, alias, "BTCUSDT", {})
    dialect.check_cancel(ORDER_ID, alias, "币安USDT", {})


@pytest.mark.parametrize(
    ("dialect", "order_id", "alias", "instrument", "params", "path"),
    [
        (CLASSIC, None, None, "BTCUSDT", {}, "order_id"),
        (CLASSIC, "12a", None, "BTCUSDT", {}, "order_id"),
        (CLASSIC, "", None, "BTCUSDT", {}, "order_id"),
        (CLASSIC, None, "a.b", "BTCUSDT", {}, "client_order_id"),
        (CLASSIC, None, "x" * 51, "BTCUSDT", {}, "client_order_id"),
        (CLASSIC, ORDER_ID, "a b", "BTCUSDT", {}, "client_order_id"),
        (UNIFIED, None, "a+b", "BTCUSDT", {}, "client_order_id"),
        (UNIFIED, None, "x" * 33, "BTCUSDT", {}, "client_order_id"),
        (CLASSIC, ORDER_ID, None, "btcusdt", {}, "instrument"),
        (UNIFIED, ORDER_ID, None, "BTC USDT", {}, "instrument"),
        (UNIFIED, ORDER_ID, None, "", {}, "instrument"),
        (CLASSIC, ORDER_ID, None, "BTCUSDT", {"tpslType": "normal"}, "venue_params.tpslType"),
    ],
)
def test_what_the_venue_could_not_take_is_refused_by_its_path(
    dialect: Either, order_id: str | None, alias: str | None, instrument: str, params: dict[str, str], path: str
) -> None:
    with pytest.raises(BadRequest) as refused:
        dialect.check_cancel(order_id, alias, instrument, params)
    assert (refused.value.reason, refused.value.path) == ("invalid_params", path)


# ---------------------------------------------------------------- limits


@BOTH
def test_cancels_stay_below_what_a_socket_takes_and_every_question_has_its_rule(dialect: Either) -> None:
    traits = dialect.traits
    cancels = [rule for rule in traits.rate_rules if traits.cancel_operation in rule.operations]
    assert {(rule.scope, rule.limit, rule.window_ms) for rule in cancels} == {
        (Scope.USER, 10, 1000),
        (Scope.CONNECTION, 8, 1000),
    }
    known = {operation for rule in traits.rate_rules for operation in rule.operations}
    assert set(traits.question_operations.values()) <= known
    for leg in dialect.asks.listing(dialect.products):
        assert leg.operation in known
    assert all(rule.page.startswith("Bitget: ") for rule in traits.rate_rules)
    assert traits.timings.per_order_gap_ms == 1100


@BOTH
def test_a_listing_counts_as_many_calls_as_the_account_has_product_lines(dialect: Either) -> None:
    everything = dialect.traits.question_calls[Step.OPEN_ORDERS]
    assert everything == len(dialect.asks.listing(dialect.products)) == (7 if dialect is CLASSIC else 5)
    one = type(dialect)(Profile(products=("SPOT",)))
    assert one.traits.question_calls[Step.OPEN_ORDERS] == 1
    assert dialect.traits.question_calls[Step.OPEN_ORDERS] == everything


@BOTH
def test_a_listing_of_one_product_line_counts_its_own_calls_by_the_rule_of_all_listings(dialect: Either) -> None:
    traits = dialect.traits
    calls = max(len(dialect.asks.listing((product,))) for product in dialect.products)
    assert traits.question_calls.get(Step.PRODUCT_ORDERS, 1) == calls
    listings = {traits.question_operations[step] for step in (Step.OPEN_ORDERS, Step.PRODUCT_ORDERS)}
    assert [rule.operations for rule in traits.rate_rules if rule.operations & listings] == [listings]
    assert traits.alias_listing is Step.PRODUCT_ORDERS


# ---------------------------------------------------------------- clock, account, answers to cancels by REST


@BOTH
def test_the_venues_time(dialect: Either) -> None:
    assert dialect.read_clock(body({"serverTime": "1700111073740"})) == 1_700_111_073_740_000
    for bad in (body({"serverTime": ""}), body(None), body({"serverTime": "1"}, code="40015", status=400)):
        with pytest.raises((Unreadable, VenueRefusal)):
            dialect.read_clock(bad)
    assert dialect.reference_calls() == ()
    assert dialect.read_reference(body({})) == {}


def test_whose_key_it_is() -> None:
    classic, unified = CLASSIC.identity_call(), UNIFIED.identity_call()
    assert classic is not None
    assert unified is not None
    assert (classic.path, unified.path) == ("/api/v2/spot/account/info", "/api/v3/account/settings")
    assert CLASSIC.read_identity(body({"userId": 7264631750})).venue_user_id == "7264631750"
    assert CLASSIC.read_identity(body({"userId": 1, "authorities": ["coow", "stow"]})).permissions == ("coow", "stow")
    assert UNIFIED.read_identity(body({"uid": "7264631750"})).venue_user_id == "7264631750"


@pytest.mark.parametrize(
    ("dialect", "code", "hint"), [(CLASSIC, "40085", '"bitget_uta"'), (UNIFIED, "25245", '"bitget"')]
)
def test_an_account_of_the_other_mode_is_named_as_such(dialect: Either, code: str, hint: str) -> None:
    with pytest.raises(VenueRefusal) as refused:
        dialect.read_identity(body(None, code, 400, "not supported"))
    assert refused.value.code == code
    assert hint in refused.value.message
    assert dialect.refusal_of(code) is RefusalKind.ACCOUNT


@BOTH
def test_a_rest_acceptance(dialect: Either) -> None:
    found = dialect.read_cancel(wire(road=Road.REST), body({"orderId": ORDER_ID, "clientOid": ""}))
    assert (found.send_id, found.road, found.proof, found.code) == ("s1", Road.REST, Proof.ACCEPTED, "00000")
    assert (found.order_id, found.client_order_id) == (ORDER_ID, None)
    assert found.fields["requestTime"] == "1695823012595"


@BOTH
@pytest.mark.parametrize("data", [None, "", {}, []])
def test_a_business_error_comes_under_http_400_without_data(dialect: Either, data: object) -> None:
    found = dialect.read_cancel(wire(), body(data, "25204", 400, "Order does not exist"))
    assert (found.proof, found.code, found.message) == (Proof.GONE, "25204", "Order does not exist")


@BOTH
@pytest.mark.parametrize(
    ("response", "proof", "remedy"),
    [
        (RestResponse(429, b"slow down"), Proof.UNCHANGED_RETRY, Remedy.BACK_OFF),
        (body(None, "429", 429), Proof.UNCHANGED_RETRY, Remedy.BACK_OFF),
        (RestResponse(502, b"<html>"), Proof.UNKNOWN, Remedy.NONE),
        (body(None, "43001", 500), Proof.UNKNOWN, Remedy.NONE),
        (body({"orderId": "1"}, "00000", 500), Proof.UNKNOWN, Remedy.NONE),
        (body({"orderId": "1"}, "00000", 400), Proof.UNKNOWN, Remedy.NONE),
        (body([{"orderId": "1"}, {"orderId": "2"}]), Proof.UNKNOWN, Remedy.NONE),
        (body(None, "40014", 400), Proof.UNCHANGED_FINAL, Remedy.ALARM),
        (body(None, "30003", 400), Proof.UNKNOWN, Remedy.ALARM),
    ],
)
def test_what_other_answers_by_rest_prove(
    dialect: Either, response: RestResponse, proof: Proof, remedy: Remedy
) -> None:
    found = dialect.read_cancel(wire(), response)
    assert (found.proof, found.remedy) == (proof, remedy)
