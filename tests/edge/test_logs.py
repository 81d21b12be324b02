"""The log: what a line looks like, what never stands in one, and that it holds nobody up."""

from __future__ import annotations

import logging
import os
import select
from contextlib import contextmanager
from decimal import Decimal
from threading import Semaphore
from typing import TYPE_CHECKING

import orjson
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from daemon.edge.linewriter import TOGETHER_MAX, LineWriter
from daemon.edge.logclean import DOTS, as_it_is, clean
from daemon.edge.loglimit import KEYS_MAX, REPEATS_MAX, WINDOW_S, Limiter
from daemon.edge.logs import is_the_journal, start_logs
from protocols.fix import Outcome
from protocols.secret import Credentials, Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class Log:
    """A log into a file, read back once it is closed."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.clock = Clock()

    @contextmanager
    def started(self, level: str = "info", *, is_human: bool | None = False) -> Iterator[None]:
        descriptor = os.open(self.file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        logs = start_logs(level, descriptor=descriptor, is_human=is_human, now_s=self.clock)
        try:
            yield
        finally:
            logs.close()
            os.close(descriptor)

    @property
    def text(self) -> str:
        return self.file.read_text()

    @property
    def lines(self) -> list[dict[str, object]]:
        return [orjson.loads(line) for line in self.text.splitlines()]


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    root = logging.getLogger()
    level = root.level
    yield Log(tmp_path / "log")
    root.setLevel(level)


# ---------------------------------------------------------------- a line


def test_lines_for_the_journal_begin_with_their_priority(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT)
    logs = start_logs("debug", descriptor=descriptor, is_human=False, is_journal=True)
    log = structlog.get_logger()
    for say in (log.debug, log.info, log.warning, log.error, log.critical):
        say("event")
    try:
        int("no number")
    except ValueError:
        log.exception("event")
    logs.close()
    os.close(descriptor)
    lines = (tmp_path / "log").read_text().splitlines()
    assert [line[:3] for line in lines] == ["<7>", "<6>", "<4>", "<3>", "<2>", "<3>"]
    assert all(orjson.loads(line[3:])["event"] == "event" for line in lines)


def test_the_journal_is_known_by_its_device_and_inode(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT)
    status = os.fstat(descriptor)
    right = f"{status.st_dev}:{status.st_ino}"
    assert is_the_journal(descriptor, {"JOURNAL_STREAM": right})
    assert not is_the_journal(descriptor, {"JOURNAL_STREAM": f"{right}1"})
    assert not is_the_journal(descriptor, {})
    os.close(descriptor)
    assert not is_the_journal(descriptor, {"JOURNAL_STREAM": right})


def test_an_event_is_one_json_line_with_its_bound_fields(log: Log) -> None:
    with log.started():
        structlog.get_logger().bind(account="main").info("outcome", outcome=Outcome.FILLED, cum_qty=Decimal("0.10"))
    (line,) = log.lines
    assert list(line)[:3] == ["timestamp", "level", "event"]
    timestamp = line.pop("timestamp")
    assert isinstance(timestamp, str)
    assert timestamp.endswith("Z")
    assert line == {"level": "info", "event": "outcome", "account": "main", "outcome": "filled", "cum_qty": "0.10"}


def test_a_level_leaves_out_what_is_below_it(log: Log) -> None:
    with log.started("warning"):
        structlog.get_logger().info("quiet")
        structlog.get_logger().warning("loud")
    assert [line["event"] for line in log.lines] == ["loud"]


def test_a_terminal_gets_readable_lines(log: Log) -> None:
    with log.started(is_human=True):
        structlog.get_logger().info("session", account="main", secret="HUSH")
    assert "session" in log.text
    assert not log.text.startswith("{")
    assert "HUSH" not in log.text


def test_what_is_no_terminal_gets_json(log: Log) -> None:
    with log.started(is_human=None):
        structlog.get_logger().info("session")
    assert log.lines[0]["event"] == "session"


def test_a_venues_text_cannot_draw_on_the_terminal(log: Log) -> None:
    with log.started(is_human=True):
        structlog.get_logger().info("refused", message="\x1b[2J\rgone")
    assert "\x1b[2J" not in log.text
    assert "\\x1b[2J" in log.text


def test_an_exception_is_told_without_its_local_variables(log: Log) -> None:
    def fail() -> None:
        hidden = "HU" + "SH"
        raise ValueError(len(hidden))

    for is_human in (False, True):
        with log.started(is_human=is_human):
            try:
                fail()
            except ValueError:
                structlog.get_logger().exception("broken")
    assert log.text.count("ValueError: 4") == 2
    assert "HUSH" not in log.text


def test_other_packages_are_heard_from_warning_up(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    talkative = logging.getLogger("websockets.client")
    monkeypatch.setattr(talkative, "level", logging.DEBUG)
    with log.started("debug"):
        talkative.debug("> frame with HUSH")
        logging.getLogger("asyncio").error("never retrieved: %s", "x")
    (line,) = log.lines
    assert {"level": "error", "event": "library_says", "library": "asyncio"}.items() <= line.items()
    assert line["text"] == "never retrieved: x"


def test_a_closed_log_lets_go_of_the_loggers(log: Log) -> None:
    handlers = list(logging.getLogger().handlers)
    with log.started():
        assert logging.getLogger().handlers != handlers
    assert logging.getLogger().handlers == handlers
    assert not structlog.is_configured()


# ---------------------------------------------------------------- what never stands in a line


@pytest.mark.parametrize(
    "fields",
    [
        {"key": "HUSH"},
        {"secret": "HUSH"},
        {"passphrase": "HUSH"},
        {"sign": "HUSH"},
        {"Signature": "HUSH"},
        {"apiKey": "HUSH"},
        {"api_key": b"HUSH"},
        {"OK-ACCESS-SIGN": "HUSH"},
        {"secret": ["HUSH"]},
        {"any": Secret("HUSH")},
        {"any": [Secret("HUSH"), {"deep": Secret("HUSH"), "sign": "HUSH"}]},
        {"any": Credentials(Secret("HUSH"), Secret("HUSH"), Secret("HUSH"))},
        {"event": "GET https://x/y?a=1&signature=HUSH"},
        {"text": "GET /y?symbol=A&timestamp=1&signature=HUSH&x=1"},
        {"text": 'sent {"op":"login","args":[{"apiKey":"HUSH","passphrase":"HUSH HUSH","sign":"HUSH="}]}'},
        {"text": "{'OK-ACCESS-KEY': 'HUSH', 'OK-ACCESS-SIGN': 'HUSH'}"},
        {"text": "OK-ACCESS-PASSPHRASE: HUSH"},
        {"error": ValueError("AccessKeyId=HUSH&x=1")},
        {"raw": b'{"sign":"HUSH"}'},
        {"listenKey": "HUSH"},
        {"text": "wss://x/y?listenKey=HUSH"},
    ],
)
def test_no_secret_gets_into_a_line(fields: dict[str, object]) -> None:
    for for_terminal in (False, True):
        cleaned = clean({"event": "x", **fields}, for_terminal=for_terminal)
        assert "HUSH" not in orjson.dumps(cleaned).decode()
        assert "HUSH" not in repr(cleaned)


@pytest.mark.parametrize("name", ["key", "secret", "passphrase", "sign", "signature"])
def test_a_telling_name_keeps_its_place(name: str) -> None:
    assert clean({"event": "x", name: "HUSH"}, for_terminal=False) == {"event": "x", name: DOTS}


@pytest.mark.parametrize(
    "fields",
    [
        {"order_id": "590908157585625111", "side": "buy", "code": "51400", "digest": "ab" * 16},
        {"monkey": "x", "signal": "y", "design": "z", "keys": 3},
        {"text": "design: blue, monkey=1, assigned: 4"},
        {"n": 1, "x": 1.5, "yes": True, "none": None, "list": [1, "a"]},
    ],
)
def test_what_is_no_secret_stays_as_it_is(fields: dict[str, object]) -> None:
    assert clean({**fields}, for_terminal=True) == fields


class Unspeakable:
    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__


@pytest.mark.parametrize(
    "value",
    [
        Unspeakable(),
        2**70,
        -(2**63),
        "\ud800",
        float("nan"),
        "x" * 100_000,
        {1: {2: {3: {4: {5: {6: {7: 8}}}}}}},
        {Unspeakable(): 1},
        list(range(10_000)),
        {1, "a"},
        b"\xff" * 100_000,
        object,
    ],
)
def test_every_value_can_be_written_and_is_bounded(value: object) -> None:
    for for_terminal in (False, True):
        assert len(orjson.dumps(clean({"event": "x", "value": value}, for_terminal=for_terminal))) < 20_000


PLAIN_OR_NOT = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=20), st.binary(max_size=4),
    st.sampled_from(["secret=abc", "a: b", "{}", "[1]", "x" * 9000, [1], {"key": "k"}, Outcome.CANCELED, Decimal(1)]),
)  # fmt: skip


@given(
    st.dictionaries(st.sampled_from(["event", "order_id", "us", "api_key", "exc_info", "sign", "text"]), PLAIN_OR_NOT)
)
def test_a_line_that_is_taken_as_it_is_would_have_been_the_same_cleaned(fields: dict[str, object]) -> None:
    line = as_it_is(fields)
    if line is not None:
        assert "exc_info" not in fields
        assert line == orjson.dumps(clean(fields, for_terminal=False)).decode()


def test_the_line_of_an_outcome_is_taken_as_it_is() -> None:
    fields = {"event": "outcome", "order_id": "590908157585625111", "outcome": "canceled", "us": 812, "client": None}
    assert as_it_is(fields) == orjson.dumps(fields).decode()


def test_a_list_that_holds_itself_ends() -> None:
    endless: list[object] = []
    endless.append(endless)
    assert clean({"value": endless}, for_terminal=False) == {"value": [[[[[["…"]]]]]]}


def test_a_long_text_keeps_its_end_where_a_traceback_says_what_happened() -> None:
    cut = clean({"exception": "Traceback" + "x" * 100_000 + "ValueError: 4"}, for_terminal=False)["exception"]
    assert cut.startswith("Traceback")
    assert cut.endswith("ValueError: 4")


# ---------------------------------------------------------------- repetitions


class Limited:
    """A limiter, what passed it and what it told."""

    def __init__(self, *unlimited: str) -> None:
        self.clock = Clock()
        self.told: list[dict[str, object]] = []
        self.limiter = Limiter(lambda event: self.told.append(dict(event)), self.clock, frozenset(unlimited))

    def log(self, event: str, times: int = 1, **fields: object) -> int:
        """Log an event some times; gives how many passed."""
        passed = 0
        for _ in range(times):
            try:
                self.limiter(None, "warning", {"event": event, **fields})
            except structlog.DropEvent:
                continue
            passed += 1
        return passed


def test_repetitions_are_counted_and_told_after_their_window() -> None:
    limited = Limited()
    assert limited.log("down", REPEATS_MAX + 5, account="main") == REPEATS_MAX
    assert limited.told == []
    limited.clock.now_s += WINDOW_S
    limited.log("other")
    assert limited.told == [
        {"event": "log_repeats_left_out", "of": "down", "of_level": "warning", "left_out": 5, "account": "main"}
    ]
    assert limited.log("down", account="main") == 1


def test_each_event_and_account_has_a_window_of_its_own() -> None:
    limited = Limited()
    limited.log("down", REPEATS_MAX + 1, account="a")
    assert limited.log("down", account="b") == 1
    assert limited.log("up", account="a") == 1


def test_what_counts_singly_is_never_held_back() -> None:
    limited = Limited("outcome")
    assert limited.log("outcome", 10 * REPEATS_MAX) == 10 * REPEATS_MAX


def test_few_repetitions_are_not_worth_a_word() -> None:
    limited = Limited()
    limited.log("down", REPEATS_MAX)
    limited.limiter.tell_all()
    assert limited.told == []


def test_the_limiter_forgets_its_oldest_key_and_tells_its_count() -> None:
    limited = Limited()
    limited.log("first", REPEATS_MAX + 1)
    for number in range(KEYS_MAX):
        limited.log(f"event {number}")
    assert [told["of"] for told in limited.told] == ["first"]


def test_what_was_left_out_is_told_at_the_close(log: Log) -> None:
    with log.started():
        for _ in range(REPEATS_MAX + 3):
            structlog.get_logger().warning("down")
    assert [line["event"] for line in log.lines] == ["down"] * REPEATS_MAX + ["log_repeats_left_out"]
    assert log.lines[-1]["left_out"] == 3


def test_every_outcome_is_in_the_log(log: Log) -> None:
    with log.started():
        for number in range(500):
            structlog.get_logger().info("outcome", n=number)
    assert [line["n"] for line in log.lines] == list(range(500))


# ---------------------------------------------------------------- a stalled reader


@contextmanager
def full_pipe(*, is_blocking: bool) -> Iterator[tuple[int, Callable[[], str]]]:
    """A pipe that takes no byte more, and the function that reads what there is."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    while select.select([], [writer], [], 0)[1]:
        os.write(writer, b"." * 65_536)
    os.set_blocking(writer, is_blocking)

    def read() -> str:
        assert select.select([reader], [], [], 60)[0], "nothing came"
        return os.read(reader, 65_536).decode()

    try:
        yield writer, read
    finally:
        os.close(reader)
        os.close(writer)


