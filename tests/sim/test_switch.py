"""The simulated venues' dead-man switches: they run out by the clock that drives them, and take everything with them.

The calls are written and read by the daemon's own dialects, so that each checks the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from daemon.sim.registry import build
from daemon.sim.switch import BATCH
from daemon.sim.venues.bitget.options import BitgetOptions
from daemon.sim.venues.bitget.venue import BitgetVenue
from protocols.dialect import Endpoints, Profile
from protocols.errors import RemoteError, VenueRefusal
from protocols.rest import RestResponse
from protocols.secret import Credentials, Secret
from protocols.venues.registry import VENUES, dialect_for
from tests.sim.rig import Client, VenueRig
from tests.system.six import placing_of

if TYPE_CHECKING:
    from typing import Any

    from daemon.sim.venue import SimVenue

WITH = sorted(set(VENUES) - {"bitget"})
CREDENTIALS = Credentials(Secret("sim-key"), Secret("sim-secret"), Secret("sim-pass"))
HOST = "127.0.0.1:9000"
EACH = pytest.mark.parametrize("name", WITH)


class Rig(VenueRig[Client]):
    """One venue, and the daemon's own dialect to set its switch by."""

    start_us = 1_789_700_000_000_000

    def __init__(self, name: str, venue: SimVenue | None = None) -> None:
        super().__init__(venue or build(name, seed=7), Client)
        self.name = name
        self.dialect = dialect_for(name, Profile(endpoints=Endpoints(rest=f"http://{HOST}", ws=f"ws://{HOST}")))

    def set(self, timeout_s: int, tag: str = "") -> None:
        """Set the switch; raises what the dialect makes of the answer."""
        switch = self.dialect.traits.switch
        assert switch is not None
        signed = self.dialect.sign(switch.call(timeout_s, tag), CREDENTIALS, self.now_us)
        headers = {name.lower(): value for name, value in signed.headers} | {"host": HOST}
        answer = self.answers[self.http(signed.method, signed.target, headers, signed.body)]
        assert answer is not None
        switch.read(timeout_s, RestResponse(answer.status, answer.body))

    def seen(self, path: str) -> Any:
        """What the control door shows."""
        return self.door("GET", path)[1]

    def rest(self, count: int) -> list[str]:
        placing = placing_of(self.name)
        order = {"instrument": placing.instrument, "side": "buy", "price": placing.price, "qty": placing.qty}
        more = {} if placing.product is None else {"product": placing.product}
        return [row["order_id"] for row in self.door("POST", "orders", [order | more] * count)[1]["orders"]]

    @property
    def live(self) -> int:
        return len(self.venue.book.live())


@EACH
def test_it_fires_when_its_time_is_up_and_not_before(name: str) -> None:
    rig = Rig(name)
    order_ids = rig.rest(3)
    rig.set(10)
    rig.advance(9.9)
    assert rig.live == 3
    rig.advance(0.2)
    assert rig.live == 0
    assert {rig.seen(f"orders/{order_id}")["ord_status"] for order_id in order_ids} == {"canceled"}
    seen = rig.seen("switch")
    assert len(seen.pop("fired_us")) == 1
    assert seen == {"due_us": {}, "calls": 1, "fired": 1, "canceled": 3}
    rig.rest(1)
    rig.advance(100)
    assert rig.live == 1


@EACH
def test_each_call_starts_it_anew_and_zero_ends_it(name: str) -> None:
    rig = Rig(name)
    rig.rest(1)
    rig.set(10)
    rig.advance(8)
    rig.set(10)
    rig.advance(8)
    assert rig.live == 1
    rig.set(0)
    rig.advance(200)
    assert (rig.live, rig.seen("switch")["fired"]) == (1, 0)


@EACH
def test_two_calls_in_a_second_are_a_breach_where_the_venue_allows_one(name: str) -> None:
    rig = Rig(name)
    rig.set(10)
    if name == "htx":  # counted among the other trade calls
        rig.set(10)
        return
    with pytest.raises(RemoteError):
        rig.set(10)
    rig.advance(1.1)
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
    rig.advance(11)
    assert rig.live == 2
    assert rig.seen(f"orders/{tagged}")["ord_status"] == "canceled"


def test_many_orders_go_in_batches_over_a_while() -> None:
    rig = Rig("bingx")
    rig.rest(2 * BATCH + 1)
    rig.set(10)
    rig.advance(10)
    assert rig.live == BATCH + 1
    with pytest.raises(VenueRefusal, match="FAILED"):
        rig.set(10)
    rig.advance(1)
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
