"""Where the words of `cancelctl` go: answers to stdout (drawn, plain or as one JSON object), everything else to stderr.

A reader that goes away is no mistake of ours: its `BrokenPipeError` is the caller's, and after `give_up` all is silent.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from typing import TYPE_CHECKING

from daemon.ctl_screens import clean, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from daemon.ctl_screens import Lines, Sheet
    from daemon.ctl_terminal import Terminal


class Output:
    """The two streams of one command."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._terminal: Terminal | None = None
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")  # a poor locale must not hide an outcome

    def answer(self, raw: Mapping[str, object], screen: Callable[[], Lines | Sheet]) -> None:
        """Show an answer: ``raw`` as JSON, or the screen made of it."""
        if self._as_json:
            sys.stdout.write(f"{json.dumps(raw)}\n")
        elif sys.stdout.isatty():
            self._draw(screen())
        else:
            sys.stdout.writelines(f"{line}\n" for line in plain(screen()))
        sys.stdout.flush()

    def failure(self, code: int, message: str, data: Mapping[str, object]) -> None:
        """Say why there is no answer: on stderr, and as JSON in its place."""
        self.aside(f"cancelctl: {message}")
        if self._as_json:
            sys.stdout.write(json.dumps({"error": {"code": code, "message": message, "data": data}}) + "\n")
            sys.stdout.flush()

    def aside(self, line: str) -> None:
        """Say something that is no answer. It must never keep a cancel from being asked for."""
        with contextlib.suppress(OSError):
            sys.stderr.write(f"{clean(line)}\n")
            sys.stderr.flush()

    def give_up(self) -> None:
        """Nobody reads stdout: let the interpreter end without a word about it."""
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, sys.stdout.fileno())
        os.close(silence)

    def _draw(self, screen: Lines | Sheet) -> None:
        if self._terminal is None:
            from daemon.ctl_terminal import Terminal  # noqa: PLC0415 - only a terminal is worth its loading time

            self._terminal = Terminal()
        self._terminal.draw(screen)
