"""What is written to HTX: logins, subscriptions, cancels and questions, signed as its pages say."""

import orjson
import pytest

from protocols import signing
from protocols.dialect import Endpoints, Profile, RefusalKind, Role
from protocols.errors import BadRequest, ConfigMistake, RemoteError, Unreadable, VenueRefusal
from protocols.evidence import Step
from protocols.fix import Road
from protocols.rest import RestResponse
from protocols.venues.htx.dialect import HtxFutures, signed_host
from protocols.venues.registry import dialect_for
from tests.protocols.htx_material import (
    CLIENT_ORDER_ID,
    CREDENTIALS,
    HTX,
    KEY,
    NOTIFICATION,
    NOW_US,
    ORDER_ID,
    TRADE,
    question,
    wire,
)

AWS = HtxFutures(Profile(endpoints=Endpoints("https://api.hbdm.vn", "wss://api.hbdm.vn")))


def test_the_registry_knows_it() -> None:
    assert isinstance(dialect_for("htx", Profile()), HtxFutures)


def test_its_bases_are_the_venues_or_the_accounts_own() -> None:
    assert HTX.endpoints() == Endpoints("https://api.hbdm.com", "wss://api.hbdm.com")
    assert AWS.endpoints().ws == "wss://api.hbdm.vn"


def test_there_is_no_environment_for_tests() -> None:
    with pytest.raises(ConfigMistake):
        HtxFutures(Profile("demo"))


# ---------------------------------------------------------------- ids


@pytest.mark.parametrize("order_id", ["1234567890", "155060000000000001", "1550600000000000001"])
def test_ids_of_any_length_up_to_sixty_four_bits_are_text(order_id: str) -> None:
    HTX.check_cancel(order_id, None, "BTC-USDT-241115", {})
    assert orjson.loads(HTX.cancel_call(wire(order_id)).body)["order_id"] == order_id


@pytest.mark.parametrize("wrong", ["", "x", "1" * 20, "-1", "1.0", "\uff11", "1550600000000000001 "])
@pytest.mark.parametrize("name", ["order_id", "client_order_id"])
def test_ids_that_are_no_integers_are_refused(name: str, wrong: str) -> None:
    ids = {"order_id": None, "client_order_id": None, name: wrong}
    with pytest.raises(BadRequest) as refused:
        HTX.check_cancel(ids["order_id"], ids["client_order_id"], "BTC-USDT", {})
    assert refused.value.path == name


def test_an_order_has_to_be_named() -> None:
    with pytest.raises(BadRequest):
        HTX.check_cancel(None, None, "BTC-USDT", {})


@pytest.mark.parametrize("wrong", ["", "btc-usdt", "BTC USDT", "*", "X" * 65])
def test_contract_codes_are_written_as_the_venue_answers_them(wrong: str) -> None:
    with pytest.raises(BadRequest, match="capitals"):
        HTX.check_cancel(ORDER_ID, None, wrong, {})


def test_there_are_no_parameters_beyond_the_page() -> None:
    with pytest.raises(BadRequest) as refused:
        HTX.check_cancel(ORDER_ID, None, "BTC-USDT", {"margin_mode": "cross"})
    assert refused.value.path == "venue_params.margin_mode"


# ---------------------------------------------------------------- sockets


def test_commands_and_pushes_have_a_socket_each() -> None:
    assert (TRADE.path, TRADE.roles) == ("/linear-swap-trade", frozenset({Role.ORDER_ENTRY}))
    assert (NOTIFICATION.path, NOTIFICATION.roles) == ("/ws/v5/notification", frozenset({Role.DROP_COPY}))
    assert all(plan.heartbeat.ping is None for plan in (TRADE, NOTIFICATION))  # the server pings


