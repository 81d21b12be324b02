"""What comes from this host: clients' lines, the daemon's answers, files, rows of the journal. And compressed bytes."""

from __future__ import annotations

import atexit
import os
import re
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import orjson

from daemon.client_words import Talk
from daemon.config import Config, loads, read_credentials
from daemon.core.records import CancelRequest
from daemon.edge.journal.codec import (
    Undecodable,
    read_previous,
    read_record,
    read_report,
    read_request,
    step_row,
    to_json,
)
from daemon.edge.journal.story import tell
from protocols.control.calls import Call, parse
from protocols.control.encode import refusal
from protocols.control.lines import LINE_BYTES_MAX, LineSplitter, LineTooLong
from protocols.control.params import CancelParams
from protocols.errors import BadRequest, ConfigMistake, Unreadable
from protocols.fix import AccountName
from protocols.inflate import INFLATED_BYTES_MAX, plain
from protocols.secret import Credentials
from tests.edge import journal_world as world
from tests.edge.test_journal_codec import SENTENCES
from tests.fuzz.target import SECRET, Target, hold_back
from tests.protocols.material.verbs import ALL, dialect_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

ROOT: Final = Path(__file__).resolve().parents[2]
AT: Final = Path("/etc/canceld/canceld.toml")
SHOWN_MAX: Final = 1000
"""A line that somebody is to read."""


def targets() -> Iterator[Target]:
    """Give them all."""
    yield Target("control-lines", control_lines, tuple(line_seeds()))
    yield Target("client-answers", client_answers, tuple(answer_seeds()))
    yield Target("config", config, tuple(config_seeds()))
    yield Target("credentials", credentials, (b'key = "k"\nsecret = "s"\npassphrase = "p"\n', b'{"key": "k"}'))
    yield Target("journal-rows", journal_rows, tuple(row_seeds()))
    yield Target("gzip", inflated, (b"\x1f\x8b", world.PUSHED.encode()))


# ---------------------------------------------------------------- the socket

CANCEL: Final = (
    b'{"jsonrpc":"2.0","id":7,"method":"cancel","params":{"account":"a","instrument":"BTC-USDT","order_id":"59",'
    b'"request_id":"mm1-42","deadline_ms":500,"progress":true,"priority":"urgent","venue_params":{"recvWindow":"5000"}}}'
)


def line_seeds() -> Iterator[bytes]:
    """Give a call of each method."""
    yield CANCEL + b"\n"
    yield CANCEL.replace(b'"order_id":"59"', b'"client_order_id":"c59"') + b"\r\n" + CANCEL + b"\n"
    for method, params in (
        ("hello", {"client": "mm", "version": "1"}),
        ("ping", {}),
        ("bye", {}),
        ("orders", {"account": "a", "instrument": "BTC-USDT", "after": "x"}),
        ("status", {}),
        ("history", {"from_seq": 1, "limit": 10, "order_id": "5", "since_us": 3, "outcome": "filled"}),
        ("explain", {"request_id": "mm1-42", "from_step": 3}),
        ("subscribe", {"topics": ["outcomes", "corrections", "orders", "sessions"], "from_seq": 3}),
        ("track", {"orders": [{"account": "a", "instrument": "B", "client_order_id": "c", "placed_at": 1}]}),
        ("cancel_batch", {"items": [{"account": "a", "instrument": "B", "order_id": "1"}]}),
        ("cancel_all", {"account": "a", "instrument": "B", "side": "buy", "client_id_prefix": "x", "dry_run": True}),
        ("bind", {"scope": {"account": "a", "all": True}, "grace_ms": 1000, "heartbeat_ms": 200}),
        ("rpc.discover", {}),
    ):
        yield orjson.dumps({"jsonrpc": "2.0", "id": "x", "method": method, "params": params}) + b"\n"


def control_lines(data: bytes) -> None:
    splitter = LineSplitter()
    try:
        lines = list(splitter.feed(data))
    except LineTooLong:
        return
    for line in [*lines, splitter.rest()]:
        call = parse(line)
        if isinstance(call, Call):
            if isinstance(call.params, CancelParams):
                refused_or_right(call.params)
        elif call.id is not None:
            answer = refusal(call.id, call.error)
            assert len(answer) <= LINE_BYTES_MAX
            assert b"\n" not in answer[:-1]
            orjson.loads(answer)


def refused_or_right(params: CancelParams) -> None:
    said = {name: str(value) for name, value in params.venue_params.items()}
    for of in ALL:
        try:
            dialect_of(of).check_cancel(params.order_id, params.client_order_id, params.instrument, said)
        except BadRequest as error:
            hold_back(error.path)


def answer_seeds() -> Iterator[bytes]:
    """Give lines as the daemon writes them."""
    result = to_json(world.report("a", 7))
    yield b'{"jsonrpc":"2.0","id":1,"result":' + result.encode() + b"}\n"
    yield b'{"jsonrpc":"2.0","method":"outcome","params":' + result.encode() + b"}\n"
    yield b'{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"no","data":{"reason":"too_fast"}}}\n'
    yield b'{"jsonrpc":"2.0","method":"gap","params":{"topic":"outcomes","from_seq":1,"to_seq":2}}\n'
    yield b"HTTP/1.1 400 Bad Request\r\n\r\n"


