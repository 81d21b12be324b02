"""`cancelctl top`: what it sums up, what it draws, and that it stays when the daemon goes."""

from __future__ import annotations

import io
import os
import pty
import re
import select
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import msgspec
import pytest
from rich.console import Console

from daemon import ctl
from daemon.ctl_top_screen import Frame, draw
from daemon.ctl_window import OUTCOMES_MAX, Told, Window, histogram, quantiles_ms
from daemon.edge.desk import HistoryRow, HistoryRows
from protocols.control.results import AlarmSeen, BulkSeen, BulksSeen, SocketSeen, WaitingSeen
from tests.ctl_rig import Captured, cancelctl, desk, one_object
from tests.desks import NOW_US, STATUS, Elsewhere, FakeDesk, elsewhere, folder, report
from tests.system.rig import WAIT_S

if TYPE_CHECKING:
    from pathlib import Path

    from protocols.control.results import Status

__all__ = ["desk", "elsewhere", "folder"]


def told(at_us: int = NOW_US, *, outcome: str = "canceled", took_us: int = 1000) -> dict[str, object]:
    times = {"received": at_us - took_us, "recorded": None, "forwarded": at_us - took_us + 100, "acked": None,
             "evidence": at_us - 50, "reported": at_us}  # fmt: skip
    return {"account": "a", "outcome": outcome, "evidence": {"source": "push"}, "times": times}


# ---------------------------------------------------------------- the window


def test_outcomes_are_counted_by_second_and_kind() -> None:
    window = Window()
    for age_s, outcome in ((59, "canceled"), (2, "filled"), (2, "canceled"), (0, "canceled"), (61, "canceled")):
        window.add(told(NOW_US - age_s * 1_000_000, outcome=outcome))
    counts = window.per_second(NOW_US, 60)
    assert (counts[0], counts[57], counts[59], sum(counts)) == (1, 2, 1, 4)
    assert window.counts(NOW_US, 60) == {"canceled": 3, "filled": 1}
    assert [one.at_us for one in window.latest(2)] == [NOW_US - 61_000_000, NOW_US]


def test_a_word_from_the_future_counts_as_now_and_one_without_times_is_none() -> None:
    window = Window()
    window.add(told(NOW_US + 5_000_000))
    window.add({"outcome": "canceled", "times": None})
    assert window.per_second(NOW_US, 60)[-1] == 1
    assert len(window.since(0)) == 1


def test_the_window_is_bounded() -> None:
    window = Window()
    for number in range(OUTCOMES_MAX + 3):
        window.add(told(NOW_US + number))
    assert len(window.since(0)) == OUTCOMES_MAX
    assert window.since(0)[0].at_us == NOW_US + 3


def test_the_parts_of_an_outcome_are_what_its_times_say() -> None:
    one = Told.of(told(took_us=1000))
    assert one is not None
    assert (one.own_us, one.venue_us, one.whole_us) == (100, 850, 1000)
    from_the_journal = told(took_us=1000)
    times = from_the_journal["times"]
    assert isinstance(times, dict)
    times["reported"] = None
    one = Told.of(from_the_journal)
    assert one is not None
    assert (one.at_us, one.whole_us) == (NOW_US - 50, 950)
    times |= {"forwarded": None, "evidence": NOW_US - 9_000}  # it had ended before it was asked for
    one = Told.of(from_the_journal)
    assert one is not None
    assert (one.venue_us, one.whole_us) == (None, 0)


def test_quantiles_are_values_that_occurred() -> None:
    assert quantiles_ms([n * 1000 for n in range(1, 101)]) == [50, 90, 99, 100]
    assert quantiles_ms([7000]) == [7, 7, 7, 7]
    assert quantiles_ms([None]) == [None] * 4


def test_a_histogram_begins_and_ends_with_what_occurred() -> None:
    assert histogram([900, 1000, 6000, None]) == [(1, 2), (2.5, 0), (5, 0), (10, 1)]
    assert histogram([10**9]) == [(None, 1)]
    assert histogram([]) == []


# ---------------------------------------------------------------- the screen


def drawn(status: Status, window: Window | None = None, trouble: str = "", width: int = 160) -> str:
    raw = msgspec.json.decode(msgspec.json.encode(status))
    console = Console(file=io.StringIO(), width=width, highlight=False)
    console.print(draw(Frame(raw, window or Window(), NOW_US, trouble)))
    shown = console.file
    assert isinstance(shown, io.StringIO)
    return shown.getvalue()


def with_account(**changes: object) -> Status:
    account = msgspec.structs.replace(STATUS.accounts["okx-main"], **changes)
    return msgspec.structs.replace(STATUS, accounts={"okx-main": account})