def test_a_login_is_signed_as_a_get_of_its_sockets_path_at_the_host_that_is_dialed() -> None:
    frame = orjson.loads(HTX.login(NOTIFICATION, CREDENTIALS, NOW_US))
    assert frame.pop("cid")
    assert frame == {
        "op": "auth",
        "type": "api",
        "AccessKeyId": KEY,
        "SignatureMethod": "HmacSHA256",
        "SignatureVersion": "2",
        "Timestamp": "2026-09-18T10:00:00",
        "Signature": "pCsYGQ3swF2u9f+9bxwGTGFx8RgtsTH2Uv45Ix2MmzE=",
    }
    trade = orjson.loads(HTX.login(TRADE, CREDENTIALS, NOW_US))
    assert trade["Signature"] == "hlvB7jeJB8yZMp10+IgftbAOKW/RWzSN9gAIbniIy8Y="
    aws = orjson.loads(AWS.login(NOTIFICATION, CREDENTIALS, NOW_US))
    assert aws["Signature"] == "5dvNZV5TKJZKTg3BKrkqbIPppyjuQpAGSPn34Jgve8E="


def test_only_the_drop_copy_subscribes_and_to_all_contracts() -> None:
    ((key, frame),) = HTX.subscriptions(NOTIFICATION)
    assert key == "orders"
    assert orjson.loads(frame) == {"op": "sub", "cid": "suborders", "topic": "orders", "contract_code": "*"}
    assert HTX.subscriptions(TRADE) == ()


@pytest.mark.parametrize(
    ("base", "host"),
    [
        ("https://api.hbdm.com", "api.hbdm.com"),
        ("https://API.hbdm.VN", "api.hbdm.vn"),
        ("https://api.hbdm.com:443", "api.hbdm.com"),
        ("https://api.hbdm.com:8443/base", "api.hbdm.com:8443"),
        ("ws://127.0.0.1:9000", "127.0.0.1:9000"),
        ("http://[::1]:80", "[::1]"),
    ],
)
def test_the_signed_host_is_the_one_that_is_dialed(base: str, host: str) -> None:
    assert signed_host(base) == host


def test_on_a_private_line_the_signed_host_is_the_public_one() -> None:
    own = HtxFutures(Profile(endpoints=Endpoints("https://10.0.0.1", "wss://10.0.0.1", "api.hbdm.com")))
    assert own.login(TRADE, CREDENTIALS, NOW_US) == HTX.login(TRADE, CREDENTIALS, NOW_US)
    call = HTX.cancel_call(wire())
    assert own.sign(call, CREDENTIALS, NOW_US).target == HTX.sign(call, CREDENTIALS, NOW_US).target


# ---------------------------------------------------------------- cancels


def test_a_cancel_names_contract_and_order_and_nothing_else() -> None:
    assert orjson.loads(HTX.cancel_frame(wire(), {}) or "") == {
        "op": "cancel_order",
        "cid": "c0000001",
        "data": {"contract_code": "ETH-USDT", "order_id": ORDER_ID},
    }
    call = HTX.cancel_call(wire())
    assert (call.method, call.path, call.query) == ("POST", "/v5/trade/cancel_order", ())
    assert orjson.loads(call.body) == {"contract_code": "ETH-USDT", "order_id": ORDER_ID}


def test_by_client_id_where_the_order_id_is_not_known() -> None:
    named = {"contract_code": "ETH-USDT", "client_order_id": CLIENT_ORDER_ID}
    assert orjson.loads(HTX.cancel_frame(wire(None, CLIENT_ORDER_ID), {}) or "")["data"] == named
    assert orjson.loads(HTX.cancel_call(wire(None, CLIENT_ORDER_ID)).body) == named
    assert orjson.loads(HTX.cancel_call(wire(ORDER_ID, CLIENT_ORDER_ID)).body)["order_id"] == ORDER_ID


def test_an_order_without_a_name_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="id"):
        HTX.cancel_call(wire(None, None))


# ---------------------------------------------------------------- REST


