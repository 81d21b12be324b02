"""Bitget's inbound frames: told apart by event and id, whichever generation's shape they have."""

import orjson
import pytest

from protocols.dialect import (
    Alive,
    Blinded,
    ClosingSoon,
    LoggedIn,
    LoginRefused,
    Noted,
    RefusalKind,
    Strange,
    Subscribed,
    SubscribeRefused,
    Uncorrelated,
)
from protocols.evidence import Allowance, CancelAnswered, OrderReported, Proof, Remedy
from protocols.fix import Road
from tests.protocols.bitget_material import (
    CANCELED_ROW,
    CLIENT_ORDER_ID,
    CLOSING,
    LIVE_ROW,
    LOGIN_FAILED,
    LOGIN_OK,
    NOT_LOGGED_IN,
    ORDER_ID,
    SUBSCRIBED,
    UNIFIED,
    UTA_ROW,
    UTA_SUBSCRIBED,
    V2_ACCEPTED,
    V2_ARG,
    V2_REFUSED,
    V3_ACCEPTED,
    V3_REFUSED,
    answer,
    decoded,
    only,
    push,
    uta_push,
)
from tests.protocols.reading import changed

# ---------------------------------------------------------------- heartbeat, login, subscriptions


@pytest.mark.parametrize("raw", ["pong", b"pong"])
def test_a_text_pong_is_a_sign_of_life(raw: str | bytes) -> None:
    assert only(raw) == Alive()


def test_a_text_ping_is_answered() -> None:
    assert only("ping") == Alive(reply="pong")


@pytest.mark.parametrize("code", ["0", '"0"', '"00000"'])
def test_a_login_is_accepted_by_number_or_text(code: str) -> None:
    assert only(LOGIN_OK.replace("0}", code + "}")) == LoggedIn()
    assert only(changed(LOGIN_OK, connId="abc")) == LoggedIn("abc")


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (30005, RefusalKind.CREDENTIALS),
        (30011, RefusalKind.CREDENTIALS),
        ("30012", RefusalKind.CREDENTIALS),
        (30013, RefusalKind.CLOCK),
        (30014, RefusalKind.CLOCK),
        (30015, RefusalKind.CREDENTIALS),
    ],
)
def test_a_login_is_refused_by_an_error_that_names_nobody(code: object, kind: RefusalKind) -> None:
    assert only(changed(LOGIN_FAILED, code=code)) == LoginRefused(kind, str(code), "Invalid sign")


def test_a_refusal_that_comes_as_a_login_is_read_too() -> None:
    assert only('{"event":"login","code":30015,"msg":"no"}') == LoginRefused(RefusalKind.CREDENTIALS, "30015", "no")


def test_a_subscription_is_acknowledged_by_its_product() -> None:
    assert only(SUBSCRIBED) == Subscribed("USDT-FUTURES")
    assert only(SUBSCRIBED.replace("USDT-FUTURES", "usdt-futures")) == Subscribed("USDT-FUTURES")
    assert only(UTA_SUBSCRIBED, UNIFIED) == Subscribed("order")
    assert isinstance(only(SUBSCRIBED.replace("orders", "positions")), Strange)
    assert isinstance(only(SUBSCRIBED, UNIFIED), Strange)


def test_a_subscription_that_ends_blinds() -> None:
    assert only(SUBSCRIBED.replace("subscribe", "unsubscribe")) == Blinded("unsubscribed from USDT-FUTURES")


def test_a_refused_subscription_may_name_its_arg_or_nothing() -> None:
    named = changed(SUBSCRIBED, event="error", code=30001, msg="doesn't exist")
    assert only(named) == SubscribeRefused("USDT-FUTURES", RefusalKind.BROKEN, "30001", "doesn't exist")
    refused, unnamed = decoded('{"event":"error","code":30001,"msg":"doesn\'t exist"}')
    assert refused == SubscribeRefused("", RefusalKind.BROKEN, "30001", "doesn't exist")
    assert isinstance(unnamed, Uncorrelated)