class Told:
    """How many lines came through, and how many were told as lost."""

    def __init__(self, text: str) -> None:
        whole = text.lstrip(".").splitlines()[: text.count("\n")]
        self.kept = sum(line.startswith("line") for line in whole)
        self.lost = sum(int(line.removeprefix("lost ")) for line in whole if line.startswith("lost"))


@pytest.mark.parametrize("is_blocking", [True, False])
def test_a_stalled_reader_holds_nobody_up_and_hears_what_it_missed(is_blocking: bool) -> None:
    with full_pipe(is_blocking=is_blocking) as (descriptor, read):
        lines = LineWriter(descriptor, lambda lost: f"lost {lost}", lines_max=10)
        for number in range(100):
            lines.put(f"line {number}")
        text = ""
        while (told := Told(text)).kept + told.lost < 100:
            text += read()
        assert told.lost >= 100 - 1 - 10, "one was in the thread's hands and ten in the queue"
        assert text.lstrip(".").startswith("line 0\n")
        assert lines.close(60)


def test_a_close_does_not_wait_for_a_stalled_reader() -> None:
    with full_pipe(is_blocking=True) as (descriptor, read):
        lines = LineWriter(descriptor, str, lines_max=1)
        for number in range(10):
            lines.put(f"line {number}")
        assert not lines.close(0.001)
        read()
        assert lines.close(60), "the reader is back"


