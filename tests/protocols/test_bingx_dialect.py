"""What BingX spot is like: hosts, its one socket, limits on calls and on errors, and what a cancel may name."""

import pytest

from protocols.dialect import Endpoints, Profile, Role, Scope, SparingCancel
from protocols.errors import BadRequest, ConfigMistake
from protocols.evidence import Step
from protocols.fix import Road
from protocols.mass import Everything
from protocols.venues.bingx.dialect import BingxSpot
from protocols.venues.registry import dialect_for
from tests.protocols.bingx_material import BINGX, CLIENT_ORDER_ID, ORDER_ID, PLAN, question, wire


def test_live_has_its_hosts_and_an_accounts_own_go_before() -> None:
    assert BINGX.endpoints() == Endpoints("https://open-api.bingx.com", "wss://open-api-ws.bingx.com")
    own = Endpoints("http://127.0.0.1:9000", "ws://127.0.0.1:9000")
    assert BingxSpot(Profile(endpoints=own)).endpoints() == own


@pytest.mark.parametrize("environment", ["demo", "paper"])
def test_there_is_no_demo_of_spot_orders(environment: str) -> None:
    with pytest.raises(ConfigMistake) as mistake:
        dialect_for("bingx", Profile(environment))
    assert mistake.value.path == "environment"


def test_one_socket_pushes_and_takes_no_cancel() -> None:
    assert BINGX.sockets() == (PLAN,)
    assert (PLAN.path, PLAN.needs_login, PLAN.roles) == ("/market", False, frozenset({Role.DROP_COPY}))
    assert PLAN.admission is not None
    assert BINGX.cancel_frame(wire(), {}) is None
    assert BINGX.traits.roads == (Road.REST,)


def test_the_server_pings_and_silence_is_borne_past_its_slowest_rhythm() -> None:
    assert PLAN.heartbeat.ping is None
    assert 60_000 <= PLAN.heartbeat.idle_ms + PLAN.heartbeat.dead_ms <= 90_000


# ---------------------------------------------------------------- what a request may say


@pytest.mark.parametrize(
    ("order_id", "client_order_id"),
    [(ORDER_ID, None), (None, CLIENT_ORDER_ID), (ORDER_ID, CLIENT_ORDER_ID), (str(2**63 - 1), None), (None, "Z" * 40)],
)
def test_ids_within_the_venues_alphabet_pass(order_id: str | None, client_order_id: str | None) -> None:
    BINGX.check_cancel(order_id, client_order_id, "BTC-USDT", {})


@pytest.mark.parametrize("instrument", ["BTC-USDT", "OTHR#99961-USDT", "MØTH-USDT", "never-heard-of", "x" * 64])
def test_an_unknown_symbol_is_no_mistake(instrument: str) -> None:
    BINGX.check_cancel(ORDER_ID, None, instrument, {})


@pytest.mark.parametrize(
    "params",
    [
        {"cancelRestrictions": "NEW"},
        {"cancelRestrictions": "PENDING"},
        {"cancelRestrictions": "PARTIALLY_FILLED", "recvWindow": "5000"},
        {"recvWindow": "0.5"},
        {"recvWindow": "60000"},
    ],
)
def test_the_pages_own_parameters_pass(params: dict[str, str]) -> None:
    BINGX.check_cancel(ORDER_ID, None, "BTC-USDT", params)
    assert params.keys() <= BINGX.traits.venue_params


