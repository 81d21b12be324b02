"""The verbs of the contract test: a dialect, its sockets, and what it makes of its venue's material."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from protocols.asks import Question, WireCancel
from protocols.dialect import Dialect, Inbound, Role, SocketPlan
from protocols.evidence import OrderReported, QuestionAnswered, QuestionFailed, Step
from protocols.fix import ClientOrderId, OrderId, QueryId, Road, SendId
from protocols.secret import Credentials, Secret
from protocols.venues.registry import dialect_for
from tests.protocols.material import bingx, bitget, bitget_uta, htx, okx, okx_spread
from tests.protocols.material.kit import SEND_ID, Json, Material, Seen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from protocols.rest import RestResponse

ALL: tuple[Material, ...] = sum((venue.MATERIALS for venue in (okx, okx_spread, bitget, bitget_uta, htx, bingx)), ())
CREDENTIALS = Credentials(Secret("key-0001"), Secret("secret-0001"), Secret("pass-0001"))
NOW_US = 1_763_600_000_000_000


def dialect_of(of: Material) -> Dialect:
    return dialect_for(of.venue, of.profile)


def plan_of(of: Material, role: Role) -> SocketPlan:
    return next(plan for plan in dialect_of(of).sockets() if role in plan.roles)


def logins_of(of: Material) -> list[SocketPlan]:
    return [plan for plan in dialect_of(of).sockets() if plan.needs_login]


def wire(of: Material, road: Road, ids: str = "order_id") -> WireCancel:
    return WireCancel(
        SendId(SEND_ID),
        road,
        of.product,
        of.instrument,
        OrderId(of.order_id) if "order_id" in ids.split() else None,
        ClientOrderId(of.client_order_id) if "client_order_id" in ids.split() else None,
    )


def question(of: Material, step: Step, ids: str = "order_id") -> Question:
    named = wire(of, Road.REST, ids)
    return Question(QueryId("q1"), step, of.product, of.instrument, named.order_id, named.client_order_id)


def decoded(of: Material, raw: str | bytes, role: Role = Role.DROP_COPY) -> tuple[Inbound, ...]:
    return dialect_of(of).decode(plan_of(of, role), raw)


def pushed(of: Material, row: Json) -> Inbound:
    """What a push of this one row says."""
    (item,) = decoded(of, of.push(row))
    return item


def asked(of: Material, response: RestResponse, ids: str = "order_id", step: Step = Step.ORDER) -> Any:
    """Put a question whose every page is answered alike; gives what the last page says, as the gateway would."""
    dialect, about = dialect_of(of), question(of, step, ids)
    page = dialect.read_question(about, response, None)
    reports = getattr(page.answer, "reports", ())
    while page.following is not None:
        assert dialect.question_call(about, page.following) != dialect.question_call(about, None)
        page = dialect.read_question(about, response, page.following)
        reports += getattr(page.answer, "reports", ())
    answer = page.answer
    return msgspec.structs.replace(answer, reports=reports) if isinstance(answer, QuestionAnswered) else answer


def queried(of: Material, row: Json) -> OrderReported | None:
    """What the answer about one order says of it."""
    answer = asked(of, of.answer(row))
    if isinstance(answer, QuestionFailed):
        return None
    (report,) = answer.reports
    assert isinstance(report, OrderReported)
    return report


def sights(of: Material) -> Iterator[tuple[str, Seen, OrderReported]]:
    """Every state, pushed and queried, and how it is reported."""
    for name, seen in of.pushed.items():
        item = pushed(of, seen.row)
        assert isinstance(item, OrderReported), (name, item)
        yield f"pushed {name}", seen, item
    for name, seen in of.queried.items():
        report = queried(of, seen.row)
        assert report is not None, name
        yield f"queried {name}", seen, report


def spoilt(of: Material) -> Iterator[tuple[str, Json, Any, Any]]:
    """Every row with a way to show it: name, row, keys, and a function from a row to a report or something else."""
    for name, seen in of.pushed.items():
        yield f"pushed {name}", seen.row, of.push_keys, lambda row: pushed(of, row)
    for name, seen in of.queried.items():
        yield f"queried {name}", seen.row, of.answer_keys, lambda row: queried(of, row)


def unframed(item: Any) -> dict[str, object]:
    """A report or answer without the bytes that it was read from, and without what a spelling may differ in."""
    return {name: getattr(item, name) for name in item.__struct_fields__ if name not in {"frame", "fields"}}


def each(materials: Iterable[Material]) -> pytest.MarkDecorator:
    """Ask each of these."""
    return pytest.mark.parametrize("of", list(materials), ids=lambda of: of.name)


EVERY_VENUE = each(ALL)
EVERY_LOGIN = each(of for of in ALL if of.logins)
EVERY_ENTRY = each(of for of in ALL if Road.WS in dialect_of(of).traits.roads)
