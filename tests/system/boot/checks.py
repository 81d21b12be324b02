"""The checks that run inside the booted machine, in their order: from the installation to the last secret not found.

Each function of `CHECKS` is a sentence, leaves the daemon serving, and raises when the sentence is not true. Run as a
command it carries all of them out and writes what became of each to a file.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
import threading
import time
import traceback
from contextlib import closing
from pathlib import Path
from socket import AF_INET, AF_UNIX, SOCK_STREAM, socket
from typing import TYPE_CHECKING

from tests.system.boot.machine import (
    ETC,
    JOURNAL,
    OPT,
    SOCKET,
    WAIT_S,
    Client,
    Requests,
    Unit,
    Venue,
    attempt,
    main_ready,
    run,
    until,
)  # fmt: skip

if TYPE_CHECKING:
    from collections.abc import Callable

SOURCE = Path(__file__).resolve().parents[3]
DAEMON = Unit("canceld.service")
DOOR = Unit("canceld.socket")
GROUP = Unit("canceld@group.service")
GROUP_DOOR = Unit("canceld@group.socket")
GROUP_SOCKET = Path("/run/canceld/group.sock")
MAIN = Venue("main", 9000)
SECOND = Venue("second", 9001)
SILENT_PORT = 9002
EXPOSURE_MAX = 1.3
GRACE_S = 1
END_S = 20.0
"""What a stop may take on a slow machine: the grace, the polite end of sessions, and the journal."""

ACCOUNT = """
[accounts.{name}]
venue = "okx"
credentials = "{credentials}"
endpoints = {{ rest = "http://127.0.0.1:{port}", ws = "ws://127.0.0.1:{port}" }}
"""
DAEMON_TABLE = f"""
[daemon]
socket = "/run/canceld/{{0}}.sock"
journal = "/var/lib/canceld/{{1}}journal.sqlite"
ready_wait_s = 2
stop_grace_s = {GRACE_S}
ack_wait_ms = 150
push_wait_ms = 150
replica_lag_ms = 600
settle_ms = 2000
horizon_s = 30
"""
RULES = """
[access]
"user:trader" = { role = "cancel", accounts = ["okx-main"] }
"user:watcher" = { role = "observe" }
"group:desk" = { role = "cancel" }
"""


def keys(key: str) -> str:
    """Write a credentials file for one of the simulated venues."""
    return f'key = "{key}"\nsecret = "{key}-secret"\npassphrase = "{key}-pass"\n'


def own(path: Path, text: str, mode: int = 0o400, owner: str = "canceld") -> None:
    """Write a file as an operator would: by its owner's name, before its text stands in it."""
    path.unlink(missing_ok=True)
    path.touch(mode)
    run("chown", f"{owner}:", str(path))
    path.write_text(text)


def configure() -> None:
    """Write the configuration of the main daemon."""
    own(
        ETC / "canceld.toml",
        DAEMON_TABLE.format("canceld", "")
        + RULES
        + ACCOUNT.format(name="okx-main", credentials="./okx-main.toml", port=MAIN.port)
        + ACCOUNT.format(name="okx-second", credentials="./okx-second.toml", port=SECOND.port),
        0o640,
    )


def as_user(user: str, *command: str) -> tuple[int, str]:
    return attempt("runuser", "-u", user, "--", *command)


def cancelctl(user: str, order_id: str, request_id: str) -> tuple[int, str]:
    return as_user(
        user, f"{OPT}/bin/cancelctl", "--json", "cancel", "--account", "okx-main", "--instrument", "BTC-USDT",
        "--order-id", order_id, "--request-id", request_id, "--timeout", f"{WAIT_S:g}",
    )  # fmt: skip


# ---------------------------------------------------------------- the checks


def the_installation_makes_the_user_and_the_folders() -> None:
    run("sh", str(SOURCE / "systemd/install.sh"), "host")
    for user, groups in (("trader", "canceld"), ("watcher", "canceld"), ("outsider", ""), ("deskmate", "canceld,desk")):
        attempt("groupadd", "-f", "desk")
        run("useradd", "--no-create-home", "--groups", groups, user)
    assert run("stat", "-c", "%U %G %a", "/run/canceld") == "canceld canceld 750\n"
    assert run("stat", "-c", "%U %G %a", "/var/lib/canceld") == "canceld canceld 700\n"
    assert run("stat", "-c", "%U %G %a", str(ETC)) == "root canceld 750\n"
    said = run("runuser", "-u", "canceld", "--", f"{OPT}/bin/canceld", "check", "--config", f"{ETC}/canceld.toml")
    assert ": good" in said  # the sample, as it was installed


