"""The Unix socket: what one client does, right or wrong, gets the contract's answer and touches nobody else."""

import asyncio
import json
import os
import socket
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from daemon.core.records import Previous
from daemon.edge.desk import (
    Reattached,
)
from protocols.control import results
from protocols.control.lines import LINE_BYTES_MAX
from protocols.fix import Outcome, RequestId, RequestState
from tests.desks import NOW_US, REPORT, correct, folder, report, report_for

__all__ = ["folder"]

from tests.edge.talker import ORDER, a_room, connected, error_of


async def test_a_cancel_is_handed_over_with_its_caller_and_answered_by_its_sink(folder: Path) -> None:
    async with a_room(folder) as (desk, client):
        client.say("cancel", ORDER | {"request_id": "mm1-000042"})
        await desk.until(lambda: bool(desk.cancels))
        taken = desk.cancels[0]
        caller = taken.peer.caller
        assert (caller.uid, caller.gid, caller.pid) == (os.getuid(), os.getgid(), os.getpid())
        assert taken.peer.groups == {os.getgid(), *os.getgroups()}
        assert taken.received_us == NOW_US
        assert taken.sink.connection == taken.peer.connection
        taken.sink.result(report_for(taken.request))
        assert await client.hear() == {
            "jsonrpc": "2.0",
            "id": 7,
            "result": {
                "request_id": "mm1-000042",
                "account": "okx-main",
                "venue": "okx",
                "product": None,
                "instrument": "BTC-USDT",
                "order_id": "590908157585625111",
                "client_order_id": None,
                "outcome": "canceled",
                "ord_status": "canceled",
                "cxl_rej_reason": None,
                "order_qty": "1",
                "cum_qty": "0.00000001",
                "cum_qty_final": True,
                "leaves_qty": "0",
                "avg_px": "30000.10",
                "ended_by": "us",
                "cancel_reason": None,
                "successor_order_id": None,
                "venue_response": {"sCode": "0", "ordId": "590908157585625111"},
                "venue_code": "0",
                "venue_message": "",
                "evidence": {
                    "source": "push",
                    "channel": "orders",
                    "venue_time": "1700000000001",
                    "digest": "ab" * 16,
                },
                "times": {
                    "received": NOW_US,
                    "recorded": NOW_US + 900,
                    "forwarded": NOW_US + 100,
                    "acked": NOW_US + 2000,
                    "evidence": NOW_US + 2500,
                    "reported": NOW_US + 2600,
                },
                "reason": None,
                "durable": True,
                "seq": 1841,
                "revision": 0,
            },
        }


async def test_a_word_that_comes_before_the_desk_returns_is_heard(folder: Path) -> None:
    async with a_room(folder) as (desk, client):
        desk.when_canceled = lambda taken: taken.sink.result(report_for(taken.request))
        assert "result" in await client.ask("cancel", ORDER)


async def test_progress_is_told_each_state_once_and_not_after_the_result(folder: Path) -> None:
    async with a_room(folder) as (desk, client):
        client.say("cancel", ORDER | {"progress": True, "request_id": "r"})
        await desk.until(lambda: bool(desk.cancels))
        sink = desk.cancels[0].sink
        for state in (RequestState.FORWARDED, RequestState.RECORDED, RequestState.FORWARDED):
            sink.progress(RequestId("r"), state)
        sink.result(report())
        sink.progress(RequestId("r"), RequestState.VENUE_ACCEPTED)
        heard = [await client.hear() for _ in range(3)]
        assert heard[0] == {
            "jsonrpc": "2.0",
            "method": "progress",
            "params": {"request_id": "r", "state": "forwarded"},
        }
        assert heard[1]["params"] == {"request_id": "r", "state": "recorded"}
        assert "result" in heard[2]
        assert await client.is_alive()


async def test_progress_that_was_not_asked_for_is_not_told(folder: Path) -> None:
    async with a_room(folder) as (desk, client):
        client.say("cancel", ORDER)
        await desk.until(lambda: bool(desk.cancels))
        desk.cancels[0].sink.progress(RequestId("r"), RequestState.RECORDED)
        assert await client.is_alive()


async def test_replies_come_in_the_order_of_their_outcomes(folder: Path) -> None:
    async with a_room(folder) as (desk, client):
        for call_id in ("a", "b", "c"):
            client.say("cancel", ORDER, call_id)
        await desk.until(lambda: len(desk.cancels) == 3)
        for index in (2, 0, 1):
            desk.cancels[index].sink.result(report())
        assert [(await client.hear())["id"] for _ in range(3)] == ["c", "a", "b"]


async def test_a_second_result_of_one_call_is_not_told(folder: Path) -> None:
    async with a_room(folder) as (desk, client):
        client.say("cancel", ORDER)
        await desk.until(lambda: bool(desk.cancels))
        desk.cancels[0].sink.result(report())
        desk.cancels[0].sink.result(report())
        assert "result" in await client.hear()
        assert await client.is_alive()


