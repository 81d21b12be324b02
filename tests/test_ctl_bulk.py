"""`cancelctl cancel-all` and `cancel-batch`: counted first, confirmed by a person alone, and the worst outcome told."""

import io
import json
import os
import pty
import subprocess
from pathlib import Path

import msgspec
import pytest

from daemon import ctl
from daemon.core.records import BulkItem, BulkReport, Survivor
from daemon.edge.desk import OrderRows, Preview
from protocols.control.params import CancelAllParams, CancelBatchParams
from protocols.fix import AccountName, ClientOrderId, OrderId, OrdStatus, Outcome, RequestId, Side
from tests.ctl_rig import Captured, cancelctl, desk, one_object
from tests.desks import FakeDesk, TakenBulk, elsewhere, folder, refuse_with, report
from tests.edge.talker import order_row

__all__ = ["desk", "elsewhere", "folder"]

ACCOUNT = AccountName("okx-main")
ALL = ["cancel-all", "--account", "okx-main", "--request-id", "flat"]


def item(number: int, outcome: Outcome | None, status: OrdStatus = OrdStatus.CANCELED) -> BulkItem:
    return BulkItem(RequestId(f"flat/{number}"), ACCOUNT, "", "BTC-USDT", OrderId(str(number)), None, outcome, status)


def told_of(*outcomes: Outcome, replaced: int = 0, survivors: int = 0) -> BulkReport:
    """A report of a few orders, of which some were replaced; some others may rest."""
    items = tuple(item(number, outcome) for number, outcome in enumerate(outcomes))
    rest = tuple(
        Survivor(BulkItem(None, ACCOUNT, "", "ETH-USDT", OrderId("9"), ClientOrderId("mine9")), "not asked for")
        for _ in range(survivors)
    )
    counts = {outcome: outcomes.count(outcome) for outcome in outcomes}
    is_good = not rest and not {Outcome.IN_DOUBT, Outcome.REJECTED, Outcome.NOT_SENT} & set(outcomes)
    not_covered: dict[str, tuple[str, ...]] = {"okx": ("algo orders",)}
    return BulkReport(RequestId("flat"), items, len(items), counts, replaced, is_good, rest, survivors, not_covered)


def end_with(told: BulkReport, taken: TakenBulk) -> None:
    """Tell each outcome, and then all of it; to a dry run, what matches."""
    if isinstance(taken.request, CancelAllParams) and taken.request.dry_run:
        taken.sink.preview(Preview((order_row(1), order_row(2)), {}, {"okx": ("algo orders",)}))
        return
    for each in told.items or ():
        if each.outcome is not None and each.request_id is not None:
            taken.sink.outcome(report(request_id=each.request_id, order_id=each.order_id, outcome=each.outcome))
    taken.sink.result(told, is_durable=True)


def answer(desk: FakeDesk, told: BulkReport) -> None:
    desk.when_bulk = lambda taken: end_with(told, taken)


@pytest.mark.parametrize("options", [["--dry-run"], ["--yes"], ["--yes", "--json"]])
def test_a_warning_goes_to_stderr_and_nothing_is_called_at_rest(
    desk: FakeDesk, capsys: Captured, options: list[str]
) -> None:
    warnings = ("BTC-UDST is not known at okx-main; is that its name?",)

    def end(taken: TakenBulk) -> None:
        if isinstance(taken.request, CancelAllParams) and taken.request.dry_run:
            taken.sink.preview(Preview((), {}, {}, warnings))
        else:
            taken.sink.result(msgspec.structs.replace(told_of(), warnings=warnings), is_durable=True)

    desk.when_bulk = end
    assert ctl.main([*ALL, *options]) == 0
    out, err = capsys.readouterr()
    assert f"WARNING {warnings[0]}" in err.splitlines()
    if "--json" in options:
        assert one_object(out)["warnings"] == list(warnings)
    elif "--yes" in options:
        assert "0 orders: none; nothing matches" in out