@pytest.mark.parametrize(
    ("order_id", "client_order_id", "instrument", "params", "path"),
    [
        (None, None, "BTC-USDT", {}, "order_id"),
        ("", None, "BTC-USDT", {}, "order_id"),
        ("12a", None, "BTC-USDT", {}, "order_id"),
        (str(2**63), None, "BTC-USDT", {}, "order_id"),
        ("1" * 20, None, "BTC-USDT", {}, "order_id"),
        ("١٢", None, "BTC-USDT", {}, "order_id"),
        ("12\n", None, "BTC-USDT", {}, "order_id"),
        (None, "", "BTC-USDT", {}, "client_order_id"),
        (None, "with-hyphen", "BTC-USDT", {}, "client_order_id"),
        (None, "é", "BTC-USDT", {}, "client_order_id"),
        (None, "a" * 41, "BTC-USDT", {}, "client_order_id"),
        (ORDER_ID, "a b", "BTC-USDT", {}, "client_order_id"),
        (ORDER_ID, None, "", {}, "instrument"),
        (ORDER_ID, None, "x" * 65, {}, "instrument"),
        (ORDER_ID, None, "BTC USDT", {}, "instrument"),
        (ORDER_ID, None, "BTC-USDT&orderId=1", {}, "instrument"),
        (ORDER_ID, None, "BTC-USDT", {"process": "1"}, "venue_params.process"),
        (ORDER_ID, None, "BTC-USDT", {"timestamp": "1"}, "venue_params.timestamp"),
        (ORDER_ID, None, "BTC-USDT", {"cancelRestrictions": "FILLED"}, "venue_params.cancelRestrictions"),
        (ORDER_ID, None, "BTC-USDT", {"recvWindow": "60001"}, "venue_params.recvWindow"),
        (ORDER_ID, None, "BTC-USDT", {"recvWindow": "0"}, "venue_params.recvWindow"),
        (ORDER_ID, None, "BTC-USDT", {"recvWindow": "5e3"}, "venue_params.recvWindow"),
        (ORDER_ID, None, "BTC-USDT", {"recvWindow": ""}, "venue_params.recvWindow"),
    ],
)
def test_what_the_venue_could_not_take_is_refused_by_its_path(
    order_id: str | None, client_order_id: str | None, instrument: str, params: dict[str, str], path: str
) -> None:
    with pytest.raises(BadRequest) as refused:
        BINGX.check_cancel(order_id, client_order_id, instrument, params)
    assert (refused.value.reason, refused.value.path) == ("invalid_params", path)


# ---------------------------------------------------------------- traits


def test_the_published_limits_are_the_rules() -> None:
    rules = {rule.name: (rule.limit, rule.window_ms, rule.scope) for rule in BINGX.traits.rate_rules}
    assert rules == {
        "cancel": (5, 1000, Scope.USER),
        "cancel_orders": (2, 1000, Scope.USER),
        "cancel_open_orders": (2, 1000, Scope.USER),
        "cancel_all_after": (1, 1000, Scope.USER),
        "query": (10, 1000, Scope.USER),
        "open_orders": (10, 1000, Scope.USER),
        "history_orders": (10, 1000, Scope.USER),
        "my_trades": (5, 1000, Scope.USER),
        "listen_key": (2, 1000, Scope.USER),
        "uid": (10, 1000, Scope.USER),
        "cancel_by_address": (300, 10_000, Scope.ADDRESS),
        "cancel_orders_by_address": (300, 10_000, Scope.ADDRESS),
        "cancel_open_orders_by_address": (300, 10_000, Scope.ADDRESS),
        "query_by_address": (300, 10_000, Scope.ADDRESS),
        "open_orders_by_address": (300, 10_000, Scope.ADDRESS),
        "time": (500, 10_000, Scope.ADDRESS),
    }
    assert all(rule.page.startswith("BingX: ") for rule in BINGX.traits.rate_rules)


def test_every_call_has_a_rule() -> None:
    ruled = {operation for rule in BINGX.traits.rate_rules for operation in rule.operations}
    assert PLAN.admission is not None
    assert BINGX.traits.switch is not None
    calls = [
        BINGX.clock_call(),
        BINGX.traits.switch.call(30, ""),
        BINGX.identity_call(),
        BINGX.cancel_call(wire()),
        BINGX.cancel_call(wire(sparing=True)),
        BINGX.mass_call("cancel_open_orders", Everything("")),
        PLAN.admission.ask(),
        *(BINGX.question_call(question(step), None) for step in BINGX.traits.ladder),
    ]
    assert {call.operation for call in calls} == ruled
    assert BINGX.traits.cancel_operation == BINGX.cancel_call(wire()).operation
    for step, operation in BINGX.traits.question_operations.items():
        assert BINGX.question_call(question(step), None).operation == operation


def test_either_cancel_and_each_question_have_a_budget_of_errors_of_their_own() -> None:
    traits = BINGX.traits
    asked = [traits.question_operations[step] for step in traits.ladder]
    assert [(rule.operations, rule.limit, rule.window_ms) for rule in traits.error_rules] == [
        (frozenset({operation}), 20, 480_000) for operation in (traits.cancel_operation, "cancel_orders", *asked)
    ]
    assert traits.sparing_cancel == SparingCancel("cancel_orders", frozenset({"recvWindow"}))


def test_the_venue_is_asked_and_waited_for_as_its_sheet_says() -> None:
    traits = BINGX.traits
    assert traits.ladder == (Step.ORDER, Step.OPEN_ORDERS, Step.HISTORY, Step.FILLS)
    assert traits.products == ("",)
    assert (traits.timings.push_wait_ms, traits.timings.per_order_gap_ms) == (1500, 1100)
    assert traits.alias_memory_ms == 2 * 60 * 60 * 1000
    assert traits.alias_window_ms < traits.alias_memory_ms
