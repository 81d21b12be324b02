"""The socket described by itself: the OpenRPC document that `rpc.discover` gives, made from the table of methods."""

from __future__ import annotations

from typing import Final

import msgspec

from protocols.control.methods import ANYWHERE, METHODS, NOTIFICATIONS, Method
from protocols.control.refusals import CODES, Reason

OPENRPC: Final = "1.3.2"
TITLE: Final = "canceld"

_REF: Final = "#/components/schemas/{name}"
Schema = dict[str, object]


def document(version: str) -> Schema:
    """Write the document; ``version`` is the daemon's. Notifications stand under ``x-notifications``."""
    types: list[type[msgspec.Struct]] = [method.params for method in METHODS.values()]
    types += [method.result for method in METHODS.values()]
    types += [told.params for told in NOTIFICATIONS.values()]
    _, schemas = msgspec.json.schema_components(types, ref_template=_REF)
    reasons = sorted({*ANYWHERE, *(reason for method in METHODS.values() for reason in method.reasons)})
    return {
        "openrpc": OPENRPC,
        "info": {"title": TITLE, "version": version},
        "methods": [_method(name, method, schemas) for name, method in METHODS.items()],
        "components": {"schemas": schemas, "errors": {reason: _error(reason) for reason in reasons}},
        "x-notifications": [
            {"name": name, "summary": told.summary, "params": _ref(told.params)} for name, told in NOTIFICATIONS.items()
        ],
    }


def _method(name: str, method: Method, schemas: dict[str, Schema]) -> Schema:
    return {
        "name": name,
        "summary": method.summary,
        "paramStructure": "by-name",
        "params": _params(schemas[method.params.__name__]),
        "result": {"name": "result", "schema": _ref(method.result)},
        "errors": [{"$ref": f"#/components/errors/{reason}"} for reason in (*ANYWHERE, *method.reasons)],
    }


def _params(schema: Schema) -> list[Schema]:
    required, members = schema.get("required"), schema["properties"]
    needed = required if isinstance(required, list) else []
    if not isinstance(members, dict):
        return []
    return [{"name": name, "required": name in needed, "schema": member} for name, member in members.items()]


def _ref(of: type[msgspec.Struct]) -> Schema:
    return {"$ref": _REF.format(name=of.__name__)}


def _error(reason: Reason) -> Schema:
    return {"code": CODES[reason], "message": reason.replace("_", " "), "data": {"reason": reason}}
