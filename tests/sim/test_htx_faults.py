"""Every fault that has a meaning on the simulated HTX, by its name."""

import json

import pytest

from daemon.sim.faults import Fault, FaultError
from daemon.sim.venues.htx.distort import ABOVE_64_BITS
from daemon.sim.venues.htx.meanings import MEANINGS
from daemon.sim.venues.htx.options import HtxOptions
from daemon.sim.venues.htx.venue import HtxVenue
from tests.sim.htx_rig import NOTIFICATION, HtxClient, HtxRig, named


@pytest.fixture
def rig() -> HtxRig:
    return HtxRig()


@pytest.fixture
def entry(rig: HtxRig) -> HtxClient:
    return rig.entry()


@pytest.fixture
def listener(rig: HtxRig) -> HtxClient:
    return rig.listener()


def test_all_but_two_primitives_have_a_meaning() -> None:
    assert set(Fault) - set(MEANINGS) == {Fault.KEY_EXPIRE, Fault.RESTART}
    for fault in (Fault.KEY_EXPIRE, Fault.RESTART):
        with pytest.raises(FaultError, match="no meaning on htx"):
            HtxVenue(HtxOptions(faults=fault.value))


# ---------------------------------------------------------------- a cancel's fate


@pytest.mark.parametrize(("fault", "code"), [("RATE_LIMIT", 1032), ("REJECT", 1056)])
def test_a_refused_cancel_leaves_the_order_alone(rig: HtxRig, entry: HtxClient, fault: str, code: int) -> None:
    rig.faults(**{fault: {"count": 1, "arg": "1056"} if fault == "REJECT" else {"count": 1}})
    order = rig.place()
    entry.cancel(order)
    entry.cancel(order)
    assert entry.codes == [code, 200]
    assert rig.fired(fault) == 1


@pytest.mark.parametrize(
    ("code", "ends"), [("1063", {"filled"}), ("1071", {"canceled"}), ("1061", {"filled", "canceled"})]
)
def test_a_refusal_that_speaks_of_an_end_comes_after_the_end(
    rig: HtxRig, entry: HtxClient, listener: HtxClient, code: str, ends: set[str]
) -> None:
    listener.forget()
    rig.faults(REJECT={"p": 1, "arg": code})
    orders = [rig.place() for _ in range(12)]
    for order in orders:
        entry.cancel(order)
    assert set(entry.codes) == {int(code)}
    assert {rig.truth(order)[0] for order in orders} == ends
    assert ["op" in frame for frame in rig.written[-2:]] == [True, False]  # the push before the answer


def test_somebody_else_may_cancel_first(rig: HtxRig, entry: HtxClient, listener: HtxClient) -> None:
    rig.faults(FOREIGN_CANCEL={"count": 1, "arg": "stp"})
    entry.cancel(rig.place())
    assert entry.codes == [1071]
    assert listener.pushes[-1]["cancel_reason"] == " Self trading prevention"


def test_a_cancel_may_take_its_time(rig: HtxRig, entry: HtxClient, listener: HtxClient) -> None:
    rig.faults(CANCELING_STATE={"count": 1, "arg": "2"})
    order = rig.place()
    entry.cancel(order)
    entry.cancel(order)
    assert entry.codes == [200, 1062]
    assert listener.states == ["new"]
    rig.advance(2)
    assert listener.states == ["new", "canceled"]


def test_an_accepted_cancel_may_fill_in_two_trades_of_which_the_first_says_filled_already(
    rig: HtxRig, entry: HtxClient, listener: HtxClient
) -> None:
    rig.faults(ACK_OK_THEN_FILL={"count": 1})
    order = rig.place()
    entry.cancel(order)
    assert entry.codes == [200]
    assert [(row["state"], row["trade_volume"]) for row in listener.pushes[1:]] == [("filled", "2"), ("filled", "5")]
    assert rig.truth(order) == ("filled", "5")


