"""Wrong daemons whose wrong belief is about what a bulk cancel found before the daemon died, or did not find."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING
from unittest.mock import patch

import msgspec

from daemon.core.bulk import Bulk, RecoveredBulk, Work
from daemon.core.second_look import SecondLook
from daemon.simulate.disk import Disk

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def what_no_listing_shows_after_a_crash_was_not_found() -> Iterator[None]:
    """A new life goes by the requests that it finds and by what still rests."""
    right = Bulk.restore

    def restore(bulk: Bulk, earlier: RecoveredBulk, now_us: int) -> None:
        right(bulk, msgspec.structs.replace(earlier, meant=()), now_us)

    with patch.object(Bulk, "restore", restore), patch.object(Disk, "write_named", lambda _: None):
        yield


@contextmanager
def the_requests_say_well_enough_what_was_found() -> Iterator[None]:
    """It is not written down by itself, though the requests come to the disk after their cancels have left."""
    right = Bulk.work

    def work(bulk: Bulk, now_us: int, at_most: int) -> Work:
        return msgspec.structs.replace(right(bulk, now_us, at_most), meant=())

    with patch.object(Bulk, "work", work):
        yield


@contextmanager
def what_is_called_complete_needs_no_second_look() -> Iterator[None]:
    """A listing that was believed once shows what rests."""
    with patch.object(SecondLook, "_before_ms", lambda _: 0):
        yield


@contextmanager
def what_rests_after_a_bulk_cancel_was_overlooked() -> Iterator[None]:
    """Nobody places an order after he had all of them canceled."""
    with patch.object(SecondLook, "_before_ms", lambda _: 1 << 62):
        yield
