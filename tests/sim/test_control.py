"""The control door: orders, faults and stats in the shapes that are promised, and its refusals."""

import pytest

from tests.sim.okx_rig import OkxRig


@pytest.fixture
def rig() -> OkxRig:
    return OkxRig()


def test_an_order_is_placed_filled_and_shown_in_the_promised_shape(rig: OkxRig) -> None:
    asked = {"instrument": "BTC-USDT", "side": "sell", "price": "90000.5", "qty": "0.010", "client_order_id": "c1"}
    status, order = rig.door("POST", "orders", asked)
    row = {"order_id": order["order_id"], "product": None, "cum_qty": "0", "ord_status": "new", **asked}
    assert (status, order) == (201, row)
    assert rig.door("POST", f"orders/{order['order_id']}/fill", {"qty": "0.004"}) == (
        200,
        row | {"cum_qty": "0.004", "ord_status": "partially_filled"},
    )
    filled = row | {"cum_qty": "0.010", "ord_status": "filled"}
    assert rig.door("POST", f"orders/{order['order_id']}/fill") == (200, filled)
    assert rig.door("GET", "orders") == (200, {"orders": [filled]})
    assert rig.door("GET", f"orders/{order['order_id']}") == (200, filled)


def test_many_orders_are_placed_at_once_or_none(rig: OkxRig) -> None:
    good = {"instrument": "BTC-USDT", "side": "buy", "price": "1", "qty": "1"}
    status, body = rig.door("POST", "orders", [good, good | {"instrument": "ETH-USDT"}])
    assert (status, [order["instrument"] for order in body["orders"]]) == (201, ["BTC-USDT", "ETH-USDT"])
    assert rig.door("POST", "orders", [good, {}])[0] == 400
    assert len(rig.door("GET", "orders")[1]["orders"]) == 2


def test_somebody_elses_cancel_is_pushed_with_another_source(rig: OkxRig) -> None:
    client, order = rig.listener(), rig.place()
    assert rig.door("POST", f"orders/{order['order_id']}/cancel")[1]["ord_status"] == "canceled"
    assert client.pushes[-1]["cancelSource"] == "20"


def test_an_unknown_order_is_404_and_an_ended_one_409(rig: OkxRig) -> None:
    order = rig.place()
    rig.fill(order)
    for verb in ("fill", "cancel"):
        assert rig.door("POST", f"orders/1/{verb}")[0] == 404
        assert rig.door("POST", f"orders/{order['order_id']}/{verb}")[0] == 409
    assert rig.door("GET", "orders/1")[0] == 404


@pytest.mark.parametrize(
    "changes",
    [
        {"side": "up"},
        {"price": "0"},
        {"price": None},
        {"qty": "NaN"},
        {"qty": True},
        {"instrument": "NO-SUCH"},
        {"instrument": 5},
        {"product": "SPOT"},
        {"client_order_id": 7},
    ],
)
def test_a_wrong_order_is_400(rig: OkxRig, changes: dict[str, object]) -> None:
    order = {"instrument": "BTC-USDT", "side": "buy", "price": "1", "qty": "1"} | changes
    status, body = rig.door("POST", "orders", order)
    assert status == 400
    assert isinstance(body["error"], str)
    assert rig.door("GET", "orders")[1] == {"orders": []}


def test_a_fill_of_more_than_is_left_is_400(rig: OkxRig) -> None:
    order = rig.place()
    assert rig.door("POST", f"orders/{order['order_id']}/fill", {"qty": "1.5"})[0] == 400
    assert rig.door("POST", f"orders/{order['order_id']}/fill", {"qty": "x"})[0] == 400


def test_an_order_above_the_cap_is_409(rig: OkxRig) -> None:
    for _ in range(500):
        rig.place()
    assert rig.door("POST", "orders", {"instrument": "BTC-USDT", "side": "buy", "price": "1", "qty": "1"})[0] == 409


def test_faults_are_merged_shown_and_removed(rig: OkxRig) -> None:
    rig.faults(DUP_PUSH={"p": 0.1})
    status, body = rig.door("POST", "faults", {"REJECT": {"count": 3, "arg": "51400", "order_id": "5"}})
    dup = {"name": "DUP_PUSH", "p": 0.1, "arg": "", "order_id": None}
    reject = {"name": "REJECT", "count": 3, "arg": "51400", "order_id": "5"}
    assert (status, body) == (200, {"rules": [dup, reject]})
    assert rig.door("DELETE", "faults") == (200, {"rules": []})
    assert rig.door("GET", "faults") == (200, {"rules": []})


def test_an_unknown_fault_is_400_and_none_of_the_request_is_taken(rig: OkxRig) -> None:
    status, body = rig.door("POST", "faults", {"DUP_PUSH": {"p": 0.1}, "GREMLINS": {"count": 1}})
    assert status == 400
    assert "GREMLINS is not a fault" in body["error"]
    assert rig.door("GET", "faults") == (200, {"rules": []})


def test_stats_have_exactly_the_promised_keys_and_count(rig: OkxRig) -> None:
    client, order = rig.listener(), rig.place()
    rig.faults(DUP_PUSH={"count": 1})
    client.cancel(order)
    client.cancel(order)
    rig.query(order)
    assert rig.door("GET", "stats") == (
        200,
        {
            "frames_in": 4,
            "rest_calls": 1,
            "cancels": {order["order_id"]: 2},
            "breaches": {},
            "faults": {"DUP_PUSH": 1},
        },
    )


def test_a_cancel_by_client_id_is_counted_under_the_order(rig: OkxRig) -> None:
    order = rig.place(client_order_id="mine")
    rig.call("POST", "/api/v5/trade/cancel-order", {"instId": "BTC-USDT", "clOrdId": "mine"})
    assert rig.stats()["cancels"] == {order["order_id"]: 1}


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "nothing", None, 404),
        ("PUT", "orders", {}, 404),
        ("PUT", "faults", {}, 405),
        ("POST", "faults", b"{", 400),
        ("POST", "faults", [], 400),
        ("POST", "orders", b"", 400),
        ("POST", "orders", 5, 400),
    ],
)
def test_what_the_door_does_not_know_is_refused(rig: OkxRig, method: str, path: str, body: object, status: int) -> None:
    answered, answer = rig.door(method, path, body)
    assert answered == status
    assert isinstance(answer["error"], str)


def test_faults_of_the_command_line_stand_from_the_start() -> None:
    from daemon.sim.registry import build

    venue = build("okx", faults="DUP_PUSH:0.1,REJECT(51400)x3,STALE_QUERY(20):0.05")
    assert [rule.fault.value for rule in venue.faults.rules()] == ["DUP_PUSH", "REJECT", "STALE_QUERY"]
