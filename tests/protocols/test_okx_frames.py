"""Inbound frames told apart: pings, events, answers to cancels, and what is none of these."""

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
from protocols.evidence import CancelAnswered, Proof, Remedy
from protocols.fix import Road
from protocols.jsonread import frame_of
from protocols.venues.okx.codes import CODES
from tests.protocols.okx_material import (
    ACCEPTED,
    CLIENT_ORDER_ID,
    CLOSING,
    CONN_COUNT,
    CONN_COUNT_ERROR,
    FRAMES,
    LIVE_ROW,
    LOGIN_FAILED,
    LOGIN_OK,
    MALFORMED,
    NOT_LOGGED_IN,
    ORDER_ID,
    REFUSED,
    SUBSCRIBE_FAILED,
    SUBSCRIBED,
    TOO_FREQUENT,
    answer,
    decoded,
    only,
    push,
    with_item,
)
from tests.protocols.reading import changed

# ---------------------------------------------------------------- life


@pytest.mark.parametrize("raw", ["pong", b"pong"])
def test_a_pong_is_a_sign_of_life(raw: bytes | str) -> None:
    assert only(raw) == Alive()


@pytest.mark.parametrize("raw", ["ping", b"ping"])
def test_the_venues_own_ping_wants_a_pong(raw: bytes | str) -> None:
    assert only(raw) == Alive(reply="pong")


@pytest.mark.parametrize(
    "raw", ["", "PONG", "Ping", "{", "null", "[]", '"pong"', "7", "{}", '{"data":[]}', b"\xff\xfe"]
)
def test_what_is_none_of_these_is_kept_aside(raw: bytes | str) -> None:
    found = only(raw)
    assert isinstance(found, Strange)
    assert found.frame == frame_of(raw)


# ---------------------------------------------------------------- answers to cancels


def test_an_acceptance_names_its_send_and_keeps_every_field() -> None:
    found = answer(ACCEPTED)
    assert (found.send_id, found.road, found.proof, found.code) == ("c0000001", Road.WS, Proof.ACCEPTED, "0")
    assert (found.order_id, found.client_order_id, found.remedy) == (ORDER_ID, None, Remedy.NONE)
    assert found.fields == {
        "id": "c0000001",
        "op": "cancel-order",
        "code": "0",
        "msg": "",
        "inTime": "1763600003390123",
        "outTime": "1763600003391456",
        "clOrdId": "",
        "ordId": ORDER_ID,
        "ts": "1763600000100",
        "sCode": "0",
        "sMsg": "",
    }
    assert found.frame == frame_of(ACCEPTED)


def test_the_items_code_decides_over_the_top_one() -> None:
    assert (answer(REFUSED).proof, answer(REFUSED).code) == (Proof.GONE, "51400")
    assert answer(changed(REFUSED, code="0")).proof is Proof.GONE
    assert answer(changed(ACCEPTED, code="1")).proof is Proof.ACCEPTED


def test_without_an_item_the_top_code_decides() -> None:
    found = answer(MALFORMED)
    assert (found.proof, found.code, found.message) == (Proof.UNCHANGED_RETRY, "60013", "Invalid args")
    assert answer(changed(MALFORMED, data=None)).code == "60013"


def test_an_item_without_a_code_leaves_it_to_the_top_one() -> None:
    assert answer(with_item(ACCEPTED, sCode="")).proof is Proof.ACCEPTED
    assert answer(changed(with_item(REFUSED, sCode=""), code="1")).proof is Proof.UNKNOWN


def test_a_message_decides_nothing() -> None:
    found = answer(with_item(ACCEPTED, sMsg="Order failed"))
    assert (found.proof, found.message) == (Proof.ACCEPTED, "Order failed")


def test_codes_may_be_numbers_and_the_id_too() -> None:
    found = answer(changed(with_item(REFUSED, sCode=51400, ordId=int(ORDER_ID)), code=1, id=42))
    assert (found.send_id, found.proof, found.order_id) == ("42", Proof.GONE, ORDER_ID)


@pytest.mark.parametrize("code", list(CODES))
def test_each_code_is_read_from_an_item_as_the_table_says(code: str) -> None:
    found = answer(with_item(REFUSED, sCode=code))
    assert (found.proof, found.remedy, found.code) == (CODES[code].proof, CODES[code].remedy, code)


