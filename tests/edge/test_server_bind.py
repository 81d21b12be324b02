"""Binding on the socket: when it is answered, what counts as a heartbeat, and what a goodbye reaches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocols.errors import BadRequest
from tests.desks import folder
from tests.edge.talker import a_room, error_of

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["folder"]

SCOPE = {"account": "okx-main", "all": True}
BIND = {"scope": SCOPE, "grace_ms": 500, "heartbeat_ms": 100}


async def test_a_binding_is_answered_when_it_is_written_down_or_known_not_to_be(folder: Path) -> None:
    async with a_room(folder) as (desk, client):
        for is_durable in (True, False):
            client.say("bind", BIND, 1)
            assert await client.is_alive()  # other calls are answered before
            (request, on_bound) = desk.bound[-1]
            assert (request.grace_ms, request.heartbeat_ms) == (500, 100)
            on_bound("t1", is_durable)
            message = await client.hear()
            assert (message["id"], message["result"]) == (1, {"binding_id": "t1", "durable": is_durable})


async def test_hello_binds_under_the_name_that_it_gives_and_says_the_bindings(folder: Path) -> None:
    async with a_room(folder) as (desk, client):
        client.say("hello", {"client": "mm", "version": "2", "bind": BIND}, 1)
        await desk.until(lambda: bool(desk.bound))
        desk.bound[0][1]("t7", True)
        message = await client.hear()
        result = message["result"]
        assert isinstance(result, dict)
        assert (result["server"], result["binding_id"]) == ("canceld", "t7")
        assert desk.greeted[-1].caller.client == "mm 2"
        message = await client.ask("hello", {"client": "mm", "version": "2"})
        result = message["result"]
        assert isinstance(result, dict)
        assert result["binding_id"] is None


async def test_a_refused_binding_is_the_contracts_error_and_is_not_in_flight(folder: Path) -> None:
    async with a_room(folder, in_flight_max=1) as (desk, client):
        desk.refusal = BadRequest("unknown_account", "there is none", path="scope.account")
        for _ in range(3):
            assert error_of(await client.ask("bind", BIND)) == (-32000, "unknown_account")
        desk.refusal = None
        assert await client.is_alive()


async def test_a_ping_is_the_heartbeat_and_nothing_else_is(folder: Path) -> None:
    async with a_room(folder) as (desk, client):
        await client.ask("status")
        await client.ask("hello", {"client": "mm", "version": "2"})
        assert desk.heartbeats == []
        desk.holds = ["t1"]
        pong = (await client.ask("ping"))["result"]
        assert desk.heartbeats == [desk.greeted[-1].connection]
        assert isinstance(pong, dict)
        assert pong["bindings"] == ["t1"]


async def test_a_goodbye_is_told_before_the_connection_is_dropped(folder: Path) -> None:
    async with a_room(folder) as (desk, client):
        assert "result" in await client.ask("bye")
        await desk.until(lambda: bool(desk.dropped))
        assert desk.goodbyes == desk.dropped
