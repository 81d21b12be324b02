"""What the desk answers or refuses reaches the client in the contract's words, one line at a time."""

from pathlib import Path

import msgspec
import pytest
from structlog.testing import capture_logs

from daemon.edge.desk import (
    HistoryRow,
    HistoryRows,
    OrderRows,
    Story,
    StoryStep,
)
from protocols.control import results
from protocols.errors import BadRequest
from tests.desks import NOW_US, folder, report

__all__ = ["folder"]

from tests.edge.talker import ORDER, a_room, connected, error_of, order_row


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        (BadRequest("unknown_account", "there is no account nope", path="account"), -32000),
        (BadRequest("account_not_ready", "its key was refused", state="auth_failed"), -32000),
        (BadRequest("not_allowed", "only to observe"), -32000),
        (BadRequest("request_id_conflict", "another order", order_id="1", age_s=3), -32000),
        (BadRequest("too_fast", "slower"), -32000),
        (BadRequest("journal_unavailable", "the disk is full"), -32000),
        (BadRequest("shutting_down", "try the next one"), -32000),
        (BadRequest("invalid_params", "digits only", path="order_id"), -32602),
    ],
)
async def test_what_the_desk_refuses_is_the_contracts_error(folder: Path, refusal: BadRequest, code: int) -> None:
    async with a_room(folder) as (desk, client):
        desk.refusal = refusal
        for method, params in (("cancel", ORDER), ("status", None), ("explain", {"request_id": "r"})):
            message = await client.ask(method, params)
            assert error_of(message) == (code, refusal.reason)
            error = message["error"]
            assert isinstance(error, dict)
            assert error["data"] == (
                {"reason": refusal.reason} | ({"path": refusal.path} if refusal.path else {}) | refusal.data
            )
        assert await client.is_alive()


async def test_a_refused_cancel_is_not_in_flight(folder: Path) -> None:
    async with a_room(folder, in_flight_max=1) as (desk, client):
        desk.refusal = BadRequest("too_fast", "slower")
        for _ in range(3):
            assert error_of(await client.ask("cancel", ORDER)) == (-32000, "too_fast")


async def test_too_many_cancels_in_flight_are_refused_until_one_is_answered(folder: Path) -> None:
    async with a_room(folder, in_flight_max=2) as (desk, client):
        for call_id in (1, 2, 3):
            client.say("cancel", ORDER, call_id)
        message = await client.hear()
        assert (message["id"], error_of(message)) == (3, (-32000, "too_many_in_flight"))
        assert len(desk.cancels) == 2
        desk.cancels[0].sink.result(report())
        assert (await client.hear())["id"] == 1
        client.say("cancel", ORDER, 4)
        await desk.until(lambda: len(desk.cancels) == 3)


async def test_too_many_reads_at_a_time_are_refused(folder: Path) -> None:
    async with a_room(folder, reads_max=1) as (desk, client):
        desk.may_read.clear()
        client.say("history", None, 1)
        message = await client.ask("explain", {"request_id": "r"}, 2)
        assert (message["id"], error_of(message)) == (2, (-32000, "too_many_in_flight"))
        desk.may_read.set()
        assert (await client.hear())["id"] == 1
        assert "result" in await client.ask("explain", {"request_id": "r"}, 3)


@pytest.mark.parametrize("method", ["status", "history"])
async def test_a_bug_in_an_answer_ends_neither_the_connection_nor_the_others(folder: Path, method: str) -> None:
    async with a_room(folder) as (desk, client):
        desk.refusal = KeyError("a bug")
        with capture_logs() as logs:
            assert error_of(await client.ask(method)) == (-32603, "internal_error")
        assert [entry["log_level"] for entry in logs if entry["event"] == "internal_error"] == ["error"]
        assert await client.is_alive()


async def test_a_bug_in_a_cancel_is_never_told_as_nothing_was_sent(folder: Path) -> None:
    async with a_room(folder) as (desk, client), connected(folder / "s") as other:
        desk.refusal = KeyError("a bug")
        client.say("cancel", ORDER)
        with capture_logs():
            assert await client.is_closed()
        assert await other.is_alive()


async def test_hello_names_the_client_and_tells_the_limits(folder: Path) -> None:
    async with a_room(folder) as (desk, client):
        welcome = (await client.ask("hello", {"client": "mm1", "version": "2.0"}))["result"]
        assert isinstance(welcome, dict)
        assert {name: welcome[name] for name in ("server", "version", "protocol", "boot_id", "accounts")} == {
            "server": "canceld",
            "version": "0.1.0",
            "protocol": 1,
            "boot_id": "boot-1",
            "accounts": {"okx-main": "okx"},
        }
        assert welcome["limits"]["line_bytes_max"] == 65536
        client.say("cancel", ORDER)
        await desk.until(lambda: bool(desk.cancels))
        assert desk.cancels[0].peer.caller.client == "mm1 2.0"


async def test_status_counts_the_clients(folder: Path) -> None:
    async with a_room(folder) as (_, client), connected(folder / "s") as other:
        assert await other.is_alive()
        status = (await client.ask("status"))["result"]
        assert isinstance(status, dict)
        assert (status["clients"], status["journal"]) == (2, {"state": "ok"})
        assert status["accounts"]["okx-main"]["alarms"][0]["name"] == "drop_copy_blind"


async def test_track_hands_the_orders_over(folder: Path) -> None:
    async with a_room(folder) as (desk, client):
        orders = [{"account": "okx-main", "instrument": "BTC-USDT", "client_order_id": f"c{n}"} for n in range(3)]
        assert (await client.ask("track", {"orders": orders}))["result"] == {"tracked": 3}
        assert [order.client_order_id for order in desk.tracked] == ["c0", "c1", "c2"]


