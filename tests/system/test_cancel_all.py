"""Everything in a scope canceled through the real daemon: each order proven, nothing else touched, nothing left."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from daemon.sim.book import NewOrder, Side
from daemon.sim.registry import build
from tests.system.rig import QUICK, WAIT_S, account_table, until, world, write_credentials

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.system.rig import Client, Message, World

ACCOUNT = "okx-main"
ANOTHER = NewOrder(instrument="BTC-USDT", side=Side.BUY, price=Decimal("0.1"), qty=Decimal(2))
ENDED = {"canceled", "filled", "expired", "rejected"}


def told(client: Client) -> dict[str, str]:
    """What was notified of each order, at last."""
    words = [word["params"] for word in client.notified if word["method"] in {"outcome", "correction"}]
    return {word["order_id"]: word["outcome"] for word in words}


async def cancel_all(client: Client, **params: object) -> Message:
    """Ask for a bulk cancel of the account, unless another scope is given; an error fails the test."""
    scope = {} if "all_accounts" in params else {"account": ACCOUNT}
    async with asyncio.timeout(2 * WAIT_S):
        reply = await client.send("cancel_all", **(scope | params))
    assert "result" in reply, reply
    result: Message = reply["result"]
    return result


def live(it: World) -> set[str]:
    return {order.order_id for order in it.venue.book.orders() if order.ord_status.value not in ENDED}


async def cancels_at(it: World) -> int:
    return sum((await it.door.stats()).cancels.values())


async def no_breach(it: World) -> None:
    assert (await it.door.stats()).breaches == {}


async def test_every_order_gets_its_own_outcome_and_the_venue_is_left_empty(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        client = await it.started()
        orders = await it.rest(30)
        await it.door.fill(orders[3], "1")
        result = await cancel_all(client, request_id="flat")
        assert (result["complete"], result["total"], result["survivors"]) == (True, 30, [])
        assert result["counts"] | {"canceled": 30} == result["counts"]
        assert {item["order_id"]: item["outcome"] for item in result["items"]} == dict.fromkeys(orders, "canceled")
        assert [item["request_id"] for item in result["items"]] == [f"flat/{number}" for number in range(30)]
        assert told(client) == dict.fromkeys(orders, "canceled")
        assert {it.truth_of(order)[0] for order in orders} == {"canceled"}
        assert {it.cancels_of(order) for order in orders} == {1}
        assert result["not_covered"]["okx"]
        await no_breach(it)


async def test_a_dry_run_counts_the_matches_and_sends_nothing(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        client = await it.started()
        orders = await it.rest(12)
        result = await cancel_all(client, instrument="ETH-USDT", dry_run=True)
        wanted = {order for order in orders if it.instrument_of(order) == "ETH-USDT"}
        assert (result["dry_run"], result["request_id"], result["complete"]) == (True, None, True)
        assert result["total"] == len(wanted) == 2
        assert {item["order_id"] for item in result["items"]} == wanted
        assert {item["instrument"] for item in result["items"]} == {"ETH-USDT"}
        assert await cancels_at(it) == 0
        assert live(it) == set(orders)


async def test_what_another_client_placed_outside_of_the_scope_is_not_touched(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        client = await it.started()
        mine = await it.door.place([_order("BTC-USDT", "buy", f"mm1x{n}") for n in range(4)])
        others = await it.door.place(
            [
                _order("BTC-USDT", "buy", "mm2x0"),
                _order("BTC-USDT", "sell", "mm1x8"),
                _order("ETH-USDT", "buy", "mm1x9"),
                {"instrument": "BTC-USDT", "side": "buy", "price": "0.1", "qty": "2"},
            ]
        )
        result = await cancel_all(client, instrument="BTC-USDT", side="buy", client_id_prefix="mm1")
        assert (result["complete"], result["total"]) == (True, 4)
        assert live(it) == set(others)
        assert {it.cancels_of(order) for order in others} == {0}
        assert {it.cancels_of(order) for order in mine} == {1}


def _order(instrument: str, side: str, alias: str) -> dict[str, str]:
    price = "0.1" if side == "buy" else "90000"
    return {"instrument": instrument, "side": side, "price": price, "qty": "2", "client_order_id": alias}


async def test_all_pages_of_a_long_listing_are_read(tmp_path: Path) -> None:
    """No push tells of them: they rest before the daemon comes up, and more of them than a page of the venue holds."""
    async with world(tmp_path) as it:
        orders = await it.rest(230)
        client = await it.started()
        result = await cancel_all(client)
        assert (result["complete"], result["total"], result["counts"]["canceled"]) == (True, 230, 230)
        assert {item["order_id"] for item in result["items"]} == set(orders)
        assert live(it) == set()
        await no_breach(it)


async def test_above_256_orders_the_counts_stay_and_history_has_the_rest(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        client = await it.started()
        orders = await it.rest(270)
        result = await cancel_all(client, request_id="big")
        assert (result["complete"], result["total"], result["counts"]["canceled"]) == (True, 270, 270)
        assert "items" not in result
        assert told(client).keys() == set(orders)
        seen: set[str] = set()
        next_seq = 0
        while True:
            page = await client.result("history", request_id="big", from_seq=next_seq, limit=1000)
            if not page["requests"]:
                break
            seen |= {row["order_id"] for row in page["requests"]}
            next_seq = page["next_seq"]
        assert seen == set(orders)


@pytest.mark.parametrize(
    "faults",
    [
        "ACK_OK_THEN_FILL:0.4",
        "ACK_OK_NO_PUSH",
        "FOREIGN_CANCEL:0.4,NO_ACK:0.2",
        "REJECT(51400):0.4,DROP_PUSH:0.2",
        "PARTIAL_BATCH:0.5,ID_ECHO_MISSING(ack):0.2",
        "STALE_QUERY(1):0.5,DUP_PUSH:0.3,REORDER:0.3",
        "DISCONNECT(before_ack)x2",
    ],
)
async def test_whatever_the_venue_does_each_outcome_is_its_truth_and_nothing_is_left(
    tmp_path: Path, faults: str
) -> None:
    """Rows 2, 4, 12 and 53 of what other systems got wrong: one false summary, one missing item, one lost failure."""
    async with world(tmp_path, account=QUICK) as it:
        client = await it.started()
        orders = await it.rest(24)
        it.faults(faults)
        result = await cancel_all(client)
        said = {item["order_id"]: item["outcome"] for item in result["items"]} | told(client)
        assert said == {order: it.truth_of(order)[0] for order in orders}
        assert (result["complete"], result["survivors"]) == (True, [])
        assert live(it) == set()


async def test_orders_that_fill_while_they_are_canceled_are_told_as_they_ended(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        client = await it.started()
        orders = await it.rest(40)
        asked = client.send("cancel_all", account=ACCOUNT)
        await asyncio.gather(*(it.door.fill(order) for order in orders[::3]))
        result = (await asked)["result"]
        said = {item["order_id"]: item["outcome"] for item in result["items"]} | told(client)
        assert said == {order: it.truth_of(order)[0] for order in said}
        assert {it.truth_of(order)[0] for order in set(orders) - said.keys()} <= {"filled"}  # before anybody looked
        assert result["complete"]
        assert live(it) == set()


async def test_orders_that_appear_meanwhile_are_taken_along(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        client = await it.started()
        first = await it.rest(4)
        it.faults("CANCELING_STATE(2)")
        asked = client.send("cancel_all", account=ACCOUNT, request_id="r")
        await until(lambda: all(it.cancels_of(order) for order in first))
        (bulk,) = (await client.result("status"))["bulks"]
        assert (bulk["request_id"], bulk["cause"], bulk["accounts"], bulk["orders"]) == (
            "r",
            "cancel_all",
            [ACCOUNT],
            4,
        )
        later = await it.rest(3)
        async with asyncio.timeout(WAIT_S):
            result = (await asked)["result"]
        assert (result["complete"], result["total"]) == (True, 7)
        assert {item["order_id"] for item in result["items"]} == {*first, *later}
        assert live(it) == set()
        assert (await client.result("status"))["bulks"] == []


async def test_who_goes_on_placing_is_followed_for_some_rounds_and_the_rest_is_named(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        client = await it.started()
        await it.rest(1)
        is_over = asyncio.Event()

        async def place_one_for_each_that_goes() -> None:
            while not is_over.is_set():
                if not live(it):
                    it.venue.book.place(ANOTHER, 1)
                await asyncio.sleep(0)

        placing = asyncio.create_task(place_one_for_each_that_goes())
        result = await cancel_all(client)
        is_over.set()
        await placing
        assert not result["complete"]
        assert result["total"] >= 5
        (survivor,) = result["survivors"]
        assert survivor["request_id"] is None
        assert survivor["why"].startswith("not asked for")
        account = await it.status(client, lambda account: account["alarms"])
        assert [alarm["name"] for alarm in account["alarms"]] == ["bulk_incomplete"]
        again = await cancel_all(client)
        assert again["complete"]
        await it.status(client, lambda account: not account["alarms"])


async def test_an_order_that_the_venue_will_not_cancel_is_named_among_the_survivors(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        client = await it.started()
        stuck, *others = await it.rest(5)
        it.venue.faults.add(it.venue.faults.parse_json({"REJECT": {"p": 1, "arg": "51416", "order_id": stuck}}))
        result = await cancel_all(client)
        assert (result["complete"], result["survivors_total"]) == (False, 1)
        assert result["counts"] | {"canceled": 4, "rejected": 1} == result["counts"]
        assert [(s["order_id"], s["why"]) for s in result["survivors"]] == [(stuck, "rejected")]
        assert live(it) == {stuck}
        assert {it.truth_of(order)[0] for order in others} == {"canceled"}


async def test_without_a_drop_copy_the_listing_finds_everything_and_confirms_the_end(tmp_path: Path) -> None:
    async with world(tmp_path, account='order_entry = "rest"\n') as it:
        it.faults("ZOMBIE:1")
        await it.daemon.start()
        client = await it.client()
        await it.status(client, lambda account: account["order_entry"] == "rest")
        orders = await it.rest(8)
        result = await cancel_all(client)
        assert (result["complete"], result["counts"]["canceled"]) == (True, 8)
        assert {it.truth_of(order)[0] for order in orders} == {"canceled"}


# ---------------------------------------------------------------- names


async def test_asking_again_under_a_name_attaches_and_another_scope_is_refused(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        client = await it.started()
        await it.rest(3)
        first = await cancel_all(client, request_id="flat")
        (spared,) = await it.rest(1)
        assert await cancel_all(client, request_id="flat") == first
        assert live(it) == {spared}
        others: list[tuple[str, dict[str, object]]] = [
            ("cancel_all", {"account": ACCOUNT, "side": "buy"}),
            ("cancel_all", {"all_accounts": True}),
            ("cancel_batch", {"items": [{"account": ACCOUNT, "instrument": "BTC-USDT", "order_id": spared}]}),
            ("cancel", {"account": ACCOUNT, "instrument": "BTC-USDT", "order_id": spared}),
        ]
        for method, params in others:
            reply = await client.call(method, request_id="flat", **params)
            assert reply["error"]["data"]["reason"] == "request_id_conflict", method
        assert live(it) == {spared}


async def test_a_filter_that_no_order_of_the_venue_can_match_is_refused_and_not_answered_as_done(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as it:
        client = await it.started()
        for wrong in ({"client_id_prefix": "mm_1"}, {"instrument": "BTC/USDT"}):
            for dry_run in (True, False):
                error = (await client.call("cancel_all", account="okx-main", dry_run=dry_run, **wrong))["error"]
                assert (error["data"]["reason"], error["data"]["path"]) == ("invalid_params", *wrong)


async def test_of_an_instrument_that_nobody_knows_it_says_so_beside_that_nothing_rests(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        client = await it.started()
        await it.rest(1)  # of BTC-USDT
        for dry_run in (True, False):
            result = await cancel_all(client, instrument="BTC-UDST", dry_run=dry_run)
            assert (result["complete"], result["total"]) == (True, 0)
            (warning,) = result["warnings"]
            assert warning.startswith("BTC-UDST is not known at okx-main: no order on it was heard of")
            assert "not on okx's list of instruments" in warning
        assert (await cancel_all(client, instrument="DOT-USDT"))["warnings"] == []  # it is on the list
        for total in (1, 0):
            result = await cancel_all(client, instrument="BTC-USDT")
            assert (result["total"], result["warnings"]) == (total, [])


async def test_where_no_list_is_loaded_an_instrument_is_known_by_its_orders(tmp_path: Path) -> None:
    async with world(tmp_path, venue=build("bingx")) as it:
        client = await it.started("rest")
        await it.rest(1)
        assert (await cancel_all(client, instrument="BTC-USDT"))["total"] == 1
        result = await cancel_all(client, all_accounts=True, instrument="ETH-USDT")
        assert result["warnings"] == [
            "ETH-USDT is not known at okx-main: no order on it was heard of since the start; is that its name?"
        ]
        assert (await cancel_all(client, instrument="BTC-USDT"))["warnings"] == []


async def test_a_name_of_a_single_cancel_is_no_name_for_a_bulk_cancel(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        client = await it.started()
        one, other = await it.rest(2)
        await it.canceled(client, one, request_id="mine")
        reply = await client.call("cancel_all", account=ACCOUNT, request_id="mine")
        assert reply["error"]["data"]["reason"] == "request_id_conflict"
        assert live(it) == {other}


async def test_a_client_that_was_cut_off_asks_again_and_loses_nothing(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        client = await it.started()
        orders = await it.rest(6)
        it.faults("CANCELING_STATE(0.5)")
        unheard = client.send("cancel_all", account=ACCOUNT, request_id="flat")
        await until(lambda: all(it.cancels_of(order) for order in orders))
        await client.close()
        assert unheard.cancelled()
        again = await it.client()
        result = await cancel_all(again, request_id="flat")
        assert (result["complete"], result["total"]) == (True, 6)
        assert {it.cancels_of(order) for order in orders} == {1}


async def test_its_stories_tell_what_belongs_to_it(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        client = await it.started()
        (order,) = await it.rest(1)
        await cancel_all(client, request_id="flat")
        whole = await client.result("explain", request_id="flat")
        assert whole["request"] is None
        kinds = [step["kind"] for step in whole["steps"]]
        assert (kinds[0], kinds[-1], set(kinds[1:-1])) == ("bulk_opened", "bulk_ended", {"bulk_listed"})
        one = await client.result("explain", request_id="flat/0")
        assert one["request"]["order_id"] == order
        assert one["steps"][0]["detail"].endswith("for bulk cancel flat")


# ---------------------------------------------------------------- batches


def _item(it: World, order_id: str, **more: object) -> dict[str, object]:
    return {"account": ACCOUNT, "instrument": it.instrument_of(order_id), "order_id": order_id} | more


async def test_a_batch_cancels_what_it_names_in_its_order_and_nothing_else(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        client = await it.started()
        orders = await it.rest(10)
        wanted = [orders[7], orders[2], orders[5]]
        (aliased,) = await it.rest(1, client_order_id="mine1")
        items = [_item(it, order) for order in wanted]
        items.append({"account": ACCOUNT, "instrument": it.instrument_of(aliased), "client_order_id": "mine1"})
        result = await client.result("cancel_batch", items=items, request_id="b")
        assert result["complete"]
        assert [(item["request_id"], item["outcome"]) for item in result["items"]] == [
            (f"b/{number}", "canceled") for number in range(4)
        ]
        assert [item["order_id"] for item in result["items"][:3]] == wanted
        assert live(it) == set(orders) - set(wanted)
        assert result["not_covered"] == {}


@pytest.mark.parametrize(
    ("spoil", "path", "reason"),
    [
        (lambda item: item | {"order_id": "not an id!"}, "items[3].order_id", "invalid_params"),
        (lambda item: item | {"account": "nobody"}, "items[3].account", "unknown_account"),
        (lambda item: item | {"product": "SPOT"}, "items[3].product", "invalid_params"),
        (lambda item: item | {"venue_params": {"x": "1"}}, "items[3].venue_params", "invalid_params"),
    ],
)
async def test_one_bad_item_of_a_batch_refuses_all_of_it(
    tmp_path: Path, spoil: Callable[[dict[str, object]], dict[str, object]], path: str, reason: str
) -> None:
    async with world(tmp_path) as it:
        client = await it.started()
        orders = await it.rest(5)
        items = [_item(it, order) for order in orders]
        items[3] = spoil(items[3])
        data = (await client.call("cancel_batch", items=items))["error"]["data"]
        assert (data["reason"], data["path"].partition(".x")[0]) == (reason, path)
        assert await cancels_at(it) == 0


async def test_a_batch_and_a_bulk_cancel_reach_over_accounts(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    async with world(tmp_path) as it, world(tmp_path / "b") as other:
        write_credentials(tmp_path / "okx.toml")
        with (tmp_path / "canceld.toml").open("a") as config:
            config.write("\n" + account_table("second", other.url))
        client = await it.started()
        await it.status(client, lambda account: account["state"] == "ready", "second")
        here, there = await it.rest(3), await other.rest(3)
        items = [_item(it, here[0]), _item(other, there[0], account="second"), _item(it, here[1])]
        batch = await client.result("cancel_batch", items=items, request_id="b")
        assert [(item["request_id"], item["account"]) for item in batch["items"]] == [
            ("b/0", ACCOUNT),
            ("b/1", "second"),
            ("b/2", ACCOUNT),
        ]
        whole = await cancel_all(client, all_accounts=True, request_id="w")
        assert (whole["complete"], whole["total"]) == (True, 3), whole
        left = {(item["account"], item["order_id"]) for item in whole["items"]}
        assert left == {(ACCOUNT, here[2]), ("second", there[1]), ("second", there[2])}
        assert live(it) == live(other) == set()


async def test_of_all_accounts_one_that_cannot_cancel_is_named_and_the_others_go(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        with (tmp_path / "canceld.toml").open("a") as config:
            config.write("\n" + account_table("broken", it.url, credentials="./wrong.toml"))
        write_credentials(tmp_path / "wrong.toml", key="another")
        client = await it.started()
        await it.status(client, lambda account: account["state"] == "auth_failed", "broken")
        orders = await it.rest(3)
        result = await cancel_all(client, all_accounts=True)
        assert (result["complete"], result["counts"]["canceled"]) == (False, 3)
        assert result["reasons"].keys() == {"broken"}
        assert {it.truth_of(order)[0] for order in orders} == {"canceled"}
        reply = await client.call("cancel_all", account="broken")
        assert reply["error"]["data"]["reason"] == "account_not_ready"