def the_units_verify_clean() -> None:
    said = run("systemd-analyze", "verify", DAEMON.name, DOOR.name, GROUP.name, GROUP_DOOR.name)
    assert "canceld" not in said, said  # other units of this machine may have their own mistakes


def the_exposure_is_at_most_1_3() -> None:
    for unit in (DAEMON, GROUP):
        said = run("systemd-analyze", "--no-pager", "security", unit.name)
        found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said)
        assert found is not None, said
        assert float(found[1]) <= EXPOSURE_MAX, said


def it_starts_and_its_status_line_says_how_each_account_is() -> None:
    MAIN.start("main-key")
    SECOND.start("old-key")
    own(ETC / "okx-main.toml", keys("main-key"))
    configure()
    DAEMON.drop_in("test", "[Service]\nWatchdogSec=3\n")
    run("systemctl", "enable", "--now", DOOR.name, DAEMON.name)
    until("the socket is used", main_ready)
    line = until(
        "the line is told", lambda: re.search(r"okx-main ready by ws, drop copy live", DAEMON.show("StatusText"))
    )
    assert line
    assert "okx-second auth_failed: " in DAEMON.show("StatusText")  # a missing file costs one account, not the unit
    status = run("systemctl", "status", "--no-pager", DAEMON.name)
    assert "active (running)" in status
    assert 'Status: "okx-second auth_failed: ' in status
    assert (DAEMON.show("Type"), DAEMON.show("NotifyAccess")) == ("notify", "main")


def a_cancel_of_an_allowed_user_is_told_under_its_own_uid() -> None:
    """Peers keep their ids, and supplementary groups count."""
    mine, desks = MAIN.rest(2)
    for user, order_id in (("trader", mine), ("deskmate", desks)):
        code, said = cancelctl(user, order_id, f"by-{user}")
        assert code == 0, (user, code, said)
        assert '"canceled"' in said
        assert MAIN.truth()[order_id] == "canceled"
    client = Client()
    for user in ("trader", "deskmate"):
        (row,) = client.call("history", request_id=f"by-{user}")["requests"]
        assert row["uid"] == int(run("id", "-u", user)), row
    client.close()


def everybody_else_is_refused_and_nothing_is_sent() -> None:
    (order_id,) = MAIN.rest(1)
    code, said = cancelctl("watcher", order_id, "by-watcher")
    assert code == 1, said
    assert "not_allowed" in said
    code, said = cancelctl("outsider", order_id, "by-outsider")
    assert code not in {0, 1}, said
    code, said = as_user("outsider", sys.executable, "-c", CONNECT)
    assert code != 0
    assert "PermissionError" in said, said
    assert MAIN.truth()[order_id] == "new"


CONNECT = f"import socket; socket.socket(socket.AF_UNIX).connect({str(SOCKET)!r})"


def only_the_service_can_read_the_credentials() -> None:
    pid = DAEMON.pid
    for user in ("trader", "outsider"):
        for secret in (ETC / "okx-main.toml", Path(f"/proc/{pid}/environ"), Path(f"/proc/{pid}/mem"), JOURNAL):
            code, said = as_user(user, "cat", str(secret))
            assert code != 0, (user, secret)
            assert "Permission denied" in said, said


def a_reload_gives_an_account_its_first_key() -> None:
    client = Client()
    assert client.account("okx-second")["state"] == "auth_failed"
    own(ETC / "okx-second.toml", keys("old-key"))
    run("systemctl", "reload", DAEMON.name)
    until("the account is ready", lambda: client.account("okx-second")["state"] == "ready")
    client.close()


def a_reload_rotates_one_key_and_leaves_the_other_accounts_alone() -> None:
    pid, client = DAEMON.pid, Client()
    SECOND.stop()
    SECOND.start("new-key")
    until("the old key is refused", lambda: client.account("okx-second")["state"] == "auth_failed")
    client.call("subscribe", topics=["sessions"])
    own(ETC / "okx-second.toml", keys("new-key"))
    run("systemctl", "reload", DAEMON.name)
    until("the new key is taken", lambda: client.account("okx-second")["state"] == "ready")
    touched = {note["params"]["account"] for note in client.notified if note["method"] == "session"}
    assert touched == {"okx-second"}
    until("the reload is over", lambda: DAEMON.show("ActiveState") == "active")
    assert DAEMON.pid == pid
    client.close()


