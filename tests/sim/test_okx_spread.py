"""The simulated OKX where spreads are traded: its own URL and codes, and settlement apart from matching."""

import pytest

from daemon.sim.faults import FaultError
from daemon.sim.venues.okx.product import PRIVATE
from daemon.sim.venues.okx_spread.options import SpreadOptions
from daemon.sim.venues.okx_spread.venue import OkxSpreadVenue
from tests.sim.okx_rig import OkxClient
from tests.sim.rig import Json
from tests.sim.spread_rig import SETTLED_S, SPRD_ID, SpreadRig

PUSHED = frozenset(
    "sprdId ordId clOrdId tag px sz ordType side fillSz fillPx tradeId accFillSz pendingFillSz pendingSettleSz "
    "canceledSz state avgPx cancelSource uTime cTime code msg reqId amendResult".split()
)
"""The fields of a row of the sprd-orders channel."""


@pytest.fixture
def rig() -> SpreadRig:
    return SpreadRig()


@pytest.fixture
def client(rig: SpreadRig) -> OkxClient:
    return rig.listener()


def code_of(ack: Json) -> str:
    return str(ack["data"][0]["sCode"] if ack["data"] else ack["code"])


def sizes(row: Json) -> tuple[str, ...]:
    """State, settled, to be matched or settled, to be settled, canceled."""
    return tuple(row[name] for name in ("state", "accFillSz", "pendingFillSz", "pendingSettleSz", "canceledSz"))


# ---------------------------------------------------------------- URLs, shapes, limits


def test_the_channel_is_on_the_business_url_and_has_no_snapshot(rig: SpreadRig) -> None:
    rig.place()
    client = rig.connect()
    client.subscribe()
    assert client.errors == ["60011"]
    client.login()
    client.forget()
    client.subscribe()
    (ack,) = client.frames
    assert (ack["event"], ack["arg"]) == ("subscribe", {"channel": "sprd-orders"})


def test_the_private_url_has_neither_channel_nor_operations(rig: SpreadRig) -> None:
    client = rig.connect(PRIVATE)
    client.login()
    client.subscribe()
    client.cancel(rig.place())
    assert client.errors == ["64001", "60028"]


def test_a_channel_of_the_private_url_is_not_here(rig: SpreadRig) -> None:
    client = rig.listener()
    client.subscribe(channel="orders", instType="ANY")
    assert client.errors == ["64002"]


def test_a_subscription_may_be_to_one_spread(rig: SpreadRig) -> None:
    client = rig.connect()
    client.login()
    client.subscribe(sprdId="ETH-USDT_ETH-USDT-SWAP")
    rig.place()
    rig.place("ETH-USDT_ETH-USDT-SWAP")
    assert [row["sprdId"] for row in client.pushes] == ["ETH-USDT_ETH-USDT-SWAP"]


def test_a_cancel_names_the_order_alone_and_its_ack_has_no_times(rig: SpreadRig, client: OkxClient) -> None:
    order = rig.place(client_order_id="tks000001")
    frame_id = client.cancel(order)
    item = {"clOrdId": "tks000001", "ordId": order["order_id"], "sCode": "0", "sMsg": ""}
    assert client.acks == [{"id": frame_id, "op": "sprd-cancel-order", "data": [item], "code": "0", "msg": ""}]
    assert client.states == ["live", "canceled"]
    assert rig.truth(order) == ("canceled", "0")


def test_a_rest_cancel_has_the_fields_of_its_page(rig: SpreadRig) -> None:
    order = rig.place(client_order_id="oktswap6")
    item = {"clOrdId": "oktswap6", "ordId": order["order_id"], "sCode": "0", "sMsg": ""}
    assert rig.rest_cancel(order) == (200, {"code": "0", "msg": "", "data": [item]})


def test_a_push_has_the_whole_field_set_and_only_texts(rig: SpreadRig, client: OkxClient) -> None:
    order = rig.place()
    rig.fill(order, "1")
    rig.advance(SETTLED_S)
    client.cancel(order)
    for row in client.pushes:
        assert set(row) == PUSHED
        assert all(isinstance(value, str) for value in row.values())
    assert [row["avgPx"] for row in client.pushes] == ["0", "0", "5", "5"]


@pytest.mark.parametrize(
    ("args", "code"),
    [
        ([{}], "51003"),
        ([{"ordId": "12-3"}], "51000"),
        ([{"clOrdId": "a_b"}], "51000"),
        ([{"ordId": "1"}, {"ordId": "2"}], "60013"),
        (["1"], "60013"),
    ],
)
def test_a_cancel_names_one_order_in_the_venues_alphabet(client: OkxClient, args: list[Json], code: str) -> None:
    client.operate("sprd-cancel-order", *args)
    assert code_of(client.acks[0]) == code


