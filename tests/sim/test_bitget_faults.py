"""Each primitive of the fault catalogue on the simulated Bitget, both generations: what is seen, and what is true."""

import json

import pytest

from daemon.sim.faults import Fault
from daemon.sim.venues.bitget.meanings import meanings
from daemon.sim.venues.bitget.options import BitgetOptions
from tests.sim.bitget_rig import BitgetClient, BitgetRig


@pytest.fixture(params=["classic", "unified"])
def rig(request: pytest.FixtureRequest) -> BitgetRig:
    return BitgetRig(BitgetOptions(is_unified=request.param == "unified"))


@pytest.fixture
def client(rig: BitgetRig) -> BitgetClient:
    return rig.listener()


def gone(rig: BitgetRig) -> str:
    return "25204" if rig.is_unified else "43001"


def dead(rig: BitgetRig) -> str:
    return "cancelled" if rig.is_unified else "canceled"


def test_the_catalogue_is_served_but_for_what_has_no_meaning_here(rig: BitgetRig) -> None:
    missing = set(Fault) - set(meanings("43001"))
    assert missing == {Fault.KEY_EXPIRE, Fault.RESTART}
    for name in missing:
        status, body = rig.door("POST", "faults", {name.value: {"count": 1}})
        assert status == 400
        assert "no meaning" in body["error"]


def test_without_a_fault_the_answer_comes_first_and_then_the_push(rig: BitgetRig, client: BitgetClient) -> None:
    order = rig.place()
    client.forget()
    client.cancel(order)
    assert ["event" in frame for frame in client.frames] == [True, False]
    assert client.states == [dead(rig)]
    assert rig.truth(order) == ("canceled", "0")


def test_ack_ok_then_fill(rig: BitgetRig, client: BitgetClient) -> None:
    rig.faults(ACK_OK_THEN_FILL={"count": 1})
    order = rig.place()
    client.cancel(order)
    assert client.codes == ["0"]
    assert client.states == ["live", "partially_filled", "filled"]
    assert rig.truth(order) == ("filled", "1")


def test_ack_ok_no_push(rig: BitgetRig, client: BitgetClient) -> None:
    rig.faults(ACK_OK_NO_PUSH={"count": 1})
    order = rig.place()
    client.cancel(order)
    assert (client.codes, client.states) == (["0"], ["live"])
    assert rig.queried(order) == dead(rig)


def test_push_before_ack(rig: BitgetRig, client: BitgetClient) -> None:
    rig.faults(PUSH_BEFORE_ACK={"count": 1, "arg": 20})
    client.cancel(rig.place())
    assert (client.codes, client.states[-1]) == ([], dead(rig))
    rig.advance(0.020)
    assert client.codes == ["0"]


def test_no_ack_processed_and_lost(rig: BitgetRig, client: BitgetClient) -> None:
    rig.faults(NO_ACK={"count": 1})
    first, second = rig.place(), rig.place()
    client.cancel(first)
    rig.faults(NO_ACK={"count": 1, "arg": "lost"})
    client.cancel(second)
    rig.advance(10)
    assert client.codes == []
    assert (rig.truth(first)[0], rig.truth(second)[0]) == ("canceled", "new")


def test_ack_late(rig: BitgetRig, client: BitgetClient) -> None:
    rig.faults(ACK_LATE={"count": 1, "arg": 1500})
    client.cancel(rig.place())
    rig.advance(1.499)
    assert client.codes == []
    rig.advance(0.001)
    assert client.codes == ["0"]


def test_a_rejection_as_gone_makes_the_truth_fit_first(rig: BitgetRig, client: BitgetClient) -> None:
    rig.faults(REJECT={"count": 8})
    ends = []
    for _ in range(8):
        rig.advance(0.5)
        order = rig.place()
        client.cancel(order)
        ends.append(rig.truth(order)[0])
    assert set(ends) == {"filled", "canceled"}
    assert set(client.codes) == {gone(rig)}


@pytest.mark.parametrize("code", ["40010", "45024", "25000", "40014", "429", "99999"])
def test_any_other_rejection_leaves_the_order(rig: BitgetRig, client: BitgetClient, code: str) -> None:
    rig.faults(REJECT={"count": 1, "arg": code})
    order = rig.place()
    client.cancel(order)
    assert client.codes == [code]
    assert rig.truth(order)[0] == "new"


def test_a_rejection_by_the_session_names_nobody(rig: BitgetRig, client: BitgetClient) -> None:
    rig.faults(REJECT={"count": 1, "arg": "30002"})
    order = rig.place()
    client.cancel(order)
    assert (client.codes, client.errors) == ([], [30002])


