"""Orders at the simulated BingX: cancels by both calls, limits, the ban of calls that fail too often, queries."""

import json
from decimal import Decimal

import pytest

from daemon.sim.venues.bingx.options import BingxOptions
from tests.sim.bingx_rig import TRADE, BingxRig
from tests.sim.rig import Json


@pytest.fixture
def rig() -> BingxRig:
    return BingxRig()


def codes(answers: list[Json]) -> list[int]:
    return [answer["code"] for answer in answers]


# ---------------------------------------------------------------- cancels


def test_a_cancel_is_answered_with_the_whole_row_then_pushed(rig: BingxRig) -> None:
    client = rig.listener()
    order = rig.place(client_order_id="oms_7")
    rig.fill(order, "0.25")
    client.forget()
    answer = rig.cancel(order)
    assert (answer["code"], answer["msg"], answer["debugMsg"]) == (0, "", "")
    assert answer["data"] == {
        "symbol": "BTC-USDT",
        "orderId": int(order["order_id"]),
        "price": "90000",
        "stopPrice": "0",
        "origQty": "1",
        "executedQty": "0.25",
        "cummulativeQuoteQty": "22500.00",
        "status": "CANCELED",
        "type": "LIMIT",
        "side": "BUY",
        "clientOrderID": "oms_7",
    }
    (update,) = client.updates
    assert (update["X"], update["x"], update["z"], update["C"]) == ("CANCELED", "CANCELED", Decimal("0.25"), "oms_7")
    assert update["i"] == int(order["order_id"])
    assert rig.truth(order) == ("canceled", "0.25")


def test_by_client_id_the_order_is_found_for_two_hours(rig: BingxRig) -> None:
    first = rig.place(client_order_id="oms_1")
    cancel = {"symbol": "BTC-USDT", "clientOrderID": "oms_1"}
    assert rig.call("POST", f"{TRADE}/cancel", **cancel)["code"] == 0
    assert rig.truth(first)[0] == "canceled"
    second = rig.place(client_order_id="oms_2")
    rig.advance(7_201)
    assert rig.call("POST", f"{TRADE}/cancel", symbol="BTC-USDT", clientOrderID="oms_2")["code"] == 100404
    assert rig.call("GET", f"{TRADE}/query", symbol="BTC-USDT", clientOrderID="oms_2")["code"] == 100404
    assert rig.queried(second) == "PENDING"


def test_an_order_that_is_over_unknown_or_of_another_symbol_is_not_there(rig: BingxRig) -> None:
    filled, other = rig.place(), rig.place("ETH-USDT")
    rig.fill(filled)
    unknown = {"instrument": "BTC-USDT", "order_id": "1"}
    moved = {"instrument": "BTC-USDT", "order_id": other["order_id"]}
    assert codes([rig.cancel(each) for each in (filled, unknown, moved)]) == [100404] * 3
    assert rig.truth(other)[0] == "new"


def test_one_order_may_be_cancelled_once_in_a_second(rig: BingxRig) -> None:
    order = rig.place()
    rig.faults(REJECT={"arg": "100500"})
    assert rig.cancel(order)["code"] == 100500
    again = rig.cancel(order)
    assert (again["code"], again["msg"]) == (100400, "The same order can only be submitted once per second.")
    assert rig.stats()["breaches"] == {"same order": 1}
    rig.advance(1)
    assert rig.cancel(order)["code"] == 0


def test_restrictions_are_kept(rig: BingxRig) -> None:
    order = rig.place()
    assert rig.cancel(order, cancelRestrictions="PARTIALLY_FILLED")["code"] == 100400
    assert rig.cancel(order, cancelRestrictions="NONSENSE")["code"] == 100400
    assert rig.cancel(order, cancelRestrictions="PENDING")["code"] == 0


@pytest.mark.parametrize(
    "fields",
    [
        {"orderId": "1"},
        {"symbol": "BTC-USDT"},
        {"symbol": "BTC-USDT", "orderId": "x"},
        {"symbol": "BTC-USDT", "clientOrderID": "a-b"},
    ],
)
def test_a_malformed_cancel_is_a_wrong_parameter(rig: BingxRig, fields: dict[str, str]) -> None:
    assert rig.call("POST", f"{TRADE}/cancel", **fields)["code"] == 100400


