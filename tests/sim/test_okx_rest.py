"""REST calls of the simulated OKX: signatures, environments, queries and listings, and what they forget."""

import pytest

from daemon.sim.venue import HttpRequest
from daemon.sim.venues.okx.auth import rest_prehash, sign
from daemon.sim.venues.okx.instruments import WITHOUT_CODE
from daemon.sim.venues.okx.options import OkxOptions
from tests.sim.okx_rig import OkxRig


@pytest.fixture
def rig() -> OkxRig:
    return OkxRig()


@pytest.mark.parametrize(
    ("method", "target", "body", "expected"),
    [
        (
            "GET",
            "/api/v5/trade/order?ordId=1753197687182819328&instId=BTC-USDT",
            b"",
            "S5gP6AYLAVlzFTte8MiUWZE75jrGrNAejP4urQrCvTo=",
        ),
        (
            "POST",
            "/api/v5/trade/cancel-order",
            b'{"instId":"BTC-USDT","ordId":"590908157585625111"}',
            "1R7BQKEU+7vVcdmv8WO+OaWB0Ms755E8lVWUD1sbqh8=",
        ),
        (
            "POST",
            "/api/v5/sprd/cancel-order",
            b'{"ordId":"2510789768709120"}',
            "5at6+amHcKIIj4qp5NKQH6aVwAo6Wu8+bmafBirK3M0=",
        ),
    ],
)
def test_the_rest_signature_is_the_published_one(method: str, target: str, body: bytes, expected: str) -> None:
    prehash = rest_prehash("2020-12-08T09:08:57.715Z", method, target, body)
    assert sign("22582BD0CFF14C41EDBF1AB98506286D", prehash) == expected


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"ok_access_key": ""}, "50103"),
        ({"ok_access_passphrase": ""}, "50104"),
        ({"ok_access_sign": ""}, "50106"),
        ({"ok_access_timestamp": ""}, "50107"),
        ({"ok_access_key": "other"}, "50111"),
        ({"x_simulated_trading": "1"}, "50101"),
        ({"ok_access_timestamp": "1763600000"}, "50112"),
        ({"ok_access_timestamp": "2025-11-31T00:00:00.000Z"}, "50112"),
        ({"ok_access_timestamp": "2025-11-20T00:00:00.000Z"}, "50102"),
        ({"ok_access_passphrase": "other"}, "50105"),
        ({"ok_access_sign": "AAAA"}, "50113"),
    ],
)
def test_a_wrong_header_is_refused_with_401_and_its_code(rig: OkxRig, headers: dict[str, str], code: str) -> None:
    status, body = rig.call("GET", "/api/v5/account/config", **headers)
    assert (status, body["code"], body["data"]) == (401, code, [])


def test_what_is_signed_is_what_was_sent(rig: OkxRig) -> None:
    order = rig.place()
    request_id = rig.send("GET", "/api/v5/trade/orders-pending?instType=SPOT&limit=5")
    response = rig.answers[request_id]
    assert response is not None
    assert order["order_id"].encode() in response.body
    assert rig.call("POST", "/api/v5/trade/cancel-order", '{ "instId" : "BTC-USDT" }')[1]["code"] == "1"


def test_the_demo_environment_wants_its_header_and_has_codes_of_its_own() -> None:
    live, demo = OkxRig(), OkxRig(OkxOptions(demo=True))
    assert demo.call("GET", "/api/v5/account/config")[1]["code"] == "50101"
    assert demo.call("GET", "/api/v5/account/config", x_simulated_trading="1")[1]["code"] == "0"
    assert live.venue.instruments.code("BTC-USDT") != demo.venue.instruments.code("BTC-USDT")
    public = demo.call("GET", "/api/v5/public/instruments?instType=SPOT")[1]["data"]
    codes = {row["instId"]: row["instIdCode"] for row in public}
    assert codes["BTC-USDT"] == live.venue.instruments.code("BTC-USDT")


def test_public_calls_need_no_signature(rig: OkxRig) -> None:
    rig.venue.http(77, HttpRequest("GET", "/api/v5/public/time", {}), rig.now_us)
    rig.settle()
    response = rig.answers[77]
    assert response is not None
    assert response.body == b'{"code":"0","data":[{"ts":"1763600000000"}],"msg":""}'


