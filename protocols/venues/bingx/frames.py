"""An inbound BingX frame, inflated, told apart and read: pings, acknowledgements, order updates, and none of these.

It refuses to remember: which subscription is pending is the session's knowledge. Frames come as gzip in binary
messages, but plain text is read too; of the two heartbeats, JSON and the bare word, either is answered in its own
kind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import orjson

from protocols.dialect import (
    Alive,
    Blinded,
    ClosingSoon,
    Inbound,
    Noted,
    RefusalKind,
    Strange,
    Subscribed,
    SubscribeRefused,
)
from protocols.errors import Unreadable
from protocols.inflate import plain
from protocols.jsonread import Json, as_array, as_object, code, frame_of, optional_text, parse_exactly, texts
from protocols.venues.bingx.codes import ACCEPTED, SOCKET_CODES
from protocols.venues.bingx.orders import read_push

if TYPE_CHECKING:
    from protocols.evidence import Frame, OrderReported

ORDERS: Final = "spot.executionReport"
BALANCES: Final = "ACCOUNT_UPDATE"
KEY_EXPIRED: Final = "listenKeyExpired"
SUBSCRIPTIONS: Final = {ORDERS: "suborders", BALANCES: "subbalances"}
"""By ``dataType`` the id of the frame that asks for it. Balances are asked for as a proof that the socket's key counts:
the venue answers with one at once (BingX: Change log, 2024-11-08)."""
_KEYS: Final = {frame_id: data_type for data_type, frame_id in SUBSCRIPTIONS.items()}

Inbounds = tuple[Inbound, ...]


def subscription(data_type: str) -> str:
    """Write the frame that subscribes (BingX: Spot / Websocket account data)."""
    frame = {"id": SUBSCRIPTIONS[data_type], "reqType": "sub", "dataType": data_type}
    return orjson.dumps(frame).decode()


def read_frame(raw: bytes | str) -> Inbounds:
    """Read one frame. Never raises."""
    try:
        inflated = plain(raw)
    except Unreadable as error:
        return (Strange(str(error), frame_of(raw)),)
    pong = _pong_to_a_word(inflated)
    if pong is not None:
        return (Alive(pong),)
    try:
        return _read_json(as_object(parse_exactly(inflated), "frame"), inflated)
    except Unreadable as error:
        return (Strange(str(error), frame_of(inflated)),)


def _pong_to_a_word(raw: bytes | str) -> str | None:
    """Answer the bare word ``Ping``, in whatever case (BingX: Swap / Websocket, heartbeat); None for anything else."""
    if len(raw) > len(" Ping \n"):
        return None
    word = raw if isinstance(raw, str) else raw.decode("latin-1")
    return "Pong" if word.strip().lower() == "ping" else None


def _read_json(body: Json, raw: bytes | str) -> Inbounds:
    if "ping" in body:
        return (Alive(_pong_to(body)),)
    event = optional_text(body, "e")
    if event == KEY_EXPIRED:
        return (Blinded("the listen key expired"), ClosingSoon("the listen key expired"))
    data_type = optional_text(body, "dataType")
    if data_type == ORDERS:
        return _read_orders(body, frame_of(raw))
    if BALANCES in {data_type, event}:
        return (Noted("balances"),)
    if data_type is None and event is None and "code" in body:
        return (_read_acknowledgement(body),)
    raise Unreadable("frame", f"neither ping, acknowledgement nor update ({data_type or event or 'unnamed'})")


def _pong_to(body: Json) -> str:
    """Echo a ping's id and time (BingX: Spot / Websocket, heartbeat)."""
    fields = texts(body)
    echo = {"pong": fields.get("ping", "")}
    if "time" in fields:
        echo["time"] = fields["time"]
    return orjson.dumps(echo).decode()


def _read_acknowledgement(body: Json) -> Subscribed | SubscribeRefused | Noted:
    """Read the answer to a subscription by its id and code alone: its other members come in three shapes."""
    found, message = code(body) or "", texts(body).get("msg", "")
    key = _KEYS.get(optional_text(body, "id") or "")
    if found == ACCEPTED:
        return Noted("an acknowledgement of nothing that was asked") if key is None else Subscribed(key)
    return SubscribeRefused(key or "", SOCKET_CODES.get(found, RefusalKind.BROKEN), found, message)


def _read_orders(body: Json, frame: Frame) -> Inbounds:
    """Read an order update. Documented is one order a frame; a list is read item by item."""
    found = code(body)
    if found not in {None, ACCEPTED}:
        raise Unreadable("code", f"an order update with code {found}")
    data = body.get("data")
    rows = as_array(data, "data") if isinstance(data, list) else [data]
    return tuple(_read_row(row, frame) for row in rows) or (Noted("an update without orders"),)


def _read_row(row: object, frame: Frame) -> OrderReported | Strange:
    try:
        return read_push(as_object(row, "data"), ORDERS, frame)
    except Unreadable as error:
        return Strange(f"{ORDERS}: {error}", frame)
