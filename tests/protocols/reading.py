"""What tests ask of any dialect, and how they hold what it read: a cancel, a question, the one thing a frame means."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from protocols.asks import Question, WireCancel
from protocols.evidence import CancelAnswered, OrderReported
from protocols.fix import ClientOrderId, OrderId, QueryId, Road, SendId

if TYPE_CHECKING:
    from protocols.dialect import Inbound
    from protocols.evidence import Step


def cancel_of(
    instrument: str,
    order_id: str | None,
    client_order_id: str | None,
    *,
    product: str = "",
    road: Road = Road.WS,
    send_id: str = "c0000001",
    params: dict[str, str] | None = None,
    operation: str = "",
) -> WireCancel:
    return WireCancel(
        SendId(send_id),
        road,
        product,
        instrument,
        None if order_id is None else OrderId(order_id),
        None if client_order_id is None else ClientOrderId(client_order_id),
        params or {},
        operation,
    )


def question_of(
    step: Step, instrument: str, order_id: str | None, client_order_id: str | None, *, product: str = ""
) -> Question:
    return Question(
        QueryId("q1"),
        step,
        product,
        instrument,
        None if order_id is None else OrderId(order_id),
        None if client_order_id is None else ClientOrderId(client_order_id),
    )


def changed(text: str, **members: object) -> str:
    """The same JSON object with other members; None takes a member away."""
    body = orjson.loads(text)
    for key, value in members.items():
        if value is None:
            body.pop(key, None)
        else:
            body[key] = value
    return orjson.dumps(body).decode()


def the_one(items: tuple[Inbound, ...]) -> Inbound:
    """What a frame means, when it means one thing."""
    assert len(items) == 1, items
    return items[0]


def as_report(item: Inbound) -> OrderReported:
    assert isinstance(item, OrderReported), item
    return item


def as_answer(item: Inbound) -> CancelAnswered:
    assert isinstance(item, CancelAnswered), item
    return item
