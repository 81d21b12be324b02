"""The simulated Bitget's REST calls: signatures, both generations, cancels, queries and placements."""

import json

import pytest

from daemon.sim.venues.bitget.options import BitgetOptions
from tests.sim.bitget_rig import FUTURES, BitgetRig
from tests.sim.rig import signature


@pytest.fixture
def classic() -> BitgetRig:
    return BitgetRig()


@pytest.fixture
def unified() -> BitgetRig:
    return BitgetRig(BitgetOptions(is_unified=True))


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"access_key": "other"}, "40006"),
        ({"access_key": ""}, "40006"),
        ({"access_timestamp": "1"}, "40008"),
        ({"access_timestamp": "1763600040000"}, "40008"),
        ({"access_passphrase": "x"}, "40012"),
        ({"access_sign": "AAAA"}, "40009"),
        ({"paptrading": "1"}, "22030"),
    ],
)
def test_a_call_that_is_not_rightly_signed_is_refused(classic: BitgetRig, headers: dict[str, str], code: str) -> None:
    status, body = classic.call("GET", "/api/v2/spot/account/info", **headers)
    assert (status, body["code"], body["data"]) == (400, code, None)


def test_the_query_is_signed_as_it_is_sent_or_in_plain_text(classic: BitgetRig) -> None:
    order = classic.place(client_order_id="a+b")
    target = f"/api/v2/mix/order/detail?clientOid=a%2Bb&productType={FUTURES}&symbol=BTCUSDT"
    assert classic.get(target)["orderId"] == order["order_id"]
    stamp = str(classic.now_us // 1000)
    sign = signature(f"{stamp}GET{target.replace('%2B', '+')}")
    assert classic.call("GET", target, access_sign=sign)[0] == 200


def test_the_other_generations_private_calls_are_refused_and_its_public_ones_served(
    classic: BitgetRig, unified: BitgetRig
) -> None:
    assert classic.get("/api/v3/account/settings") == "25245"
    assert classic.get("/api/v3/trade/order-info?orderId=1") == "25245"
    assert unified.get("/api/v2/spot/account/info") == "40085"
    assert unified.get("/api/v2/mix/order/detail?orderId=1") == "40085"
    assert classic.get("/api/v2/spot/account/info")["userId"] == unified.get("/api/v3/account/settings")["uid"]
    for rig in (classic, unified):
        assert rig.get("/api/v3/market/instruments?category=SPOT")[0]["symbol"] == "BTCUSDT"
        assert rig.get("/api/v2/mix/market/contracts?productType=COIN-FUTURES")[0]["symbol"] == "BTCUSD"
        assert int(rig.get("/api/v2/public/time")["serverTime"]) == rig.now_us // 1000
        assert rig.call("GET", "/api/v2/nothing")[1]["code"] == ("40085" if rig is unified else "40404")


@pytest.mark.parametrize("product", [FUTURES, "COIN-FUTURES", "USDC-FUTURES", "SPOT"])
def test_a_classic_order_is_canceled_by_its_products_own_call(classic: BitgetRig, product: str) -> None:
    symbol = {"COIN-FUTURES": "BTCUSD", "USDC-FUTURES": "BTCPERP"}.get(product, "BTCUSDT")
    order = classic.place(symbol, product=product, client_order_id="c1")
    status, body = classic.rest_cancel(order)
    assert (status, body["code"]) == (200, "00000")
    assert body["data"] == {"orderId": order["order_id"], "clientOid": "c1"}
    assert classic.truth(order)[0] == "canceled"
    assert classic.queried(order) == ("cancelled" if product == "SPOT" else "canceled")


def test_an_order_of_another_product_is_not_found(classic: BitgetRig) -> None:
    spot = classic.place(product="SPOT")
    status, body = classic.rest_cancel(spot | {"product": FUTURES})
    assert (status, body["code"], body["data"]) == (400, "43001", None)
    assert classic.queried(spot | {"product": FUTURES}) == "40109"
    assert classic.truth(spot)[0] == "new"


def test_an_ended_order_is_gone(classic: BitgetRig, unified: BitgetRig) -> None:
    for rig, code in ((classic, "43001"), (unified, "25204")):
        order = rig.place()
        rig.fill(order)
        assert rig.rest_cancel(order)[1]["code"] == code
        assert rig.queried(order) == "filled"


def test_pending_without_a_status_hides_what_is_partly_filled(classic: BitgetRig) -> None:
    live, partly = classic.place(), classic.place()
    classic.fill(partly, "0.5")
    path = f"/api/v2/mix/order/orders-pending?productType={FUTURES}"
    assert [row["orderId"] for row in classic.get(path)["entrustedList"]] == [live["order_id"]]
    (row,) = classic.get(path + "&status=partially_filled")["entrustedList"]
    assert (row["orderId"], row["status"], row["baseVolume"]) == (partly["order_id"], "partially_filled", "0.5")
    assert classic.get("/api/v2/mix/order/orders-pending?productType=COIN-FUTURES")["entrustedList"] is None


def test_listings_are_paged_by_a_hundred_newest_first(classic: BitgetRig) -> None:
    orders = [classic.place()["order_id"] for _ in range(105)]
    path = f"/api/v2/mix/order/orders-pending?productType={FUTURES}&limit=500"
    first = classic.get(path)
    assert [row["orderId"] for row in first["entrustedList"]] == orders[:4:-1]
    second = classic.get(f"{path}&idLessThan={first['endId']}")
    assert [row["orderId"] for row in second["entrustedList"]] == orders[4::-1]


def test_a_spot_order_is_a_list_and_by_client_id_two_hours_long(classic: BitgetRig) -> None:
    order = classic.place(product="SPOT", client_order_id="c1")
    classic.rest_cancel(order)
    path = "/api/v2/spot/trade/orderInfo?clientOid=c1"
    assert classic.get(path)[0]["status"] == "cancelled"
    classic.advance(2 * 3600)
    assert classic.get(path) == []
    assert classic.queried(order) == "cancelled"


def test_in_the_list_of_open_spot_orders_the_price_is_called_an_average(classic: BitgetRig) -> None:
    classic.place(product="SPOT")
    (row,) = classic.get("/api/v2/spot/trade/unfilled-orders")
    assert (row["priceAvg"], row["basePrice"]) == ("90000", "0")
    assert "price" not in row


def test_history_holds_what_ended(classic: BitgetRig, unified: BitgetRig) -> None:
    order = classic.place()
    classic.place()
    classic.rest_cancel(order)
    path = f"/api/v2/mix/order/orders-history?productType={FUTURES}&symbol=BTCUSDT"
    assert [row["orderId"] for row in classic.get(path)["entrustedList"]] == [order["order_id"]]
    assert [row["orderId"] for row in classic.get(path + "&orderId=" + order["order_id"])["entrustedList"]]
    ended = unified.place(product="SPOT")
    unified.rest_cancel(ended)
    rows = unified.get("/api/v3/trade/history-orders?category=SPOT&symbol=BTCUSDT")["list"]
    assert [(row["orderId"], row["orderStatus"], row["category"]) for row in rows] == [
        (ended["order_id"], "cancelled", "SPOT")
    ]
    assert unified.get("/api/v3/trade/history-orders?symbol=BTCUSDT") == "40034"


def test_the_unified_accounts_open_orders(unified: BitgetRig) -> None:
    orders = [unified.place(product=product) for product in (FUTURES, "SPOT", "MARGIN")]
    assert len(unified.get("/api/v3/trade/unfilled-orders")["list"]) == 3
    one = unified.get("/api/v3/trade/unfilled-orders?category=MARGIN")
    assert ([row["orderId"] for row in one["list"]], one["cursor"]) == ([orders[2]["order_id"]], orders[2]["order_id"])


@pytest.mark.parametrize(
    ("is_unified", "path", "body"),
    [
        (
            False,
            "/api/v2/mix/order/place-order",
            {"symbol": "BTCUSDT", "productType": FUTURES, "marginCoin": "USDT", "size": "1", "force": "gtc"},
        ),
        (False, "/api/v2/spot/trade/place-order", {"symbol": "BTCUSDT", "size": "1", "force": "GTC"}),
        (
            True,
            "/api/v3/trade/place-order",
            {"symbol": "BTCUSDT", "category": "SPOT", "qty": "1", "timeInForce": "gtc"},
        ),
    ],
)
def test_an_order_is_placed_and_pushed_after_the_answer(is_unified: bool, path: str, body: dict[str, str]) -> None:
    rig = BitgetRig(BitgetOptions(is_unified=is_unified))
    client = rig.listener()
    asked = body | {"side": "buy", "orderType": "limit", "price": "90000", "clientOid": "mine"}
    status, answer = rig.call("POST", path, asked)
    assert (status, answer["data"]["clientOid"]) == (200, "mine")
    assert client.states == []
    rig.advance(0)
    assert client.states == ["live"]
    assert rig.call("POST", path, asked)[1]["code"] == "40786"
    assert rig.call("POST", path, asked | {"side": "hold"})[1]["code"] == "41101"
    assert rig.call("POST", path, asked | {"symbol": "NOPE"})[1]["code"] == "40034"
    gone = asked | {"clientOid": "", "force": "ioc", "timeInForce": "ioc"}
    rig.call("POST", path, gone)
    rig.advance(0)
    assert client.states[-1] in ("canceled", "cancelled")


def test_queries_have_limits_of_their_own(classic: BitgetRig) -> None:
    order = classic.place()
    assert {classic.queried(order) for _ in range(10)} == {"live"}
    assert classic.queried(order) == "429"
    spot = classic.place(product="SPOT")
    assert {classic.queried(spot) for _ in range(20)} == {"live"}
    assert classic.stats()["breaches"] == {"mix-detail uid": 1}


def test_each_private_answer_says_beside_it_what_is_left_of_its_limit(classic: BitgetRig, unified: BitgetRig) -> None:
    def left(rig: BitgetRig, method: str, target: str, body: object = None) -> str | None:
        response = rig.answers[rig.send(method, target, body)]
        assert response is not None
        return response.headers.get("x-mbx-used-remain-limit")

    detail = f"/api/v2/mix/order/detail?productType={FUTURES}&symbol=BTCUSDT&orderId=1"
    assert [left(classic, "GET", detail) for _ in range(11)] == [str(n) for n in range(9, -1, -1)] + ["0"]
    order = {"symbol": "BTCUSDT", "orderId": classic.place()["order_id"]}
    futures = order | {"productType": FUTURES}
    assert left(classic, "POST", "/api/v2/mix/order/cancel-order", futures) == "9"
    batch = {"productType": FUTURES, "symbol": "BTCUSDT", "orderIdList": [order]}
    assert left(classic, "POST", "/api/v2/mix/order/batch-cancel-orders", batch) == "9"
    assert left(classic, "POST", "/api/v2/spot/trade/cancel-order", order) == "9"
    assert left(unified, "POST", "/api/v3/trade/cancel-order", {"orderId": "1"}) == "9"
    assert left(classic, "GET", "/api/v2/public/time") is None


def test_a_cut_call_and_a_broken_body(classic: BitgetRig) -> None:
    classic.faults(DISCONNECT={"count": 1}, BAD_FRAME={"count": 1})
    order = classic.place()
    body = {"orderId": order["order_id"], "symbol": "BTCUSDT", "productType": FUTURES}
    assert classic.answers[classic.send("POST", "/api/v2/mix/order/cancel-order", body)] is None
    target = f"/api/v2/mix/order/detail?orderId={order['order_id']}&productType={FUTURES}&symbol=BTCUSDT"
    broken = classic.answers[classic.send("GET", target)]
    assert broken is not None
    with pytest.raises(json.JSONDecodeError):
        json.loads(broken.body)
    assert classic.call("POST", "/api/v2/mix/order/cancel-order", "nonsense")[1]["code"] == "40409"


def test_the_door_wants_a_product_that_is_there(classic: BitgetRig, unified: BitgetRig) -> None:
    asked = {"instrument": "BTCUSDT", "side": "buy", "price": "1", "qty": "1"}
    assert classic.door("POST", "orders", asked)[0] == 400
    assert classic.door("POST", "orders", asked | {"product": "MARGIN"})[0] == 400
    assert classic.door("POST", "orders", asked | {"product": "SPOT", "instrument": "NOPE"})[0] == 400
    assert unified.door("POST", "orders", asked | {"product": "MARGIN"})[0] == 201
