"""Sessions of the simulated OKX: login, subscriptions, pings, idle closing, limits."""

import pytest

from daemon.sim.venues.okx.auth import LOGIN_TEXT, sign
from daemon.sim.venues.okx.options import OkxOptions
from tests.sim.okx_rig import OkxClient, OkxRig


@pytest.fixture
def rig() -> OkxRig:
    return OkxRig()


def test_the_login_signature_is_the_published_one() -> None:
    secret = "22582BD0CFF14C41EDBF1AB98506286D"
    assert sign(secret, "1704876947" + LOGIN_TEXT) == "5/36BgGV6m/6pmdc20zdqk0mzF5ZalmzzPD2fo3wavU="


def test_a_login_is_answered_with_the_connections_id(rig: OkxRig) -> None:
    client = rig.connect()
    client.login()
    [frame] = client.frames
    assert frame | {"connId": ""} == {"event": "login", "code": "0", "msg": "", "connId": ""}
    assert len(frame["connId"]) == 8


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"apiKey": "other"}, "60005"),
        ({"apiKey": ""}, "60005"),
        ({"timestamp": "yesterday"}, "60004"),
        ({"passphrase": "other"}, "60024"),
        ({"sign": "AAAA"}, "60007"),
        ({"sign": ""}, "60007"),
    ],
)
def test_a_wrong_login_is_refused_by_its_code_and_the_connection_lives(
    rig: OkxRig, changes: dict[str, str], code: str
) -> None:
    client = rig.connect()
    client.login(changes)
    assert client.errors == [code]
    client.login()
    assert client.frames[-1]["event"] == "login"


@pytest.mark.parametrize(("age_s", "is_accepted"), [(29, True), (31, False), (-29, True), (-31, False)])
def test_a_login_may_be_thirty_seconds_off(rig: OkxRig, age_s: int, is_accepted: bool) -> None:
    client = rig.connect()
    client.login(age_s=age_s)
    assert client.errors == ([] if is_accepted else ["60006"])


def test_one_login_a_connection(rig: OkxRig) -> None:
    client = rig.listener()
    client.login()
    assert client.errors == ["60031"]


def test_a_subscription_is_acknowledged_with_its_arg_and_the_connection_count(rig: OkxRig) -> None:
    client = rig.connect()
    client.login()
    client.forget()
    client.subscribe(instType="SPOT")
    ack, count = client.frames
    assert (ack["id"], ack["event"], ack["arg"]) == ("s1", "subscribe", {"channel": "orders", "instType": "SPOT"})
    assert (count["event"], count["channel"], count["connCount"]) == ("channel-conn-count", "orders", "1")


def test_there_is_no_snapshot(rig: OkxRig) -> None:
    rig.place()
    client = rig.connect()
    client.login()
    client.subscribe()
    assert client.pushes == []


@pytest.mark.parametrize(
    ("arg", "instrument", "hears"),
    [
        ({}, "BTC-USDT", True),
        ({"instType": "SPOT"}, "BTC-USDT", True),
        ({"instType": "SWAP"}, "BTC-USDT", False),
        ({"instType": "SWAP"}, "BTC-USDT-SWAP", True),
        ({"instType": "ANY", "instId": "ETH-USDT"}, "BTC-USDT", False),
        ({"instType": "SPOT", "instId": "BTC-USDT"}, "BTC-USDT", True),
        ({"instType": "SWAP", "instFamily": "BTC-USDT"}, "BTC-USDT-SWAP", True),
        ({"instType": "SWAP", "instFamily": "ETH-USDT"}, "BTC-USDT-SWAP", False),
    ],
)
def test_a_subscription_hears_what_it_covers(rig: OkxRig, arg: dict[str, str], instrument: str, hears: bool) -> None:
    client = rig.connect()
    client.login()
    client.subscribe(**arg)
    rig.place(instrument)
    assert client.states == (["live"] if hears else [])
    if hears:
        frame = client.frames[-1]
        assert frame["arg"] == {"channel": "orders", "instType": "ANY", **arg, "uid": "614488474791936"}


def test_an_unsubscription_ends_the_pushes(rig: OkxRig) -> None:
    client = rig.listener()
    client.say({"op": "unsubscribe", "args": [{"channel": "orders", "instType": "ANY"}]})
    rig.place()
    assert client.pushes == []


@pytest.mark.parametrize(
    ("path", "arg", "code"),
    [
        ("private", {"channel": "nonsense"}, "60018"),
        ("private", {"channel": "sprd-orders"}, "64001"),
        ("private", {"instType": "STOCK"}, "60013"),
        ("business", {}, "64002"),
        ("public", {}, "60018"),
    ],
)
def test_a_wrong_subscription_is_refused_by_its_code(rig: OkxRig, path: str, arg: dict[str, str], code: str) -> None:
    client = rig.connect(f"/ws/v5/{path}")
    client.login()
    client.forget()
    client.subscribe(**arg)
    assert client.errors == [code]
    assert client.frames[-1]["id"] == "s1"