def test_twenty_cancels_in_two_seconds_over_both_roads_and_all_spreads(rig: SpreadRig, client: OkxClient) -> None:
    spreads = [SPRD_ID, "ETH-USDT_ETH-USDT-SWAP"]
    orders = [rig.place(spreads[number % 2]) for number in range(22)]
    for order in orders[:10]:
        client.cancel(order)
    for order in orders[10:20]:
        assert rig.rest_cancel(order)[1]["code"] == "0"
    client.cancel(orders[20])
    assert code_of(client.acks[-1]) == "50011"
    assert rig.stats()["breaches"] == {"sprd-cancel-order user": 1}
    rig.advance(2)
    client.cancel(orders[20])
    assert code_of(client.acks[-1]) == "0"


def test_five_hundred_orders_may_rest_over_all_spreads() -> None:
    rig = SpreadRig(SpreadOptions(pending_max=1))
    rig.place()
    status, _ = rig.door("POST", "orders", {"instrument": SPRD_ID, "side": "buy", "price": "5", "qty": "1"})
    assert status == 409
    assert SpreadOptions().pending_max == 500


def test_the_door_places_on_listed_spreads_without_product_lines(rig: SpreadRig) -> None:
    for asked in ({"instrument": "BTC-USDT"}, {"instrument": SPRD_ID, "product": "SPOT"}):
        assert rig.door("POST", "orders", {"side": "buy", "price": "5", "qty": "1", **asked})[0] == 400


# ---------------------------------------------------------------- settlement


def test_a_match_is_pending_until_it_settles(rig: SpreadRig, client: OkxClient) -> None:
    order = rig.place()
    rig.fill(order, "1")
    assert rig.truth(order) == ("new", "0")
    rig.advance(SETTLED_S)
    assert rig.truth(order) == ("partially_filled", "1")
    assert [sizes(row) for row in client.pushes] == [
        ("live", "0", "3", "0", "0"),
        ("live", "0", "3", "1", "0"),
        ("partially_filled", "1", "2", "0", "0"),
    ]
    assert [(row["fillSz"], bool(row["tradeId"])) for row in client.pushes] == [("", False), ("", False), ("1", True)]


def test_a_cancel_with_something_to_settle_ends_when_it_has_settled(rig: SpreadRig, client: OkxClient) -> None:
    order = rig.place()
    rig.fill(order, "1")
    client.cancel(order)
    assert code_of(client.acks[0]) == "0"
    assert sizes(client.pushes[-1]) == sizes(rig.query(order)) == ("live", "0", "1", "1", "2")
    client.cancel(order)
    assert code_of(client.acks[-1]) == "51410"
    rig.advance(SETTLED_S)
    assert [sizes(row) for row in client.pushes[-2:]] == [
        ("partially_filled", "1", "0", "0", "2"),
        ("canceled", "1", "0", "0", "2"),
    ]
    assert client.pushes[-1]["cancelSource"] == "1"
    assert rig.truth(order) == ("canceled", "1")


def test_an_order_that_is_all_matched_is_not_canceled_and_ends_filled(rig: SpreadRig, client: OkxClient) -> None:
    order = rig.place()
    rig.fill(order)
    client.cancel(order)
    assert (code_of(client.acks[0]), client.states[-1]) == ("51410", "live")
    assert rig.door("POST", f"orders/{order['order_id']}/fill")[0] == 409
    assert rig.door("POST", f"orders/{order['order_id']}/cancel")[0] == 409
    rig.advance(SETTLED_S)
    assert client.states[-1] == "filled"
    assert rig.truth(order) == ("filled", "3")


def test_a_trade_rejected_at_settlement_cancels_its_size_and_leaves_the_rest_alone(
    rig: SpreadRig, client: OkxClient
) -> None:
    order = rig.place()
    rig.fill(order, "1")
    rig.faults(FOREIGN_CANCEL={"count": 1, "arg": "34"})
    client.cancel(order)
    assert code_of(client.acks[0]) == "51410"
    rig.advance(SETTLED_S)
    last = client.pushes[-1]
    assert (sizes(last), last["cancelSource"]) == (("canceled", "1", "0", "0", "2"), "34")
    assert (last["code"], bool(last["msg"])) == ("51008", True)
    states = {row["state"]: row["fillSz"] for row in rig.get(f"/sprd/trades?ordId={order['order_id']}")["data"]}
    assert states == {"filled": "1", "rejected": "2"}


