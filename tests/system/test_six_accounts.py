"""One daemon, an account at each venue: what goes wrong at one changes nothing for the others.

Counted is what the others are told and what their venues are asked, never how long it took: each phase with a fault is
held against the same work without one, in the same daemon, just before.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import msgspec
import pytest

from protocols.venues.registry import VENUES
from tests.system.rig import WAIT_S, until
from tests.system.six import is_ready, six

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from tests.system.rig import Client, Message
    from tests.system.six import Account, Six

    GoesOn = Callable[[], Awaitable[object]]
    """Waits until the fault has shown itself once (more)."""
    Fault = Callable[[Six, Account], AbstractAsyncContextManager[GoesOn]]


class Tally(msgspec.Struct, frozen=True):
    """What two orders came to: how each ended, what was asked of the venue, and how many sockets it ever saw."""

    ends: list[tuple[str, str, bool]]
    wire_cancels: int
    questions: int
    sockets: int


async def told(client: Client, reply: Message) -> tuple[str, str, bool]:
    """What a request was told in the end: its outcome, or the correction that brought the final numbers."""
    assert "result" in reply, reply
    last = reply["result"]
    if not last["cum_qty_final"]:
        name = last["request_id"]
        word = await client.notification(
            lambda word: (
                word["method"] == "correction"
                and word["params"]["request_id"] == name
                and word["params"]["cum_qty_final"]
            )
        )
        last = word["params"]
    return last["outcome"], last["cum_qty"], last["cum_qty_final"]


async def work(client: Client, account: Account) -> Tally:
    """Cancel two orders: one that has traded in part, and one that trades away although the venue took the cancel.

    Two, and no more, are within every venue's limits as often as it is done here: none waits for its turn.
    """
    turnstile = account.turnstile
    partial, racing = orders = await account.rest(2)
    await account.door.fill(partial, "0.25")
    turnstile.faults.add(turnstile.faults.parse_json({"ACK_OK_THEN_FILL": {"count": 1, "order_id": racing}}))
    async with asyncio.timeout(WAIT_S):
        replies = await asyncio.gather(*(account.cancel(client, order_id) for order_id in orders))
        ends = [await told(client, reply) for reply in replies]
    truths = await account.door.truths()
    assert [end[0] for end in ends] == [truths[order_id].ord_status for order_id in orders] == ["canceled", "filled"]
    return Tally(ends, account.wire_cancels(orders), account.questions(orders), turnstile.sockets_opened)


@contextlib.asynccontextmanager
async def refused(it: Six, victim: Account) -> AsyncIterator[GoesOn]:
    """The venue takes the key no more, neither for calls nor for logins."""
    victim.fails("AUTH_FAIL:1.0")
    await victim.cut()
    (order_id,) = await victim.rest(1)

    async def is_known() -> None:
        await it.until(lambda accounts: accounts[victim.venue]["state"] == "auth_failed")

    yield is_known
    reply = await victim.cancel(it.client, order_id)
    assert reply["error"]["data"]["reason"] == "account_not_ready"


@contextlib.asynccontextmanager
async def cut(it: Six, victim: Account) -> AsyncIterator[GoesOn]:
    """The venue cuts each socket every second, while orders of its own are canceled."""
    async with victim.cut_every_second() as cuts:
        orders = await victim.rest(4)
        replies = [victim.cancel(it.client, order_id) for order_id in orders]
        yield cuts.acquire
        async with asyncio.timeout(WAIT_S):
            ends = [await told(it.client, reply) for reply in await asyncio.gather(*replies)]
    assert ends == [("canceled", "0", True)] * len(orders)


@contextlib.asynccontextmanager
async def silent(it: Six, victim: Account) -> AsyncIterator[GoesOn]:
    """The venue takes everything and answers nothing, while orders of its own are to be canceled."""
    orders = await victim.rest(4)
    victim.turnstile.is_silent = True
    replies = [victim.cancel(it.client, order_id) for order_id in orders]

    async def is_tried_again() -> None:
        before = victim.turnstile.unanswered
        await until(lambda: victim.turnstile.unanswered > max(before, len(orders)))

    yield is_tried_again
    assert not any(reply.done() for reply in replies)


@pytest.mark.parametrize("venue", list(VENUES))
@pytest.mark.parametrize("fault", [refused, cut, silent], ids=lambda fault: fault.__name__)
async def test_what_goes_wrong_at_one_venue_changes_nothing_at_the_others(
    tmp_path: Path, fault: Fault, venue: str
) -> None:
    async with six(tmp_path, venue) as it:
        victim = it.accounts[venue]
        others = [account for account in it.accounts.values() if account is not victim]
        before = await asyncio.gather(*(work(it.client, account) for account in others))
        async with fault(it, victim) as goes_on:
            await goes_on()
            assert await asyncio.gather(*(work(it.client, account) for account in others)) == before
            await goes_on()
            accounts = (await it.client.result("status"))["accounts"]
            for account in others:
                assert is_ready(accounts[account.venue])
                assert (accounts[account.venue]["in_doubt"], accounts[account.venue]["alarms"]) == (0, [])