def test_a_reader_that_is_gone_costs_lines_alone() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    lines = LineWriter(writer, str)
    lines.put("nobody hears")
    assert lines.close(60)
    os.close(writer)


def test_a_long_line_is_written_whole() -> None:
    with full_pipe(is_blocking=False) as (descriptor, read):
        lines = LineWriter(descriptor, str)
        lines.put("<" + "x" * 200_000 + ">")
        text = ""
        while not text.endswith("\n"):
            text += read()
        assert text.lstrip(".") == "<" + "x" * 200_000 + ">\n"
        assert lines.close(60)


def test_a_burst_is_written_without_a_rest_inside_it() -> None:
    rests: list[float] = []
    with full_pipe(is_blocking=True) as (descriptor, read):
        lines = LineWriter(descriptor, str, rest=rests.append)
        for number in range(20 * TOGETHER_MAX):
            lines.put(f"line {number}")
        text = ""
        while not text.endswith(f"line {20 * TOGETHER_MAX - 1}\n"):
            text += read()
        assert lines.close(60)
    assert len(rests) <= 5, "two around the first line, one before the last ones, two around the close"


class Rests:
    """The rests of a writer's thread, each as long as a test wants."""

    def __init__(self) -> None:
        self._begun, self._ended = Semaphore(0), Semaphore(0)

    def __call__(self, _seconds: float) -> None:
        self._begun.release()
        assert self._ended.acquire(timeout=60)

    def end_one(self) -> None:
        assert self._begun.acquire(timeout=60)
        self._ended.release()

    def end_all(self) -> None:
        self._ended.release(100)


def test_lines_that_keep_coming_wake_nobody() -> None:
    rests = Rests()
    reader, writer = os.pipe()
    lines = LineWriter(writer, str, rest=rests)
    for number in range(3):  # each while the thread rests
        lines.put(f"{number} one")
        lines.put(f"{number} two")
        rests.end_one()
        assert os.read(reader, 100) == f"{number} one\n{number} two\n".encode(), "both in one go"
    rests.end_all()
    assert lines.close(60)
    os.close(reader)
    os.close(writer)
