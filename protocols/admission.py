"""How a socket is entered that has no login: by a key that REST gives out and that rides in the socket's address.

A new key means a new socket. A key dies unless it is extended now and then, and its socket may then live on, silent.
Getting one proves the account's credentials, as a login does. This is what a dialect says about it; who calls, and
when, is known elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from protocols.rest import RestCall, RestResponse
    from protocols.secret import Secret


class Admission(Protocol):
    """How one socket's keys are got, used and extended."""

    @property
    def extend_every_ms(self) -> int:
        """Tell how often the key of a living socket is extended."""
        ...

    def ask(self) -> RestCall:
        """Write the call that gives a key."""
        ...

    def read(self, response: RestResponse) -> Secret:
        """Read the key, or raise `errors.VenueRefusal` (with its code) or `errors.Unreadable`."""
        ...

    def path(self, key: Secret) -> str:
        """Write the socket's path with the key in it."""
        ...

    def extend(self, key: Secret) -> RestCall:
        """Write the call that extends a key."""
        ...

    def read_extension(self, response: RestResponse) -> bool:
        """Read its answer: False when the venue knows the key no more. Raises `errors.RemoteError`."""
        ...