@pytest.mark.parametrize(
    ("told", "code"),
    [
        (told_of(), 0),
        (told_of(Outcome.CANCELED), 0),
        (told_of(Outcome.CANCELED, Outcome.FILLED), 3),
        (told_of(Outcome.CANCELED, Outcome.FILLED, replaced=1), 8),
        (told_of(Outcome.UNKNOWN_ORDER, Outcome.CANCELED, replaced=1), 6),
        (told_of(Outcome.UNKNOWN_ORDER, Outcome.NOT_SENT, Outcome.FILLED), 7),
        (told_of(Outcome.NOT_SENT, Outcome.REJECTED), 4),
        (told_of(Outcome.REJECTED, Outcome.IN_DOUBT, Outcome.CANCELED), 5),
        (told_of(Outcome.CANCELED, survivors=1), 5),
        (told_of(Outcome.REJECTED, survivors=1), 4),
        (told_of(Outcome.REJECTED, survivors=2), 5),
    ],
)
def test_the_exit_code_is_the_worst_outcomes(desk: FakeDesk, capsys: Captured, told: BulkReport, code: int) -> None:
    answer(desk, told)
    assert ctl.main(["--json", *ALL]) == code
    out, err = capsys.readouterr()
    assert one_object(out)["total"] == told.total
    assert "0 orders that match are known" in err


def test_the_scope_is_passed_on_and_who_is_no_terminal_is_not_asked(desk: FakeDesk, capsys: Captured) -> None:
    answer(desk, told_of(Outcome.CANCELED))
    desk.order_rows = OrderRows((order_row(1), msgspec.structs.replace(order_row(2), side=Side.SELL)), complete=True)
    options = ["--instrument", "BTC-USDT", "--side", "buy", "--priority", "urgent", "--deadline-ms", "900"]
    assert ctl.main([*ALL, *options]) == 0
    (taken,) = desk.bulks
    assert isinstance(taken.request, CancelAllParams)
    assert msgspec.to_builtins(taken.request) == {
        "account": "okx-main",
        "all_accounts": False,
        "product": None,
        "instrument": "BTC-USDT",
        "side": "buy",
        "client_id_prefix": None,
        "dry_run": False,
        "request_id": "flat",
        "deadline_ms": 900,
        "priority": "urgent",
    }
    assert capsys.readouterr().err.startswith("1 orders that match are known")


def test_every_outcome_is_told_as_it_comes_and_all_of_them_at_the_end(desk: FakeDesk, capsys: Captured) -> None:
    answer(desk, told_of(Outcome.CANCELED, Outcome.FILLED, survivors=1))
    assert ctl.main([*ALL, "--yes"]) == 5
    out, err = capsys.readouterr()
    assert err.splitlines()[1:] == [
        "1 canceled BTC-USDT 0 filled=0.00000001",
        "2 filled BTC-USDT 1 filled=0.00000001",
    ]
    header, *rows = out.splitlines()
    assert header.split("\t")[:5] == ["request_id", "account", "instrument", "order_id", "outcome"]
    assert [row.split("\t")[0] for row in rows[:2]] == ["flat/0", "flat/1"]
    assert rows[2:] == [
        "2 orders: 1 canceled, 1 filled; NOT COMPLETE: orders may rest",
        "SURVIVES okx-main ETH-USDT 9 mine9: not asked for",
        "not covered at okx: algo orders",
    ]


def test_a_bulk_cancel_that_is_over_is_shown_with_the_instruments_of_its_orders(
    desk: FakeDesk, capsys: Captured
) -> None:
    """Who asks under its name again gets the result, and the outcomes no second time."""
    desk.when_bulk = lambda taken: taken.sink.result(told_of(Outcome.CANCELED), is_durable=True)
    assert ctl.main([*ALL, "--yes"]) == 0
    out, err = capsys.readouterr()
    row = dict(zip(*(line.split("\t") for line in out.splitlines()[:2]), strict=True))
    assert (row["request_id"], row["instrument"], row["outcome"]) == ("flat/0", "BTC-USDT", "canceled")
    assert err == ("0 orders that match are known; the venue is asked for others, unless flat was asked for before\n")


def test_an_outcome_that_is_told_again_after_a_reconnect_is_shown_once(desk: FakeDesk, capsys: Captured) -> None:
    told = told_of(Outcome.CANCELED, Outcome.FILLED)

    def end(taken: TakenBulk) -> None:
        for outcome in (Outcome.IN_DOUBT, Outcome.CANCELED, Outcome.CANCELED):
            taken.sink.outcome(report(request_id=RequestId("flat/0"), order_id=OrderId("0"), outcome=outcome))
        end_with(told, taken)

    desk.when_bulk = end
    assert ctl.main([*ALL, "--yes"]) == 3
    assert capsys.readouterr().err.splitlines()[1:] == [
        "1 in_doubt BTC-USDT 0 filled=0.00000001",
        "1 canceled BTC-USDT 0 filled=0.00000001",
        "2 filled BTC-USDT 1 filled=0.00000001",
    ]


