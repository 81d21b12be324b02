"""An inbound OKX frame, told apart and read: text pings, events, answers to ops, pushes, and what is none of these.

It refuses to remember: which login or send is pending is the session's and the gateway's knowledge, so an error event
that names nothing is read by its code alone. Pushed rows are read one by one, so that a bad one costs no other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

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
from protocols.evidence import Frame, OrderReported
from protocols.fix import Road, SendId
from protocols.jsonread import Json, as_array, as_object, code, frame_of, optional_text, parse, text, texts
from protocols.venues.okx.answers import batch_answered, cancel_answered, login_refusal, unread_cancel
from protocols.venues.okx.codes import ACCEPTED, CLOSING_SOON, Table, row_of

PING: Final = "ping"
PONG: Final = "pong"
_PINGS: Final = (PING, PING.encode())
_PONGS: Final = (PONG, PONG.encode())


class Grammar(msgspec.Struct, frozen=True):
    """What differs between OKX's sockets: the channel of orders, how its rows are read, and the op that cancels.

    ``subscription`` is the argument of the subscribe frame, ``subscription_id`` its id (letters and digits only, at
    most 32), which no send may have. ``batch_op`` is the op that cancels several orders, "" where there is none.
    """

    channel: str
    subscription: dict[str, str]
    subscription_id: str
    cancel_op: str
    read_row: Callable[[Json, Frame], OrderReported]
    table: Table
    batch_op: str = ""


Inbounds = tuple[Inbound, ...]


def read_frame(grammar: Grammar, raw: bytes | str) -> Inbounds:
    """Read one frame. Never raises."""
    if raw in _PONGS:
        return (Alive(),)
    if raw in _PINGS:  # not on the page, but peers answer it
        return (Alive(reply=PONG),)
    try:
        return _read_json(grammar, as_object(parse(raw), "frame"), raw)
    except Unreadable as error:
        return (Strange(str(error), frame_of(raw)),)


def _read_json(grammar: Grammar, body: Json, raw: bytes | str) -> Inbounds:
    if "event" in body:
        return _read_event(grammar, body, raw)
    if "op" in body:
        return _read_op(grammar, body, frame_of(raw))
    if "arg" in body and "data" in body:
        return _read_push(grammar, body, frame_of(raw))
    raise Unreadable("frame", "neither event, op nor push")


# ---------------------------------------------------------------- pushes


def _read_push(grammar: Grammar, body: Json, frame: Frame) -> Inbounds:
    channel = text(as_object(body["arg"], "arg"), "channel", "arg")
    if channel != grammar.channel:
        raise Unreadable("arg.channel", f"a push of {channel!r}, which was not asked for")
    rows = as_array(body["data"], "data")
    if not rows:
        return (Noted("a push without rows"),)
    if len(rows) == 1:  # as always, so far
        return (_read_row(grammar, 0, rows[0], frame),)
    return tuple(_read_row(grammar, index, row, frame) for index, row in enumerate(rows))


def _read_row(grammar: Grammar, index: int, row: object, frame: Frame) -> OrderReported | Strange:
    try:
        return grammar.read_row(as_object(row, "row"), frame)
    except Unreadable as error:
        return Strange(f"{grammar.channel} row {index}: {error}", frame)


# ---------------------------------------------------------------- answers to ops


def _read_op(grammar: Grammar, body: Json, frame: Frame) -> Inbounds:
    op = text(body, "op")
    if op not in {grammar.cancel_op, grammar.batch_op}:
        raise Unreadable("op", f"an answer to {op!r}, which is never sent")
    send_id = optional_text(body, "id")
    if send_id is None:  # one of our sends was answered, and nobody knows which
        fields = texts(body)
        return (Uncorrelated(fields.get("code", ""), fields.get("msg", ""), frame),)
    if op == grammar.batch_op:
        return (batch_answered(SendId(send_id), Road.WS, body, frame, grammar.table),)
    return _read_answer(grammar, SendId(send_id), body, frame)


def _read_answer(grammar: Grammar, send_id: SendId, body: Json, frame: Frame) -> Inbounds:
    """Read an answer that names a send; when the rest of it cannot be read, the send is answered all the same."""
    try:
        return (cancel_answered(send_id, Road.WS, body, frame, grammar.table),)
    except Unreadable as error:
        return (unread_cancel(send_id, Road.WS, body, str(error), frame), Strange(str(error), frame))


# ---------------------------------------------------------------- events


def _read_event(grammar: Grammar, body: Json, raw: bytes | str) -> Inbounds:
    """Read an event frame (OKX: WebSocket / Login, Subscribe, Notification, Connection count)."""
    match text(body, "event"):
        case "error":
            return _read_error(grammar, body, frame_of(raw))
        case "login":
            return (_read_login(grammar, body),)
        case "subscribe":
            _check_channel(grammar, body)
            return (Subscribed(grammar.channel),)
        case "unsubscribe":  # we never ask for it; if it happens all the same, no orders come any more
            _check_channel(grammar, body)
            return (Blinded(f"unsubscribed from {grammar.channel}"),)
        case "notice":
            return (_read_notice(body),)
        case "channel-conn-count":
            return (Noted(f"{texts(body).get('connCount', '?')} connections on this channel"),)
        case "channel-conn-count-error":
            return (_read_too_many(grammar, body),)
        case event:
            raise Unreadable("event", f"the event {event!r} is not known")


def _read_login(grammar: Grammar, body: Json) -> LoggedIn | LoginRefused:
    """Read a login's answer. Codes come as text or number; ``connId`` is missing in older frames."""
    found = text(body, "code")
    if found == ACCEPTED:
        return LoggedIn(texts(body).get("connId", ""))
    return LoginRefused(login_refusal(row_of(found, grammar.table)), found, texts(body).get("msg", ""))


