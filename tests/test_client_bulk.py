"""Bulk cancels by the client library: outcomes as they come, one result, and one bulk over several connections."""

import asyncio
from pathlib import Path

import pytest

from daemon.client import BulkResult, Client, Refused, Result
from daemon.client_async import AsyncClient
from daemon.core.records import BulkItem, BulkReport, Survivor
from daemon.edge.desk import Preview
from protocols.control.params import CancelAllParams, CancelBatchParams
from protocols.fix import AccountName, OrderId, Outcome, RequestId
from tests.desks import Elsewhere, FakeDesk, TakenBulk, elsewhere, folder, refuse_with, report, serving
from tests.edge.talker import order_row

__all__ = ["elsewhere", "folder"]

ITEMS = [{"account": "a", "instrument": "B", "order_id": str(number)} for number in range(2)]


def told_of(name: str, count: int) -> BulkReport:
    items = tuple(
        BulkItem(RequestId(f"{name}/{n}"), AccountName("a"), "", "B", OrderId(str(n)), None, Outcome.CANCELED)
        for n in range(count)
    )
    rest = (Survivor(BulkItem(None, AccountName("a"), "", "B", OrderId("9"), None), "not asked for"),)
    return BulkReport(
        RequestId(name), items, count, {Outcome.CANCELED: count}, 0, False, rest, 1, {"okx": ("algos",)},
        {AccountName("a"): "no answer came"},
    )  # fmt: skip


def tell(taken: TakenBulk) -> None:
    """Tell two outcomes of the bulk, one of somebody else's, and the result."""
    name = str(taken.request.request_id)
    for number in range(2):
        taken.sink.outcome(report(request_id=f"{name}/{number}", order_id=str(number), seq=number + 1))
    taken.sink.outcome(report(request_id="another/0", seq=3))
    taken.sink.result(told_of(name, 2), is_durable=True)


def test_a_bulk_cancel_gives_its_result_and_passes_outcomes_on(elsewhere: Elsewhere) -> None:
    desk = FakeDesk()
    desk.when_bulk = tell
    elsewhere.start(desk)
    heard: list[Result] = []
    with Client(str(elsewhere.path)) as canceld:
        result = canceld.cancel_all("a", instrument="B", side="buy", request_id="flat", on_outcome=heard.append)
    assert isinstance(result, BulkResult)
    assert (result.request_id, result.total, result.complete) == ("flat", 2, False)
    assert result.counts["canceled"] == 2
    assert [item["outcome"] for item in result.items] == ["canceled", "canceled"]
    assert [survivor["why"] for survivor in result.survivors] == ["not asked for"]
    assert (result.not_covered, result.reasons) == ({"okx": ["algos"]}, {"a": "no answer came"})
    assert [word.order_id for word in heard] == ["0", "1"]
    (taken,) = desk.bulks
    assert isinstance(taken.request, CancelAllParams)
    assert (taken.request.account, taken.request.instrument, taken.request.side) == ("a", "B", "buy")


def test_a_batch_is_named_and_its_outcomes_are_passed_on(elsewhere: Elsewhere) -> None:
    desk = FakeDesk()
    desk.when_bulk = tell
    elsewhere.start(desk)
    heard: list[Result] = []
    with Client(str(elsewhere.path)) as canceld:
        result = canceld.cancel_batch(ITEMS, on_outcome=heard.append)
    (taken,) = desk.bulks
    assert isinstance(taken.request, CancelBatchParams)
    assert [item.order_id for item in taken.request.items] == ["0", "1"]
    assert result.request_id == taken.request.request_id
    assert [word.request_id for word in heard] == [f"{result.request_id}/0", f"{result.request_id}/1"]


def test_a_dry_run_lists_and_has_no_name(elsewhere: Elsewhere) -> None:
    desk = FakeDesk()
    desk.when_bulk = lambda taken: taken.sink.preview(Preview((order_row(1),), {}, {}))
    elsewhere.start(desk)
    with Client(str(elsewhere.path)) as canceld:
        found = canceld.cancel_all(all_accounts=True, dry_run=True)
    assert (found.total, found.complete, found.request_id) == (1, True, "")
    assert found.items[0]["instrument"] == "BTC-USDT"
    assert desk.bulks[0].request.request_id is None


def test_outcomes_that_nobody_takes_are_kept_as_notifications(elsewhere: Elsewhere) -> None:
    desk = FakeDesk()
    desk.when_bulk = tell
    elsewhere.start(desk)
    with Client(str(elsewhere.path)) as canceld:
        canceld.cancel_all("a", request_id="flat")
        told = canceld.notifications()
        assert [next(told).params["request_id"] for _ in range(3)] == ["flat/0", "flat/1", "another/0"]


def test_a_refusal_is_raised(elsewhere: Elsewhere) -> None:
    desk = FakeDesk()
    desk.when_bulk = refuse_with("invalid_params", "no", path="items[1].order_id")
    elsewhere.start(desk)
    with Client(str(elsewhere.path)) as canceld, pytest.raises(Refused) as refused:
        canceld.cancel_batch(ITEMS)
    assert refused.value.data["path"] == "items[1].order_id"


async def test_after_a_restart_the_same_bulk_is_asked_for_again(folder: Path) -> None:
    first, second = FakeDesk(), FakeDesk()
    second.when_bulk = tell
    heard: list[str | None] = []
    async with AsyncClient(str(folder / "s")) as canceld:
        async with serving(first, folder / "s"):
            asked = asyncio.create_task(
                canceld.cancel_all("a", on_outcome=lambda result: heard.append(result.order_id))
            )
            await first.until(lambda: bool(first.bulks))
        async with serving(second, folder / "s"):
            result = await asked
    assert first.bulks[0].request == second.bulks[0].request
    assert result.request_id == first.bulks[0].request.request_id
    assert heard == ["0", "1"]


async def test_a_batch_with_await(folder: Path) -> None:
    desk = FakeDesk()
    desk.when_bulk = tell
    async with serving(desk, folder / "s"), AsyncClient(str(folder / "s")) as canceld:
        assert (await canceld.cancel_batch(ITEMS, request_id="b")).total == 2
