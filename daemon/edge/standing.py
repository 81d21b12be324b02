"""Whether the venue takes the account's credentials, by road, and whose they are.

A login or a signed call proves them; a refusal closes roads and is never hammered: it is tried again slowly, or when
the credentials are rotated. A refused login closes REST too, since the key is the same; a refused REST call closes REST
alone, since what it lacks may be asked for there only. An account of a kind that is not served here closes every road.
It knows no order and sends nothing but the identity question.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from daemon.edge.outside import CallFailed
from protocols.dialect import RefusalKind
from protocols.errors import Unreadable, VenueRefusal
from protocols.evidence import AccountIdentified, AccountRefused
from protocols.fix import Road

if TYPE_CHECKING:
    from collections.abc import Callable

    from daemon.edge.alarms import Alarms
    from daemon.edge.call_pace import CallPace
    from daemon.edge.outside import Time
    from daemon.edge.settings import Waits
    from daemon.edge.venue_rest import VenueRest
    from protocols.rest import RestCall

RETRY_MAX_S: Final = 60.0


class Standing:
    """The account's standing with its venue. ``changed`` is called whenever a road may have opened or closed."""

    def __init__(
        self,
        rest: VenueRest,
        pace: CallPace,
        waits: Waits,
        alarms: Alarms,
        report: Callable[[AccountIdentified | AccountRefused], None],
        changed: Callable[[str], None],
        resync_clock: Callable[[], None],
        outside: Time,
    ) -> None:
        self.is_proven = False
        self.is_served = True
        self._refused: dict[Road, AccountRefused] = {}
        self._rest = rest
        self._pace = pace
        self._waits = waits
        self._alarms = alarms
        self._report = report
        self._changed = changed
        self._resync_clock = resync_clock
        self._outside = outside
        self._again = outside.bell()

    @property
    def refusal(self) -> AccountRefused | None:
        """The refusal that stands, if one does."""
        return next(iter(self._refused.values()), None)

    def proven(self, road: Road) -> None:
        """The venue took our signature on this road."""
        self.is_proven = True
        if road is Road.REST:
            self.is_served = True
        if self._refused.pop(road, None) is not None:
            self._changed("the credentials are taken again")
        if not self._refused:
            self._alarms.clear("auth_failed")

    def refused(self, road: Road, code: str, message: str, kind: RefusalKind = RefusalKind.CREDENTIALS) -> None:
        """The venue does not take our credentials on this road, or (``ACCOUNT``) not this account on any."""
        is_news = not self._refused
        what = "does not serve this account here" if kind is RefusalKind.ACCOUNT else "refused the credentials"
        refusal = AccountRefused(f"the venue {what}: {code} {message}".rstrip(), code)
        self.is_served = self.is_served and kind is not RefusalKind.ACCOUNT
        self._refused[road] = refusal
        self._alarms.sound("auth_failed", refusal.why)
        self._changed(refusal.why)
        if is_news:
            self._report(refusal)
        if road is Road.REST:
            self._again.ring()  # the identity question finds out when it is taken again

    def rest_answered(self, code: str) -> None:
        """Look at the code of an answer to a signed call for what it says about the account."""
        match self._rest.dialect.refusal_of(code):
            case RefusalKind.CREDENTIALS | RefusalKind.ACCOUNT as kind if Road.REST not in self._refused:
                self.refused(Road.REST, code, "", kind)
            case RefusalKind.CLOCK:
                self._resync_clock()

    def renew(self) -> None:
        """New credentials: what was refused was the old ones."""
        self._refused.clear()
        self.is_proven = False
        self.is_served = True
        self._alarms.clear("auth_failed")
        self._changed("new credentials")
        self._again.ring()

    async def run(self) -> None:
        """Ask whose the key is until that is known, and again when it is doubted; for ever."""
        retry_s = self._waits.retry_s
        while (call := self._rest.dialect.identity_call()) is not None:
            self._again.clear()
            trouble = await self._ask(call)
            if trouble is None:
                self._alarms.clear("not_identified")
                retry_s = self._waits.retry_s
                await self._again.wait()
                continue
            self._alarms.sound("not_identified", trouble)
            if Road.REST in self._refused:
                await self._again.wait(self._waits.refused_retry_s)
            else:
                await self._again.wait(retry_s)
                retry_s = min(2 * retry_s, RETRY_MAX_S)
        while True:  # nothing to ask: a refused call is forgiven after a while, and the next one will tell
            await self._again.wait()
            self._again.clear()
            await self._outside.sleep(self._waits.refused_retry_s)
            self.proven(Road.REST)

    async def _ask(self, call: RestCall) -> str | None:
        """Ask once; None when it was answered, else what is the matter."""
        await self._pace.turn(call)
        answer = await self._rest.fetch(call, self._waits.rest_question_s)
        if isinstance(answer, CallFailed):
            return answer.why
        try:
            identity = self._rest.dialect.read_identity(answer)
        except VenueRefusal as refusal:
            self._identity_refused(refusal)
            return str(refusal)
        except Unreadable as error:
            return str(error)
        self._report(identity)
        self.proven(Road.REST)
        return None

    def _identity_refused(self, refusal: VenueRefusal) -> None:
        match self._rest.dialect.refusal_of(refusal.code):
            case RefusalKind.CREDENTIALS | RefusalKind.ACCOUNT as kind:
                self.refused(Road.REST, refusal.code, refusal.message, kind)
                self._again.clear()
            case RefusalKind.CLOCK:
                self._resync_clock()
