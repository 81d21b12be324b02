"""`cancelctl`: the exit code tells the outcome, and with --json stdout is one JSON object, whatever happens."""

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from daemon import ctl, ctl_options
from daemon.core.records import EvidenceRef
from daemon.edge.desk import (
    Listener,
    OrderRow,
    OrderRows,
    Reattached,
    SessionRow,
)
from daemon.version import software_version
from protocols.control.params import Topic
from protocols.fix import AccountName, OrderId, OrdStatus, Outcome, RequestId, RequestState, Side
from tests.ctl_rig import Captured, cancelctl, desk, one_object
from tests.desks import (
    FakeDesk,
    Taken,
    answer_with,
    correct,
    elsewhere,
    folder,
    refuse_with,
    report,
    report_for,
)

__all__ = ["desk", "elsewhere", "folder"]

ORDER = ["--account", "okx-main", "--instrument", "BTC-USDT", "--order-id", "590908157585625111"]
CANCEL = ["cancel", *ORDER, "--request-id", "mm1-000042"]


# ---------------------------------------------------------------- cancel


@pytest.mark.parametrize(
    ("outcome", "status", "code"),
    [
        (Outcome.CANCELED, OrdStatus.CANCELED, 0),
        (Outcome.CANCELED, OrdStatus.EXPIRED, 0),
        (Outcome.CANCELED, OrdStatus.REPLACED, 8),
        (Outcome.FILLED, OrdStatus.FILLED, 3),
        (Outcome.REJECTED, OrdStatus.NEW, 4),
        (Outcome.IN_DOUBT, None, 5),
        (Outcome.UNKNOWN_ORDER, None, 6),
        (Outcome.NOT_SENT, None, 7),
    ],
)
def test_the_exit_code_tells_the_outcome(
    desk: FakeDesk, capsys: Captured, outcome: Outcome, status: OrdStatus | None, code: int
) -> None:
    desk.when_canceled = answer_with(outcome=outcome, ord_status=status)
    assert ctl.main(["--json", *CANCEL]) == code
    out, err = capsys.readouterr()
    assert one_object(out)["outcome"] == outcome
    assert err == ""


def test_of_a_corrected_outcome_the_latest_gives_the_exit_code(desk: FakeDesk, capsys: Captured) -> None:
    first = report(outcome=Outcome.IN_DOUBT)
    latest, previous = correct(first, outcome=Outcome.FILLED)
    desk.when_canceled = lambda taken: taken.sink.result(first, Reattached(latest, ((latest, previous),)))
    assert ctl.main(CANCEL) == 3
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("in_doubt okx-main BTC-USDT 590908157585625111 ")
    assert lines[1].startswith("filled ")
    assert lines[1].endswith("(revision 1, this stands)")


def test_every_option_reaches_the_daemon(desk: FakeDesk) -> None:
    options = ["--product", "SPOT", "--client-order-id", "c1", "--deadline-ms", "60000", "--priority", "urgent"]
    options += ["--progress", "--timeout", "30", "--param", "cancelRestrictions=NEW", "--param", "recvWindow=a=b"]
    assert ctl.main([*CANCEL, *options]) == 0
    request = desk.cancels[0].request
    assert (request.account, request.instrument, request.product) == ("okx-main", "BTC-USDT", "SPOT")
    assert (request.order_id, request.client_order_id) == ("590908157585625111", "c1")
    assert (request.request_id, request.priority) == ("mm1-000042", "urgent")
    assert 0 < (request.deadline_ms or 0) <= 60_000  # what is left of it: connecting takes its time
    assert (request.progress, request.venue_texts()) == (True, {"cancelRestrictions": "NEW", "recvWindow": "a=b"})
    assert desk.cancels[0].peer.caller.client == "cancelctl 1"


def test_a_made_name_is_printed_first_and_to_stderr(desk: FakeDesk, capsys: Captured) -> None:
    assert ctl.main(["--json", "cancel", *ORDER]) == 0
    out, err = capsys.readouterr()
    name = one_object(out)["request_id"]
    assert err == f"request_id {name}\n"
    assert desk.cancels[0].request.request_id == name


