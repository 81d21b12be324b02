"""The venues that canceld speaks: a line a venue. A new one is a dialect of its own, a line here, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from protocols.errors import ConfigMistake
from protocols.venues.bingx.dialect import BingxSpot
from protocols.venues.bitget.classic import BitgetClassic
from protocols.venues.bitget.unified import BitgetUnified
from protocols.venues.htx.dialect import HtxFutures
from protocols.venues.okx.dialect import OkxTrade
from protocols.venues.okx_spread.dialect import OkxSpread

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from protocols.dialect import Dialect, Profile

VENUES: Final[Mapping[str, Callable[[Profile], Dialect]]] = {
    "okx": OkxTrade,
    "okx_spread": OkxSpread,
    "bitget": BitgetClassic,
    "bitget_uta": BitgetUnified,
    "htx": HtxFutures,
    "bingx": BingxSpot,
}


def dialect_for(venue: str, profile: Profile) -> Dialect:
    """Give the dialect of a venue for one account; raise `ConfigMistake` for a venue or environment that is unknown."""
    make = VENUES.get(venue)
    if make is None:
        raise ConfigMistake("venue", f"{venue!r} is not a venue that is spoken here", f"use one of {', '.join(VENUES)}")
    return make(profile)