def test_a_frame_shows_what_waits_and_each_socket() -> None:
    shown = drawn(
        with_account(
            in_flight=3,
            oldest_ms=61_000,
            in_doubt_oldest_ms=3_723_000,
            budget_wait_ms=40,
            budget_waiting=2,
            sockets=[SocketSeen("private", "live", "live", 1, 250)],
            waiting=[WaitingSeen("r1", "BTC-USDT", "77", None, "in_doubt", 3_723_000)],
        )
    )
    (row,) = [line for line in shown.splitlines() if "okx-main" in line and "ready" in line]
    assert row.split() == "okx-main okx ready ws live 3 61.0 s 1 1h02 40 ms (2) -1.5 private live 250 ms".split()
    assert re.search(r"r1 +okx-main +BTC-USDT +77 +in_doubt +1h02", shown)
    assert "drop_copy_blind" in shown
    assert "no outcome yet" in shown


def test_a_quiet_daemon_is_said_to_be_quiet() -> None:
    shown = drawn(with_account(in_doubt=0, alarms=[]))
    assert "nothing waits" in shown
    assert "no alarm" in shown


def test_a_frame_draws_no_control_characters_of_others() -> None:
    shown = drawn(
        with_account(
            alarms=[AlarmSeen("odd\x1b[2J", NOW_US, "\x1b]0;title\x07")],
            waiting=[WaitingSeen("r1", "B\x1b[31m", "\x9b", None, "in_doubt", 5)],
        ),
        trouble="gone\x1b[1m",
    )
    assert not any(char in shown for char in ("\x1b", "\x07", "\x9b"))


def test_bulk_cancels_that_run_and_how_the_others_ended_are_shown_where_there_were_any() -> None:
    assert "bulk cancels" not in drawn(STATUS)
    running = BulkSeen("flat-1", "cancel_all", ["okx-main"], 200, 150, 900)
    status = msgspec.structs.replace(with_account(bulks=BulksSeen(1, 3, 2)), bulks=[running])
    shown = drawn(status)
    assert "bulk cancel flat-1 (cancel_all) of okx-main: 150 of 200 orders ended, 900 ms old" in shown
    assert "okx-main: 1 running, 3 complete, 2 incomplete" in shown


@pytest.mark.parametrize("width", [20, 80, 120])
def test_a_narrow_terminal_gets_a_frame_too(width: int) -> None:
    window = Window()
    window.add(told())
    assert all(len(line) <= width for line in drawn(STATUS, window, width=width).splitlines())


# ---------------------------------------------------------------- the command


def test_one_frame_is_drawn_into_a_pipe(desk: FakeDesk, capsys: Captured) -> None:
    rows = (HistoryRow(report(seq=2), 1, 2), HistoryRow(report(seq=1), 1, 2))
    desk.history_of = lambda asked: HistoryRows(rows if asked.before_seq is None else (), 3, is_newest_first=True)
    assert ctl.main(["top", "--once"]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert re.search(r"canceled +2 ", out)
    assert re.search(r"whole +2\.6 +2\.6 +2\.6 +2\.6", out)
    assert ctl.main(["--json", "top"]) == 0
    found = one_object(capsys.readouterr().out)
    assert found["outcomes"] == {
        "canceled": 2, "filled": 0, "rejected": 0, "in_doubt": 0, "unknown_order": 0, "not_sent": 0
    }  # fmt: skip
    assert found["histogram_ms"] == [{"le": 5, "count": 2}]
    assert isinstance(found["status"], dict)


def test_without_a_daemon_there_is_no_frame(folder: Path, capsys: Captured) -> None:
    assert ctl.main(["--socket", str(folder / "none"), "top"]) == 10
    assert capsys.readouterr().out == ""


def test_the_screen_follows_stays_without_a_daemon_and_ends_with_ctrl_c(elsewhere: Elsewhere) -> None:
    elsewhere.start(FakeDesk())
    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "160", "CANCELD_SOCKET": str(elsewhere.path)}
    with subprocess.Popen(
        cancelctl("top", "--interval", "0.05"), stdout=theirs, stderr=subprocess.PIPE, env=environment
    ) as process:
        os.close(theirs)
        until_shown(ours, "no outcome yet")
        elsewhere.stop()
        until_shown(ours, "no canceld on")
        second = FakeDesk()
        second.status_now = with_account(venue="another")
        elsewhere.start(second)
        until_shown(ours, "another")
        process.send_signal(signal.SIGINT)
        until_shown(ours, "\x1b[?1049l")
        assert process.stderr is not None
        assert process.stderr.read() == b""
    os.close(ours)
    assert process.returncode == 130


def until_shown(terminal: int, words: str) -> None:
    """Read what is drawn until it holds these words."""
    shown = ""
    ends_s = time.monotonic() + WAIT_S
    while words not in shown:
        assert time.monotonic() < ends_s, shown[-2000:]
        if select.select([terminal], [], [], 1)[0]:
            shown += os.read(terminal, 65536).decode(errors="replace")
