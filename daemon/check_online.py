"""``canceld check --online``: ask each venue whether it takes the account's key, and say what it answered.

It goes the way that the daemon goes: the same gateway measures the clock, asks whose key it is, loads instrument
codes, logs in and subscribes. Then it closes. Nobody gives it a cancel; it writes no journal and opens no socket for
clients. It knows no venue: what is shown is what the gateway and its dialect found out.

A daemon that runs with the same key is not disturbed, except where the venue counts connections: this is one more of
each socket, for some seconds.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog

from daemon.check import EXIT_GOOD, EXIT_MISTAKES, check
from daemon.config import Config, load, locate_credentials, read_credentials
from daemon.edge.clock import Clock
from daemon.edge.gateway import Gateway
from daemon.edge.settings import GatewaySettings
from protocols.dialect import Role
from protocols.evidence import AccountIdentified, AccountRefused, DropCopyState
from protocols.fix import OrderEntry
from protocols.secret import Secret
from protocols.session import State
from protocols.venues.registry import VENUES, dialect_for

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping, Sequence
    from pathlib import Path
    from typing import TextIO

    from structlog.typing import FilteringBoundLogger, WrappedLogger

    from daemon.config import AccountConfig
    from daemon.edge.status import GatewayStatus
    from protocols.dialect import Dialect
    from protocols.evidence import Evidence
    from protocols.secret import Credentials

EXIT_UNREACHED: Final = 1
WAIT_S: Final = 20.0
"""For everything of one account: a venue far away needs three seconds, and one lost connection is forgiven."""
STOP_S: Final = 5.0
LOOK_EVERY_S: Final = 0.02


def check_online(path: Path, out: TextIO, environ: Mapping[str, str], wait_s: float = WAIT_S) -> int:
    """Check the file as `check` does, then ask the venues: 0 all is well, 2 a mistake, 1 a venue was not reached."""
    code = check(path, out, environ, VENUES)
    config = load(path, VENUES)
    if code != EXIT_GOOD or not isinstance(config, Config):
        return code
    return asyncio.run(_ask_all(config, out, environ, wait_s))


async def _ask_all(config: Config, out: TextIO, environ: Mapping[str, str], wait_s: float) -> int:
    """Ask for all accounts at once, and tell of each in the order of the file."""
    codes = []
    async with asyncio.TaskGroup() as group:
        asking = [
            (account, group.create_task(_ask(account, config.path, environ, wait_s)))
            for account in config.accounts.values()
        ]
        for account, task in asking:
            found = await task
            out.write(f"account {account.name}: asked {account.venue}, {account.environment}\n")
            out.writelines(f"  {line}\n" for line in found.lines)
            out.flush()
            codes.append(found.code)
    return max(codes, default=EXIT_GOOD)


class Found:
    """What was found out about one account: lines to show, and the exit code that they amount to."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.code = EXIT_GOOD

    def good(self, about: str, what: str) -> None:
        """Say what is well."""
        self.lines.append(f"{about:<12} {what}")

    def bad(self, about: str, what: str, fix: str, code: int) -> None:
        """Say what is not, and what to do. A mistake of the operator's outweighs a venue that was not reached."""
        self.lines.append(f"{about:<12} {what}; {fix}")
        self.code = max(self.code, code)


async def _ask(account: AccountConfig, path: Path, environ: Mapping[str, str], wait_s: float) -> Found:
    found = Found()
    credentials = None
    if locate_credentials(account, path, environ) is not None:
        credentials = read_credentials(account, path, environ)
    if credentials is None or isinstance(credentials, list):
        fix = "run this with that variable set, as the service has it"
        found.bad("key", f"{account.credentials} lies under $CREDENTIALS_DIRECTORY", fix, EXIT_UNREACHED)
        return found
    dialect = dialect_for(account.venue, account.profile())
    visit = Visit(account, dialect, credentials)
    await visit.run(wait_s)
    visit.tell(found)
    return found