def test_rate_limit(rig: BitgetRig, client: BitgetClient) -> None:
    rig.faults(RATE_LIMIT={"count": 2})
    order = rig.place()
    client.cancel(order)
    rig.advance(1.1)
    assert client.codes == ["429"]
    assert rig.rest_cancel(order)[0] == 429
    assert rig.stats()["breaches"] == {}


def test_foreign_cancel(rig: BitgetRig, client: BitgetClient) -> None:
    rig.faults(FOREIGN_CANCEL={"count": 1, "arg": "modify_limit_order"})
    client.forget()
    order = rig.place()
    client.cancel(order)
    assert client.pushes[-1]["cancelReason"] == "modify_limit_order"
    assert client.codes == [gone(rig)]
    assert "event" not in client.frames[-2]


def test_canceling_state(rig: BitgetRig, client: BitgetClient) -> None:
    rig.faults(CANCELING_STATE={"count": 1, "arg": 3})
    order = rig.place()
    client.cancel(order)
    rig.advance(1.1)
    client.cancel(order)
    assert client.codes == ["0", "25113"]
    assert rig.truth(order)[0] == "new"
    rig.advance(2)
    assert (rig.truth(order)[0], client.states[-1]) == ("canceled", dead(rig))


def test_burst_push(rig: BitgetRig, client: BitgetClient) -> None:
    rig.faults(BURST_PUSH={"count": 1, "arg": 3})
    order = rig.place()
    client.cancel(order)
    assert client.states == ["live", *["partially_filled"] * 3, dead(rig)]
    assert rig.truth(order) == ("canceled", "0.75")


@pytest.mark.parametrize(
    ("at", "truth", "codes"),
    [("before_process", "new", []), ("before_ack", "canceled", []), ("after_ack", "canceled", ["0"])],
)
def test_disconnect(rig: BitgetRig, client: BitgetClient, at: str, truth: str, codes: list[str]) -> None:
    rig.faults(DISCONNECT={"count": 1, "arg": at})
    order = rig.place()
    client.cancel(order)
    assert (client.end, rig.truth(order)[0], client.codes) == ("cut", truth, codes)
    assert client.states == ["live"]


def test_half_open(rig: BitgetRig, client: BitgetClient) -> None:
    rig.faults(HALF_OPEN={"count": 1})
    order = rig.place()
    client.cancel(order)
    client.say("ping")
    assert (client.end, rig.truth(order)[0], client.codes) == ("silent", "new", [])


def test_zombie(rig: BitgetRig, client: BitgetClient) -> None:
    order = rig.place()
    rig.faults(ZOMBIE={"count": 1})
    client.cancel(order)
    client.say("ping")
    assert (client.codes, client.states, client.raw[-1]) == (["0"], ["live"], b"pong")


def test_notice_close(rig: BitgetRig, client: BitgetClient) -> None:
    rig.faults(NOTICE_CLOSE={"count": 1, "arg": 5})
    client.cancel(rig.place())
    assert (client.errors, client.codes, client.end) == ([30033], ["0"], "")
    rig.advance(5)
    assert client.end == "closed 1001"


@pytest.mark.parametrize("how", ["ack", "id", "error"])
def test_id_echo_missing(rig: BitgetRig, client: BitgetClient, how: str) -> None:
    rig.faults(ID_ECHO_MISSING={"count": 1, "arg": how})
    order = rig.place()
    client.cancel(order)
    if how == "error":
        assert (client.errors, rig.truth(order)[0]) == ([30016], "new")
        return
    assert rig.truth(order)[0] == "canceled"
    (frame,) = (frame for frame in client.frames if frame.get("event") == "trade")
    assert bool(client.id_of(frame)) is (how == "ack")
    assert (order["order_id"] in json.dumps(frame)) is (how == "id")


def test_drop_push_takes_the_next_ones_with_it(rig: BitgetRig, client: BitgetClient) -> None:
    first, second = rig.place(), rig.place()
    rig.faults(DROP_PUSH={"count": 1, "arg": 2})
    client.forget()
    client.cancel(first)
    rig.fill(second, "0.5")
    client.cancel(second)
    assert client.states == [dead(rig)]


def test_dup_push(rig: BitgetRig, client: BitgetClient) -> None:
    order = rig.place()
    rig.faults(DUP_PUSH={"count": 1})
    client.forget()
    client.cancel(order)
    assert client.states == [dead(rig)] * 2
    assert client.pushes[0] == client.pushes[1]


def test_reorder(rig: BitgetRig, client: BitgetClient) -> None:
    order = rig.place()
    rig.faults(REORDER={"count": 1})
    client.forget()
    rig.fill(order, "0.5")
    assert client.states == []
    client.cancel(order)
    assert client.states == [dead(rig), "partially_filled"]
    other = rig.place()
    rig.faults(REORDER={"count": 1})
    client.forget()
    client.cancel(other)
    assert client.states == [dead(rig), "live"]


