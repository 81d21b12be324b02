"""A request that names the wrong product line: the venue has no such order there, and yet the order lives."""

from __future__ import annotations

import pytest

from protocols.evidence import Absence, OrderReported, Proof, Source, Step
from protocols.fix import OrdStatus, Outcome
from tests.core.story import Story
from tests.core.words import TIMINGS, report

LAG_MS = TIMINGS.replica_lag_ms
HORIZON_MS = TIMINGS.horizon_s * 1000


def deny_with(story: Story, *listed: OrderReported) -> None:
    """Deny the order everywhere, and answer the listing with these rows."""
    put = story.open_questions()[0]
    if put.question.step is Step.OPEN_ORDERS:
        story.answer(put, listed, Absence.DENIES)
    else:
        story.answer_not_found(put)


@pytest.mark.parametrize("by_alias", [False, True])
def test_an_order_that_lives_in_another_product_is_never_called_unknown(by_alias: bool) -> None:
    story = Story()
    story.submit(None if by_alias else "o1", alias="a1" if by_alias else None, product="P")
    story.refuse(Proof.GONE)
    living = report("new", order="o1", alias="a1", product="Q", source=Source.QUERY)
    story.advance(HORIZON_MS + LAG_MS, lambda: deny_with(story, living))
    assert story.outcomes() == [Outcome.IN_DOUBT]


def test_other_orders_in_other_products_are_no_reason_to_doubt() -> None:
    story = Story()
    story.submit("o1", product="P")
    story.refuse(Proof.GONE)
    another = report(OrdStatus.NEW, order="o2", alias="a2", product="Q", source=Source.QUERY)
    story.advance(HORIZON_MS, lambda: deny_with(story, another))
    assert story.outcomes() == [Outcome.UNKNOWN_ORDER]
