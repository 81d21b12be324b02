"""``canceld journal verify|export FILE``: whether a journal is sound, and all that stands in it.

Both only read, so that they may be used beside the daemon that writes the file, or on a copy of it. Exit codes: 0, 1
when `verify` found something, 2 when there is nothing to look at (no such file, no journal, one of a newer canceld), or
when not all of it could be exported: what could be read was written all the same.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from daemon.edge.journal.export import export
from daemon.edge.journal.schema import VERSION
from daemon.edge.journal.verify import verify
from protocols.errors import JournalError

if TYPE_CHECKING:
    import argparse
    from typing import BinaryIO

    from daemon.edge.journal.verify import Verified

EXIT_SOUND: Final = 0
EXIT_FOUND: Final = 1
EXIT_NOTHING_TO_LOOK_AT: Final = 2
EXIT_BROKEN_PIPE: Final = 141  # 128 + SIGPIPE
ACTIONS: Final = ("verify", "export")
WHAT_TO_DO: Final = (
    "keep a copy of the file and of its -wal; `canceld journal export` takes out what can still be read, "
    "`sqlite3 FILE .recover` mends pages; a daemon that starts with it asks the venues about all that is open"
)
WHAT_TO_DO_WITH_NONE: Final = (
    "keep a copy of the file and of its -wal; no daemon starts with it, and nothing can be exported: try "
    "`sqlite3 FILE .recover` on the copy, or begin with an empty one (orders that were being canceled may still rest)"
)


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    command.add_argument("action", choices=ACTIONS, help="look whether all is well; or write all of it as JSON lines")
    command.add_argument("file", metavar="FILE", help="the file of [daemon] journal, or a copy of it")
    command.add_argument("--json", action="store_true", help="verify: one JSON object on standard output")


def run(options: argparse.Namespace) -> int:
    """Carry out the command; give the exit code."""
    out = sys.stdout.buffer
    try:
        if options.action == "export":
            return _export(Path(options.file), out)
        return _verify(Path(options.file), out, is_json=options.json)
    except JournalError as error:
        sys.stderr.write(f"canceld: {error}\n")
        return EXIT_NOTHING_TO_LOOK_AT
    except BrokenPipeError:  # who reads has enough: let the interpreter end without a word about it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_BROKEN_PIPE


def _export(path: Path, out: BinaryIO) -> int:
    out.writelines(line + b"\n" for line in export(path))
    out.flush()
    return EXIT_SOUND


def _verify(path: Path, out: BinaryIO, *, is_json: bool) -> int:
    seen = verify(path)
    if is_json:
        told = {"ok": seen.is_sound, "format": seen.version, "counts": seen.counts, "found": seen.found,
                "findings": seen.findings}  # fmt: skip
        out.write(msgspec.json.encode(told) + b"\n")
    else:
        out.write("".join(f"{line}\n" for line in _lines(path, seen)).encode("utf-8", "backslashreplace"))
    return EXIT_SOUND if seen.is_sound else EXIT_FOUND


def _lines(path: Path, seen: Verified) -> list[str]:
    """Say what was found, a line each, and what was looked at."""
    lines = [f"{path}: {finding}" for finding in seen.findings]
    if seen.found > len(seen.findings):
        lines.append(f"{path}: and {seen.found - len(seen.findings)} more")
    counts = ", ".join(f"{count} {what.replace('_', ' ')}" for what, count in seen.counts.items())
    older = "" if seen.version in {0, VERSION} else f" (the next daemon that opens it makes it {VERSION})"
    verdict = "sound" if seen.is_sound else f"{seen.found} found"
    lines.append(f"{path}: {verdict}; format {seen.version}{older}: {counts or 'nothing could be read'}")
    if not seen.is_sound:
        lines.append(f"what to do: {WHAT_TO_DO if seen.counts else WHAT_TO_DO_WITH_NONE}")
    return lines
