"""Draws from a seed what will happen: venues, orders, wishes, faults, weather, crashes; and says what it drew.

Everything is fixed here before anything runs, each part from a stream of its own, so that a change in one part of a
plan leaves the others as they were. Times are microseconds since the beginning of the world.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Final

import msgspec

from daemon.sim.demo_plan import Placing
from daemon.sim.registry import DEMOS, VENUES, build
from daemon.simulate.bound import BindingPlan, draw_bindings
from daemon.simulate.bulks import BulkPlan, draw_bulks
from daemon.simulate.disk import Habits
from daemon.simulate.fleets import draw_fleet
from daemon.simulate.latecomers import draw_latecomers
from daemon.simulate.network import Climate
from daemon.simulate.swarm import FINAL_REJECTS, FOREVER_US, Flash, Span, draw_classes, draw_flashes, draw_spans
from daemon.simulate.switches import draw_switch
from daemon.simulate.tracks import TrackPlan, draw_ghosts, draw_tracks
from daemon.simulate.wishes import OrderPlan, WishPlan, draw_wishes
from protocols.dialect import Profile, Timings
from protocols.fix import AccountName, OrderEntry, Road
from protocols.venues.registry import dialect_for

if TYPE_CHECKING:
    from collections.abc import Sequence

SECOND_US: Final = 1_000_000
BEGIN_US: Final = 3 * SECOND_US
"""When the storm begins: the daemon has had time to connect."""
CALM_AFTER_US: Final = 90 * SECOND_US
"""From the heal until the first wish of the calm: refused credentials are tried again after a minute."""
SHORT: Final = {"ack_wait_ms": 400, "push_wait_ms": 400, "replica_lag_ms": 2000, "settle_ms": 5000, "horizon_s": 20}
ONLY_BY_REST: Final = frozenset({"ODD-USDT"})
"""Instruments that a simulated venue gives no code for: with sockets alone their cancels have no road, for ever."""
DOWN_US: Final = (200_000, 600_000, 1_500_000, 3_500_000, 7_000_000)
"""How long a daemon is away that died: as fast as a supervisor starts it anew, inside every venue's window of limits,
gap between two cancels of an order and dial, or longer than most of them."""
ROUGH_SPIKE_US: Final = 3 * SECOND_US


class Rain(msgspec.Struct, frozen=True):
    """``cut``: every connection is cut. ``stall``: nothing arrives for a while. ``dark``: nobody gets through."""

    at_us: int
    kind: str
    for_us: int


class AccountPlan(msgspec.Struct, frozen=True):
    """One account, its venue and the way there."""

    name: AccountName
    venue: str
    venue_seed: int
    order_entry: OrderEntry
    products: tuple[str, ...]
    timings: Timings
    cases_max: int
    orders_max: int
    placings: tuple[Placing, ...]
    climate: Climate
    classes: tuple[str, ...]
    spans: tuple[Span, ...]
    flashes: tuple[Flash, ...]
    rain: tuple[Rain, ...]
    switch_s: int | None = None
    """The time-out of its dead-man switch; None: it has none."""

    @property
    def is_rough(self) -> bool:
        """Whether the network may press together what left apart, which no budget can help."""
        return self.climate.spike_p > 0 or any(rain.kind == "stall" for rain in self.rain)

    @property
    def may_refuse_for_good(self) -> bool:
        """Whether the venue may say that repeating a cancel is pointless."""
        return any(f"REJECT({code})" in span.spec for code in FINAL_REJECTS for span in self.spans)


class Crash(msgspec.Struct, frozen=True):
    """The daemon dies and comes back; its host's clock may be set meanwhile."""

    at_us: int
    down_us: int
    clock_offset_us: int


class ClientPlan(msgspec.Struct, frozen=True):
    """A client. ``is_patient``: after a crash it waits until the end before it asks again."""

    uid: int
    is_patient: bool
    leaves: tuple[tuple[int, int], ...]


