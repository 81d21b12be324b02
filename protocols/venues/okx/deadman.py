"""OKX's dead-man switches, cancel-all-after: that of trading, which may look at one tag alone, and that of spreads.

They know how the call is written and what its answer says; a countdown of theirs is the user's, whichever key set it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import orjson

from protocols.errors import Unreadable
from protocols.jsonread import optional_text
from protocols.rest import RestCall
from protocols.venues.okx.answers import first_row

if TYPE_CHECKING:
    from protocols.deadman import SwitchTraits
    from protocols.rest import RestResponse

DISARMED: Final = "0"
"""``triggerTime`` of a countdown that does not run."""


class CancelAllAfter:
    """One of the two; see `protocols.deadman.DeadManSwitch`."""

    def __init__(self, path: str, traits: SwitchTraits) -> None:
        self.traits = traits
        self._path = path

    def call(self, timeout_s: int, tag: str) -> RestCall:
        """Write the call; ``timeOut`` is text."""
        body = {"timeOut": str(timeout_s)} | ({"tag": tag} if tag else {})
        return RestCall(self.traits.operation, "POST", self._path, body=orjson.dumps(body))

    def read(self, timeout_s: int, response: RestResponse) -> None:
        """Hold ``triggerTime`` against what was asked."""
        trigger = optional_text(first_row("dead-man switch", response), "triggerTime", "data[0]")
        if trigger is None or (trigger == DISARMED) is not (timeout_s == 0):
            raise Unreadable("data[0].triggerTime", f"{trigger} after a countdown of {timeout_s} s was asked for")
