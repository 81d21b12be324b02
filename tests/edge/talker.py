"""A client that speaks the socket by hand, and a room with a desk, a server and such a client in it."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

from daemon.edge.desk import (
    OrderRow,
)
from daemon.edge.server_conn import Limits
from protocols.control.lines import LINE_BYTES_MAX
from protocols.fix import AccountName, OrderId, OrdStatus, Side
from tests.desks import NOW_US, FakeDesk, folder, serving

__all__ = ["folder"]


ORDER = {"account": "okx-main", "instrument": "BTC-USDT", "order_id": "590908157585625111"}
Message = dict[str, object]


class Client:
    """A client that speaks the socket by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def say(self, method: str, params: object = None, call_id: object = 7) -> None:
        call = {"jsonrpc": "2.0", "method": method, "id": call_id} | ({} if params is None else {"params": params})
        self.raw(json.dumps(call).encode() + b"\n")

    def raw(self, data: bytes) -> None:
        self.writer.write(data)

    async def hear(self) -> Message:
        line = await self.reader.readline()
        assert line.endswith(b"\n"), "the connection was closed"
        assert len(line) <= LINE_BYTES_MAX + 1
        message: Message = json.loads(line)
        assert message["jsonrpc"] == "2.0"
        return message

    async def ask(self, method: str, params: object = None, call_id: object = 7) -> Message:
        self.say(method, params, call_id)
        return await self.hear()

    async def is_alive(self) -> bool:
        return (await self.ask("ping", call_id="alive?")) == {
            "jsonrpc": "2.0",
            "id": "alive?",
            "result": {"now": NOW_US, "bindings": []},
        }

    async def is_closed(self) -> bool:
        with contextlib.suppress(ConnectionError):
            return await self.reader.read() == b""
        return True

    def gone(self) -> None:
        self.writer.transport.abort()


def error_of(message: Message) -> tuple[object, object]:
    error = message["error"]
    assert isinstance(error, dict)
    return error["code"], error["data"]["reason"]


@contextlib.asynccontextmanager
async def connected(path: Path) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_unix_connection(path, limit=2 * LINE_BYTES_MAX)
    try:
        yield Client(reader, writer)
    finally:
        writer.transport.abort()


@contextlib.asynccontextmanager
async def a_room(folder: Path, **limits: int) -> AsyncIterator[tuple[FakeDesk, Client]]:
    desk = FakeDesk()
    async with serving(desk, folder / "s", Limits(**limits)), connected(folder / "s") as client:
        yield desk, client


def order_row(number: int) -> OrderRow:
    return OrderRow(
        account=AccountName("okx-main"),
        venue="okx",
        product=None,
        instrument="BTC-USDT",
        order_id=OrderId(f"{number:018}"),
        client_order_id=None,
        ord_status=OrdStatus.NEW,
        side=Side.BUY,
        order_qty=Decimal("1E-7"),
        cum_qty=None,
        venue_time="1700000000001",
    )
