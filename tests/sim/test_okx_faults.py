"""Faults of a cancel on the simulated OKX: its fate, its answer, and the rules that all primitives keep."""

from typing import TYPE_CHECKING

import pytest

from daemon.sim.faults import Fault
from daemon.sim.venues.okx.meanings import MEANINGS
from daemon.sim.venues.okx.options import OkxOptions
from tests.sim.okx_rig import OkxClient, OkxRig

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def rig() -> OkxRig:
    return OkxRig()


@pytest.fixture
def client(rig: OkxRig) -> OkxClient:
    return rig.listener()


def codes(client: OkxClient) -> list[str]:
    """The item codes of the acks, or the top code where there is no item."""
    return [ack["data"][0]["sCode"] if ack["data"] else ack["code"] for ack in client.acks]


def test_without_a_fault_the_ack_comes_first_and_then_the_canceled_push(rig: OkxRig, client: OkxClient) -> None:
    order = rig.place()
    client.cancel(order)
    assert [("op" in frame, "arg" in frame) for frame in client.frames] == [(False, True), (True, False), (False, True)]
    assert client.states == ["live", "canceled"]
    assert codes(client) == ["0"]
    assert client.pushes[-1]["cancelSource"] == "1"
    assert rig.truth(order) == ("canceled", "0")


def test_ack_ok_then_fill_accepts_the_cancel_and_fills_the_order(rig: OkxRig, client: OkxClient) -> None:
    rig.faults(ACK_OK_THEN_FILL={"count": 1})
    order = rig.place()
    client.cancel(order)
    assert codes(client) == ["0"]
    assert client.states == ["live", "filled"]
    assert rig.truth(order) == ("filled", "1")


def test_ack_ok_no_push_cancels_in_silence(rig: OkxRig, client: OkxClient) -> None:
    rig.faults(ACK_OK_NO_PUSH={"count": 1})
    order = rig.place()
    client.cancel(order)
    assert codes(client) == ["0"]
    assert client.states == ["live"]
    assert rig.truth(order)[0] == "canceled"
    assert rig.queried_state(order) == "canceled"


def test_push_before_ack_pushes_and_acknowledges_later(rig: OkxRig, client: OkxClient) -> None:
    rig.faults(PUSH_BEFORE_ACK={"count": 1, "arg": 20})
    order = rig.place()
    client.cancel(order)
    assert client.states == ["live", "canceled"]
    assert client.acks == []
    rig.advance(0.020)
    assert codes(client) == ["0"]


def test_no_ack_processes_and_pushes_but_never_answers(rig: OkxRig, client: OkxClient) -> None:
    rig.faults(NO_ACK={"count": 1})
    order = rig.place()
    client.cancel(order)
    rig.advance(10)
    assert client.acks == []
    assert client.states == ["live", "canceled"]


def test_no_ack_lost_does_not_process(rig: OkxRig, client: OkxClient) -> None:
    rig.faults(NO_ACK={"count": 1, "arg": "lost"})
    order = rig.place()
    client.cancel(order)
    assert client.acks == []
    assert rig.truth(order)[0] == "new"
    assert rig.stats()["cancels"] == {order["order_id"]: 1}


def test_ack_late_answers_after_so_many_milliseconds(rig: OkxRig, client: OkxClient) -> None:
    rig.faults(ACK_LATE={"count": 1, "arg": 1500})
    order = rig.place()
    client.cancel(order)
    rig.advance(1.499)
    assert client.acks == []
    rig.advance(0.001)
    assert codes(client) == ["0"]
    assert int(client.acks[0]["outTime"]) - int(client.acks[0]["inTime"]) == 1_500_000


def test_reject_51400_makes_the_truth_fit_first(rig: OkxRig, client: OkxClient) -> None:
    rig.faults(REJECT={"count": 12, "arg": "51400"})
    ends = []
    for _ in range(12):
        order = rig.place()
        client.cancel(order)
        ends.append(rig.truth(order)[0])
    assert set(ends) == {"filled", "canceled"}
    assert set(codes(client)) == {"51400"}
    canceled = [row for row in client.pushes if row["state"] == "canceled"]
    assert canceled
    assert "1" not in {row["cancelSource"] for row in canceled}


@pytest.mark.parametrize("code", ["51410", "51412", "50013", "51001", "51149"])
def test_reject_with_another_code_leaves_the_order_as_it_is(rig: OkxRig, client: OkxClient, code: str) -> None:
    rig.faults(REJECT={"count": 1, "arg": code})
    order = rig.place()
    client.cancel(order)
    assert codes(client) == [code]
    assert client.acks[0]["code"] in (code, "1")
    assert rig.truth(order)[0] == "new"
    client.cancel(order)
    assert rig.truth(order)[0] == "canceled"


def test_reject_with_an_event_code_comes_without_an_id(rig: OkxRig, client: OkxClient) -> None:
    rig.faults(REJECT={"count": 1, "arg": "60011"})
    client.cancel(rig.place())
    assert client.errors == ["60011"]
    assert "id" not in client.frames[-1]