def test_a_suffixed_code_keeps_its_suffix_and_its_meaning() -> None:
    found = answer(with_item(REFUSED, sCode="51400_12", subCode="7"))
    assert (found.proof, found.code, found.fields["subCode"]) == (Proof.GONE, "51400_12", "7")


def test_an_unlisted_code_proves_nothing() -> None:
    found = answer(with_item(REFUSED, sCode="58999"))
    assert (found.proof, found.remedy) == (Proof.UNKNOWN, Remedy.ALARM)


def test_both_ids_are_learnt_from_an_answer() -> None:
    found = answer(with_item(ACCEPTED, clOrdId=CLIENT_ORDER_ID))
    assert (found.order_id, found.client_order_id) == (ORDER_ID, CLIENT_ORDER_ID)


@pytest.mark.parametrize(
    "raw",
    [
        changed(ACCEPTED, data=[{"sCode": "0"}, {"sCode": "0"}]),
        changed(ACCEPTED, data=["0"]),
        changed(ACCEPTED, data={"sCode": "0"}),
        changed(ACCEPTED, data=None, code=None),
        with_item(ACCEPTED, sCode=0.5),
        with_item(ACCEPTED, ordId=1.5e30),
    ],
)
def test_an_answer_that_cannot_be_read_answers_its_send_and_is_kept_aside(raw: str) -> None:
    told, kept = decoded(raw)
    assert isinstance(told, CancelAnswered)
    assert (told.send_id, told.proof) == ("c0000001", Proof.UNKNOWN)
    assert isinstance(kept, Strange)


@pytest.mark.parametrize("raw", [changed(ACCEPTED, id=None), changed(REFUSED, id="")])
def test_an_answer_that_names_no_send_makes_all_of_them_unknown(raw: str) -> None:
    found = only(raw)
    assert isinstance(found, Uncorrelated)
    assert found.frame == frame_of(raw)


@pytest.mark.parametrize("raw", [changed(ACCEPTED, op="order"), changed(ACCEPTED, op=7), changed(ACCEPTED, op="")])
def test_an_answer_to_what_is_never_sent_is_strange(raw: str) -> None:
    assert isinstance(only(raw), Strange)


# ---------------------------------------------------------------- login


@pytest.mark.parametrize("code", ["0", 0])
def test_a_login_is_accepted_by_either_spelling(code: object) -> None:
    assert only(changed(LOGIN_OK, code=code)) == LoggedIn("a4d3ae55")


def test_an_older_login_without_a_connection_is_one_too() -> None:
    assert only(changed(LOGIN_OK, connId=None)) == LoggedIn("")


def test_a_login_without_a_code_is_not_taken_for_one() -> None:
    assert isinstance(only(changed(LOGIN_OK, code=None)), Strange)


@pytest.mark.parametrize("event", ["error", "login"])
@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("60005", RefusalKind.CREDENTIALS),
        (60007, RefusalKind.CREDENTIALS),
        ("60009", RefusalKind.CREDENTIALS),
        ("60024", RefusalKind.CREDENTIALS),
        ("60032", RefusalKind.CREDENTIALS),
        ("50101", RefusalKind.CREDENTIALS),
        ("60006", RefusalKind.CLOCK),
        ("60004", RefusalKind.BROKEN),
        ("60026", RefusalKind.BROKEN),
        ("60023", RefusalKind.BUSY),
        ("63999", RefusalKind.BUSY),
        ("60031", RefusalKind.SEQUENCE),
    ],
)
def test_a_refused_login_says_whether_trying_again_can_help(event: str, code: object, kind: RefusalKind) -> None:
    assert only(changed(LOGIN_FAILED, event=event, code=code)) == LoginRefused(kind, str(code), "Login failed.")


def test_a_login_refused_for_an_unlisted_reason_is_tried_slowly() -> None:
    found = only(changed(LOGIN_FAILED, event="login", code="61234"))
    assert found == LoginRefused(RefusalKind.BROKEN, "61234", "Login failed.")


# ---------------------------------------------------------------- subscriptions


def test_a_subscription_is_acknowledged_as_often_as_the_venue_likes() -> None:
    assert only(SUBSCRIBED) == Subscribed("orders")
    assert only(changed(SUBSCRIBED, id=None)) == Subscribed("orders")