def test_a_post_signs_its_four_parameters_and_not_its_body() -> None:
    signed = HTX.sign(HTX.cancel_call(wire()), CREDENTIALS, NOW_US)
    assert signed.target == (
        f"/v5/trade/cancel_order?AccessKeyId={KEY}&SignatureMethod=HmacSHA256&SignatureVersion=2"
        "&Timestamp=2026-09-18T10%3A00%3A00&Signature=deBNgdr46rfKW6pcddosShZFFWB1YPDNhzYGLC1j7JI%3D"
    )
    assert signed.headers == (("Content-Type", "application/json"),)


def test_a_get_signs_its_own_parameters_too_in_ascii_order() -> None:
    signed = HTX.sign(HTX.question_call(question(Step.ORDER), None), CREDENTIALS, NOW_US)
    assert signed.target == (
        f"/v5/trade/order?AccessKeyId={KEY}&SignatureMethod=HmacSHA256&SignatureVersion=2"
        "&Timestamp=2026-09-18T10%3A00%3A00&contract_code=ETH-USDT&margin_mode=cross&order_id=1550600000000000001"
        "&Signature=1ESAlaCp7COpEHlTGOmy6Vd7xKnXFU%2FsJh04WNzhHX4%3D"
    )
    assert KEY not in repr(signed)


def test_another_host_is_another_signature() -> None:
    call = HTX.cancel_call(wire())
    assert AWS.sign(call, CREDENTIALS, NOW_US).target != HTX.sign(call, CREDENTIALS, NOW_US).target


def test_public_calls_are_not_signed() -> None:
    assert HTX.sign(HTX.clock_call(), CREDENTIALS, NOW_US).target == "/api/v1/timestamp"


def test_a_timestamp_has_no_fraction_and_no_zone() -> None:
    assert signing.iso_seconds(NOW_US + 999_999) == "2026-09-18T10:00:00"


def test_queries_are_percent_encoded_with_capital_digits() -> None:
    assert signing.sorted_query((("b", "a+/= ü"), ("A", ":"))) == "A=%3A&b=a%2B%2F%3D%20%C3%BC"


def test_the_venues_time_is_read_in_milliseconds() -> None:
    assert HTX.read_clock(RestResponse(200, b'{"status":"ok","ts":1789700003490}')) == 1_789_700_003_490_000


@pytest.mark.parametrize("raw", [b'{"status":"ok"}', b'{"status":"ok","ts":0}', b'{"ts":1}', b"nothing", b"[]"])
def test_an_answer_without_a_time_is_none(raw: bytes) -> None:
    with pytest.raises(Unreadable):
        HTX.read_clock(RestResponse(200, raw))


def test_a_refused_time_is_the_venues_own_word() -> None:
    with pytest.raises(VenueRefusal):
        HTX.read_clock(RestResponse(200, b'{"status":"error","err_code":1032,"err_msg":"too many"}'))


def test_whose_key_it_is_is_said_by_logins_only() -> None:
    assert HTX.identity_call() is None
    assert HTX.traits.login_names_user
    with pytest.raises(RemoteError):
        HTX.read_identity(RestResponse(200, b"{}"))


def test_frames_need_no_reference_data() -> None:
    assert HTX.reference_calls() == ()
    assert HTX.read_reference(RestResponse(200, b"{}")) == {}


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("12001", RefusalKind.CLOCK),
        ("12008", RefusalKind.CREDENTIALS),
        ("403", RefusalKind.CREDENTIALS),
        ("1061", None),
        ("200", None),
        ("99999", None),
    ],
)
def test_some_codes_speak_of_the_account(code: str, kind: RefusalKind | None) -> None:
    assert HTX.refusal_of(code) is kind


# ---------------------------------------------------------------- traits


def test_trading_and_reading_have_a_bucket_each_over_all_roads_and_contracts() -> None:
    trade, read, public = HTX.traits.rate_rules
    assert (trade.limit, trade.window_ms, trade.scope.value) == (72, 3000, "user")
    assert (read.limit, read.operations) == (72, frozenset(HTX.traits.question_operations.values()))
    assert public.limit == 240
    assert HTX.traits.cancel_operation in trade.operations
    assert HTX.traits.roads == (Road.WS, Road.REST)
    assert set(HTX.traits.question_calls.values()) == {2}
