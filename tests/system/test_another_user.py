"""The account's name belongs to one user of the venue: a key of somebody else finishes nothing and cancels nothing."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
from typing import TYPE_CHECKING

from daemon.sim.shell import serve
from daemon.sim.venue import Credentials, HttpRequest
from daemon.sim.venues.okx.options import OkxOptions
from daemon.sim.venues.okx.venue import OkxVenue
from tests.system.rig import HASTY, configure, proven, until, world, write_credentials

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.system.rig import Client, Message, World

SILENT = "NO_ACK(lost):1,QUERY_NOTFOUND:1"
IDENTITY = "/api/v5/account/config"


async def left_open(it: World, order_id: str) -> None:
    """A life that ends while a request is under way, its record on disk."""
    client = await it.started()
    it.faults(SILENT)
    unanswered = it.cancel(client, order_id, request_id="r", progress=True)
    await client.notification(lambda message: message["params"].get("state") == "recorded")
    await until(lambda: it.cancels_of(order_id))
    await until(lambda: has_bound(it))
    await it.daemon.stop(signal.SIGKILL)
    assert unanswered.cancelled() or not unanswered.done()
    it.venue.faults.clear()


def has_bound(it: World) -> bool:
    """Whether the journal says whose key it is."""
    with contextlib.closing(sqlite3.connect(it.daemon.folder / "journal.sqlite")) as db:
        return bool(db.execute("SELECT count(*) FROM accounts").fetchone()[0])


def asked_about(venue: OkxVenue, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note every REST call to a venue from now on."""
    calls: list[str] = []
    inner = venue.http

    def http(request_id: int, request: HttpRequest, now_us: int) -> None:
        calls.append(request.target)
        inner(request_id, request, now_us)

    monkeypatch.setattr(venue, "http", http)
    return calls


def about_orders(calls: list[str]) -> list[str]:
    return [call for call in calls if call.startswith("/api/v5/trade/order?")]


async def is_changed(it: World, client: Client) -> Message:
    return await it.status(client, lambda now: now["state"] == "account_changed")


async def test_a_key_of_another_user_leaves_old_requests_in_doubt_and_cancels_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = OkxVenue(OkxOptions(seed=9, uid="999"))
    async with world(tmp_path) as it, serve(stranger, "127.0.0.1", 0) as server:
        (order_id,) = await it.rest(1)
        await left_open(it, order_id)
        calls = asked_about(stranger, monkeypatch)
        configure(tmp_path, server.url)
        await it.daemon.start()
        client = await it.client()
        said = await is_changed(it, client)
        assert said["cancel_ready"] is False
        assert said["in_doubt"] == 1
        (alarm,) = [alarm for alarm in said["alarms"] if alarm["name"] == "account_changed"]
        assert "999" in alarm["detail"]
        old = await it.canceled(client, order_id, request_id="r")
        assert old["outcome"] == "in_doubt"
        refused = await it.cancel(client, order_id, request_id="new")
        data = refused["error"]["data"]
        assert (data["reason"], data["state"]) == ("account_not_ready", "account_changed")
        assert about_orders(calls) == []
        assert stranger.floor.stats.cancels == {}

        await it.daemon.stop(signal.SIGKILL)  # and the next life knows it still
        await it.daemon.start()
        client = await it.client()
        assert (await is_changed(it, client))["in_doubt"] == 1
        assert about_orders(calls) == []

        await it.daemon.stop()
        configure(tmp_path, it.url)  # the old key is back: the work goes on
        client = await it.started()
        said = await it.canceled(client, order_id, request_id="r")
        latest = said["latest"] if said["outcome"] == "in_doubt" else said
        if latest["outcome"] == "in_doubt":
            word = await client.notification(lambda message: message["method"] == "correction")
            latest = word["params"]
        assert (latest["outcome"], latest["cum_qty"]) == it.truth_of(order_id) == ("canceled", "0")


async def test_as_long_as_nobody_says_whose_key_it_is_nothing_old_is_asked_or_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The venue does not answer the question whose key it is; all else works. The old order may be a stranger's."""
    stranger = OkxVenue(OkxOptions(seed=9, uid="999"))
    async with world(tmp_path, account=HASTY) as it, serve(stranger, "127.0.0.1", 0) as server:
        (order_id,) = await it.rest(1)
        await left_open(it, order_id)
        calls = asked_about(stranger, monkeypatch)
        mute = stranger.http

        def http(request_id: int, request: HttpRequest, now_us: int) -> None:
            if request.target.startswith(IDENTITY):
                calls.append(request.target)
            else:
                mute(request_id, request, now_us)

        monkeypatch.setattr(stranger, "http", http)
        configure(tmp_path, server.url, account=HASTY)
        client = await it.started()
        said = await it.canceled(client, order_id, request_id="r")
        assert said["outcome"] == "in_doubt"
        new = await client.result("cancel", account="okx-main", instrument="BTC-USDT", order_id="1")
        assert (await proven(client, new))["outcome"] == "unknown_order"
        assert IDENTITY in calls
        assert [call for call in about_orders(calls) if order_id in call] == []
        assert stranger.floor.stats.cancels.keys() == {"1"}


async def test_a_rotated_key_of_another_user_is_noticed_without_a_restart(tmp_path: Path) -> None:
    options = OkxOptions(seed=7)
    async with world(tmp_path, options=options, account=HASTY) as it:
        client = await it.started()
        (order_id,) = await it.rest(1)
        it.faults(SILENT)
        assert (await it.canceled(client, order_id, request_id="r"))["outcome"] == "in_doubt"
        object.__setattr__(options, "credentials", Credentials("second", "second-secret", "second-pass"))
        object.__setattr__(options, "uid", "999")
        write_credentials(tmp_path / "okx.toml", "second", "second-secret", "second-pass")
        assert it.daemon.process is not None
        os.kill(it.daemon.process.pid, signal.SIGHUP)
        assert (await is_changed(it, client))["in_doubt"] == 1
        refused = await it.cancel(client, order_id)
        assert refused["error"]["data"]["state"] == "account_changed"
        (row,) = (await client.result("history", request_id="r"))["requests"]
        assert row["outcome"] == "in_doubt"
