"""Sessions of the simulated Bitget: login, subscriptions, pings, limits, and the two shapes of an answer."""

import pytest

from daemon.sim.venues.bitget.auth import LOGIN_TEXT, sign
from daemon.sim.venues.bitget.options import BitgetOptions
from tests.sim.bitget_rig import FUTURES, BitgetRig

UNIFIED = BitgetOptions(is_unified=True)


@pytest.fixture(params=["classic", "unified"])
def rig(request: pytest.FixtureRequest) -> BitgetRig:
    return BitgetRig(BitgetOptions(is_unified=request.param == "unified"))


def test_the_login_signature_is_the_algorithms() -> None:
    assert sign("test-secret", "1700000000" + LOGIN_TEXT) == "QKXMEacdjBcrVZaxWVJypn62KNrQGzBErbiQtYn6KO8="


def test_a_login_is_answered_with_a_number(rig: BitgetRig) -> None:
    client = rig.connect()
    client.login()
    (frame,) = client.frames
    assert (frame["event"], frame["code"]) == ("login", 0)
    assert ("connId" in frame) is rig.is_unified


def test_a_login_may_be_stamped_in_milliseconds(rig: BitgetRig) -> None:
    client = rig.connect()
    client.login(unit=1000)
    assert client.frames[0]["event"] == "login"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"apiKey": "other"}, 30011),
        ({"timestamp": "yesterday"}, 30013),
        ({"passphrase": "other"}, 30012),
        ({"sign": "AAAA"}, 30015),
    ],
)
def test_a_wrong_login_is_an_error_event_and_the_connection_lives(
    rig: BitgetRig, changes: dict[str, str], code: int
) -> None:
    client = rig.connect()
    client.login(changes)
    assert client.errors == [code]
    client.login()
    assert client.frames[-1]["event"] == "login"


@pytest.mark.parametrize(("age_s", "is_accepted"), [(29, True), (31, False), (-29, True), (-31, False)])
def test_a_login_may_be_thirty_seconds_off(rig: BitgetRig, age_s: int, is_accepted: bool) -> None:
    client = rig.connect()
    client.login(age_s=age_s)
    assert client.errors == ([] if is_accepted else [30014])


def test_a_subscription_is_acknowledged_with_its_arg(rig: BitgetRig) -> None:
    client = rig.connect()
    client.login()
    client.forget()
    client.subscribe()
    (frame,) = client.frames
    arg = {"instType": "UTA", "topic": "order"} if rig.is_unified else _arg()
    assert (frame["event"], frame["arg"]) == ("subscribe", arg)
    assert "code" not in frame


@pytest.mark.parametrize("changes", [{"instType": "uta"}, {"instType": "STOCK"}, {"channel": "x", "topic": "x"}])
def test_a_wrong_subscription_is_refused_without_a_name(rig: BitgetRig, changes: dict[str, str]) -> None:
    client = rig.connect()
    client.login()
    client.subscribe(**changes)
    assert client.errors == [30001]


def test_nothing_private_goes_before_the_login(rig: BitgetRig) -> None:
    client, order = rig.connect(), rig.place()
    client.subscribe()
    client.cancel(order)
    assert client.errors == [30004, 30004]
    assert rig.truth(order)[0] == "new"
    assert rig.stats()["cancels"] == {}


def test_there_is_no_snapshot_and_a_subscription_hears_what_it_covers() -> None:
    rig = BitgetRig()
    rig.place()
    client = rig.listener("SPOT")
    rig.place()
    assert client.pushes == []
    rig.place(product="SPOT")
    assert client.states == ["live"]
    one = rig.connect()
    one.login()
    one.subscribe(instId="ETHUSDT")
    rig.place("ETHUSDT")
    rig.place("BTCUSDT")
    assert [row["instId"] for row in one.pushes] == ["ETHUSDT"]
    one.say({"op": "unsubscribe", "args": [_arg() | {"instId": "ETHUSDT"}]})
    rig.place("ETHUSDT")
    assert len(one.pushes) == 1


def test_the_unified_account_hears_every_category() -> None:
    rig = BitgetRig(UNIFIED)
    client = rig.listener()
    rig.place()
    rig.place(product="MARGIN")
    assert [row["category"] for row in client.pushes] == ["usdt-futures", "margin"]