def _check_channel(grammar: Grammar, body: Json) -> None:
    channel = text(as_object(body.get("arg"), "arg"), "channel", "arg")
    if channel != grammar.channel:
        raise Unreadable("arg.channel", f"{channel!r} was not asked for")


def _read_notice(body: Json) -> ClosingSoon | Noted:
    """Read a notice; 64008 comes 60 s before the venue closes the socket for an upgrade."""
    fields = texts(body)
    what = f"notice {fields.get('code', '')} {fields.get('msg', '')}".strip()
    return ClosingSoon(what) if code(body) == CLOSING_SOON else Noted(what)


def _read_too_many(grammar: Grammar, body: Json) -> Blinded | Noted:
    """Read that a channel has too many connections: the subscription is dead, though it was acknowledged."""
    fields = texts(body)
    what = f"too many connections ({fields.get('connCount', '?')}) on {fields.get('channel', '?')}"
    return Blinded(what) if fields.get("channel", grammar.channel) == grammar.channel else Noted(what)


def _read_error(grammar: Grammar, body: Json, frame: Frame) -> Inbounds:
    """Tell what an error event is about: by its ``id`` if it has one, else by the code alone.

    A code that may belong to a subscription as well as to an op is told as both, since it is not known which.
    """
    fields = texts(body)
    found, message = code(body) or "", fields.get("msg", "")
    row = row_of(found, grammar.table)
    named = optional_text(body, "id")
    if named == grammar.subscription_id or (named is None and _names_channel(grammar, body)):
        return (SubscribeRefused(grammar.channel, login_refusal(row), found, message),)
    if named is not None:
        return _read_answer(grammar, SendId(named), body, frame)
    if row.is_of_login_only:
        return (LoginRefused(login_refusal(row), found, message),)
    refused = (SubscribeRefused("", login_refusal(row), found, message),) if row.is_of_subscribing else ()
    unnamed = (Uncorrelated(found, message, frame),) if row.may_answer_an_op or not refused else ()
    return (*refused, *unnamed)


def _names_channel(grammar: Grammar, body: Json) -> bool:
    arg = body.get("arg")
    return isinstance(arg, dict) and arg.get("channel") == grammar.channel
