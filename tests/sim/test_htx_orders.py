"""Orders at the simulated HTX: cancels over both roads, what is pushed, what is found when it is asked for."""

import pytest

from daemon.sim.venues.htx.options import HtxOptions
from tests.sim.htx_rig import HtxClient, HtxRig


@pytest.fixture
def rig() -> HtxRig:
    return HtxRig()


@pytest.fixture
def entry(rig: HtxRig) -> HtxClient:
    return rig.entry()


@pytest.fixture
def listener(rig: HtxRig) -> HtxClient:
    return rig.listener()


def test_an_accepted_cancel_is_answered_on_one_socket_and_pushed_on_the_other(
    rig: HtxRig, entry: HtxClient, listener: HtxClient
) -> None:
    order = rig.place(client_order_id="77")
    cid = entry.cancel(order)
    (ack,) = entry.acks
    budget = ack.pop("rate_limit")
    del ack["ts"]
    assert ack == {
        "code": 200,
        "message": "Success",
        "data": {"order_id": order["order_id"], "client_order_id": "77"},
        "args": None,
        "unknownException": False,
        "cid": cid,
    }
    assert (budget["limit"], budget["interval"], budget["remaining"]) == ("72", "3000", "71")
    assert listener.states == ["new", "canceled"]
    row = listener.pushes[-1]
    assert (row["trade_volume"], row["cancel_volume"], row["volume"]) == ("0", "5", "5")
    assert row["cancel_reason"] == "Limit order cancelation by the client"
    assert [("op" in frame) for frame in rig.written[-2:]] == [False, True]  # the answer first


def test_by_rest_the_same_body_comes_without_a_name(rig: HtxRig) -> None:
    order = rig.place()
    answer = rig.rest_cancel(order)
    assert (answer["code"], answer["data"]["client_order_id"]) == (200, order["order_id"])
    assert "cid" not in answer
    assert rig.truth(order) == ("canceled", "0")


def test_a_partly_filled_order_ends_partially_canceled(rig: HtxRig, entry: HtxClient, listener: HtxClient) -> None:
    order = rig.place()
    rig.fill(order, "2")
    entry.cancel(order)
    assert listener.states == ["new", "partially_filled", "partially_canceled"]
    row = listener.pushes[-1]
    assert (row["trade_volume"], row["cancel_volume"], row["trade_avg_price"]) == ("2", "3", "60000")


def test_ended_orders_are_refused_by_what_became_of_them(rig: HtxRig, entry: HtxClient) -> None:
    filled, canceled = rig.place(), rig.place()
    rig.fill(filled)
    rig.door("POST", f"orders/{canceled['order_id']}/cancel")
    entry.cancel(filled)
    entry.cancel(canceled)
    assert entry.codes == [1063, 1071]
    assert [ack["data"] for ack in entry.acks] == [None, None]


def test_a_client_id_is_resolved_only_while_its_order_lives(rig: HtxRig, entry: HtxClient) -> None:
    order = rig.place(client_order_id="77")
    by_alias = {"contract_code": "BTC-USDT", "client_order_id": 77}
    entry.command("cancel_order", by_alias)
    entry.command("cancel_order", by_alias)
    assert entry.codes == [200, 1061]
    assert rig.stats()["cancels"] == {order["order_id"]: 2}


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ({"order_id": "1"}, 1066),
        ({"contract_code": "NO-USDT", "order_id": "1"}, 1013),
        ({"contract_code": "BTC-USDT"}, 1066),
        ({"contract_code": "BTC-USDT", "order_id": "x"}, 1067),
        ({"contract_code": "BTC-USDT", "client_order_id": "x"}, 1065),
        ({"contract_code": "BTC-USDT", "order_id": "1"}, 1061),
        ({"contract_code": "BTC-USDT", "order_id": ["1", "2"]}, 1030),
        (None, 1030),
    ],
)
def test_a_cancel_that_is_not_right_is_refused(rig: HtxRig, entry: HtxClient, data: object, code: int) -> None:
    entry.command("cancel_order", data)
    assert entry.codes == [code]
    assert rig.call("POST", "/v5/trade/cancel_order", data if isinstance(data, dict) else {})[1]["code"] in (code, 1066)


def test_an_order_of_another_contract_is_not_found(rig: HtxRig, entry: HtxClient) -> None:
    order = rig.place("BTC-USDT")
    entry.cancel(order | {"instrument": "ETH-USDT"})
    assert entry.codes == [1061]
    assert rig.truth(order)[0] == "new"


def test_the_order_id_wins_and_codes_are_taken_in_small_letters(rig: HtxRig, entry: HtxClient) -> None:
    meant, other = rig.place(), rig.place(client_order_id="77")
    entry.command("cancel_order", {"contract_code": "btc-usdt", "order_id": meant["order_id"], "client_order_id": "77"})
    assert rig.truth(meant)[0] == "canceled"
    assert rig.truth(other)[0] == "new"


# ---------------------------------------------------------------- several at once


