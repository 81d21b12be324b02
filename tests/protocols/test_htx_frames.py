"""Inbound frames told apart: pings, control frames, answers without an op, pushes, and what is none of these."""

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
from protocols.jsonread import frame_of
from tests.protocols.htx_material import (
    ACCEPTED,
    CANCELED_ROW,
    CLIENT_ORDER_ID,
    CLOSE,
    ERROR,
    FRAMES,
    HTX,
    LOGIN_FAILED,
    LOGIN_OK,
    MATCHED,
    NAMELESS,
    NEW_ROW,
    NOTIFICATION,
    ORDER_ID,
    PING,
    REFUSED,
    SUBSCRIBE_FAILED,
    SUBSCRIBED,
    TRADE,
    answer,
    changed,
    decoded,
    only,
    push,
    zipped,
)

# ---------------------------------------------------------------- encodings


@pytest.mark.parametrize("raw", [*FRAMES, push(NEW_ROW)])
def test_a_frame_means_the_same_plain_or_zipped_on_either_socket(raw: str) -> None:
    for plan in (TRADE, NOTIFICATION):
        assert HTX.decode(plan, raw) == HTX.decode(plan, zipped(raw)) == HTX.decode(plan, raw.encode())


def test_what_is_kept_of_a_zipped_frame_can_be_read() -> None:
    assert answer(zipped(ACCEPTED)).frame == frame_of(ACCEPTED)


@pytest.mark.parametrize(
    "raw",
    [
        *("", "{", "null", "[]", "7", "{}", '{"op":7}', '{"op":"rotate"}', '{"ch":"x"}', b"\x1f\x8b", b"\xff\xfe"),
        '{"op":"notify"}',
        '{"op":"notify","topic":"orders_v6","data":[]}',
        '{"op":"auth"}',
        '{"op":"sub","err-code":0}',
        '{"op":"ping","ts":{}}',
        '{"op":"auth","err-code":0,"data":{"user-id":{}}}',
        zipped(ACCEPTED)[:40],
    ],
)
def test_what_is_none_of_these_is_kept_aside(raw: bytes | str) -> None:
    assert isinstance(only(raw), Strange)


# ---------------------------------------------------------------- life


@pytest.mark.parametrize("ts", ["1789700005001", 1789700005001])
def test_a_ping_is_answered_with_the_same_time_of_the_same_type(ts: object) -> None:
    found = only(changed(PING, ts=ts))
    assert isinstance(found, Alive)
    assert orjson.loads(found.reply or "") == {"op": "pong", "ts": ts}


def test_a_closing_venue_wants_a_new_socket() -> None:
    assert isinstance(only(CLOSE), ClosingSoon)


# ---------------------------------------------------------------- login and subscriptions


def test_a_login_names_the_keys_user() -> None:
    assert only(LOGIN_OK) == LoggedIn(user="100000001")
    assert only(changed(LOGIN_OK, data=None)) == LoggedIn()
    assert only(changed(LOGIN_OK, err_code_="0")) == LoggedIn(user="100000001")


def test_a_connection_that_is_authenticated_already_is_logged_in() -> None:
    assert only(changed(LOGIN_FAILED, err_code_=2005)) == LoggedIn()


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (2001, RefusalKind.BROKEN),
        (2002, RefusalKind.SEQUENCE),
        (2003, RefusalKind.CREDENTIALS),
        ("2003", RefusalKind.CREDENTIALS),
        (2004, RefusalKind.BUSY),
        (2007, RefusalKind.CREDENTIALS),
        (2013, RefusalKind.BROKEN),
        (2030, RefusalKind.BUSY),
        (4711, RefusalKind.BROKEN),
    ],
)
def test_a_refused_login_says_whether_trying_again_helps(code: object, kind: RefusalKind) -> None:
    found = only(changed(LOGIN_FAILED, err_code_=code))
    assert found == LoginRefused(kind, str(code), "Verification failure [校验失败]")


@pytest.mark.parametrize("code", [0, "0", 2014])
def test_a_subscription_stands_when_it_is_accepted_or_stood_before(code: object) -> None:
    assert only(changed(SUBSCRIBED, err_code_=code)) == Subscribed("orders")


@pytest.mark.parametrize(("code", "kind"), [(2010, RefusalKind.BROKEN), (2004, RefusalKind.BUSY)])
def test_a_refused_subscription_is_named(code: int, kind: RefusalKind) -> None:
    found = only(changed(SUBSCRIBE_FAILED, err_code_=code))
    assert found == SubscribeRefused("orders", kind, str(code), "Topic error.")


def test_an_end_of_the_subscription_blinds() -> None:
    assert isinstance(only(changed(SUBSCRIBED, op="unsub")), Blinded)
    assert isinstance(only(changed(SUBSCRIBED, op="unsub", topic="account")), Noted)


# ---------------------------------------------------------------- answers to cancels


def test_an_acceptance_is_told_by_its_cid_and_keeps_every_field() -> None:
    found = answer(ACCEPTED)
    assert (found.send_id, found.road, found.proof, found.code) == ("c0000001", Road.WS, Proof.ACCEPTED, "200")
    assert (found.order_id, found.client_order_id, found.message) == (ORDER_ID, CLIENT_ORDER_ID, "Success")
    assert found.fields == {
        "code": "200",
        "message": "Success",
        "order_id": ORDER_ID,
        "client_order_id": CLIENT_ORDER_ID,
        "ts": "1789700003490",
        "unknownException": "false",
        "cid": "c0000001",
    }