def test_it_says_its_version(capsys: Captured) -> None:
    with pytest.raises(SystemExit) as ended:
        ctl.main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"cancelctl {software_version()}\n"


def test_progress_goes_to_stderr(desk: FakeDesk, capsys: Captured) -> None:
    def go_on(taken: Taken) -> None:
        taken.sink.progress(taken.request.request_id or RequestId(""), RequestState.FORWARDED)
        taken.sink.progress(taken.request.request_id or RequestId(""), RequestState.RECORDED)
        taken.sink.result(report_for(taken.request))

    desk.when_canceled = go_on
    assert ctl.main(["--json", *CANCEL, "--progress"]) == 0
    out, err = capsys.readouterr()
    assert one_object(out)["outcome"] == "canceled"
    assert err == "progress forwarded\nprogress recorded\n"


@pytest.mark.usefixtures("desk")
def test_a_pipe_gets_one_plain_line(capsys: Captured) -> None:
    assert ctl.main(CANCEL) == 0
    assert capsys.readouterr().out == (
        "canceled okx-main BTC-USDT 590908157585625111 ord_status=canceled filled=0.00000001 of 1 evidence=push "
        "venue_code=0 request_id=mm1-000042\n"
    )


def test_what_is_not_known_is_not_shown_as_nothing(desk: FakeDesk, capsys: Captured) -> None:
    desk.when_canceled = answer_with(
        outcome=Outcome.IN_DOUBT, ord_status=None, cum_qty=None, cum_qty_final=False, reason="horizon_passed",
        evidence=EvidenceRef(),
    )  # fmt: skip
    assert ctl.main(CANCEL) == 5
    assert "ord_status=- filled=- of 1 (not final) evidence=none reason=horizon_passed" in capsys.readouterr().out


# ---------------------------------------------------------------- failures


@pytest.mark.parametrize("as_json", [False, True])
def test_no_daemon_is_exit_10(folder: Path, capsys: Captured, as_json: bool) -> None:
    flags = ["--json"] if as_json else []
    assert ctl.main(["--socket", str(folder / "nowhere"), *flags, *CANCEL]) == 10
    out, err = capsys.readouterr()
    assert "no canceld on" in err
    if as_json:
        error = one_object(out)["error"]
        assert isinstance(error, dict)
        assert error["data"] == {"reason": "no_daemon"}
    else:
        assert out == ""


def test_no_answer_in_time_is_exit_9_and_names_the_request(desk: FakeDesk, capsys: Captured) -> None:
    desk.when_canceled = lambda _: None
    assert ctl.main(["--json", *CANCEL, "--timeout", "0.05"]) == 9
    out, err = capsys.readouterr()
    error = one_object(out)["error"]
    assert isinstance(error, dict)
    assert error["data"] == {"reason": "no_answer", "request_id": "mm1-000042"}
    assert "mm1-000042" in err


def test_a_refusal_is_exit_1_with_the_daemons_words(desk: FakeDesk, capsys: Captured) -> None:
    desk.when_canceled = refuse_with("account_not_ready", "its key was refused", state="auth_failed")
    assert ctl.main(["--json", *CANCEL]) == 1
    out, err = capsys.readouterr()
    assert one_object(out) == {
        "error": {
            "code": -32000,
            "message": "account_not_ready: its key was refused",
            "data": {"reason": "account_not_ready", "state": "auth_failed"},
        }
    }
    assert err == "cancelctl: account_not_ready: its key was refused\n"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nothing"],
        ["cancel"],
        ["cancel", "--account", "a", "--instrument", "B"],
        [*CANCEL, "--deadline-ms", "0"],
        [*CANCEL, "--deadline-ms", "60001"],
        [*CANCEL, "--deadline-ms", "soon"],
        [*CANCEL, "--timeout", "0"],
        [*CANCEL, "--timeout", "inf"],
        [*CANCEL, "--timeout", "nan"],
        [*CANCEL, "--priority", "high"],
        [*CANCEL, "--param", "novalue"],
        [*CANCEL, "--param", "=x"],
        ["cancel", *ORDER, "--request-id", "two words"],
        ["cancel", *ORDER, "--request-id", "r" * 65],
        [*CANCEL, "--unknown"],
        [*CANCEL, "--acc", "abbreviated"],
        ["cancel-all", "--everything"],
        ["top", "--interval", "0"],
        ["explain"],
        ["history", "--limit", "-1"],
        ["history", "--limit", "0"],
        ["history", "--outcome", "lost"],
        ["history", "--since", "yesterday"],
        ["history", "--since", "5 m"],
        ["history", "--export", "xml"],
        ["watch", "--topic", "fills"],
    ],
)
def test_what_makes_no_sense_is_exit_2_and_asks_nothing(desk: FakeDesk, capsys: Captured, arguments: list[str]) -> None:
    assert ctl.main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("usage: cancelctl")
    assert ctl.main([*arguments, "--json"]) == 2
    error = one_object(capsys.readouterr().out)["error"]
    assert isinstance(error, dict)
    assert error["data"] == {"reason": "usage"}
    assert desk.cancels == []