def test_a_subscription_to_something_else_is_strange() -> None:
    assert isinstance(only(changed(SUBSCRIBED, arg={"channel": "account"})), Strange)
    assert isinstance(only(changed(SUBSCRIBED, arg=None)), Strange)


def test_an_error_with_a_subscriptions_id_is_its_refusal() -> None:
    found = only(SUBSCRIBE_FAILED)
    assert found == SubscribeRefused("orders", RefusalKind.BROKEN, "60012", "Invalid request: {}")
    assert only(changed(SUBSCRIBE_FAILED, code="64007")) == SubscribeRefused(
        "orders", RefusalKind.BUSY, "64007", "Invalid request: {}"
    )


def test_an_error_that_names_the_channel_is_its_refusal() -> None:
    raw = changed(SUBSCRIBE_FAILED, id=None, arg={"channel": "orders"})
    found = only(raw)
    assert isinstance(found, SubscribeRefused)
    assert found.key == "orders"


@pytest.mark.parametrize("code", ["60018", "64000", "64001", "64002", "64003"])
def test_a_subscriptions_own_code_needs_no_id(code: str) -> None:
    found = only(changed(SUBSCRIBE_FAILED, id=None, code=code))
    assert found == SubscribeRefused("", RefusalKind.BROKEN, code, "Invalid request: {}")


@pytest.mark.parametrize("code", ["60013", "60027", "60033", "64007"])
def test_a_code_of_subscriptions_and_of_ops_without_an_id_is_told_as_both(code: str) -> None:
    refused, unnamed = decoded(changed(SUBSCRIBE_FAILED, id=None, code=code))
    assert isinstance(refused, SubscribeRefused)
    assert refused.key == ""
    assert isinstance(unnamed, Uncorrelated)


def test_an_unsubscription_that_nobody_asked_for_leaves_the_socket_blind() -> None:
    assert isinstance(only(changed(SUBSCRIBED, event="unsubscribe")), Blinded)


# ---------------------------------------------------------------- errors about ops


def test_an_error_with_another_id_answers_that_send() -> None:
    raw = changed(NOT_LOGGED_IN, id="c0000001")
    found = answer(raw)
    assert (found.send_id, found.proof, found.remedy) == ("c0000001", Proof.UNCHANGED_RETRY, Remedy.LOG_IN)
    assert found.fields["msg"] == "Please log in"
    assert answer(changed(raw, code="59999")).proof is Proof.UNKNOWN


@pytest.mark.parametrize(
    "raw",
    [
        NOT_LOGGED_IN,
        TOO_FREQUENT,
        changed(NOT_LOGGED_IN, code="60012"),
        changed(NOT_LOGGED_IN, code="60028"),
        changed(NOT_LOGGED_IN, code=50011),
        changed(NOT_LOGGED_IN, code="58999"),
        changed(NOT_LOGGED_IN, code=None),
    ],
)
def test_an_error_that_names_nobody_is_tied_to_nobody(raw: str) -> None:
    found = only(raw)
    assert isinstance(found, Uncorrelated)
    assert found.frame == frame_of(raw)


# ---------------------------------------------------------------- notices and counts


@pytest.mark.parametrize("code", ["64008", 64008])
def test_the_notice_of_closing_is_heard_in_either_spelling(code: object) -> None:
    assert isinstance(only(changed(CLOSING, code=code)), ClosingSoon)


@pytest.mark.parametrize("raw", [changed(CLOSING, code="64009"), changed(CLOSING, code=None), CONN_COUNT])
def test_other_notices_and_counts_ask_for_nothing(raw: str) -> None:
    assert isinstance(only(raw), Noted)


def test_too_many_connections_blind_the_socket() -> None:
    assert isinstance(only(CONN_COUNT_ERROR), Blinded)
    assert isinstance(only(changed(CONN_COUNT_ERROR, channel=None)), Blinded)
    assert isinstance(only(changed(CONN_COUNT_ERROR, channel="positions")), Noted)


@pytest.mark.parametrize("event", ["party", "", 7, {}, []])
def test_an_unknown_event_is_strange_and_kept(event: object) -> None:
    raw = changed(CLOSING, event=event)
    found = only(raw)
    assert isinstance(found, Strange)
    assert found.frame == frame_of(raw)


def test_bytes_and_text_mean_the_same() -> None:
    for raw in (*FRAMES, push(LIVE_ROW)):
        assert decoded(raw) == decoded(raw.encode())
