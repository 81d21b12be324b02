"""The doors of the simulated venues: the control door, the venue's own calls, its sockets, and the SPEC of faults.

A simulated venue stands on a user's machine as canceld does: a wrong word at any of its doors gets an answer, and no
more than that. One venue lives through many inputs, as it would, and is made anew now and then.

The first byte of an input names the door. At the first two a line ``METHOD TARGET`` follows, then the body; calls are
signed rightly, and sockets logged in, so that what lies behind is reached.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

import orjson

from daemon.sim.control import control
from daemon.sim.faults import FaultError
from daemon.sim.registry import DEMOS, VENUES, build
from daemon.sim.venue import HttpRequest, Respond
from protocols.asks import WireCancel
from protocols.dialect import Profile
from protocols.fix import ClientOrderId, OrderId, Road, SendId
from protocols.rest import RestCall
from protocols.secret import Credentials, Secret
from protocols.venues.registry import dialect_for
from tests.fuzz.target import Target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from daemon.sim.venue import SimVenue
    from protocols.dialect import Dialect

DOOR, CALL, SOCKET, SPEC = range(4)
LIVES: Final = 500
"""Inputs that one venue sees."""
START_US: Final = 1_763_600_000_000_000
STEP_US: Final = 2_000_000
"""Time between two inputs: limits are another test's matter."""
SIM: Final = Credentials(Secret("sim-key"), Secret("sim-secret"), Secret("sim-pass"))
HOST: Final = "127.0.0.1:9000"
METHODS: Final = ("GET", "POST", "DELETE", "PUT")


def targets() -> Iterator[Target]:
    """Give one for each simulated venue."""
    for venue in VENUES:
        doors = Doors(venue)
        yield Target(f"sim-{venue}", doors.knock, tuple(doors.seeds()))


class Doors:
    """A simulated venue with a socket of each kind logged in."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._dialect: Dialect = dialect_for(name, Profile())
        self._left = 0
        self._now_us = START_US
        self._ids = 0
        self._venue: SimVenue

    def knock(self, data: bytes) -> None:
        """Bring an input to its door."""
        if not data:
            return
        self._live()
        match data[0] % 4:
            case 0:
                answer = control(self._venue, self._request(data[1:]), self._now_us)
                assert 200 <= answer.status < 500, answer
                orjson.loads(answer.body)
            case 1:
                self._call(data[1:])
            case 2:
                for conn in self._sockets:
                    self._venue.frame(conn, data[1:].decode("utf-8", "replace"), self._now_us)
            case _:
                self._faults(data[1:].decode("utf-8", "replace"))
        self._now_us += STEP_US
        self._venue.tick(self._now_us)
        self._venue.drain()

    def seeds(self) -> Iterator[bytes]:
        """Give what the demonstration and the daemon say at each door."""
        placing = DEMOS[self._name].placings[0]
        order = {"instrument": placing.instrument, "side": "buy", "price": placing.price, "qty": placing.qty}
        order |= {"product": placing.product} if placing.product is not None else {}
        for line, body in (
            ("POST /_sim/orders", order | {"client_order_id": "771"}),
            ("POST /_sim/orders", [order, order]),
            ("POST /_sim/orders", order | {"qty": "1E99999999", "price": 1e300}),
            ("POST /_sim/orders/1/fill", {"qty": "0.25"}),
            ("POST /_sim/orders/1/cancel", {}),
            ("POST /_sim/faults", {"DUP_PUSH": {"p": 0.5}, "REJECT": {"count": 3, "arg": "1"}}),
            ("GET /_sim/orders", None),
            ("GET /_sim/stats", None),
            ("DELETE /_sim/faults", None),
        ):
            yield bytes([DOOR]) + line.encode() + b"\n" + (b"" if body is None else orjson.dumps(body))
        yield bytes([SPEC]) + DEMOS[self._name].faults.encode()
        wire = WireCancel(SendId("c1"), Road.REST, placing.product or "", placing.instrument, OrderId("1"), None)
        by_alias = WireCancel(SendId("c2"), Road.REST, wire.product, wire.instrument, None, ClientOrderId("771"))
        for each in (wire, by_alias):
            call = self._dialect.cancel_call(each)
            query = "&".join(f"{name}={value}" for name, value in call.query)
            yield bytes([CALL]) + f"{call.method} {call.path}?{query}\n".encode() + call.body
            frame = (
                self._dialect.cancel_frame(each, {placing.instrument: "1"})
                if Road.WS in self._dialect.traits.roads
                else None
            )
            yield bytes([SOCKET]) + (frame or "ping").encode()

    def _live(self) -> None:
        """Make the venue anew where its time has come."""
        if self._left:
            self._left -= 1
            return
        self._left, self._venue, self._sockets = LIVES, build(self._name), []
        for plan in self._dialect.sockets():
            self._ids += 1
            self._venue.open(self._ids, plan.path, {"host": HOST}, self._now_us)
            if plan.needs_login:
                self._venue.frame(self._ids, self._dialect.login(plan, SIM, self._now_us), self._now_us)
            self._sockets.append(self._ids)
        placing = DEMOS[self._name].placings[0]
        order = {"instrument": placing.instrument, "side": "sell", "price": placing.price, "qty": placing.qty}
        body = orjson.dumps(order | ({"product": placing.product} if placing.product is not None else {}))
        assert control(self._venue, HttpRequest("POST", "/_sim/orders", {}, body), self._now_us).status == 201

    def _call(self, data: bytes) -> None:
        """Sign a call and make it; it is answered at once, later, or not at all, but by nothing else."""
        asked = self._request(data)
        path, _, query = asked.target.partition("?")
        pairs = tuple(parse_qsl(query, keep_blank_values=True))
        call = RestCall("fuzz", asked.method, path, pairs, asked.body)
        try:
            signed = self._dialect.sign(call, SIM, self._now_us)
        except (ValueError, UnicodeError):  # what no address can hold
            return
        headers = {name.lower(): value for name, value in signed.headers} | {"host": HOST}
        self._ids += 1
        self._venue.http(self._ids, HttpRequest(signed.method, signed.target, headers, signed.body), self._now_us)
        for action in self._venue.drain():
            if isinstance(action, Respond) and action.request_id == self._ids:
                assert 200 <= action.response.status < 500, action.response

    def _request(self, data: bytes) -> HttpRequest:
        line, _, body = data.partition(b"\n")
        method, _, target = line.decode("utf-8", "replace").partition(" ")
        return HttpRequest(method if method in METHODS else "GET", target or "/", {"host": HOST}, body)

    def _faults(self, spec: str) -> None:
        try:
            self._venue.faults.parse_spec(spec)
        except FaultError as error:
            assert str(error)  # noqa: PT017 - it has to say what is wrong
