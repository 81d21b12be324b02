"""``canceld client-source``: the client library as one module, for programs whose environment has another `daemon`.

The module is `daemon.client_words`, `daemon.client`, `daemon.client_async` and `daemon.client_binding`, as they stand
in this release: save it under any name and import `Client`, `AsyncClient` or `Binding` from there. It needs nothing but
the standard library, and nothing is rewritten but the imports of one part by another, which are not needed in one file.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeGuard

from daemon.version import software_version

if TYPE_CHECKING:
    from typing import TextIO

EXIT_OK: Final = 0
PARTS: Final = {
    "client_words.py": "what both clients share",
    "client.py": "the blocking client",
    "client_async.py": "with await",
    "client_binding.py": "cancel on disconnect",
}
"""The parts, each with its heading."""
NOTE: Final = """\
# The client library of canceld {version}, as `canceld client-source` printed it: both clients in one module that needs
# nothing but the standard library. Save it under any name, and say: from THAT_NAME import Client, AsyncClient, Binding
"""


def print_source(out: TextIO) -> int:
    """Write the module; give the exit code."""
    out.write(NOTE.format(version=software_version()) + client_source())
    return EXIT_OK


def client_source() -> str:
    """Make one module of all parts."""
    first, *others = ((Path(__file__).with_name(name).read_text("utf-8"), heading) for name, heading in PARTS.items())
    rule = f"\n\n\n# {'-' * 64} "
    return (
        first[0].rstrip()
        + "".join(f"{rule}{heading}\n\n{_without_what_is_there(source).rstrip()}" for source, heading in others)
        + "\n"
    )


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
        case ast.ImportFrom(module="__future__" | "daemon.client_words" | "daemon.client" | "daemon.client_async"):
            return True
        case ast.Assign(targets=[ast.Name(id="__all__")]):
            return True
        case _:
            return False