def test_instruments_have_distinct_integer_codes_and_one_has_none(rig: OkxRig) -> None:
    spot = rig.get("/public/instruments?instType=SPOT")["data"]
    swaps = rig.get("/account/instruments?instType=SWAP")["data"]
    codes = [row["instIdCode"] for row in spot + swaps if row["instId"] != WITHOUT_CODE]
    assert all(type(code) is int for code in codes)
    assert len(set(codes)) == len(codes)
    assert len(spot) >= 25
    assert len(swaps) >= 3
    assert [row["instIdCode"] for row in spot if row["instId"] == WITHOUT_CODE] == [None]
    assert rig.get("/public/instruments?instType=OPTION&uly=BTC-USD")["data"] == []
    assert rig.get("/public/instruments")["code"] == "50014"


def test_more_instruments_can_be_had() -> None:
    rig = OkxRig(OkxOptions(extra_instruments=40))
    assert rig.place("SIM040-USDT")["ord_status"] == "new"


def test_the_account_says_who_it_is(rig: OkxRig) -> None:
    assert rig.get("/account/config")["data"][0]["uid"] == "614488474791936"
    assert rig.get("/account/balance")["data"][0]["details"][0]["ccy"] == "USDT"
    assert {row["ccy"] for row in rig.get("/asset/currencies")["data"]} >= {"USDT", "BTC", "SOL"}


def test_an_unknown_path_is_404(rig: OkxRig) -> None:
    assert rig.call("GET", "/api/v5/trade/everything")[0] == 404
    assert rig.call("GET", "/")[0] == 404


def test_a_queried_order_has_the_last_fill_and_no_average_when_there_is_none(rig: OkxRig) -> None:
    order = rig.place(client_order_id="q1")
    fresh = rig.query(order)["data"][0]
    assert (fresh["state"], fresh["avgPx"], fresh["accFillSz"], fresh["clOrdId"]) == ("live", "", "0", "q1")
    rig.fill(order, "0.4")
    rig.advance(1)
    rig.rest_cancel(order)
    ended = rig.query(order)["data"][0]
    assert (ended["state"], ended["avgPx"], ended["accFillSz"], ended["fillSz"]) == ("canceled", "90000", "0.4", "0.4")
    assert (ended["cancelSource"], ended["cancelSourceReason"]) == ("1", "Order was canceled by you")
    assert int(ended["uTime"]) - int(ended["cTime"]) == 1000


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("instId=BTC-USDT&ordId=1", "51603"),
        ("instId=NO-SUCH&ordId=1", "51001"),
        ("ordId=1", "50014"),
        ("instId=BTC-USDT", "51003"),
        ("instId=BTC-USDT&clOrdId=none", "51603"),
    ],
)
def test_a_query_without_an_answer_has_its_code(rig: OkxRig, query: str, code: str) -> None:
    assert rig.get(f"/trade/order?{query}")["code"] == code


def test_a_query_in_another_instrument_finds_nothing(rig: OkxRig) -> None:
    assert rig.queried_state(rig.place() | {"instrument": "ETH-USDT"}) == "51603"


def test_by_client_id_only_the_latest_order_is_returned(rig: OkxRig) -> None:
    rig.fill(rig.place(client_order_id="again"))
    latest = rig.place(client_order_id="again")
    assert rig.get("/trade/order?instId=BTC-USDT&clOrdId=again")["data"][0]["ordId"] == latest["order_id"]


def test_a_zero_fill_cancel_is_forgotten_after_two_hours_everywhere_and_others_are_not(rig: OkxRig) -> None:
    empty, partly = rig.place(), rig.place()
    rig.fill(partly, "0.1")
    for order in (empty, partly):
        rig.rest_cancel(order)
    rig.advance(2 * 3600 - 1)
    assert rig.queried_state(empty) == "canceled"
    assert len(rig.get("/trade/orders-history?instType=SPOT")["data"]) == 2
    rig.advance(1)
    assert rig.queried_state(empty) == "51603"
    assert rig.queried_state(partly) == "canceled"
    for listing in ("orders-history", "orders-history-archive"):
        assert [row["ordId"] for row in rig.get(f"/trade/{listing}?instType=SPOT")["data"]] == [partly["order_id"]]


