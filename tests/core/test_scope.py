"""A scope holds the orders that fit each of its members, and never one of which that is not said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from protocols.fix import Side
from tests.core.bulk_story import order, scope
from tests.core.story import ACCOUNT
from tests.core.words import report

if TYPE_CHECKING:
    from daemon.core.scope import Scope

CASES: list[tuple[Scope, dict[str, object], bool | None]] = [
    (scope(), {}, True),
    (scope(), {"alias": None, "side": None, "instrument": ""}, True),
    (scope(instrument="ABC-XYZ"), {}, True),
    (scope(instrument="ABC"), {}, False),
    (scope(instrument="ABC-XYZ"), {"instrument": ""}, None),
    (scope(side="buy"), {}, True),
    (scope(side="sell"), {}, False),
    (scope(side="sell"), {"side": None}, None),
    (scope(side="sell", instrument="ABC"), {"side": None}, False),
    (scope(client_id_prefix="mm-"), {"alias": "mm-1"}, True),
    (scope(client_id_prefix="mm-"), {"alias": "mm1"}, False),
    (scope(client_id_prefix="mm-"), {"alias": None}, False),
    (scope(product="SPOT"), {}, False),
    (scope(product="SPOT", side="buy"), {"product": "SPOT", "side": Side.BUY}, True),
    (scope(orders=(order("o1"),)), {}, True),
    (scope(orders=(order("o2"),)), {}, False),
    (scope(orders=(order("o2", "a1"),)), {"alias": "a1"}, False),
    (scope(orders=(order(None, "a1"), order("o9"))), {"alias": "a1"}, True),
]


@pytest.mark.parametrize(("held", "said", "is_in"), CASES)
def test_an_order_is_in_it_only_if_it_fits_every_member(
    held: Scope, said: dict[str, object], *, is_in: bool | None
) -> None:
    assert held.matches(report("new", **said)) is is_in  # type: ignore[arg-type]  # members by name


def test_it_says_what_it_holds() -> None:
    assert scope().described() == f"all orders of {ACCOUNT}"
    narrowed = scope(instrument="ABC-XYZ", side="buy", client_id_prefix="mm-")
    assert narrowed.described() == (
        f"all orders of {ACCOUNT} (instrument ABC-XYZ, side buy, client ids beginning with mm-)"
    )
    assert scope(orders=(order("o1"), order("o2"))).described() == f"2 orders of {ACCOUNT}"
