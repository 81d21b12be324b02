"""Nobody knows how old an unfinished bulk cancel is, or it is old: a client asks again, and for a dead one nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

import msgspec
import pytest

from daemon.core.bindings import BindingId, Tie
from daemon.core.roll import TOO_OLD
from daemon.edge.alarms import EVENT_HOLD_US
from daemon.edge.bindings import LiveBindings
from daemon.edge.bulk_alarms import OVERDUE
from daemon.edge.desk import ConnectionId
from protocols.control.results import BulksSeen
from protocols.evidence import ClockMeasured, Source
from protocols.fix import RequestId
from tests.core.words import TRAITS, report
from tests.edge.test_bulks import ACCOUNT, CALLER, SECOND_US, Bench, Ear, everything
from tests.edge.test_driver import Nobody

if TYPE_CHECKING:
    from daemon.edge.publisher import Publisher
    from protocols.evidence import OrderReported

HOUR_US = 3600 * SECOND_US
AWAY_US = [-HOUR_US, HOUR_US]
"""Between two lives, by the host's clock: it was set back, or set ahead or the daemon truly away for as long."""
GRACE_MS = 1_000
CLIENT = ConnectionId(3)
TIE = Tie(BindingId("t1"), CALLER, everything(), GRACE_MS, None, 0)
ASKED = RequestId("flat")
AGE_MAX_US = int(TRAITS.timings.resend_max_age_s * SECOND_US)


def bindings_of(bench: Bench) -> LiveBindings:
    publisher = cast("Publisher", Nobody())
    live = LiveBindings(bench.accounts, bench.bulks, bench.journal, publisher, bench.clock, bench.time)
    live.ready()
    return live


