"""Cancels and placements of the simulated OKX over both roads: shapes, codes, rate limits, batches."""

import pytest

from daemon.sim.venues.okx.instruments import WITHOUT_CODE
from daemon.sim.venues.okx.options import OkxOptions
from tests.sim.okx_rig import OkxClient, OkxRig
from tests.sim.rig import Json

PUSHED = frozenset(
    (
        "accFillSz algoClOrdId algoId amendResult amendSource attachAlgoClOrdId attachAlgoOrds avgPx cTime "
        "cancelSource category ccy clOrdId code execType fee feeCcy fillFee fillFeeCcy fillFwdPx fillIdxPx "
        "fillMarkPx fillMarkVol fillNotionalUsd fillPnl fillPx fillPxUsd fillPxVol fillSz fillTime instId instType "
        "isTpLimit lastPx lever linkedAlgoOrd msg notionalUsd ordId ordType pnl posSide px pxType pxUsd pxVol "
        "quickMgnType rebate rebateCcy reduceOnly reqId side slOrdPx slTriggerPx slTriggerPxType source state "
        "stpId stpMode sz tag tdMode tgtCcy tpOrdPx tpTriggerPx tpTriggerPxType tradeId tradeQuoteCcy uTime"
    ).split()
)
"""The fields of a row of the orders channel."""


@pytest.fixture
def rig() -> OkxRig:
    return OkxRig()


@pytest.fixture
def client(rig: OkxRig) -> OkxClient:
    return rig.listener()


def last_code(client: OkxClient) -> str:
    ack = client.acks[-1]
    return str(ack["data"][0]["sCode"] if ack["data"] else ack["code"])