async def test_a_call_without_an_id_is_carried_out_and_not_answered(folder: Path) -> None:
    async with a_room(folder) as (desk, client):
        client.raw(
            b'{"jsonrpc":"2.0","method":"cancel","params":%s}\n' % json.dumps(ORDER | {"progress": True}).encode()
        )
        await desk.until(lambda: bool(desk.cancels))
        sink = desk.cancels[0].sink
        sink.progress(RequestId("r"), RequestState.RECORDED)
        sink.result(report())
        sink.correction(*correct(REPORT))
        assert await client.is_alive()


async def test_a_reattached_result_carries_what_was_said_since(folder: Path) -> None:
    async with a_room(folder) as (desk, client):
        first = report(outcome=Outcome.IN_DOUBT, ord_status=None, cum_qty=None, reason="horizon_passed")
        latest, previous = correct(first, outcome=Outcome.FILLED, cum_qty=Decimal(1), reason=None)
        desk.when_canceled = lambda taken: taken.sink.result(first, Reattached(latest, ((latest, previous),)))
        result = (await client.ask("cancel", ORDER))["result"]
        assert isinstance(result, dict)
        assert (result["outcome"], result["revision"], result["reason"]) == ("in_doubt", 0, "horizon_passed")
        assert (result["latest"]["outcome"], result["latest"]["revision"]) == ("filled", 1)
        assert result["corrections"] == [result["latest"] | {"previous": {"outcome": "in_doubt", "cum_qty": None}}]
        assert msgspec.convert(result, results.ReattachedResult).latest.outcome == "filled"


async def test_the_asker_hears_of_each_correction_once(folder: Path) -> None:
    async with a_room(folder) as (desk, client):
        client.say("cancel", ORDER, "a")
        client.say("cancel", ORDER, "b")
        await desk.until(lambda: len(desk.cancels) == 2)
        changed, previous = correct(REPORT, cum_qty=Decimal("0.5"))
        for taken in desk.cancels:
            taken.sink.result(report())
        for taken in desk.cancels:
            taken.sink.correction(changed, previous)
        heard = [await client.hear() for _ in range(3)]
        assert (heard[2]["method"], "id" in heard[2]) == ("correction", False)
        params = heard[2]["params"]
        assert isinstance(params, dict)
        assert (params["cum_qty"], params["revision"]) == ("0.5", 1)
        assert params["previous"] == {"outcome": "canceled", "cum_qty": "0.00000001"}
        assert msgspec.convert(params, results.Correction).revision == 1
        assert await client.is_alive()


async def test_an_enormous_answer_of_a_venue_still_fits_a_line(folder: Path) -> None:
    async with a_room(folder) as (desk, client):
        first = report(
            venue_response={f"f{n}": "\x01" * 500 for n in range(100)},
            venue_message="\x01" * 100_000,
            cancel_reason="\x01" * 100_000,
        )
        corrections = tuple(
            (msgspec.structs.replace(first, revision=n), Previous(first.outcome, None)) for n in range(1, 300)
        )
        history = Reattached(corrections[-1][0], corrections)
        desk.when_canceled = lambda taken: taken.sink.result(first, history)
        result = (await client.ask("cancel", ORDER))["result"]
        assert isinstance(result, dict)
        assert result["venue_response"]["f0"] == "\x01" * 500
        assert result["latest"]["revision"] == 299


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b"{", (-32700, "parse_error")),
        (b"\xff\xfe\x00", (-32700, "parse_error")),
        (b"GET / HTTP/1.1", (-32700, "parse_error")),
        (b"[]", (-32600, "batch_unsupported")),
        (b"{}", (-32600, "invalid_request")),
        (b'{"jsonrpc":"2.0","id":1,"method":"place"}', (-32601, "method_not_found")),
        (b'{"jsonrpc":"2.0","id":1,"method":"place","params":{}}', (-32601, "method_not_found")),
        (b'{"jsonrpc":"2.0","id":1,"method":"cancel"}', (-32602, "invalid_params")),
    ],
)
async def test_a_bad_line_gets_its_error_and_the_connection_lives(
    folder: Path, line: bytes, error: tuple[int, str]
) -> None:
    async with a_room(folder) as (desk, client):
        client.raw(line + b"\n")
        assert error_of(await client.hear()) == error
        assert await client.is_alive()
        assert desk.cancels == []


async def test_an_oversized_line_gets_the_error_and_then_the_end(folder: Path) -> None:
    async with a_room(folder) as (desk, client), connected(folder / "s") as other:
        client.say("ping", call_id="before")
        client.raw(b"x" * (LINE_BYTES_MAX + 1))
        assert (await client.hear())["id"] == "before"
        assert error_of(await client.hear()) == (-32000, "line_too_long")
        assert await client.is_closed()
        await desk.until(lambda: bool(desk.dropped))
        assert await other.is_alive()


