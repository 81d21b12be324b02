"""OKX's REST door: which call is meant, who may make it, how often, and the envelope of the answers.

Every call below `/api/v5` is answered as `{"code","msg","data"}`. What a call does stands in the tables that are put in
here (`market`, `rest` and those of other products). Signatures are checked by `auth`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from daemon.sim import wire
from daemon.sim.rates import RateRule
from daemon.sim.venue import Floor, HttpRequest, HttpResponse, Respond
from daemon.sim.venues.okx import codes
from daemon.sim.venues.okx.auth import Gate
from daemon.sim.venues.okx.cancel import count_arrivals
from daemon.sim.venues.okx.queries import Query, QueryRefused
from daemon.sim.wire import BadJsonError, JsonObject, query_pairs

PREFIX = "/api/v5"


@dataclass(frozen=True, slots=True)
class Call:
    """A call that was let in."""

    request_id: int
    request: HttpRequest
    query: Query
    now_us: int


@dataclass(frozen=True, slots=True)
class Route:
    """One row of a table. `keys`: the query's fields that name the bucket of the rule; no rule here where the call
    itself counts.
    """

    handle: Callable[[Call], None]
    rule: RateRule | None = None
    keys: tuple[str, ...] = ()
    is_private: bool = True


Routes = Mapping[str, Route]
"""By method and path below the prefix, as `GET /public/time`."""


class Front:
    """Takes REST calls in and hands them on; answers in OKX's envelope."""

    def __init__(self, floor: Floor, gate: Gate) -> None:
        self._floor = floor
        self._gate = gate
        self.routes: dict[str, Route] = {}

    def call(self, request_id: int, request: HttpRequest, now_us: int) -> None:
        """Answer a call, now or later, or never."""
        self._floor.stats.rest_calls += 1
        path, _, query = request.target.partition("?")
        route = self.routes.get(f"{request.method} {path.removeprefix(PREFIX)}") if path.startswith(PREFIX) else None
        if route is None:
            self.respond(request_id, HttpResponse(404, b'{"code":"404","data":{},"msg":"Not Found"}'))
            return
        count_arrivals(self._floor, path.rpartition("/")[2], _any_objects(request.body))
        problem = self._gate.call_problem(request, now_us) if route.is_private else None
        call = Call(request_id, request, dict(query_pairs(query)), now_us)
        if problem is None and route.rule is not None:
            key = "/".join(call.query.get(name, "") for name in route.keys)
            problem = None if self._floor.rates.take(route.rule, key, now_us) else "50011"
        if problem is not None:
            self.refuse(call, problem)
            return
        try:
            route.handle(call)
        except QueryRefused as refusal:
            self.refuse(call, refusal.code, refusal.detail)
        except BadJsonError:
            self.refuse(call, "50002" if request.body.strip() else "50000")

    def data(self, call: Call, rows: Sequence[JsonObject]) -> None:
        """Answer with rows."""
        self.respond(call.request_id, HttpResponse(200, wire.dumps({"code": "0", "data": rows, "msg": ""})))

    def refuse(self, call: Call, code: str, detail: str = "") -> None:
        """Answer with a code at the top and the HTTP status that goes with it."""
        body = wire.dumps({"code": code, "data": [], "msg": codes.message(code, detail)})
        self.respond(call.request_id, HttpResponse(codes.status(code), body))

    def respond(self, request_id: int, response: HttpResponse) -> None:
        """Answer with this."""
        self._floor.actions.append(Respond(request_id, response))


def _any_objects(body: bytes) -> list[object]:
    """What a body holds that may name orders, however wrong it is."""
    try:
        document = wire.parse(body) if body else []
    except BadJsonError:
        return []
    return document if isinstance(document, list) else [document]