def test_a_batch_answers_each_order_in_its_own_order(rig: HtxRig, entry: HtxClient, listener: HtxClient) -> None:
    first, second = rig.place(), rig.place(client_order_id="77")
    ids = {"order_id": [first["order_id"], "1"], "client_order_id": ["77"]}
    entry.command("cancel_batch_orders", {"contract_code": "BTC-USDT"} | ids)
    (ack,) = entry.acks
    items = {item["order_id"]: item["code"] for item in ack["data"]}
    assert items == {first["order_id"]: 200, "1": 1061, second["order_id"]: 200}
    assert ack["code"] == 200
    assert listener.states[2:] == ["canceled", "canceled"]


def test_a_batch_has_a_size(entry: HtxClient) -> None:
    entry.command("cancel_batch_orders", {"contract_code": "BTC-USDT", "order_id": [str(n) for n in range(11)]})
    entry.command("cancel_batch_orders", {"contract_code": "BTC-USDT", "order_id": []})
    assert entry.codes == [1052, 1066]


def test_everything_is_canceled_or_what_fits(rig: HtxRig, entry: HtxClient) -> None:
    kept = rig.place("ETH-USDT")
    gone = [rig.place("BTC-USDT") for _ in range(3)]
    entry.command("cancel_all_orders", {"contract_code": "BTC-USDT"})
    assert {item["order_id"] for item in entry.acks[0]["data"]} == {order["order_id"] for order in gone}
    assert rig.truth(kept)[0] == "new"
    assert len(rig.call("POST", "/v5/trade/cancel_all_orders")[1]["data"]) == 1
    assert rig.call("POST", "/v5/trade/cancel_all_orders", {})[1]["data"] == []


# ---------------------------------------------------------------- placing


def ask(**more: object) -> dict[str, object]:
    return {"contract_code": "BTC-USDT", "side": "buy", "type": "limit", "price": "60000", "volume": 3} | more


def test_an_order_is_placed_and_pushed(entry: HtxClient, listener: HtxClient) -> None:
    entry.command("place_order", ask(client_order_id=77, margin_mode="isolated", channel_code="x"))
    (ack,) = entry.acks
    assert (ack["code"], ack["data"]["client_order_id"]) == (200, "77")
    (row,) = listener.pushes
    assert (row["state"], row["volume"], row["margin_mode"], row["price"]) == ("new", "3", "isolated", "60000")


def test_a_batch_of_orders_answers_each(rig: HtxRig) -> None:
    _, answer = rig.call("POST", "/v5/trade/batch_orders", [ask(), ask(volume="0")])
    assert [item["code"] for item in answer["data"]] == [200, 1067]
    assert rig.call("POST", "/v5/trade/order", [ask(), ask()])[1]["code"] == 1052


@pytest.mark.parametrize("life", ["IOC", "fok"])
def test_what_does_not_rest_is_taken_off_at_once(rig: HtxRig, listener: HtxClient, life: str) -> None:
    rig.call("POST", "/v5/trade/order", ask(time_in_force=life))
    assert listener.states == ["new", "canceled"]
    assert listener.pushes[-1]["cancel_reason"] == "Order cancelation by system"


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"contract_code": ""}, 1066),
        ({"contract_code": "NO-USDT"}, 1013),
        ({"side": "up"}, 1067),
        ({"type": "market"}, 1067),
        ({"margin_mode": "both"}, 1067),
        ({"time_in_force": "day"}, 1067),
        ({"price": "0"}, 1067),
        ({"volume": "1.5"}, 1067),
        ({"client_order_id": "mine"}, 1065),
        ({"client_order_id": 0}, 1065),
    ],
)
def test_an_order_that_is_not_right_is_refused(rig: HtxRig, wrong: dict[str, object], code: int) -> None:
    assert rig.call("POST", "/v5/trade/order", ask(**wrong))[1]["code"] == code
    assert rig.door("GET", "orders")[1]["orders"] == []


def test_resting_orders_have_a_cap() -> None:
    rig = HtxRig(HtxOptions(pending_max=1))
    assert rig.call("POST", "/v5/trade/order", ask())[1]["code"] == 200
    assert rig.call("POST", "/v5/trade/order", ask())[1]["code"] == 1030


# ---------------------------------------------------------------- the control door


@pytest.mark.parametrize(
    "wrong",
    [
        {"instrument": "NO-USDT"},
        {"instrument": "btc-usdt"},
        {"qty": "1.5"},
        {"client_order_id": "mine"},
        {"product": "swap"},
    ],
)
def test_the_door_places_only_what_the_venue_could_have(rig: HtxRig, wrong: dict[str, str]) -> None:
    order = {"instrument": "BTC-USDT", "side": "buy", "price": "1", "qty": "1"} | wrong
    assert rig.door("POST", "orders", order)[0] == 400


def test_somebody_elses_cancel_is_the_accounts_own_timeout(rig: HtxRig, listener: HtxClient) -> None:
    order = rig.place()
    rig.door("POST", f"orders/{order['order_id']}/cancel")
    assert listener.pushes[-1]["cancel_reason"] == "Order cancelation due to API timeout"


def test_both_margin_modes_are_met(rig: HtxRig, listener: HtxClient) -> None:
    rig.place("BTC-USDT")
    rig.place("ETH-USDT")
    assert [row["margin_mode"] for row in listener.pushes] == ["cross", "isolated"]
