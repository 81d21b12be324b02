"""An inbound HTX frame, told apart and read: the venue's pings, control frames, answers to commands, pushes.

It refuses to remember: which login or command is pending is the session's and the gateway's knowledge. Answers to
commands have no ``op`` and are told by their ``cid``; protocol errors have neither (HTX: USDT-M Futures / WebSocket
Trade). Frames are plain on the notification socket and gzip on the trade socket, and taken as they come on both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import orjson

from protocols.dialect import (
    Alive,
    Blinded,
    ClosingSoon,
    Inbound,
    LoggedIn,
    LoginRefused,
    Noted,
    Strange,
    Subscribed,
    SubscribeRefused,
    Uncorrelated,
)
from protocols.errors import Unreadable
from protocols.evidence import Frame, OrderReported, Source
from protocols.fix import Road, SendId
from protocols.inflate import plain
from protocols.jsonread import Json, as_object, code, frame_of, optional_text, parse, text, texts
from protocols.venues.htx.answers import batch_answered, cancel_answered, message_of, rows_of, unread_cancel
from protocols.venues.htx.codes import AUTHENTICATION_REQUIRED, control_of
from protocols.venues.htx.orders import read_order

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ORDERS: Final = "orders"
MATCH_ORDERS: Final = "match_orders"

Inbounds = tuple[Inbound, ...]


def read_frame(raw: bytes | str) -> Inbounds:
    """Read one frame. Never raises."""
    shown = raw
    try:
        shown = plain(raw)
        body = as_object(parse(shown), "frame")
        if "op" in body:
            return _read_op(body, frame_of(shown))
        return _read_answer(body, frame_of(shown))
    except Unreadable as error:
        return (Strange(str(error), frame_of(shown)),)


def _read_op(body: Json, frame: Frame) -> Inbounds:
    """Read a frame with an ``op``. An ``error`` has no code and no ``cid``, and the connection stays."""
    op = text(body, "op")
    if op == "notify":
        return _read_notify(body, frame)
    if op == "error":
        return (Uncorrelated(code(body, "err-code") or "", message_of(texts(body)), frame),)
    reader = _CONTROLS.get(op)
    if reader is None:
        raise Unreadable("op", f"{op!r} is not known")
    return (reader(body),)


# ---------------------------------------------------------------- answers to commands


def _read_answer(body: Json, frame: Frame) -> Inbounds:
    """Read a frame without ``op``: an answer if it names one of our commands, else an error that names none."""
    cid = optional_text(body, "cid")
    if cid is None:
        return _read_uncorrelated(body, frame)
    send_id = SendId(cid)
    if isinstance(body.get("data"), list):  # of a batch; a single cancel's is an object, or a list of it alone
        return (batch_answered(send_id, Road.WS, body, frame),)
    try:
        return (cancel_answered(send_id, Road.WS, body, frame),)
    except Unreadable as error:
        return (unread_cancel(send_id, Road.WS, body, str(error), frame), Strange(str(error), frame))


def _read_uncorrelated(body: Json, frame: Frame) -> Inbounds:
    """Read an answer that lost its ``cid``, or a protocol error, which never has one; anything else is strange."""
    found = code(body) or code(body, "err-code") or code(body, "err_code")
    if found is None:
        raise Unreadable("frame", "neither op, cid nor a code")
    nameless = Uncorrelated(found, message_of(texts(body)), frame)
    if "err-code" in body and found == AUTHENTICATION_REQUIRED:
        return (nameless, ClosingSoon("the venue says that this socket is not logged in"))
    return (nameless,)


# ---------------------------------------------------------------- control frames


def _read_ping(body: Json) -> Alive:
    """Answer with the same ``ts``, of the same type (HTX: Private WebSocket / Heartbeat)."""
    if isinstance(body.get("ts"), dict | list):
        raise Unreadable("ts", "a time is expected")
    return Alive(reply=orjson.dumps({"op": "pong", "ts": body.get("ts")}).decode())


def _read_login(body: Json) -> LoggedIn | LoginRefused:
    found, message = _control(body)
    refusal = control_of(found).refusal
    if refusal is not None:
        return LoginRefused(refusal, found, message)
    data = body.get("data")
    user = optional_text(data, "user-id", "data") if isinstance(data, dict) else None
    return LoggedIn(user=user or "")


def _read_subscription(body: Json) -> Subscribed | SubscribeRefused:
    found, message = _control(body)
    topic = text(body, "topic")
    refusal = control_of(found).refusal
    return Subscribed(topic) if refusal is None else SubscribeRefused(topic, refusal, found, message)


def _read_unsubscription(body: Json) -> Blinded | Noted:
    """Read what we never ask for; if it happens all the same, no orders come any more."""
    topic = text(body, "topic")
    what = f"unsubscribed from {topic}"
    return Blinded(what) if topic == ORDERS else Noted(what)


def _read_close(_: Json) -> ClosingSoon:
    return ClosingSoon("the venue closes this connection")


def _control(body: Json) -> tuple[str, str]:
    found = code(body, "err-code")
    if found is None:
        raise Unreadable("err-code", "missing or empty")
    return found, message_of(texts(body))


# ---------------------------------------------------------------- pushes


def _read_notify(body: Json, frame: Frame) -> Inbounds:
    """Read a push, row by row. Only ``orders`` is evidence.

    ``match_orders`` is the matching engine's view: faster, but replayed by ``orders`` later, and its numbers are those
    of single trades. It is not asked for, and where it comes all the same it is no more than a hint.
    """
    topic = text(body, "topic")
    if topic == MATCH_ORDERS:
        return (Noted("a hint from the matching engine"),)
    if topic != ORDERS:
        raise Unreadable("topic", f"a push of {topic!r}, which was not asked for")
    rows = rows_of(body.get("data"))
    if not rows:
        return (Noted("a push without an order"),)
    return tuple(_read_row(index, row, frame) for index, row in enumerate(rows))


def _read_row(index: int, row: object, frame: Frame) -> OrderReported | Strange:
    try:
        return read_order(as_object(row, "row"), Source.PUSH, ORDERS, frame)
    except Unreadable as error:
        return Strange(f"{ORDERS} row {index}: {error}", frame)


_CONTROLS: Final[Mapping[str, Callable[[Json], Inbound]]] = {
    "ping": _read_ping,
    "auth": _read_login,
    "sub": _read_subscription,
    "unsub": _read_unsubscription,
    "close": _read_close,
}