def client_answers(data: bytes) -> None:
    """Whatever answers a client, it is answered, or the connection counts as lost."""
    talk = Talk("fuzz")
    talk.ask("subscribe", {"topics": ["outcomes"], "from_seq": 0})
    try:
        assert all(isinstance(answer, dict) for answer in talk.feed(data))
    except ConnectionError:
        return
    while notification := talk.next():
        assert isinstance(notification.params, dict)


# ---------------------------------------------------------------- files

KEYS_IN_THE_WRONG_PLACE: Final = f"""
[accounts.zz]
venue = "okx"
key = "{SECRET}"
secret_key = "{SECRET}"
credentials = {{ key = "{SECRET}", secret = "{SECRET}" }}
proxy = "http://user:{SECRET}@proxy:3128"
endpoints = {{ rest = "https://user:{SECRET}@h", ws = "wss://{SECRET}@h" }}
"""


def config_seeds() -> Iterator[bytes]:
    """Give the sample, and its parts with every key set."""
    sample = (ROOT / "systemd" / "canceld.toml").read_text()
    yield sample.encode()
    yield re.sub(r"(?m)^# ?([a-z_\"\[].*)$", r"\1", sample).encode()
    for part in re.split(r"(?m)^(?=\[)", sample):
        yield part.encode()
    yield b'[accounts.a]\nvenue = "bitget"\ncredentials = "./a"\nproducts = ["SPOT"]\nhorizon_s = 60.5\n'
    yield b'[accounts.a]\nvenue = "htx"\ncredentials = "a"\nendpoints = { rest = "https://h:1", ws = "wss://[::1]" }\n'


def config(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    for written in (text, text + KEYS_IN_THE_WRONG_PLACE):
        found = loads(written, AT)
        if isinstance(found, Config):
            assert found.accounts
            continue
        assert found
        for mistake in found:
            shown(mistake)


def shown(mistake: ConfigMistake) -> None:
    """A mistake is one line with its place, and shows no secret."""
    assert mistake.path
    assert str(mistake).isprintable(), repr(str(mistake))
    assert len(str(mistake)) <= SHOWN_MAX, len(str(mistake))
    hold_back(mistake, repr(mistake))


def an_account() -> Config:
    found = loads('[accounts.a]\nvenue = "okx"\ncredentials = "./keys.toml"\n', AT)
    assert isinstance(found, Config)
    return found


ACCOUNT: Final = an_account().accounts[AccountName("a")]


def credentials(data: bytes) -> None:
    secrets = f'key = "{SECRET}"\nsecret = "{SECRET}"\npassphrase = "{SECRET}"\n'.encode()
    file = keys_file()
    for written in (data, secrets + data, data + b"\n" + secrets, secrets[:-3] + data):
        file.write_bytes(written)
        found = read_credentials(ACCOUNT, file.parent / "canceld.toml", os.environ)
        if isinstance(found, Credentials):
            hold_back(found, repr(found))
            continue
        assert found
        for mistake in found:
            shown(mistake)


@cache
def keys_file() -> Path:
    """Make the file that the account names, in a folder that goes when this process does."""
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    file = Path(folder.name) / "keys.toml"
    file.touch(0o600)
    return file


# ---------------------------------------------------------------- the journal


def row_seeds() -> Iterator[bytes]:
    """Give a row of each kind of record, and of each table."""
    for record, _ in SENTENCES:
        yield b"\x00" + step_row(record).body.encode()
    for name in ("a", "b"):
        yield b"\x01" + to_json(world.report(name, 3)).encode()
    yield b"\x02" + to_json({"outcome": "in_doubt", "cum_qty": "1.5"}).encode()
    request = world.request("a")
    yield b"\x03" + orjson.dumps(
        {
            "uid": 1000, "gid": 100, "pid": 3, "client": "mm1", "account": "main", "request_id": "a", "product": "",
            "instrument": "BTC-USDT", "order_id": "1", "client_order_id": None, "received_us": request.received_us,
            "deadline_us": None, "priority": "urgent", "venue_params": '{"flag":"1"}', "bulk": None, "call": None,
        }
    )  # fmt: skip


def journal_rows(data: bytes) -> None:
    """A row is read, or set aside by the error that recovery expects."""
    if not data:
        return
    body = data[1:].decode("utf-8", "replace")
    try:
        match data[0] % 4:
            case 0:
                record = read_record(body, SECRET.encode())
                tell(record)
                read_record(step_row(record).body)
            case 1:
                assert read_report(body).durable
            case 2:
                read_previous(body)
            case _:
                assert isinstance(read_request(row(body)), CancelRequest)
    except (Undecodable, TypeError) as error:
        hold_back(error)


def row(body: str) -> sqlite3.Row:
    """A row of ``requests`` with whatever values; a member that is not there is null."""
    try:
        values = orjson.loads(body)
    except orjson.JSONDecodeError:
        values = {}
    return Row(values if isinstance(values, dict) else {})  # type: ignore[return-value]  # it is asked for by name alone


class Row(dict[str, object]):
    """A row of the journal, by the names of its columns."""

    def __missing__(self, name: str) -> None:
        """Answer for a column that holds nothing."""


# ---------------------------------------------------------------- compressed frames


def inflated(data: bytes) -> None:
    for raw in (data, b"\x1f\x8b" + data):
        try:
            assert len(plain(raw)) <= max(INFLATED_BYTES_MAX, len(raw))
        except Unreadable as error:
            hold_back(error)