def test_the_past_knows_what_awaited_settlement(rig: SpreadRig) -> None:
    order = rig.place()
    rig.advance(1)
    rig.fill(order, "1")
    rig.advance(1)
    rig.faults(STALE_QUERY={"count": 1, "arg": "0.98"})
    assert sizes(rig.query(order)) == ("live", "0", "3", "1", "0")
    assert sizes(rig.query(order)) == ("partially_filled", "1", "2", "0", "0")


def test_somebody_elses_cancel_waits_for_settlement_too(rig: SpreadRig, client: OkxClient) -> None:
    order = rig.place()
    rig.fill(order, "1")
    status, row = rig.door("POST", f"orders/{order['order_id']}/cancel")
    assert (status, row["ord_status"]) == (200, "new")
    rig.advance(SETTLED_S)
    assert (client.states[-1], client.pushes[-1]["cancelSource"]) == ("canceled", "20")


# ---------------------------------------------------------------- codes and fates


@pytest.mark.parametrize(("end", "code"), [("filled", "51402"), ("canceled", "51401"), ("never", "51400")])
def test_the_codes_tell_filled_canceled_and_unknown_apart(
    rig: SpreadRig, client: OkxClient, end: str, code: str
) -> None:
    order = rig.place()
    if end == "filled":
        rig.fill(order)
        rig.advance(SETTLED_S)
    elif end == "canceled":
        rig.door("POST", f"orders/{order['order_id']}/cancel")
    else:
        order = order | {"order_id": "3300000000000000001"}
    client.cancel(order)
    assert (client.acks[0]["code"], code_of(client.acks[0])) == ("1", code)
    assert rig.rest_cancel(order)[1]["data"][0]["sCode"] == code


@pytest.mark.parametrize(
    ("code", "told", "ends"),
    [
        ("51402", "51402", ("filled", "3")),
        ("51401", "51401", ("canceled", "0")),
        ("51410", "51410", ("filled", "3")),
        ("51400", "51400", ("new", "0")),
        ("50004", "50004", ("new", "0")),
    ],
)
def test_a_refusal_comes_with_the_fate_that_it_names(
    rig: SpreadRig, client: OkxClient, code: str, told: str, ends: tuple[str, str]
) -> None:
    order = rig.place()
    rig.faults(REJECT={"count": 1, "arg": code})
    client.cancel(order)
    rig.advance(SETTLED_S)
    assert code_of(client.acks[0]) == told
    assert rig.truth(order) == ends


def test_with_something_to_settle_a_fill_first_means_all_matched(rig: SpreadRig, client: OkxClient) -> None:
    order = rig.place()
    rig.fill(order, "1")
    rig.faults(REJECT={"count": 1})
    client.cancel(order)
    rig.advance(SETTLED_S)
    assert (code_of(client.acks[0]), rig.truth(order)) == ("51410", ("filled", "3"))


def test_accepted_and_filled_all_the_same(rig: SpreadRig, client: OkxClient) -> None:
    order = rig.place()
    rig.faults(ACK_OK_THEN_FILL={"count": 1})
    client.cancel(order)
    assert (code_of(client.acks[0]), client.states[-1]) == ("0", "live")
    rig.advance(SETTLED_S)
    assert (client.states[-1], rig.truth(order)) == ("filled", ("filled", "3"))


def test_fills_in_a_burst_before_the_cancel(rig: SpreadRig, client: OkxClient) -> None:
    order = rig.place()
    rig.faults(BURST_PUSH={"count": 1})
    client.cancel(order)
    assert client.states == ["live", "partially_filled", "partially_filled", "canceled"]
    assert rig.truth(order) == ("canceled", "2")


def test_a_cancel_that_takes_its_time(rig: SpreadRig, client: OkxClient) -> None:
    order = rig.place()
    rig.faults(CANCELING_STATE={"count": 1, "arg": "1"})
    client.cancel(order)
    client.cancel(order)
    assert [code_of(ack) for ack in client.acks] == ["0", "51410"]
    rig.advance(1)
    assert client.states == ["live", "canceled"]


def test_a_cancel_never_pushed_stays_silent_through_settlement(rig: SpreadRig, client: OkxClient) -> None:
    order = rig.place()
    rig.fill(order, "1")
    rig.faults(ACK_OK_NO_PUSH={"count": 1})
    client.forget()
    client.cancel(order)
    rig.advance(SETTLED_S)
    assert (client.pushes, rig.truth(order)) == ([], ("canceled", "1"))


@pytest.mark.parametrize("source", ["20", "32"])
def test_another_may_cancel_first(rig: SpreadRig, client: OkxClient, source: str) -> None:
    order = rig.place()
    rig.faults(FOREIGN_CANCEL={"count": 1, "arg": source})
    client.cancel(order)
    assert (code_of(client.acks[0]), client.pushes[-1]["cancelSource"]) == ("51401", source)


