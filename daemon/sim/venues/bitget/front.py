"""Bitget's REST door: which call is meant, who may make it, how often, and the envelope of the answers.

Every call is answered as `{"code","msg","requestTime","data"}`, business errors under HTTP 400. A private call of the
generation that the account is not of is refused: 40085 or 25245. What a call does stands in the tables that are put in
here (`classic_rest`, `unified_rest`, `market`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from daemon.sim import wire
from daemon.sim.clock import VenueClock
from daemon.sim.rates import RateRule
from daemon.sim.venue import Floor, HttpRequest, HttpResponse
from daemon.sim.venues.bitget import codes, limits
from daemon.sim.venues.bitget.auth import Gate
from daemon.sim.venues.bitget.distort import Distorter
from daemon.sim.venues.bitget.queries import Query, QueryRefused
from daemon.sim.venues.bitget.roads import CallRoad, envelope, respond
from daemon.sim.wire import BadJsonError, JsonObject, query_pairs


@dataclass(frozen=True, slots=True)
class Call:
    """A call as it arrived; `body` is its JSON object, {} without one; `listed` are the objects of a JSON list.

    `rule` is the user's limit that it falls under, if any: its answer says what is left of that.
    """

    request_id: int
    query: Query
    body: JsonObject
    now_us: int
    listed: Sequence[JsonObject] = ()
    rule: RateRule | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """One row of a table; no rule where the call itself counts: then `counts` names the rule that it takes from."""

    handle: Callable[[Call], None]
    rule: RateRule | None = None
    is_private: bool = True
    counts: RateRule | None = None

    @property
    def told(self) -> RateRule | None:
        """The user's limit of which an answer says what is left."""
        return (self.rule or self.counts) if self.is_private else None


class Front:
    """Takes REST calls in and hands them on."""

    def __init__(self, floor: Floor, gate: Gate, clock: VenueClock, distorter: Distorter, *, is_unified: bool) -> None:
        self._floor = floor
        self._gate = gate
        self._clock = clock
        self._distorter = distorter
        self._foreign = ("/api/v2/", "40085") if is_unified else ("/api/v3/", "25245")
        self.routes: dict[str, Route] = {}
        self.arrived: Callable[[str, Call], None] | None = None

    def call(self, request_id: int, request: HttpRequest, now_us: int) -> None:
        """Answer a call, now or later, or never."""
        self._floor.stats.rest_calls += 1
        path, _, query = request.target.partition("?")
        body, listed = _object(request.body), _listed(request.body)
        route = self.routes.get(f"{request.method} {path}")
        fields = dict(query_pairs(query))
        call = Call(request_id, fields, body or {}, now_us, listed or (), None if route is None else route.told)
        if self.arrived is not None:
            self.arrived(path, call)
        if not self._floor.rates.take(limits.REST_OVERALL, "ip", now_us):
            self.refuse(call, "429")
            return
        problem = self._problem(path, route, request, now_us)
        if problem is None and body is None and listed is None:
            problem = "40409"
        if problem is not None or route is None:
            self.refuse(call, problem or "40404")
            return
        try:
            route.handle(call)
        except QueryRefused as refusal:
            self.refuse(call, refusal.code, refusal.detail)

    def road(self, call: Call) -> CallRoad:
        """The way back for a cancel."""
        return CallRoad(self._floor, self._clock, self._distorter, call.request_id, call.rule)

    def data(self, call: Call, data: object, fault_id: str | None = None) -> None:
        """Answer with data; `fault_id` names the order for the faults of shapes."""
        document = envelope(codes.ACCEPTED, data, self._clock, call.now_us)
        body = wire.dumps(document) if fault_id is None else self._distorter.body(document, fault_id)
        self._respond(call, HttpResponse(200, body))

    def refuse(self, call: Call, code: str, detail: str = "") -> None:
        """Answer with a code and the HTTP status that goes with it."""
        body = wire.dumps(envelope(code, None, self._clock, call.now_us, detail))
        self._respond(call, HttpResponse(codes.status(code), body))

    def _problem(self, path: str, route: Route | None, request: HttpRequest, now_us: int) -> str | None:
        foreign, code = self._foreign
        is_foreign = path.startswith(foreign)
        if route is None and not is_foreign:
            return "40404"
        if route is None or route.is_private:
            problem = self._gate.call_problem(request, now_us)
            if problem is not None:
                return problem
            if is_foreign:
                return code
        if route is not None and route.rule is not None:
            return None if self._floor.rates.take(route.rule, "uid", now_us) else "429"
        return None

    def _respond(self, call: Call, response: HttpResponse) -> None:
        respond(self._floor, call.request_id, response, call.rule, call.now_us)


def _object(body: bytes) -> JsonObject | None:
    """The JSON object of a body, {} without one, None for what is none."""
    if not body.strip():
        return {}
    try:
        return wire.parse_object(body)
    except BadJsonError:
        return None


def _listed(body: bytes) -> list[JsonObject] | None:
    """The objects of a body that is a JSON list of them; None for what is none."""
    try:
        document = wire.parse(body) if body.strip() else None
    except BadJsonError:
        return None
    if not isinstance(document, list) or not all(isinstance(each, dict) for each in document):
        return None
    return [each for each in document if isinstance(each, dict)]
