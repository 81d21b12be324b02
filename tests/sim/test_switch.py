"""The simulated venues' dead-man switches: they run out by the clock that drives them, and take everything with them.

The calls are written and read by the daemon's own dialects, so that each checks the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest

from daemon.sim.control import control
from daemon.sim.registry import build
from daemon.sim.switch import BATCH
from daemon.sim.venue import HttpRequest, Respond
from daemon.sim.venues.bitget.options import BitgetOptions
from daemon.sim.venues.bitget.venue import BitgetVenue
from protocols.dialect import Endpoints, Profile
from protocols.errors import RemoteError, VenueRefusal
from protocols.rest import RestResponse
from protocols.secret import Credentials, Secret
from protocols.venues.registry import VENUES, dialect_for
from tests.system.six import placing_of

if TYPE_CHECKING:
    from typing import Any

    from daemon.sim.venue import SimVenue

WITH = sorted(set(VENUES) - {"bitget"})
CREDENTIALS = Credentials(Secret("sim-key"), Secret("sim-secret"), Secret("sim-pass"))
HOST = "127.0.0.1:9000"
SECOND_US = 1_000_000
EACH = pytest.mark.parametrize("name", WITH)


class Rig:
    """One venue, driven by hand."""

    def __init__(self, name: str, venue: SimVenue | None = None) -> None:
        self.venue = venue or build(name, seed=7)
        self.name = name
        self.now_us = 1_789_700_000 * SECOND_US
        self.dialect = dialect_for(name, Profile(endpoints=Endpoints(rest=f"http://{HOST}", ws=f"ws://{HOST}")))
        self._asked = 0

    def pass_time(self, seconds: float) -> None:
        until_us = self.now_us + round(seconds * SECOND_US)
        while (due_us := self.venue.deadline()) is not None and due_us <= until_us:
            self.venue.tick(due_us)
        self.now_us = until_us

    def set(self, timeout_s: int, tag: str = "") -> None:
        """Set the switch; raises what the dialect makes of the answer."""
        switch = self.dialect.traits.switch
        assert switch is not None
        signed = self.dialect.sign(switch.call(timeout_s, tag), CREDENTIALS, self.now_us)
        headers = {name.lower(): value for name, value in signed.headers} | {"host": HOST}
        self._asked += 1
        self.venue.http(self._asked, HttpRequest(signed.method, signed.target, headers, signed.body), self.now_us)
        (answer,) = [action for action in self.venue.drain() if isinstance(action, Respond)]
        switch.read(timeout_s, RestResponse(answer.response.status, answer.response.body))

    def door(self, method: str, path: str, body: object = None) -> Any:
        request = HttpRequest(method, f"/_sim/{path}", {}, b"" if body is None else orjson.dumps(body))
        return orjson.loads(control(self.venue, request, self.now_us).body)

    def rest(self, count: int) -> list[str]:
        placing = placing_of(self.name)
        order = {"instrument": placing.instrument, "side": "buy", "price": placing.price, "qty": placing.qty}
        more = {} if placing.product is None else {"product": placing.product}
        return [row["order_id"] for row in self.door("POST", "orders", [order | more] * count)["orders"]]

    @property
    def live(self) -> int:
        return len(self.venue.book.live())


@EACH
def test_it_fires_when_its_time_is_up_and_not_before(name: str) -> None:
    rig = Rig(name)
    order_ids = rig.rest(3)
    rig.set(10)
    rig.pass_time(9.9)
    assert rig.live == 3
    rig.pass_time(0.2)
    assert rig.live == 0
    assert {rig.door("GET", f"orders/{order_id}")["ord_status"] for order_id in order_ids} == {"canceled"}
    assert rig.door("GET", "switch") == {"due_us": {}, "calls": 1, "fired": 1, "canceled": 3}
    rig.rest(1)
    rig.pass_time(100)
    assert rig.live == 1


@EACH
def test_each_call_starts_it_anew_and_zero_ends_it(name: str) -> None:
    rig = Rig(name)
    rig.rest(1)
    rig.set(10)
    rig.pass_time(8)
    rig.set(10)
    rig.pass_time(8)
    assert rig.live == 1
    rig.set(0)
    rig.pass_time(200)
    assert (rig.live, rig.door("GET", "switch")["fired"]) == (1, 0)


@EACH
def test_two_calls_in_a_second_are_a_breach_where_the_venue_allows_one(name: str) -> None:
    rig = Rig(name)
    rig.set(10)
    if name == "htx":  # counted among the other trade calls
        rig.set(10)
        return
    with pytest.raises(RemoteError):
        rig.set(10)
    rig.pass_time(1.1)
    rig.set(10)


@EACH
@pytest.mark.parametrize("timeout_s", [1, 3601])
def test_a_countdown_outside_of_the_venues_range_is_refused(name: str, timeout_s: int) -> None:
    if name == "htx" and timeout_s == 3601:
        return  # it knows no longest one
    with pytest.raises(RemoteError):
        Rig(name).set(timeout_s)


def test_a_tags_countdown_takes_the_orders_with_that_tag_alone() -> None:
    rig = Rig("okx")
    rig.rest(2)
    tagged = rig.rest(1)[0]
    rig.venue.book.note(tagged, {"tag": "mm1"}, rig.now_us)
    rig.set(10, "mm1")
    rig.pass_time(11)
    assert rig.live == 2
    assert rig.door("GET", f"orders/{tagged}")["ord_status"] == "canceled"


def test_many_orders_go_in_batches_over_a_while() -> None:
    rig = Rig("bingx")
    rig.rest(2 * BATCH + 1)
    rig.set(10)
    rig.pass_time(10)
    assert rig.live == BATCH + 1
    with pytest.raises(VenueRefusal, match="FAILED"):
        rig.set(10)
    rig.pass_time(1)
    assert rig.live == 0


def test_a_key_without_the_permission_is_refused() -> None:
    rig = Rig("bitget_uta", BitgetVenue(BitgetOptions(is_unified=True, has_countdown=False)))
    with pytest.raises(VenueRefusal, match="40014"):
        rig.set(10)


@EACH
def test_a_test_may_have_it_refuse(name: str) -> None:
    rig = Rig(name)
    rig.venue.switch.refuses_with = {"htx": "1004", "bingx": "100500"}.get(name, "50013")  # type: ignore[attr-defined] # each of these has one
    with pytest.raises(VenueRefusal):
        rig.set(10)