class Plan(msgspec.Struct, frozen=True):
    """A whole world."""

    seed: int
    accounts: tuple[AccountPlan, ...]
    orders: tuple[OrderPlan, ...]
    wishes: tuple[WishPlan, ...]
    bulks: tuple[BulkPlan, ...]
    bindings: tuple[BindingPlan, ...]
    tracks: tuple[TrackPlan, ...]
    clients: tuple[ClientPlan, ...]
    crashes: tuple[Crash, ...]
    habits: Habits
    durability: str
    on_journal_failure: str
    clock_offset_us: int
    heal_us: int
    ends_in_order: bool = True
    """Whether the daemon stops in order at the very last, or just ends."""

    def clock_offsets(self) -> list[tuple[int, int]]:
        """Say how far off our clock is, from when on."""
        return [(0, self.clock_offset_us), *((c.at_us + c.down_us, c.clock_offset_us) for c in self.crashes)]

    def clock_offset_at(self, at_us: int) -> int:
        """Say how far off our clock is at a moment."""
        return [offset_us for from_us, offset_us in self.clock_offsets() if from_us <= at_us][-1]

    def names_wished(self) -> set[tuple[str, str | None]]:
        """Give the client ids, by account, by which alone orders are asked for: they may be other orders' too."""
        return {
            (wish.account, self.orders[wish.order].client_order_id)
            for wish in self.wishes
            if wish.order is not None and not wish.by_order_id
        }

    def trouble_of(self, account: AccountPlan) -> tuple[tuple[int, int], ...]:
        """Say when something may hinder the daemon at an account: its own death, its disk, the way, the venue."""
        times = [(crash.at_us, crash.at_us + crash.down_us) for crash in self.crashes]
        times += [(rain.at_us, rain.at_us + rain.for_us) for rain in account.rain]
        times += [(flash.at_us, flash.at_us) for flash in account.flashes]
        times += [(span.begin_us, span.end_us) for span in account.spans if span.end_us != FOREVER_US]
        times += self.habits.fails
        return (*times, (0, self.heal_us)) if account.is_rough else tuple(times)

    def summary(self) -> str:
        """Say what was drawn, in a line."""
        accounts = ", ".join(
            f"{account.name} by {account.order_entry.value} ({' '.join(account.classes) or 'no faults'})"
            for account in self.accounts
        )
        trouble = f"{len(self.crashes)} crashes, {len(self.habits.fails)} failures of the disk"
        requests = f"{len(self.wishes)} requests and {len(self.bulks)} bulk cancels by {len(self.clients)} clients"
        requests += f", {len(self.bindings)} bindings" if self.bindings else ""
        requests += f", {len(self.tracks)} tracked orders" if self.tracks else ""
        return f"seed {self.seed}: {accounts}; {requests}, {trouble}, storm until {_s(self.heal_us)}"

    def story(self) -> list[str]:
        """Say what was drawn, a line each."""
        counts = f"{len(self.wishes)} requests for {len(self.orders)} orders by {len(self.clients)} clients"
        fails = ", ".join(f"{_s(begin_us)} to {_s(end_us)}" for begin_us, end_us in self.habits.fails)
        lines = [
            f"seed {self.seed}: {counts}, storm until {_s(self.heal_us)}, our clock {_s(self.clock_offset_us)} off",
            f"journal: {self.durability}, {self.on_journal_failure}, commits in {self.habits.commit_us} us",
        ]
        if fails:
            lines.append(f"  fails from {fails}")
        for bulk in self.bulks:
            named = f"{len(bulk.orders)} orders by name" if bulk.orders else "everything"
            where = f"placing {bulk.placing}, client ids {bulk.prefix or ''}*" if not bulk.orders else ""
            lines.append(f"{bulk.name} at {_s(bulk.at_us)}: {named} of {bulk.account} {where}".rstrip())
        for binding in self.bindings:
            end = (
                "stays"
                if binding.dies_us is None
                else f"{'leaves' if binding.says_bye else 'dies'} at {_s(binding.dies_us)}"
            )
            what = "everything" if binding.is_all else f"client ids {binding.prefix}*"
            lines.append(f"bound {binding.index}: {what} of {binding.account}, grace {binding.grace_ms} ms, {end}")
        for track in self.tracks:
            said = ", ".join(f"{'which it is ' if is_named else ''}at {_s(at_us)}" for at_us, is_named in track.said)
            dated = ", and when it was placed" if track.is_dated else ""
            lines.append(f"tracked by client {track.client}: {track.client_order_id} {said}{dated}")
        for account in self.accounts:
            lines.append(
                f"{account.name}: {account.venue} by {account.order_entry.value}, "
                f"lag {account.timings.replica_lag_ms} ms, horizon {account.timings.horizon_s} s, "
                f"{account.climate.base_us}+{account.climate.jitter_us} us one way; "
                f"faults: {' '.join(account.classes) or 'none'}"
                + (f"; dead-man switch of {account.switch_s} s" if account.switch_s else "")
            )
            lines += [f"  {_s(span.begin_us)} to {_end(span.end_us)}: {span.spec}" for span in account.spans]
            lines += [f"  {_s(flash.at_us)}: {flash.spec} now" for flash in account.flashes]
            lines += [f"  {_s(rain.at_us)}: {rain.kind} for {_s(rain.for_us)}" for rain in account.rain]
        lines += [
            f"crash at {_s(crash.at_us)} for {_s(crash.down_us)}, then our clock {_s(crash.clock_offset_us)} off"
            for crash in self.crashes
        ]
        return lines