def a_file_that_others_can_read_is_refused_at_a_reload_and_the_old_key_stays() -> None:
    client = Client()
    (ETC / "okx-second.toml").chmod(0o644)
    run("systemctl", "reload", DAEMON.name)
    (alarm,) = until("it is an alarm", lambda: client.account("okx-second")["alarms"])
    assert alarm["name"] == "credentials_not_read", alarm
    assert "0644" in alarm["detail"]
    assert client.account("okx-second")["state"] == "ready"
    (ETC / "okx-second.toml").chmod(0o400)
    run("systemctl", "reload", DAEMON.name)
    until("the alarm is over", lambda: not client.account("okx-second")["alarms"])
    client.close()


def a_silent_venue_or_a_missing_credential_holds_back_no_instance() -> None:
    """An instance with systemd's credentials: one account's is there, one's is missing, and one venue says nothing."""
    own(ETC / "keys/okx-main.toml", keys("main-key"), owner="root")
    own(
        ETC / "group.toml",
        DAEMON_TABLE.format("group", "group/")
        + ACCOUNT.format(name="sealed", credentials="keys_okx-main.toml", port=MAIN.port)
        + ACCOUNT.format(name="missing", credentials="keys_missing.toml", port=MAIN.port)
        + ACCOUNT.format(name="silent", credentials="./okx-main.toml", port=SILENT_PORT),
        0o640,
    )
    GROUP.drop_in("keys", f"[Service]\nLoadCredential=keys:{ETC}/keys/\n")
    began = time.monotonic()
    run("systemctl", "start", GROUP_DOOR.name, GROUP.name)
    assert time.monotonic() - began < END_S
    line = until("all is told", lambda: ready_line(GROUP))
    assert "silent connecting" in line
    assert "missing auth_failed: " in line
    client = Client(GROUP_SOCKET)
    assert client.call("hello", client="check", version="1")["accounts"].keys() == {"sealed", "missing", "silent"}
    client.close()


def ready_line(unit: Unit) -> str:
    line = unit.show("StatusText")
    return line if "sealed ready by ws" in line else ""


def a_credential_that_systemd_brings_stays_until_a_restart_and_check_says_so() -> None:
    folder = Path("/run/credentials") / GROUP.name
    copy = folder / "keys_okx-main.toml"
    assert copy.read_text() == keys("main-key")
    code, said = as_user("trader", "cat", str(copy))
    assert code != 0, said
    own(ETC / "keys/okx-main.toml", keys("another-key"), owner="root")
    run("systemctl", "reload", GROUP.name)
    until("it is said", lambda: "credentials_need_a_restart" in GROUP.log())
    assert copy.read_text() == keys("main-key")
    assert "sealed ready" in GROUP.show("StatusText")
    _, said = check_group(folder)
    assert "keys_missing.toml cannot be read" in said
    own(ETC / "keys/missing.toml", keys("main-key"), owner="root")
    run("systemctl", "restart", GROUP.name)
    _, said = check_group(folder)
    assert "a new key needs a restart" in said
    until("another key is refused", lambda: "sealed auth_failed" in GROUP.show("StatusText"))
    run("systemctl", "stop", GROUP_DOOR.name, GROUP.name)


def check_group(credentials: Path) -> tuple[int, str]:
    """Run `canceld check` as the service would see it."""
    command = (f"{OPT}/bin/canceld", "check", "--config", f"{ETC}/group.toml")
    return as_user("canceld", "env", f"CREDENTIALS_DIRECTORY={credentials}", *command)


def a_client_that_connects_while_it_is_stopped_gets_its_answer() -> None:
    inode = SOCKET.stat().st_ino
    run("systemctl", "stop", DAEMON.name)
    assert not DAEMON.is_active()
    assert DOOR.is_active()
    assert SOCKET.stat().st_ino == inode  # nobody removed it
    Requests(MAIN, "woke", 1).prove()
    until("it is ready for the service manager, too", DAEMON.is_active)
    assert SOCKET.stat().st_ino == inode
    until("it is ready", main_ready)


