"""The simulated HTX's REST side: who may call, how often, what queries find, and the lists that clients load."""

import json
from typing import Any

import pytest

from tests.sim.htx_rig import HtxRig


@pytest.fixture
def rig() -> HtxRig:
    return HtxRig()


def body(rig: HtxRig, number: int) -> Any:
    response = rig.answers[number]
    assert response is not None
    return json.loads(response.body)


# ---------------------------------------------------------------- who may call


@pytest.mark.parametrize("host", ["127.0.0.1:9000", "127.0.0.1"])
def test_a_signed_call_is_answered(rig: HtxRig, host: str) -> None:
    assert body(rig, rig.send("GET", "/v5/account/asset_mode", host=host))["data"] == {"asset_mode": 1}


def test_another_host_is_another_signature(rig: HtxRig) -> None:
    assert body(rig, rig.send("GET", "/v5/account/asset_mode", host="api.hbdm.com"))["err_code"] == 12008


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"AccessKeyId": "other"}, 12007),
        ({"SignatureVersion": "3"}, 12002),
        ({"SignatureMethod": "Ed25519"}, 12003),
        ({"Timestamp": ""}, 12006),
        ({"Timestamp": "2026-09-18T10:00:00Z"}, 12001),
        ({"Timestamp": "2026-99-18T10:00:00"}, 12001),
    ],
)
def test_who_cannot_be_verified_is_turned_away_in_the_old_shape(rig: HtxRig, given: dict[str, str], code: int) -> None:
    refusal = body(rig, rig.send("GET", "/v5/account/asset_mode", query=given))
    assert (refusal["status"], refusal["err_code"]) == ("error", code)


@pytest.mark.parametrize(("age_s", "is_taken"), [(299, True), (302, False)])
def test_a_call_may_be_five_minutes_old(rig: HtxRig, age_s: int, is_taken: bool) -> None:
    answer = body(rig, rig.send("GET", "/v5/account/asset_mode", age_s=age_s))
    assert ("data" in answer) is is_taken


def test_what_is_not_signed_is_not_answered(rig: HtxRig) -> None:
    assert body(rig, rig.send_target("GET", "/v5/trade/order/opens"))["err_code"] == 12007


def test_an_unknown_path_is_told_so(rig: HtxRig) -> None:
    assert rig.call("GET", "/v6/trade/order")[0] == 404


# ---------------------------------------------------------------- how often


def test_trading_and_reading_have_seventy_two_each_in_three_seconds(rig: HtxRig) -> None:
    codes = [rig.get("order/opens")["code"] for _ in range(73)]
    assert codes == [200] * 72 + [1032]
    order = rig.place()
    assert rig.rest_cancel(order)["code"] == 200
    assert rig.stats()["breaches"] == {"read user": 1}
    rig.advance(3)
    assert rig.get("order/opens")["code"] == 200


def test_commands_on_both_roads_share_a_limit(rig: HtxRig) -> None:
    entry = rig.entry()
    order = rig.place()
    for _ in range(72):
        entry.cancel(order)
    status, answer = rig.call("POST", "/v5/trade/cancel_order", {"contract_code": "BTC-USDT", "order_id": "1"})
    assert (status, answer["code"]) == (429, 1032)
    assert rig.stats()["breaches"] == {"trade user": 1}


def test_what_is_left_stands_in_the_headers(rig: HtxRig) -> None:
    response = rig.answers[rig.send("GET", "/v5/trade/order/opens")]
    assert response is not None
    assert (response.headers["ratelimit-limit"], response.headers["ratelimit-remaining"]) == ("72", "71")


# ---------------------------------------------------------------- queries


def test_an_order_is_found_in_its_own_mode_only(rig: HtxRig) -> None:
    cross, isolated = rig.place("BTC-USDT"), rig.place("ETH-USDT")
    assert rig.query(cross)["data"]["state"] == "new"
    assert rig.query(cross, "isolated")["code"] == 1061
    assert rig.query(isolated)["code"] == 1061
    assert rig.query(isolated, "isolated")["data"]["margin_mode"] == "isolated"
    assert rig.get("order", order_id=isolated["order_id"])["code"] == 1061  # cross, where none is named


def test_by_client_id_living_orders_only_are_found(rig: HtxRig) -> None:
    order = rig.place(client_order_id="77")
    assert rig.get("order", client_order_id="77")["data"]["order_id"] == order["order_id"]
    rig.fill(order)
    assert rig.get("order", client_order_id="77")["code"] == 1061
    assert rig.query(order)["data"]["state"] == "filled"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({}, 1066),
        ({"order_id": "1", "contract_code": "NO-USDT"}, 1013),
        ({"order_id": "1", "margin_mode": "both"}, 1067),
        ({"order_id": "1"}, 1061),
    ],
)
def test_an_order_query_that_is_not_right_is_refused(rig: HtxRig, query: dict[str, str], code: int) -> None:
    assert rig.get("order", **query)["code"] == code


