"""The metrics page of a real daemon says what happened, in names with units, and nothing that is secret."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.scraping import free_port, scrape, scrape_until
from tests.system.rig import world

if TYPE_CHECKING:
    from pathlib import Path

    from tests.system.rig import Client, World

UNITS = ("_seconds", "_bytes", "_total", "_info")
COUNTS = {  # gauges that count things or are 1 or 0 need no unit
    "canceld_requests_in_flight", "canceld_requests_in_doubt", "canceld_cancel_ready", "canceld_budget_waiting_cancels",
    "canceld_sends_in_flight", "canceld_questions_in_flight", "canceld_account_state", "canceld_order_entry",
    "canceld_drop_copy", "canceld_sockets", "canceld_alarm", "canceld_build_info", "canceld_clients",
    "canceld_subscribers", "canceld_instrument_codes", "canceld_journal_state", "canceld_journal_records_held",
    "canceld_open_fds", "canceld_dead_man", "canceld_bulk_cancels_running",
}  # fmt: skip


async def cancel_all(it: World, client: Client, orders: list[str]) -> list[str]:
    """Cancel each order, and give the outcomes."""
    replies = [
        client.send("cancel", account="okx-main", instrument=it.instrument_of(order_id), order_id=order_id)
        for order_id in orders
    ]
    return [(await reply)["result"]["outcome"] for reply in replies]


async def test_what_happened_stands_on_the_page(tmp_path: Path) -> None:
    port = free_port()
    faults = "DUP_PUSH:0.2,ACK_OK_NO_PUSH:0.2,BAD_FRAME:0.1"
    async with world(tmp_path, faults=faults, extra=f'metrics = "127.0.0.1:{port}"') as it:
        await it.daemon.start()
        client = await it.client()
        await client.result("subscribe", topics=["outcomes"])
        await it.ready(client)
        orders = await it.rest(20)
        for order_id in orders[:3]:
            await it.door.fill(order_id)
        outcomes = await cancel_all(it, client, orders)
        refused = await client.call("cancel", account="nobody", instrument="BTC-USDT", order_id="1")
        assert "error" in refused
        page = await scrape_until(
            port,
            lambda page: (
                page.total("canceld_outcomes_total") >= len(orders) and page.value("canceld_journal_records_held") == 0
            ),
        )

        mine = {"account": "okx-main", "venue": "okx"}
        for kind in ("canceled", "filled", "rejected", "in_doubt", "unknown_order", "not_sent"):
            assert page.value("canceld_outcomes_total", outcome=kind, **mine) == outcomes.count(kind)
        assert page.value("canceld_outcomes_total", outcome="filled") == 3
        assert page.total("canceld_outcome_evidence_total") == 20
        assert page.value("canceld_outcome_evidence_total", source="query") > 0
        for stage in ("recorded", "reported", "whole"):
            assert page.value("canceld_stage_seconds_count", stage=stage) == 20
        assert page.value("canceld_stage_seconds_bucket", stage="whole", le="+Inf") == 20
        assert page.value("canceld_stage_seconds_count", stage="acked") > 0
        assert page.value("canceld_account_state", state="ready") == 1
        assert page.total("canceld_account_state") == 1
        assert page.value("canceld_drop_copy", state="live") == 1
        assert page.value("canceld_sockets", state="live") == page.value("canceld_dials_total") == 1
        assert page.value("canceld_requests_in_flight") == page.value("canceld_requests_in_doubt") == 0
        assert page.value("canceld_frames_set_aside_total") > 0
        assert page.value("canceld_refusals_total", reason="unknown_account") == 1
        assert page.value("canceld_subscribers") == page.value("canceld_clients") == 1
        assert page.value("canceld_journal_state", state="ok") == 1
        assert page.value("canceld_journal_commit_seconds_count") > 0
        assert page.value("canceld_resident_memory_bytes") > 1 << 20
        assert page.value("canceld_last_inbound_age_seconds") >= 0
        assert abs(page.value("canceld_clock_offset_seconds")) < 60


async def test_every_metric_is_explained_and_says_its_unit(tmp_path: Path) -> None:
    port = free_port()
    async with world(tmp_path, extra=f'metrics = "127.0.0.1:{port}"') as it:
        await it.daemon.start()
        page = await scrape(port)
        for name, family in page.families.items():
            assert name.startswith("canceld_")
            assert family.documentation.endswith(".") or family.documentation.endswith(")."), name
            if family.type != "counter":  # the parser has taken _total away
                assert name.endswith(UNITS) or name in COUNTS, name
        assert {family.type for family in page.families.values()} == {"gauge", "counter", "histogram"}


async def test_an_account_without_a_key_and_its_alarm_stand_on_the_page(tmp_path: Path) -> None:
    port = free_port()
    async with world(tmp_path, extra=f'metrics = "127.0.0.1:{port}"') as it:
        (tmp_path / "okx.toml").unlink()
        await it.daemon.start()
        page = await scrape_until(port, lambda page: page.value("canceld_account_state", state="auth_failed") == 1)
        assert page.value("canceld_alarm", alarm="auth_failed") == 1
        assert page.value("canceld_cancel_ready") == 0
        assert page.value("canceld_dials_total") == 0


async def test_a_port_that_is_taken_keeps_no_cancel_from_being_sent(tmp_path: Path) -> None:
    port = free_port()
    other = await asyncio.start_server(lambda *_: None, "127.0.0.1", port)
    async with world(tmp_path, extra=f'metrics = "127.0.0.1:{port}"') as it:
        await it.daemon.start()
        client = await it.client()
        await it.ready(client)
        assert await cancel_all(it, client, await it.rest(2)) == ["canceled", "canceled"]
        assert await it.daemon.stop() == 0
        assert any(line["event"] == "metrics_not_served" for line in it.daemon.log)
    other.close()


async def test_an_outcomes_line_says_who_asked(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        await it.daemon.start()
        client = await it.client()
        await client.result("hello", client="mm1", version="7")
        await it.ready(client)
        (order_id,) = await it.rest(1)
        assert await cancel_all(it, client, [order_id]) == ["canceled"]
        assert await it.daemon.stop() == 0
        (line,) = [line for line in it.daemon.log if line["event"] == "outcome"]
        assert (line["uid"], line["pid"], line["client"]) == (*whoami(), "mm1 7")
        assert line["order_id"] == order_id


def whoami() -> tuple[int, int]:
    import os

    return os.getuid(), os.getpid()