def test_fills_and_the_cancel_may_come_in_a_burst(rig: HtxRig, entry: HtxClient, listener: HtxClient) -> None:
    rig.faults(BURST_PUSH={"count": 1})
    order = rig.place(qty="9")
    entry.cancel(order)
    assert listener.states == ["new", "partially_filled", "partially_filled", "partially_canceled"]
    assert rig.truth(order) == ("canceled", "6")


def test_an_order_may_be_canceled_in_silence(rig: HtxRig, entry: HtxClient, listener: HtxClient) -> None:
    rig.faults(ACK_OK_NO_PUSH={"count": 1})
    order = rig.place()
    entry.cancel(order)
    assert (entry.codes, listener.states, rig.queried_state(order)) == ([200], ["new"], "canceled")


# ---------------------------------------------------------------- the answer's way


def test_a_half_open_socket_is_open_and_dead(rig: HtxRig, entry: HtxClient, listener: HtxClient) -> None:
    rig.faults(HALF_OPEN={"count": 1})
    order = rig.place()
    entry.cancel(order)
    assert (entry.end, entry.codes, rig.truth(order)[0]) == ("silent", [], "new")
    assert listener.end == ""


@pytest.mark.parametrize(
    ("at", "codes", "state"),
    [("before_process", [], "new"), ("before_ack", [], "canceled"), ("after_ack", [200], "canceled")],
)
def test_the_socket_of_commands_may_be_cut_and_pushes_go_on(
    rig: HtxRig, entry: HtxClient, listener: HtxClient, at: str, codes: list[int], state: str
) -> None:
    rig.faults(DISCONNECT={"count": 1, "arg": at})
    order = rig.place()
    entry.cancel(order)
    assert (entry.end, entry.codes, rig.truth(order)[0]) == ("cut", codes, state)
    assert listener.states == (["new"] if state == "new" else ["new", "canceled"])


def test_a_rest_call_may_be_cut(rig: HtxRig) -> None:
    rig.faults(DISCONNECT={"count": 1})
    order = rig.place()
    assert rig.answers[rig.send("POST", "/v5/trade/cancel_order", named(order))] is None
    assert rig.truth(order)[0] == "canceled"


@pytest.mark.parametrize(("arg", "state"), [({}, "canceled"), ({"arg": "lost"}, "new")])
def test_an_answer_may_never_come(rig: HtxRig, entry: HtxClient, arg: dict[str, str], state: str) -> None:
    rig.faults(NO_ACK={"count": 1, **arg})
    order = rig.place()
    entry.cancel(order)
    assert (entry.codes, rig.truth(order)[0]) == ([], state)


@pytest.mark.parametrize(("fault", "seconds"), [("ACK_LATE", 2), ("PUSH_BEFORE_ACK", 0.005)])
def test_an_answer_may_come_after_the_push(
    rig: HtxRig, entry: HtxClient, listener: HtxClient, fault: str, seconds: float
) -> None:
    rig.faults(**{fault: {"count": 1}})
    entry.cancel(rig.place())
    assert (entry.codes, listener.states) == ([], ["new", "canceled"])
    rig.advance(seconds)
    assert entry.codes == [200]


def test_an_answer_may_lose_its_name_or_its_orders(rig: HtxRig, entry: HtxClient) -> None:
    order = rig.place()
    rig.faults(ID_ECHO_MISSING={"count": 1, "arg": "ack"})
    entry.cancel(rig.place())
    assert entry.acks[-1]["data"] == {}
    rig.faults(ID_ECHO_MISSING={"count": 1, "arg": "id"})
    entry.cancel(rig.place())
    assert "cid" not in entry.acks[-1]
    rig.faults(ID_ECHO_MISSING={"count": 1, "arg": "error"})
    entry.cancel(order)
    assert entry.errors == [2001]
    assert rig.truth(order)[0] == "new"
    rig.faults(ID_ECHO_MISSING={"count": 1})
    assert rig.rest_cancel(order)["data"] == {}


