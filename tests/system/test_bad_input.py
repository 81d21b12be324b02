"""What clients can do wrong, at the whole daemon: a clear refusal before anything is sent, and nobody else is hurt."""

from __future__ import annotations

import asyncio
import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.system.rig import WAIT_S, until, world, written

if TYPE_CHECKING:
    from tests.system.rig import Message, World

CONNECTIONS = 1_000
SOON_IN_DOUBT = "ack_wait_ms = 3000\nsettle_ms = 100\nhorizon_s = 3\nreplica_lag_ms = 100\n"
"""Timings of an account that waits for every answer, and not much longer."""
pytestmark = pytest.mark.asyncio(loop_scope="module")
GOOD: dict[str, object] = {"account": "okx-main", "instrument": "BTC-USDT", "order_id": "590908157585625111"}


async def say(it: World, *lines: bytes, is_last: bool = True) -> list[Message]:
    """Say lines on a connection of its own and, if they are the last, read until the daemon closes."""
    reader, writer = await asyncio.open_unix_connection(str(it.daemon.socket), limit=1 << 20)
    writer.writelines(lines)
    if is_last:
        writer.write_eof()
    async with asyncio.timeout(WAIT_S):
        answers = [json.loads(line) async for line in reader]
    writer.close()
    return answers


def line(method: str, number: object = 1, **params: object) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}).encode() + b"\n"


def reason(answer: Message) -> str:
    found: str = answer["error"]["data"]["reason"]
    return found


@pytest.mark.parametrize(
    ("change", "wanted", "path"),
    [
        ({"order_id": "59-09"}, "invalid_params", "order_id"),
        ({"order_id": "5" * 33}, "invalid_params", "order_id"),
        ({"order_id": "\uff15"}, "invalid_params", "order_id"),
        ({"order_id": ""}, "invalid_params", "order_id"),
        ({"order_id": 590908157585625111}, "invalid_params", "order_id"),
        ({"order_id": None}, "invalid_params", "order_id"),
        ({"client_order_id": "a-b"}, "invalid_params", "client_order_id"),
        ({"client_order_id": "a" * 33}, "invalid_params", "client_order_id"),
        ({"instrument": "BTC USDT"}, "invalid_params", "instrument"),
        ({"instrument": "BTC/../USDT"}, "invalid_params", "instrument"),
        ({"product": "SPOT"}, "invalid_params", "product"),
        ({"account": "nobody"}, "unknown_account", "account"),
        ({"deadline_ms": 0}, "invalid_params", "deadline_ms"),
        ({"deadline_ms": 60_001}, "invalid_params", "deadline_ms"),
        ({"request_id": "a b"}, "invalid_params", "request_id"),
        ({"request_id": "a\n"}, "invalid_params", "request_id"),
        ({"priority": "soon"}, "invalid_params", "priority"),
        ({"venue_params": {"cxlOnBehalf": "1"}}, "invalid_params", "venue_params.cxlOnBehalf"),
        ({"orderid": "1"}, "invalid_params", "orderid"),
    ],
)
async def test_a_cancel_that_cannot_be_meant_is_refused_with_its_place(
    running: World, change: dict[str, object], wanted: str, path: str
) -> None:
    before = running.venue.floor.stats.cancels.copy()
    (answer,) = await say(running, line("cancel", **(GOOD | change)))
    assert reason(answer) == wanted
    assert answer["error"]["data"].get("path") == path or path in answer["error"]["message"]
    assert running.venue.floor.stats.cancels == before


@pytest.mark.parametrize("account", [{"account": "okx-main"}, {}], ids=["of one account", "of all"])
async def test_orders_of_a_product_line_that_there_is_not_are_refused_and_not_none(
    running: World, account: dict[str, str]
) -> None:
    (answer,) = await say(running, line("orders", product="SPOT", **account))
    assert (reason(answer), answer["error"]["data"]["path"]) == ("invalid_params", "product")


@pytest.mark.parametrize(
    ("raw", "wanted", "code"),
    [
        (b"{\n", "parse_error", -32700),
        (b"\xff\xfe\n", "parse_error", -32700),
        (b'"cancel"\n', "invalid_request", -32600),
        (b'{"jsonrpc":"1.0","id":1,"method":"ping"}\n', "invalid_request", -32600),
        (b'{"jsonrpc":"2.0","id":{},"method":"ping"}\n', "invalid_request", -32600),
        (b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]\n', "batch_unsupported", -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":"place"}\n', "method_not_found", -32601),
        (b'{"jsonrpc":"2.0","id":1,"method":"cancel","params":[]}\n', "invalid_params", -32602),
        (b"[" * 60_000 + b"\n", "parse_error", -32700),
    ],
)
async def test_a_bad_line_gets_its_error_and_the_connection_lives(
    running: World, raw: bytes, wanted: str, code: int
) -> None:
    bad, good = await say(running, raw, line("ping", 2))
    assert reason(bad) == wanted
    assert bad["error"]["code"] == code
    assert good["id"] == 2
    assert "result" in good


async def test_an_oversized_line_gets_its_error_and_the_connection_is_closed(running: World) -> None:
    answers = await say(running, b"x" * (64 * 1024 + 1), line("ping"), is_last=False)
    assert [reason(answer) for answer in answers] == ["line_too_long"]