def draw(seed: int, venues: Sequence[str] = ()) -> Plan:
    """Draw a world; ``venues`` are those to choose from (none: all that can be simulated)."""
    rng = Random(f"{seed}/plan")
    names = list(venues) or list(VENUES)
    chosen = rng.sample(names, min(len(names), rng.choices((1, 2, 3), (6, 3, 1))[0]))
    heal_us = BEGIN_US + rng.choice((4, 12, 40)) * SECOND_US
    accounts = tuple(_account(seed, index, venue, heal_us) for index, venue in enumerate(chosen))
    clients = tuple(_client(rng, index, heal_us) for index in range(rng.choice((1, 2, 5))))
    orders, wishes = draw_wishes(
        Random(f"{seed}/wishes"), accounts, len(clients), BEGIN_US, heal_us, heal_us + CALM_AFTER_US
    )
    bindings, bound = draw_bindings(Random(f"{seed}/bindings"), accounts, len(orders), BEGIN_US, heal_us)
    tracked = draw_tracks(Random(f"{seed}/tracks"), orders, len(clients))
    unborn, ghosts = draw_ghosts(Random(f"{seed}/ghosts"), accounts, len(clients), BEGIN_US, heal_us)
    rng = Random(f"{seed}/disk")
    habits = _habits(rng, heal_us)
    first = len(orders) + len(bound)
    sailing = Random(f"{seed}/many")
    fleet = draw_fleet(sailing, accounts, first, len(clients), habits.commit_us, BEGIN_US, heal_us)
    deaths = [Crash(death.at_us, death.down_us, _clock_offset(sailing)) for death in fleet.deaths]
    behind = first + len(fleet.orders)
    late = draw_latecomers(Random(f"{seed}/late"), accounts, behind, len(clients), BEGIN_US, heal_us)
    accounts = tuple(
        _with_spans(account, late.spans) if account.name == late.account else account for account in accounts
    )
    bulks = draw_bulks(Random(f"{seed}/bulks"), accounts, orders, len(clients), BEGIN_US, heal_us)
    return Plan(
        seed=seed,
        accounts=accounts,
        orders=(*orders, *bound, *fleet.orders, *late.orders),
        wishes=tuple(sorted((*wishes, *ghosts), key=lambda wish: (wish.at_us, wish.name))),
        bindings=bindings,
        tracks=(*tracked, *unborn),
        bulks=(*bulks, *fleet.bulks, *late.bulks),
        clients=clients,
        crashes=_apart([*_crashes(Random(f"{seed}/crashes"), wishes, heal_us), *deaths]),
        habits=habits,
        durability=rng.choice(("receipt", "receipt", "strict")),
        on_journal_failure=rng.choice(("serve", "serve", "refuse")),
        clock_offset_us=_clock_offset(rng),
        heal_us=heal_us,
        ends_in_order=Random(f"{seed}/end").random() < 0.5,
    )


def _with_spans(account: AccountPlan, spans: tuple[Span, ...]) -> AccountPlan:
    return msgspec.structs.replace(account, spans=(*account.spans, *spans))