def test_a_text_ping_is_answered_with_a_text_pong(rig: BitgetRig) -> None:
    client = rig.connect()
    client.say("ping")
    assert client.raw == [b"pong"]


def test_a_connection_that_does_not_ping_is_cut_after_two_minutes_whatever_goes_over_it(rig: BitgetRig) -> None:
    idle, pinging = rig.listener(), rig.listener()
    for _ in range(5):
        rig.advance(30)
        rig.place()
        pinging.say("ping")
    assert (idle.end, pinging.end) == ("closed 1000", "")


def test_a_connection_is_cut_after_a_day() -> None:
    rig = BitgetRig(BitgetOptions(idle_close_us=10**15))
    client = rig.connect()
    rig.advance(24 * 3600 - 1)
    assert client.end == ""
    rig.advance(1)
    assert client.end == "closed 1001"


def test_the_eleventh_frame_in_a_second_cuts_the_connection_pings_included(rig: BitgetRig) -> None:
    client = rig.listener()
    for _ in range(10):
        client.say("ping")
    assert client.end == ""
    client.say("ping")
    assert (client.end, client.errors) == ("closed 1008", [30007])
    assert rig.stats()["breaches"] == {"frames connection": 1}


def test_subscriptions_are_limited_to_240_an_hour(rig: BitgetRig) -> None:
    client = rig.connect()
    client.login()
    for _ in range(240):
        rig.advance(0.2)
        client.subscribe()
    assert client.errors == []
    rig.advance(0.2)
    client.subscribe()
    assert client.errors == [30006]
    assert rig.stats()["breaches"] == {"subscribe connection": 1}


@pytest.mark.parametrize(
    ("said", "code"),
    [("hello", 30002), ("{}", 30002), ('{"op":"fly","args":[{}]}', 30003), ('{"op":"trade","args":[1]}', 30016)],
)
def test_what_cannot_be_understood_is_an_error_that_names_nobody(rig: BitgetRig, said: str, code: int) -> None:
    client = rig.listener()
    client.say(said)
    assert client.errors == [code]


# ---------------------------------------------------------------- answers to cancels


def test_a_classic_acceptance_echoes_the_arg_with_a_number_as_code() -> None:
    rig = BitgetRig()
    client, order = rig.listener(), rig.place(client_order_id="c1")
    client.forget()
    frame_id = client.cancel(order)
    (found,) = client.answers
    assert found["event"] == "trade"
    assert found["arg"] == [
        {
            "id": frame_id,
            "instType": FUTURES,
            "instId": "BTCUSDT",
            "channel": "cancel-order",
            "params": {"orderId": order["order_id"]},
        }
    ]
    assert (found["code"], found["msg"]) == (0, "Success")
    assert client.states == ["canceled"]


def test_a_unified_acceptance_has_texts_and_both_ids() -> None:
    rig = BitgetRig(UNIFIED)
    client, order = rig.listener(), rig.place(client_order_id="c1")
    frame_id = client.cancel(order)
    (found,) = client.answers
    assert (found["event"], found["id"], found["topic"], found["code"]) == ("trade", frame_id, "cancel-order", "0")
    assert found["args"][0]["orderId"] == order["order_id"]
    assert found["args"][0]["clientOid"] == "c1"
    assert client.states[-1] == "cancelled"
    client.cancel(rig.place())
    assert [frame["rateLimit"] for frame in client.answers] == [
        [{"limit": "10", "remaining": left}] for left in ("9", "8")
    ]


def test_a_refusal_of_an_unknown_order_has_its_generations_shape(rig: BitgetRig) -> None:
    client = rig.listener()
    client.cancel({"order_id": "1376999173366317057", "product": FUTURES, "instrument": "BTCUSDT"})
    (found,) = client.answers
    if rig.is_unified:
        assert found == {"event": "error", "id": "r1", "code": "25204", "msg": "Order does not exist"}
    else:
        assert (found["event"], found["code"], found["msg"]) == ("error", 43001, "The order does not exist")
        assert found["arg"][0]["params"] == {"orderId": "1376999173366317057"}