# ---------------------------------------------------------------- the other commands


def order_row(number: int) -> OrderRow:
    return OrderRow(
        AccountName("okx-main"), "okx", None, "BTC-USDT", OrderId(str(number)), None, OrdStatus.NEW, Side.BUY
    )


def test_orders_are_listed_over_all_pages(desk: FakeDesk, capsys: Captured) -> None:
    desk.order_rows = OrderRows(tuple(order_row(n) for n in range(1000, 1700)), complete=True)
    assert ctl.main(["orders", "--json"]) == 0
    orders = one_object(capsys.readouterr().out)["orders"]
    assert isinstance(orders, list)
    assert len(orders) == 700
    assert ctl.main(["orders", "--account", "okx-main"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 701
    assert lines[0].split("\t")[:4] == ["account", "product", "instrument", "order_id"]
    assert lines[1] == "okx-main\t-\tBTC-USDT\t1000\t-\tnew\tbuy\t-\t-"


def test_an_incomplete_list_says_so(desk: FakeDesk, capsys: Captured) -> None:
    desk.order_rows = OrderRows((), complete=False)
    assert ctl.main(["orders"]) == 0
    assert "not complete" in capsys.readouterr().out
    desk.order_rows = OrderRows((), complete=True)
    assert ctl.main(["orders"]) == 0
    assert capsys.readouterr().out == "no orders\n"


@pytest.mark.usefixtures("desk")
def test_status_shows_accounts_and_alarms(capsys: Captured) -> None:
    assert ctl.main(["status"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "canceld up 61 s, journal ok, clients: 1"
    assert lines[2] == "okx-main\tokx\tready\tws\tlive\tyes\t0\t1\t-\t-1.5"
    assert lines[3] == "ALARM okx-main drop_copy_blind since 2023-11-14 22:13:20.000000Z no pushes"
    assert ctl.main(["--json", "status"]) == 0
    assert one_object(capsys.readouterr().out)["boot_id"] == "boot-1"


def tell_everything(listener: Listener, _: object) -> None:
    listener.outcome(report(seq=5))
    listener.correction(*correct(report(seq=5), outcome=Outcome.FILLED))
    listener.order(order_row(7), 8)
    listener.session(SessionRow(AccountName("okx-main"), "drop_copy", "live", "subscribed"), 9)
    listener.gap(Topic.OUTCOMES, 1, 4)


def test_what_is_watched_comes_one_line_each(desk: FakeDesk, capsys: Captured) -> None:
    desk.when_subscribed = tell_everything
    topics = [word for topic in ("outcomes", "corrections", "orders", "sessions") for word in ("--topic", topic)]
    assert ctl.main(["watch", *topics, "--count", "5", "--from-seq", "5"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["canceled", "filled", "order", "session", "gap"]
    assert lines[1].endswith("seq 6 corrects canceled")
    assert lines[4] == "gap topic=outcomes from_seq=1 to_seq=4"
    assert ctl.main(["watch", "--json", *topics, "--count", "5"]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["method"] for one in told] == ["outcome", "correction", "order", "session", "gap"]
    assert [set(one) for one in told] == [{"method", "params"}] * 5


def test_outcomes_and_corrections_are_watched_if_nothing_is_said(desk: FakeDesk) -> None:
    desk.when_subscribed = tell_everything
    assert ctl.main(["watch", "--count", "1"]) == 0
    assert desk.subscribed[0].topics == [Topic.OUTCOMES, Topic.CORRECTIONS]


# ---------------------------------------------------------------- terminals, pipes, Ctrl-C


def on_a_terminal(*arguments: str) -> tuple[int, str]:
    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "200"}
    with subprocess.Popen(cancelctl(*arguments), stdout=theirs, stderr=subprocess.PIPE, env=environment) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # the other side is closed
                break
            if not part:
                break
            shown += part
    os.close(ours)
    return process.returncode, shown.decode()


def test_a_terminal_gets_colours_and_tables(desk: FakeDesk) -> None:
    code, shown = on_a_terminal(*CANCEL)
    assert code == 0
    assert "\x1b[32mcanceled\x1b[0m okx-main" in shown
    desk.order_rows = OrderRows((order_row(1),), complete=True)
    code, shown = on_a_terminal("orders")
    assert code == 0
    assert "order_id" in shown
    assert "──" in shown
    code, shown = on_a_terminal("status")
    assert "\x1b[1;31mALARM\x1b[0m" in shown
    code, shown = on_a_terminal("--json", "status")
    assert "\x1b" not in shown


def test_an_outcome_is_the_exit_code_even_when_nobody_reads_it(desk: FakeDesk) -> None:
    desk.when_canceled = answer_with(outcome=Outcome.FILLED)
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(cancelctl(*CANCEL), stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (3, b"")


@pytest.mark.usefixtures("desk")
def test_a_broken_pipe_is_no_traceback() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    for arguments in (["status"], ["--json", "status"], ["--json", "nothing"]):
        done = subprocess.run(cancelctl(*arguments), stdout=writer, stderr=subprocess.PIPE, check=False)
        assert done.returncode in {141, 2}
        assert b"Traceback" not in done.stderr
    os.close(writer)


def test_ctrl_c_while_waiting_says_how_to_ask_again(desk: FakeDesk) -> None:
    desk.when_canceled = lambda taken: os.kill(taken.peer.caller.pid, signal.SIGINT)
    with subprocess.Popen(
        cancelctl("--json", *CANCEL), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        out, err = process.communicate()
    assert process.returncode == 130
    assert err == "cancelctl: interrupted; the request goes on: ask again with --request-id mm1-000042\n"
    error = one_object(out)["error"]
    assert isinstance(error, dict)
    assert error["data"] == {"reason": "interrupted", "request_id": "mm1-000042"}


def test_ctrl_c_ends_a_watch_without_a_word(desk: FakeDesk) -> None:
    desk.when_subscribed = tell_everything
    with subprocess.Popen(cancelctl("watch"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("canceled ")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
    assert (process.returncode, err) == (130, "")


@pytest.mark.usefixtures("desk")
def test_the_screens_need_no_terminal_library_in_a_pipe() -> None:
    script = (
        "import sys; from daemon.ctl import main; main(); sys.exit('rich' in sys.modules or 'asyncio' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script, "status"], stdout=subprocess.PIPE, check=False)
    assert done.returncode == 0
    assert done.stdout.startswith(b"canceld up")


@pytest.mark.usefixtures("desk")
def test_a_name_of_an_outcome_that_is_not_known_yet_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctl, "OUTCOME_EXITS", {})
    assert ctl.main(CANCEL) == 1


def test_the_exit_codes_cover_every_outcome() -> None:
    assert set(ctl_options.OUTCOME_EXITS) == set(Outcome)
    assert msgspec.json.decode(msgspec.json.encode(ctl_options.OUTCOME_EXITS)) == {
        "canceled": 0, "filled": 3, "rejected": 4, "in_doubt": 5, "unknown_order": 6, "not_sent": 7
    }  # fmt: skip