async def test_the_description_is_given(folder: Path) -> None:
    async with a_room(folder) as (_, client):
        described = (await client.ask("rpc.discover"))["result"]
        assert isinstance(described, dict)
        assert (described["openrpc"], described["info"]["version"]) == ("1.3.2", "0.1.0")


async def test_orders_come_in_pages_that_fit_and_each_once(folder: Path) -> None:
    async with a_room(folder) as (desk, client):
        desk.order_rows = OrderRows(tuple(order_row(n) for n in reversed(range(700))), complete=True)
        found: list[dict[str, object]] = []
        after, pages = None, 0
        while pages == 0 or after is not None:
            page = (await client.ask("orders", {"after": after}))["result"]
            assert isinstance(page, dict)
            assert page["complete"] is True
            found += page["orders"]
            after, pages = page["next"], pages + 1
        assert pages > 1
        assert [order["order_id"] for order in found] == [f"{n:018}" for n in range(700)]
        assert found[0] == {
            "account": "okx-main",
            "venue": "okx",
            "product": None,
            "instrument": "BTC-USDT",
            "order_id": "0" * 18,
            "client_order_id": None,
            "ord_status": "new",
            "side": "buy",
            "order_qty": "0.0000001",
            "cum_qty": None,
            "venue_time": "1700000000001",
        }


async def test_history_comes_in_pages_that_fit_and_each_entry_once(folder: Path) -> None:
    async with a_room(folder) as (desk, client):
        rows = tuple(HistoryRow(report(seq=n), uid=1000, pid=42) for n in range(1, 201))
        desk.history_of = lambda asked: HistoryRows(
            tuple(row for row in rows if row.report.seq >= (asked.from_seq or 0))[: asked.limit], 201
        )
        seqs: list[object] = []
        next_seq = 0
        while True:
            page = (await client.ask("history", {"from_seq": next_seq, "limit": 1000}))["result"]
            assert isinstance(page, dict)
            if not page["requests"]:
                break
            assert (page["requests"][0]["uid"], page["requests"][0]["pid"]) == (1000, 42)
            assert msgspec.convert(page["requests"][0], results.HistoryEntry).uid == 1000
            seqs += [entry["seq"] for entry in page["requests"]]
            next_seq = page["next_seq"]
        assert (seqs, next_seq) == (list(range(1, 201)), 201)


async def test_history_goes_back_in_pages_that_fit_and_each_entry_once(folder: Path) -> None:
    async with a_room(folder) as (desk, client):
        rows = tuple(HistoryRow(report(seq=n), uid=1000, pid=42) for n in range(200, 0, -1))
        desk.history_of = lambda asked: HistoryRows(
            tuple(row for row in rows if row.report.seq < (asked.before_seq or 201))[: asked.limit], 201, True
        )
        seqs: list[object] = []
        before: dict[str, object] = {}
        while True:
            page = (await client.ask("history", {"limit": 1000} | before))["result"]
            assert isinstance(page, dict)
            assert page["next_seq"] == 201
            if page["before_seq"] is None:
                break
            seqs += [entry["seq"] for entry in page["requests"]]
            before = {"before_seq": page["before_seq"]}
        assert seqs == list(range(200, 0, -1))


async def test_a_long_story_comes_in_pages_that_fit(folder: Path) -> None:
    async with a_room(folder) as (desk, client):
        desk.story = Story(
            report(), tuple(StoryStep(NOW_US + n, "observed", str(n), b"\x00\xff" * 2000) for n in range(20))
        )
        steps: list[dict[str, object]] = []
        from_step: int | None = 0
        while from_step is not None:
            page = (await client.ask("explain", {"request_id": "r", "from_step": from_step}))["result"]
            assert isinstance(page, dict)
            assert page["request"]["outcome"] == "canceled"
            steps += page["steps"]
            from_step = page["next_step"]
        assert [step["detail"] for step in steps] == [str(n) for n in range(20)]


async def test_a_story_before_its_outcome_has_no_request(folder: Path) -> None:
    async with a_room(folder) as (desk, client):
        desk.story = Story(None, (StoryStep(NOW_US, "opened", "by uid 0"),))
        assert (await client.ask("explain", {"request_id": "r"}))["result"] == {
            "request": None,
            "steps": [{"t": NOW_US, "kind": "opened", "detail": "by uid 0", "frame": None}],
            "next_step": None,
        }


async def test_an_answer_that_cannot_fit_a_line_says_so(folder: Path) -> None:
    async with a_room(folder) as (desk, client):
        many = {f"a{n:04}": desk.status_now.accounts["okx-main"] for n in range(1000)}
        desk.status_now = msgspec.structs.replace(desk.status_now, accounts=many)
        assert error_of(await client.ask("status")) == (-32000, "answer_too_long")


async def test_a_client_that_says_too_many_lines_in_a_second_is_told_so_and_no_other_is(folder: Path) -> None:
    async with a_room(folder, lines_per_s_max=3) as (_, client), connected(folder / "s") as other:
        for call_id in range(1, 8):
            client.say("ping", None, call_id)
        answers = [await client.hear() for _ in range(7)]
        refused = [message["id"] for message in answers if "error" in message]
        assert {error_of(message) for message in answers if "error" in message} == {(-32000, "too_fast")}
        assert refused == [4, 5, 6, 7]
        assert await other.is_alive()
        client.say("bye", None, 8)
        assert "result" in await client.hear()
