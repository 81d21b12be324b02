"""Secrets stay where they are: through a whole faulty day at the most talkative, they come to light nowhere."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

from daemon.edge.journal.export import export
from daemon.sim.shell import serve
from daemon.sim.venue import Credentials
from daemon.sim.venues.okx.options import OkxOptions
from daemon.sim.venues.okx.venue import OkxVenue
from tests.scraping import fetch, free_port
from tests.system.rig import QUICK, WAIT_S, account_table, until, world, write_credentials

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.system.rig import Client, World

GOOD = Credentials("a-key-7731", 'Zq"7\\+/=se cret%s{}', "pass <phrase> & 'quotes'")
WRONG = Credentials("a-key-7731", "wrong-Zq7-secret", "wrong-Zq7-passphrase")
FAULTS = (
    "DUP_PUSH:0.3,REORDER:0.2,DROP_PUSH:0.2,BAD_FRAME:0.2,UNKNOWN_EVENT:0.3,TYPE_FLIP:0.2,NO_ACK:0.1,REJECT(51400):0.1,"
    "ACK_OK_NO_PUSH:0.2,ID_ECHO_MISSING:0.2,DISCONNECT:0.1"
)
ORDERS = 24


def disguises(secret: str) -> Iterator[bytes]:
    """The forms in which a secret could have slipped into a text."""
    yield secret.encode()
    yield json.dumps(secret)[1:-1].encode()
    yield quote(secret, safe="").encode()
    yield quote_plus(secret).encode()
    yield base64.b64encode(secret.encode())
    yield repr(secret)[1:-1].encode()


async def a_faulty_day(it: World, client: Client) -> None:
    """Cancel many orders while everything goes wrong, log in anew, be refused, and read broken credentials."""
    it.faults(FAULTS)
    orders = await it.rest(ORDERS)
    replies = [it.cancel(client, order_id, request_id=f"r-{n}") for n, order_id in enumerate(orders)]
    async with asyncio.timeout(WAIT_S):
        assert all("result" in reply for reply in await asyncio.gather(*replies))
    it.venue.faults.clear()
    it.faults("AUTH_FAIL(login)x1,AUTH_FAIL(rest)x1")
    it.venue.fault_at_once(it.venue.faults.parse_json({"DISCONNECT": {"now": True}})[0], 0)
    await it.door.truths()  # at the door the venue's actions are carried out
    await until(lambda: any(row["event"] == "login_refused" for row in it.daemon.log))
    write_credentials(it.daemon.folder / "okx.toml", GOOD.key, GOOD.secret + '"\nbroken', GOOD.passphrase)
    text = (it.daemon.folder / "okx.toml").read_text()
    (it.daemon.folder / "okx.toml").write_text(text.replace("passphrase", "pass phrase"))
    assert it.daemon.process is not None
    os.kill(it.daemon.process.pid, signal.SIGHUP)
    await until(lambda: any(row["event"] == "credentials_not_read" for row in it.daemon.log))
    write_credentials(it.daemon.folder / "okx.toml", GOOD.key, GOOD.secret, GOOD.passphrase)
    os.kill(it.daemon.process.pid, signal.SIGHUP)
    await it.ready(client)


async def all_answers(client: Client) -> bytes:
    """Everything that can be asked about that day."""
    said = [
        await client.call("hello", client="tests", version="1"),
        await client.call("status"),
        await client.call("orders"),
        await client.call("rpc.discover"),
        await client.call("history", from_seq=0, limit=1000),
    ]
    said += [await client.call("explain", request_id=f"r-{n}") for n in range(ORDERS)]
    assert all("result" in answer for answer in said)
    return "\n".join(json.dumps(each, ensure_ascii=False) for each in [*said, *client.notified]).encode()


async def test_a_whole_faulty_day_at_debug_brings_no_secret_to_light(tmp_path: Path) -> None:
    options = OkxOptions(seed=7, credentials=GOOD)
    other = OkxVenue(OkxOptions(seed=8, credentials=GOOD))
    port = free_port()
    async with (
        world(
            tmp_path, options=options, account=QUICK, extra=f'log_level = "debug"\nmetrics = "127.0.0.1:{port}"\n'
        ) as it,
        serve(other, "127.0.0.1", 0) as server,
    ):
        write_credentials(tmp_path / "okx.toml", GOOD.key, GOOD.secret, GOOD.passphrase)
        write_credentials(tmp_path / "wrong.toml", WRONG.key, WRONG.secret, WRONG.passphrase)
        with (tmp_path / "canceld.toml").open("a") as file:
            file.write("\n" + account_table("second", server.url, credentials="./wrong.toml"))
        client = await it.started()
        await client.result("subscribe", topics=["outcomes", "corrections", "orders", "sessions"])
        await it.status(client, lambda now: now["state"] == "auth_failed", "second")
        await a_faulty_day(it, client)
        assert it.daemon.process is not None
        proc = Path(f"/proc/{it.daemon.process.pid}")
        places = {
            "answers": await all_answers(client),
            "metrics": (await fetch(port))[1],
            "command line": (proc / "cmdline").read_bytes(),
            "environment": (proc / "environ").read_bytes(),
        }
        journal = [file for file in tmp_path.iterdir() if file.name.startswith("journal")]
        assert {"journal.sqlite", "journal.sqlite-wal"} <= {file.name for file in journal}
        places |= {file.name: file.read_bytes() for file in journal}
        assert await it.daemon.stop() == 0
        places["log"] = (tmp_path / "canceld.log").read_bytes()
        places["journal at rest"] = (tmp_path / "journal.sqlite").read_bytes()
        places["journal as JSON"] = b"\n".join(export(tmp_path / "journal.sqlite"))
    assert len(places["log"]) > 1_000
    assert b"debug" in places["log"]
    assert b"canceld_frames_set_aside_total" in places["metrics"]
    for where, found in places.items():
        for secret in (GOOD.secret, GOOD.passphrase, WRONG.secret, WRONG.passphrase):
            leaked = [form for form in disguises(secret) if form in found]
            assert not leaked, (where, leaked)
