"""An inbound Bitget frame, told apart and read: text pongs, events, answers to cancels, pushes, and none of these.

Both generations write the same envelope with other details, so one reader serves both: it looks for the id of a send
wherever either puts it, before it takes an error for one of the session. It refuses to remember: which login or send is
pending is the session's knowledge. Pushed rows are read one by one, so that a bad one costs no other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from protocols.batching import BatchAnswered
from protocols.dialect import (
    Alive,
    Blinded,
    ClosingSoon,
    Inbound,
    LoggedIn,
    LoginRefused,
    Noted,
    RefusalKind,
    Strange,
    Subscribed,
    SubscribeRefused,
    Uncorrelated,
)
from protocols.errors import Unreadable
from protocols.evidence import Frame, OrderReported
from protocols.fix import Road, SendId
from protocols.jsonread import Json, as_array, as_object, code, frame_of, optional_text, parse, text, texts
from protocols.venues.bitget.answers import batch_answered, cancel_answered, socket_item, unread_cancel
from protocols.venues.bitget.codes import ACCEPTED_CODES, LOGIN_ONLY, OVER_LIMIT, SERVICE_UPGRADE, Row, row_of

PING: Final = "ping"
PONG: Final = "pong"
CANCEL_CHANNEL: Final = "cancel-order"
BATCH_TOPIC: Final = "batch-cancel"
_PINGS: Final = (PING, PING.encode())
_PONGS: Final = (PONG, PONG.encode())
Inbounds = tuple[Inbound, ...]


class Grammar(msgspec.Struct, frozen=True):
    """What differs between the generations' sockets.

    ``channel_key`` names the channel in an ``arg``, ``channel`` is the one of orders. ``key_of`` gives a subscription's
    key for its ``arg``, or None for one that was not asked for; ``read_row`` reads a row of a push with this ``arg``.
    """

    channel_key: str
    channel: str
    key_of: Callable[[Json], str | None]
    read_row: Callable[[Json, Json, Frame], OrderReported]


def read_frame(grammar: Grammar, raw: bytes | str) -> Inbounds:
    """Read one frame. Never raises."""
    if raw in _PONGS:
        return (Alive(),)
    if raw in _PINGS:  # not on the page
        return (Alive(reply=PONG),)
    try:
        return _read_json(grammar, as_object(parse(raw), "frame"), raw)
    except Unreadable as error:
        return (Strange(str(error), frame_of(raw)),)


def _read_json(grammar: Grammar, body: Json, raw: bytes | str) -> Inbounds:
    if "event" in body:
        return _read_event(grammar, body, raw)
    if "arg" in body and "data" in body:
        return _read_push(grammar, body, frame_of(raw))
    raise Unreadable("frame", "neither event nor push")


# ---------------------------------------------------------------- pushes


def _read_push(grammar: Grammar, body: Json, frame: Frame) -> Inbounds:
    """Read a push. ``action`` says "snapshot" always and means nothing: each row is one event of one order."""
    arg = as_object(body["arg"], "arg")
    channel = text(arg, grammar.channel_key, "arg")
    if channel != grammar.channel:
        raise Unreadable(f"arg.{grammar.channel_key}", f"a push of {channel!r}, which was not asked for")
    rows = as_array(body["data"], "data")
    if not rows:
        return (Noted("a push without rows"),)
    return tuple(_read_row(grammar, arg, index, row, frame) for index, row in enumerate(rows))


def _read_row(grammar: Grammar, arg: Json, index: int, row: object, frame: Frame) -> OrderReported | Strange:
    try:
        return grammar.read_row(as_object(row, "row"), arg, frame)
    except Unreadable as error:
        return Strange(f"{grammar.channel} row {index}: {error}", frame)


# ---------------------------------------------------------------- events


def _read_event(grammar: Grammar, body: Json, raw: bytes | str) -> Inbounds:
    """Read an event frame (Bitget: WebSocket / Login, Subscribe, Cancel Order Channel)."""
    fields = texts(body)
    if fields.get("code") == SERVICE_UPGRADE:
        return (ClosingSoon(f"{SERVICE_UPGRADE} {fields.get('msg', '')}".rstrip()),)
    match text(body, "event"):
        case "login":
            return (_read_login(body),)
        case "subscribe":
            return (Subscribed(_key(grammar, body)),)
        case "unsubscribe":  # we never ask for it; if it happens all the same, those orders come no more
            return (Blinded(f"unsubscribed from {_key(grammar, body)}"),)
        case "trade":
            return _read_trade(body, frame_of(raw))
        case "error":
            return _read_error(grammar, body, frame_of(raw))
        case event:
            raise Unreadable("event", f"the event {event!r} is not known")


def _read_login(body: Json) -> LoggedIn | LoginRefused:
    """Read a login's answer. A refusal should be an error event; one that comes as a login is read all the same."""
    found = text(body, "code")
    fields = texts(body)
    if found in ACCEPTED_CODES:
        return LoggedIn(fields.get("connId", ""))
    return LoginRefused(_refusal(row_of(found, Road.WS)), found, fields.get("msg", ""))


