"""What OKX trade is like: hosts, socket, frames that we send, limits, and what a cancel may name."""

import orjson
import pytest

from protocols.dialect import DIAL, Endpoints, Profile, Role, Scope
from protocols.errors import BadRequest, ConfigMistake
from protocols.evidence import Step
from protocols.fix import Road
from protocols.venues.okx.dialect import OkxTrade
from protocols.venues.registry import VENUES, dialect_for
from tests.protocols.okx_material import CLIENT_ORDER_ID, CREDENTIALS, OKX, ORDER_ID, PLAN, SECRET, question, wire

REFERENCE = {"BTC-USDT-SWAP": "10459"}


# ---------------------------------------------------------------- where


def test_live_and_demo_have_hosts_of_their_own_and_no_port() -> None:
    assert OKX.endpoints() == Endpoints("https://openapi.okx.com", "wss://ws.okx.com")
    assert OkxTrade(Profile("demo")).endpoints() == Endpoints("https://openapi.okx.com", "wss://wspap.okx.com")


def test_an_accounts_own_endpoints_go_before() -> None:
    own = Endpoints("http://127.0.0.1:9000", "ws://127.0.0.1:9000")
    assert OkxTrade(Profile(endpoints=own)).endpoints() == own


def test_an_unknown_environment_is_a_mistake_with_its_path() -> None:
    with pytest.raises(ConfigMistake) as mistake:
        OkxTrade(Profile("paper"))
    assert mistake.value.path == "environment"


def test_the_registry_knows_okx_and_refuses_strangers() -> None:
    assert isinstance(dialect_for("okx", Profile()), OkxTrade)
    for name in VENUES:
        assert dialect_for(name, Profile()).traits.venue == name
    with pytest.raises(ConfigMistake, match="venue: 'kraken'"):
        dialect_for("kraken", Profile())


# ---------------------------------------------------------------- the socket


def test_one_private_socket_serves_orders_and_pushes() -> None:
    assert OKX.sockets() == (PLAN,)
    assert (PLAN.name, PLAN.path, PLAN.needs_login) == ("private", "/ws/v5/private", True)
    assert PLAN.roles == {Role.ORDER_ENTRY, Role.DROP_COPY}


def test_the_socket_is_pinged_and_found_dead_inside_the_venues_30_seconds() -> None:
    assert PLAN.heartbeat.ping == "ping"
    assert PLAN.heartbeat.idle_ms + PLAN.heartbeat.dead_ms <= 30_000


def test_a_login_is_signed_for_the_venues_seconds() -> None:
    frame = OKX.login(PLAN, CREDENTIALS, 1_704_876_947_999_999)
    assert orjson.loads(frame) == {
        "op": "login",
        "args": [
            {
                "apiKey": "K",
                "passphrase": "P",
                "timestamp": "1704876947",
                "sign": "5/36BgGV6m/6pmdc20zdqk0mzF5ZalmzzPD2fo3wavU=",
            }
        ],
    }
    assert SECRET not in frame


def test_all_orders_of_all_types_are_subscribed_to() -> None:
    ((key, frame),) = OKX.subscriptions(PLAN)
    assert key == "orders"
    written = orjson.loads(frame)
    assert written == {"id": "suborders", "op": "subscribe", "args": [{"channel": "orders", "instType": "ANY"}]}
    assert written["id"].isalnum()


# ---------------------------------------------------------------- cancels by WebSocket


def test_a_cancel_names_the_instrument_by_its_integer_code() -> None:
    frame = OKX.cancel_frame(wire(), REFERENCE)
    assert frame == '{"id":"c0000001","op":"cancel-order","args":[{"instIdCode":10459,"ordId":"2900000000000000001"}]}'


def test_of_two_ids_the_orders_own_is_sent() -> None:
    both = OKX.cancel_frame(wire(ORDER_ID, CLIENT_ORDER_ID), REFERENCE)
    assert both == OKX.cancel_frame(wire(), REFERENCE)
    alias = OKX.cancel_frame(wire(None, CLIENT_ORDER_ID), REFERENCE)
    assert alias is not None
    assert orjson.loads(alias)["args"] == [{"instIdCode": 10459, "clOrdId": CLIENT_ORDER_ID}]


def test_without_a_code_the_socket_cannot_carry_it() -> None:
    assert OKX.cancel_frame(wire(instrument="ETH-USDT"), REFERENCE) is None


# ---------------------------------------------------------------- what a request may say


@pytest.mark.parametrize(
    ("order_id", "client_order_id"),
    [(ORDER_ID, None), (None, CLIENT_ORDER_ID), (ORDER_ID, CLIENT_ORDER_ID), ("0", None), ("9" * 32, "Z" * 32)],
)
def test_ids_within_the_venues_alphabet_pass(order_id: str | None, client_order_id: str | None) -> None:
    OKX.check_cancel(order_id, client_order_id, "BTC-USDT", {})