def _account(seed: int, index: int, venue: str, heal_us: int) -> AccountPlan:
    rng = Random(f"{seed}/account/{index}")
    wanted = rng.choice((1, 3, 6))
    traits = dialect_for(venue, Profile()).traits
    roads = [OrderEntry.WS_THEN_REST] * 3 + [OrderEntry(road.value) for road in traits.roads]
    order_entry = rng.choice(roads) if Road.WS in traits.roads else OrderEntry.WS_THEN_REST
    placings = [
        p for p in DEMOS[venue].placings if order_entry is not OrderEntry.WS or p.instrument not in ONLY_BY_REST
    ]
    placings = rng.sample(placings, min(len(placings), wanted))
    timings = traits.timings
    if rng.random() < 0.6:
        timings = msgspec.structs.replace(timings, **SHORT)
    classes = draw_classes(rng)
    simulated = build(venue)
    lag_us = timings.replica_lag_ms * 1000
    return AccountPlan(
        name=AccountName(f"{venue.replace('_', '-')}-{index}"),
        venue=venue,
        venue_seed=rng.randrange(1 << 30),
        order_entry=order_entry,
        products=tuple(dict.fromkeys(p.product for p in placings if p.product is not None)),
        timings=timings,
        cases_max=rng.choice((20_000, 20_000, 20_000, 25)),
        orders_max=rng.choice((100_000, 100_000, 40)),
        placings=tuple(placings),
        climate=_climate(rng),
        classes=tuple(classes),
        spans=tuple(draw_spans(rng, simulated, classes, BEGIN_US, heal_us, lag_us)),
        flashes=tuple(draw_flashes(rng, simulated, BEGIN_US, heal_us)),
        rain=_rain(rng, heal_us),
        switch_s=draw_switch(Random(f"{seed}/switch/{index}"), None if traits.switch is None else traits.switch.traits),
    )


def _climate(rng: Random) -> Climate:
    base_us = rng.choice((100, 1_000, 5_000, 40_000))
    jitter_us = min(rng.choice((50, 1_000, 20_000)), base_us * 4)
    if rng.random() < 0.15:
        return Climate(base_us, jitter_us, rng.choice((0.02, 0.1)), ROUGH_SPIKE_US)
    return Climate(base_us, jitter_us)


def _rain(rng: Random, heal_us: int) -> tuple[Rain, ...]:
    kinds = rng.choice(((), (), ("cut",), ("stall",), ("dark",), ("cut", "cut", "stall", "dark")))
    return tuple(
        Rain(rng.randint(BEGIN_US, heal_us), kind, rng.choice((300_000, 2 * SECOND_US, 8 * SECOND_US)))
        for kind in kinds
    )


def _client(rng: Random, index: int, heal_us: int) -> ClientPlan:
    leaves = tuple(
        (rng.randint(BEGIN_US, heal_us), rng.randint(1_000, 3 * SECOND_US)) for _ in range(rng.choice((0, 0, 1, 3)))
    )
    return ClientPlan(1001 + index % 3, rng.random() < 0.3, leaves)


def _crashes(rng: Random, wishes: tuple[WishPlan, ...], heal_us: int) -> list[Crash]:
    """Draw crashes, most of them while a request is young: that is when everything is under way."""
    crashes: list[Crash] = []
    stormy = [wish.at_us for wish in wishes if wish.at_us < heal_us]
    for _ in range(rng.choice((0, 0, 1, 1, 2, 4))):
        near = rng.choice(stormy) + rng.choice((rng.randint(0, 3_000), rng.randint(0, 300_000)))
        drawn_us = near if rng.random() < 0.8 else rng.randint(BEGIN_US // 2, heal_us)
        crashes.append(Crash(drawn_us, rng.choice(DOWN_US), _clock_offset(rng)))
    return crashes


def _apart(crashes: list[Crash]) -> tuple[Crash, ...]:
    """Leave out those in which the daemon is down already; gives the others by their times."""
    apart: list[Crash] = []
    at_us = 0
    for crash in sorted(crashes, key=lambda crash: crash.at_us):
        if crash.at_us > at_us:
            apart.append(crash)
            at_us = crash.at_us + crash.down_us
    return tuple(apart)


def _habits(rng: Random, heal_us: int) -> Habits:
    commit_us = rng.choice(((100, 500), (1_000, 8_000), (5_000, 60_000)))
    fails = []
    for _ in range(rng.choice((0, 0, 0, 1, 2))):
        begin_us = rng.randint(BEGIN_US, heal_us)
        fails.append((begin_us, min(heal_us, begin_us + rng.choice((50_000, 3 * SECOND_US)))))
    return Habits(commit_us, tuple(fails))


def _clock_offset(rng: Random) -> int:
    """Draw how far off our clock is: little, or an hour, so that it may jump by an hour between two lives."""
    return rng.choice((0, 0, 0, 1_500_000, -1_500_000, 3_600_000_000))


def _end(us: int) -> str:
    return "the end" if us == FOREVER_US else _s(us)


def _s(us: int) -> str:
    return f"{us / SECOND_US:.3f} s"
