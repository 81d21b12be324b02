"""The simulated BingX's doors: signatures, listen keys, subscriptions, heartbeat."""

import pytest

from daemon.sim.faults import FaultError
from daemon.sim.venues.bingx.options import BingxOptions
from daemon.sim.venues.bingx.venue import BingxVenue
from tests.sim.bingx_rig import KEYS, BingxRig

UID = "/openApi/account/v1/uid"

# ---------------------------------------------------------------- signed calls


def test_a_signed_call_is_let_in() -> None:
    assert BingxRig().call("GET", UID) == {"code": 0, "msg": "", "debugMsg": "", "data": {"uid": 16789215}}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"key": "another"}, 100413),
        ({"key": ""}, 100413),
        ({"signature": ""}, 100412),
        ({"signature": "00"}, 100001),
        ({"recvWindow": "5000"}, 100001),  # not signed
        ({"timestamp": ""}, 100421),
        ({"timestamp": "x"}, 100421),
    ],
)
def test_a_wrong_call_is_refused_with_its_code(changes: dict[str, str], code: int) -> None:
    answer = BingxRig().call("GET", UID, changes)
    assert answer["code"] == code
    assert "timestamp" in answer
    assert "data" not in answer


def test_a_call_may_be_five_seconds_old_and_no_older_unless_it_says_so() -> None:
    rig = BingxRig()
    stamp = rig.now_us // 1000
    assert rig.call("GET", UID, timestamp=str(stamp - 5000))["code"] == 0
    assert rig.call("GET", UID, timestamp=str(stamp - 5001))["code"] == 100421
    assert rig.call("GET", UID, timestamp=str(stamp - 9000), recvWindow="10000")["code"] == 0


def test_a_skewed_clock_refuses_what_is_stamped_by_a_right_one_and_tells_its_own_time() -> None:
    rig = BingxRig()
    rig.faults(SKEW={"arg": "-30"})
    assert rig.call("GET", UID)["code"] == 100421
    told = rig.call("GET", "/openApi/spot/v1/server/time")["data"]["serverTime"]
    assert told == rig.now_us // 1000 - 30_000


def test_names_that_have_to_be_encoded_are_signed_as_they_are() -> None:
    rig = BingxRig()
    for symbol in ("OTHR#99961-USDT", "MØTH-USDT"):
        assert rig.queried(rig.place(symbol)) == "PENDING"


def test_a_path_or_verb_that_is_not_there_is_100404_too() -> None:
    assert BingxRig().call("DELETE", UID)["code"] == 100404


def test_a_limit_is_enforced_counted_and_over_after_its_second() -> None:
    rig = BingxRig()
    codes = [rig.call("GET", UID)["code"] for _ in range(11)]
    assert codes == [0] * 10 + [100410]
    assert rig.stats()["breaches"] == {"uid": 1}
    rig.advance(1)
    assert rig.call("GET", UID)["code"] == 0


def test_each_answer_says_what_is_left_of_its_limit_and_until_when() -> None:
    rig = BingxRig()
    for left in (9, 8):
        response = rig.answers[rig.send("GET", UID)]
        assert response is not None
        headers = response.headers
        assert headers["X-RateLimit-Requests-Remain"] == str(left)
        assert int(headers["X-RateLimit-Requests-Expire"]) - rig.now_us // 1000 in {999, 1000}


# ---------------------------------------------------------------- listen keys and subscriptions


def test_each_key_is_another_one_and_its_socket_gets_updates() -> None:
    rig = BingxRig()
    first, second = rig.listener(), rig.listener()
    rig.place()
    assert first.states == second.states == ["PENDING"]


@pytest.mark.parametrize("bare", [True, False])
def test_a_key_comes_with_an_envelope_or_without(bare: bool) -> None:
    answer = BingxRig(BingxOptions(bare_key=bare)).call("POST", KEYS)
    assert len((answer if bare else answer["data"])["listenKey"]) == 64


def test_an_account_topic_needs_a_key_that_counts() -> None:
    client = BingxRig().connect("never-given")
    client.subscribe()
    (refusal,) = client.frames
    assert (refusal["code"], refusal["id"]) == (100401, "s1")


