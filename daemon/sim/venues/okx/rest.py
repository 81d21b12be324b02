"""OKX's REST calls: the table of paths, who may call them, how often, and the envelope of the answers.

Every call below `/api/v5` is answered as `{"code","msg","data"}`. Signatures are checked by `auth`, orders are
handled by `cancel`, `place` and `queries`; the market endpoints are those that clients call before they trade.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from daemon.sim import wire
from daemon.sim.rates import RateRule
from daemon.sim.venue import Floor, HttpRequest, HttpResponse, Respond
from daemon.sim.venues.okx import codes, limits
from daemon.sim.venues.okx.auth import Gate, VenueClock
from daemon.sim.venues.okx.cancel import CancelAsk, Cancels, count_arrivals
from daemon.sim.venues.okx.distort import Distorter
from daemon.sim.venues.okx.instruments import Instruments
from daemon.sim.venues.okx.options import OkxOptions
from daemon.sim.venues.okx.place import PlaceAsk, Places
from daemon.sim.venues.okx.queries import Queries, Query, QueryRefused
from daemon.sim.venues.okx.road import CallRoad
from daemon.sim.wire import BadJsonError, JsonObject, text

PREFIX = "/api/v5"
CURRENCY_CHAINS = {"USDT": ("USDT-TRC20", "USDT-ERC20"), "BTC": ("BTC-Bitcoin",), "ETH": ("ETH-ERC20",)}


@dataclass(frozen=True, slots=True)
class _Call:
    request_id: int
    request: HttpRequest
    query: Query
    now_us: int


@dataclass(frozen=True, slots=True)
class _Route:
    """One row of the table. `keys`: the query's fields that name the bucket of the rule; no rule here where the call
    itself counts.
    """

    handle: Callable[[_Call], None]
    rule: RateRule | None = None
    keys: tuple[str, ...] = ()
    is_private: bool = True


class Rest:
    """Answers REST calls."""

    def __init__(
        self,
        floor: Floor,
        options: OkxOptions,
        instruments: Instruments,
        gate: Gate,
        clock: VenueClock,
        *,
        cancels: Cancels,
        places: Places,
    ) -> None:
        self._floor = floor
        self._options = options
        self._instruments = instruments
        self._gate = gate
        self._clock = clock
        self._cancels = cancels
        self._places = places
        self._queries = Queries(floor, instruments, clock)
        self._distorter = Distorter(floor.faults)
        self._routes = self._table()

    def call(self, request_id: int, request: HttpRequest, now_us: int) -> None:
        """Answer a call, now or later, or never."""
        self._floor.stats.rest_calls += 1
        path, _, query = request.target.partition("?")
        route = self._routes.get(f"{request.method} {path.removeprefix(PREFIX)}") if path.startswith(PREFIX) else None
        if route is None:
            self._respond(request_id, HttpResponse(404, b'{"code":"404","data":{},"msg":"Not Found"}'))
            return
        count_arrivals(self._floor, path.rpartition("/")[2], _any_objects(request.body))
        problem = self._gate.call_problem(request, now_us) if route.is_private else None
        call = _Call(request_id, request, dict(parse_qsl(query, keep_blank_values=True)), now_us)
        if problem is None and route.rule is not None:
            key = "/".join(call.query.get(name, "") for name in route.keys)
            problem = None if self._floor.rates.take(route.rule, key, now_us) else "50011"
        if problem is not None:
            self._refuse(call, problem)
            return
        try:
            route.handle(call)
        except QueryRefused as refusal:
            self._refuse(call, refusal.code, refusal.detail)
        except BadJsonError:
            self._refuse(call, "50002" if request.body.strip() else "50000")

    def _table(self) -> Mapping[str, _Route]:
        return {
            "GET /public/time": _Route(self._time, limits.PUBLIC_TIME, is_private=False),
            "GET /public/instruments": _Route(
                self._list_instruments, limits.PUBLIC_INSTRUMENTS, ("instType",), is_private=False
            ),
            "GET /account/instruments": _Route(self._list_instruments, limits.ACCOUNT_INSTRUMENTS, ("instType",)),
            "GET /account/config": _Route(self._config, limits.ACCOUNT_CONFIG),
            "GET /account/balance": _Route(self._balance, limits.ACCOUNT_BALANCE),
            "GET /asset/currencies": _Route(self._currencies, limits.CURRENCIES),
            "GET /trade/order": _Route(self._order, limits.GET_ORDER, ("instId",)),
            "GET /trade/orders-pending": _Route(self._pending, limits.ORDERS_PENDING),
            "GET /trade/orders-history": _Route(self._history, limits.ORDERS_HISTORY),
            "GET /trade/orders-history-archive": _Route(self._archive, limits.ORDERS_ARCHIVE),
            "GET /trade/fills": _Route(self._fills, limits.FILLS),
            "POST /trade/cancel-order": _Route(self._cancel),
            "POST /trade/cancel-batch-orders": _Route(self._cancel_batch),
            "POST /trade/order": _Route(self._place),
            "POST /trade/batch-orders": _Route(self._place_batch),
        }

    def _time(self, call: _Call) -> None:
        stamp = self._clock.checked_us(call.now_us) // 1_000
        self._data(call, [{"ts": str(stamp)}])

    def _list_instruments(self, call: _Call) -> None:
        inst_type = call.query.get("instType", "")
        if not inst_type:
            raise QueryRefused("50014", "instType")
        rows = self._instruments.rows(inst_type, for_demo=self._gate.asks_for_demo(call.request))
        wanted = call.query.get("instId")
        self._data(call, [row for row in rows if not wanted or row["instId"] == wanted])

    def _config(self, call: _Call) -> None:
        uid = self._options.uid
        row: JsonObject = {"uid": uid, "mainUid": uid, "acctLv": "2", "posMode": "net_mode", "perm": "read_only,trade"}
        self._data(call, [row])

    def _balance(self, call: _Call) -> None:
        stamp = self._clock.ms(call.now_us)
        details = [_balance_row(ccy, stamp) for ccy in ("USDT", "BTC", "ETH")]
        self._data(call, [{"uTime": stamp, "totalEq": "1000000", "details": details}])

    def _currencies(self, call: _Call) -> None:
        bases = {instrument.base: () for instrument in self._instruments}
        chains = {ccy: CURRENCY_CHAINS.get(ccy, (f"{ccy}-{ccy}",)) for ccy in (*CURRENCY_CHAINS, *bases)}
        self._data(call, [_currency_row(ccy, chain) for ccy, each in chains.items() for chain in each])

    def _order(self, call: _Call) -> None:
        row, order_id = self._queries.order(call.query, call.now_us)
        body = self._distorter.body({"code": "0", "data": [row], "msg": ""}, order_id)
        self._respond(call.request_id, HttpResponse(200, body))

    def _pending(self, call: _Call) -> None:
        self._data(call, self._queries.pending(call.query, call.now_us))

    def _history(self, call: _Call) -> None:
        self._data(call, self._queries.history(call.query, call.now_us, is_archive=False))

    def _archive(self, call: _Call) -> None:
        self._data(call, self._queries.history(call.query, call.now_us, is_archive=True))

    def _fills(self, call: _Call) -> None:
        self._data(call, self._queries.fills(call.query, call.now_us))

    def _cancel(self, call: _Call) -> None:
        ask = self._cancel_ask(wire.parse_object(call.request.body))
        if ask.problem == "50014":
            raise QueryRefused("50014", ask.detail)
        self._cancels.single(ask, self._road(call), call.now_us)

    def _cancel_batch(self, call: _Call) -> None:
        asks = [self._cancel_ask(each) for each in _objects(call.request.body)]
        self._cancels.batch(asks, self._road(call), call.now_us)

    def _place(self, call: _Call) -> None:
        ask = self._place_ask(wire.parse_object(call.request.body))
        self._places.place([ask], self._road(call), call.now_us)

    def _place_batch(self, call: _Call) -> None:
        asks = [self._place_ask(each) for each in _objects(call.request.body)]
        self._places.place(asks, self._road(call), call.now_us)

    def _cancel_ask(self, fields: JsonObject) -> CancelAsk:
        inst_id = text(fields, "instId")
        problem = "50014" if not inst_id else "" if self._instruments.get(inst_id) else "51001"
        return CancelAsk(
            inst_id, text(fields, "ordId"), text(fields, "clOrdId"), problem, "instId" if problem == "50014" else ""
        )

    def _place_ask(self, fields: JsonObject) -> PlaceAsk:
        inst_id = text(fields, "instId")
        return PlaceAsk(self._instruments.get(inst_id), fields, "" if inst_id else "50014", "instId")

    def _road(self, call: _Call) -> CallRoad:
        return CallRoad(self._floor, self._clock, call.request_id, call.now_us)

    def _data(self, call: _Call, rows: list[JsonObject]) -> None:
        self._respond(call.request_id, HttpResponse(200, wire.dumps({"code": "0", "data": rows, "msg": ""})))

    def _refuse(self, call: _Call, code: str, detail: str = "") -> None:
        body = wire.dumps({"code": code, "data": [], "msg": codes.message(code, detail)})
        self._respond(call.request_id, HttpResponse(codes.status(code), body))

    def _respond(self, request_id: int, response: HttpResponse) -> None:
        self._floor.actions.append(Respond(request_id, response))


def _any_objects(body: bytes) -> list[object]:
    """What a body holds that may name orders, however wrong it is."""
    try:
        document = wire.parse(body) if body else []
    except BadJsonError:
        return []
    return document if isinstance(document, list) else [document]


def _objects(body: bytes) -> list[JsonObject]:
    """The objects of a batch's body; raises BadJsonError."""
    document = wire.parse(body)
    if not isinstance(document, list) or not document:
        raise BadJsonError("a batch is a list of orders")
    return [wire.as_object(each, "an order of the batch") for each in document]


def _balance_row(ccy: str, stamp: str) -> JsonObject:
    ample = dict.fromkeys(("availBal", "availEq", "cashBal", "eq"), "1000000")
    return {"ccy": ccy, **ample, "frozenBal": "0", "ordFrozen": "0", "uTime": stamp}


def _currency_row(ccy: str, chain: str) -> JsonObject:
    row: JsonObject = {"ccy": ccy, "name": ccy, "chain": chain, "fee": "1", "minFee": "1", "maxFee": "2", "minWd": "1"}
    return row | {
        "canDep": True,
        "canInternal": False,
        "canWd": True,
        "mainNet": True,
        "maxWd": "1000000",
        "minDep": "0.0001",
        "wdTickSz": "8",
    }