def _key(grammar: Grammar, body: Json) -> str:
    key = grammar.key_of(as_object(body.get("arg"), "arg"))
    if key is None:
        raise Unreadable("arg", "a subscription that was not asked for")
    return key


def _read_trade(body: Json, frame: Frame) -> Inbounds:
    """Read an answer to an op. We send cancels only; one that does not say which is one of them nobody knows."""
    item = socket_item(body)
    channel = optional_text(item, "channel") or optional_text(body, "topic")
    if channel == BATCH_TOPIC and (batch := _send_id(body, {})) is not None:
        return (_read_batch(batch, body, frame),)
    if channel is not None and channel not in {CANCEL_CHANNEL, BATCH_TOPIC}:
        raise Unreadable("channel", f"an answer to {channel!r}, which is never sent")
    send_id = _send_id(body, item)
    if send_id is None:
        return (_uncorrelated(body, frame),)
    return _read_answer(send_id, body, frame)


def _read_batch(batch: SendId, body: Json, frame: Frame) -> BatchAnswered:
    """Read an answer to a batch (v3); where its rows cannot be read, nothing is known of any of them."""
    try:
        rows = [as_object(row, "row") for row in as_array(body.get("args"), "args")]
    except Unreadable as error:
        return BatchAnswered(batch, unread_cancel(batch, Road.WS, body, str(error), frame), ())
    return batch_answered(batch, Road.WS, body, rows, frame)


def _send_id(body: Json, item: Json) -> SendId | None:
    """Find the id of a request: at the top (v3), else in ``arg[0]`` (v2)."""
    found = optional_text(body, "id") or optional_text(item, "id")
    return None if found is None else SendId(found)


def _read_answer(send_id: SendId, body: Json, frame: Frame) -> Inbounds:
    """Read an answer that names a send; when the rest of it cannot be read, the send is answered all the same."""
    try:
        return (cancel_answered(send_id, Road.WS, body, frame),)
    except Unreadable as error:
        return (unread_cancel(send_id, Road.WS, body, str(error), frame), Strange(str(error), frame))


def _read_error(grammar: Grammar, body: Json, frame: Frame) -> Inbounds:
    """Tell what an error is about: a send by its id, a subscription by its ``arg``, else the session, by its code.

    A code that may belong to a subscription as well as to a send is told as both, since it is not known which.
    """
    send_id = _send_id(body, socket_item(body))
    if send_id is not None:
        return _read_answer(send_id, body, frame)
    found, message = code(body) or "", texts(body).get("msg", "")
    row = row_of(found, Road.WS)
    arg = body.get("arg")
    if isinstance(arg, dict):
        return (SubscribeRefused(grammar.key_of(arg) or "", _refusal(row), found, message),)
    if found in LOGIN_ONLY:
        return (LoginRefused(_refusal(row), found, message),)
    unnamed = _uncorrelated(body, frame)
    if found == OVER_LIMIT:
        return (unnamed, ClosingSoon(f"{found} {message}".rstrip()))
    return (SubscribeRefused("", _refusal(row), found, message), unnamed) if row.may_subscribe else (unnamed,)


def _uncorrelated(body: Json, frame: Frame) -> Uncorrelated:
    """Say that some send of ours was answered, with what its code would mend."""
    found = code(body) or ""
    row = row_of(found, Road.WS)
    return Uncorrelated(found, texts(body).get("msg", ""), frame, row.remedy_on(Road.WS), _refusal(row))


def _refusal(row: Row) -> RefusalKind:
    """Say why a login or subscription was refused; an unlisted code is taken for something of ours that is broken."""
    return row.refusal or RefusalKind.BROKEN
