"""BingX's dead-man switch of spot, cancelAllAfter. While it fires it refuses to be set, so a refusal is tried again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from protocols.deadman import SwitchTraits
from protocols.errors import VenueRefusal
from protocols.jsonread import optional_text, texts
from protocols.rest import RestCall
from protocols.venues.bingx import rates
from protocols.venues.bingx.answers import accepted_data

if TYPE_CHECKING:
    from protocols.rest import RestResponse

PATH: Final = "/openApi/spot/v1/trade/cancelAllAfter"
TRAITS: Final = SwitchTraits(
    covers="every pending spot order of the account, whichever key or program placed it; not perpetual futures",
    least_s=10,
    most_s=120,
    operation=rates.CANCEL_ALL_AFTER,
    page="BingX: Spot / Trade / Cancel All After",
)
ACTIVATED: Final = "ACTIVATED"
CLOSED: Final = "CLOSED"


class CancelAllAfter:
    """See `protocols.deadman.DeadManSwitch`."""

    traits = TRAITS

    def call(self, timeout_s: int, tag: str) -> RestCall:
        """Write the call; ending it names no time."""
        query = (("type", "ACTIVATE"), ("timeOut", str(timeout_s))) if timeout_s else (("type", "CLOSE"),)
        return RestCall(self.traits.operation, "POST", PATH, query)

    def read(self, timeout_s: int, response: RestResponse) -> None:
        """Look at ``status``: code 0 may come with ``FAILED``."""
        data = accepted_data("dead-man switch", response)
        status = optional_text(data, "status", "data") or ""
        if status != (ACTIVATED if timeout_s else CLOSED):
            raise VenueRefusal("dead-man switch", status, texts(data).get("note", ""))