def test_history_keeps_seven_days_and_the_archive_three_months(rig: OkxRig) -> None:
    order = rig.place()
    rig.fill(order)
    rig.advance(8 * 86_400)
    assert rig.get("/trade/orders-history?instType=SPOT")["data"] == []
    assert len(rig.get("/trade/orders-history-archive?instType=SPOT")["data"]) == 1
    assert rig.get("/trade/fills")["data"] == []


def test_pending_pages_run_from_new_to_old_and_back(rig: OkxRig) -> None:
    ids = [rig.place()["order_id"] for _ in range(120)][::-1]

    def page(query: str) -> list[str]:
        return [row["ordId"] for row in rig.get(f"/trade/orders-pending?{query}")["data"]]

    assert page("") == ids[:100]
    assert page(f"after={ids[99]}") == ids[100:]
    assert page(f"before={ids[10]}&limit=3") == ids[:3]
    assert page(f"before={ids[2]}") == ids[:2]
    assert page("limit=7") == ids[:7]
    assert page("limit=1000") == ids[:100]


def test_listings_filter_by_what_they_are_asked(rig: OkxRig) -> None:
    spot, swap, partly = rig.place(), rig.place("BTC-USDT-SWAP"), rig.place("ETH-USDT")
    rig.fill(partly, "0.5")

    def listed(query: str) -> set[str]:
        return {row["ordId"] for row in rig.get(f"/trade/orders-pending?{query}")["data"]}

    assert listed("instType=SWAP") == listed("instFamily=BTC-USDT") == {swap["order_id"]}
    assert listed("instId=BTC-USDT") == {spot["order_id"]}
    assert listed("state=partially_filled") == {partly["order_id"]}
    assert listed("ordType=post_only") == set()


def test_history_wants_an_inst_type_and_filters_by_creation(rig: OkxRig) -> None:
    first = rig.place()
    rig.advance(1)
    second = rig.place()
    for order in (first, second):
        rig.fill(order)
    assert rig.get("/trade/orders-history")["code"] == "50014"
    stamp = rig.now_us // 1000
    later = rig.get(f"/trade/orders-history?instType=SPOT&begin={stamp}")["data"]
    earlier = rig.get(f"/trade/orders-history?instType=SPOT&end={stamp - 1}")["data"]
    assert [row["ordId"] for row in later + earlier] == [second["order_id"], first["order_id"]]


def test_fills_come_newest_first_for_one_order_or_all(rig: OkxRig) -> None:
    order, other = rig.place(), rig.place("ETH-USDT")
    rig.fill(order, "0.1")
    rig.fill(other)
    rig.fill(order)
    rows = rig.get("/trade/fills")["data"]
    assert [row["fillSz"] for row in rows] == ["0.9", "1", "0.1"]
    assert [row["fillSz"] for row in rig.get(f"/trade/fills?ordId={order['order_id']}")["data"]] == ["0.9", "0.1"]
    assert [row["fillSz"] for row in rig.get(f"/trade/fills?after={rows[0]['billId']}&limit=1")["data"]] == ["1"]


def test_a_wrong_page_is_a_parameter_error(rig: OkxRig) -> None:
    assert rig.get("/trade/orders-pending?after=abc")["code"] == "51000"


@pytest.mark.parametrize(
    ("target", "limit", "rule"),
    [
        ("/api/v5/trade/order?instId=BTC-USDT&ordId=1", 60, "get-order user+instrument"),
        ("/api/v5/trade/orders-pending", 60, "orders-pending user"),
        ("/api/v5/trade/orders-history?instType=SPOT", 40, "orders-history user"),
        ("/api/v5/trade/orders-history-archive?instType=SPOT", 20, "orders-history-archive user"),
        ("/api/v5/trade/fills", 60, "fills user"),
        ("/api/v5/public/time", 10, "public-time ip"),
        ("/api/v5/public/instruments?instType=SPOT", 20, "public-instruments ip+type"),
    ],
)
def test_queries_have_their_published_limits(rig: OkxRig, target: str, limit: int, rule: str) -> None:
    for _ in range(limit):
        assert rig.call("GET", target)[1]["code"] != "50011"
    assert rig.call("GET", target)[:1] == (429,)
    assert rig.stats()["breaches"] == {rule: 1}
    rig.advance(2)
    assert rig.call("GET", target)[1]["code"] != "50011"
