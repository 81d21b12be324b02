"""HTX's dead-man switch of futures, cancel-after.

The call is known from other people's clients: HTX's own pages describe its older sister of the linear-swap API. The
answer to ending a countdown is not printed anywhere, so only its code is looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import orjson

from protocols.deadman import SwitchTraits
from protocols.errors import Unreadable
from protocols.jsonread import as_object, millis
from protocols.rest import RestCall
from protocols.venues.htx import rates
from protocols.venues.htx.answers import accepted, rows_of

if TYPE_CHECKING:
    from protocols.rest import RestResponse

PATH: Final = "/v5/trade/cancel-after"
TRAITS: Final = SwitchTraits(
    covers="every pending futures order of the user in all contracts, whichever key placed it; no trigger orders",
    least_s=5,
    most_s=120,  # no page says a longest one; other venues' is taken
    operation=rates.CANCEL_AFTER,
    page="HTX: Orders / Automatic Order Cancellation",
)


class CancelAfter:
    """See `protocols.deadman.DeadManSwitch`."""

    traits = TRAITS

    def call(self, timeout_s: int, tag: str) -> RestCall:
        """Write the call: ``on_off`` and ``time_out``, milliseconds, both as text."""
        body = {"on_off": "1", "time_out": str(timeout_s * 1000)} if timeout_s else {"on_off": "0"}
        return RestCall(self.traits.operation, "POST", PATH, body=orjson.dumps(body))

    def read(self, timeout_s: int, response: RestResponse) -> None:
        """Look for the time at which it will fire, where it was started."""
        rows = rows_of(accepted("dead-man switch", response).get("data"))
        if timeout_s and (not rows or millis(as_object(rows[0], "data"), "trigger_time", "data") is None):
            raise Unreadable("data.trigger_time", "missing or zero")
