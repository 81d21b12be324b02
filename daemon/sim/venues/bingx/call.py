"""One REST call of a simulated BingX and the ways in which it is answered: an envelope with a code, always HTTP 200.

It decides nothing. An answer passes through the error count of the venue before it leaves.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from daemon.sim.clock import VenueClock
from daemon.sim.faults import Fault
from daemon.sim.rates import RateRule
from daemon.sim.venue import Drop, Floor, HttpRequest, HttpResponse, Respond
from daemon.sim.venues.bingx.ban import Bans
from daemon.sim.venues.bingx.distort import Distorter
from daemon.sim.venues.bingx.encode import dumps
from daemon.sim.wire import JsonObject

GATEWAY = frozenset({"100001", "100004", "100410", "100412", "100413", "100419", "100421"})
"""Codes of the gateway: their answers have a timestamp, and neither debugMsg nor data."""


class Refusal(Exception):
    """A code at the top, and its text."""

    def __init__(self, code: str, text: str) -> None:
        self.code = code
        self.text = text
        super().__init__(code)


@dataclass(frozen=True, slots=True)
class Call:
    """A call as it arrived: `name` is its path's last part, `fields` its parameters, `rule` the limit it is under."""

    request_id: int
    name: str
    request: HttpRequest
    fields: Mapping[str, str]
    now_us: int
    rule: RateRule | None = None

    def text(self, name: str) -> str:
        """A parameter, "" where it is absent."""
        return self.fields.get(name, "")


class Answers:
    """Answers calls."""

    def __init__(self, floor: Floor, clock: VenueClock, bans: Bans) -> None:
        self._floor = floor
        self._clock = clock
        self._bans = bans
        self._distorter = Distorter(floor.faults)

    def data(self, call: Call, data: object) -> None:
        """Accept."""
        self.body(call, {"code": 0, "msg": "", "debugMsg": "", "data": data})

    def refuse(self, call: Call, code: str, text: str, now_us: int, *, order_id: str | None = None) -> None:
        """Refuse: an error answer, which counts."""
        self._bans.answered(call.name, code, now_us)
        tail: JsonObject = {"timestamp": self._clock.ms(now_us)} if code in GATEWAY else {"debugMsg": ""}
        self.body(call, {"code": int(code), "msg": text, **tail}, order_id=order_id)

    def body(self, call: Call, document: JsonObject, *, order_id: str | None = None) -> None:
        """Answer with a document; one about an order may be distorted."""
        body = dumps(document) if order_id is None else self._distorter.body(document, order_id)
        self.respond(call, HttpResponse(200, body))

    def respond(self, call: Call, response: HttpResponse) -> None:
        """Answer with whatever it is, and with what is left of the limit (BingX: Basic Information / Rate limit)."""
        if call.rule is not None:
            left = self._floor.rates.left(call.rule, "", call.now_us)
            expires_ms = self._clock.ms(call.now_us + call.rule.window_us)
            said = {"X-RateLimit-Requests-Remain": str(left), "X-RateLimit-Requests-Expire": str(expires_ms)}
            response = HttpResponse(response.status, response.body, said | dict(response.headers))
        self._floor.actions.append(Respond(call.request_id, response))

    def cut(self, call: Call) -> None:
        """Cut the call's connection."""
        self._floor.actions.append(Drop(call.request_id))

    def fires(self, fault: Fault, order_id: str) -> str | None:
        """Draw a fault for an order."""
        return self._floor.faults.fires(fault, order_id)