@pytest.mark.parametrize("instrument", ["BTC-USDT", "BTC-USD_UM-SWAP", "never-heard-of", "A.B", "x" * 64])
def test_an_unknown_instrument_is_no_mistake(instrument: str) -> None:
    OKX.check_cancel(ORDER_ID, None, instrument, {})


@pytest.mark.parametrize(
    ("order_id", "client_order_id", "instrument", "params", "path"),
    [
        ("", None, "BTC-USDT", {}, "order_id"),
        ("12a", None, "BTC-USDT", {}, "order_id"),
        ("1" * 33, None, "BTC-USDT", {}, "order_id"),
        ("١٢", None, "BTC-USDT", {}, "order_id"),
        ("12\n", None, "BTC-USDT", {}, "order_id"),
        (None, None, "BTC-USDT", {}, "order_id"),
        (None, "", "BTC-USDT", {}, "client_order_id"),
        (None, "with-hyphen", "BTC-USDT", {}, "client_order_id"),
        (None, "é", "BTC-USDT", {}, "client_order_id"),
        (None, "a" * 33, "BTC-USDT", {}, "client_order_id"),
        (ORDER_ID, "a b", "BTC-USDT", {}, "client_order_id"),
        (ORDER_ID, None, "", {}, "instrument"),
        (ORDER_ID, None, "x" * 65, {}, "instrument"),
        (ORDER_ID, None, "BTC USDT", {}, "instrument"),
        (ORDER_ID, None, 'BTC"USDT', {}, "instrument"),
        (ORDER_ID, None, "BTC-USDT", {"recvWindow": "5000"}, "venue_params.recvWindow"),
    ],
)
def test_what_the_venue_could_not_take_is_refused_by_its_path(
    order_id: str | None, client_order_id: str | None, instrument: str, params: dict[str, str], path: str
) -> None:
    with pytest.raises(BadRequest) as refused:
        OKX.check_cancel(order_id, client_order_id, instrument, params)
    assert (refused.value.reason, refused.value.path) == ("invalid_params", path)


# ---------------------------------------------------------------- traits


def test_the_published_limits_are_the_rules() -> None:
    rules = {rule.name: (rule.limit, rule.window_ms, rule.scope) for rule in OKX.traits.rate_rules}
    assert rules == {
        "cancel_order": (60, 2000, Scope.INSTRUMENT),
        "cancel_batch_orders": (300, 2000, Scope.INSTRUMENT),
        "order": (60, 2000, Scope.INSTRUMENT),
        "cancel_all_after": (1, 1000, Scope.USER),
        "orders_pending": (60, 2000, Scope.USER),
        "orders_history": (40, 2000, Scope.USER),
        "fills": (60, 2000, Scope.USER),
        "instruments": (20, 2000, Scope.ADDRESS),
        "account_instruments": (20, 2000, Scope.USER),
        "dial": (3, 1000, Scope.ADDRESS),
        "time": (10, 2000, Scope.ADDRESS),
        "account_config": (5, 2000, Scope.USER),
    }
    assert all(rule.page.startswith("OKX: ") for rule in OKX.traits.rate_rules)


def test_every_call_has_a_rule() -> None:
    ruled = {operation for rule in OKX.traits.rate_rules for operation in rule.operations}
    demo = OkxTrade(Profile("demo"))
    assert OKX.traits.switch is not None
    calls = [
        OKX.clock_call(),
        OKX.traits.switch.call(30, ""),
        OKX.identity_call(),
        OKX.cancel_call(wire()),
        OKX.batch_call([wire(), wire()]),
        *OKX.reference_calls(),
        *demo.reference_calls(),
        *(OKX.question_call(question(step), None) for step in OKX.traits.ladder),
    ]
    assert {call.operation for call in calls} | {DIAL} == ruled
    assert OKX.traits.cancel_operation == OKX.cancel_call(wire()).operation
    for step, operation in OKX.traits.question_operations.items():
        assert OKX.question_call(question(step), None).operation == operation


def test_the_venue_is_asked_and_waited_for_as_its_sheet_says() -> None:
    traits = OKX.traits
    assert traits.ladder == (Step.ORDER, Step.OPEN_ORDERS, Step.HISTORY, Step.FILLS)
    assert traits.roads == (Road.WS, Road.REST)
    assert traits.products == ("",)
    assert (traits.timings.push_wait_ms, traits.timings.ack_wait_ms, traits.timings.per_order_gap_ms) == (1000, 500, 0)
    assert traits.order_memory_ms == traits.alias_memory_ms == 2 * 60 * 60 * 1000
    assert traits.venue_params == frozenset()