def test_reject_over_rest_stands_in_the_item_with_status_200(rig: OkxRig) -> None:
    rig.faults(REJECT={"count": 1, "arg": "51410"})
    status, body = rig.rest_cancel(rig.place())
    assert (status, body["code"], body["data"][0]["sCode"]) == (200, "1", "51410")


def test_partial_batch_leaves_one_item_out_of_the_answer_and_unprocessed(rig: OkxRig, client: OkxClient) -> None:
    rig.faults(PARTIAL_BATCH={"count": 1})
    orders = [rig.place() for _ in range(3)]
    client.operate("batch-cancel-orders", *[rig.cancel_arg(order) for order in orders])
    answered = [item["ordId"] for item in client.acks[0]["data"]]
    live = [order["order_id"] for order in orders if rig.truth(order)[0] == "new"]
    assert len(answered) == 2
    assert len(live) == 1
    assert set(answered).isdisjoint(live)


def test_partial_batch_with_a_code_refuses_one_item_and_says_2_at_the_top(rig: OkxRig, client: OkxClient) -> None:
    rig.faults(PARTIAL_BATCH={"count": 1, "arg": "50013"})
    orders = [rig.place() for _ in range(3)]
    client.operate("batch-cancel-orders", *[rig.cancel_arg(order) for order in orders])
    assert client.acks[0]["code"] == "2"
    assert sorted(item["sCode"] for item in client.acks[0]["data"]) == ["0", "0", "50013"]


@pytest.mark.parametrize("seed", range(6))
def test_burst_push_fills_in_part_and_cancels_at_one_instant(seed: int) -> None:
    rig = OkxRig(OkxOptions(seed=seed))
    client = rig.listener()
    rig.faults(BURST_PUSH={"count": 1, "arg": 2})
    order = rig.place(qty="0.9")
    client.cancel(order)
    assert client.states == ["live", "partially_filled", "partially_filled", "canceled"]
    assert client.pushes[-1]["accFillSz"] == "0.6"
    assert rig.truth(order) == ("canceled", "0.6")


def test_burst_push_comes_in_one_frame_for_some_orders_and_in_several_for_others(
    rig: OkxRig, client: OkxClient
) -> None:
    rig.faults(BURST_PUSH={"p": 1.0})
    for _ in range(12):
        client.cancel(rig.place())
    assert {len(frame["data"]) for frame in client.frames if "arg" in frame} == {1, 3}


@pytest.mark.parametrize(
    ("at", "acks", "truth"), [("before_process", 0, "new"), ("before_ack", 0, "canceled"), ("after_ack", 1, "canceled")]
)
def test_disconnect_cuts_the_connection_before_the_push(
    rig: OkxRig, client: OkxClient, at: str, acks: int, truth: str
) -> None:
    other = rig.listener()
    rig.faults(DISCONNECT={"count": 1, "arg": at})
    order = rig.place()
    client.cancel(order)
    assert client.end == "cut"
    assert len(client.acks) == acks
    assert client.states == ["live"]
    assert rig.truth(order)[0] == truth
    assert other.states[1:] == ([truth] if truth == "canceled" else [])


def test_disconnect_over_rest_drops_the_call_after_processing_it(rig: OkxRig) -> None:
    rig.faults(DISCONNECT={"count": 1})
    order = rig.place()
    body = {"instId": "BTC-USDT", "ordId": order["order_id"]}
    request_id = rig.send("POST", "/api/v5/trade/cancel-order", body)
    assert rig.answers[request_id] is None
    assert rig.truth(order)[0] == "canceled"


def test_half_open_leaves_the_socket_dead_and_the_cancel_unprocessed(rig: OkxRig, client: OkxClient) -> None:
    rig.faults(HALF_OPEN={"count": 1})
    order = rig.place()
    client.forget()
    client.cancel(order)
    client.say("ping")
    rig.fill(order)
    rig.advance(120)
    assert client.end == "silent"
    assert client.raw == []


def test_notice_close_warns_before_the_ack_and_closes_after_so_many_seconds(rig: OkxRig, client: OkxClient) -> None:
    rig.faults(NOTICE_CLOSE={"count": 1, "arg": 25})
    client.cancel(rig.place())
    notice = next(frame for frame in client.frames if frame.get("event") == "notice")
    assert notice["code"] == "64008"
    assert client.frames.index(notice) < client.frames.index(client.acks[0])
    rig.advance(24.9)
    assert client.end == ""
    rig.advance(0.1)
    assert client.end == "closed 1001"


def test_rate_limit_refuses_a_cancel_below_the_limit(rig: OkxRig, client: OkxClient) -> None:
    rig.faults(RATE_LIMIT={"count": 1})
    order = rig.place()
    client.cancel(order)
    assert codes(client) == ["50011"]
    assert rig.truth(order)[0] == "new"
    assert rig.stats()["breaches"] == {}


def test_id_echo_missing_leaves_out_one_of_the_ids(rig: OkxRig, client: OkxClient) -> None:
    order = rig.place()
    rig.faults(ID_ECHO_MISSING={"count": 1, "arg": "ack"})
    frame_id = client.cancel(order)
    assert (client.acks[0]["id"], client.acks[0]["data"][0]["ordId"]) == (frame_id, "")
    client.forget()
    order = rig.place()
    rig.faults(ID_ECHO_MISSING={"count": 1, "arg": "id"})
    client.cancel(order)
    assert "id" not in client.acks[0]
    assert client.acks[0]["data"][0]["ordId"] == order["order_id"]


