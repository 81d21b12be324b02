"""BingX's REST calls: the table of paths, who may call them, how often, and the bans of those that fail too often.

Parameters come in the query, whatever the verb (BingX: Basic Information). Signatures are checked by `auth`, orders are
handled by `cancel`, `place` and `queries`; the market endpoints are those that clients call before they trade.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from daemon.sim.clock import VenueClock
from daemon.sim.faults import Fault
from daemon.sim.rates import RateRule
from daemon.sim.timers import seconds_us
from daemon.sim.venue import Floor, HttpRequest, HttpResponse
from daemon.sim.venues.bingx import codes, limits, market
from daemon.sim.venues.bingx.auth import Gate, read_query
from daemon.sim.venues.bingx.ban import Bans
from daemon.sim.venues.bingx.call import Answers, Call, Refusal
from daemon.sim.venues.bingx.cancel import Cancels, count_arrivals
from daemon.sim.venues.bingx.deadman import CancelAllAfter
from daemon.sim.venues.bingx.keys import ListenKeys
from daemon.sim.venues.bingx.options import BingxOptions
from daemon.sim.venues.bingx.place import Places
from daemon.sim.venues.bingx.queries import Queries
from daemon.sim.venues.bingx.symbols import Symbols
from daemon.sim.wire import JsonObject

PREFIX = "/openApi"


@dataclass(frozen=True, slots=True)
class _Route:
    """One row of the table."""

    handle: Callable[[Call], None]
    rule: RateRule
    is_private: bool = True


class Rest:
    """Answers REST calls."""

    def __init__(
        self,
        floor: Floor,
        options: BingxOptions,
        symbols: Symbols,
        gate: Gate,
        clock: VenueClock,
        keys: ListenKeys,
        bans: Bans,
        answers: Answers,
    ) -> None:
        self._floor = floor
        self._options = options
        self._symbols = symbols
        self._gate = gate
        self._clock = clock
        self._keys = keys
        self._bans = bans
        self._answers = answers
        self._routes: Mapping[str, _Route] = {}

    def serve(self, cancels: Cancels, places: Places, queries: Queries, countdown: CancelAllAfter) -> None:
        """Fill the table. Once, before the first call."""
        self._routes = {
            "GET /spot/v1/server/time": _Route(self._time, limits.MARKET, is_private=False),
            "GET /swap/v2/server/time": _Route(self._time, limits.MARKET, is_private=False),
            "GET /spot/v1/common/symbols": _public(lambda: market.spot_symbols(self._symbols), self._answers),
            "GET /swap/v2/quote/contracts": _public(market.contracts, self._answers),
            "GET /cswap/v1/market/contracts": _public(market.coin_contracts, self._answers),
            "GET /wallets/v1/capital/config/getall": _Route(self._currencies, limits.GET_ALL),
            "GET /account/v1/uid": _Route(self._uid, limits.UID),
            "GET /spot/v1/account/balance": _Route(self._balance, limits.BALANCE),
            "POST /user/auth/userDataStream": _Route(self._give_key, limits.LISTEN_KEY),
            "PUT /user/auth/userDataStream": _Route(self._extend_key, limits.LISTEN_KEY),
            "DELETE /user/auth/userDataStream": _Route(self._end_key, limits.LISTEN_KEY),
            "POST /spot/v1/trade/order": _Route(places.place, limits.PLACE),
            "POST /spot/v1/trade/cancel": _Route(cancels.single, limits.CANCEL),
            "POST /spot/v1/trade/cancelOrders": _Route(cancels.several, limits.CANCEL_ORDERS),
            "POST /spot/v1/trade/cancelOpenOrders": _Route(cancels.all_open, limits.CANCEL_OPEN_ORDERS),
            "POST /spot/v1/trade/cancelAllAfter": _Route(countdown.set, limits.CANCEL_ALL_AFTER),
            "GET /spot/v1/trade/query": _Route(partial(self._order, queries), limits.QUERY),
            "GET /spot/v1/trade/openOrders": _listed("orders", queries.open_orders, limits.OPEN_ORDERS, self._answers),
            "GET /spot/v1/trade/historyOrders": _listed(
                "orders", queries.history, limits.HISTORY_ORDERS, self._answers
            ),
            "GET /spot/v1/trade/myTrades": _listed("fills", queries.trades, limits.MY_TRADES, self._answers),
        }

    def call(self, request_id: int, request: HttpRequest, now_us: int) -> None:
        """Answer a call, now or later, or never."""
        self._floor.stats.rest_calls += 1
        path, _, query = request.target.partition("?")
        pairs = read_query(query)
        call = Call(request_id, path.rpartition("/")[2], request, dict(pairs), now_us)
        route = self._routes.get(f"{request.method} {path.removeprefix(PREFIX)}") if path.startswith(PREFIX) else None
        if route is None:
            self._answers.refuse(call, "100404", "the api you requested does not exist", now_us)
            return
        call = replace(call, rule=route.rule)
        count_arrivals(self._floor, call)
        try:
            self._admit(route, call, pairs)
            route.handle(call)
        except Refusal as refusal:
            self._answers.refuse(call, refusal.code, refusal.text, now_us)

    def _admit(self, route: _Route, call: Call, pairs: list[tuple[str, str]]) -> None:
        """Check key, ban and limit, in this order; raises Refusal."""
        if route.is_private:
            is_about_keys = route.rule is limits.LISTEN_KEY
            problem = self._gate.problem(call.request, pairs, call.now_us, asks_for_key=is_about_keys)
            if problem:
                raise Refusal(problem, codes.text(problem))
        until_us = self._bans.until_us(call.name, call.now_us)
        if until_us:
            self._floor.rates.take(limits.WHILE_BANNED, call.name, call.now_us)
            raise Refusal("100410", codes.banned(self._clock.ms(until_us)))
        if not self._floor.rates.take(route.rule, "", call.now_us):
            raise Refusal("100410", codes.text("100410"))

    # ------------------------------------------------------------ the account

    def _time(self, call: Call) -> None:
        self._answers.data(call, {"serverTime": self._clock.checked_ms(call.now_us)})

    def _uid(self, call: Call) -> None:
        self._answers.data(call, {"uid": int(self._options.uid)})

    def _balance(self, call: Call) -> None:
        self._answers.data(call, market.balances())

    def _currencies(self, call: Call) -> None:
        self._answers.data(call, market.currencies(self._symbols))

    def _order(self, queries: Queries, call: Call) -> None:
        row, order_id = queries.order(call)
        self._answers.body(call, {"code": 0, "msg": "", "debugMsg": "", "data": row}, order_id=order_id)

    # ------------------------------------------------------------ listen keys

    def _give_key(self, call: Call) -> None:
        slow = self._floor.faults.fires(Fault.AUTH_SLOW)
        delay_us = seconds_us(slow) if slow is not None else 0
        self._floor.later(delay_us, call.now_us, partial(self._answer_key, call))

    def _answer_key(self, call: Call, now_us: int) -> None:
        given: JsonObject = {"listenKey": self._keys.give(now_us)}
        if self._options.bare_key:
            self._answers.body(call, given)
        else:
            self._answers.data(call, given)

    def _extend_key(self, call: Call) -> None:
        key = call.text("listenKey")
        status = 204 if not key else 200 if self._keys.extend(key, call.now_us) else 404
        self._answer_status(call, status)

    def _end_key(self, call: Call) -> None:
        key = call.text("listenKey")
        self._answer_status(call, 204 if not key else 200 if self._keys.end(key) else 404)

    def _answer_status(self, call: Call, status: int) -> None:
        if status == 200 and not self._options.bare_key:
            self._answers.data(call, {})
        else:
            self._answers.respond(call, HttpResponse(status, b""))


def _public(rows: Callable[[], object], answers: Answers) -> _Route:
    return _Route(lambda call: answers.data(call, rows()), limits.MARKET, is_private=False)


def _listed(key: str, rows: Callable[[Call], list[JsonObject]], rule: RateRule, answers: Answers) -> _Route:
    return _Route(lambda call: answers.data(call, {key: rows(call)}), rule)