def an_upgrade_with_requests_in_flight_loses_none() -> None:
    """The new version is put in place under the running one, as `make install` does; clients come and go meanwhile."""
    client, old, new = Client(), Requests(MAIN, "before-upgrade", 20), Requests(MAIN, "during-upgrade", 5)
    run("cp", "-a", str(OPT), f"{OPT}.new")
    MAIN.fall_silent()
    old.ask_until_recorded(client)
    run("sh", str(SOURCE / "systemd/install.sh"), "swap", "files", "host")
    inode, pid = SOCKET.stat().st_ino, DAEMON.pid
    with subprocess.Popen(["systemctl", "restart", DAEMON.name]) as restart:
        until("it stops", lambda: DAEMON.show("ActiveState") != "active" or DAEMON.pid != pid)
        late = Client()
        asked = new.ask(late)
        MAIN.speak_again()
        outcomes = {late.reply(number)["outcome"] for number in asked}
        assert restart.wait() == 0
    assert outcomes == {"canceled"}
    assert DAEMON.pid != pid
    assert SOCKET.stat().st_ino == inode
    assert Path(f"{OPT}.old/bin/canceld").exists()
    old.prove()
    new.prove()
    client.close()
    late.close()


def a_daemon_that_hangs_is_restarted_by_the_watchdog() -> None:
    client, requests, restarts = Client(), Requests(MAIN, "hung", 20), DAEMON.restarts
    MAIN.fall_silent()
    requests.ask_until_recorded(client)
    os.kill(DAEMON.pid, 19)  # SIGSTOP
    until("the watchdog has restarted it", lambda: DAEMON.restarts > restarts and DAEMON.is_active())
    MAIN.speak_again()
    assert "Watchdog timeout" in DAEMON.log()
    requests.prove()
    client.close()


def a_kill_with_requests_in_flight_loses_none() -> None:
    client, requests, restarts = Client(), Requests(MAIN, "killed", 20), DAEMON.restarts
    MAIN.fall_silent()
    requests.ask_until_recorded(client)
    DAEMON.kill("KILL")
    until("it is back", lambda: DAEMON.restarts > restarts and DAEMON.is_active())
    MAIN.speak_again()
    requests.prove()
    client.close()


def a_crash_loop_fails_neither_the_service_nor_its_socket() -> None:
    DAEMON.drop_in("haste", "[Service]\nRestartSec=100ms\n")
    restarts, last = DAEMON.restarts, 0
    for _ in range(7):  # the default start limit is five in ten seconds
        last = until("there is a new process", lambda: DAEMON.pid not in {0, last} and DAEMON.pid)  # noqa: B023 - called at once
        os.kill(last, 9)
    until("it is back", lambda: DAEMON.restarts >= restarts + 7 and DAEMON.is_active())
    assert DOOR.is_active()
    until("it is ready", main_ready)


def a_mistake_in_the_configuration_waits_for_its_operator() -> None:
    """No restart, and no client that starts it for ever; once it is mended, one start brings both back."""
    (ETC / "canceld.toml").write_text("[daemon]\nsokcet = 1\n")
    restarts = DAEMON.restarts
    code, _ = attempt("systemctl", "restart", DAEMON.name)
    assert code != 0
    assert (DAEMON.show("SubState"), DAEMON.show("ExecMainStatus")) == ("failed", "2")
    assert DAEMON.restarts <= restarts
    assert "did you mean 'socket'?" in DAEMON.log()
    knocking = socket(AF_UNIX, SOCK_STREAM)
    knocking.connect(str(SOCKET))
    until("the socket gives up", lambda: DOOR.show("Result") == "trigger-limit-hit", 60)
    knocking.close()
    configure()
    run("systemctl", "start", DAEMON.name)
    assert DOOR.is_active()
    until("it is ready", main_ready)


def a_stop_ends_in_time_with_everything_journaled() -> None:
    client, requests = Client(), Requests(MAIN, "stopped", 20)
    MAIN.fall_silent()
    requests.ask_until_recorded(client)
    began = time.monotonic()
    run("systemctl", "stop", DOOR.name, DAEMON.name)
    took = time.monotonic() - began
    assert GRACE_S <= took < GRACE_S + END_S, took
    assert (DAEMON.show("Result"), DAEMON.show("ExecMainStatus")) == ("success", "0")
    with closing(sqlite3.connect(f"file:{JOURNAL}?mode=ro", uri=True)) as db:
        held = {name for (name,) in db.execute("SELECT request_id FROM requests")}
    assert held >= set(requests.orders)
    client.close()
    run("systemctl", "start", DAEMON.name)  # while the venue is still silent
    MAIN.speak_again()
    requests.prove()
    first = until("each outcome is written", lambda: written(requests))
    assert all(count == 1 for count in first.values()), first


