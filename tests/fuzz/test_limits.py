"""Few bytes that stand for many: what they may become is bounded, shown by a limit on the memory of the process.

Each sentence is tried in a process of its own whose address space may grow by `ROOM_MB` and no more; a decoder that
wrote out what the bytes stand for would need hundreds of megabytes, and ends there with a MemoryError.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import TYPE_CHECKING

import msgspec
import orjson
import pytest
from aiohttp import web

from daemon.edge.net import Egress, tls_context
from daemon.edge.outside import CallFailed
from daemon.edge.rest import RestPool
from daemon.edge.settings import Waits
from protocols.dialect import Strange
from protocols.evidence import OrderReported
from protocols.jsonread import ROWS_MAX, frame_of
from protocols.rest import SignedCall
from tests.fuzz import venues
from tests.fuzz.local import ROOT
from tests.protocols.material.verbs import ALL, EVERY_VENUE, decoded, dialect_of
from tests.scraping import free_port

if TYPE_CHECKING:
    from protocols.dialect import Inbound, SocketPlan
    from tests.protocols.material.kit import Material

ROOM_MB = 192
LIMITED = f"""
import gzip, resource, zlib
from daemon.config import loads
from daemon.sim.control import control
from daemon.sim.registry import build
from daemon.sim.venue import HttpRequest
from pathlib import Path
from protocols.control.calls import parse
from protocols.jsonread import decimal
from protocols.errors import Unreadable
from protocols.inflate import plain
from tests.protocols.material.verbs import ALL, dialect_of

def much_of(piece):
    deflater = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    chunk = piece * 1_000_000
    return b"".join(deflater.compress(chunk) for _ in range(400 // len(piece))) + deflater.flush()

venue = build("okx")
order = b'{{"instrument":"BTC-USDT","side":"buy","price":"1","qty":"1E999999999"}}'

def refused(read):
    try:
        read()
    except Unreadable:
        return True
    return False

used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
room = used + {ROOM_MB} * 1024 * 1024
resource.setrlimit(resource.RLIMIT_AS, (room, room))
"""
BOMBS = {
    "a compressed frame": "\n".join(
        (
            "bombs = much_of(b'0'), much_of(b'0,')",
            "for of in ALL:",
            "    for plan in dialect_of(of).sockets():",
            "        for raw in bombs:",
            "            assert dialect_of(of).decode(plan, raw)",
        )
    ),
    "a quantity": "assert refused(lambda: decimal({'q': '1E999'}, 'q'))",
    "inflation": "bomb = much_of(b'0')\nassert refused(lambda: plain(bomb))",
    "an order at the control door": (
        "assert control(venue, HttpRequest('POST', '/_sim/orders', {}, order), 1).status == 400"
    ),
    "an answer by REST": "from tests.fuzz.test_limits import asked\nassert 'too long' in asked(much_of(b'0'))",
    "a line of a client": "parse(b'[' * 60_000)",
    "a configuration": "assert isinstance(loads('a=' + '[' * 50_000, Path('/c.toml')), list)",
}


def asked(body: bytes) -> str:
    """Ask a server that answers with compressed bytes; give how the call failed."""

    async def ask() -> str:
        application = web.Application()
        application.router.add_get("/", lambda _: answer())
        runner = web.AppRunner(application)
        await runner.setup()
        port = free_port()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        async with RestPool(f"http://127.0.0.1:{port}", Egress(tls_context()), Waits()) as pool:
            found = await pool.call(SignedCall("GET", "/", ()), total_s=20)
        await runner.cleanup()
        assert isinstance(found, CallFailed)
        return found.why

    async def answer() -> web.Response:
        return web.Response(body=body, headers={"Content-Encoding": "gzip"})

    return asyncio.run(ask())


def under_the_limit(program: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-c", LIMITED + program], cwd=ROOT, capture_output=True, check=False)


@pytest.mark.parametrize("what", sorted(BOMBS))
def test_a_bomb_takes_no_memory(what: str) -> None:
    ran = under_the_limit(BOMBS[what])
    assert ran.returncode == 0, ran.stderr.decode()[-2000:]


def test_the_limit_on_memory_is_one() -> None:
    assert b"MemoryError" in under_the_limit("gzip.decompress(much_of(b'0'))").stderr


@EVERY_VENUE
def test_a_frame_of_a_million_rows_is_set_aside_as_a_whole(of: Material) -> None:
    document = orjson.loads(of.push(of.pushed["live"].row))
    document["data"] = [0] * (ROWS_MAX + 1)
    (item,) = decoded(of, orjson.dumps(document))
    assert isinstance(item, Strange)
    assert f"more than {ROWS_MAX}" in item.what


def test_a_target_fails_when_its_decoder_raises_makes_things_up_or_shows_a_secret(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    of = ALL[0]
    frame = b"\x00" + of.push(of.pushed["live"].row).encode()
    right = dialect_of(of)
    venues.frame_reader(of)(frame)

    def raises(_: SocketPlan, raw: bytes | str) -> tuple[Inbound, ...]:
        raise KeyError(raw)

    def makes_things_up(plan: SocketPlan, raw: bytes | str) -> tuple[Inbound, ...]:
        return tuple(
            msgspec.structs.replace(item, cum_qty=None, cum_qty_final=True) if isinstance(item, OrderReported) else item
            for item in right.decode(plan, raw)
        )

    def shows(_: SocketPlan, raw: bytes | str) -> tuple[Inbound, ...]:
        return (Strange(f"cannot read {raw!r}", frame_of(raw)),)

    for wrong, how in ((raises, KeyError), (makes_things_up, AssertionError), (shows, AssertionError)):
        dialect = dialect_of(of)
        monkeypatch.setattr(dialect, "decode", wrong)
        monkeypatch.setattr(venues, "dialect_of", lambda _, dialect=dialect: dialect)
        with pytest.raises(how):
            venues.frame_reader(of)(frame)
