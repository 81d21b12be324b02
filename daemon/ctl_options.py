"""The command line of `cancelctl`: exit codes, how a mistake is told, and what the values of options may be."""

from __future__ import annotations

import argparse
import re
import time
from datetime import UTC, datetime
from typing import Final, NoReturn

EXIT_OK: Final = 0
EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2
EXIT_REPLACED: Final = 8
EXIT_NO_ANSWER: Final = 9
EXIT_NO_DAEMON: Final = 10
EXIT_INTERRUPTED: Final = 130  # 128 + SIGINT, as a shell has it
EXIT_BROKEN_PIPE: Final = 141  # 128 + SIGPIPE
OUTCOME_EXITS: Final = {"canceled": 0, "filled": 3, "rejected": 4, "in_doubt": 5, "unknown_order": 6, "not_sent": 7}
REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}")
BULK_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,58}")
KNOWN_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}|[A-Za-z0-9._:-]{1,58}/[0-9]{1,5}")
DEADLINE_MS_MAX: Final = 60_000
UNITS_US: Final = {"s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000}


class Usage(Exception):
    """The command line makes no sense; ``parser`` knows what would."""

    def __init__(self, parser: argparse.ArgumentParser, message: str) -> None:
        self.parser = parser
        super().__init__(message)


class Parser(argparse.ArgumentParser):
    """A parser that raises `Usage` instead of ending the process."""

    def error(self, message: str) -> NoReturn:
        """Raise."""
        raise Usage(self, message)


def request_id(text: str) -> str:
    """Read the name of a cancel."""
    if not REQUEST_ID.fullmatch(text):
        raise argparse.ArgumentTypeError("1 to 64 of A-Z a-z 0-9 . _ : -")
    return text


def bulk_id(text: str) -> str:
    """Read the name of a bulk cancel: shorter, since its orders' requests are named after it."""
    if not BULK_ID.fullmatch(text):
        raise argparse.ArgumentTypeError("1 to 58 of A-Z a-z 0-9 . _ : -")
    return text


def known_id(text: str) -> str:
    """Read a name to ask about: a request's, a bulk cancel's, or that of one of its orders."""
    if not KNOWN_ID.fullmatch(text):
        raise argparse.ArgumentTypeError("1 to 64 of A-Z a-z 0-9 . _ : -, or a bulk cancel's name with /NUMBER")
    return text


def deadline_ms(text: str) -> int:
    """Read milliseconds within which a cancel has to leave."""
    value = count(text)
    if not 1 <= value <= DEADLINE_MS_MAX:
        raise argparse.ArgumentTypeError(f"1 to {DEADLINE_MS_MAX} milliseconds")
    return value


def count(text: str) -> int:
    """Read a whole number."""
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number")
    return int(text)


def positive(text: str) -> int:
    """Read a whole number above zero."""
    value = count(text)
    if value == 0:
        raise argparse.ArgumentTypeError("1 or more")
    return value


def since(text: str) -> int:
    """Read a time, and give it in microseconds since the epoch."""
    ago = re.fullmatch(r"([0-9]{1,9})([smhd])", text)
    if ago is not None:
        return max(0, time.time_ns() // 1000 - int(ago[1]) * UNITS_US[ago[2]])
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither like 15m nor like 2026-01-31T09:30:00") from None
    return max(0, int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1e6))


def seconds(text: str) -> float:
    """Read a number of seconds."""
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} are no seconds")
    return value


def param(text: str) -> tuple[str, str]:
    """Read a parameter that only one venue has."""
    name, separator, value = text.partition("=")
    if not name or not separator:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value