def test_five_cancels_in_a_second_are_taken(rig: BingxRig) -> None:
    orders = [rig.place() for _ in range(6)]
    answers = [rig.cancel(order) for order in orders]
    assert codes(answers) == [0] * 5 + [100410]
    assert answers[-1]["msg"] == "rate limited"
    assert rig.stats()["breaches"] == {"cancel": 1}
    assert rig.stats()["cancels"] == {order["order_id"]: 1 for order in orders}


# ---------------------------------------------------------------- lists


def test_a_list_says_of_each_what_became_of_it_and_never_fails(rig: BingxRig) -> None:
    live, filled = rig.place(), rig.place()
    rig.fill(filled)
    answer = rig.cancel_list(live, filled, {"order_id": "1"})
    assert answer["code"] == 0
    assert [row["orderId"] for row in answer["data"]["orders"]] == [int(live["order_id"])]
    by_id = {row["orderId"]: row["error"] for row in answer["data"]["fails"]}
    assert "order status :FILLED" in by_id[filled["order_id"]]
    assert set(by_id) == {filled["order_id"], "1"}


def test_all_or_nothing_is_the_default_of_a_list(rig: BingxRig) -> None:
    live, filled = rig.place(), rig.place()
    rig.fill(filled)
    assert rig.cancel_list(live, filled, process="0")["code"] == 100400
    assert rig.truth(live)[0] == "new"


def test_an_item_of_a_list_may_be_in_neither_part(rig: BingxRig) -> None:
    orders = [rig.place(), rig.place()]
    rig.faults(PARTIAL_BATCH={"count": 1})
    data = rig.cancel_list(*orders)["data"]
    assert (len(data["orders"]), data["fails"]) == (1, [])
    assert sorted(rig.truth(order)[0] for order in orders) == ["canceled", "new"]


def test_everything_on_a_symbol_goes_at_once(rig: BingxRig) -> None:
    kept, gone = rig.place("ETH-USDT"), rig.place()
    rows = rig.call("POST", f"{TRADE}/cancelOpenOrders", symbol="BTC-USDT")["data"]["orders"]
    assert [row["orderId"] for row in rows] == [int(gone["order_id"])]
    assert (rig.truth(kept)[0], rig.truth(gone)[0]) == ("new", "canceled")


# ---------------------------------------------------------------- the ban


def errors(rig: BingxRig, count: int) -> list[int]:
    found = []
    for number in range(count):
        found.append(rig.cancel({"instrument": "BTC-USDT", "order_id": str(number + 1)})["code"])
        rig.advance(0.25)
    return found


def test_twenty_errors_are_borne_and_one_more_bans_the_call_until_a_time_that_it_names(rig: BingxRig) -> None:
    order = rig.place()
    assert errors(rig, 21) == [100404] * 21
    answer = rig.cancel(order)
    assert answer["code"] == 100410
    until_us = int(answer["msg"].rpartition(" ")[2]) * 1000
    assert 299 <= (until_us - rig.now_us) / 1e6 <= 300
    assert rig.stats()["breaches"] == {"errors": 1, "called while banned": 1}
    assert rig.query(order)["code"] == 0  # another call is not concerned
    assert rig.cancel_list(order)["code"] == 0
    rig.advance((until_us - rig.now_us) / 1e6)
    assert rig.cancel(order)["code"] == 100404  # it is gone since, and the call is served again


def test_errors_are_forgotten_after_eight_minutes(rig: BingxRig) -> None:
    assert errors(rig, 20) == [100404] * 20
    rig.advance(480)
    assert errors(rig, 20) == [100404] * 20
    assert rig.stats()["breaches"] == {}


def test_a_refused_limit_is_no_error_and_a_failed_row_of_a_list_is_none_either() -> None:
    rig = BingxRig(BingxOptions(errors_max=3))
    gone = {"instrument": "BTC-USDT", "order_id": "1"}
    for _ in range(6):
        rig.cancel_list(gone)
        rig.advance(0.5)
    rig.faults(RATE_LIMIT={"count": 5})
    live = rig.place()
    for _ in range(5):
        assert rig.cancel(live)["code"] == 100410
        rig.advance(1)
    assert rig.stats()["breaches"] == {}