def test_an_accepted_cancel_has_every_published_field(rig: OkxRig, client: OkxClient) -> None:
    order = rig.place(client_order_id="tkm000001")
    frame_id = client.cancel(order)
    [ack] = client.acks
    stamp = str(rig.now_us // 1000)
    item = {"clOrdId": "tkm000001", "ordId": order["order_id"], "ts": stamp, "sCode": "0", "sMsg": ""}
    times = {"inTime": str(rig.now_us), "outTime": str(rig.now_us)}
    assert ack == {"id": frame_id, "op": "cancel-order", "data": [item], "code": "0", "msg": "", **times}


def test_an_accepted_rest_cancel_has_the_fields_of_its_page(rig: OkxRig) -> None:
    order = rig.place(client_order_id="oktswap6")
    status, body = rig.rest_cancel(order)
    item = {"clOrdId": "oktswap6", "ordId": order["order_id"], "sCode": "0", "sMsg": ""}
    times = {"inTime": str(rig.now_us), "outTime": str(rig.now_us)}
    assert (status, body) == (200, {"code": "0", "msg": "", "data": [item], **times})


def test_a_push_has_the_whole_field_set_and_only_texts(rig: OkxRig, client: OkxClient) -> None:
    order = rig.place(qty="0.01")
    rig.fill(order, "0.004")
    client.cancel(order)
    live, partly, canceled = client.pushes
    assert set(live) == set(partly) == set(canceled) == PUSHED
    texts = [value for key, value in canceled.items() if key not in ("attachAlgoOrds", "linkedAlgoOrd")]
    assert all(isinstance(value, str) for value in texts)
    blank = ("fillPx", "tradeId", "fillTime", "execType", "fillFeeCcy")
    assert [live[key] for key in blank] == [canceled[key] for key in blank] == [""] * 5
    assert (partly["fillSz"], partly["accFillSz"], partly["avgPx"], partly["execType"]) == (
        "0.004",
        "0.004",
        "90000",
        "M",
    )
    assert (canceled["fillSz"], canceled["accFillSz"], canceled["cancelSource"]) == ("0", "0.004", "1")
    assert (live["avgPx"], live["cancelSource"]) == ("0", "")


def test_a_cancel_by_client_id_finds_the_latest_order_and_ord_id_wins_over_it(rig: OkxRig, client: OkxClient) -> None:
    first = rig.place(client_order_id="same")
    rig.fill(first)
    second, third = rig.place(client_order_id="same"), rig.place(client_order_id="third")
    code = rig.cancel_arg(second)["instIdCode"]
    client.operate("cancel-order", {"instIdCode": code, "clOrdId": "same"})
    assert client.acks[-1]["data"][0]["ordId"] == second["order_id"]
    client.operate("cancel-order", {"instIdCode": code, "ordId": third["order_id"], "clOrdId": "same"})
    assert [rig.truth(each)[0] for each in (first, second, third)] == ["filled", "canceled", "canceled"]


@pytest.mark.parametrize("end", ["filled", "canceled", "never"])
def test_51400_covers_filled_canceled_and_unknown(rig: OkxRig, client: OkxClient, end: str) -> None:
    order = rig.place()
    if end == "filled":
        rig.fill(order)
    elif end == "canceled":
        rig.door("POST", f"orders/{order['order_id']}/cancel")
    else:
        order = order | {"order_id": "2900000000000000001"}
    client.cancel(order)
    assert (client.acks[0]["code"], last_code(client)) == ("1", "51400")
    assert client.acks[0]["data"][0]["ordId"] == order["order_id"]


def test_without_inst_id_code_the_frame_is_refused_and_inst_id_is_ignored(rig: OkxRig, client: OkxClient) -> None:
    order = rig.place()
    client.operate("cancel-order", {"instId": "BTC-USDT", "ordId": order["order_id"]})
    [ack] = client.acks
    assert (ack["code"], ack["msg"], ack["data"]) == ("50014", "Parameter instIdCode can not be empty", [])
    assert rig.truth(order)[0] == "new"


@pytest.mark.parametrize(("code", "refusal"), [(1, "51001"), ("10459", "51000"), (True, "51000"), (1.5, "51000")])
def test_a_wrong_inst_id_code_is_refused(rig: OkxRig, client: OkxClient, code: object, refusal: str) -> None:
    client.operate("cancel-order", {"instIdCode": code, "instId": "BTC-USDT", "ordId": rig.place()["order_id"]})
    assert last_code(client) == refusal


def test_the_legacy_mode_takes_inst_id() -> None:
    rig = OkxRig(OkxOptions(legacy_inst_id=True))
    client, order = rig.listener(), rig.place()
    client.operate("cancel-order", {"instId": "BTC-USDT", "ordId": order["order_id"]})
    assert rig.truth(order)[0] == "canceled"


def test_a_relisted_instrument_has_another_code(rig: OkxRig, client: OkxClient) -> None:
    order = rig.place()
    old = rig.cancel_arg(order)
    assert rig.venue.instruments.relist("BTC-USDT") != old["instIdCode"]
    client.operate("cancel-order", old)
    assert last_code(client) == "51001"
    client.cancel(order)
    assert last_code(client) == "0"


def test_an_instrument_without_a_code_can_be_canceled_by_rest_only(rig: OkxRig, client: OkxClient) -> None:
    order = rig.place(WITHOUT_CODE)
    client.cancel(order)
    assert last_code(client) == "50014"
    assert rig.rest_cancel(order)[1]["data"][0]["sCode"] == "0"


@pytest.mark.parametrize(
    ("ids", "refusal"),
    [({}, "51003"), ({"ordId": "12-3"}, "51000"), ({"clOrdId": "a_b"}, "51000"), ({"clOrdId": "x" * 33}, "51000")],
)
def test_a_cancel_needs_an_id_of_the_right_alphabet(rig: OkxRig, client: OkxClient, ids: Json, refusal: str) -> None:
    client.operate("cancel-order", {"instIdCode": rig.venue.instruments.code("BTC-USDT"), **ids})
    assert last_code(client) == refusal
    body = rig.call("POST", "/api/v5/trade/cancel-order", {"instId": "BTC-USDT", **ids})[1]
    assert body["data"][0]["sCode"] == refusal


def test_an_order_of_another_instrument_is_not_canceled(rig: OkxRig, client: OkxClient) -> None:
    order = rig.place()
    client.cancel(order | {"instrument": "ETH-USDT"})
    assert last_code(client) == "51408"
    assert rig.truth(order)[0] == "new"


def test_two_args_for_a_single_cancel_are_a_form_error(rig: OkxRig, client: OkxClient) -> None:
    client.operate("cancel-order", rig.cancel_arg(rig.place()), rig.cancel_arg(rig.place()))
    assert (client.acks[0]["code"], client.acks[0]["data"]) == ("60013", [])


def test_a_batch_answers_each_order_for_itself(rig: OkxRig, client: OkxClient) -> None:
    good, filled, other = rig.place(), rig.place(), rig.place("ETH-USDT")
    rig.fill(filled)
    client.operate("batch-cancel-orders", *[rig.cancel_arg(order) for order in (good, filled, other)])
    [ack] = client.acks
    assert (ack["code"], [item["sCode"] for item in ack["data"]]) == ("2", ["0", "51400", "0"])
    client.operate("batch-cancel-orders", *[rig.cancel_arg(order) for order in (good, other)])
    assert client.acks[-1]["code"] == "1"


def test_a_batch_over_rest_does_the_same(rig: OkxRig) -> None:
    orders = [rig.place() for _ in range(3)]
    asked = [{"instId": "BTC-USDT", "ordId": order["order_id"]} for order in orders]
    status, body = rig.call("POST", "/api/v5/trade/cancel-batch-orders", asked)
    assert (status, body["code"], len(body["data"])) == (200, "0", 3)


def test_a_batch_of_more_than_twenty_is_refused_whole(rig: OkxRig, client: OkxClient) -> None:
    orders = [rig.place() for _ in range(21)]
    client.operate("batch-cancel-orders", *[rig.cancel_arg(order) for order in orders])
    assert last_code(client) == "51406"
    asked = [{"instId": "BTC-USDT", "ordId": order["order_id"]} for order in orders]
    assert rig.call("POST", "/api/v5/trade/cancel-batch-orders", asked)[0] == 400
    assert rig.truth(orders[0])[0] == "new"


def test_single_cancels_share_sixty_in_two_seconds_over_both_roads_for_each_instrument(
    rig: OkxRig, client: OkxClient
) -> None:
    orders = [rig.place() for _ in range(62)]
    for order in orders[:30]:
        client.cancel(order)
        rig.advance(0.01)
    for order in orders[30:60]:
        assert rig.rest_cancel(order)[1]["code"] == "0"
    client.cancel(orders[60])
    assert last_code(client) == "50011"
    assert rig.truth(orders[60])[0] == "new"
    assert rig.stats()["breaches"] == {"cancel-order user+instrument": 1}
    client.cancel(rig.place("ETH-USDT"))
    assert last_code(client) == "0"
    rig.advance(1.7)
    client.cancel(orders[60])
    assert last_code(client) == "0"


def test_the_batch_bucket_counts_orders_and_stands_apart_from_the_single_one(rig: OkxRig, client: OkxClient) -> None:
    orders = [rig.place() for _ in range(362)]
    for at in range(0, 300, 20):
        client.operate("batch-cancel-orders", *[rig.cancel_arg(order) for order in orders[at : at + 20]])
        assert client.acks[-1]["code"] == "0"
    client.operate("batch-cancel-orders", *[rig.cancel_arg(order) for order in orders[300:302]])
    assert [item["sCode"] for item in client.acks[-1]["data"]] == ["50011", "50011"]
    for order in orders[302:361]:
        client.cancel(order)
    client.operate("batch-cancel-orders", rig.cancel_arg(orders[300]))
    assert last_code(client) == "0"
    client.operate("batch-cancel-orders", rig.cancel_arg(orders[361]))
    assert last_code(client) == "50011"


def test_a_rest_cancel_above_the_limit_is_429_or_an_item(rig: OkxRig) -> None:
    orders = [rig.place() for _ in range(75)]
    answers = [rig.rest_cancel(order) for order in orders]
    seen = {(status, body["code"]) for status, body in answers[60:]}
    assert seen == {(429, "50011"), (200, "1")}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ("", 400, "50000"),
        ("{", 400, "50002"),
        ("[]", 400, "50002"),
        ({"ordId": "1"}, 400, "50014"),
        ({"instId": "NO-SUCH", "ordId": "1"}, 200, "1"),
    ],
)
def test_a_malformed_rest_cancel_is_refused(rig: OkxRig, body: object, status: int, code: str) -> None:
    answered, answer = rig.call("POST", "/api/v5/trade/cancel-order", body)
    assert (answered, answer["code"]) == (status, code)


