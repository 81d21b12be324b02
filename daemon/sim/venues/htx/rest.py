"""HTX's REST side: which path is what, who may call it, how often, and the shape of every answer.

`{code, message, data, args, ts, unknownException}` on the v5 paths; `{status, data, ts}` on the older public ones, and
in refusals by whoever stands before v5. HTTP status 200 for business errors. What is asked is carried out elsewhere.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from daemon.sim import wire
from daemon.sim.clock import VenueClock
from daemon.sim.rates import RateRule
from daemon.sim.switch import Switch
from daemon.sim.venue import Floor, HttpRequest, HttpResponse, Respond
from daemon.sim.venues.htx import codes, limits
from daemon.sim.venues.htx.auth import Gate
from daemon.sim.venues.htx.cancel import Cancels, asks_of, count_arrivals
from daemon.sim.venues.htx.deadman import set_switch
from daemon.sim.venues.htx.distort import Distorter
from daemon.sim.venues.htx.instruments import (
    Instruments,
    coin_future_rows,
    coin_swap_rows,
    currency_rows,
    spot_rows,
)
from daemon.sim.venues.htx.ops import objects
from daemon.sim.venues.htx.place import Places
from daemon.sim.venues.htx.queries import Queries, QueryRefused
from daemon.sim.venues.htx.road import USER, Answer, CallRoad, body, budget_headers, http_status
from daemon.sim.wire import BadJsonError, JsonObject, query_pairs


@dataclass(frozen=True, slots=True)
class _Call:
    request_id: int
    query: Mapping[str, str]
    request: HttpRequest
    now_us: int


@dataclass(frozen=True, slots=True)
class _Route:
    handle: Callable[[_Call], None]
    rule: RateRule | None = None
    is_private: bool = True


class Rest:
    """Answers REST calls."""

    def __init__(
        self,
        floor: Floor,
        instruments: Instruments,
        gate: Gate,
        clock: VenueClock,
        *,
        cancels: Cancels,
        places: Places,
        switch: Switch,
    ) -> None:
        self._floor = floor
        self._switch = switch
        self._instruments = instruments
        self._gate = gate
        self._clock = clock
        self._cancels = cancels
        self._places = places
        self._queries = Queries(floor, instruments, clock)
        self._distorter = Distorter(floor.faults)
        self._routes = self._table()

    def call(self, request_id: int, request: HttpRequest, now_us: int) -> None:
        """One REST call arrived."""
        self._floor.stats.rest_calls += 1
        path, _, query = request.target.partition("?")
        route = self._routes.get(f"{request.method} {path}")
        if route is None:
            self._respond(request_id, HttpResponse(404, b'{"status":"error","err_code":404,"err_msg":"Not Found"}'))
            return
        count_arrivals(self._floor, path.rpartition("/")[2], _data(request.body))
        call = _Call(request_id, dict(query_pairs(query)), request, now_us)
        problem = self._gate.call_problem(request, now_us) if route.is_private else None
        if problem is not None:
            self._turn_away(call, problem)
            return
        if route.rule is not None and not self._floor.rates.take(route.rule, USER, now_us):
            self._refuse(call, codes.TOO_MANY)
            return
        try:
            route.handle(call)
        except QueryRefused as refusal:
            self._refuse(call, refusal.code, refusal.detail)
        except BadJsonError:
            self._refuse(call, "1031")

    def _table(self) -> Mapping[str, _Route]:
        def listing(rows: Callable[[], list[JsonObject]]) -> _Route:
            return _Route(partial(self._old_shape, rows), limits.MARKET, is_private=False)

        def read(handle: Callable[[_Call], None]) -> _Route:
            return _Route(handle, limits.READ)

        return {
            "GET /api/v1/timestamp": _Route(self._time, limits.PUBLIC, is_private=False),
            "GET /heartbeat/": _Route(self._heartbeat, limits.PUBLIC, is_private=False),
            "GET /v2/reference/currencies": _Route(self._currencies, limits.MARKET, is_private=False),
            "GET /v1/common/symbols": listing(spot_rows),
            "GET /linear-swap-api/v1/swap_contract_info": listing(self._instruments.rows),
            "GET /swap-api/v1/swap_contract_info": listing(coin_swap_rows),
            "GET /api/v1/contract_contract_info": listing(coin_future_rows),
            "GET /v5/account/asset_mode": read(self._asset_mode),
            "GET /v5/trade/order": read(self._order),
            "GET /v5/trade/order/opens": read(lambda call: self._rows(call, self._queries.opens)),
            "GET /v5/trade/order/history": read(lambda call: self._rows(call, self._queries.history)),
            "GET /v5/trade/order/details": read(lambda call: self._rows(call, self._queries.fills)),
            "POST /v5/trade/cancel_order": _Route(self._cancel),
            "POST /v5/trade/cancel_batch_orders": _Route(self._cancel_batch),
            "POST /v5/trade/cancel_all_orders": _Route(self._cancel_all),
            "POST /v5/trade/cancel-after": _Route(self._cancel_after, limits.TRADE),
            "POST /v5/trade/order": _Route(self._place),
            "POST /v5/trade/batch_orders": _Route(self._place_batch),
        }

    # ------------------------------------------------------------ public

    def _time(self, call: _Call) -> None:
        stamp = self._clock.checked_ms(call.now_us)
        self._respond(call.request_id, HttpResponse(200, wire.dumps({"status": "ok", "ts": stamp})))

    def _heartbeat(self, call: _Call) -> None:
        """HTX: Get whether the system is available."""
        names = ("heartbeat", "swap_heartbeat", "option_heartbeat", "linear_swap_heartbeat")
        data: JsonObject = dict.fromkeys(names, 1)
        data |= {"estimated_recovery_time": None, "linear_swap_estimated_recovery_time": None}
        document = {"status": "ok", "data": data, "ts": self._clock.ms(call.now_us)}
        self._respond(call.request_id, HttpResponse(200, wire.dumps(document)))

    def _currencies(self, call: _Call) -> None:
        rows = currency_rows(self._instruments)
        self._respond(call.request_id, HttpResponse(200, wire.dumps({"code": 200, "data": rows})))

    def _old_shape(self, rows: Callable[[], list[JsonObject]], call: _Call) -> None:
        document = {"status": "ok", "data": rows(), "ts": self._clock.ms(call.now_us)}
        self._respond(call.request_id, HttpResponse(200, wire.dumps(document)))

    # ------------------------------------------------------------ queries

    def _asset_mode(self, call: _Call) -> None:
        self._answer(call, {"asset_mode": 1})

    def _order(self, call: _Call) -> None:
        row, order_id = self._queries.order(call.query, call.now_us)
        document = body(Answer(), self._clock, call.now_us) | {"data": row}
        self._respond(call.request_id, HttpResponse(200, self._distorter.body(document, order_id), self._left(call)))

    def _rows(self, call: _Call, ask: Callable[[Mapping[str, str], int], list[JsonObject]]) -> None:
        self._answer(call, ask(call.query, call.now_us))

    # ------------------------------------------------------------ trading

    def _cancel(self, call: _Call) -> None:
        asks = asks_of(wire.parse_object(call.request.body))
        if len(asks) != 1:
            raise QueryRefused("1030")
        self._cancels.single(asks[0], self._road(call), call.now_us)

    def _cancel_batch(self, call: _Call) -> None:
        self._cancels.batch(asks_of(wire.parse_object(call.request.body)), self._road(call), call.now_us)

    def _cancel_all(self, call: _Call) -> None:
        data = wire.parse_object(call.request.body) if call.request.body.strip() else {}
        self._cancels.everything(data, self._road(call), call.now_us)

    def _cancel_after(self, call: _Call) -> None:
        fields = wire.parse_object(call.request.body)
        self._answer(call, set_switch(self._switch, self._clock, fields, call.now_us))

    def _place(self, call: _Call) -> None:
        self._places.place(objects(wire.parse(call.request.body)), self._road(call), call.now_us, is_batch=False)

    def _place_batch(self, call: _Call) -> None:
        self._places.place(objects(wire.parse(call.request.body)), self._road(call), call.now_us, is_batch=True)

    def _road(self, call: _Call) -> CallRoad:
        return CallRoad(self._floor, self._clock, call.request_id)

    # ------------------------------------------------------------ answers

    def _answer(self, call: _Call, data: object) -> None:
        document = body(Answer(), self._clock, call.now_us) | {"data": data}
        self._respond(call.request_id, HttpResponse(200, wire.dumps(document), self._left(call)))

    def _left(self, call: _Call) -> dict[str, str]:
        return budget_headers(self._floor, limits.READ, self._clock, call.now_us)

    def _refuse(self, call: _Call, code: str, detail: str = "") -> None:
        document = body(Answer(code=code, detail=detail), self._clock, call.now_us)
        self._respond(call.request_id, HttpResponse(http_status(code), wire.dumps(document)))

    def _turn_away(self, call: _Call, code: str) -> None:
        """Refuse who cannot be verified, in the old shape, whatever the path."""
        document = {"status": "error", "err_code": int(code), "err_msg": codes.message(code)}
        document |= {"ts": self._clock.ms(call.now_us)}
        self._respond(call.request_id, HttpResponse(http_status(code), wire.dumps(document)))

    def _respond(self, request_id: int, response: HttpResponse) -> None:
        self._floor.actions.append(Respond(request_id, response))


def _data(raw: bytes) -> object:
    """What a body holds that may name orders, however wrong it is."""
    try:
        return wire.parse(raw) if raw else None
    except BadJsonError:
        return None
