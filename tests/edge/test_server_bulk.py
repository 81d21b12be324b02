"""Bulk cancels on the socket: each order's outcome comes by itself, and then one line for all of them."""

import asyncio
import json
from functools import partial
from pathlib import Path

import msgspec
import pytest

from daemon.core.records import BulkItem, BulkReport, Survivor
from daemon.edge.desk import Preview
from protocols.control import bulk_results
from protocols.fix import AccountName, ClientOrderId, OrderId, OrdStatus, Outcome, RequestId, RequestState
from tests.desks import REPORT, TakenBulk, correct, folder, refuse_with, report
from tests.edge.talker import ORDER, Message, a_room, error_of, order_row

__all__ = ["folder"]

ALL = {"account": "okx-main"}


def item(number: int, outcome: Outcome | None = Outcome.CANCELED, *, wide: bool = False) -> BulkItem:
    stem = "r" * 58 if wide else "flat"
    return BulkItem(
        RequestId(f"{stem}/{number}"),
        AccountName("okx-main"),
        "",
        "BTC-USDT",
        OrderId(f"{number:064}" if wide else str(number)),
        ClientOrderId("c" * 64),
        outcome,
        OrdStatus.CANCELED,
    )


def bulk_report(count: int, survivors: int = 0, *, wide: bool = False) -> BulkReport:
    items = tuple(item(number, wide=wide) for number in range(count))
    rest = tuple(Survivor(item(number, Outcome.IN_DOUBT, wide=wide), "in_doubt") for number in range(survivors))
    return BulkReport(
        RequestId("flat"),
        items if count <= 256 else None,
        count,
        {Outcome.CANCELED: count},
        0,
        not rest,
        rest,
        survivors,
        {"okx": ("algo orders",)},
        {AccountName("okx-main"): "no answer came"} if rest else {},
    )


def answer_with(told: BulkReport, taken: TakenBulk) -> None:
    taken.sink.result(told, is_durable=True)


def result_of(message: Message) -> bulk_results.BulkResult:
    return msgspec.convert(message["result"], bulk_results.BulkResult)


async def test_each_outcome_is_notified_and_then_the_result_comes(folder: Path) -> None:
    async with a_room(folder) as (desk, client):

        def tell(taken: TakenBulk) -> None:
            for number in range(2):
                taken.sink.outcome(report(request_id=f"flat/{number}", seq=number + 1))
            taken.sink.result(bulk_report(2), is_durable=True)
            taken.sink.correction(*correct(REPORT))

        desk.when_bulk = tell
        client.say("cancel_all", ALL)
        told = [await client.hear() for _ in range(4)]
        assert [message.get("method", "result") for message in told] == ["outcome", "outcome", "result", "correction"]
        result = result_of(told[2])
        assert (result.complete, result.total, result.durable) == (True, 2, True)
        assert result.counts == {outcome.value: 2 if outcome is Outcome.CANCELED else 0 for outcome in Outcome}
        assert result.not_covered == {"okx": ["algo orders"]}
        assert [(i.request_id, i.order_id, i.outcome) for i in result.items or ()] == [
            ("flat/0", "0", "canceled"),
            ("flat/1", "1", "canceled"),
        ]


async def test_two_bulk_cancels_that_come_together_are_taken_up_in_two_turns(folder: Path) -> None:
    async with a_room(folder) as (desk, client):
        done: list[str] = []

        def begin(_: TakenBulk) -> None:
            done.append("bulk")
            asyncio.get_running_loop().call_soon(done.append, "others")

        desk.when_bulk = begin
        desk.when_canceled = lambda _: done.append("single")
        calls = [("cancel", ORDER), ("cancel_all", ALL), ("cancel", ORDER), ("cancel_all", ALL)]
        lines = [{"jsonrpc": "2.0", "id": 7, "method": method, "params": params} for method, params in calls]
        client.raw(b"".join(json.dumps(line).encode() + b"\n" for line in lines))
        await desk.until(lambda: len(desk.bulks) == 2)
        assert done[:5] == ["single", "bulk", "others", "single", "bulk"]


async def test_the_progress_of_a_batch_is_told_of_those_items_that_ask_for_it(folder: Path) -> None:
    async with a_room(folder) as (desk, client):

        def tell(taken: TakenBulk) -> None:
            for number in range(3):
                taken.sink.progress(RequestId(f"b/{number}"), RequestState.RECORDED)
            taken.sink.result(bulk_report(3), is_durable=True)

        desk.when_bulk = tell
        client.say("cancel_batch", {"items": [ORDER, ORDER | {"progress": True}, ORDER]})
        assert (await client.hear())["params"] == {"request_id": "b/1", "state": "recorded"}
        assert result_of(await client.hear()).total == 3


