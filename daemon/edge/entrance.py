"""Gets the keys that a venue wants in the address of a socket, and keeps the key of the living one alive.

It knows calls and times; what a key is, and what an answer means, is the dialect's `Admission`. Keys are got one at a
time, by the socket's own keeper, a fresh one for each dial: an old one may be over without saying so. A key that the
venue knows no more, or that cannot be extended, leaves a socket that lives in silence, so a successor is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from daemon.edge.outside import CallFailed
from protocols.dialect import LoggedIn, LoginRefused
from protocols.errors import RemoteError, VenueRefusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from structlog.typing import FilteringBoundLogger

    from daemon.edge.call_pace import CallPace
    from daemon.edge.outside import Time
    from daemon.edge.settings import Waits
    from daemon.edge.venue_rest import VenueRest
    from protocols.admission import Admission
    from protocols.rest import RestCall, RestResponse
    from protocols.secret import Secret

EXTENSION_TRIES_MAX: Final = 5
"""Then another key is got instead; with the back-off that is within half a minute of a key's half hour to spare."""


class NotAdmitted(RemoteError):
    """No key was got. ``why`` is fit for a log; a refusal of the account itself was told as a login's is."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)


class Entrance:
    """The keys of one socket. ``answered`` hears what the venue thinks of the account, ``renew`` that a key is over."""

    def __init__(
        self,
        admission: Admission,
        rest: VenueRest,
        pace: CallPace,
        waits: Waits,
        log: FilteringBoundLogger,
        answered: Callable[[LoggedIn | LoginRefused], None],
        renew: Callable[[str], None],
        outside: Time,
    ) -> None:
        self._admission = admission
        self._rest = rest
        self._pace = pace
        self._waits = waits
        self._log = log
        self._answered = answered
        self._renew = renew
        self._held: Secret | None = None
        self._outside = outside
        self._changed = outside.bell()

    async def key(self) -> Secret:
        """Get a fresh key; raises `NotAdmitted`."""
        answer = await self._fetch(self._admission.ask())
        if isinstance(answer, CallFailed):
            raise NotAdmitted(answer.why)
        try:
            key = self._admission.read(answer)
        except VenueRefusal as refusal:
            kind = self._rest.dialect.refusal_of(refusal.code)
            if kind is not None:
                self._answered(LoginRefused(kind, refusal.code, refusal.message))
            raise NotAdmitted(str(refusal)) from None
        except RemoteError as error:
            raise NotAdmitted(str(error)) from None
        self._answered(LoggedIn())
        return key

    def path(self, key: Secret) -> str:
        """Write the path of a socket that is entered by a key."""
        return self._admission.path(key)

    def hold(self, key: Secret | None) -> None:
        """Name the key of the living socket, which is to be kept alive; None when there is no such socket."""
        self._held = key
        self._changed.ring()

    async def run(self) -> None:
        """Extend the held key in time, for ever."""
        while True:
            self._changed.clear()
            wait_s = None if self._held is None else self._admission.extend_every_ms / 1000
            if not await self._changed.wait(wait_s) and self._held is not None:
                await self._keep(self._held)

    async def _keep(self, key: Secret) -> None:
        """Extend a key, and ask for another one where that is of no use any more."""
        wait_s = self._waits.retry_s
        for _ in range(EXTENSION_TRIES_MAX):
            found = await self._extend(key)
            if found is True or self._held is not key:
                return
            if found is False:
                break
            self._log.info("key_not_extended", why=found)
            await self._outside.sleep(wait_s)
            wait_s *= 2
        self._held = None
        self._renew("the key of this socket is over")

    async def _extend(self, key: Secret) -> bool | str:
        """Extend once: whether the venue knows the key, or why that was not learnt."""
        answer = await self._fetch(self._admission.extend(key))
        if isinstance(answer, CallFailed):
            return answer.why
        try:
            return self._admission.read_extension(answer)
        except RemoteError as error:
            return str(error)

    async def _fetch(self, call: RestCall) -> RestResponse | CallFailed:
        """Make a call when the venue's limits allow it: connections that die young want many keys."""
        await self._pace.turn(call)
        return await self._rest.fetch(call, self._waits.rest_question_s)
