"""What goes back to who asked for a bulk cancel, member by member as the contract has it.

Each of its orders has a result of its own beside this one, which comes as an ``outcome`` notification.
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType


class BulkItemSeen(msgspec.Struct, frozen=True):
    """One order of a bulk cancel, in the order of its number. ``outcome`` is null while, or if, it has none.

    ``product`` and ``instrument`` are left out where not all items would fit a line with them. Only a dry run tells
    more about an order, and has no name for its request.
    """

    request_id: str | None
    account: str
    order_id: str | None
    client_order_id: str | None
    outcome: str | None
    ord_status: str | None
    product: str | UnsetType | None = UNSET
    instrument: str | UnsetType = UNSET
    side: str | UnsetType | None = UNSET
    order_qty: str | UnsetType | None = UNSET
    cum_qty: str | UnsetType | None = UNSET


class SurvivorSeen(msgspec.Struct, frozen=True):
    """An order that may rest on, and why nothing better is known; ``request_id`` null: no request was made for it."""

    request_id: str | None
    account: str
    product: str | None
    instrument: str
    order_id: str | None
    client_order_id: str | None
    why: str


class BulkResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a bulk cancel, or with ``dry_run`` what it would be of.

    ``items`` is absent where there are more than a line holds: of a cancel, more than 256; each outcome was notified,
    and ``history`` has them. ``total`` counts them all, ``counts`` by outcome, ``replaced`` those that were canceled as
    half of a replace. ``complete``: as far as the venues tell, nothing that was meant rests any more (of a dry run:
    their listings were complete). ``survivors`` are those that may, of many the first, ``survivors_total`` all of them;
    ``reasons`` says by account why it is not known. ``not_covered`` names by venue what is out of reach. ``warnings``
    say what may be wrong with the wish itself: an instrument that nobody has heard of, and of which nothing rests.
    ``revision`` counts the corrections: orders that were overlooked were found a replica lag later, and canceled then.
    """

    request_id: str | None
    items: list[BulkItemSeen] | UnsetType = UNSET
    total: int
    counts: dict[str, int]
    replaced: int
    complete: bool
    survivors: list[SurvivorSeen]
    survivors_total: int
    not_covered: dict[str, list[str]]
    reasons: dict[str, str]
    warnings: list[str] = []
    dry_run: bool = False
    durable: bool = True
    revision: int = 0


class BulkPrevious(msgspec.Struct, frozen=True):
    """What was said of a bulk cancel before a correction."""

    complete: bool
    survivors_total: int


class BulkCorrection(BulkResult, frozen=True, kw_only=True):
    """A result that takes the place of an earlier one of the same bulk cancel."""

    previous: BulkPrevious
