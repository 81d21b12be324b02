"""What OKX spread trading is like where it differs from OKX trade: socket, cancels, codes, limits."""

import orjson
import pytest

from protocols.dialect import DIAL, Endpoints, Profile, RefusalKind, Role, Scope, Strange, SubscribeRefused
from protocols.evidence import CancelAnswered, Proof, Remedy, Step
from protocols.fix import Road
from protocols.mass import Everything
from protocols.rest import RestResponse
from protocols.venues.okx.codes import CODES
from protocols.venues.okx_spread.codes import CODES_OF_SPREADS, SPREAD_ROWS
from protocols.venues.okx_spread.dialect import OkxSpread
from protocols.venues.registry import dialect_for
from tests.protocols.okx_material import CREDENTIALS, body, question, wire, with_item
from tests.protocols.okx_spread_material import (
    ACCEPTED,
    CLIENT_ORDER_ID,
    ORDER_ID,
    PLAN,
    REFUSED,
    SPRD_ID,
    SPREAD,
    decoded,
)
from tests.protocols.reading import changed


def answer(raw: str) -> CancelAnswered:
    (item,) = decoded(raw)
    assert isinstance(item, CancelAnswered), item
    return item


# ---------------------------------------------------------------- where


def test_it_is_a_venue_of_its_own_at_okxs_hosts() -> None:
    assert isinstance(dialect_for("okx_spread", Profile()), OkxSpread)
    assert SPREAD.endpoints() == Endpoints("https://openapi.okx.com", "wss://ws.okx.com")
    assert OkxSpread(Profile("demo")).endpoints().ws == "wss://wspap.okx.com"


def test_one_business_socket_serves_ops_and_pushes() -> None:
    assert SPREAD.sockets() == (PLAN,)
    assert (PLAN.name, PLAN.path, PLAN.needs_login) == ("business", "/ws/v5/business", True)
    assert PLAN.roles == {Role.ORDER_ENTRY, Role.DROP_COPY}


def test_the_orders_of_all_spreads_are_subscribed_to() -> None:
    ((key, frame),) = SPREAD.subscriptions(PLAN)
    assert key == "sprd-orders"
    assert orjson.loads(frame) == {"id": "sprdorders", "op": "subscribe", "args": [{"channel": "sprd-orders"}]}


def test_a_subscription_at_the_wrong_url_is_refused_as_broken() -> None:
    refused = '{"id":"sprdorders","event":"error","code":"64001","msg":"moved","connId":"a"}'
    assert decoded(refused) == (SubscribeRefused("sprd-orders", RefusalKind.BROKEN, "64001", "moved"),)


# ---------------------------------------------------------------- cancels


def test_a_cancel_names_the_order_alone_and_needs_no_instrument_data() -> None:
    assert SPREAD.cancel_frame(wire(ORDER_ID, None, SPRD_ID), {}) == (
        '{"id":"c0000001","op":"sprd-cancel-order","args":[{"ordId":"3300000000000000001"}]}'
    )
    assert SPREAD.reference_calls() == ()
    assert SPREAD.read_reference(RestResponse(200, b"whatever")) == {}


@pytest.mark.parametrize("order_id", [ORDER_ID, None])
def test_of_two_ids_the_orders_own_is_sent_on_either_road(order_id: str | None) -> None:
    sent = {"ordId": ORDER_ID} if order_id else {"clOrdId": CLIENT_ORDER_ID}
    cancel = wire(order_id, CLIENT_ORDER_ID, SPRD_ID)
    frame = SPREAD.cancel_frame(cancel, {})
    assert frame is not None
    assert orjson.loads(frame)["args"] == [sent]
    assert orjson.loads(SPREAD.cancel_call(cancel).body) == sent


def test_a_rest_cancel_is_signed_as_the_page_says() -> None:
    call = SPREAD.cancel_call(wire("2510789768709120", None, SPRD_ID))
    signed = SPREAD.sign(call, CREDENTIALS, 1_607_418_537_715_000)
    assert (signed.method, signed.target) == ("POST", "/api/v5/sprd/cancel-order")
    assert signed.body == b'{"ordId":"2510789768709120"}'
    assert dict(signed.headers)["OK-ACCESS-SIGN"] == "5at6+amHcKIIj4qp5NKQH6aVwAo6Wu8+bmafBirK3M0="


