"""Answers and notifications as bytes: one line each, its line feed included.

Results come in already encoded where they are big, so that a page can be cut to fit before it is written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal

    from protocols.control.refusals import RpcError

_encode = msgspec.json.Encoder().encode


def encoded(value: object) -> bytes:
    """Encode a shape of `protocols.control.results`."""
    return _encode(value)


def plain(quantity: Decimal | None) -> str | None:
    """Write a quantity in plain notation: "0.00000001", never "1E-8"."""
    return None if quantity is None else format(quantity, "f")


def extended(body: bytes, **members: object) -> bytes:
    """Add members to an encoded, non-empty object."""
    tail = b"".join(b',"%s":%s' % (name.encode(), _encode(value)) for name, value in members.items())
    return body[:-1] + tail + b"}"


def reply(call_id: bytes, body: bytes) -> bytes:
    """Answer a call; ``call_id`` is the id as the client wrote it."""
    return b'{"jsonrpc":"2.0","id":%s,"result":%s}\n' % (call_id, body)


def refusal(call_id: bytes, error: RpcError) -> bytes:
    """Refuse a call; ``call_id`` is ``null`` when it could not be read."""
    return b'{"jsonrpc":"2.0","id":%s,"error":%s}\n' % (call_id, _encode(error))


def notification(method: str, body: bytes) -> bytes:
    """Say something unasked."""
    return b'{"jsonrpc":"2.0","method":"%s","params":%s}\n' % (method.encode(), body)


def fitting(rows: Iterable[bytes], bytes_max: int) -> list[msgspec.Raw]:
    """Take as many encoded rows, from the front, as stay within ``bytes_max`` with their commas."""
    taken: list[msgspec.Raw] = []
    size = 0
    for row in rows:
        size += len(row) + 1
        if size > bytes_max:
            break
        taken.append(msgspec.Raw(row))
    return taken