async def test_a_line_may_come_in_halves_and_many_in_one_piece(folder: Path) -> None:
    async with a_room(folder) as (_, client):
        whole = b"".join(
            json.dumps({"jsonrpc": "2.0", "id": n, "method": "ping"}).encode() + b"\r\n\n" for n in range(50)
        )
        for start in range(0, len(whole), 97):
            client.raw(whole[start : start + 97])
            await client.writer.drain()
        assert [(await client.hear())["id"] for _ in range(50)] == list(range(50))


async def test_a_client_that_ends_its_writing_is_still_answered_and_then_let_go(folder: Path) -> None:
    async with a_room(folder) as (desk, client):
        client.raw(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "cancel", "params": ORDER}).encode())
        client.writer.write_eof()  # as `printf '...' | socat - UNIX-CONNECT:...` does, without a line feed
        await desk.until(lambda: bool(desk.cancels))
        assert desk.dropped == []
        desk.cancels[0].sink.result(report())
        assert (await client.hear())["id"] == 1
        assert await client.is_closed()
        await desk.until(lambda: bool(desk.dropped))


async def test_a_client_that_ends_its_writing_with_nothing_in_flight_is_let_go(folder: Path) -> None:
    async with a_room(folder) as (_, client):
        client.say("ping")
        client.writer.write_eof()
        assert "result" in await client.hear()
        assert await client.is_closed()


async def test_bye_is_answered_last_and_nothing_after_it_is_heard(folder: Path) -> None:
    async with a_room(folder) as (desk, client):
        client.say("cancel", ORDER, 1)
        client.say("bye", None, 2)
        client.say("cancel", ORDER, 3)
        assert await client.hear() == {"jsonrpc": "2.0", "id": 2, "result": {}}
        client.say("cancel", ORDER, 4)
        desk.cancels[0].sink.result(report())
        assert (await client.hear())["id"] == 1
        assert await client.is_closed()
        assert len(desk.cancels) == 1


async def test_a_client_that_goes_mid_request_is_dropped_and_its_sink_is_silent(folder: Path) -> None:
    async with a_room(folder) as (desk, client), connected(folder / "s") as other:
        client.say("cancel", ORDER | {"progress": True})
        client.say("history")
        desk.may_read.clear()
        await desk.until(lambda: bool(desk.read))
        taken = desk.cancels[0]
        client.gone()
        await desk.until(lambda: bool(desk.dropped))
        assert desk.dropped == [taken.peer.connection]
        taken.sink.progress(RequestId("r"), RequestState.RECORDED)
        taken.sink.result(report())
        taken.sink.correction(*correct(REPORT))
        await desk.until(lambda: desk.reads_canceled == 1)
        assert await other.is_alive()


async def test_cancels_that_were_sent_before_the_client_went_are_carried_out(folder: Path) -> None:
    async with a_room(folder) as (desk, _):
        with socket.socket(socket.AF_UNIX) as gone:
            gone.connect(str(folder / "s"))
            call = {"jsonrpc": "2.0", "method": "cancel", "params": ORDER}
            gone.sendall(2 * (json.dumps(call).encode() + b"\n"))
        await desk.until(lambda: bool(desk.dropped))
        assert len(desk.cancels) == 2


async def test_one_that_floods_lets_others_in_between(folder: Path) -> None:
    async with a_room(folder) as (desk, flooding), connected(folder / "s") as other:
        for client in (flooding, other):
            await client.is_alive()
        for number in range(500):
            flooding.say("cancel", ORDER | {"request_id": f"flood-{number}"})
        other.say("cancel", ORDER | {"request_id": "other"})
        await desk.until(lambda: len(desk.cancels) == 501)
        order = [taken.request.request_id for taken in desk.cancels]
        assert order.index(RequestId("other")) < 100
        assert [name for name in order if name != "other"] == [f"flood-{number}" for number in range(500)]


async def test_lines_that_arrived_are_carried_out_though_their_client_has_gone(folder: Path) -> None:
    async with a_room(folder) as (desk, client):
        for number in range(100):
            client.say("cancel", ORDER | {"request_id": f"r-{number}"})
        await asyncio.sleep(0)
        client.gone()
        await desk.until(lambda: len(desk.cancels) == 100)
        await desk.until(lambda: bool(desk.dropped))


async def test_a_line_too_long_comes_after_those_before_it_however_many(folder: Path) -> None:
    async with a_room(folder) as (desk, client):
        for number in range(100):
            client.say("cancel", ORDER | {"request_id": f"r-{number}"})
        client.raw(b"x" * (LINE_BYTES_MAX + 1) + b"\n")
        client.say("cancel", ORDER | {"request_id": "behind"})
        assert error_of(await client.hear()) == (-32000, "line_too_long")
        assert len(desk.cancels) == 100


async def test_a_bye_ends_what_stands_behind_it(folder: Path) -> None:
    async with a_room(folder) as (desk, client):
        for number in range(40):
            client.say("cancel", ORDER | {"request_id": f"r-{number}"}, call_id=None)
        client.say("bye")
        client.say("cancel", ORDER | {"request_id": "behind"})
        assert (await client.hear())["result"] == {}
        assert [taken.request.request_id for taken in desk.cancels] == [f"r-{number}" for number in range(40)]
