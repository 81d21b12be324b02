"""BingX's listen key: what lets an account's socket in, since it has no login (BingX: Listen Key).

A key is good for sixty minutes from when it was given or last extended; HTTP 404 to an extension means that it is over.
Two shapes of the answer are known, with an envelope and without. Who holds a key is not known here.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from protocols.errors import Unreadable, VenueRefusal
from protocols.jsonread import as_object, code, parse, text, texts
from protocols.rest import RestCall, RestResponse, proves_nothing
from protocols.secret import Secret
from protocols.venues.bingx import rates
from protocols.venues.bingx.codes import ACCEPTED

PATH: Final = "/openApi/user/auth/userDataStream"
SOCKET_PATH: Final = "/market"
EXTEND_EVERY_MS: Final = 30 * 60_000


class ListenKey:
    """The admission of BingX's account socket."""

    extend_every_ms = EXTEND_EVERY_MS

    def ask(self) -> RestCall:
        """Write the call that gives a key."""
        return RestCall(rates.LISTEN_KEY, "POST", PATH)

    def read(self, response: RestResponse) -> Secret:
        """Read the key, or raise `errors.VenueRefusal` (with its code) or `errors.Unreadable`."""
        if proves_nothing(response.status):
            raise Unreadable("status", f"HTTP {response.status}")
        body = as_object(parse(response.body), "body")
        found = code(body)
        if found not in {None, ACCEPTED}:
            raise VenueRefusal("listen key", found or "", texts(body).get("msg", ""))
        data = body.get("data")
        return Secret(text(data if isinstance(data, dict) else body, "listenKey"))

    def path(self, key: Secret) -> str:
        """Write the socket's path with the key in it."""
        return f"{SOCKET_PATH}?listenKey={quote(key.reveal(), safe='')}"

    def extend(self, key: Secret) -> RestCall:
        """Write the call that extends a key."""
        return RestCall(rates.LISTEN_KEY, "PUT", PATH, (("listenKey", key.reveal()),))

    def read_extension(self, response: RestResponse) -> bool:
        """Read its answer: False when the venue knows the key no more. Raises `errors.RemoteError`."""
        if response.status == 404:
            return False
        if response.status != 200:
            raise Unreadable("status", f"HTTP {response.status}")
        if not response.body.strip():
            return True
        body = as_object(parse(response.body), "body")
        found = code(body)
        if found not in {None, ACCEPTED}:
            raise VenueRefusal("listen key", found or "", texts(body).get("msg", ""))
        return True