async def test_a_line_of_the_greatest_length_is_taken(running: World) -> None:
    padding = b" " * (64 * 1024 - len(line("ping")) + 1)
    (answer,) = await say(running, padding + line("ping"))
    assert "result" in answer


async def test_half_lines_wait_for_their_other_half_and_disturb_nobody(running: World) -> None:
    reader, writer = await asyncio.open_unix_connection(str(running.daemon.socket))
    whole = line("ping")
    for byte in whole[:-1]:
        writer.write(bytes([byte]))
        await writer.drain()
    client = await running.client()
    assert await client.result("ping")
    writer.write(whole[-1:])
    async with asyncio.timeout(WAIT_S):
        assert "result" in json.loads(await reader.readline())
    writer.write(b'{"jsonrpc":"2.0","id":1,"meth')
    writer.close()
    assert await client.result("ping")


async def test_a_cancel_without_id_is_carried_out_and_not_answered(running: World) -> None:
    (order_id,) = await running.rest(1)
    call = {"account": "okx-main", "instrument": running.instrument_of(order_id), "order_id": order_id}
    said = await say(running, json.dumps({"jsonrpc": "2.0", "method": "cancel", "params": call}).encode() + b"\n")
    assert said == []
    await until(lambda: running.truth_of(order_id)[0] == "canceled")


async def test_a_thousand_connections_in_a_row_leave_nothing_behind(running: World) -> None:
    assert running.daemon.process is not None
    descriptors = Path(f"/proc/{running.daemon.process.pid}/fd")
    client = await running.client()
    clients = (await client.result("status"))["clients"]
    before = len(list(descriptors.iterdir()))
    for number in range(CONNECTIONS):
        _, writer = await asyncio.open_unix_connection(str(running.daemon.socket))
        if number % 3 == 0:
            writer.write(line("status"))
        if number % 5 == 0:
            writer.transport.abort()
        writer.close()
    async with asyncio.timeout(WAIT_S):
        while (await client.result("status"))["clients"] > clients:  # the last of them may not be accepted yet
            pass
    await until(lambda: len(list(descriptors.iterdir())) < before + CONNECTIONS // 100)  # its own come and go


async def test_a_client_that_never_reads_is_cut_and_costs_nobody_else_anything(running: World) -> None:
    client = await running.client()
    _, writer = await asyncio.open_unix_connection(str(running.daemon.socket), limit=1 << 10)
    writer.write(line("subscribe", topics=["outcomes", "corrections", "orders", "sessions"]))
    flood = line("rpc.discover") * 50
    with contextlib.suppress(ConnectionError):
        async with asyncio.timeout(WAIT_S):
            while not writer.transport.is_closing():
                writer.write(flood)
                await asyncio.wait({asyncio.create_task(writer.drain())}, timeout=0.05)
                (order_id,) = await running.rest(1)
                assert (await running.canceled(client, order_id))["outcome"] == "canceled"
    await until(lambda: any(row["event"] == "client_does_not_read" for row in running.daemon.log))
    writer.close()


async def test_an_instrument_without_a_code_goes_out_by_rest(running: World) -> None:
    client = await running.client()
    odd = {"instrument": "ODD-USDT", "side": "buy", "price": "0.1", "qty": "2"}
    (order_id,) = await running.door.place([odd])
    assert (await running.canceled(client, order_id, request_id="odd"))["outcome"] == "canceled"
    assert running.cancels_of(order_id) == 1
    await written(client, "odd")
    steps = (await client.result("explain", request_id="odd"))["steps"]
    handed = [step["detail"] for step in steps if step["kind"] == "send_forwarded"]
    assert [detail.rpartition(" ")[2] for detail in handed] == ["rest"]


async def test_an_unknown_instrument_goes_out_by_rest_and_nothing_is_made_of_the_venues_refusal(tmp_path: Path) -> None:
    """The venue refuses the instrument, so it says nothing about the order: we do not know, and say so."""
    async with world(tmp_path, account=SOON_IN_DOUBT) as it:
        client = await it.started()
        result = await client.result("cancel", **(GOOD | {"instrument": "NEW-USDT"}))
        assert (result["outcome"], result["venue_code"]) == ("in_doubt", "51001")
        assert it.cancels_of(str(GOOD["order_id"])) >= 1


async def test_one_user_has_half_of_the_connections_that_are_configured(tmp_path: Path) -> None:
    async with world(tmp_path, extra="clients_max = 7\n") as it:
        client = await it.started()
        limits = (await client.result("hello", client="tests", version="1"))["limits"]
        assert (limits["connections_max"], limits["connections_per_uid_max"]) == (7, 4)


async def test_the_most_connections_of_one_user_are_bounded_and_the_next_is_told_so(running: World) -> None:
    first = await running.client()
    at_most = (await first.result("hello", client="tests", version="1"))["limits"]["connections_per_uid_max"]
    for _ in range(at_most - 1):
        await (await running.client()).result("ping")
    (refusal,) = await say(running, is_last=False)
    assert reason(refusal) == "too_many_in_flight"
    assert await first.result("ping")
    await running.leave()
    again = await running.client()
    assert await again.result("ping")