def life_in_which_a_client_dies(clock: ClockMeasured | None = None) -> Bench:
    """Let a client's binding fire; the life ends before its bulk cancel is over."""
    bench = Bench()
    if clock is not None:
        bench.driver.observe([clock])
    live = bindings_of(bench)
    live.bind(TIE, CLIENT, lambda _, __: None)
    live.drop(CLIENT)
    bench.pass_us(GRACE_MS * 1000 + SECOND_US // 10)
    return bench


def life_in_which_a_client_asks() -> Bench:
    """Let a client ask for a bulk cancel; the life ends before it is over."""
    bench = Bench()
    bench.bulks.start(everything(), CALLER, ASKED, "cancel_all")
    bench.pass_us(SECOND_US // 10)
    return bench


def listed(order_id: str, created_ms: int | None = None) -> OrderReported:
    return report("new", order=order_id, source=Source.QUERY, channel="open_orders", created_ms=created_ms)


O1: Final = (listed("o1"),)


def next_life(before: Bench, away_us: int, *, is_known: bool = True, rests: tuple[OrderReported, ...] = O1) -> Bench:
    """Begin the next life. An order rests."""
    found = before.disk.unfinished_bulks()
    assert [len(bulk.members) for bulk in found] == [0]
    bench = Bench(start_us=before.kernel.now_us + away_us)
    bench.is_known = is_known
    bench.rests = rests
    bench.hear_pushes()
    bench.bulks.restore(found, (), HOUR_US)
    return bench


def taken_in(bench: Bench) -> list[int]:
    """Tell how many orders each bulk cancel that is not over has a request for."""
    return [seen.orders for seen in bench.bulks.status(frozenset({ACCOUNT}), bench.kernel.now_us)]


@pytest.mark.parametrize("away_us", AWAY_US)
def test_what_a_binding_began_cancels_what_rests(away_us: int) -> None:
    bench = next_life(life_in_which_a_client_dies(), away_us)
    bench.pass_us(SECOND_US)
    assert taken_in(bench) == [1]


def test_what_a_program_that_came_back_places_in_the_scope_is_taken_along_while_that_is_not_over() -> None:
    """It may have bound it anew: an order does not show whose it is. So each program's life has a prefix of its own."""
    bench = next_life(life_in_which_a_client_dies(), HOUR_US)
    live = bindings_of(bench)
    live.bind(msgspec.structs.replace(TIE, binding=BindingId("t2")), CLIENT, lambda _, __: None)
    bench.pass_us(SECOND_US)
    bench.driver.observe([report("new", order="o2")])
    bench.driver.list_orders()
    bench.pass_us(SECOND_US)
    assert taken_in(bench) == [2]
    assert [seen.tie.binding for seen in live.core] == ["t2"]


@pytest.mark.parametrize(
    ("late_us", "seen"),
    [
        (-SECOND_US, BulksSeen(running=1, complete=0, incomplete=0)),
        (SECOND_US, BulksSeen(running=0, complete=0, incomplete=1)),
    ],
)
@pytest.mark.parametrize("away_us", AWAY_US)
def test_what_a_binding_began_grows_old_from_the_new_life_on(away_us: int, late_us: int, seen: BulksSeen) -> None:
    """An account that comes up in time is swept; of one that comes up later it is only said that orders may rest."""
    bench = next_life(life_in_which_a_client_dies(), away_us, is_known=False)
    bench.pass_us(AGE_MAX_US + late_us)
    bench.is_known = True
    bench.on_known()
    bench.pass_us(SECOND_US // 2)
    assert bench.driver.tally.bulks_seen == seen


def alarm(bench: Bench) -> list[str]:
    return [alarm.detail for alarm in bench.driver.alarms.standing() if alarm.name == "bulk_incomplete"]


def test_as_long_as_it_is_not_known_what_a_dead_client_left_an_alarm_says_so() -> None:
    """It stands for longer than one about an event does, and another's bulk cancel does not end it."""
    bench = next_life(life_in_which_a_client_dies(), 0, is_known=False, rests=())
    bench.pass_us(AGE_MAX_US - SECOND_US)
    assert alarm(bench) == []
    bench.pass_us(2 * SECOND_US)
    assert alarm(bench) == [f"bind.t1: {OVERDUE}"]
    bench.bulks.start(everything(), CALLER, ASKED, "cancel_all")
    bench.pass_us(30 * SECOND_US)
    assert bench.driver.tally.bulks_seen == BulksSeen(running=1, complete=1, incomplete=0)
    assert alarm(bench) == [f"bind.t1: {OVERDUE}"]
    bench.pass_us(EVENT_HOLD_US + SECOND_US)
    assert alarm(bench) == [f"bind.t1: {OVERDUE}"]
    bench.is_known = True
    bench.on_known()
    bench.pass_us(30 * SECOND_US)
    assert bench.driver.tally.bulks_seen == BulksSeen(running=0, complete=2, incomplete=0)
    assert alarm(bench) == []


def test_of_an_order_that_is_found_late_it_is_known_in_the_next_life_too_that_it_is_older() -> None:
    """The host's clock was set back: by it alone an order of the next day would be called older."""
    before = life_in_which_a_client_dies(clock=ClockMeasured(2_000_000, 1_000))
    fired_ms = (before.kernel.now_us - SECOND_US // 10) // 1000 + 2_000
    rests = listed("o1", fired_ms - 10), listed("o2", fired_ms + 10), listed("o3")
    bench = next_life(before, -24 * HOUR_US, is_known=False, rests=rests)
    bench.pass_us(AGE_MAX_US + SECOND_US)
    bench.is_known = True
    bench.on_known()
    bench.pass_us(SECOND_US // 2)
    assert taken_in(bench) == [1]


@pytest.mark.parametrize("away_us", AWAY_US)
def test_what_a_client_asked_for_cancels_nothing_new_and_says_what_rests(away_us: int) -> None:
    bench = next_life(life_in_which_a_client_asks(), away_us)
    ear = Ear()
    bench.bulks.start(everything(), CALLER, ASKED, "cancel_all", sink=ear)
    bench.pass_us(60 * SECOND_US)
    assert [[(left.order.order_id, left.why) for left in told.survivors] for told in ear.told] == [[("o1", TOO_OLD)]]