class Visit:
    """One account's gateway, for as long as it takes to learn how it is."""

    def __init__(self, account: AccountConfig, dialect: Dialect, credentials: Credentials) -> None:
        self._dialect = dialect
        self._account = account
        self._whose: AccountIdentified | None = None
        self._refused: AccountRefused | None = None
        self._said: dict[str, str] = {}
        settings = GatewaySettings(
            account=account.name,
            venue=account.venue,
            endpoints=dialect.endpoints(),
            order_entry=account.order_entry,
            ca_file=str(account.ca_file) if account.ca_file is not None else None,
            proxy=Secret(account.proxy) if account.proxy is not None else None,
            source_address=account.source_address,
        )
        self._names = [plan.name for plan in dialect.sockets() if self._is_used(plan.roles)]
        self._gateway = Gateway(settings, dialect, credentials, self._hear, Clock(), self._log())
        self._seen: GatewayStatus = self._gateway.snapshot()

    def _is_used(self, roles: frozenset[Role]) -> bool:
        return self._account.order_entry is not OrderEntry.REST or Role.DROP_COPY in roles

    async def run(self, wait_s: float) -> None:
        """Let the gateway live until all is known, at most ``wait_s``, and close it."""
        life = asyncio.create_task(self._gateway.run())
        try:
            async with asyncio.timeout(wait_s):
                while not self._is_all_known():  # noqa: ASYNC110 - what is looked at rings no bell
                    await asyncio.sleep(LOOK_EVERY_S)
        except TimeoutError:
            pass  # what is not known by then is told as such
        self._seen = self._gateway.snapshot()
        self._gateway.stop()
        await asyncio.wait([life], timeout=STOP_S)
        life.cancel()
        await asyncio.gather(life, return_exceptions=True)

    def _is_all_known(self) -> bool:
        """Whether every line can be written; a key that is refused on any road needs no further look."""
        self._seen = self._gateway.snapshot()
        if self._refused is not None or self._is_out_of_reach():
            return True
        is_whose_known = self._whose is not None or not self._says_whose
        are_codes_loaded = bool(self._seen.counters["reference_loads"]) or not self._dialect.reference_calls()
        return is_whose_known and are_codes_loaded and not self._sockets_missing() and self._has_drop_copy

    def _is_out_of_reach(self) -> bool:
        """Whether neither REST nor any socket answers, the second time round."""
        is_dialed_twice = self._seen.counters["dials"] >= 2 * len(self._names)
        has_no_socket = len(self._sockets_missing()) == len(self._names)
        return bool(self._alarm("clock_unknown")) and is_dialed_twice and has_no_socket

    @property
    def _has_drop_copy(self) -> bool:
        return self._seen.drop_copy is DropCopyState.LIVE

    @property
    def _says_whose(self) -> bool:
        return self._dialect.identity_call() is not None or self._dialect.traits.login_names_user

    def _sockets_missing(self) -> list[str]:
        live = {socket.name for socket in self._seen.sockets if socket.state is State.LIVE}
        return [name for name in self._names if name not in live]

    # ------------------------------------------------------------ hearing

    def _hear(self, evidence: Sequence[Evidence]) -> None:
        for piece in evidence:
            if isinstance(piece, AccountIdentified):
                if self._whose is None or piece.permissions:
                    self._whose = piece
            elif isinstance(piece, AccountRefused):
                self._refused = piece

    def _log(self) -> FilteringBoundLogger:
        """Make a log that writes nothing and remembers why a socket was not opened, by its name."""

        def remember(_: WrappedLogger, __: str, event: MutableMapping[str, object]) -> str:
            if "why" in event and "socket" in event:
                self._said[str(event["socket"])] = str(event["why"])
            raise structlog.DropEvent

        made: FilteringBoundLogger = structlog.wrap_logger(
            None, processors=[remember], wrapper_class=structlog.make_filtering_bound_logger("info")
        )
        return made

    # ------------------------------------------------------------ telling

    def tell(self, found: Found) -> None:
        """Write a line about each thing."""
        self._tell_of_clock(found)
        self._tell_of_key(found)
        if self._refused is None:
            self._tell_of_sockets(found)
            self._tell_of_codes(found)

    def _tell_of_clock(self, found: Found) -> None:
        offset_us, uncertainty_us = self._seen.clock_offset_us, self._seen.clock_uncertainty_us
        if offset_us is None:
            what = f"the venue was not reached by REST: {self._alarm('clock_unknown')}"
            found.bad("clock", what, "look at the network, the endpoints and the proxy", EXIT_UNREACHED)
            return
        known = f", known to {uncertainty_us / 1000:.1f} ms" if uncertainty_us is not None else ""
        found.good("clock", f"the venue's is {offset_us / 1000:+.1f} ms from this host's{known}")
        if self._alarm("clock_offset"):
            found.bad("clock", self._alarm("clock_offset"), "let this host's clock be synchronized", EXIT_GOOD)

    def _tell_of_key(self, found: Found) -> None:
        if self._refused is not None:
            fix = f"put the right key into {self._account.credentials}"
            found.bad("key", self._refused.why, fix, EXIT_MISTAKES)
        elif self._whose is not None:
            may = " ".join(self._whose.permissions) or "not told by this venue"
            found.good("key", f"user {self._whose.venue_user_id}; permissions: {may}")
            needed = self._dialect.traits.trade_permission
            if self._whose.permissions and needed is not None and needed not in self._whose.permissions:
                fix = f"give it the permission {needed!r} at the venue"
                found.bad("key", "it may not cancel", fix, EXIT_MISTAKES)
        elif not self._says_whose:
            found.good("key", "whose it is and what it may is not told by this venue")
        else:
            what = f"whose it is was not learnt: {self._alarm('not_identified') or 'no answer'}"
            found.bad("key", what, "try again; look at the venue's status", EXIT_UNREACHED)

    def _tell_of_sockets(self, found: Found) -> None:
        missing = self._sockets_missing()
        for name in self._names:
            if name not in missing:
                found.good("login", f"socket {name}: live")
                continue
            why = self._alarm("login_broken") or self._said.get(name, "no answer")
            fix = "look at the network, the endpoints and the proxy"
            found.bad("login", f"socket {name}: not live: {why}", fix, EXIT_UNREACHED)
        state = self._seen.drop_copy
        if not self._has_drop_copy and not missing:
            why = self._alarm("subscription_refused") or "the subscription was not answered"
            fix = "without them every outcome is confirmed by asking, later than usual"
            found.bad("pushes", f"order pushes are {state.value}: {why}", fix, EXIT_MISTAKES)
        elif self._has_drop_copy:
            found.good("pushes", f"order pushes are {state.value}")
        if self._seen.clock_offset_us is not None:  # else a road may be open that nobody has walked yet
            found.good("cancels", f"would go by {self._seen.order_entry.value}")

    def _tell_of_codes(self, found: Found) -> None:
        if not self._dialect.reference_calls():
            return
        if self._alarm("no_reference"):
            fix = "cancels go by REST without them"
            found.bad("instruments", f"codes were not loaded: {self._alarm('no_reference')}", fix, EXIT_UNREACHED)
        else:
            found.good("instruments", f"{self._seen.instrument_codes} codes loaded")

    def _alarm(self, name: str) -> str:
        return next((alarm.detail for alarm in self._seen.alarms if alarm.name == name), "")
