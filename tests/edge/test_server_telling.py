"""What a subscriber is told, and what becomes of a client that does not read."""

import asyncio
import contextlib
from pathlib import Path

import msgspec
from structlog.testing import capture_logs

from daemon.edge.desk import (
    SessionRow,
)
from protocols.control import results
from protocols.control.params import Topic
from protocols.fix import AccountName, RequestId, RequestState
from tests.desks import REPORT, correct, folder, report

__all__ = ["folder"]

from tests.edge.talker import ORDER, a_room, connected, order_row


async def test_a_subscriber_hears_its_topics_and_no_other(folder: Path) -> None:
    async with a_room(folder) as (desk, client):
        answer = await client.ask("subscribe", {"topics": ["sessions", "outcomes"], "from_seq": 5})
        assert answer["result"] == {"topics": ["outcomes", "sessions"], "next_seq": 5}
        listener = desk.listeners[0]
        listener.outcome(report(seq=5))
        listener.correction(*correct(REPORT))
        listener.order(order_row(1), 6)
        listener.session(SessionRow(AccountName("okx-main"), "drop_copy", "live", "subscribed"), 7)
        heard = [await client.hear(), await client.hear()]
        assert [message["method"] for message in heard] == ["outcome", "session"]
        assert msgspec.convert(heard[0]["params"], results.CancelResult).seq == 5
        assert heard[1]["params"] == {
            "account": "okx-main",
            "channel": "drop_copy",
            "state": "live",
            "detail": "subscribed",
            "seq": 7,
        }
        assert await client.is_alive()


async def test_a_subscriber_to_orders_and_corrections_hears_them_with_their_seq(folder: Path) -> None:
    async with a_room(folder) as (desk, client):
        await client.ask("subscribe", {"topics": ["orders", "corrections"]})
        desk.listeners[0].order(order_row(1), 6)
        desk.listeners[0].correction(*correct(REPORT))
        heard = [(await client.hear())["params"] for _ in range(2)]
        assert msgspec.convert(heard[0], results.OrderMoved).seq == 6
        assert msgspec.convert(heard[1], results.Correction).seq == REPORT.seq + 1


async def test_a_subscriber_to_corrections_hears_its_own_once(folder: Path) -> None:
    async with a_room(folder) as (desk, client):
        await client.ask("subscribe", {"topics": ["corrections"]})
        desk.when_canceled = lambda taken: taken.sink.result(report())
        await client.ask("cancel", ORDER)
        changed = correct(REPORT)
        desk.cancels[0].sink.correction(*changed)
        desk.listeners[0].correction(*changed)
        assert (await client.hear())["method"] == "correction"
        assert await client.is_alive()


async def test_a_new_subscription_takes_the_place_of_the_old_one(folder: Path) -> None:
    async with a_room(folder) as (desk, client):
        await client.ask("subscribe", {"topics": ["outcomes"]})
        await client.ask("subscribe", {"topics": ["outcomes"]})
        assert desk.ended == desk.listeners[:1]
        for listener in desk.listeners:
            listener.outcome(report())
        assert (await client.hear())["method"] == "outcome"
        assert await client.is_alive()
        assert await desk.listeners[0].drained() is False
        assert await desk.listeners[1].drained() is True


async def test_a_slow_reader_misses_notifications_learns_which_and_slows_nobody(folder: Path) -> None:
    async with a_room(folder, notify_bytes_max=100_000) as (desk, client), connected(folder / "s") as other:
        await client.ask("subscribe", {"topics": ["outcomes"]})
        listener = desk.listeners[0]
        for seq in range(1, 5001):
            listener.outcome(report(seq=seq))
        assert await other.is_alive()
        heard: list[int] = []
        gap: dict[str, int] = {}
        while not gap:
            message = await client.hear()
            params = message["params"]
            assert isinstance(params, dict)
            if message["method"] == "gap":
                gap = params
            else:
                heard.append(params["seq"])
        assert 100 < len(heard) < 4000
        assert heard == list(range(1, len(heard) + 1))
        assert gap == {"topic": "outcomes", "from_seq": len(heard) + 1, "to_seq": 5000}
        assert await listener.drained() is True
        listener.outcome(report(seq=5001))
        assert (await client.hear())["method"] == "outcome"


async def test_a_lagging_client_still_gets_its_answers(folder: Path) -> None:
    async with a_room(folder, notify_bytes_max=100_000) as (desk, client):
        await client.ask("subscribe", {"topics": ["outcomes"]})
        client.say("cancel", ORDER | {"progress": True}, "mine")
        await desk.until(lambda: bool(desk.cancels))
        for seq in range(1, 2001):
            desk.listeners[0].outcome(report(seq=seq))
        sink = desk.cancels[0].sink
        sink.progress(RequestId("r"), RequestState.RECORDED)
        sink.result(report())
        sink.correction(*correct(REPORT))
        methods: list[object] = []
        while "gap" not in methods or "mine" not in methods:
            message = await client.hear()
            methods.append(message.get("method", message.get("id")))
            if message.get("method") == "gap" and isinstance(message["params"], dict):
                methods.append(message["params"]["topic"])
        assert "progress" not in methods
        assert methods.count("mine") == 1
        assert {"outcomes", "corrections"} & set(methods)


async def test_a_replay_waits_for_its_reader(folder: Path) -> None:
    async with a_room(folder, notify_bytes_max=100_000) as (desk, client):
        await client.ask("subscribe", {"topics": ["outcomes"]})
        listener = desk.listeners[0]

        async def replay() -> bool:
            for seq in range(1, 3001):
                if not await listener.drained():
                    return False
                listener.outcome(report(seq=seq))
            return True

        replaying = asyncio.create_task(replay())
        seqs = []
        for _ in range(3000):
            params = (await client.hear())["params"]
            assert isinstance(params, dict)
            seqs.append(params["seq"])
        assert seqs == list(range(1, 3001))
        assert await replaying is True


async def test_a_replay_ends_when_its_reader_goes(folder: Path) -> None:
    async with a_room(folder, notify_bytes_max=100_000) as (desk, client):
        await client.ask("subscribe", {"topics": ["outcomes"]})
        for seq in range(1, 2001):
            desk.listeners[0].outcome(report(seq=seq))
        waiting = asyncio.create_task(desk.listeners[0].drained())
        client.gone()
        assert await waiting is False


async def test_a_desk_can_tell_a_gap_itself(folder: Path) -> None:
    async with a_room(folder) as (desk, client):
        desk.when_subscribed = lambda listener, _: listener.gap(Topic.OUTCOMES, 1, 40)
        client.say("subscribe", {"topics": ["outcomes"], "from_seq": 1})
        assert await client.hear() == {
            "jsonrpc": "2.0",
            "method": "gap",
            "params": {"topic": "outcomes", "from_seq": 1, "to_seq": 40},
        }


async def test_a_client_that_never_reads_its_answers_loses_its_connection_alone(folder: Path) -> None:
    async with a_room(folder, answer_bytes_max=200_000) as (desk, client), connected(folder / "s") as other:
        with capture_logs() as logs:
            client.writer.transport.set_write_buffer_limits(high=2**30)
            client.reader.feed_data(b"")
            with contextlib.suppress(ConnectionError):
                for n in range(5000):
                    client.say("rpc.discover", None, n)
            client.writer.transport.pause_reading()  # type: ignore[attr-defined] # a stream's transport reads too
            await desk.until(lambda: bool(desk.dropped))
        assert any(entry["event"] == "client_does_not_read" for entry in logs)
        assert await other.is_alive()
