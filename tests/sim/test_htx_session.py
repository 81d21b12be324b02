"""The simulated HTX's two sockets: encodings, logins, subscriptions, pings, and what is not understood."""

import pytest

from daemon.sim.venues.htx.options import HtxOptions
from tests.sim.htx_rig import HOST, NOTIFICATION, TRADE, HtxRig


@pytest.fixture
def rig() -> HtxRig:
    return HtxRig()


def test_the_trade_socket_speaks_gzip_and_the_other_one_plain_text(rig: HtxRig) -> None:
    for path, is_binary in ((TRADE, True), (NOTIFICATION, False)):
        client = rig.connect(path)
        client.login()
        (message,) = client.received
        assert message.is_binary is is_binary
        assert message.payload.startswith(b"\x1f\x8b") is is_binary


@pytest.mark.parametrize("path", [TRADE, NOTIFICATION])
def test_a_login_is_accepted_and_names_the_user(rig: HtxRig, path: str) -> None:
    client = rig.connect(path)
    client.login()
    (frame,) = client.frames
    assert (frame["op"], frame["err-code"], frame["cid"], frame["data"]) == ("auth", 0, "a1", {"user-id": "100000001"})


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"AccessKeyId": "other"}, 2003),
        ({"Signature": "AAAA"}, 2003),
        ({"SignatureVersion": "3"}, 2003),
        ({"SignatureMethod": "HmacSHA1"}, 2003),
        ({"Timestamp": "2026-09-18 10:00:00"}, 2003),
        ({"Signature": ""}, 2001),
        ({"type": "ticket"}, 2013),
    ],
)
def test_a_login_that_is_not_right_is_refused(rig: HtxRig, changes: dict[str, str], code: int) -> None:
    client = rig.connect()
    client.login(changes)
    assert client.errors == [code]
    client.cancel({"instrument": "BTC-USDT", "order_id": "1"})
    assert client.errors[1:] == [2002]


@pytest.mark.parametrize(("age_s", "is_taken"), [(299, True), (-299, True), (302, False), (-302, False)])
def test_a_timestamp_may_be_five_minutes_off(rig: HtxRig, age_s: int, is_taken: bool) -> None:
    client = rig.connect()
    client.login(age_s=age_s)
    assert client.errors == ([] if is_taken else [2003])


@pytest.mark.parametrize(("host", "is_taken"), [(HOST, True), ("127.0.0.1", True), ("api.hbdm.com", False)])
def test_the_signed_host_is_the_one_that_was_dialed(rig: HtxRig, host: str, is_taken: bool) -> None:
    client = rig.connect()
    client.login(host=host)
    assert client.errors == ([] if is_taken else [2003])


def test_a_login_for_the_other_socket_is_none(rig: HtxRig) -> None:
    client = rig.connect(TRADE)
    client.path = NOTIFICATION
    client.login()
    assert client.errors == [2003]


def test_a_second_login_is_told_so(rig: HtxRig) -> None:
    client = rig.entry()
    client.login()
    assert client.errors == [2005]


def test_only_so_many_sockets_may_push() -> None:
    rig = HtxRig(HtxOptions(push_connections_max=1))
    rig.listener()
    late = rig.connect(NOTIFICATION)
    late.login()
    assert late.errors == [2030]
    rig.entry()  # commands are not counted


# ---------------------------------------------------------------- subscriptions


def test_a_subscription_is_acknowledged_with_topic_and_contract(rig: HtxRig) -> None:
    client = rig.connect(NOTIFICATION)
    client.login()
    client.forget()
    client.subscribe()
    (frame,) = client.frames
    del frame["ts"]
    assert frame == {"op": "sub", "cid": "s1", "topic": "orders", "err-code": 0, "contract_code": "*"}


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ({"topic": "orders", "contract_code": "*"}, 2014),
        ({"topic": "orders_v6", "contract_code": "*"}, 2010),
        ({"topic": "match_orders"}, 2040),
        ({"op": "unsub", "topic": "match_orders", "contract_code": "*"}, 2012),
    ],
)
def test_a_subscription_that_is_not_right_is_refused(rig: HtxRig, frame: dict[str, str], code: int) -> None:
    client = rig.listener()
    client.say({"op": "sub", "cid": "s2"} | frame)
    assert client.errors == [code]


def test_nobody_subscribes_before_the_login(rig: HtxRig) -> None:
    client = rig.connect(NOTIFICATION)
    client.subscribe()
    assert client.errors == [2002]


def test_nothing_is_pushed_by_subscribing_and_after_unsubscribing(rig: HtxRig) -> None:
    rig.place()
    client = rig.listener()
    assert client.pushes == []
    client.say({"op": "unsub", "cid": "s2", "topic": "orders", "contract_code": "*"})
    rig.place()
    assert client.pushes == []


def test_a_contracts_subscriber_hears_of_that_contract_only(rig: HtxRig) -> None:
    client = rig.connect(NOTIFICATION)
    client.login()
    client.subscribe(contract_code="eth-usdt")
    rig.place("BTC-USDT")
    rig.place("ETH-USDT")
    assert [row["contract_code"] for row in client.pushes] == ["ETH-USDT"]


def test_the_matching_engine_tells_sooner_and_in_other_words(rig: HtxRig) -> None:
    client = rig.listener()
    client.subscribe("match_orders")
    order = rig.place()
    client.forget()
    rig.fill(order, "2")
    hint, push = client.frames
    assert (hint["topic"], push["topic"]) == ("match_orders", "orders")
    (row,) = hint["data"]
    assert (row["trade_volume"], row["total_trade_volume"], row["state"]) == ("2", "2", "partially_filled")


# ---------------------------------------------------------------- life


@pytest.mark.parametrize("path", [TRADE, NOTIFICATION])
def test_the_venue_pings_with_a_text_and_hangs_up_on_who_does_not_answer(rig: HtxRig, path: str) -> None:
    silent, answering = rig.connect(path), rig.connect(path)
    for _ in range(6):
        rig.now_us += 5_000_000
        rig.venue.tick(rig.now_us)
        rig.settle()
        answering.say({"op": "pong", "ts": "1"})
    assert silent.end == "closed 1002"
    assert answering.end == ""
    assert len(answering.raw) == 6


@pytest.mark.parametrize(("text", "what"), [("{", "invalid.json"), ('{"op":"dance"}', "invalid.op/ch")])
def test_what_is_not_understood_on_the_trade_socket_is_answered_without_a_name(
    rig: HtxRig, text: str, what: str
) -> None:
    client = rig.entry()
    client.say(text)
    (frame,) = client.frames
    assert {key: frame[key] for key in frame if key != "ts"} == {"err-code": 2001, "err-msg": what}


def test_what_is_not_understood_on_the_other_socket_is_an_error_without_a_code(rig: HtxRig) -> None:
    client = rig.listener()
    client.command("cancel_order", {})
    (frame,) = client.frames
    assert set(frame) == {"op", "ts"}
    assert frame["op"] == "error"


def test_too_many_requests_on_the_notification_socket_are_refused_and_counted(rig: HtxRig) -> None:
    client = rig.connect(NOTIFICATION)
    client.login()
    for _ in range(50):
        client.subscribe("account")
    assert 2004 in client.errors
    assert rig.stats()["breaches"]["notification requests connection"] == 1


def test_a_command_before_the_login_is_counted_and_not_carried_out(rig: HtxRig) -> None:
    order = rig.place()
    client = rig.connect()
    client.cancel(order)
    assert client.errors == [2002]
    assert rig.truth(order)[0] == "new"
    assert rig.stats()["cancels"] == {order["order_id"]: 1}
