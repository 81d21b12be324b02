"""The server under a simulated venue: real sockets, another WebSocket implementation as the client, real processes."""

import asyncio
import json
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import uvloop
import websockets
from websockets.asyncio.client import ClientConnection

from daemon.sim.registry import build
from daemon.sim.shell import NotLoopbackError, Server, serve
from daemon.sim.venues.okx.options import OkxOptions
from daemon.sim.venues.okx.venue import OkxVenue
from tests.sim.okx_rig import PRIVATE
from tests.sim.rig import signature

Json = dict[str, Any]
ROOT = Path(__file__).parents[2]
RUN = """
import argparse, sys
from daemon.sim import main
parser = argparse.ArgumentParser()
main.add_arguments(parser)
sys.exit(main.run(parser.parse_args()))
"""
ORDER = {"instrument": "BTC-USDT", "side": "buy", "price": "90000", "qty": "1"}


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serve(build("okx", seed=7)) as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def door(http: aiohttp.ClientSession, server: Server, method: str, path: str, body: object = None) -> Json:
    async with http.request(method, f"{server.url}/_sim/{path}", json=body) as answer:
        document: Json = await answer.json()
        return document


async def hear(ws: ClientConnection) -> Json:
    document: Json = json.loads(await ws.recv())
    return document


async def listen(server: Server, **more: Any) -> ClientConnection:
    """A connection that is logged in and subscribed, its answers read."""
    ws = await websockets.connect(server.ws_url + PRIVATE, proxy=None, ping_interval=None, **more)
    stamp = str(int(time.time()))
    sign = signature(stamp + "GET/users/self/verify")
    arg = {"apiKey": "sim-key", "passphrase": "sim-pass", "timestamp": stamp, "sign": sign}
    await ws.send(json.dumps({"op": "login", "args": [arg]}))
    await ws.send(json.dumps({"op": "subscribe", "args": [{"channel": "orders", "instType": "ANY"}]}))
    assert [(await hear(ws))["event"] for _ in range(3)] == ["login", "subscribe", "channel-conn-count"]
    return ws


def cancel_frame(server: Server, order: Json, frame_id: str = "c1") -> str:
    assert isinstance(server.venue, OkxVenue)
    code = server.venue.instruments.code(order["instrument"])
    arg = {"instIdCode": code, "ordId": order["order_id"]}
    return json.dumps({"id": frame_id, "op": "cancel-order", "args": [arg]})


async def test_a_cancel_goes_through_a_real_socket(server: Server, http: aiohttp.ClientSession) -> None:
    ws = await listen(server)  # offers compression, as clients do by default
    order = await door(http, server, "POST", "orders", ORDER)
    assert (await hear(ws))["data"][0]["state"] == "live"
    await ws.send(cancel_frame(server, order))
    assert (await hear(ws))["data"][0]["sCode"] == "0"
    assert (await hear(ws))["data"][0]["state"] == "canceled"
    await ws.send("ping")
    assert await ws.recv() == "pong"
    assert (await door(http, server, "GET", "stats"))["cancels"] == {order["order_id"]: 1}
    await ws.close()


async def test_protocol_pings_are_answered(server: Server) -> None:
    ws = await listen(server)
    await asyncio.wait_for(await ws.ping(), 10)
    await ws.close()


async def test_what_is_due_later_comes_without_anybody_asking(server: Server, http: aiohttp.ClientSession) -> None:
    ws = await listen(server)
    order = await door(http, server, "POST", "orders", ORDER)
    await door(http, server, "POST", "faults", {"ACK_LATE": {"arg": 30}})
    await ws.send(cancel_frame(server, order))
    frames = [await hear(ws) for _ in range(3)]
    assert ["op" in frame for frame in frames] == [False, False, True]
    assert int(frames[2]["outTime"]) - int(frames[2]["inTime"]) >= 30_000
    await ws.close()


async def test_a_cut_connection_ends_without_a_close_frame(server: Server, http: aiohttp.ClientSession) -> None:
    ws = await listen(server)
    order = await door(http, server, "POST", "orders", ORDER)
    await door(http, server, "POST", "faults", {"DISCONNECT": {"count": 1}})
    await ws.send(cancel_frame(server, order))
    await hear(ws)
    with pytest.raises(websockets.ConnectionClosedError) as ended:
        await ws.recv()
    assert ended.value.rcvd is None


async def test_a_notice_ends_in_a_polite_close(server: Server, http: aiohttp.ClientSession) -> None:
    ws = await listen(server)
    await door(http, server, "POST", "faults", {"NOTICE_CLOSE": {"arg": 0.01, "now": True}})
    assert (await hear(ws))["code"] == "64008"
    with pytest.raises(websockets.ConnectionClosed) as ended:
        await ws.recv()
    assert ended.value.rcvd is not None
    assert ended.value.rcvd.code == 1001


async def test_a_half_open_connection_stays_and_says_nothing(server: Server, http: aiohttp.ClientSession) -> None:
    ws, other = await listen(server), await listen(server)
    await door(http, server, "POST", "faults", {"HALF_OPEN": {"count": 1}})
    order = await door(http, server, "POST", "orders", ORDER)
    await hear(ws)
    await ws.send(cancel_frame(server, order))
    await other.send("ping")
    assert [await hear(other), await other.recv()][1] == "pong"
    await door(http, server, "POST", f"orders/{order['order_id']}/fill")
    assert (await hear(other))["data"][0]["state"] == "filled"
    reading = asyncio.create_task(ws.recv())
    await other.send("ping")
    assert await other.recv() == "pong"
    assert not reading.done()
    reading.cancel()
    ws.transport.abort()
    await other.close()