def test_a_dry_run_lists_what_matches_and_asks_for_nothing(desk: FakeDesk, capsys: Captured) -> None:
    answer(desk, told_of())
    assert ctl.main(["cancel-all", "--all-accounts", "--dry-run"]) == 0
    (taken,) = desk.bulks
    assert isinstance(taken.request, CancelAllParams)
    assert (taken.request.dry_run, taken.request.all_accounts, taken.request.request_id) == (True, True, None)
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2:] == ["2 open orders match; nothing was sent", "not covered at okx: algo orders"]
    assert len(lines) == 5


@pytest.mark.parametrize(("said", "code", "runs"), [("y\n", 0, [True, False]), ("n\n", 1, [True]), ("\n", 1, [True])])
def test_a_person_at_a_terminal_sees_the_number_and_is_asked(
    desk: FakeDesk, said: str, code: int, runs: list[bool]
) -> None:
    answer(desk, told_of(Outcome.CANCELED))
    ours, theirs = pty.openpty()
    done = subprocess.Popen(cancelctl(*ALL), stdin=theirs, stdout=subprocess.DEVNULL, stderr=theirs)
    os.close(theirs)
    seen = b""
    while b"[y/N]" not in seen:
        seen += os.read(ours, 4096)
    assert b"cancel 2 orders?" in seen
    assert b"2 of okx-main BTC-USDT" in seen
    os.write(ours, said.encode())
    assert done.wait(timeout=30) == code
    os.close(ours)
    requests = [taken.request for taken in desk.bulks]
    assert [isinstance(each, CancelAllParams) and each.dry_run for each in requests] == runs


def test_a_batch_is_read_from_a_file_or_from_stdin(
    desk: FakeDesk, folder: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(desk, told_of(Outcome.CANCELED, Outcome.CANCELED))
    orders = [{"account": "okx-main", "instrument": "BTC-USDT", "order_id": str(number)} for number in range(2)]
    text = "\n".join(map(json.dumps, orders)) + "\n\n"
    (folder / "orders").write_text(text)
    assert ctl.main(["cancel-batch", str(folder / "orders"), "--request-id", "flat"]) == 0
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    assert ctl.main(["cancel-batch"]) == 0
    for taken in desk.bulks:
        assert isinstance(taken.request, CancelBatchParams)
        assert [each.order_id for each in taken.request.items] == ["0", "1"]
    assert "2 orders" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["cancel-all"],
        ["cancel-all", "--instrument", "BTC-USDT"],
        ["cancel-all", "--account", "a", "--all-accounts"],
        ["cancel-all", "--account", "a", "--side", "both"],
        ["cancel-all", "--account", "a", "--request-id", "r/1"],
        ["cancel-all", "--account", "a", "--request-id", "r" * 59],
        ["cancel-batch", "/nowhere"],
        ["cancel-batch", "/dev/null"],
    ],
)
def test_what_makes_no_sense_is_exit_2_and_asks_nothing(desk: FakeDesk, capsys: Captured, arguments: list[str]) -> None:
    assert ctl.main(arguments) == 2
    assert desk.bulks == []
    assert "usage:" in capsys.readouterr().err


def test_a_line_of_a_batch_that_is_no_order_is_named(desk: FakeDesk, folder: Path, capsys: Captured) -> None:
    (folder / "orders").write_text('{"account":"a"}\n[]\n')
    assert ctl.main(["cancel-batch", str(folder / "orders")]) == 2
    assert desk.bulks == []
    assert "line 2 is no JSON object" in capsys.readouterr().err


def test_a_refusal_is_exit_1_with_its_reason(desk: FakeDesk, capsys: Captured) -> None:
    desk.when_bulk = refuse_with("not_allowed", "uid 7 may not cancel")
    assert ctl.main(["--json", *ALL]) == 1
    error = one_object(capsys.readouterr().out)["error"]
    assert isinstance(error, dict)
    assert error["data"]["reason"] == "not_allowed"