@pytest.mark.parametrize(("arg", "codes"), [({}, [200]), ({"arg": "1004"}, [200, 1004])])
def test_a_batch_may_lose_an_item(rig: HtxRig, entry: HtxClient, arg: dict[str, str], codes: list[int]) -> None:
    rig.faults(PARTIAL_BATCH={"count": 1, **arg})
    orders = [rig.place() for _ in range(2)]
    ids = [order["order_id"] for order in orders]
    entry.command("cancel_batch_orders", {"contract_code": "BTC-USDT", "order_id": ids})
    assert sorted(item["code"] for item in entry.acks[0]["data"]) == codes
    assert sorted(rig.truth(order)[0] for order in orders) == ["canceled", "new"]


def test_a_close_is_announced(rig: HtxRig, entry: HtxClient) -> None:
    rig.faults(NOTICE_CLOSE={"count": 1, "arg": "2"})
    entry.cancel(rig.place())
    assert (entry.frames[0]["op"], entry.codes, entry.end) == ("close", [200], "")
    rig.advance(2)
    assert entry.end == "closed 1001"


# ---------------------------------------------------------------- pushes


def test_pushes_may_be_dropped(rig: HtxRig, listener: HtxClient) -> None:
    rig.faults(DROP_PUSH={"count": 1, "arg": "2"})
    order = rig.place()
    rig.fill(order, "1")
    rig.fill(order)
    assert listener.states == ["filled"]


def test_a_push_may_come_twice(rig: HtxRig, listener: HtxClient) -> None:
    rig.faults(DUP_PUSH={"count": 1})
    rig.place()
    first, second = listener.pushes
    assert int(second["updated_time"]) == int(first["updated_time"]) + 1


def test_older_states_may_come_later(rig: HtxRig, listener: HtxClient) -> None:
    order = rig.place()
    rig.faults(REORDER={"count": 1})
    rig.fill(order, "1")
    rig.fill(order, "1")
    assert [row["trade_volume"] for row in listener.pushes] == ["0", "2", "1"]
    rig.faults(REORDER={"count": 1})
    rig.fill(order)
    assert listener.states[-2:] == ["filled", "partially_filled"]
    late = rig.place()
    rig.faults(REORDER={"count": 1})
    rig.fill(late, "1")
    rig.advance(0.2)
    assert listener.states[-1] == "partially_filled"


def test_a_zombie_hears_pings_only(rig: HtxRig, listener: HtxClient) -> None:
    rig.faults(ZOMBIE={"count": 1})
    rig.place()
    rig.place()
    assert listener.pushes == []
    rig.advance(5)
    assert listener.end == ""
    assert len(listener.raw) == 1


# ---------------------------------------------------------------- shapes


def test_types_may_flip(rig: HtxRig, entry: HtxClient, listener: HtxClient) -> None:
    rig.faults(TYPE_FLIP={"p": 1})
    order = rig.place()
    rig.fill(order, "2")
    entry.cancel(order)
    row = listener.pushes[-1]
    assert (row["volume"], row["trade_volume"], row["reduce_only"]) == (5, 2, "false")
    assert isinstance(row["updated_time"], int)
    assert entry.codes == ["200"]
    assert rig.query(order)["code"] == "200"


def test_ids_may_be_numbers_or_too_large_for_any(rig: HtxRig, entry: HtxClient, listener: HtxClient) -> None:
    rig.faults(BIG_INT={"count": 1, "arg": "number"})
    order = rig.place()
    assert listener.pushes[-1]["order_id"] == int(order["order_id"])
    listener.forget()
    rig.faults(BIG_INT={"count": 1, "arg": "huge"})
    rig.fill(order, "1")
    assert [row["order_id"] for row in listener.pushes] == [ABOVE_64_BITS, order["order_id"]]
    rig.faults(BIG_INT={"count": 1, "arg": "huge"})
    assert rig.query(order)["data"]["order_id"] == int(order["order_id"])
    rig.faults(BIG_INT={"count": 1, "arg": "number"})
    entry.cancel(order)
    assert entry.acks[-1]["data"]["order_id"] == int(order["order_id"])


