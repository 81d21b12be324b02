"""``canceld client-source``: the client library as one module, for programs whose environment has another `daemon`.

The module is `daemon.client` with `daemon.client_async` behind it, as they stand in this release: save it under any
name and import `Client` or `AsyncClient` from there. It needs the standard library alone. Nothing is rewritten but the
imports of one half by the other, which are not needed where both are one.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING, Final

from daemon.version import software_version

if TYPE_CHECKING:
    from typing import TextIO

EXIT_OK: Final = 0
HALVES: Final = ("client.py", "client_async.py")
NOTE: Final = """\
# The client library of canceld {version}, as `canceld client-source` printed it: both clients in one module that needs
# nothing but the standard library. Save it under any name, and say: from THAT_NAME import Client, AsyncClient
"""


def print_source(out: TextIO) -> int:
    """Write the module; give the exit code."""
    out.write(NOTE.format(version=software_version()) + client_source())
    return EXIT_OK


def client_source() -> str:
    """Make one module of both halves."""
    blocking, awaiting = (Path(__file__).with_name(name).read_text("utf-8") for name in HALVES)
    return f"{blocking.rstrip()}\n\n\n# {'-' * 64} with await\n\n{_without_what_is_there(awaiting)}"


def _without_what_is_there(source: str) -> str:
    """Take out the docstring of the second half, and its imports from the first and from the future."""
    lines = source.splitlines(keepends=True)
    tree = ast.parse(source)
    doomed = [tree.body[0], *(node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and _is_there(node))]
    for node in doomed:
        for number in range(node.lineno, (node.end_lineno or node.lineno) + 1):
            lines[number - 1] = ""
    return "".join(lines).lstrip("\n")


def _is_there(node: ast.ImportFrom) -> bool:
    return node.module in {"__future__", "daemon.client"}
