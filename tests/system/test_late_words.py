"""What comes after the daemon has given up waiting, an answer or a venue that is back, is told as a correction."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from daemon.sim.shell import serve
from daemon.sim.venues.okx.options import OkxOptions
from daemon.sim.venues.okx.venue import OkxVenue
from tests.scraping import free_port
from tests.system.rig import HASTY, WAIT_S, Daemon, World, configure, correction_of, proven, until, world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path


async def test_an_answer_that_comes_after_the_horizon_corrects_the_doubt(tmp_path: Path) -> None:
    async with world(tmp_path, account=HASTY) as it:
        client = await it.started()
        (order_id,) = await it.rest(1)
        it.faults("ACK_LATE(3000):1,DROP_PUSH:1,STALE_QUERY(5):1")
        first = await it.canceled(client, order_id, request_id="r")
        assert (first["outcome"], first["times"]["acked"]) == ("in_doubt", None)
        await until(lambda: it.venue.faults.fired.get("ACK_LATE"))
        it.venue.faults.clear()
        told = await correction_of(client, "r")
        assert (told["outcome"], told["cum_qty"]) == it.truth_of(order_id) == ("canceled", "0")
        assert told["previous"]["outcome"] == "in_doubt"


@asynccontextmanager
async def a_venue_that_goes(
    folder: Path,
) -> AsyncIterator[tuple[World, Callable[[], AbstractAsyncContextManager[object]]]]:
    """A hasty daemon that is configured, and its venue: this is there, at one address, inside of each block of it."""
    venue, port = OkxVenue(OkxOptions(seed=7)), free_port()
    url = f"http://127.0.0.1:{port}"
    configure(folder, url, account=HASTY)
    it = World(venue, url, Daemon(folder))
    try:
        yield it, lambda: serve(venue, "127.0.0.1", port)
    finally:
        await it.close()


async def test_what_happened_while_the_venue_was_gone_is_found_out_when_it_is_back(tmp_path: Path) -> None:
    """Orders fill and are canceled while there is no connection, and no snapshot comes with the next one."""
    async with a_venue_that_goes(tmp_path) as (it, venue_is_there):
        async with venue_is_there():
            client = await it.started()
            filled, canceled, partly, untouched = await it.rest(4)
            it.faults("NO_ACK(lost):1,QUERY_NOTFOUND:1")
            replies = [
                it.cancel(client, order_id, request_id=f"r-{n}") for n, order_id in enumerate((filled, canceled))
            ]
            await until(lambda: it.cancels_of(filled) and it.cancels_of(canceled))
            await it.door.fill(partly, "0.5")
        async with asyncio.timeout(WAIT_S):
            said = [reply["result"] for reply in await asyncio.gather(*replies)]
        assert [result["outcome"] for result in said] == ["in_doubt", "in_doubt"]
        await it.status(client, lambda now: now["drop_copy"] == "down")
        it.venue.faults.clear()
        late = it.cancel(client, partly, request_id="late")  # asked for while there is nobody to ask
        async with venue_is_there():
            it.faults("DROP_PUSHx4")  # nobody hears how it happened
            await it.door.fill(filled)
            await it.door._call("POST", f"/_sim/orders/{canceled}/cancel", None)
            assert (await correction_of(client, "r-0"))["outcome"] == "filled"
            assert (await correction_of(client, "r-1"))["outcome"] == "canceled"
            async with asyncio.timeout(WAIT_S):
                first = (await late)["result"]
            latest = await proven(client, first)
            assert (latest["outcome"], latest["cum_qty"]) == it.truth_of(partly) == ("canceled", "0.5")
            assert it.truth_of(untouched)[0] == "new"


async def test_a_cancel_that_was_lost_in_a_restart_of_the_venue_is_sent_again_when_it_is_back(tmp_path: Path) -> None:
    """The order rests on all the while: nobody ever saw the cancel, by either road."""
    async with a_venue_that_goes(tmp_path) as (it, venue_is_there):
        async with venue_is_there():
            client = await it.started()
            (order_id,) = await it.rest(1)
            it.faults("NO_ACK(lost):1,QUERY_NOTFOUND:1")
            reply = it.cancel(client, order_id, request_id="r")
            await until(lambda: it.cancels_of(order_id))
        async with asyncio.timeout(WAIT_S):
            assert (await reply)["result"]["outcome"] == "in_doubt"
        it.venue.faults.clear()
        assert it.truth_of(order_id)[0] == "new"
        before = it.cancels_of(order_id)
        async with venue_is_there():
            assert (await correction_of(client, "r"))["outcome"] == "canceled"
            assert it.truth_of(order_id) == ("canceled", "0")
            assert it.cancels_of(order_id) > before