def test_an_answer_keeps_every_field_of_the_page_and_has_no_times() -> None:
    found = answer(with_item(ACCEPTED, clOrdId="oktswap6"))
    assert (found.send_id, found.road, found.proof) == ("d0000001", Road.WS, Proof.ACCEPTED)
    assert found.fields == {
        "id": "d0000001",
        "op": "sprd-cancel-order",
        "code": "0",
        "msg": "",
        "clOrdId": "oktswap6",
        "ordId": ORDER_ID,
        "sCode": "0",
        "sMsg": "",
    }
    page = {"clOrdId": "oktswap6", "ordId": "12345689", "sCode": "0", "sMsg": ""}
    by_rest = SPREAD.read_cancel(wire(), body(page))
    assert by_rest.fields == {"code": "0", "msg": "", **page}
    assert (by_rest.order_id, by_rest.client_order_id, by_rest.proof) == ("12345689", "oktswap6", Proof.ACCEPTED)


def test_an_answer_to_an_op_of_the_other_product_is_strange() -> None:
    (found,) = decoded(changed(ACCEPTED, op="cancel-order"))
    assert isinstance(found, Strange)


# ---------------------------------------------------------------- codes


@pytest.mark.parametrize(
    ("code", "proof", "remedy"),
    [
        ("51400", Proof.GONE, Remedy.NONE),
        ("51401", Proof.GONE, Remedy.NONE),
        ("51402", Proof.GONE, Remedy.NONE),
        ("51410", Proof.IN_PROGRESS, Remedy.NONE),
        ("51001", Proof.UNCHANGED_RETRY, Remedy.ALARM),
        ("50014", Proof.UNCHANGED_FINAL, Remedy.ALARM),
        ("75002", Proof.UNKNOWN, Remedy.ALARM),
    ],
)
def test_a_code_of_spreads_proves_what_the_page_says_and_no_more(code: str, proof: Proof, remedy: Remedy) -> None:
    for found in (
        answer(with_item(REFUSED, sCode=code)),
        answer(changed(REFUSED, data=[], code=code)),
        SPREAD.read_cancel(wire(), body({"ordId": ORDER_ID, "clOrdId": "", "sCode": code, "sMsg": ""}, code="1")),
    ):
        assert (found.proof, found.remedy, found.code) == (proof, remedy, code)


def test_all_other_codes_are_okxs_own() -> None:
    assert {code: row for code, row in CODES_OF_SPREADS.items() if code not in SPREAD_ROWS} == {
        code: row for code, row in CODES.items() if code not in SPREAD_ROWS
    }


def test_nothing_is_mended_by_instrument_data_which_are_not_loaded() -> None:
    assert Remedy.REFRESH_REFERENCE not in {row.remedy for row in CODES_OF_SPREADS.values()}


# ---------------------------------------------------------------- traits


def test_the_published_limits_are_the_rules() -> None:
    rules = {rule.name: (rule.limit, rule.window_ms, rule.scope) for rule in SPREAD.traits.rate_rules}
    assert rules == {
        "sprd_cancel_order": (20, 2000, Scope.USER),
        "sprd_mass_cancel": (10, 2000, Scope.USER),
        "sprd_order": (20, 2000, Scope.USER),
        "sprd_cancel_all_after": (1, 1000, Scope.USER),
        "sprd_orders_pending": (10, 2000, Scope.USER),
        "sprd_orders_history": (20, 2000, Scope.USER),
        "sprd_trades": (20, 2000, Scope.USER),
        "dial": (3, 1000, Scope.ADDRESS),
        "time": (10, 2000, Scope.ADDRESS),
        "account_config": (5, 2000, Scope.USER),
    }


def test_every_call_has_a_rule() -> None:
    identity = SPREAD.identity_call()
    assert identity is not None
    assert SPREAD.traits.switch is not None
    calls = [SPREAD.clock_call(), identity, SPREAD.cancel_call(wire()), SPREAD.traits.switch.call(30, "")]
    calls.append(SPREAD.mass_call("sprd_mass_cancel", Everything("")))
    calls += [SPREAD.question_call(question(step), None) for step in SPREAD.traits.ladder]
    assert {call.operation for call in calls} | {DIAL} == {
        operation for rule in SPREAD.traits.rate_rules for operation in rule.operations
    }
    assert SPREAD.traits.cancel_operation == SPREAD.cancel_call(wire()).operation
    for step, operation in SPREAD.traits.question_operations.items():
        assert SPREAD.question_call(question(step), None).operation == operation


def test_an_unfilled_order_is_remembered_for_two_hours() -> None:
    assert SPREAD.traits.order_memory_ms == SPREAD.traits.alias_memory_ms == 7_200_000
    assert SPREAD.traits.ladder == (Step.ORDER, Step.OPEN_ORDERS, Step.HISTORY, Step.FILLS)
