"""Why a line did not become a request: the JSON-RPC errors of the socket, as one table.

An error means that no request exists and nothing was sent. Everything else ends in an outcome, which is not spoken of
here.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from protocols.errors import BadRequest


class Reason(StrEnum):
    """The contract's words, found in ``data.reason`` of every error."""

    PARSE_ERROR = "parse_error"
    INVALID_REQUEST = "invalid_request"
    BATCH_UNSUPPORTED = "batch_unsupported"
    METHOD_NOT_FOUND = "method_not_found"
    INVALID_PARAMS = "invalid_params"
    INTERNAL_ERROR = "internal_error"
    LINE_TOO_LONG = "line_too_long"
    ANSWER_TOO_LONG = "answer_too_long"
    UNKNOWN_ACCOUNT = "unknown_account"
    ACCOUNT_NOT_READY = "account_not_ready"
    NOT_ALLOWED = "not_allowed"
    REQUEST_ID_CONFLICT = "request_id_conflict"
    TOO_MANY_IN_FLIGHT = "too_many_in_flight"
    TOO_FAST = "too_fast"
    JOURNAL_UNAVAILABLE = "journal_unavailable"
    SHUTTING_DOWN = "shutting_down"


SERVER_ERROR: Final = -32000

CODES: Final[Mapping[str, int]] = MappingProxyType(
    {str(reason): SERVER_ERROR for reason in Reason}
    | {
        Reason.PARSE_ERROR: -32700,
        Reason.INVALID_REQUEST: -32600,
        Reason.BATCH_UNSUPPORTED: -32600,
        Reason.METHOD_NOT_FOUND: -32601,
        Reason.INVALID_PARAMS: -32602,
        Reason.INTERNAL_ERROR: -32603,
    }
)
"""The JSON-RPC code of each reason. The standard's own codes where it has one, else `SERVER_ERROR`."""


class RpcError(msgspec.Struct, frozen=True):
    """A JSON-RPC error object: ``message`` is a sentence for a person, ``data`` holds at least ``reason``."""

    code: int
    message: str
    data: dict[str, object]


def error_of(
    reason: str, message: str, *, path: str | None = None, data: Mapping[str, object] | None = None
) -> RpcError:
    """Write an error. ``path`` names the offending member (``order_id``, ``orders[2].account``); None: no member."""
    members: dict[str, object] = {"reason": str(reason)}
    if path is not None:
        members["path"] = path
    return RpcError(CODES.get(reason, SERVER_ERROR), message, dict(data or {}) | members)


def error_of_bad_request(refusal: BadRequest) -> RpcError:
    """Write what some room of the daemon refused. Its further data goes beside ``reason`` and ``path``."""
    return error_of(refusal.reason, str(refusal), path=refusal.path, data=refusal.data)