# ---------------------------------------------------------------- answers to cancels


def test_a_v2_acceptance_has_its_id_in_the_arg_and_every_field_of_the_page() -> None:
    found = answer(V2_ACCEPTED)
    assert (found.send_id, found.road, found.proof, found.code) == ("s1", Road.WS, Proof.ACCEPTED, "0")
    assert (found.order_id, found.client_order_id, found.remedy) == (ORDER_ID, None, Remedy.NONE)
    assert found.fields == {
        "event": "trade",
        "id": "s1",
        "instType": "USDT-FUTURES",
        "channel": "cancel-order",
        "instId": "BTCUSDT",
        "orderId": ORDER_ID,
        "code": "0",
        "msg": "Success",
        "ts": "1764129519844",
    }


def test_the_pages_own_sample_is_read_with_both_ids() -> None:
    arg = orjson.loads(V2_ARG) | {"params": {"orderId": ORDER_ID, "clientOid": CLIENT_ORDER_ID}}
    found = answer(changed(V2_ACCEPTED, arg=[arg], code="0", ts=None))
    assert (found.proof, found.order_id, found.client_order_id) == (Proof.ACCEPTED, ORDER_ID, CLIENT_ORDER_ID)
    assert found.fields["clientOid"] == CLIENT_ORDER_ID


def test_an_arg_that_is_an_object_is_read_as_the_page_says() -> None:
    assert answer(changed(V2_ACCEPTED, arg=orjson.loads(V2_ARG))).send_id == "s1"


@pytest.mark.parametrize("code", [43001, "43001"])
def test_a_v2_refusal_is_an_error_event_with_the_id(code: object) -> None:
    found = answer(changed(V2_REFUSED, code=code))
    assert (found.send_id, found.proof, found.code) == ("s1", Proof.GONE, "43001")
    assert found.message == "The order does not exist"


def test_a_v3_acceptance_carries_both_ids_and_whatever_was_added_since() -> None:
    args = [{"orderId": "1396095071110135834", "clientOid": "Aw", "receiveTime": "1", "pushTime": "2"}]
    later = changed(V3_ACCEPTED, args=args, connId="x", rateLimit=[{"limit": "10", "remaining": "9"}])
    for raw in (V3_ACCEPTED, later):
        found = answer(raw, UNIFIED)
        assert (found.send_id, found.proof, found.order_id) == ("s1", Proof.ACCEPTED, "1396095071110135834")
    assert answer(later, UNIFIED).fields["receiveTime"] == "1"


def test_a_v3_answer_says_what_is_left_of_its_limit() -> None:
    said = {"limit": "10", "remaining": "3"}
    assert answer(changed(V3_ACCEPTED, rateLimit=[said]), UNIFIED).allowance == Allowance(3, 10)
    for nonsense in (None, [], [said, said], said, [{"limit": "10"}], [{"remaining": "many"}], "3"):
        assert answer(changed(V3_ACCEPTED, rateLimit=nonsense), UNIFIED).allowance is None


@pytest.mark.parametrize("frame_id", ["s1", 17])
def test_a_v3_refusal_names_nothing_but_the_id(frame_id: object) -> None:
    found = answer(changed(V3_REFUSED, id=frame_id), UNIFIED)
    assert (found.send_id, found.proof, found.order_id) == (str(frame_id), Proof.GONE, None)


def test_an_items_own_code_decides() -> None:
    item = {"code": "25204", "msg": "Order does not exist", "orderId": "2", "clientOid": "b"}
    found = answer(changed(V3_ACCEPTED, args=[item]), UNIFIED)
    assert (found.proof, found.code, found.message) == (Proof.GONE, "25204", "Order does not exist")