def test_an_impossible_futures_id_is_a_parameter_error_and_a_spot_one_is_unknown() -> None:
    rig = BitgetRig()
    client = rig.listener()
    client.cancel({"order_id": "1234", "product": FUTURES, "instrument": "BTCUSDT"})
    client.cancel({"order_id": "12345", "product": "SPOT", "instrument": "BTCUSDT"})
    assert client.codes == ["41101", "43001"]
    assert client.answers[0]["msg"] == "Param orderId=1234 error"


def test_a_category_in_capitals_is_refused() -> None:
    rig = BitgetRig(UNIFIED)
    client, order = rig.listener(), rig.place()
    client.cancel(order, category="USDT-FUTURES")
    assert client.answers[0]["msg"] == "Param category=USDT-FUTURES error"
    rig.advance(2)
    client.say({"op": "trade", "id": "x", "topic": "cancel-order", "args": [{"orderId": order["order_id"]}]})
    assert client.codes == ["41101", "0"]


def test_a_cancel_by_client_id_finds_the_order_of_that_product() -> None:
    rig = BitgetRig()
    client = rig.listener()
    futures, spot = rig.place(client_order_id="same"), rig.place(product="SPOT", client_order_id="other")
    client.cancel(futures, params={"clientOid": "same"})
    client.cancel(spot, params={"clientOid": "same"})
    assert client.codes == ["0", "43001"]
    assert rig.stats()["cancels"] == {futures["order_id"]: 2}


def test_the_same_order_may_be_canceled_once_a_second(rig: BitgetRig) -> None:
    rig.faults(CANCELING_STATE={"count": 1, "arg": 10})
    client, order = rig.listener(), rig.place()
    client.cancel(order)
    rig.advance(0.5)
    client.cancel(order)
    rig.advance(1.1)
    client.cancel(order)
    assert client.codes[1:] == ["45129", "25113"]
    assert rig.stats()["breaches"] == {"cancel order": 1}


def test_ten_cancels_a_second_over_all_roads_and_connections(rig: BitgetRig) -> None:
    clients = [rig.listener(), rig.listener()]
    orders = [rig.place() for _ in range(12)]
    for number, order in enumerate(orders[:11]):
        clients[number % 2].cancel(order)
    codes = [code for client in clients for code in client.codes]
    assert codes.count("429") == 1
    assert rig.rest_cancel(orders[11])[1]["code"] == "429"
    assert list(rig.stats()["breaches"].values()) == [2]


@pytest.mark.parametrize("by_session", [False, True])
def test_a_key_without_the_permission_is_told_so_one_way_or_the_other(rig: BitgetRig, by_session: bool) -> None:
    barred = BitgetOptions(is_unified=rig.is_unified, takes_ws_trades=False, refuses_by_session=by_session)
    rig = BitgetRig(barred)
    client, order = rig.listener(), rig.place()
    client.cancel(order)
    assert (client.codes, client.errors) == (([], [30003]) if by_session else (["40014"], []))
    assert rig.truth(order)[0] == "new"
    assert rig.rest_cancel(order)[1]["code"] == "00000"


# ---------------------------------------------------------------- pushes


def test_a_fill_that_completes_an_order_is_told_as_partial_first() -> None:
    rig = BitgetRig()
    client, order = rig.listener(), rig.place()
    rig.fill(order, "0.25")
    rig.fill(order)
    assert client.states == ["live", "partially_filled", "partially_filled", "filled"]
    assert [float(row["accBaseVolume"]) for row in client.pushes] == [0, 0.25, 1, 1]
    assert [row.get("baseVolume") for row in client.pushes] == [None, "0.25", "0.75", "0.75"]


def test_a_futures_push_has_no_fill_fields_without_a_fill() -> None:
    rig = BitgetRig()
    client, order = rig.listener(), rig.place()
    client.cancel(order)
    assert client.pushes[-1]["cancelReason"] == "normal_cancel"
    assert not {"priceAvg", "baseVolume", "tradeId"} & set(client.pushes[-1])


def test_a_spot_buys_size_is_an_amount_of_quote_coin() -> None:
    rig = BitgetRig()
    client = rig.listener()
    rig.place(product="SPOT", qty="2")
    (row,) = client.pushes
    assert (row["size"], row["newSize"], row["accBaseVolume"]) == ("180000", "2", "0")
    assert "cancelReason" not in row


def _arg() -> dict[str, str]:
    return {"instType": FUTURES, "channel": "orders", "instId": "default"}
