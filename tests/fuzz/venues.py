"""Frames and REST bodies of every dialect: read anything, raise nothing but what `protocols.dialect.Dialect` allows.

The first byte of an input says how it arrives (as text, as bytes, compressed) or what it answers, the second of a body
its HTTP status. What is a JSON object is read a second time with secrets in it, as if the venue repeated them.
"""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Final, get_args

import msgspec
import orjson

from protocols.asks import Page
from protocols.batching import BatchAnswered, spread
from protocols.dialect import Inbound, Strange
from protocols.errors import RemoteError
from protocols.evidence import (
    RAW_BYTES_MAX,
    CancelAnswered,
    OrderReported,
    QuestionAnswered,
    QuestionFailed,
)
from protocols.fix import OrderId, Road, SendId
from protocols.rest import RestResponse
from tests.fuzz.target import SECRET, Target, hold_back
from tests.protocols.material.verbs import ALL, dialect_of, question, wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from protocols.asks import WireCancel
    from protocols.dialect import Dialect

    ReadBatch = Callable[[Sequence[WireCancel], RestResponse], BatchAnswered]
    from protocols.evidence import Step
    from tests.protocols.material.kit import Material

WAYS: Final = 4
STATUSES: Final = (200, 200, 200, 201, 400, 401, 404, 429, 500, 503)
IDS: Final = ("order_id", "client_order_id")
KINDS: Final = get_args(Inbound)
ECHOED: Final = {"apiKey": SECRET, "passphrase": SECRET, "sign": SECRET, "listenKey": SECRET}


def targets() -> Iterator[Target]:
    """Give two targets for each dialect: frames, and bodies."""
    for of in ALL:
        yield Target(f"{of.name}-frames", frame_reader(of), tuple(frame_seeds(of)))
        yield Target(f"{of.name}-bodies", body_reader(of), tuple(body_seeds(of)))


# ---------------------------------------------------------------- frames


def frame_seeds(of: Material) -> Iterator[bytes]:
    """Give the material's frames, each for every socket, in every way of arriving."""
    pushes = [of.push(seen.row) for seen in of.pushed.values()]
    answers = [told.frame for told in (*of.answers.values(), of.unlisted) if told.frame is not None]
    refusals = [frame for frame, _ in (*of.login_refusals, *of.subscribe_refusals)]
    keys = [key for plan in dialect_of(of).sockets() for key, _ in dialect_of(of).subscriptions(plan)]
    whole = [
        *pushes,
        *answers,
        *of.logins,
        *refusals,
        *of.nameless,
        *(of.subscribed(key) for key in keys),
        "ping",
        "pong",
    ]
    for number, frame in enumerate(whole):
        for plan in range(len(dialect_of(of).sockets())):
            yield bytes([number % WAYS * 16 + plan]) + frame.encode()