def test_a_refusal_says_what_it_proves_and_no_more() -> None:
    found = answer(REFUSED)
    assert (found.proof, found.code, found.order_id) == (Proof.GONE, "1071", None)
    assert found.message == "Repeated cancellation. Your order has been canceled."


def test_codes_may_be_texts_ids_numbers_and_the_message_elsewhere() -> None:
    found = answer(changed(ACCEPTED, code="200", message=None, msg="ok", data={"order_id": int(ORDER_ID)}))
    assert (found.proof, found.order_id, found.message) == (Proof.ACCEPTED, ORDER_ID, "ok")


@pytest.mark.parametrize("data", [None, {}, ""])
def test_without_an_item_the_top_code_decides(data: object) -> None:
    assert answer(changed(ACCEPTED, data=data)).proof is Proof.ACCEPTED


@pytest.mark.parametrize("broken", [{"code": None}, {"code": {}}, {"data": 7}])
def test_an_answer_that_cannot_be_read_proves_nothing(broken: dict[str, object]) -> None:
    found, aside = decoded(changed(ACCEPTED, **broken))
    assert isinstance(found, CancelAnswered)
    assert (found.send_id, found.proof) == ("c0000001", Proof.UNKNOWN)
    assert isinstance(aside, Strange)


@pytest.mark.parametrize(
    ("code", "proof", "remedy"),
    [
        (2001, Proof.UNCHANGED_RETRY, Remedy.OTHER_ROAD),
        (2002, Proof.UNCHANGED_RETRY, Remedy.LOG_IN),
        (2004, Proof.UNCHANGED_RETRY, Remedy.BACK_OFF),
        (2011, Proof.UNKNOWN, Remedy.NONE),
    ],
)
def test_a_control_code_that_names_a_send_answers_it(code: int, proof: Proof, remedy: Remedy) -> None:
    found = answer(changed(NAMELESS, err_code_=code, cid="c0000001"))
    assert (found.send_id, found.proof, found.remedy, found.code) == ("c0000001", proof, remedy, str(code))
    assert found.message == "invalid.op/ch"


def test_the_old_shape_of_a_refusal_is_read() -> None:
    found = answer('{"status":"error","err_code":1032,"err_msg":"too many","ts":1,"cid":"c0000001"}')
    assert (found.code, found.proof, found.message) == ("1032", Proof.UNCHANGED_RETRY, "too many")


def test_too_many_holds_until_the_time_that_the_venue_says() -> None:
    limit = {"limit": "72", "interval": "3000", "remaining": "0", "reset": "1789700006489"}
    assert answer(changed(REFUSED, code=1032, rate_limit=limit)).hold_until_ms == 1789700006489
    assert answer(changed(REFUSED, code=1032, rate_limit={"reset": "soon"})).hold_until_ms is None
    assert answer(changed(REFUSED, code=1032, rate_limit=7)).hold_until_ms is None
    assert answer(changed(REFUSED, rate_limit=limit)).hold_until_ms is None


def test_every_answer_says_what_is_left_of_the_limit() -> None:
    limit = {"limit": "24", "interval": "3000", "remaining": "7", "reset": "1789700006489"}
    for frame in (ACCEPTED, REFUSED):
        assert answer(changed(frame, rate_limit=limit)).allowance == Allowance(7, 24, 1789700006489)
    other_window = limit | {"interval": "1000"}
    assert answer(changed(REFUSED, rate_limit=other_window)).allowance == Allowance(7, None, 1789700006489)
    assert answer(changed(REFUSED, rate_limit={"remaining": 3})).allowance == Allowance(3)
    for nonsense in (7, {}, {"remaining": "-1"}, {"remaining": "1" * 5000}, {"remaining": None}, {"limit": "72"}):
        assert answer(changed(REFUSED, rate_limit=nonsense)).allowance is None


# ---------------------------------------------------------------- errors that name nobody


@pytest.mark.parametrize("raw", [NAMELESS, changed(ACCEPTED, cid=None), changed(REFUSED, cid=None), ERROR])
def test_an_error_or_answer_without_a_cid_names_nobody(raw: str) -> None:
    found = only(raw)
    assert isinstance(found, Uncorrelated)
    assert found.frame == frame_of(raw)


def test_a_socket_that_is_not_logged_in_is_replaced() -> None:
    nameless, closing = decoded(changed(NAMELESS, err_code_=2002))
    assert isinstance(nameless, Uncorrelated)
    assert isinstance(closing, ClosingSoon)


# ---------------------------------------------------------------- pushes


def test_a_push_has_one_order_and_a_list_of_them_is_read_as_well() -> None:
    assert isinstance(only(push(CANCELED_ROW)), OrderReported)
    first, second = decoded(push([NEW_ROW, {"state": "new"}]))
    assert isinstance(first, OrderReported)
    assert isinstance(second, Strange)


@pytest.mark.parametrize("data", [[], None, ""])
def test_a_push_without_an_order_asks_for_nothing(data: object) -> None:
    assert isinstance(only(push(data)), Noted)


def test_the_matching_engines_view_is_a_hint_and_never_evidence() -> None:
    assert isinstance(only(MATCHED), Noted)