# ---------------------------------------------------------------- queries and placements


def test_the_query_has_every_field_of_its_page(rig: BingxRig) -> None:
    order = rig.place(client_order_id="oms_7")
    rig.fill(order)
    data = rig.query(order)["data"]
    assert set(data) == set(
        "symbol orderId price StopPrice origQty executedQty cummulativeQuoteQty status type side time updateTime "
        "origQuoteOrderQty fee feeAsset clientOrderID avgPrice".split()
    )
    assert (data["status"], data["avgPrice"], data["fee"]) == ("FILLED", "90000", "-0.001")


def test_a_partly_filled_order_may_be_called_pending_by_a_query(rig: BingxRig) -> None:
    seen = set()
    for _ in range(12):
        order = rig.place()
        rig.fill(order, "0.5")
        seen.add(rig.queried(order))
        rig.advance(0.2)
    assert seen == {"PENDING", "PARTIALLY_FILLED"}


def test_listings_show_what_they_are_for(rig: BingxRig) -> None:
    live, ended, other = rig.place(), rig.place(), rig.place("ETH-USDT")
    rig.fill(ended)

    def ids(path: str, key: str, **fields: str) -> set[str]:
        return {str(row["orderId"]) for row in rig.call("GET", f"{TRADE}/{path}", **fields)["data"][key]}

    assert ids("openOrders", "orders") == {live["order_id"], other["order_id"]}
    assert ids("openOrders", "orders", symbol="ETH-USDT") == {other["order_id"]}
    assert ids("historyOrders", "orders", symbol="BTC-USDT") == {live["order_id"], ended["order_id"]}
    assert ids("historyOrders", "orders", symbol="BTC-USDT", orderId=ended["order_id"]) == {ended["order_id"]}
    assert ids("historyOrders", "orders", symbol="BTC-USDT", status="FILLED") == {ended["order_id"]}
    assert ids("myTrades", "fills", symbol="BTC-USDT") == {ended["order_id"]}


def test_a_placed_order_rests_and_a_market_order_by_quote_is_filled_with_no_quantity(rig: BingxRig) -> None:
    client = rig.listener()
    placed = rig.call(
        "POST",
        f"{TRADE}/order",
        symbol="BTC-USDT",
        side="BUY",
        type="LIMIT",
        quantity="0.1",
        price="1",
        newClientOrderId="a",
    )
    assert (placed["data"]["status"], placed["data"]["clientOrderID"]) == ("PENDING", "a")
    bought = rig.call("POST", f"{TRADE}/order", symbol="BTC-USDT", side="BUY", type="MARKET", quoteOrderQty="900")
    assert (bought["data"]["status"], bought["data"]["origQty"]) == ("FILLED", "0")
    assert client.states == ["PENDING", "PENDING", "FILLED"]
    filled = client.updates[-1]
    assert (filled["q"], filled["Q"], filled["z"]) == (0, 900, Decimal("0.01"))


@pytest.mark.parametrize(
    "wrong", [{"symbol": "NONE-USDT"}, {"side": "buy"}, {"type": "STOP"}, {"quantity": "0"}, {"price": ""}]
)
def test_a_wrong_placement_rests_nothing(rig: BingxRig, wrong: dict[str, str]) -> None:
    right = {"symbol": "BTC-USDT", "side": "BUY", "type": "LIMIT", "quantity": "1", "price": "1"}
    asked = {name: value for name, value in (right | wrong).items() if value}
    assert rig.call("POST", f"{TRADE}/order", **asked)["code"] == 100400
    assert list(rig.venue.book.orders()) == []


def test_an_update_says_numbers_as_numbers(rig: BingxRig) -> None:
    client = rig.listener()
    rig.place(qty="0.12345678901234567890123")
    assert client.updates[0]["q"] == Decimal("0.12345678901234567890123")
    assert json.dumps(client.updates[0]["i"]).isdigit()
