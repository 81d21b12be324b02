"""Each fault of the catalogue that has a meaning at the simulated BingX, by its name."""

import pytest

from daemon.sim.faults import Fault
from daemon.sim.venues.bingx.meanings import MEANINGS
from daemon.sim.venues.bingx.options import BingxOptions
from tests.sim.bingx_rig import BingxRig

NOT_HERE = {Fault.NOTICE_CLOSE, Fault.RESTART}


class Scene(BingxRig):
    """A venue with one listener and one resting order."""

    def __init__(self, options: BingxOptions | None = None) -> None:
        super().__init__(options)
        self.client = self.listener()
        self.order = self.place()
        self.client.forget()


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_every_primitive_of_the_catalogue_has_a_meaning_here_or_is_refused() -> None:
    assert set(MEANINGS) == set(Fault) - NOT_HERE


# ---------------------------------------------------------------- a cancel's fate


def test_rate_limit(scene: Scene) -> None:
    scene.faults(RATE_LIMIT={})
    assert scene.cancel(scene.order)["code"] == 100410
    assert scene.truth(scene.order)[0] == "new"


def test_reject_ends_the_order_first_where_it_says_so(scene: Scene) -> None:
    scene.faults(REJECT={})
    assert scene.cancel(scene.order)["code"] == 100404
    status = scene.truth(scene.order)[0]
    assert status in {"filled", "canceled"}
    assert scene.client.states == [{"filled": "FILLED", "canceled": "CANCELED"}[status]]


@pytest.mark.parametrize("code", [100400, 100421])
def test_reject_reads_an_overloaded_code_either_way(code: int) -> None:
    said = set()
    for seed in range(24):
        scene = Scene(BingxOptions(seed=seed))
        scene.faults(REJECT={"arg": str(code)})
        answer = scene.cancel(scene.order)
        assert answer["code"] == code
        is_gone = "not exist" in answer["msg"]
        assert (scene.truth(scene.order)[0] == "new") is not is_gone
        said.add(is_gone)
    assert said == {True, False}


def test_reject_with_any_other_code_changes_nothing(scene: Scene) -> None:
    scene.faults(REJECT={"arg": "100500"})
    assert scene.cancel(scene.order)["code"] == 100500
    assert scene.truth(scene.order)[0] == "new"


def test_foreign_cancel(scene: Scene) -> None:
    scene.faults(FOREIGN_CANCEL={})
    assert scene.cancel(scene.order)["code"] == 100404
    assert scene.client.states == ["CANCELED"]


def test_canceling_state(scene: Scene) -> None:
    scene.faults(CANCELING_STATE={"arg": "2"})
    assert scene.cancel(scene.order)["data"]["status"] == "PENDING"
    assert scene.queried(scene.order) == "PENDING_CANCEL"
    scene.advance(2)
    assert (scene.queried(scene.order), scene.client.states) == ("CANCELED", ["CANCELED"])


def test_ack_ok_then_fill(scene: Scene) -> None:
    scene.faults(ACK_OK_THEN_FILL={})
    assert scene.cancel(scene.order)["data"]["status"] == "CANCELED"  # as the venue claims
    assert (scene.truth(scene.order)[0], scene.client.states) == ("filled", ["FILLED"])


def test_burst_push(scene: Scene) -> None:
    scene.faults(BURST_PUSH={"arg": "3"})
    assert scene.cancel(scene.order)["code"] == 0
    assert scene.client.states == ["PARTIALLY_FILLED"] * 3 + ["CANCELED"]
    assert scene.truth(scene.order) == ("canceled", "0.75")


def test_ack_ok_no_push(scene: Scene) -> None:
    scene.faults(ACK_OK_NO_PUSH={})
    assert scene.cancel(scene.order)["code"] == 0
    assert (scene.truth(scene.order)[0], scene.client.states) == ("canceled", [])


# ---------------------------------------------------------------- the way of the answer


@pytest.mark.parametrize(
    ("at", "is_answered", "status", "end"),
    [
        ("before_process", False, "new", ""),
        ("before_ack", False, "canceled", ""),
        ("after_ack", True, "canceled", "cut"),
    ],
)
def test_disconnect(scene: Scene, at: str, is_answered: bool, status: str, end: str) -> None:
    scene.faults(DISCONNECT={"arg": at})
    request = scene.cancel_later(scene.order)
    assert (scene.answers[request] is not None) is is_answered
    assert (scene.truth(scene.order)[0], scene.client.end) == (status, end)


def test_half_open(scene: Scene) -> None:
    scene.faults(HALF_OPEN={})
    assert scene.cancel(scene.order)["code"] == 0
    assert (scene.client.end, scene.client.states) == ("silent", [])


@pytest.mark.parametrize(("arg", "status"), [("lost", "new"), (None, "canceled")])
def test_no_ack(scene: Scene, arg: str | None, status: str) -> None:
    scene.faults(NO_ACK={} if arg is None else {"arg": arg})
    request = scene.cancel_later(scene.order)
    scene.advance(60)
    assert request not in scene.answers
    assert scene.truth(scene.order)[0] == status


def test_ack_late(scene: Scene) -> None:
    scene.faults(ACK_LATE={"arg": "300"})
    request = scene.cancel_later(scene.order)
    assert (request in scene.answers, scene.client.states) == (False, ["CANCELED"])
    scene.advance(0.3)
    assert scene.body(request)["code"] == 0


