"""The log: structlog events as JSON lines on stderr, or as readable lines on a terminal.

Where stderr is the system's journal, each line begins with its priority (``<4>`` for a warning, see sd-daemon(3)),
which the journal takes off again: ``journalctl -p warning`` then shows what a person should look at.

Logging must never hold the daemon up, so three things are bounded. A line is cut and cleaned before it is written. An
event that repeats is let through a few times a window, and then only counted. Lines go through a bounded queue to a
thread of their own, so that a stalled stderr stalls that thread alone: what does not fit into the queue is counted and
told once the reader is back (`daemon.edge.linewriter`).

Nothing secret gets out: values of telling names are masked, texts that look like a signed address are scrubbed, and a
traceback shows no local variables. Other packages' logs pass from WARNING up: below that, they show frames.

It knows no event: which ones are never held back is the caller's word.
"""

from __future__ import annotations

import logging
import os
import time
from typing import TYPE_CHECKING, Final

import orjson
import structlog

from daemon.edge.linewriter import LineWriter
from daemon.edge.logclean import as_it_is, clean
from daemon.edge.loglimit import Limiter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from structlog.typing import EventDict, WrappedLogger

    Processor = Callable[[WrappedLogger, str, EventDict], EventDict]

STDERR: Final = 2
CLOSE_WAIT_S: Final = 1.0  # the service's stop must not hang on a reader that is gone
PRIORITIES: Final = {"debug": 7, "info": 6, "warning": 4, "error": 3, "exception": 3, "critical": 2}
"""The journal's numbers for structlog's methods."""
DEFAULT_PRIORITY: Final = 5
UNLIMITED: Final = frozenset({"outcome", "correction"})
"""Events of which each one counts: one line per outcome is the log's promise."""


class Logs:
    """The running log. `close` it last."""

    def __init__(self, writer: LineWriter, limiter: Limiter, bridge: logging.Handler) -> None:
        self._writer = writer
        self._limiter = limiter
        self._bridge = bridge

    def close(self) -> None:
        """Tell what is still untold, write what is queued, as far as a second allows, and let go of the loggers."""
        self._limiter.tell_all()
        logging.getLogger().removeHandler(self._bridge)
        structlog.reset_defaults()
        self._writer.close(CLOSE_WAIT_S)


def start_logs(
    level: str,
    *,
    descriptor: int = STDERR,
    is_human: bool | None = None,
    is_journal: bool | None = None,
    unlimited: frozenset[str] = UNLIMITED,
    now_s: Callable[[], float] = time.monotonic,
) -> Logs:
    """Set up `structlog.get_logger` for the whole process.

    ``level`` is debug, info, warning or error. ``is_human`` chooses readable lines over JSON; by default they are for
    a terminal. ``is_journal`` puts priorities before lines; by default they are for the journal. ``now_s`` is a
    monotonic clock in seconds, for the limit on repetitions alone.
    """
    human = os.isatty(descriptor) if is_human is None else is_human
    has_priorities = is_the_journal(descriptor, os.environ) if is_journal is None else is_journal
    finish = _finishing(is_human=human, has_priorities=has_priorities)
    writer = LineWriter(descriptor, lambda lost: finish("warning", {"event": "log_lines_lost", "lost": lost}))
    limiter = Limiter(lambda event: writer.put(finish("warning", event)), now_s, unlimited)
    structlog.configure(
        processors=[limiter, lambda _, method, event: finish(method, event)],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: _Logger(writer),
        cache_logger_on_first_use=False,
    )
    bridge = _Bridge()
    root = logging.getLogger()
    root.addHandler(bridge)
    root.setLevel(logging.WARNING)
    return Logs(writer, limiter, bridge)


def is_the_journal(descriptor: int, environ: Mapping[str, str]) -> bool:
    """Say whether a descriptor leads to the system's journal: its device and inode are in ``$JOURNAL_STREAM``."""
    try:
        status = os.fstat(descriptor)
    except OSError:
        return False
    return environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def _finishing(*, is_human: bool, has_priorities: bool) -> Callable[[str, EventDict], str]:
    """Make the function from a level's name and an event to its line, without the line's end."""
    stamps: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="timestamp"),
    ]
    processors: list[Processor] = [
        *stamps,
        structlog.processors.ExceptionRenderer(),  # plain text: no local variables
        lambda _, __, event: clean(event, for_terminal=is_human),
    ]
    console = structlog.dev.ConsoleRenderer(
        colors="NO_COLOR" not in os.environ, exception_formatter=structlog.dev.plain_traceback
    )
    render: Callable[[WrappedLogger, str, EventDict], str] = console if is_human else _json

    def finish(method: str, event: EventDict) -> str:
        plain = None if is_human else as_it_is({"event": event["event"], **event})
        if plain is None:
            line = render(None, method, _passed(processors, method, event))
        else:  # a third of what the whole way takes, for nearly every line
            stamp = _passed(stamps, method, {})
            line = f'{{"timestamp":"{stamp["timestamp"]}","level":"{stamp["level"]}",{plain[1:]}'
        return f"<{PRIORITIES.get(method, DEFAULT_PRIORITY)}>{line}" if has_priorities else line

    return finish


def _passed(processors: Sequence[Processor], method: str, event: EventDict) -> EventDict:
    for processor in processors:
        event = processor(None, method, event)
    return event


def _json(_: WrappedLogger, __: str, event: EventDict) -> str:
    """Write an event on one line: time, level and name first, then its fields as they were bound."""
    first = {name: event.pop(name) for name in ("timestamp", "level", "event") if name in event}
    return orjson.dumps(first | dict(event)).decode()


class _Logger:
    """What structlog calls with a finished line."""

    def __init__(self, writer: LineWriter) -> None:
        self.msg = self.debug = self.info = self.warning = self.error = self.critical = writer.put
        self.warn = self.exception = self.fatal = self.log = writer.put


class _Bridge(logging.Handler):
    """Brings the lines of packages that use `logging` into the same log."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)

    def emit(self, record: logging.LogRecord) -> None:
        """Log a record under its own level."""
        log = structlog.get_logger()
        level = min(record.levelno // 10 * 10, logging.CRITICAL)
        log.log(level, "library_says", library=record.name, text=record.getMessage(), exc_info=record.exc_info)
