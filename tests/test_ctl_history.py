"""What `cancelctl` tells of the past: history on the screen and exported, and one request's story."""

import csv
import io
import json
import time

from daemon import ctl, ctl_export
from daemon.edge.desk import HistoryRow, HistoryRows, Story, StoryStep
from protocols.control import results
from protocols.control.params import HistoryParams
from protocols.fix import Outcome
from tests.ctl_rig import Captured, desk, one_object
from tests.desks import NOW_US, REPORT, FakeDesk, elsewhere, folder, report

__all__ = ["desk", "elsewhere", "folder"]


def test_history_is_read_back(desk: FakeDesk, capsys: Captured) -> None:
    row = HistoryRow(REPORT, 1000, 42)
    desk.history_of = lambda asked: HistoryRows((row,) if (asked.from_seq or 0) <= 1841 else (), 1842)
    assert ctl.main(["history", "--limit", "5", "--from-seq", "3", "--order-id", "590908157585625111"]) == 0
    lines = capsys.readouterr().out.splitlines()
    cells = "1841 0 okx-main BTC-USDT 590908157585625111 canceled canceled 0.00000001 1000 mm1-000042"
    assert lines[1].split("\t") == cells.split()
    asked = desk.read[0]
    assert getattr(asked, "from_seq", None) == 3
    assert getattr(asked, "limit", None) == 5
    assert getattr(asked, "order_id", None) == "590908157585625111"


def many_rows(count: int) -> list[HistoryRow]:
    return [HistoryRow(report(seq=n, client_order_id="a,b" if n == 1 else None), 1000, 42) for n in range(1, count + 1)]


def history_from(rows: list[HistoryRow], asked: HistoryParams) -> HistoryRows:
    following = tuple(row for row in rows if row.report.seq >= (asked.from_seq or 0))
    page = following[: asked.limit]
    return HistoryRows(page, page[-1].report.seq + 1 if page else len(rows) + 1)


def test_history_is_filtered_where_it_is_kept(desk: FakeDesk) -> None:
    began_us = time.time_ns() // 1000
    assert ctl.main(["history", "--outcome", "filled", "--account", "a", "--since", "2h", "--request-id", "r"]) == 0
    assert ctl.main(["history", "--since", "2026-01-31T09:30:00"]) == 0
    assert ctl.main(["history", "--since", "2026-01-31T10:30:00+01:00"]) == 0
    first, *others = [asked for asked in desk.read if isinstance(asked, HistoryParams)]
    assert (first.outcome, first.account, first.request_id) == (Outcome.FILLED, "a", "r")
    assert began_us - 7_200_000_000 <= (first.since or 0) <= time.time_ns() // 1000 - 7_200_000_000
    assert [asked.since for asked in others] == [1_769_851_800_000_000] * 2


def test_history_is_exported_whole_as_json_lines(desk: FakeDesk, capsys: Captured) -> None:
    rows = many_rows(1500)
    desk.history_of = lambda asked: history_from(rows, asked)
    assert ctl.main(["history", "--export", "jsonl"]) == 0
    entries = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [entry["seq"] for entry in entries] == list(range(1, 1501))
    assert entries[0]["times"]["received"] == NOW_US
    assert ctl.main(["history", "--export", "jsonl", "--from-seq", "7", "--limit", "3"]) == 0
    assert [json.loads(line)["seq"] for line in capsys.readouterr().out.splitlines()] == [7, 8, 9]


def test_history_is_exported_as_csv(desk: FakeDesk, capsys: Captured) -> None:
    rows = many_rows(2)
    desk.history_of = lambda asked: history_from(rows, asked)
    assert ctl.main(["history", "--export", "csv"]) == 0
    first, second = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert tuple(first) == ctl_export.COLUMNS
    assert (first["seq"], first["client_order_id"], first["cum_qty"]) == ("1", "a,b", "0.00000001")
    assert (first["evidence_source"], first["received_us"], first["uid"]) == ("push", str(NOW_US), "1000")
    assert (second["seq"], second["client_order_id"]) == ("2", "")
    rows.clear()
    assert ctl.main(["history", "--export", "csv"]) == 0
    assert capsys.readouterr().out == ",".join(ctl_export.COLUMNS) + "\n"


def test_one_object_and_many_lines_are_not_both_to_be_had(desk: FakeDesk, capsys: Captured) -> None:
    assert ctl.main(["--json", "history", "--export", "csv"]) == 2
    assert one_object(capsys.readouterr().out)["error"]
    assert desk.read == []


def test_the_columns_of_csv_hold_all_that_an_entry_has() -> None:
    flat = {f"{name}_us" for name in results.TimesSeen.__struct_fields__}
    flat |= {f"evidence_{name}" for name in results.EvidenceSeen.__struct_fields__}
    named = set(results.HistoryEntry.__struct_fields__) - {"times", "evidence", "venue_response", "durable"}
    assert set(ctl_export.COLUMNS) == flat | named


def test_a_story_is_told_without_what_a_terminal_would_obey(desk: FakeDesk, capsys: Captured) -> None:
    desk.story = Story(
        REPORT,
        (StoryStep(NOW_US, "opened", "by uid 0"), StoryStep(NOW_US + 7, "answered", "\x1b[2J", b'{"a":"\x1b[31m"}')),
    )
    assert ctl.main(["explain", "mm1-000042"]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    lines = out.splitlines()
    assert lines[0] == "canceled mm1-000042"
    assert "  asked      cancel BTC-USDT order 590908157585625111, client order id -" in lines
    assert "  answered   code 0" in lines
    assert lines[-3] == "2023-11-14 22:13:20.000000Z      +0.000 ms opened          by uid 0"
    assert lines[-2].startswith("2023-11-14 22:13:20.000007Z      +0.007 ms answered ")
    assert lines[-1].startswith('        {"a":"')


def test_a_story_without_an_outcome_says_so(desk: FakeDesk, capsys: Captured) -> None:
    desk.story = Story(None, (StoryStep(NOW_US, "opened", "by uid 0"),))
    assert ctl.main(["explain", "mm1-000042"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "no outcome yet"
    assert lines[-1].endswith("+0.000 ms opened          by uid 0")


def test_a_bulk_cancels_story_says_that_it_is_one_and_whether_it_is_over(desk: FakeDesk, capsys: Captured) -> None:
    opened, ended = (
        StoryStep(NOW_US, "bulk_opened", "by uid 0"),
        StoryStep(NOW_US + 7, "bulk_ended", "over: 9 canceled"),
    )
    for steps, state in (((opened,), "is not over yet"), ((opened, ended), "is over")):
        desk.story = Story(None, steps)
        assert ctl.main(["explain", "flat-1"]) == 0
        assert capsys.readouterr().out.splitlines()[0] == (
            f"a bulk cancel, which {state}; the story of each of its orders is told under its own name, NAME/NUMBER"
        )