def written(requests: Requests) -> dict[str, int]:
    """Count each request's first outcomes in the journal; nothing until all are there."""
    with closing(sqlite3.connect(f"file:{JOURNAL}?mode=ro", uri=True)) as db:
        found = dict(db.execute("SELECT request_id, count(*) FROM outcomes WHERE revision = 0 GROUP BY request_id"))
    return found if set(requests.orders) <= set(found) else {}


def its_limits_are_those_of_the_unit() -> None:
    limits = Path(f"/proc/{DAEMON.pid}/limits").read_text()
    assert re.search(r"Max core file size +0 +0 ", limits), limits
    assert re.search(r"Max open files +16384 ", limits), limits
    assert DAEMON.show("LogRateLimitIntervalUSec") == "0"
    assert DAEMON.show("PrivateUsers") == "no"  # else every client looks like the user 65534
    assert DAEMON.show("SystemCallErrorNumber") in {"EPERM", "1"}  # else one odd call kills it
    assert DAEMON.show("RuntimeDirectory") == ""  # else a stop removes the socket
    assert "Operation not permitted" in run("systemd-run", "--pipe", "--quiet", *sandbox(), "chrt", "-f", "1", "true",
                                            may_fail=True)  # fmt: skip


def sandbox() -> list[str]:
    """The unit's filter of system calls, for a command that makes one it refuses."""
    lines = Path("/usr/local/lib/systemd/system/canceld.service").read_text().splitlines()
    return [f"-p{line}" for line in lines if line.startswith("SystemCall")]


def no_secret_is_in_the_journal_the_log_or_the_process() -> None:
    secrets = [
        f"{key}-{part}" for key in ("main-key", "old-key", "new-key", "another-key") for part in ("secret", "pass")
    ]
    log = DAEMON.log() + GROUP.log() + DAEMON.show("StatusText")
    pid = DAEMON.pid
    process = Path(f"/proc/{pid}/cmdline").read_bytes() + Path(f"/proc/{pid}/environ").read_bytes()
    files = b"".join(path.read_bytes() for path in JOURNAL.parent.rglob("*") if path.is_file())
    assert '"event":"outcome"' in log
    for secret in secrets:
        assert secret not in log, secret
        assert secret.encode() not in process, secret
        assert secret.encode() not in files, secret


CHECKS: tuple[Callable[[], None], ...] = (
    the_installation_makes_the_user_and_the_folders,
    the_units_verify_clean,
    the_exposure_is_at_most_1_3,
    it_starts_and_its_status_line_says_how_each_account_is,
    a_cancel_of_an_allowed_user_is_told_under_its_own_uid,
    everybody_else_is_refused_and_nothing_is_sent,
    only_the_service_can_read_the_credentials,
    a_reload_gives_an_account_its_first_key,
    a_reload_rotates_one_key_and_leaves_the_other_accounts_alone,
    a_file_that_others_can_read_is_refused_at_a_reload_and_the_old_key_stays,
    a_silent_venue_or_a_missing_credential_holds_back_no_instance,
    a_credential_that_systemd_brings_stays_until_a_restart_and_check_says_so,
    a_client_that_connects_while_it_is_stopped_gets_its_answer,
    an_upgrade_with_requests_in_flight_loses_none,
    a_daemon_that_hangs_is_restarted_by_the_watchdog,
    a_kill_with_requests_in_flight_loses_none,
    a_crash_loop_fails_neither_the_service_nor_its_socket,
    a_mistake_in_the_configuration_waits_for_its_operator,
    a_stop_ends_in_time_with_everything_journaled,
    its_limits_are_those_of_the_unit,
    no_secret_is_in_the_journal_the_log_or_the_process,
)


def listen_silently() -> None:
    """A venue that takes connections and never says a word."""
    listener = socket(AF_INET, SOCK_STREAM)
    listener.bind(("127.0.0.1", SILENT_PORT))
    listener.listen(64)
    held = []
    while True:
        held.append(listener.accept())


def main() -> None:
    """Carry out every check and write what became of each: empty if it held, else why not."""
    threading.Thread(target=listen_silently, daemon=True).start()
    found: dict[str, tuple[str, float]] = {}
    for check in CHECKS:
        began = time.monotonic()
        try:
            check()
            why = ""
        except Exception:  # noqa: BLE001 - the others are to be seen too
            why = traceback.format_exc() + "\n" + run("journalctl", "--no-pager", "-n", "40", may_fail=True)
        found[check.__name__] = (why, round(time.monotonic() - began, 2))
        Path(sys.argv[1]).write_text(json.dumps(found))


if __name__ == "__main__":
    main()
