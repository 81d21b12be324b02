"""``canceld client-source``: the client library as one module, for programs whose environment has another `daemon`.

The module is `daemon.client_words`, `daemon.client` and `daemon.client_async`, as they stand in this release: save it
under any name and import `Client` or `AsyncClient` from there. It needs the standard library alone. Nothing is
rewritten but the imports of one part by another, which are not needed where all are one.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeGuard

from daemon.version import software_version

if TYPE_CHECKING:
    from typing import TextIO

EXIT_OK: Final = 0
PARTS: Final = ("client_words.py", "client.py", "client_async.py")
NOTE: Final = """\
# The client library of canceld {version}, as `canceld client-source` printed it: both clients in one module that needs
# nothing but the standard library. Save it under any name, and say: from THAT_NAME import Client, AsyncClient
"""


def print_source(out: TextIO) -> int:
    """Write the module; give the exit code."""
    out.write(NOTE.format(version=software_version()) + client_source())
    return EXIT_OK


def client_source() -> str:
    """Make one module of all parts."""
    words, blocking, awaiting = (Path(__file__).with_name(name).read_text("utf-8") for name in PARTS)
    rule = f"\n\n\n# {'-' * 64} "
    parts = (words.rstrip(), _without_what_is_there(blocking).rstrip(), _without_what_is_there(awaiting))
    return f"{parts[0]}{rule}the blocking client\n\n{parts[1]}{rule}with await\n\n{parts[2]}"


def _without_what_is_there(source: str) -> str:
    """Take out a part's docstring and list of names, and its imports from the other parts and from the future."""
    lines = source.splitlines(keepends=True)
    tree = ast.parse(source)
    doomed = [tree.body[0], *(node for node in ast.walk(tree) if _is_there(node))]
    for node in doomed:
        for number in range(node.lineno, (node.end_lineno or node.lineno) + 1):
            lines[number - 1] = ""
    return "".join(lines).lstrip("\n")


def _is_there(node: ast.AST) -> TypeGuard[ast.stmt]:
    match node:
        case ast.ImportFrom(module="__future__" | "daemon.client_words"):
            return True
        case ast.Assign(targets=[ast.Name(id="__all__")]):
            return True
        case _:
            return False