@pytest.mark.parametrize(
    ("code", "remedy"), [(40014, Remedy.LEAVE_ROAD), (30003, Remedy.LEAVE_ROAD), (41101, Remedy.OTHER_ROAD)]
)
def test_what_only_this_socket_refuses_leaves_the_order_to_the_other_road(code: int, remedy: Remedy) -> None:
    found = answer(changed(V2_REFUSED, code=code))
    assert (found.proof, found.remedy) == (Proof.UNCHANGED_RETRY, remedy)


def test_a_code_that_nobody_knows_proves_nothing() -> None:
    found = answer(changed(V2_REFUSED, code=98765))
    assert (found.proof, found.remedy) == (Proof.UNKNOWN, Remedy.ALARM)


def test_an_answer_that_cannot_be_read_is_an_answer_all_the_same() -> None:
    unread, strange = decoded(changed(V2_REFUSED, code=[1]))
    assert isinstance(unread, CancelAnswered)
    assert (unread.send_id, unread.proof) == ("s1", Proof.UNKNOWN)
    assert isinstance(strange, Strange)


def test_an_answer_without_an_id_is_somebodys() -> None:
    arg = orjson.loads(V2_ARG)
    del arg["id"]
    found = only(changed(V2_ACCEPTED, arg=[arg]))
    assert isinstance(found, Uncorrelated)
    assert found.code == "0"


def test_an_answer_to_what_is_never_sent_is_strange() -> None:
    assert isinstance(only(V2_ACCEPTED.replace("cancel-order", "place-order")), Strange)


# ---------------------------------------------------------------- errors of the session


def test_an_error_that_names_nobody_keeps_its_remedy() -> None:
    found = only('{"event":"error","code":30003,"msg":"Invalid op"}')
    assert isinstance(found, Uncorrelated)
    assert (found.code, found.remedy, found.refusal) == ("30003", Remedy.LEAVE_ROAD, RefusalKind.BROKEN)
    assert found.frame is not None


def test_a_session_that_is_not_logged_in_needs_a_new_socket() -> None:
    refused, unnamed = decoded(NOT_LOGGED_IN)
    assert isinstance(refused, SubscribeRefused)
    assert refused.kind is RefusalKind.SEQUENCE
    assert isinstance(unnamed, Uncorrelated)
    assert unnamed.remedy is Remedy.LOG_IN


def test_a_socket_over_its_limit_will_be_closed_and_its_sends_are_unknown() -> None:
    unnamed, closing = decoded('{"event":"error","code":30007,"msg":"over limit"}')
    assert isinstance(unnamed, Uncorrelated)
    assert closing == ClosingSoon("30007 over limit")


@pytest.mark.parametrize("code", [30033, "30033"])
@pytest.mark.parametrize("event", ["error", "notice", "whatever"])
def test_a_service_upgrade_is_a_notice_and_blames_no_send(code: object, event: str) -> None:
    assert only(changed(CLOSING, code=code, event=event)) == ClosingSoon("30033 service upgrade")


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "{",
        "[]",
        "null",
        '{"event":"maintenance"}',
        '{"event":7}',
        '{"op":"x"}',
        "Ping",
        b"\xff\xfe",
        '{"event":[]}',
    ],
)
def test_what_is_none_of_these_is_kept_aside(raw: str | bytes) -> None:
    assert isinstance(only(raw), Strange)


# ---------------------------------------------------------------- pushes


def test_rows_are_read_one_by_one() -> None:
    first, strange, third = decoded(push(LIVE_ROW, {"orderId": "1"}, CANCELED_ROW))
    assert isinstance(first, OrderReported)
    assert isinstance(strange, Strange)
    assert "row 1" in strange.what
    assert isinstance(third, OrderReported)


def test_a_push_of_another_channel_or_product_is_strange() -> None:
    assert isinstance(only(push(LIVE_ROW).replace('"orders"', '"positions"')), Strange)
    assert isinstance(only(push(LIVE_ROW, product="MARGIN")), Strange)
    assert isinstance(only(uta_push(UTA_ROW | {"category": "options"}), UNIFIED), Strange)


def test_a_push_without_rows_says_nothing() -> None:
    assert only(push()) == Noted("a push without rows")