def test_an_unfilled_canceled_order_is_forgotten_after_two_hours(rig: HtxRig) -> None:
    order = rig.place()
    rig.rest_cancel(order)
    rig.advance(2 * 3600 - 1)
    assert rig.queried_state(order) == "canceled"
    rig.advance(1)
    assert rig.queried_state(order) == "1061"


def test_open_orders_come_oldest_first_ten_at_a_time(rig: HtxRig) -> None:
    placed = [rig.place()["order_id"] for _ in range(12)]
    rig.place("ETH-USDT")
    first = [row["order_id"] for row in rig.get("order/opens", margin_mode="cross")["data"]]
    assert first == placed[:10]
    more = {"margin_mode": "cross", "direct": "next", "from": first[-1], "limit": "100"}
    assert [row["order_id"] for row in rig.get("order/opens", **more)["data"]] == placed[10:]
    back = {"margin_mode": "cross", "direct": "prev", "from": placed[2]}
    assert [row["order_id"] for row in rig.get("order/opens", **back)["data"]] == placed[1::-1]
    assert len(rig.get("order/opens", limit="100")["data"]) == 13
    assert rig.get("order/opens", contract_code="BTC-USDT", order_id=placed[3])["data"][0]["order_id"] == placed[3]


@pytest.mark.parametrize("wrong", [{"limit": "101"}, {"limit": "x"}, {"direct": "up"}, {"from": "-1"}])
def test_a_listing_that_is_not_right_is_refused(rig: HtxRig, wrong: dict[str, str]) -> None:
    assert rig.get("order/opens", **wrong)["code"] == 1067


def test_history_has_ended_orders_of_a_contract_and_mode_newest_first_by_an_id_of_its_own(rig: HtxRig) -> None:
    orders = [rig.place() for _ in range(3)]
    rig.place()
    rig.fill(orders[0])
    rig.fill(orders[1], "1")
    for order in orders[1:]:
        rig.rest_cancel(order)
    asked = {"contract_code": "BTC-USDT", "margin_mode": "cross"}
    rows = rig.get("order/history", **asked)["data"]
    assert [row["state"] for row in rows] == ["canceled", "partially_canceled", "filled"]
    assert rows[0]["id"] != rows[0]["order_id"]
    below = rig.get("order/history", **asked, **{"from": rows[0]["id"], "direct": "prev"})["data"]
    assert below == rows[1:]
    assert rig.get("order/history", **(asked | {"margin_mode": "isolated"}))["data"] == []
    assert [row["state"] for row in rig.get("order/history", **asked, states="filled")["data"]] == ["filled"]


@pytest.mark.parametrize("left_out", ["contract_code", "margin_mode"])
def test_history_wants_contract_and_mode(rig: HtxRig, left_out: str) -> None:
    query = {"contract_code": "BTC-USDT", "margin_mode": "cross"}
    del query[left_out]
    assert rig.get("order/history", **query)["code"] == 1067


def test_history_looks_back_two_days_by_the_orders_creation(rig: HtxRig) -> None:
    order = rig.place()
    rig.advance(49 * 3600)
    rig.fill(order)
    asked = {"contract_code": "BTC-USDT", "margin_mode": "cross"}
    assert rig.get("order/history", **asked)["data"] == []
    begin = str(rig.now_us // 1000 - 50 * 3_600_000)
    assert len(rig.get("order/history", **asked, start_time=begin)["data"]) == 1


def test_executions_are_listed_newest_first(rig: HtxRig) -> None:
    order = rig.place()
    rig.fill(order, "1")
    rig.fill(order, "2")
    rows = rig.get("order/details", contract_code="BTC-USDT", order_id=order["order_id"])["data"]
    assert [row["trade_volume"] for row in rows] == ["2", "1"]


def test_a_body_that_is_no_json_is_refused(rig: HtxRig) -> None:
    assert rig.call("POST", "/v5/trade/cancel_order", b"{")[1]["code"] == 1031
    assert rig.call("POST", "/v5/trade/batch_orders", b"[7]")[1]["code"] == 1030


# ---------------------------------------------------------------- what clients load first


def test_the_time_and_the_health_are_public(rig: HtxRig) -> None:
    assert body(rig, rig.send_target("GET", "/api/v1/timestamp"))["ts"] == rig.now_us // 1000
    assert body(rig, rig.send_target("GET", "/heartbeat/"))["data"]["linear_swap_heartbeat"] == 1


@pytest.mark.parametrize(
    "path",
    [
        "/v2/reference/currencies",
        "/v1/common/symbols",
        "/linear-swap-api/v1/swap_contract_info?business_type=all",
        "/swap-api/v1/swap_contract_info",
        "/api/v1/contract_contract_info",
    ],
)
def test_the_markets_are_listed_without_a_signature(rig: HtxRig, path: str) -> None:
    assert body(rig, rig.send_target("GET", path))["data"]


def test_contracts_are_perpetual_and_delivered(rig: HtxRig) -> None:
    rows = body(rig, rig.send_target("GET", "/linear-swap-api/v1/swap_contract_info"))["data"]
    assert {row["business_type"] for row in rows} == {"swap", "futures"}
    assert len(rows) == len(list(rig.venue.instruments))
