"""Faults of what the simulated OKX says of itself: pushes, shapes, queries, logins, its clock."""

import json

import pytest

from tests.sim.okx_rig import OkxClient, OkxRig


@pytest.fixture
def rig() -> OkxRig:
    return OkxRig()


@pytest.fixture
def client(rig: OkxRig) -> OkxClient:
    return rig.listener()


def codes(client: OkxClient) -> list[str]:
    """The item codes of the acks, or the top code where there is no item."""
    return [ack["data"][0]["sCode"] if ack["data"] else ack["code"] for ack in client.acks]


def test_stale_query_answers_with_the_state_of_so_long_ago_in_queries_and_listings(
    rig: OkxRig, client: OkxClient
) -> None:
    order = rig.place()
    rig.advance(30)
    client.say("ping")
    client = rig.listener()
    client.cancel(order)
    rig.advance(5)
    rig.faults(STALE_QUERY={"count": 3, "arg": 20})
    assert rig.queried_state(order) == "live"
    assert [row["ordId"] for row in rig.get("/trade/orders-pending")["data"]] == [order["order_id"]]
    assert rig.get("/trade/orders-history?instType=SPOT")["data"] == []
    assert rig.queried_state(order) == "canceled"
    assert rig.get("/trade/orders-pending")["data"] == []


def test_a_stale_query_does_not_know_an_order_that_is_younger(rig: OkxRig) -> None:
    order = rig.place()
    rig.faults(STALE_QUERY={"count": 1})
    assert rig.queried_state(order) == "51603"


def test_query_notfound_denies_an_order_that_exists(rig: OkxRig) -> None:
    order = rig.place()
    rig.faults(QUERY_NOTFOUND={"count": 1})
    assert rig.queried_state(order) == "51603"
    assert rig.queried_state(order) == "live"


def test_query_open_only_forgets_ended_orders_at_once_but_knows_live_ones(rig: OkxRig) -> None:
    ended, live = rig.place(), rig.place()
    rig.fill(ended)
    rig.faults(QUERY_OPEN_ONLY={"p": 1.0})
    assert rig.queried_state(ended) == "51603"
    assert rig.queried_state(live) == "live"
    assert rig.get("/trade/orders-history?instType=SPOT")["data"] == []
    assert len(rig.get("/trade/orders-pending")["data"]) == 1


def test_dup_push_sends_the_same_twice_with_another_u_time(rig: OkxRig, client: OkxClient) -> None:
    order = rig.place()
    rig.faults(DUP_PUSH={"count": 1})
    rig.fill(order, "0.4")
    first, second = client.pushes[-2:]
    assert int(second["uTime"]) == int(first["uTime"]) + 1
    assert first | {"uTime": ""} == second | {"uTime": ""}


def test_reorder_replays_the_state_before_after_a_terminal_push(rig: OkxRig, client: OkxClient) -> None:
    order = rig.place()
    rig.fill(order, "0.4")
    rig.faults(REORDER={"count": 1})
    client.cancel(order)
    assert client.states == ["live", "partially_filled", "canceled", "partially_filled"]
    assert client.pushes[-1]["fillSz"] == "0.4"


def test_reorder_swaps_two_fills(rig: OkxRig, client: OkxClient) -> None:
    order = rig.place()
    rig.faults(REORDER={"count": 1})
    rig.fill(order, "0.4")
    assert client.states == ["live"]
    rig.fill(order)
    assert client.states == ["live", "filled", "partially_filled"]


def test_a_held_push_leaves_after_a_while_when_no_other_comes(rig: OkxRig, client: OkxClient) -> None:
    order = rig.place()
    rig.faults(REORDER={"count": 1})
    rig.fill(order, "0.4")
    rig.advance(0.2)
    assert client.states == ["live", "partially_filled"]


def test_drop_push_loses_the_next_n_pushes(rig: OkxRig, client: OkxClient) -> None:
    order = rig.place()
    rig.faults(DROP_PUSH={"count": 1, "arg": 2})
    rig.fill(order, "0.1")
    rig.fill(order, "0.2")
    rig.fill(order, "0.3")
    assert [row["accFillSz"] for row in client.pushes] == ["0", "0.6"]


def test_zombie_answers_pings_and_cancels_but_pushes_nothing(rig: OkxRig, client: OkxClient) -> None:
    order = rig.place()
    client.forget()
    rig.faults(ZOMBIE={"count": 1})
    client.cancel(order)
    client.say("ping")
    rig.place()
    assert codes(client) == ["0"]
    assert client.raw[-1] == b"pong"
    assert client.pushes == []