def test_sizes_of_settlement_are_flipped_like_all_others(rig: SpreadRig, client: OkxClient) -> None:
    rig.faults(TYPE_FLIP={"count": 1})
    rig.place()
    assert client.pushes[0]["pendingFillSz"] == 3
    assert client.pushes[0]["pendingSettleSz"] == 0


@pytest.mark.parametrize("name", ["PARTIAL_BATCH", "KEY_EXPIRE", "RESTART"])
def test_a_fault_without_a_meaning_is_refused(name: str) -> None:
    with pytest.raises(FaultError, match=f"{name} has no meaning on okx_spread"):
        OkxSpreadVenue(SpreadOptions(faults=name))


# ---------------------------------------------------------------- REST


def test_an_order_is_found_by_either_id_and_an_unknown_one_is_not(rig: SpreadRig) -> None:
    order = rig.place(client_order_id="tks1")
    assert rig.query(order)["clOrdId"] == "tks1"
    assert rig.get("/sprd/order?clOrdId=tks1")["data"][0]["ordId"] == order["order_id"]
    assert (rig.get("/sprd/order?ordId=1")["code"], rig.get("/sprd/order")["code"]) == ("51603", "51003")


def test_listings_go_on_by_end_id(rig: SpreadRig) -> None:
    orders = [rig.place() for _ in range(3)]
    first = rig.get("/sprd/orders-pending?limit=2")["data"]
    assert [row["ordId"] for row in first] == [orders[2]["order_id"], orders[1]["order_id"]]
    second = rig.get(f"/sprd/orders-pending?limit=2&endId={first[-1]['ordId']}")["data"]
    assert [row["ordId"] for row in second] == [orders[0]["order_id"]]
    newer = rig.get(f"/sprd/orders-pending?beginId={orders[0]['order_id']}&sprdId={SPRD_ID}")["data"]
    assert [row["ordId"] for row in newer] == [row["ordId"] for row in first]


def test_history_has_the_ended_ones_and_forgets_unfilled_cancels_after_two_hours(rig: SpreadRig) -> None:
    unfilled, partly = rig.place(), rig.place()
    rig.fill(partly, "1")
    for order in (unfilled, partly):
        rig.rest_cancel(order)
    rig.advance(60)
    assert {row["state"] for row in rig.get("/sprd/orders-history")["data"]} == {"canceled"}
    rig.advance(7200)
    rows = rig.get(f"/sprd/orders-history-archive?sprdId={SPRD_ID}")["data"]
    assert [row["ordId"] for row in rows] == [partly["order_id"]]
    assert rig.query(unfilled)["state"] == "51603"


def test_orders_are_placed_over_both_roads_at_any_price(rig: SpreadRig, client: OkxClient) -> None:
    asked = {"sprdId": SPRD_ID, "side": "sell", "ordType": "limit", "sz": "1", "px": "-2.5", "clOrdId": "mine1"}
    client.operate("sprd-order", asked)
    item = client.acks[0]["data"][0]
    assert (client.acks[0]["op"], item["sCode"], set(item)) == (
        "sprd-order",
        "0",
        {"clOrdId", "ordId", "tag", "sCode", "sMsg"},
    )
    status, body = rig.call("POST", "/api/v5/sprd/order", asked | {"clOrdId": "mine2", "px": "0"})
    assert (status, body["code"]) == (200, "0")
    assert [row["px"] for row in client.pushes] == ["-2.5", "0"]
    for wrong, code in (({"sprdId": "NO"}, "51001"), ({"sprdId": ""}, "50014"), ({"clOrdId": "mine1"}, "51016")):
        assert rig.call("POST", "/api/v5/sprd/order", asked | wrong)[1]["data"][0]["sCode"] == code


def test_the_spreads_and_their_legs_are_listed(rig: SpreadRig) -> None:
    rows = rig.get("/sprd/spreads")["data"]
    assert SPRD_ID in {row["sprdId"] for row in rows}
    spots = {row["instId"] for row in rig.get("/public/instruments?instType=SPOT")["data"]}
    swaps = {row["instId"] for row in rig.get("/public/instruments?instType=SWAP")["data"]}
    assert {rows[0]["legs"][0]["instId"]} <= spots
    assert {rows[0]["legs"][1]["instId"]} <= swaps


def test_a_wrong_signature_opens_nothing(rig: SpreadRig) -> None:
    order = rig.place()
    status, body = rig.call("POST", "/api/v5/sprd/cancel-order", {"ordId": order["order_id"]}, ok_access_sign="A")
    assert (status, body["code"], rig.truth(order)[0]) == (401, "50113", "new")
    assert rig.stats()["cancels"] == {order["order_id"]: 1}
