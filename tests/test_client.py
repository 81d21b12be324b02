"""The client library: one answer per request, over as many connections as it takes, and never a second request."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from pathlib import Path

import pytest

from daemon import client_words as library
from daemon.client import Client, NoAnswer, NoDaemon, Notification, Refused
from daemon.client_async import AsyncClient
from daemon.edge.desk import HistoryRow, HistoryRows, Listener, OrderRow, OrderRows, Reattached, Story, StoryStep
from protocols.control.params import HistoryParams
from protocols.errors import BadRequest
from protocols.fix import AccountName, OrderId, OrdStatus, Outcome, RequestId, RequestState
from tests.desks import (
    NOW_US,
    REPORT,
    Elsewhere,
    FakeDesk,
    Taken,
    answer_with,
    correct,
    elsewhere,
    folder,
    refuse_with,
    report,
    report_for,
    serving,
)

__all__ = ["elsewhere", "folder"]


def a_desk(when_canceled: Callable[[Taken], None] = lambda _: None) -> FakeDesk:
    desk = FakeDesk()
    desk.when_canceled = when_canceled
    return desk


def each(*steps: Callable[[Taken], None]) -> Callable[[Taken], None]:
    """Do the first step at the first cancel, the next at the next, and the last ever after."""
    left = list(steps)

    def step(taken: Taken) -> None:
        now = left.pop(0) if len(left) > 1 else left[0]
        now(taken)

    return step


def die_and_come_back_as(elsewhere: Elsewhere, next_desk: FakeDesk) -> Callable[[Taken], None]:
    """Be killed when asked, and be back with another desk."""

    def restart() -> None:
        elsewhere.stop()
        elsewhere.start(next_desk)

    return lambda _: threading.Thread(target=restart).start()


def order_rows(count: int) -> OrderRows:
    return OrderRows(
        tuple(
            OrderRow(AccountName("a"), "okx", None, "BTC-USDT", OrderId(f"{n:020}"), None, OrdStatus.NEW)
            for n in range(count)
        ),
        complete=True,
    )


def history_rows(count: int) -> Callable[..., HistoryRows]:
    rows = [HistoryRow(report(seq=n), uid=1, pid=2) for n in range(1, count + 1)]

    def asked_for(asked: HistoryParams) -> HistoryRows:
        if asked.from_seq is not None:
            return HistoryRows(tuple(row for row in rows if row.report.seq >= asked.from_seq)[: asked.limit], count + 1)
        before = count + 1 if asked.before_seq is None else asked.before_seq
        older = tuple(row for row in reversed(rows) if row.report.seq < before)
        return HistoryRows(older[: asked.limit], count + 1, is_newest_first=True)

    return asked_for


# ---------------------------------------------------------------- blocking


def test_three_lines_cancel_an_order(elsewhere: Elsewhere) -> None:
    desk = a_desk(answer_with())
    elsewhere.start(desk)
    with Client(str(elsewhere.path), name="mm1") as canceld:
        result = canceld.cancel("okx-main", "BTC-USDT", order_id="590908157585625111")
    assert (result.outcome, result.cum_qty, result.ord_status) == ("canceled", Decimal("0.00000001"), "canceled")
    assert (result.cum_qty_final, result.seq, result.revision, result.latest) == (True, 1841, 0, None)
    assert result.raw["ended_by"] == "us"
    taken = desk.cancels[0]
    assert result.request_id == taken.request.request_id
    assert taken.peer.caller.client == "mm1 1"


def test_what_is_wished_is_asked(elsewhere: Elsewhere) -> None:
    desk = a_desk(answer_with())
    elsewhere.start(desk)
    with Client(str(elsewhere.path)) as canceld:
        canceld.cancel(
            "a",
            "B",
            request_id="r1",
            client_order_id="c1",
            product="SPOT",
            priority="urgent",
            venue_params={"cancelRestrictions": "NEW"},
            timeout=None,
        )
    request = desk.cancels[0].request
    assert (request.account, request.instrument, request.request_id) == ("a", "B", "r1")
    assert (request.order_id, request.client_order_id, request.product) == (None, "c1", "SPOT")
    assert (request.priority, request.venue_texts()) == ("urgent", {"cancelRestrictions": "NEW"})
    assert (request.deadline_ms, request.progress) == (None, False)


def test_each_request_without_a_name_gets_its_own(elsewhere: Elsewhere) -> None:
    desk = a_desk(answer_with())
    elsewhere.start(desk)
    with Client(str(elsewhere.path)) as canceld:
        names = {canceld.cancel("a", "B", order_id="1").request_id for _ in range(3)}
    assert len(names) == 3


def test_progress_is_told_as_it_is_made(elsewhere: Elsewhere) -> None:
    def go_on(taken: Taken) -> None:
        name = taken.request.request_id or RequestId("")
        taken.sink.progress(name, RequestState.FORWARDED)
        taken.sink.progress(RequestId("another"), RequestState.VENUE_REFUSED)
        taken.sink.progress(name, RequestState.RECORDED)
        taken.sink.result(report_for(taken.request))

    elsewhere.start(a_desk(go_on))
    states: list[str] = []
    with Client(str(elsewhere.path)) as canceld:
        canceld.cancel("a", "B", order_id="1", on_progress=states.append)
    assert states == ["forwarded", "recorded"]


def test_a_lost_connection_is_made_again_and_the_request_attached_to_by_its_name(elsewhere: Elsewhere) -> None:
    second = a_desk(answer_with())
    first = a_desk(die_and_come_back_as(elsewhere, second))
    elsewhere.start(first)
    with Client(str(elsewhere.path)) as canceld:
        result = canceld.cancel("a", "B", order_id="1", deadline_ms=60_000)
    assert result.outcome == "canceled"
    assert len(first.cancels) == len(second.cancels) == 1
    before, after = first.cancels[0].request, second.cancels[0].request
    assert before.request_id == after.request_id == result.request_id
    assert before.deadline_ms is not None
    assert after.deadline_ms is not None
    assert 1 <= after.deadline_ms <= before.deadline_ms == 60_000


def test_what_a_daemon_refuses_while_it_comes_up_is_waited_out(elsewhere: Elsewhere) -> None:
    second = a_desk(each(refuse_with("account_not_ready", "connecting", state="connecting"), answer_with()))
    first = a_desk(die_and_come_back_as(elsewhere, second))
    elsewhere.start(first)
    with Client(str(elsewhere.path)) as canceld:
        assert canceld.cancel("a", "B", order_id="1").outcome == "canceled"
    assert len({taken.request.request_id for taken in (*first.cancels, *second.cancels)}) == 1


def test_the_same_refusal_is_final_for_who_was_not_cut_off(elsewhere: Elsewhere) -> None:
    desk = a_desk(refuse_with("account_not_ready", "its key was refused", path="account", state="auth_failed"))
    elsewhere.start(desk)
    with Client(str(elsewhere.path)) as canceld, pytest.raises(Refused, match="its key was refused") as refused:
        canceld.cancel("a", "B", order_id="1")
    error = refused.value
    assert (error.code, error.reason) == (-32000, "account_not_ready")
    assert error.data == {"reason": "account_not_ready", "path": "account", "state": "auth_failed"}
    assert len(desk.cancels) == 1


def test_no_daemon_is_said_at_once(folder: Path) -> None:
    with Client(str(folder / "nowhere")) as canceld, pytest.raises(NoDaemon, match="nowhere") as missing:
        canceld.cancel("a", "B", order_id="1")
    assert missing.value.path == str(folder / "nowhere")


def test_no_answer_in_time_names_the_request_to_ask_for_again(elsewhere: Elsewhere) -> None:
    desk = a_desk(each(lambda _: None, answer_with()))
    elsewhere.start(desk)
    with Client(str(elsewhere.path)) as canceld:
        canceld.ping()  # the time that is too short is that of the cancel alone, and not that of connecting
        with pytest.raises(NoAnswer) as silence:
            canceld.cancel("a", "B", order_id="1", timeout=0.05)
        name = silence.value.request_id
        assert name is not None
        assert canceld.cancel("a", "B", order_id="1", request_id=name).request_id == name
    assert [taken.request.request_id for taken in desk.cancels] == [name, name]


def test_a_daemon_that_does_not_come_back_is_no_answer(elsewhere: Elsewhere) -> None:
    elsewhere.start(a_desk(lambda _: threading.Thread(target=elsewhere.stop).start()))
    with Client(str(elsewhere.path)) as canceld:
        canceld.ping()
        with pytest.raises(NoAnswer):
            canceld.cancel("a", "B", order_id="1", timeout=0.3)


def test_a_reattached_result_carries_the_latest(elsewhere: Elsewhere) -> None:
    first = report(outcome=Outcome.IN_DOUBT, reason="horizon_passed", cum_qty=None)
    latest, previous = correct(first, outcome=Outcome.FILLED, reason=None)
    elsewhere.start(a_desk(lambda taken: taken.sink.result(first, Reattached(latest, ((latest, previous),)))))
    with Client(str(elsewhere.path)) as canceld:
        result = canceld.cancel("a", "B", order_id="1")
    assert (result.outcome, result.reason, result.cum_qty) == ("in_doubt", "horizon_passed", None)
    assert result.latest is not None
    assert (result.latest.outcome, result.latest.revision) == ("filled", 1)


def test_the_other_questions_are_answered(elsewhere: Elsewhere) -> None:
    desk = a_desk()
    desk.order_rows = order_rows(700)
    desk.history_of = history_rows(200)
    desk.story = Story(REPORT, tuple(StoryStep(NOW_US, "observed", str(n), b"x" * 4000) for n in range(40)))
    elsewhere.start(desk)
    with Client(str(elsewhere.path)) as canceld:
        assert canceld.ping() == {"now": NOW_US, "bindings": []}
        assert canceld.status()["boot_id"] == "boot-1"
        assert canceld.track([{"account": "a", "instrument": "B", "client_order_id": "c"}]) == {"tracked": 1}
        orders = canceld.orders(account="a")
        assert (len(list_of(orders, "orders")), orders["complete"]) == (700, True)
        assert seqs(canceld.history(limit=150)) == [*range(200, 50, -1)]
        assert canceld.history(limit=150)["next_seq"] == 201
        assert seqs(canceld.history(3, 150)) == [*range(3, 153)]
        whole = canceld.history(limit=1000, account="a")
        assert (len(list_of(whole, "requests")), whole["next_seq"]) == (200, 201)
        story = canceld.explain("r")
        assert len(list_of(story, "steps")) == 40
        assert isinstance(story["request"], dict)
        described = canceld.call("rpc.discover", {})
        assert described["openrpc"] == "1.3.2"


def list_of(answer: dict[str, object], key: str) -> list[object]:
    value = answer[key]
    assert isinstance(value, list)
    return value


def seqs(answer: dict[str, object]) -> list[object]:
    return [row["seq"] for row in list_of(answer, "requests") if isinstance(row, dict)]


def test_notifications_come_and_a_lost_subscription_goes_on_where_it_stopped(elsewhere: Elsewhere) -> None:
    second = a_desk()
    second.when_subscribed = lambda listener, _: listener.outcome(report(seq=9))
    first = a_desk()
    first.when_subscribed = lambda listener, _: listener.outcome(report(seq=7))
    elsewhere.start(first)
    with Client(str(elsewhere.path)) as canceld:
        assert canceld.subscribe(["outcomes"], from_seq=7) == {"topics": ["outcomes"], "next_seq": 7}
        told = canceld.notifications()
        first_told = next(told)
        assert (first_told.method, first_told.params["seq"]) == ("outcome", 7)
        elsewhere.do(lambda: first.listeners[0].outcome(report(seq=8)))
        assert next(told).params["seq"] == 8
        elsewhere.stop()
        elsewhere.start(second)
        assert next(told).params["seq"] == 9
    assert [subscribed.from_seq for subscribed in second.subscribed] == [9]


def test_notifications_that_nobody_reads_make_room_and_leave_a_gap(
    elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "NOTIFICATIONS_MAX", 3)

    def tell(listener: Listener, _: object) -> None:
        for seq in range(1, 9):
            listener.outcome(report(seq=seq))

    desk = a_desk()
    desk.when_subscribed = tell
    elsewhere.start(desk)
    with Client(str(elsewhere.path)) as canceld:
        canceld.subscribe(["outcomes"])
        told = canceld.notifications()
        assert next(told) == Notification("gap", {"topic": "outcomes", "from_seq": 1, "to_seq": 5})
        assert [next(told).params["seq"] for _ in range(3)] == [6, 7, 8]


def test_the_socket_is_the_environments_or_the_packaged_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANCELD_SOCKET", "/tmp/mine")
    assert Client().path == "/tmp/mine"
    monkeypatch.delenv("CANCELD_SOCKET")
    assert Client().path == "/run/canceld/canceld.sock"


async def test_a_socket_is_named_by_a_path_too(elsewhere: Elsewhere) -> None:
    elsewhere.start(FakeDesk())
    with Client(elsewhere.path) as canceld:
        assert await asyncio.to_thread(canceld.ping)
    async with AsyncClient(elsewhere.path) as awaited:
        assert await awaited.ping()


# ---------------------------------------------------------------- with await


@contextlib.asynccontextmanager
async def talking(folder: Path, desk: FakeDesk) -> AsyncIterator[AsyncClient]:
    async with serving(desk, folder / "s"), AsyncClient(str(folder / "s"), name="mm2") as canceld:
        yield canceld


async def test_many_cancels_are_in_flight_over_one_connection(folder: Path) -> None:
    desk = a_desk()
    async with talking(folder, desk) as canceld:
        asked = [asyncio.create_task(canceld.cancel("a", "B", order_id=str(n), request_id=f"r{n}")) for n in range(50)]
        await desk.until(lambda: len(desk.cancels) == 50)
        for taken in reversed(desk.cancels):
            taken.sink.result(report_for(taken.request))
        results = await asyncio.gather(*asked)
    assert [result.order_id for result in results] == [str(n) for n in range(50)]
    assert len({taken.peer.connection for taken in desk.cancels}) == 1
    assert desk.cancels[0].peer.caller.client == "mm2 1"


async def test_progress_is_told_to_whom_it_concerns(folder: Path) -> None:
    def go_on(taken: Taken) -> None:
        taken.sink.progress(taken.request.request_id or RequestId(""), RequestState.RECORDED)
        taken.sink.result(report_for(taken.request))

    async with talking(folder, a_desk(go_on)) as canceld:
        mine: list[str] = []
        await canceld.cancel("a", "B", order_id="1", on_progress=mine.append)
        await canceld.cancel("a", "B", order_id="1")
    assert mine == ["recorded"]


async def test_all_that_were_in_flight_ask_again_after_a_restart(folder: Path) -> None:
    first, second = a_desk(), a_desk(answer_with())
    async with AsyncClient(str(folder / "s")) as canceld:
        async with serving(first, folder / "s"):
            asked = [
                asyncio.create_task(canceld.cancel("a", "B", order_id=str(n), request_id=f"r{n}")) for n in range(5)
            ]
            await first.until(lambda: len(first.cancels) == 5)
        async with serving(second, folder / "s"):
            results = await asyncio.gather(*asked)
    assert [result.request_id for result in results] == [f"r{n}" for n in range(5)]
    assert sorted(taken.request.request_id or "" for taken in second.cancels) == [f"r{n}" for n in range(5)]


async def test_refusals_silence_and_absence_are_told_apart(folder: Path) -> None:
    desk = a_desk(each(refuse_with("unknown_account", "there is none", path="account"), lambda _: None))
    async with AsyncClient(str(folder / "s")) as canceld:
        with pytest.raises(NoDaemon):
            await canceld.ping()
        async with serving(desk, folder / "s"):
            with pytest.raises(Refused, match="unknown_account"):
                await canceld.cancel("a", "B", order_id="1")
            with pytest.raises(NoAnswer) as silence:
                await canceld.cancel("a", "B", order_id="1", request_id="r", timeout=0.05)
            assert silence.value.request_id == "r"
            assert await canceld.ping() == {"now": NOW_US, "bindings": []}


async def test_a_closed_client_asks_nothing_more(folder: Path) -> None:
    desk = a_desk()
    async with serving(desk, folder / "s"):
        canceld = AsyncClient(str(folder / "s"))
        asked = asyncio.create_task(canceld.cancel("a", "B", order_id="1"))
        await desk.until(lambda: bool(desk.cancels))
        await canceld.close()
        with pytest.raises(NoDaemon, match="closed"):
            await asked
        with pytest.raises(NoDaemon, match="closed"):
            await canceld.ping()


async def test_the_other_questions_are_answered_with_await(folder: Path) -> None:
    desk = a_desk()
    desk.order_rows = order_rows(700)
    desk.history_of = history_rows(200)
    desk.story = Story(REPORT, (StoryStep(NOW_US, "opened", ""),))
    async with talking(folder, desk) as canceld:
        assert (await canceld.status())["boot_id"] == "boot-1"
        assert await canceld.track([{"account": "a", "instrument": "B", "client_order_id": "c"}]) == {"tracked": 1}
        assert len(list_of(await canceld.orders(), "orders")) == 700
        assert seqs(await canceld.history(limit=150)) == [*range(200, 50, -1)]
        assert len(list_of(await canceld.explain("r"), "steps")) == 1


async def test_notifications_go_on_over_a_restart_with_await(folder: Path) -> None:
    first, second = a_desk(), a_desk()
    first.when_subscribed = second.when_subscribed = lambda listener, asked: listener.outcome(
        report(seq=asked.from_seq or 1)
    )
    async with AsyncClient(str(folder / "s")) as canceld:
        told = canceld.notifications()
        async with serving(first, folder / "s"):
            await canceld.subscribe(["outcomes"], from_seq=7)
            assert (await anext(told)).params["seq"] == 7
            first.listeners[0].outcome(report(seq=8))
            assert (await anext(told)).params["seq"] == 8
        async with serving(second, folder / "s"):
            assert (await anext(told)).params["seq"] == 9
    assert [subscribed.from_seq for subscribed in second.subscribed] == [9]


async def test_a_subscription_that_is_refused_after_a_restart_says_so(folder: Path) -> None:
    second = a_desk()
    async with AsyncClient(str(folder / "s")) as canceld:
        async with serving(a_desk(), folder / "s"):
            await canceld.subscribe(["outcomes"])
        async with serving(second, folder / "s"):
            second.refusal = BadRequest("not_allowed", "no longer")
            with pytest.raises(Refused, match="no longer"):
                await anext(canceld.notifications())
            second.refusal = None
            assert (await canceld.status())["boot_id"] == "boot-1"
