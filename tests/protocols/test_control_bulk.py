"""The calls of bulk cancels: what they take, and where the error points when an item is wrong."""

from __future__ import annotations

import msgspec
import pytest

from protocols.control import params as asked
from protocols.control.refusals import Reason
from protocols.fix import Priority
from tests.protocols.test_control import ORDER, called, line, reason_and_path

GOOD = {"account": "okx-main"}


def batch(*items: object, **members: object) -> dict[str, object]:
    return {"items": list(items)} | members


def test_a_batch_is_read_item_by_item() -> None:
    params = called(line("cancel_batch", batch(ORDER, ORDER | {"priority": "urgent"}, request_id="b1"))).params
    assert isinstance(params, asked.CancelBatchParams)
    assert [item.priority for item in params.items] == [Priority.NORMAL, Priority.URGENT]
    assert params.request_id == "b1"


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        ({"account": "okx-main", "instrument": "X"}, "items[3].order_id"),
        (ORDER | {"order_id": 7}, "items[3].order_id"),
        (ORDER | {"order_id": ""}, "items[3].order_id"),
        (ORDER | {"ordre_id": "1"}, "items[3].ordre_id"),
        (ORDER | {"venue_params": {"a": []}}, "items[3].venue_params"),
        (ORDER | {"request_id": "mine"}, "items[3].request_id"),
        ({"instrument": "X", "order_id": "1"}, "items[3].account"),
        ("an order", "items[3]"),
    ],
)
def test_the_error_points_at_the_bad_item_of_a_batch(wrong: object, path: str) -> None:
    text = line("cancel_batch", batch(ORDER, ORDER, ORDER, wrong, ORDER))
    assert reason_and_path(text) == (Reason.INVALID_PARAMS, path)


@pytest.mark.parametrize("place", [0, 1, 7, 8])
def test_the_first_of_several_bad_items_is_named(place: int) -> None:
    items = [ORDER | {"order_id": 7} if index >= place else ORDER for index in range(9)]
    assert reason_and_path(line("cancel_batch", batch(*items))) == (Reason.INVALID_PARAMS, f"items[{place}].order_id")


def test_a_tracked_order_that_is_wrong_is_named_too() -> None:
    order = {"account": "a", "instrument": "X", "client_order_id": "c"}
    text = line("track", {"orders": [order, order | {"placed_at": -1}]})
    assert reason_and_path(text) == (Reason.INVALID_PARAMS, "orders[1].placed_at")


@pytest.mark.parametrize("items", [[], "x", {"0": ORDER}, [ORDER] * 257])
def test_a_batch_has_1_to_256_items(items: object) -> None:
    reason, path = reason_and_path(line("cancel_batch", {"items": items}))
    assert reason == Reason.INVALID_PARAMS
    assert str(path).startswith("items")


def test_a_bulk_cancel_is_read_member_by_member() -> None:
    wish = GOOD | {
        "product": "SPOT",
        "instrument": "BTC-USDT",
        "side": "sell",
        "client_id_prefix": "mm-",
        "dry_run": True,
        "request_id": "flat.1:a-b_c",
        "deadline_ms": 900,
        "priority": "urgent",
    }
    params = called(line("cancel_all", wish)).params
    assert params == msgspec.convert(wish, asked.CancelAllParams)


@pytest.mark.parametrize(
    ("wish", "path"),
    [
        ({}, "account"),
        ({"all_accounts": False}, "account"),
        ({"instrument": "BTC-USDT"}, "account"),
        (GOOD | {"all_accounts": True}, "all_accounts"),
        ({"all_accounts": True, "product": "SPOT"}, "product"),
        ({"all_accounts": 1}, "all_accounts"),
        (GOOD | {"side": "both"}, "side"),
        (GOOD | {"instrumnet": "BTC-USDT"}, "instrumnet"),
        (GOOD | {"client_id_prefix": ""}, "client_id_prefix"),
        (GOOD | {"request_id": "r/1"}, "request_id"),
        (GOOD | {"request_id": "r" * 59}, "request_id"),
        (GOOD | {"deadline_ms": 0}, "deadline_ms"),
    ],
)
def test_a_scope_has_to_be_said_and_a_misspelt_filter_is_no_wider_wish(wish: object, path: str) -> None:
    assert reason_and_path(line("cancel_all", wish)) == (Reason.INVALID_PARAMS, path)


@pytest.mark.parametrize(("name", "is_good"), [("r/0", True), ("r" * 58 + "/99999", True), ("r" * 64, True),
                                               ("r/", False), ("r/1/2", False), ("r/123456", False),
                                               ("r" * 59 + "/1", False), ("r/1\n", False)])  # fmt: skip
def test_the_request_of_one_order_of_a_bulk_cancel_can_be_asked_about(name: str, is_good: bool) -> None:
    for method in ("history", "explain"):
        text = line(method, {"request_id": name})
        if is_good:
            called(text)
        else:
            assert reason_and_path(text) == (Reason.INVALID_PARAMS, "request_id")


def test_no_single_cancel_has_the_name_of_a_bulk_cancels_order() -> None:
    assert reason_and_path(line("cancel", ORDER | {"request_id": "r/0"})) == (Reason.INVALID_PARAMS, "request_id")
