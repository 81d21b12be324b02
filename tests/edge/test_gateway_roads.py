"""Roads that a venue does not open to this key or account, against a small venue on loopback."""

import pytest

from daemon.edge.status import EntryState, GatewayState
from protocols.evidence import AccountRefused, CancelAnswered, Remedy
from protocols.fix import OrderEntry, Road
from protocols.secret import Credentials, Secret
from tests.edge.fake_venue import friendly
from tests.edge.gateway_rig import Rig, rig
from tests.fakes import wire

__all__ = ["rig"]  # a fixture


def no_cancels_by_socket(frame: str) -> list[str]:
    words = frame.split(" ")
    return [f"ack {words[1]} unchanged_retry leave_road"] if words[0] == "cancel" else friendly(frame)


async def test_a_road_that_takes_no_cancels_from_this_key_is_left_and_the_status_says_so(rig: Rig) -> None:
    rig.venue.answer_frame = no_cancels_by_socket
    await rig.start().live()
    with rig.calling() as gateway:
        gateway.send(wire("s1"))
    await rig.until(lambda: rig.roads(Road.WS) == [True, False])
    assert [answer.remedy for answer in rig.of(CancelAnswered)] == [Remedy.LEAVE_ROAD]
    assert rig.status.order_entry is EntryState.REST
    assert rig.status.state is GatewayState.READY
    (alarm,) = (alarm for alarm in rig.status.alarms if alarm.name == "road_left")
    assert alarm.detail == "cancels do not go by ws any more: 0"
    with rig.calling() as gateway:
        gateway.send(wire("s2"))
        gateway.send(wire("s3", Road.REST))
    await rig.until(lambda: len(rig.about("s3")) == 2)
    assert rig.about("s2") == ["CancelLost"]
    assert rig.venue.sent("cancel") == ["cancel s1 1"]


async def test_an_error_that_names_nobody_can_close_the_road_too(rig: Rig) -> None:
    await rig.start().live()
    rig.venue.answer_frame = lambda frame: (
        ["error 30003 broken leave_road"] if frame.startswith("cancel") else friendly(frame)
    )
    with rig.calling() as gateway:
        gateway.send(wire("s1"))
    await rig.until(lambda: rig.roads(Road.WS) == [True, False])


async def test_the_last_road_is_never_left(rig: Rig) -> None:
    rig.venue.answer_frame = no_cancels_by_socket
    await rig.start(OrderEntry.WS).live()
    with rig.calling() as gateway:
        gateway.send(wire("s1"))
    await rig.until(lambda: len(rig.about("s1")) == 2)
    with rig.calling() as gateway:
        gateway.send(wire("s2"))
    await rig.until(lambda: len(rig.about("s2")) == 2)
    assert rig.roads(Road.WS) == [True]
    assert "road_left" not in rig.alarms()


async def test_a_road_that_was_left_is_tried_again_with_new_credentials(rig: Rig) -> None:
    rig.venue.answer_frame = no_cancels_by_socket
    await rig.start().live()
    with rig.calling() as gateway:
        gateway.send(wire("s1"))
    await rig.until(lambda: rig.roads(Road.WS) == [True, False])
    with rig.calling() as gateway:
        gateway.rotate(Credentials(Secret("other"), Secret("very-secret"), Secret("")))
    await rig.until(lambda: rig.roads(Road.WS) == [True, False, True])
    assert "road_left" not in rig.alarms()


@pytest.mark.parametrize("order_entry", list(OrderEntry))
async def test_an_account_of_another_kind_has_no_road_at_all(rig: Rig, order_entry: OrderEntry) -> None:
    rig.venue.rest["/whoami"] = lambda _: "refused otherkind"
    rig.start(order_entry)
    await rig.until(lambda: rig.of(AccountRefused))
    await rig.until(lambda: rig.status.state is GatewayState.AUTH_FAILED)
    assert "does not serve this account here: otherkind" in rig.status.why
    assert {tuple(rig.roads(road)[-1:]) for road in Road} <= {(), (False,)}


async def test_a_login_that_refuses_the_kind_of_account_closes_every_road(rig: Rig) -> None:
    rig.venue.answer_frame = lambda frame: ["login no account"] if frame.startswith("login") else friendly(frame)
    rig.start()
    await rig.until(lambda: rig.status.state is GatewayState.AUTH_FAILED and rig.roads(Road.REST) == [True, False])
    assert rig.venue.opened == 1