def test_reorder_releases_a_held_fill_by_itself(rig: BitgetRig, client: BitgetClient) -> None:
    order = rig.place()
    rig.faults(REORDER={"count": 1})
    client.forget()
    rig.fill(order, "0.5")
    rig.advance(0.2)
    assert client.states == ["partially_filled"]


def test_type_flip(rig: BitgetRig, client: BitgetClient) -> None:
    rig.faults(TYPE_FLIP={"p": 1})
    client.forget()
    order = rig.place()
    client.cancel(order)
    row = client.pushes[-1]
    assert isinstance(row.get("uTime") or row["updatedTime"], int)
    assert isinstance(client.answers[0]["code"], int if rig.is_unified else str)


@pytest.mark.parametrize("how", ["number", "huge"])
def test_big_int(rig: BitgetRig, client: BitgetClient, how: str) -> None:
    order = rig.place()
    rig.faults(BIG_INT={"p": 1, "arg": how})
    client.forget()
    client.cancel(order)
    bare = f'"orderId":{order["order_id"]}'.encode()
    huge = f'"orderId":{2**64 + 1_376_999_173_366_317_057}'.encode()
    assert any((bare if how == "number" else huge) in raw for raw in client.raw)


def test_bad_frames_and_strangers_come_before_the_true_one(rig: BitgetRig, client: BitgetClient) -> None:
    rig.faults(BAD_FRAME={"p": 1, "arg": "binary"}, UNKNOWN_EVENT={"p": 1})
    client.forget()
    order = rig.place()
    client.cancel(order)
    assert client.binary
    assert client.codes == ["0"]
    assert rig.fired("UNKNOWN_EVENT") >= 2


@pytest.mark.parametrize("name", ["DISCONNECT", "HALF_OPEN", "ZOMBIE", "NOTICE_CLOSE", "UNKNOWN_EVENT", "BAD_FRAME"])
def test_what_can_happen_at_once_does(rig: BitgetRig, client: BitgetClient, name: str) -> None:
    rig.faults(**{name: {"now": True}})
    assert rig.fired(name) == 1
    ends = {"DISCONNECT": "cut", "HALF_OPEN": "silent"}
    assert client.end == ends.get(name, "")


# ---------------------------------------------------------------- queries


def test_stale_query(rig: BitgetRig, client: BitgetClient) -> None:
    order = rig.place()
    rig.advance(5)
    client.cancel(order)
    rig.faults(STALE_QUERY={"count": 1, "arg": 3})
    assert rig.queried(order) == "live"
    assert rig.queried(order) == dead(rig)


@pytest.mark.parametrize("product", ["USDT-FUTURES", "SPOT"])
def test_query_not_found(rig: BitgetRig, product: str) -> None:
    order = rig.place(product=product)
    rig.faults(QUERY_NOTFOUND={"count": 1})
    lost = "25204" if rig.is_unified else "40109" if product != "SPOT" else "none"
    assert rig.queried(order) == lost
    assert rig.queried(order) == "live"


def test_query_open_only(rig: BitgetRig, client: BitgetClient) -> None:
    order = rig.place()
    client.cancel(order)
    rig.faults(QUERY_OPEN_ONLY={"count": 1})
    assert rig.queried(order) == ("25204" if rig.is_unified else "40109")
    assert rig.queried(order) == dead(rig)


# ---------------------------------------------------------------- credentials and clocks


def test_auth_fail(rig: BitgetRig) -> None:
    rig.faults(AUTH_FAIL={"count": 2})
    client = rig.connect()
    client.login()
    assert client.errors == [30005]
    assert rig.queried(rig.place()) == "40009"


def test_auth_slow(rig: BitgetRig) -> None:
    rig.faults(AUTH_SLOW={"count": 1, "arg": 2})
    client = rig.connect()
    client.login()
    client.subscribe()
    assert client.errors == [30004]
    rig.advance(2)
    assert client.frames[-1]["event"] == "login"


def test_skew(rig: BitgetRig) -> None:
    rig.faults(SKEW={"count": 1, "arg": 40})
    client = rig.connect()
    client.login()
    client.login(age_s=-40)
    assert client.errors == [30014]
    assert rig.queried(rig.place()) == "40008"
    shifted = int(rig.get("/api/v2/public/time")["serverTime"])
    assert shifted == rig.now_us // 1000 + 40_000
    rig.door("DELETE", "faults")
    assert rig.queried(rig.place()) == "live"