def test_auth_fail_refuses_a_login_and_a_rest_call(rig: OkxRig) -> None:
    rig.faults(AUTH_FAIL={"count": 2})
    client = rig.connect()
    client.login()
    assert client.errors == ["60009"]
    assert rig.call("GET", "/api/v5/account/config") == (401, {"code": "50113", "data": [], "msg": "Invalid Sign"})
    client.login()
    assert client.frames[-1]["event"] == "login"


def test_auth_fail_login_leaves_rest_calls_alone(rig: OkxRig) -> None:
    rig.faults(AUTH_FAIL={"count": 1, "arg": "login"})
    assert rig.get("/account/config")["code"] == "0"
    client = rig.connect()
    client.login()
    assert client.errors == ["60009"]


def test_auth_slow_answers_the_login_later_and_is_not_logged_in_meanwhile(rig: OkxRig) -> None:
    rig.faults(AUTH_SLOW={"count": 1, "arg": 3})
    client = rig.connect()
    client.login()
    client.subscribe()
    assert client.errors == ["60011"]
    rig.advance(3)
    assert client.frames[-1]["event"] == "login"


def test_skew_moves_the_venues_clock_until_it_is_deleted(rig: OkxRig) -> None:
    rig.faults(SKEW={"count": 1, "arg": 40})
    venue_ms = int(rig.get("/public/time")["data"][0]["ts"])
    assert venue_ms * 1000 == rig.now_us + 40_000_000
    client = rig.connect()
    client.login()
    assert client.errors == ["60006"]
    assert rig.get("/account/config")["code"] == "50102"
    rig.door("DELETE", "faults")
    assert rig.get("/account/config")["code"] == "0"
    assert rig.fired("SKEW") == 3


def test_unknown_event_puts_a_stranger_before_the_true_frame(rig: OkxRig, client: OkxClient) -> None:
    rig.faults(UNKNOWN_EVENT={"p": 1.0})
    kinds = set()
    for _ in range(8):
        order = rig.place()
        client.forget()
        client.cancel(order)
        true = [frame for frame in client.frames if frame.get("id", "").startswith("c") and "op" in frame]
        assert len(true) == 1
        assert "canceled" in client.states
        kinds |= {tuple(sorted(frame)) for frame in client.frames if frame not in true}
    assert len(kinds) >= 3


def test_bad_frame_puts_garbage_before_the_true_frame(rig: OkxRig, client: OkxClient) -> None:
    for how in ("text", "binary", "truncated"):
        order = rig.place()
        client.forget()
        rig.faults(BAD_FRAME={"count": 1, "arg": how})
        client.cancel(order)
        assert codes(client) == ["0"]
        assert len(client.binary) == (how == "binary")
        assert len(client.odd) == 1


def test_bad_frame_truncates_the_body_of_a_rest_answer(rig: OkxRig) -> None:
    order = rig.place()
    rig.faults(BAD_FRAME={"count": 1})
    request_id = rig.send("GET", f"/api/v5/trade/order?instId=BTC-USDT&ordId={order['order_id']}")
    response = rig.answers[request_id]
    assert response is not None
    with pytest.raises(json.JSONDecodeError):
        json.loads(response.body)


def test_big_int_number_prints_ids_as_integers(rig: OkxRig, client: OkxClient) -> None:
    order = rig.place()
    rig.faults(BIG_INT={"count": 2, "arg": "number"})
    client.cancel(order)
    assert client.acks[0]["data"][0]["ordId"] == int(order["order_id"])
    assert client.pushes[-1]["ordId"] == int(order["order_id"])


def test_big_int_huge_sends_an_id_above_64_bits_first(rig: OkxRig, client: OkxClient) -> None:
    order = rig.place()
    client.forget()
    rig.faults(BIG_INT={"count": 1, "arg": "huge"})
    client.cancel(order)
    first, second = client.acks
    assert first["data"][0]["ordId"] > 2**64
    assert second["data"][0]["ordId"] == order["order_id"]


def test_type_flip_prints_codes_sizes_and_times_as_numbers(rig: OkxRig, client: OkxClient) -> None:
    order = rig.place()
    rig.faults(TYPE_FLIP={"count": 3})
    client.cancel(order)
    assert client.acks[0]["data"][0]["sCode"] == 0
    assert client.acks[0]["code"] == 0
    row = client.pushes[-1]
    assert (row["sz"], row["accFillSz"], row["reduceOnly"]) == (1, 0, False)
    assert row["uTime"] == rig.now_us // 1000
    assert rig.query(order)["data"][0]["sz"] == 1