def test_push_before_ack(scene: Scene) -> None:
    scene.faults(PUSH_BEFORE_ACK={})
    request = scene.cancel_later(scene.order)
    assert (request in scene.answers, scene.client.states) == (False, ["CANCELED"])
    scene.advance(0.01)
    assert scene.body(request)["code"] == 0


def test_id_echo_missing(scene: Scene) -> None:
    scene.faults(ID_ECHO_MISSING={})
    data = scene.cancel(scene.order)["data"]
    assert data["status"] == "CANCELED"
    assert not {"orderId", "clientOrderID"} & set(data)


# ---------------------------------------------------------------- pushes


def test_drop_push(scene: Scene) -> None:
    scene.faults(DROP_PUSH={"arg": "2"})
    scene.fill(scene.order, "0.25")
    scene.fill(scene.order, "0.25")
    scene.fill(scene.order, "0.25")
    assert scene.client.states == ["PARTIALLY_FILLED"]


def test_reorder(scene: Scene) -> None:
    scene.faults(REORDER={})
    scene.fill(scene.order, "0.25")
    assert scene.client.states == []
    scene.fill(scene.order)
    assert scene.client.states == ["FILLED", "PARTIALLY_FILLED"]


def test_reorder_replays_the_state_before_an_end(scene: Scene) -> None:
    scene.faults(REORDER={})
    scene.fill(scene.order)
    assert scene.client.states == ["FILLED", "PENDING"]


def test_dup_push(scene: Scene) -> None:
    scene.faults(DUP_PUSH={})
    scene.cancel(scene.order)
    first, second = scene.client.updates
    assert second == first | {"E": first["E"] + 1}


@pytest.mark.parametrize("at_once", [False, True])
def test_zombie(scene: Scene, at_once: bool) -> None:
    scene.faults(ZOMBIE={"now": True} if at_once else {})
    scene.cancel(scene.order)
    scene.advance(5)
    assert scene.client.states == []
    assert "ping" in scene.client.frames[-1]


@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize(("how", "told"), [("told", ["listenKeyExpired"]), ("silent", [])])
def test_key_expire(scene: Scene, how: str, told: list[str], at_once: bool) -> None:
    scene.faults(KEY_EXPIRE={"arg": how, "now": at_once})
    scene.cancel(scene.order)
    assert [frame["e"] for frame in scene.client.frames if "e" in frame] == told
    assert (scene.client.states, scene.client.end) == ([], "")
    other = scene.place()
    successor = scene.listener()
    scene.advance(1)
    scene.cancel(other)
    assert (scene.client.states, successor.states) == ([], ["CANCELED"])


# ---------------------------------------------------------------- shapes


def test_type_flip(scene: Scene) -> None:
    scene.faults(TYPE_FLIP={"p": 1.0})
    answer = scene.cancel(scene.order)
    assert (answer["code"], answer["data"]["executedQty"]) == ("0", 0)
    assert scene.client.updates[0]["z"] == "0"
    assert scene.client.updates[0]["i"] == int(scene.order["order_id"])


@pytest.mark.parametrize(("how", "kinds"), [("text", [str]), ("huge", [int, int])])
def test_big_int(scene: Scene, how: str, kinds: list[type]) -> None:
    scene.faults(BIG_INT={"arg": how, "p": 1.0})
    assert scene.cancel(scene.order)["data"]["orderId"] == scene.order["order_id"]
    ids = [update["i"] for update in scene.client.updates]
    assert [type(each) for each in ids] == kinds
    assert str(ids[-1]) == scene.order["order_id"]
    assert how == "text" or ids[0] > 2**64


@pytest.mark.parametrize("how", ["text", "binary", "truncated"])
def test_bad_frame(scene: Scene, how: str) -> None:
    scene.faults(BAD_FRAME={"arg": how, "order_id": scene.order["order_id"], "count": 2})
    request = scene.cancel_later(scene.order)
    response = scene.answers[request]
    assert response is not None
    assert response.body.endswith(b"}") is False
    assert len(scene.client.odd) == 1
    assert scene.client.states == ["CANCELED"]


def test_unknown_event(scene: Scene) -> None:
    scene.faults(UNKNOWN_EVENT={"count": 1})
    scene.cancel(scene.order)
    assert len(scene.client.frames) == 2
    assert scene.client.frames[-1]["data"]["X"] == "CANCELED"


@pytest.mark.parametrize("name", ["UNKNOWN_EVENT", "BAD_FRAME", "DISCONNECT", "HALF_OPEN"])
def test_what_can_happen_at_once_does(scene: Scene, name: str) -> None:
    scene.faults(**{name: {"now": True}})
    assert scene.fired(name) == 1
    assert scene.client.frames or scene.client.odd or scene.client.end


# ---------------------------------------------------------------- queries


def test_stale_query(scene: Scene) -> None:
    scene.advance(1)
    scene.cancel(scene.order)
    scene.faults(STALE_QUERY={"arg": "0.5"})
    assert [scene.queried(scene.order), scene.queried(scene.order)] == ["PENDING", "CANCELED"]


def test_query_notfound(scene: Scene) -> None:
    scene.faults(QUERY_NOTFOUND={})
    assert [scene.queried(scene.order), scene.queried(scene.order)] == ["100404", "PENDING"]


def test_query_open_only(scene: Scene) -> None:
    scene.faults(QUERY_OPEN_ONLY={})
    assert scene.queried(scene.order) == "PENDING"
    scene.cancel(scene.order)
    assert [scene.queried(scene.order), scene.queried(scene.order)] == ["100404", "CANCELED"]
