"""Keeps one account's dead-man switch at its venue: makes the calls, raises the alarms, and ends it at a clean stop.

When to call is the core's (`daemon.core.deadman`), what to call the dialect's. Here it is found out whether the switch
may be refreshed: the account can cancel, its key is known to be the user's that it stands for, the journal has just
committed something, and no other daemon of this host holds the timer. Nothing here knows an order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from daemon.core import deadman as core
from daemon.core.deadman import SwitchState
from daemon.edge.journal import JournalState
from daemon.edge.outside import CallFailed
from protocols.control.results import DeadManSeen
from protocols.errors import JournalError, RemoteError, VenueRefusal

if TYPE_CHECKING:
    from structlog.stdlib import BoundLogger
    from structlog.typing import FilteringBoundLogger

    from daemon.config.model import DeadManConfig
    from daemon.edge.alarms import Alarms
    from daemon.edge.clock import Clock
    from daemon.edge.ledger import Ledger
    from daemon.edge.outside import Time
    from protocols.deadman import DeadManSwitch
    from protocols.fix import AccountName
    from protocols.rest import RestCall, RestResponse

CALL_MAX_S: Final = 2.0
"""For one call; never past the next refresh."""
LOOK_S: Final = 0.25
"""How often it is looked whether a switch that may not be set may be now."""
CONTESTED: Final = "dead_man_contested"


class Owner(Protocol):
    """The account, as far as its switch needs it."""

    @property
    def name(self) -> AccountName:
        """Name it."""
        ...

    def why_not_watched(self) -> str:
        """Say why its orders cannot be watched over now; "" when they can."""
        ...

    def holds_timer(self, tag: str) -> bool:
        """Whether no other daemon of this host holds the timer of its user and this tag."""
        ...

    async def fetch(self, call: RestCall, total_s: float) -> RestResponse | CallFailed:
        """Make a signed call."""
        ...


class DeadMan:
    """The switch of one account. Run `run` as a task; `end` it before that is cancelled, at a clean stop."""

    def __init__(
        self,
        config: DeadManConfig,
        switch: DeadManSwitch,
        owner: Owner,
        journal: Ledger,
        alarms: Alarms,
        clock: Clock,
        time: Time,
        log: FilteringBoundLogger | BoundLogger,
    ) -> None:
        self._config = config
        self._switch = switch
        self._owner = owner
        self._journal = journal
        self._alarms = alarms
        self._clock = clock
        self._time = time
        self._log = log
        self._core = core.Switch(config.timeout_s, clock.now())
        self._call_s = min(CALL_MAX_S, config.timeout_s / core.REFRESHES)
        self._woken = time.bell()
        self._ended = time.bell()
        self._said = SwitchState.OFF

    async def run(self) -> None:
        """Keep the switch for ever; a switch that another daemon owns is left alone."""
        if not self._config.is_owner:
            return
        while True:
            self._woken.clear()
            await self._guarded_turn()
            now_us = self._clock.now()
            wait_s = max(0.0, (self._core.next_us(now_us) - now_us) / 1e6)
            await self._woken.wait(wait_s if self._core.fires_us is not None else min(wait_s, LOOK_S))

    async def end(self, limit_s: float) -> None:
        """End the switch at the venue, if it may run there; what cannot be ended in time is said and left."""
        self._core.end()
        self._woken.ring()
        if self._core.is_ended:
            return
        if not await self._ended.wait(limit_s):
            self._log.error("dead_man_not_ended", detail=self._left())

    @property
    def seen(self) -> DeadManSeen:
        """Show it as it is now."""
        now_us = self._clock.now()
        traits = self._switch.traits
        fires_us = self._core.fires_us
        return DeadManSeen(
            state=(self._core.state(now_us) if self._config.is_owner else SwitchState.NOT_OWNED).value,
            timeout_s=self._config.timeout_s,
            fires_in_ms=None if fires_us is None else max(0, fires_us - now_us) // 1000,
            tag=self._config.tag or None,
            covers=traits.covers_of_tag if self._config.tag else traits.covers,
            refreshes=self._core.refreshes,
            failures=self._core.failures,
        )

    # ------------------------------------------------------------ one turn

    async def _guarded_turn(self) -> None:
        try:
            await self._turn()
        except Exception as error:  # noqa: BLE001 - afraid of bugs: a switch that nobody keeps would cancel everything
            self._log.exception("internal_error", where="dead man switch")
            self._alarms.sound("internal_error", f"dead man switch: {type(error).__name__}")
            self._core.failed(f"internal: {type(error).__name__}", self._clock.now(), may_have_worked=True)

    async def _turn(self) -> None:
        """Find out whether it may be refreshed, and do what the core wants."""
        if not self._core.is_ending:
            self._core.allow(await self._why_not())
        for effect in self._core.tick(self._clock.now()):
            match effect:
                case core.Call(timeout_s):
                    await self._call(timeout_s)
                case core.Sound(name, detail):
                    self._alarms.sound(name, detail)
                case core.Clear(name):
                    self._alarms.clear(name)
        self._say_news()
        if self._core.is_ended:
            self._ended.ring()

    async def _why_not(self) -> str:
        """Say why the switch may not be refreshed now; "" when it may."""
        why = self._owner.why_not_watched()
        if why:
            return why
        if self._journal.state is not JournalState.OK:
            return f"the journal is {self._journal.state.value}: {self._journal.why}"
        if not self._owner.holds_timer(self._config.tag):
            why = "another daemon on this host holds this timer"
            self._alarms.sound(CONTESTED, f"{why}; leave owner = true with one of them")
            return why
        self._alarms.clear(CONTESTED)
        return await self._why_not_committed() if self._core.is_due(self._clock.now()) else ""

    async def _why_not_committed(self) -> str:
        """Have the journal write something now: what its last commit said may be hours old."""
        bound = self._journal.bound_user(self._owner.name)
        if bound is None:
            return ""
        try:
            await self._journal.bind_user(self._owner.name, bound.venue, bound.environment, bound.venue_user_id)
        except JournalError as error:
            return str(error)
        return ""

    async def _call(self, timeout_s: int) -> None:
        answer = await self._owner.fetch(self._switch.call(timeout_s, self._config.tag), self._call_s)
        if isinstance(answer, CallFailed):
            self._core.failed(answer.why, self._clock.now(), may_have_worked=answer.handed_over)
            return
        try:
            self._switch.read(timeout_s, answer)
        except VenueRefusal as refusal:
            self._core.failed(str(refusal), self._clock.now(), may_have_worked=False)
        except RemoteError as error:
            self._core.failed(str(error), self._clock.now(), may_have_worked=True)
        else:
            self._core.done(self._clock.now())

    def _say_news(self) -> None:
        state = self._core.state(self._clock.now())
        if state is not self._said:
            self._said = state
            self._log.info("dead_man_switch", state=state.value, timeout_s=self._config.timeout_s, left=self._left())

    def _left(self) -> str:
        fires_us = self._core.fires_us
        return "" if fires_us is None else f"fires in {max(0, fires_us - self._clock.now()) / 1e6:.1f} s"