async def test_who_subscribes_to_outcomes_hears_each_once(folder: Path) -> None:
    async with a_room(folder) as (desk, client):
        await client.ask("subscribe", {"topics": ["outcomes"]})

        def tell(taken: TakenBulk) -> None:
            taken.sink.outcome(report(seq=1))
            desk.listeners[0].outcome(report(seq=1))
            taken.sink.result(bulk_report(1), is_durable=True)

        desk.when_bulk = tell
        client.say("cancel_all", ALL)
        assert [("result" in await client.hear()) for _ in range(2)] == [False, True]
        assert await client.is_alive()


async def test_a_result_fits_a_line_whatever_it_is_of(folder: Path) -> None:
    async with a_room(folder) as (desk, client):
        for count, survivors, wide, has_items in [
            (256, 0, False, True),
            (256, 0, True, False),
            (256, 100, True, False),
            (300, 100, True, False),
        ]:
            told = bulk_report(count, survivors, wide=wide)
            desk.when_bulk = partial(answer_with, told)
            result = result_of(await client.ask("cancel_all", ALL))
            assert (result.items is not msgspec.UNSET) is has_items
            assert (result.total, result.survivors_total) == (count, survivors)


@pytest.mark.parametrize(("instrument", "shown"), [("BTC-USDT", "BTC-USDT"), ("X" * 100, msgspec.UNSET)])
async def test_the_orders_of_a_result_are_told_with_their_instruments_as_far_as_a_line_holds_them(
    folder: Path, instrument: str, shown: object
) -> None:
    async with a_room(folder) as (desk, client):
        items = tuple(msgspec.structs.replace(item(number), instrument=instrument) for number in range(256))
        desk.when_bulk = partial(answer_with, msgspec.structs.replace(bulk_report(256), items=items))
        result = result_of(await client.ask("cancel_all", ALL))
        assert [told.instrument for told in result.items or ()] == [shown] * 256


async def test_a_correction_of_a_result_is_told_after_it_and_fits_a_line(folder: Path) -> None:
    async with a_room(folder) as (desk, client):
        first = bulk_report(3)
        then = msgspec.structs.replace(bulk_report(256, 100, wide=True), revision=1)

        def tell(taken: TakenBulk) -> None:
            taken.sink.bulk_correction(then, first, is_durable=True)
            taken.sink.result(first, is_durable=True)
            taken.sink.bulk_correction(then, first, is_durable=True)

        desk.when_bulk = tell
        assert result_of(await client.ask("cancel_all", ALL)).revision == 0
        word = await client.hear()
        assert word["method"] == "bulk_correction"
        said = msgspec.convert(word["params"], bulk_results.BulkCorrection)
        assert (said.revision, said.survivors_total, said.previous.complete) == (1, 100, first.complete)


async def test_a_dry_run_tells_what_matches_and_has_no_name(folder: Path) -> None:
    async with a_room(folder) as (desk, client):
        found = Preview((order_row(1), order_row(2)), {}, {"okx": ("algo orders",)})
        desk.when_bulk = lambda taken: taken.sink.preview(found)
        result = result_of(await client.ask("cancel_all", ALL | {"dry_run": True}))
        assert (result.dry_run, result.request_id, result.total, result.complete) == (True, None, 2, True)
        assert [(i.instrument, i.side, i.outcome) for i in result.items or ()] == [("BTC-USDT", "buy", None)] * 2


async def test_what_the_desk_refuses_is_an_error_and_frees_the_place(folder: Path) -> None:
    async with a_room(folder, in_flight_max=1) as (desk, client):
        desk.when_bulk = refuse_with("not_allowed", "no")
        for _ in range(3):
            assert error_of(await client.ask("cancel_all", ALL))[1] == "not_allowed"


async def test_a_bulk_cancel_counts_as_one_in_flight(folder: Path) -> None:
    async with a_room(folder, in_flight_max=1) as (desk, client):
        client.say("cancel_all", ALL, 1)
        await desk.until(lambda: bool(desk.bulks))
        assert error_of(await client.ask("cancel", ORDER, 2))[1] == "too_many_in_flight"
        desk.bulks[0].sink.result(bulk_report(1), is_durable=False)
        assert result_of(await client.hear()).durable is False
