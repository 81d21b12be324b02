"""What canceld wants of a venue, as values: a cancel, a question about orders, and where a long answer goes on.

They are the same for every venue; how one is written, and by which road it travels, is its dialect's.
"""

from __future__ import annotations

import msgspec

from protocols.evidence import QuestionAnswered, QuestionFailed, Step
from protocols.fix import ClientOrderId, OrderId, QueryId, Road, SendId


class WireCancel(msgspec.Struct, frozen=True, gc=False):
    """One cancel as it is to leave. With both ids the ``order_id`` is what is sent.

    ``operation`` names the call to make where a venue has several that cancel; "" is its usual one. ``batch`` names the
    batch that it leaves in, by the first cancel of it; "" when it leaves alone.
    """

    send_id: SendId
    road: Road
    product: str
    instrument: str
    order_id: OrderId | None
    client_order_id: ClientOrderId | None
    venue_params: dict[str, str] = {}
    operation: str = ""
    batch: SendId = SendId("")


class Question(msgspec.Struct, frozen=True, gc=False):
    """One step of asking about an order, or (without ids, step OPEN_ORDERS) about all open orders of the account."""

    query_id: QueryId
    step: Step
    product: str
    instrument: str
    order_id: OrderId | None = None
    client_order_id: ClientOrderId | None = None

    @property
    def is_listing(self) -> bool:
        """Whether it is about no single order; of these one at a time is under way."""
        return self.order_id is None and self.client_order_id is None


class Cursor(msgspec.Struct, frozen=True):
    """Where the next page of an answer starts: opaque to everyone but the dialect that made it."""

    value: str
    page: int = 1


class Page(msgspec.Struct, frozen=True):
    """One page of an answer, with the cursor of the next one if there is one.

    The last page speaks for all of them: its ``complete`` and ``absence`` are those of the whole answer.
    """

    answer: QuestionAnswered | QuestionFailed
    following: Cursor | None = None