async def test_a_rest_answer_can_be_cut_or_never_come(http: aiohttp.ClientSession) -> None:
    venue = OkxVenue(OkxOptions(faults="DISCONNECTx1"))
    async with serve(venue) as server:
        order = await door(http, server, "POST", "orders", ORDER)
        body = json.dumps({"instId": "BTC-USDT", "ordId": order["order_id"]})
        with pytest.raises(aiohttp.ClientError):
            await http.post(f"{server.url}/api/v5/trade/cancel-order", data=body, headers=signed(body))
        order = await door(http, server, "POST", "orders", ORDER)
        await door(http, server, "POST", "faults", {"NO_ACK": {"count": 1}})
        body = json.dumps({"instId": "BTC-USDT", "ordId": order["order_id"]})
        calling = asyncio.create_task(
            http.post(f"{server.url}/api/v5/trade/cancel-order", data=body, headers=signed(body))
        )
        while (await door(http, server, "GET", f"orders/{order['order_id']}"))["ord_status"] != "canceled":
            await asyncio.sleep(0)
        assert not calling.done()
        calling.cancel()


def signed(body: str) -> dict[str, str]:
    now = time.time()
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now * 1000) % 1000:03}Z"
    return {
        "OK-ACCESS-KEY": "sim-key",
        "OK-ACCESS-PASSPHRASE": "sim-pass",
        "OK-ACCESS-TIMESTAMP": stamp,
        "OK-ACCESS-SIGN": signature(f"{stamp}POST/api/v5/trade/cancel-order{body}"),
        "Content-Type": "application/json",
    }


async def test_an_unknown_websocket_path_is_404(server: Server) -> None:
    with pytest.raises(websockets.InvalidStatus) as refused:
        await websockets.connect(server.ws_url + "/ws/v6", proxy=None)
    assert refused.value.response.status_code == 404


async def test_it_listens_on_loopback_only() -> None:
    with pytest.raises(NotLoopbackError, match="loopback only"):
        async with serve(build("okx"), "0.0.0.0"):
            pass


async def test_stopping_cuts_what_is_open() -> None:
    async with serve(build("okx")) as server:
        ws = await listen(server)
    with pytest.raises(websockets.ConnectionClosed):
        await ws.recv()


def test_it_serves_under_uvloop_too_and_what_was_said_before_a_cut_arrives() -> None:
    async def story() -> None:
        async with (
            serve(OkxVenue(OkxOptions(faults="DISCONNECT(after_ack)x2"))) as server,
            aiohttp.ClientSession() as http,
        ):
            ws = await listen(server)
            orders = [await door(http, server, "POST", "orders", ORDER) for _ in range(2)]
            await ws.send(cancel_frame(server, orders[0]))
            frames = [json.loads(each) async for each in quietly(ws)]
            assert ["op" in frame for frame in frames] == [False, False, True]
            body = json.dumps({"instId": "BTC-USDT", "ordId": orders[1]["order_id"]})
            url = f"{server.url}/api/v5/trade/cancel-order"
            async with http.post(url, data=body, headers=signed(body)) as answer:
                assert (await answer.json())["code"] == "0"
                assert answer.headers["Connection"] == "close"

    uvloop.run(story())


async def quietly(ws: ClientConnection) -> AsyncIterator[str | bytes]:
    """What arrives until the connection ends, however it ends."""
    with suppress(websockets.ConnectionClosed):
        while True:
            yield await ws.recv()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed, so there is no certificate")
async def test_it_serves_tls(tmp_path: Path) -> None:
    cert, key = str(tmp_path / "cert.pem"), str(tmp_path / "key.pem")
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert]
    subprocess.run([*make.split(), *names], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    async with serve(build("okx"), tls=context) as server:
        assert server.url.startswith("https://127.0.0.1:")
        ws = await listen(server, ssl=ssl.create_default_context(cafile=cert))
        await ws.close()


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_the_command_says_where_it_listens_and_ends_cleanly(stop: signal.Signals) -> None:
    arguments = ["--venue", "okx", "--listen", "127.0.0.1:0", "--faults", "DUP_PUSH:0.5", "--seed", "3"]
    with subprocess.Popen(
        [sys.executable, "-c", RUN, *arguments], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        assert said["venue"] == "okx"
        host, port = said["listening"].removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))):
            process.send_signal(stop)
            rest, errors = process.communicate()
    assert (process.returncode, rest, errors) == (0, "", "")


def test_a_venue_that_runs_alone_looks_at_its_youngest_objects_only_however_many_orders_come() -> None:
    looks = """
import gc
from daemon.sim import main
main._settle()
gc.callbacks.append(lambda phase, info: looks.add(info["generation"]))
looks = set()
kept = [[] for _ in range(500_000)]
print(looks)
"""
    done = subprocess.run([sys.executable, "-c", looks], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "{0}\n"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--listen", "nowhere"], "write HOST:PORT"),
        (["--listen", "0.0.0.0:0"], "loopback only"),
        (["--listen", "127.0.0.1:0", "--faults", "GREMLINS"], "GREMLINS is not a fault"),
        (["--listen", "127.0.0.1:0", "--faults", "KEY_EXPIRE"], "has no meaning on okx"),
        (["--listen", "127.0.0.1:0", "--tls", "none.pem", "none.key"], "--tls none.pem none.key"),
    ],
)
def test_wrong_arguments_are_refused_with_a_sentence(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    import argparse

    from daemon.sim import main

    parser = argparse.ArgumentParser()
    main.add_arguments(parser)
    assert main.run(parser.parse_args(["--venue", "okx", *arguments])) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert says in printed.err
