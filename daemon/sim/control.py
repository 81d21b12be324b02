"""The control door of a simulated venue: `/_sim/...`, by which tests and the demo place, fill and cancel orders, set
faults and read the truth.

It is the same for every venue, asks for no credentials, and knows no venue's words. That only the loopback reaches it
is the server's duty.

    POST   /_sim/orders {"instrument","side","price","qty","client_order_id"?,"product"?}     the order (201)
    POST   /_sim/orders [order, ...]                                                          {"orders":[...]} (201)
    POST   /_sim/orders/{order_id}/fill {"qty"?}       all that is left if absent             the order
    POST   /_sim/orders/{order_id}/cancel              somebody else cancels it               the order
    GET    /_sim/orders, /_sim/orders/{order_id}       every order, or one
    POST   /_sim/faults {NAME: {...}}                  merges                                 the standing rules
    GET    /_sim/faults, DELETE /_sim/faults           shows, or forgets, the standing rules
    GET    /_sim/stats
    GET    /_sim/switch                                the dead-man switch, where the venue has one

An unknown order is 404, an ended one 409, as is one above the venue's caps; bad input is 400. Every refusal is
`{"error": sentence}`.
"""

from decimal import Decimal
from typing import TYPE_CHECKING

from daemon.sim import wire
from daemon.sim.book import BadFill, CapReached, NewOrder, Order, OrderEnded, Side, UnknownOrder
from daemon.sim.faults import FaultError, FaultRule
from daemon.sim.venue import HttpRequest, HttpResponse, SimVenue
from daemon.sim.wire import BadJsonError, JsonObject

if TYPE_CHECKING:
    from collections.abc import Callable

PREFIX = "/_sim/"
BULK_MAX = 5_000
"""Orders in one bulk placement: above any venue's cap on resting orders."""


class Refusal(Exception):
    """An HTTP status and the sentence that goes with it."""

    def __init__(self, status: int, sentence: str) -> None:
        self.status = status
        super().__init__(sentence)


def control(venue: SimVenue, request: HttpRequest, now_us: int) -> HttpResponse:
    """Carry out one request at the control door."""
    path = request.target.partition("?")[0]
    try:
        return _route(venue, request.method, path.removeprefix(PREFIX).split("/"), request.body, now_us)
    except Refusal as refusal:
        return _json(refusal.status, {"error": str(refusal)})
    except (BadJsonError, FaultError, BadFill) as error:
        return _json(400, {"error": str(error)})
    except UnknownOrder as error:
        return _json(404, {"error": str(error)})
    except (OrderEnded, CapReached) as error:
        return _json(409, {"error": str(error)})


def order_row(order: Order) -> JsonObject:
    """An order as the control door shows it."""
    return {
        "order_id": order.order_id,
        "client_order_id": order.client_order_id,
        "product": order.product,
        "instrument": order.instrument,
        "side": order.side.value,
        "price": wire.plain(order.price),
        "qty": wire.plain(order.qty),
        "cum_qty": wire.plain(order.cum_qty),
        "ord_status": order.ord_status.value,
    }


def _route(venue: SimVenue, method: str, path: list[str], body: bytes, now_us: int) -> HttpResponse:
    match method, path:
        case "GET", ["orders"]:
            return _json(200, {"orders": [order_row(order) for order in venue.book.orders()]})
        case "POST", ["orders"]:
            return _place(venue, wire.parse(body), now_us)
        case "GET", ["orders", order_id]:
            return _row(_known(venue, order_id))
        case "POST", ["orders", order_id, "fill"]:
            return _fill(venue, order_id, wire.parse_object(body) if body.strip() else {}, now_us)
        case "POST", ["orders", order_id, "cancel"]:
            return _row(venue.take_off(order_id, now_us))
        case "GET", ["stats"]:
            return _stats(venue)
        case "GET", [name] if name in venue.floor.reports:
            return _json(200, venue.floor.reports[name]())
        case _, ["faults"]:
            return _faults(venue, method, body, now_us)
    raise Refusal(404, f"{method} /_sim/{'/'.join(path)}: the control door has no such thing")


def _place(venue: SimVenue, document: object, now_us: int) -> HttpResponse:
    if isinstance(document, list):
        if len(document) > BULK_MAX:
            raise Refusal(400, f"{len(document)} orders in one request, {BULK_MAX} at most")
        wanted = [_new_order(venue, wire.as_object(each, f"order {at}")) for at, each in enumerate(document)]
        return _json(201, {"orders": [order_row(venue.rest(new, now_us)) for new in wanted]})
    return _row(venue.rest(_new_order(venue, wire.as_object(document, "the order")), now_us), 201)


def _new_order(venue: SimVenue, document: JsonObject) -> NewOrder:
    side = document.get("side")
    if side not in ("buy", "sell"):
        raise Refusal(400, '"side" is "buy" or "sell"')
    new = NewOrder(
        instrument=_text(document, "instrument") or "",
        side=Side(side),
        price=_positive(document, "price"),
        qty=_positive(document, "qty"),
        client_order_id=_text(document, "client_order_id"),
        product=_text(document, "product"),
    )
    problem = venue.placing_problem(new)
    if problem is not None:
        raise Refusal(400, problem)
    return new


def _fill(venue: SimVenue, order_id: str, document: JsonObject, now_us: int) -> HttpResponse:
    qty = _positive(document, "qty") if document.get("qty") is not None else None
    return _row(venue.trade(order_id, qty, now_us))


def _known(venue: SimVenue, order_id: str) -> Order:
    order = venue.book.get(order_id)
    if order is None:
        raise UnknownOrder(order_id)
    return order


def _faults(venue: SimVenue, method: str, body: bytes, now_us: int) -> HttpResponse:
    verbs: dict[str, Callable[[], None]] = {
        "GET": lambda: None,
        "DELETE": venue.faults.clear,
        "POST": lambda: _add_faults(venue, venue.faults.parse_json(wire.parse_object(body)), now_us),
    }
    if method not in verbs:
        raise Refusal(405, f"{method}: faults are set by POST, shown by GET, removed by DELETE")
    verbs[method]()
    return _json(200, {"rules": [_rule_row(rule) for rule in venue.faults.rules()]})


def _add_faults(venue: SimVenue, rules: list[FaultRule], now_us: int) -> None:
    venue.faults.add(rule for rule in rules if not rule.now)
    for rule in rules:
        if rule.now:
            venue.fault_at_once(rule, now_us)


def _rule_row(rule: FaultRule) -> JsonObject:
    often: JsonObject = {"p": rule.p} if rule.p is not None else {"count": rule.count}
    return {"name": rule.fault.value, **often, "arg": rule.arg, "order_id": rule.order_id}


def _stats(venue: SimVenue) -> HttpResponse:
    stats = venue.floor.stats
    return _json(
        200,
        {
            "frames_in": stats.frames_in,
            "rest_calls": stats.rest_calls,
            "cancels": stats.cancels,
            "breaches": venue.floor.rates.breaches,
            "faults": venue.faults.fired,
        },
    )


def _text(document: JsonObject, key: str) -> str | None:
    value = document.get(key)
    if value is not None and not isinstance(value, str):
        raise Refusal(400, f'"{key}" is a text')
    return value


def _positive(document: JsonObject, key: str) -> Decimal:
    number = wire.decimal_text(document.get(key))
    if number is None or number <= 0:
        raise Refusal(400, f'"{key}" is a decimal above zero, as a text')
    return number


def _row(order: Order, status: int = 200) -> HttpResponse:
    return _json(status, order_row(order))


def _json(status: int, document: object) -> HttpResponse:
    return HttpResponse(status, wire.dumps(document))