def test_nothing_private_goes_before_the_login(rig: OkxRig) -> None:
    client = rig.connect()
    client.subscribe()
    order = rig.place()
    client.cancel(order)
    assert client.errors == ["60011", "60011"]
    assert "id" not in client.frames[-1]
    assert rig.truth(order)[0] == "new"


def test_a_cancel_is_counted_as_soon_as_it_arrives(rig: OkxRig) -> None:
    client, order = rig.connect(), rig.place(client_order_id="c1")
    client.cancel(order)
    body = {"instId": "BTC-USDT", "clOrdId": "c1"}
    assert rig.call("POST", "/api/v5/trade/cancel-order", body, ok_access_sign="AAAA")[0] == 401
    assert rig.stats()["cancels"] == {order["order_id"]: 2}


def test_above_the_connection_limit_the_ack_is_normal_but_the_subscription_is_dead() -> None:
    rig = OkxRig(OkxOptions(orders_connections_max=1))
    sighted, blind = rig.listener(), rig.connect()
    blind.login()
    blind.subscribe()
    assert [frame["event"] for frame in blind.frames] == ["login", "subscribe", "channel-conn-count-error"]
    assert blind.frames[-1]["connCount"] == "1"
    order = rig.place()
    blind.cancel(order)
    assert blind.pushes == []
    assert blind.acks[0]["code"] == "0"
    assert sighted.states == ["live", "canceled"]


def test_a_text_ping_is_answered_with_a_text_pong(rig: OkxRig) -> None:
    client = rig.connect("/ws/v5/public")
    client.say("ping")
    assert client.raw == [b"pong"]


def test_a_silent_connection_is_closed_after_thirty_seconds_and_any_frame_keeps_it(rig: OkxRig) -> None:
    idle, pinging = rig.connect(), rig.connect()
    for _ in range(3):
        rig.advance(20)
        pinging.say("ping")
    assert (idle.end, pinging.end) == ("closed 4004", "")
    rig.advance(30)
    assert pinging.end == "closed 4004"


def test_a_push_keeps_a_connection_too(rig: OkxRig) -> None:
    client = rig.listener()
    rig.advance(20)
    rig.place()
    rig.advance(29)
    assert client.end == ""


@pytest.mark.parametrize(
    "text", ["hello", "{", "[]", '{"op":"subscribe"}', '{"op":"login","args":"me"}', "null", '{"args":[]}']
)
def test_what_cannot_be_parsed_is_an_error_event_without_an_id(rig: OkxRig, text: str) -> None:
    client = rig.listener()
    client.say(text)
    assert client.errors == ["60012"]
    assert "id" not in client.frames[-1]


def test_an_unknown_operation_and_a_wrong_url_have_their_codes(rig: OkxRig) -> None:
    client = rig.listener()
    client.say({"id": "x1", "op": "amend-everything", "args": [{}]})
    business = rig.connect("/ws/v5/business")
    business.login()
    business.cancel(rig.place())
    assert (client.errors, business.errors) == (["60019"], ["60028"])


@pytest.mark.parametrize("frame_id", ["", "with-hyphen", "x" * 33])
def test_an_operation_needs_a_plain_id(rig: OkxRig, frame_id: str) -> None:
    client = rig.listener()
    order = rig.place()
    client.say({"id": frame_id, "op": "cancel-order", "args": [rig.cancel_arg(order)]})
    assert client.errors == ["60012"]
    assert rig.truth(order)[0] == "new"


def test_a_subscription_that_is_too_long_closes_the_connection(rig: OkxRig) -> None:
    client = rig.listener()
    client.subscribe(instId="X" * 70_000)
    assert client.end == "closed 1009"


def test_logins_and_subscriptions_are_limited_to_480_an_hour(rig: OkxRig) -> None:
    client = rig.listener()
    for _ in range(478):
        client.subscribe()
    assert client.errors == []
    client.subscribe()
    assert client.errors == ["60014"]
    assert rig.stats()["breaches"] == {"login+subscribe connection": 1}


def test_a_fourth_connection_in_a_second_is_counted(rig: OkxRig) -> None:
    for _ in range(3):
        rig.connect()
    assert rig.stats()["breaches"] == {}
    rig.connect()
    assert rig.stats()["breaches"] == {"connect ip": 1}


def pushes_of(client: OkxClient) -> list[tuple[str, str]]:
    return [(row["ordId"], row["state"]) for row in client.pushes]


def test_every_listening_connection_gets_every_push(rig: OkxRig) -> None:
    first, second = rig.listener(), rig.listener()
    second.cancel(rig.place())
    assert pushes_of(first) == pushes_of(second) != []
