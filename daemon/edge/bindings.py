"""Cancels what clients have bound to their own life: hears of connections, keeps the time, and starts the cancels.

Whose time is up is decided in `daemon.core.bindings`; here it is carried out. A binding is in force at once, and its
client is told of it when it is written down, so that it outlives the daemon too. What one cancels is a bulk cancel of
the client's own, with outcomes, journal and story like any other. Who may bind what was decided before.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, assert_never

import structlog

from daemon.core.bindings import Bindings, Drop, Fire, Holder, Keep, News, Tie
from daemon.edge.bulk_running import Terms
from daemon.edge.clock import seconds_until
from daemon.edge.desk import SessionRow
from protocols.errors import BadRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from daemon.core.bindings import BindingEffect, BindingId
    from daemon.edge.account import Account
    from daemon.edge.bulks import Bulks
    from daemon.edge.clock import Clock
    from daemon.edge.desk import ConnectionId
    from daemon.edge.ledger import Ledger
    from daemon.edge.outside import Time, Timer
    from daemon.edge.publisher import Publisher
    from protocols.fix import AccountName

    OnBound = Callable[[BindingId, bool], None]

LATE_US: Final = 500_000
"""A tick that comes so late was held up by ourselves, and so were the clients' signs of life."""
CHANNEL: Final = "binding"
"""The channel of `session` notifications about bindings."""
log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class LiveBindings:
    """The bindings of a running daemon."""

    def __init__(
        self,
        accounts: Mapping[AccountName, Account],
        bulks: Bulks,
        journal: Ledger,
        publisher: Publisher,
        clock: Clock,
        time: Time,
    ) -> None:
        self.core = Bindings()
        self._accounts = accounts
        self._bulks = bulks
        self._journal = journal
        self._publisher = publisher
        self._clock = clock
        self._time = time
        self._timer: Timer | None = None
        self._timer_us = 0
        self._on_bound: OnBound | None = None

    # ------------------------------------------------------------ clients

    def bind(self, tie: Tie, connection: ConnectionId, on_bound: OnBound) -> None:
        """Bind a scope to a connection's life; ``on_bound`` hears whether it is written down. Raises `BadRequest`."""
        effects = self.core.bind(tie, Holder(connection), self._clock.now())
        self._on_bound = on_bound
        self._carry_out(effects)

    def take_over(self, binding: BindingId, connection: ConnectionId) -> None:
        """Hold a binding of another connection, or of another life, by this one. Raises `BadRequest`."""
        self._carry_out(self.core.take_over(binding, Holder(connection), self._clock.now()))

    def release(self, binding: BindingId) -> None:
        """Let one binding go; nothing is canceled. Raises `BadRequest`."""
        self._carry_out(self.core.release(binding))

    def heard(self, connection: ConnectionId) -> list[str]:
        """A connection's heartbeat came; gives the names of the bindings that it holds."""
        self._carry_out(self.core.heard(Holder(connection), self._clock.now()))
        return [str(name) for name in self.core.held_by(Holder(connection))]

    def goodbye(self, connection: ConnectionId) -> None:
        """A client takes its leave: what it holds is let go, and nothing is canceled."""
        self._carry_out(self.core.goodbye(Holder(connection)))

    def drop(self, connection: ConnectionId) -> None:
        """A connection is gone."""
        self._carry_out(self.core.dropped(Holder(connection), self._clock.now()))

    # ------------------------------------------------------------ lives

    def restore(self, ties: Sequence[Tie]) -> None:
        """Take up the bindings of an earlier life."""
        self.core.restore(ties)
        if ties:
            log.info("bindings_recovered", bindings=len(ties))

    def ready(self) -> None:
        """Clients can come back from now on."""
        self._carry_out(self.core.ready(self._clock.now()))

    def stop(self) -> None:
        """The daemon ends: nobody is taken for dead any more."""
        self.core.stop()
        if self._timer is not None:
            self._timer.cancel()

    # ------------------------------------------------------------ inside

    def _tick(self) -> None:
        self._timer = None
        late_us = self._clock.now() - self._timer_us
        if late_us > LATE_US:
            self.core.excuse(late_us)
        self._carry_out(self.core.tick(self._clock.now()))

    def _carry_out(self, effects: Sequence[BindingEffect]) -> None:
        on_bound, self._on_bound = self._on_bound, None
        for effect in effects:
            match effect:
                case Keep(tie):
                    done = None if on_bound is None else partial(on_bound, tie.binding)
                    self._journal.keep_binding(tie, done)
                case Drop(binding):
                    self._journal.drop_binding(binding)
                case Fire(tie, why):
                    self._fire(tie, why)
                case News():
                    self._tell(effect)
                case _:
                    assert_never(effect)
        self._set_timer()

    def _fire(self, tie: Tie, why: str) -> None:
        """Start the cancel. That one of this name runs, or has another scope, cannot be: then somebody looks."""
        cause = f"binding {tie.binding}: {why}"
        try:
            self._bulks.start(tie.scope, tie.caller, tie.cancel_name, cause, terms=Terms(is_unattended=True))
        except BadRequest as error:
            log.error("binding_not_fired", binding=tie.binding, detail=str(error))  # noqa: TRY400 - said, not raised

    def _tell(self, news: News) -> None:
        tie = news.tie
        detail = f"{tie.binding} on {tie.scope.described()}" + (f": {news.why}" if news.why else "")
        say = log.warning if news.state in {"grace", "fired"} else log.info
        say(
            "binding",
            binding=tie.binding,
            state=news.state,
            account=tie.scope.account,
            why=news.why,
            uid=tie.caller.uid,
            pid=tie.caller.pid,
            client=tie.caller.client,
        )
        self._publisher.session(SessionRow(tie.scope.account, CHANNEL, news.state, detail))
        account = self._accounts.get(tie.scope.account)
        if account is not None:
            account.driver.tally.changed(CHANNEL, news.state)

    def _set_timer(self) -> None:
        due_us = self.core.next_us()
        if self._timer is not None:
            if due_us == self._timer_us:
                return
            self._timer.cancel()
            self._timer = None
        if due_us is not None:
            self._timer_us = due_us
            self._timer = self._time.later(seconds_until(due_us, self._clock.now()), self._tick)
