"""What one account's gateway is told by the configuration, and how long it waits for what.

Nothing here is read from a file: `daemon.config` fills it. Every wait has its unit in its name and its
reason beside it.
"""

from __future__ import annotations

import msgspec

from protocols.dialect import Endpoints
from protocols.fix import AccountName, OrderEntry
from protocols.secret import Secret


class Waits(msgspec.Struct, frozen=True):
    """The gateway's own time-outs and rhythms, in seconds. How long a *request* waits is `dialect.Timings`."""

    open_s: float = 5.0
    """TCP, TLS and the WebSocket handshake together; a venue far away needs under one."""
    close_s: float = 2.0
    """For the venue's half of a polite close, and for the last words at shutdown."""
    rest_connect_s: float = 2.0
    """A warm pool seldom dials; when it must, one lost SYN (1 s) is forgiven."""
    rest_cancel_s: float = 2.0
    """Four times the usual ack wait: by then questions have overtaken the answer, and the connection is worth more."""
    rest_question_s: float = 5.0
    """One page of a question. A venue's own gateway gives up at about this age."""
    rest_reference_s: float = 20.0
    """Instrument lists are megabytes."""
    clock_s: float = 1.5
    """One clock question; a slower answer would be too uncertain to be of use."""
    warm_every_s: float = 10.0
    """A cheap call keeps one REST connection open: front servers cut idle ones after 15 s and more."""
    clock_gap_s: float = 1.0
    """Between two rounds of clock questions, however many doubt the way: venues allow about five a second."""
    clock_every_s: float = 60.0
    """How often the offset is told when nothing changes."""
    reconnect_first_s: float = 0.25
    """After the first, immediate attempt; doubles from there."""
    reconnect_max_s: float = 15.0
    """A venue that comes back is not left waiting longer than this."""
    reconnect_gap_s: float = 0.34
    """Between two dials of one account. What a venue says of the dials of an address is among its rate rules."""
    stable_s: float = 5.0
    """A socket that lived this long is not part of a row of failures."""
    refused_retry_s: float = 60.0
    """Between two tries of credentials that were refused: often enough for a repaired key, far from any ban."""
    blind_renew_s: float = 60.0
    """A blind drop copy gets a new socket after this; doubles up to ten minutes."""
    retry_s: float = 1.0
    """First wait after a failed reference or identity call; doubles up to a minute."""
    reference_every_s: float = 3600.0
    """Instrument codes change on relisting, a matter of days."""
    reference_gap_s: float = 5.0
    """Between two refreshes that refusals ask for, however many ask."""


class GatewaySettings(msgspec.Struct, frozen=True):
    """One account as its gateway sees it.

    ``endpoints`` are the bases that are dialed (the dialect's own, or those of the configuration). ``proxy`` is an
    ``http://`` address that may hold a password, hence a secret; the environment is never consulted. ``ca_file`` is a
    PEM file that replaces the system's authorities. ``source_address`` is a local IP address.
    """

    account: AccountName
    venue: str
    endpoints: Endpoints
    order_entry: OrderEntry = OrderEntry.WS_THEN_REST
    ca_file: str | None = None
    proxy: Secret | None = None
    source_address: str | None = None
    waits: Waits = Waits()