def test_balances_come_with_a_snapshot_and_orders_without() -> None:
    rig = BingxRig()
    rig.place()
    client = rig.connect()
    client.subscribe()
    assert [frame["msg"] for frame in client.frames] == ["SUCCESS"]
    client.subscribe("ACCOUNT_UPDATE", "s2")
    ack, snapshot = client.frames[1:]
    assert (ack["id"], ack["code"], ack["data"]) == ("s2", 0, None)
    assert (snapshot["e"], snapshot["a"]["m"]) == ("ACCOUNT_UPDATE", "INIT")


def test_what_is_not_a_topic_or_no_frame_is_refused() -> None:
    client = BingxRig().connect()
    client.subscribe("spot.never")
    client.subscribe()
    client.subscribe()
    client.say("not JSON")
    assert [frame["code"] for frame in client.frames] == [80015, 0, 100205, 100400]
    assert "id" not in client.frames[-1]


def test_a_key_lives_an_hour_from_its_last_extension_and_says_when_it_is_over() -> None:
    rig = BingxRig(BingxOptions(pong_wait_us=10**15))
    key = rig.key()
    client = rig.connect(key)
    client.subscribe()
    rig.advance(3_000)
    assert rig.extend(key) == 200
    rig.advance(3_599)
    rig.place()
    assert client.states == ["PENDING"]
    rig.advance(2)
    assert "listenKeyExpired" in {frame.get("e") for frame in client.frames}
    rig.place()
    assert client.states == ["PENDING"]
    assert client.end == ""  # it lives on, silent
    assert rig.extend(key) == 404


def test_extending_without_a_key_or_an_unknown_one_is_told_by_the_status() -> None:
    rig = BingxRig()
    assert rig.extend("unknown") == 404
    response = rig.answers[rig.send("PUT", KEYS)]
    assert response is not None
    assert response.status == 204


def test_more_sockets_than_an_address_may_have_are_turned_away() -> None:
    rig = BingxRig(BingxOptions(sockets_max=1))
    rig.connect()
    second = rig.connect()
    assert [frame["code"] for frame in second.frames] == [100419]
    assert second.end.startswith("closed")


# ---------------------------------------------------------------- heartbeat


def test_the_server_pings_and_closes_what_does_not_answer() -> None:
    rig = BingxRig()
    good, deaf = rig.connect(), rig.connect()
    for _ in range(10):
        rig.advance(5)
        ping = good.frames[-1]
        good.say({"pong": ping["ping"], "time": ping["time"]})
    assert (good.end, deaf.end) == ("", "closed 1000")
    assert good.odd == []


def test_the_bare_word_is_a_pong_too() -> None:
    rig = BingxRig()
    client = rig.connect()
    for _ in range(10):
        rig.advance(5)
        client.say("Pong")
    assert client.end == ""


# ---------------------------------------------------------------- faults of the doors


def test_a_key_may_be_refused_while_other_calls_are_not() -> None:
    rig = BingxRig()
    rig.faults(AUTH_FAIL={"count": 1, "arg": "key"})
    assert rig.call("GET", UID)["code"] == 0
    assert rig.call("POST", KEYS)["code"] == 100413
    assert "listenKey" in rig.call("POST", KEYS)


def test_other_calls_may_be_refused_while_keys_are_given() -> None:
    rig = BingxRig()
    rig.faults(AUTH_FAIL={"count": 1, "arg": "rest"})
    assert "listenKey" in rig.call("POST", KEYS)
    assert rig.call("GET", UID)["code"] == 100413


def test_a_key_may_be_given_late() -> None:
    rig = BingxRig()
    rig.faults(AUTH_SLOW={"arg": "3"})
    asked = rig.send("POST", KEYS)
    rig.advance(2.9)
    assert asked not in rig.answers
    rig.advance(0.2)
    assert "listenKey" in rig.body(asked)


@pytest.mark.parametrize("name", ["NOTICE_CLOSE", "RESTART"])
def test_what_has_no_meaning_here_is_refused_with_a_sentence(name: str) -> None:
    with pytest.raises(FaultError, match=f"{name} has no meaning on bingx"):
        BingxVenue(BingxOptions(faults=name))
