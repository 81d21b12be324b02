"""The border to a venue's dead-man switch: a countdown at the venue that cancels orders when nobody restarts it.

Every call sets the countdown anew, and one of 0 seconds ends it. What the switch covers is the venue's to say, and it
is more than one program's orders: it looks at no owner. A dialect says here what its switch is like, writes the call
and reads the answer; who calls when, and what a silence means, is known elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    from protocols.rest import RestCall, RestResponse


class SwitchTraits(msgspec.Struct, frozen=True):
    """A venue's switch as data.

    ``covers`` says in words what it cancels, ``covers_of_tag`` the same of one with a tag ("" where there are no tags),
    and ``tag_chars`` what a tag may be, as a regular expression. ``least_s`` and ``most_s`` bound the countdown.
    ``operation`` names its rate rule. ``page`` is the venue's page that says so.
    """

    covers: str
    least_s: int
    most_s: int
    operation: str
    page: str
    covers_of_tag: str = ""
    tag_chars: str = ""


class DeadManSwitch(Protocol):
    """A venue's dead-man switch."""

    @property
    def traits(self) -> SwitchTraits:
        """Describe it."""
        ...

    def call(self, timeout_s: int, tag: str) -> RestCall:
        """Write the call that starts or restarts the countdown, or with 0 seconds ends it."""
        ...

    def read(self, timeout_s: int, response: RestResponse) -> None:
        """Check that the answer says that this was done.

        Raises `errors.VenueRefusal` when the venue said no, `errors.Unreadable` when nobody can tell.
        """
        ...