def frame_reader(of: Material) -> Callable[[bytes], None]:
    dialect = dialect_of(of)
    plans = dialect.sockets()

    def run(data: bytes) -> None:
        if not data:
            return
        plan = plans[data[0] % 16 % len(plans)]
        for item in dialect.decode(plan, arrived(data[0] // 16 % WAYS, data[1:])):
            check(item)
        for spoken in with_secrets(data[1:]):
            for item in dialect.decode(plan, spoken):
                hold_back(repr(without_the_venues_fields(item)))

    return run


def arrived(way: int, raw: bytes) -> str | bytes:
    """Turn an input into what a socket would give."""
    match way:
        case 0:
            return raw.decode("utf-8", "replace")
        case 1:
            return raw
        case 2:
            return gzip.compress(raw, compresslevel=1, mtime=0)
        case _:
            return b"\x1f\x8b" + raw


def check(item: object) -> None:
    """Hold what was read to what its type promises."""
    assert isinstance(item, KINDS), type(item)
    if isinstance(item, OrderReported):
        check_report(item)
    elif isinstance(item, CancelAnswered):
        assert item.send_id
    elif isinstance(item, BatchAnswered):
        assert item.batch
    elif isinstance(item, Strange):
        assert item.what
        assert len(item.frame.raw) <= RAW_BYTES_MAX


def check_report(report: OrderReported) -> None:
    assert report.order_id
    assert report.instrument
    assert report.cum_qty is None or report.cum_qty >= 0
    assert not report.cum_qty_final or (report.cum_qty is not None and report.status.is_terminal)
    assert report.frame is None or len(report.frame.raw) <= RAW_BYTES_MAX


def without_the_venues_fields(item: object) -> object:
    """Leave out what is by contract the venue's answer, field by field."""
    match item:
        case CancelAnswered():
            return msgspec.structs.replace(item, fields={})
        case BatchAnswered():
            return [without_the_venues_fields(each) for each in (item.whole, *item.items)]
    return item


def with_secrets(raw: bytes) -> Iterator[bytes]:
    """Give a document again with secrets in every object of it, as members that nobody asked for."""
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return
    if isinstance(document, dict | list):
        yield orjson.dumps(echoing(document))


def echoing(value: object) -> object:
    match value:
        case dict():
            return {key: echoing(inner) for key, inner in value.items()} | ECHOED
        case list():
            return [echoing(inner) for inner in value]
    return value


# ---------------------------------------------------------------- bodies


def body_seeds(of: Material) -> Iterator[bytes]:
    """Give the material's bodies as answers to everything that can be asked."""
    answers = [of.answer(seen.row).body for seen in of.queried.values()]
    told = [each.response.body for each in (*of.answers.values(), of.unlisted)]
    for number, body in enumerate((*answers, *told, of.not_found.body)):
        for asked in range(len(readers(of))):
            yield bytes([asked, number % len(STATUSES)]) + body


def body_reader(of: Material) -> Callable[[bytes], None]:
    reading = readers(of)

    def run(data: bytes) -> None:
        if len(data) < 2:
            return
        read, status = reading[data[0] % len(reading)], STATUSES[data[1] % len(STATUSES)]
        read(RestResponse(status, data[2:]))
        for body in with_secrets(data[2:]):
            hold_back(repr(without_the_venues_fields(read(RestResponse(status, body)))))

    return run


def readers(of: Material) -> list[Callable[[RestResponse], object]]:
    """Give everything that reads a body: never raising, or by the errors of the tree alone."""
    dialect = dialect_of(of)
    return [
        lambda response: answered(dialect, of, response),
        *(
            questioner(dialect, of, step, ids)
            for step in dialect.traits.ladder
            for ids in ("order_id", "client_order_id")
        ),
        *([batch_reader(of, dialect.read_batch)] if dialect.traits.batch is not None else []),
        *([batch_reader(of, dialect.read_mass)] if dialect.traits.mass_cancels else []),
        *(refusing(read) for read in (dialect.read_clock, dialect.read_identity, dialect.read_reference)),
        *([refusing(switch_reader(dialect))] if dialect.traits.switch is not None else []),
    ]


def answered(dialect: Dialect, of: Material, response: RestResponse) -> object:
    found = dialect.read_cancel(wire(of, Road.REST), response)
    assert found.send_id == wire(of, Road.REST).send_id
    return found


def batch_reader(of: Material, read_all: ReadBatch) -> Callable[[RestResponse], object]:
    """Each cancel of a batch gets its answer, whatever came."""
    asked = [
        wire(of, Road.REST),
        msgspec.structs.replace(wire(of, Road.REST), send_id=SendId("c2"), order_id=OrderId("7")),
    ]

    def read(response: RestResponse) -> object:
        found = read_all(asked, response)
        assert [answer.send_id for answer in spread(asked, found).answers] == [each.send_id for each in asked]
        return found

    return read


def questioner(dialect: Dialect, of: Material, step: Step, ids: str) -> Callable[[RestResponse], object]:
    asked = question(of, step, ids)

    def read(response: RestResponse) -> object:
        page = dialect.read_question(asked, response, None)
        assert isinstance(page, Page)
        assert isinstance(page.answer, QuestionAnswered | QuestionFailed)
        if isinstance(page.answer, QuestionAnswered):
            for report in page.answer.reports:
                check_report(report)
        if page.following is not None:
            dialect.question_call(asked, page.following)
        return page

    return read


def switch_reader(dialect: Dialect) -> Callable[[RestResponse], None]:
    def read(response: RestResponse) -> None:
        switch = dialect.traits.switch
        assert switch is not None
        switch.read(10, response)

    return read


def refusing(read: Callable[[RestResponse], object]) -> Callable[[RestResponse], object]:
    """Let the errors of the tree pass; they are texts that show no secret."""

    def run(response: RestResponse) -> object:
        try:
            return read(response)
        except RemoteError as error:
            hold_back(error, repr(error))
            return None

    return run
