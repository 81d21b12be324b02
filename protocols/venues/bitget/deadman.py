"""Bitget's dead-man switch of the unified account, countdown-cancel-all. The classic account has none.

The key needs a permission that Bitget's business department gives. No page prints the answer's data, so its code is all
that is looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import orjson

from protocols.deadman import SwitchTraits
from protocols.errors import VenueRefusal
from protocols.rest import RestCall
from protocols.venues.bitget import rates
from protocols.venues.bitget.answers import read_envelope

if TYPE_CHECKING:
    from protocols.rest import RestResponse

PATH: Final = "/api/v3/trade/countdown-cancel-all"
TRAITS: Final = SwitchTraits(
    covers="every order of the unified account, in all of its products, whichever key or program placed it",
    least_s=5,
    most_s=60,
    operation=rates.COUNTDOWN,
    page="Bitget: Unified account / Trade / Countdown cancel all",
)


class CountdownCancelAll:
    """See `protocols.deadman.DeadManSwitch`."""

    traits = TRAITS

    def call(self, timeout_s: int, tag: str) -> RestCall:
        """Write the call; ``countdown`` is text."""
        return RestCall(self.traits.operation, "POST", PATH, body=orjson.dumps({"countdown": str(timeout_s)}))

    def read(self, timeout_s: int, response: RestResponse) -> None:
        """Look at the code."""
        envelope = read_envelope(response)
        if not envelope.is_accepted:
            raise VenueRefusal("dead-man switch", envelope.code, envelope.message)
