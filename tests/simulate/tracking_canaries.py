"""Wrong daemons whose wrong belief is about what clients say of the orders that they place."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING
from unittest.mock import patch

from daemon.core.intake import Intake
from daemon.edge.frontdesk import FrontDesk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from protocols.control.params import TrackParams


@contextmanager
def what_clients_track_is_not_kept() -> Iterator[None]:
    def track(_: FrontDesk, request: TrackParams, __: object) -> int:
        return len(request.orders)

    with patch.object(FrontDesk, "track", track):
        yield


@contextmanager
def a_tracked_client_id_is_never_used_again() -> Iterator[None]:
    """Whatever order it was last said to be is the one that is meant, also when that is known to have ended."""

    def has_ended(*_: object) -> bool:
        return False

    with patch.object(Intake, "_has_ended", has_ended):
        yield