@pytest.mark.parametrize("how", ["text", "binary", "truncated"])
def test_a_frame_may_be_unreadable_on_either_socket(
    rig: HtxRig, entry: HtxClient, listener: HtxClient, how: str
) -> None:
    rig.faults(BAD_FRAME={"p": 1, "arg": how})
    entry.cancel(rig.place())
    assert (len(entry.odd), entry.codes) == (1, [200])
    assert (len(listener.odd), listener.states) == (2, ["new", "canceled"])


def test_a_body_may_be_cut(rig: HtxRig) -> None:
    rig.faults(BAD_FRAME={"count": 1})
    order = rig.place()
    response = rig.answers[rig.send("POST", "/v5/trade/cancel_order", named(order))]
    assert response is not None
    with pytest.raises(ValueError, match="line 1"):
        json.loads(response.body)


def test_strangers_may_come_between(rig: HtxRig, entry: HtxClient, listener: HtxClient) -> None:
    rig.faults(UNKNOWN_EVENT={"p": 1})
    for _ in range(8):
        entry.cancel(rig.place())
    strange = [frame for frame in listener.frames if frame.get("topic") != "orders" or not frame["data"].get("side")]
    assert len(strange) == 16
    assert entry.codes == [200] * 8


# ---------------------------------------------------------------- queries, credentials, clocks


def test_answers_may_be_stale(rig: HtxRig) -> None:
    order = rig.place()
    rig.advance(30)
    rig.fill(order, "1")
    rig.rest_cancel(order)
    rig.faults(STALE_QUERY={"count": 1, "arg": "10"})
    assert rig.queried_state(order) == "new"
    rig.faults(STALE_QUERY={"count": 1, "arg": "10"})
    assert len(rig.get("order/opens")["data"]) == 1
    assert rig.queried_state(order) == "partially_canceled"


def test_orders_may_not_be_found(rig: HtxRig) -> None:
    order = rig.place()
    rig.faults(QUERY_NOTFOUND={"count": 1})
    assert rig.queried_state(order) == "1061"
    rig.fill(order)
    rig.faults(QUERY_OPEN_ONLY={"count": 2})
    assert rig.queried_state(order) == "1061"
    assert rig.get("order/history", contract_code="BTC-USDT", margin_mode="cross")["data"] == []
    assert rig.queried_state(order) == "filled"


def test_credentials_may_be_refused(rig: HtxRig) -> None:
    rig.faults(AUTH_FAIL={"count": 1, "arg": "login"})
    client = rig.connect()
    client.login()
    client.login()
    assert client.errors == [2003]
    rig.faults(AUTH_FAIL={"count": 1, "arg": "rest"})
    status, answer = rig.call("GET", "/v5/account/asset_mode")
    assert (status, answer["err_code"]) == (403, 403)


def test_a_login_may_be_slow(rig: HtxRig) -> None:
    rig.faults(AUTH_SLOW={"count": 1, "arg": "2"})
    client = rig.connect(NOTIFICATION)
    client.login()
    client.login()
    assert client.errors == [2005]
    rig.advance(2)
    assert client.frames[-1]["err-code"] == 0


def test_the_venues_clock_may_be_off(rig: HtxRig) -> None:
    rig.faults(SKEW={"count": 1, "arg": "400"})
    client = rig.connect()
    client.login()
    client.login(age_s=-400)
    assert client.errors == [2003]
    assert rig.fired("SKEW") == 2
    stamp = rig.answers[rig.send_target("GET", "/api/v1/timestamp")]
    assert stamp is not None
    assert json.loads(stamp.body)["ts"] == rig.now_us // 1000 + 400_000


@pytest.mark.parametrize("fault", ["DISCONNECT", "HALF_OPEN", "ZOMBIE", "NOTICE_CLOSE", "UNKNOWN_EVENT", "BAD_FRAME"])
def test_some_happen_at_once_on_every_socket_that_is_logged_in(
    rig: HtxRig, entry: HtxClient, listener: HtxClient, fault: str
) -> None:
    bystander = rig.connect()
    rig.faults(**{fault: {"now": True}})
    assert rig.fired(fault) == 2
    assert bystander.raw == []
    assert bystander.end == ""
    if fault in ("DISCONNECT", "HALF_OPEN"):
        assert entry.end == listener.end != ""