def limit_order(**changes: object) -> Json:
    return {"tdMode": "cash", "side": "buy", "ordType": "limit", "px": "100", "sz": "0.5"} | changes


def test_an_order_is_placed_over_the_socket_and_pushed_live(rig: OkxRig, client: OkxClient) -> None:
    code = rig.venue.instruments.code("SOL-USDT")
    client.operate("order", limit_order(instIdCode=code, clOrdId="mine1", tag="t1"))
    [ack] = client.acks
    [item] = ack["data"]
    assert (ack["op"], ack["code"], item["sCode"], item["clOrdId"], item["tag"]) == ("order", "0", "0", "mine1", "t1")
    [push] = client.pushes
    assert (push["ordId"], push["instId"], push["state"], push["sz"]) == (item["ordId"], "SOL-USDT", "live", "0.5")


def test_orders_are_placed_over_rest_one_and_many(rig: OkxRig, client: OkxClient) -> None:
    one = rig.call("POST", "/api/v5/trade/order", limit_order(instId="SOL-USDT"))[1]
    many = rig.call(
        "POST", "/api/v5/trade/batch-orders", [limit_order(instId="SOL-USDT"), limit_order(instId="ETH-USDT", sz="0")]
    )[1]
    assert (one["code"], many["code"]) == ("0", "2")
    assert [item["sCode"] for item in many["data"]] == ["0", "51000"]
    assert client.states == ["live", "live"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"side": "up"}, "51000"),
        ({"ordType": "market"}, "51000"),
        ({"px": "-1"}, "51000"),
        ({"sz": "many"}, "51000"),
        ({"sz": "0.0000001"}, "51020"),
        ({"clOrdId": "a b"}, "51000"),
        ({"clOrdId": "taken"}, "51016"),
        ({"instId": "NO-SUCH"}, "51001"),
        ({"instId": ""}, "50014"),
        ({"tag": "a" * 17}, "51000"),
    ],
)
def test_a_wrong_placement_is_refused_and_nothing_rests(rig: OkxRig, changes: Json, code: str) -> None:
    rig.place("SOL-USDT", client_order_id="taken")
    body = rig.call("POST", "/api/v5/trade/order", limit_order(instId="SOL-USDT") | changes)[1]
    assert (body["code"], body["data"][0]["sCode"], body["data"][0]["ordId"]) == ("1", code, "")
    assert len(rig.venue.book.live()) == 1


@pytest.mark.parametrize(("kind", "source"), [("ioc", "14"), ("fok", "13")])
def test_an_order_that_must_trade_at_once_is_taken_off_at_once(
    rig: OkxRig, client: OkxClient, kind: str, source: str
) -> None:
    rig.call("POST", "/api/v5/trade/order", limit_order(instId="SOL-USDT", ordType=kind))
    assert client.states == ["live", "canceled"]
    assert client.pushes[-1]["cancelSource"] == source


def test_the_pending_caps_refuse_placements() -> None:
    rig = OkxRig(OkxOptions(pending_per_instrument_max=1))
    rig.place("SOL-USDT")
    body = rig.call("POST", "/api/v5/trade/order", limit_order(instId="SOL-USDT"))[1]
    assert body["data"][0]["sCode"] == "51103"


def test_delays_hold_back_acks_and_pushes() -> None:
    rig = OkxRig(OkxOptions(ack_delay_us=20_000, push_delay_us=5_000))
    client, order = rig.listener(), rig.place()
    rig.advance(0.005)
    client.forget()
    client.cancel(order)
    assert client.raw == []
    rig.advance(0.005)
    assert (client.states, client.acks) == (["canceled"], [])
    rig.advance(0.015)
    assert last_code(client) == "0"