def test_id_echo_missing_error_is_an_event_without_an_id_and_nothing_is_processed(
    rig: OkxRig, client: OkxClient
) -> None:
    order = rig.place()
    rig.faults(ID_ECHO_MISSING={"count": 1, "arg": "error"})
    client.cancel(order)
    assert client.errors == ["60012"]
    assert not {"id", "op"} & client.frames[-1].keys()
    assert rig.truth(order)[0] == "new"


def test_foreign_cancel_is_pushed_before_ours_is_refused(rig: OkxRig, client: OkxClient) -> None:
    order = rig.place()
    client.forget()
    rig.faults(FOREIGN_CANCEL={"count": 1, "arg": "32"})
    client.cancel(order)
    push, ack = client.frames
    assert (push["data"][0]["state"], push["data"][0]["cancelSource"]) == ("canceled", "32")
    assert ack["data"][0]["sCode"] == "51400"


def test_canceling_state_takes_its_time_and_refuses_repeats_with_51410(rig: OkxRig, client: OkxClient) -> None:
    order = rig.place()
    rig.faults(CANCELING_STATE={"count": 1, "arg": 2})
    client.cancel(order)
    client.cancel(order)
    assert codes(client) == ["0", "51410"]
    assert rig.truth(order)[0] == "new"
    rig.advance(2)
    assert client.states == ["live", "canceled"]
    assert rig.truth(order)[0] == "canceled"


def test_an_order_that_fills_while_it_is_being_canceled_ends_filled(rig: OkxRig, client: OkxClient) -> None:
    order = rig.place()
    rig.faults(CANCELING_STATE={"count": 1})
    client.cancel(order)
    rig.fill(order)
    rig.advance(5)
    assert client.states == ["live", "filled"]


@pytest.mark.parametrize("name", ["KEY_EXPIRE", "RESTART"])
def test_a_primitive_without_a_meaning_here_is_refused(rig: OkxRig, name: str) -> None:
    assert rig.door("POST", "faults", {name: {"count": 1}}) == (400, {"error": f"{name} has no meaning on okx"})


def test_every_primitive_has_a_meaning_here_or_is_refused() -> None:
    assert set(Fault) - set(MEANINGS) == {Fault.KEY_EXPIRE, Fault.RESTART}


def test_a_fault_for_one_order_leaves_the_others_alone(rig: OkxRig, client: OkxClient) -> None:
    chosen, other = rig.place(), rig.place()
    rig.faults(ACK_OK_THEN_FILL={"count": 5, "order_id": chosen["order_id"]})
    client.cancel(other)
    client.cancel(chosen)
    assert rig.truth(other)[0] == "canceled"
    assert rig.truth(chosen)[0] == "filled"


def test_a_fault_can_happen_at_once_on_every_connection_that_is_logged_in(rig: OkxRig, client: OkxClient) -> None:
    stranger = rig.connect()
    rig.faults(DISCONNECT={"count": 1, "now": True})
    assert (client.end, stranger.end) == ("cut", "")
    assert rig.fired("DISCONNECT") == 1
    assert rig.door("GET", "faults")[1] == {"rules": []}


def test_every_fault_that_can_happen_at_once_does(rig: OkxRig) -> None:
    sights: dict[Fault, Callable[[OkxClient], bool]] = {
        Fault.DISCONNECT: lambda client: client.end == "cut",
        Fault.HALF_OPEN: lambda client: client.end == "silent",
        Fault.ZOMBIE: lambda client: client.end == "" and client.raw == [],
        Fault.NOTICE_CLOSE: lambda client: client.frames[0].get("code") == "64008" and client.states == ["live"],
        Fault.UNKNOWN_EVENT: lambda client: len(client.frames) == 2 and client.states[-1] == "live",
        Fault.BAD_FRAME: lambda client: len(client.raw) == 2 and client.states == ["live"],
    }
    assert {fault for fault, meaning in MEANINGS.items() if meaning.at_once} == set(sights)
    for fault, is_seen in sights.items():
        client = rig.listener()
        rig.faults(**{fault.value: {"now": True}})
        rig.place()
        assert is_seen(client), fault
        rig.venue.closed(client.conn_id, rig.now_us)


def test_the_same_seed_and_story_give_the_same_bytes_and_another_seed_others() -> None:
    spec = "DUP_PUSH:0.3,REORDER:0.3,REJECT(51400):0.3,BURST_PUSH:0.3,BAD_FRAME:0.2,UNKNOWN_EVENT:0.2,ACK_LATE(40):0.2"

    def story(seed: int) -> list[bytes]:
        rig = OkxRig(OkxOptions(seed=seed, faults=spec))
        client = rig.listener()
        for order in [rig.place(qty="0.9") for _ in range(25)]:
            client.cancel(order)
            rig.advance(0.05)
        return client.raw

    assert story(7) == story(7) != story(8)
