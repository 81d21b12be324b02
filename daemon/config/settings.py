"""Every setting as data: its name, unit, default, bounds and the reason for it.

The loader reads by these tables and the sample configuration is held against them, so a setting that stands here is
documented, bounded and read, and one that does not is an unknown key. This module reads no file and knows no venue: a
default of None means that the venue's own value holds (`protocols.dialect.Timings`), or that there is none.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Generic, TypeVar

import msgspec

from protocols.fix import OrderEntry


class Durability(StrEnum):
    """What is committed before it is reported (configuration ``durability``)."""

    RECEIPT = "receipt"
    STRICT = "strict"


class OnJournalFailure(StrEnum):
    """What happens to cancels when the journal cannot be written (configuration ``on_journal_failure``)."""

    SERVE = "serve"
    REFUSE = "refuse"


class LogLevel(StrEnum):
    """The least urgent events that are logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Environment(StrEnum):
    """Which of a venue's two worlds an account belongs to."""

    LIVE = "live"
    DEMO = "demo"


class Role(StrEnum):
    """What a local user may do: each word includes the ones before it."""

    OBSERVE = "observe"
    CANCEL = "cancel"
    ADMIN = "admin"


class Text(msgspec.Struct, frozen=True):
    """A setting that is a text: a path, a name, an address. ``default`` None: there is none."""

    name: str
    reason: str
    default: str | None = None
    unit: str = ""


W = TypeVar("W", bound=StrEnum)


class Choice(msgspec.Struct, Generic[W], frozen=True):
    """A setting that is one of a few words. ``default`` None: it has to be said."""

    name: str
    reason: str
    words: type[W]
    default: W | None
    unit: str = ""


class Number(msgspec.Struct, frozen=True):
    """A setting that is a number from ``least`` to ``most``, whole or not, in ``unit``."""

    name: str
    reason: str
    unit: str
    default: float | None
    least: float
    most: float
    is_whole: bool = True


class Flag(msgspec.Struct, frozen=True):
    """A setting that is true or false."""

    name: str
    reason: str
    default: bool = False
    unit: str = ""


Setting = (
    Text
    | Flag
    | Choice[Durability]
    | Choice[OnJournalFailure]
    | Choice[LogLevel]
    | Choice[Role]
    | Choice[Environment]
    | Choice[OrderEntry]
    | Number
)

_VENUES_OWN: Final = None  # as a number's default

# ---------------------------------------------------------------- the table daemon, alone

SOCKET: Final = Text(
    "socket",
    "Where local clients connect: a Unix socket, mode 0660. Its folder must exist.",
    default="/run/canceld/canceld.sock",
)
JOURNAL: Final = Text(
    "journal",
    "The SQLite file of requests, sends, evidence and outcomes. Local disk, never a network file system.",
    default="/var/lib/canceld/journal.sqlite",
)
DURABILITY: Final = Choice(
    "durability",
    "receipt: canceled and filled are reported at once and committed behind, since the venue can be asked for them "
    "again. strict: committed first, and slower by one disk flush.",
    Durability,
    Durability.RECEIPT,
)
ON_JOURNAL_FAILURE: Final = Choice(
    "on_journal_failure",
    "serve: cancels still go out, and results say durable false. refuse: no record, no cancel.",
    OnJournalFailure,
    OnJournalFailure.SERVE,
)
LOG_LEVEL: Final = Choice(
    "log_level",
    "info is one line per outcome, session change and alarm; debug adds each step of a request.",
    LogLevel,
    LogLevel.INFO,
)
METRICS: Final = Text(
    "metrics",
    "HOST:PORT of the metrics page, on a loopback address. Absent: none.",
)

CLIENTS_MAX: Final = Number(
    "clients_max",
    "Connections at once. A host has a handful of strategies; one that leaks connections must not use up the daemon's "
    "file descriptors, of which a service has 1024. One user has half of them at most, which leaves others room.",
    "connections",
    256,
    least=1,
    most=900,
)
IN_FLIGHT_MAX_PER_CLIENT: Final = Number(
    "in_flight_max_per_client",
    "Cancels without an outcome of one connection. More than a venue lets rest on one instrument; a loop gone wrong is "
    "stopped here.",
    "requests",
    1024,
    least=1,
    most=100_000,
)

LINES_PER_S_MAX_PER_CLIENT: Final = Number(
    "lines_per_s_max_per_client",
    "Lines that one connection may say in a second; what comes beyond is refused as too_fast. Far above what a "
    "strategy needs: a program that asks in a loop must not use up the core on which all cancels are handled.",
    "lines/s",
    10_000,
    least=1,
    most=1_000_000,
)

BULK_ROUNDS_MAX: Final = Number(
    "bulk_rounds_max",
    "Listings of one bulk cancel that may bring orders which appeared meanwhile; those of a later one are named as "
    "survivors. A program that goes on placing is not chased for ever.",
    "listings",
    5,
    least=1,
    most=100,
)

DAEMON_LIMITS: Final = (CLIENTS_MAX, IN_FLIGHT_MAX_PER_CLIENT, LINES_PER_S_MAX_PER_CLIENT, BULK_ROUNDS_MAX)

READY_WAIT_S: Final = Number(
    "ready_wait_s",
    "The service manager hears READY when every account is known to be ready or refused, or after so long: a silent "
    "venue must not hold back the units that wait for this one. Clients are served before that.",
    "s",
    5,
    least=0,
    most=300,
    is_whole=False,
)
STOP_GRACE_S: Final = Number(
    "stop_grace_s",
    "At a stop, how long requests under way may still get their outcome, while new ones are refused. A cancel is "
    "mostly proven within one; the rest is left to the next start.",
    "s",
    3,
    least=0,
    most=300,
    is_whole=False,
)

COMMIT_WAIT_MS: Final = Number(
    "commit_wait_ms",
    "A word that waits for the disk longer than this is told all the same, with durable false, and the journal counts "
    "as failed until the disk answers: far longer than a healthy disk takes, and about as long as a strategy can wait.",
    "ms",
    5000,
    least=50,
    most=600_000,
)

DAEMON_WAITS: Final = (READY_WAIT_S, STOP_GRACE_S, COMMIT_WAIT_MS)

# ---------------------------------------------------------------- the table daemon, and an account over it

ACK_WAIT_MS: Final = Number(
    "ack_wait_ms",
    "Without an answer to a cancel for so long, its socket is suspect and the next send takes the other road.",
    "ms",
    _VENUES_OWN,
    least=1,
    most=60_000,
)
PUSH_WAIT_MS: Final = Number(
    "push_wait_ms",
    "An accepted cancel without a push for so long is asked about.",
    "ms",
    _VENUES_OWN,
    least=1,
    most=60_000,
)
REPLICA_LAG_MS: Final = Number(
    "replica_lag_ms",
    "A venue's answer may be so old: live and not found are believed only when asked so long after the last news.",
    "ms",
    _VENUES_OWN,
    least=0,
    most=600_000,
)
SETTLE_MS: Final = Number(
    "settle_ms",
    "The time in which a healthy venue settles any cancel; no horizon may be shorter.",
    "ms",
    _VENUES_OWN,
    least=0,
    most=600_000,
)
HORIZON_S: Final = Number(
    "horizon_s",
    "A request without proof for so long is reported in doubt. Asking goes on.",
    "s",
    _VENUES_OWN,
    least=0.001,
    most=3600,
    is_whole=False,
)
ABANDON_AFTER_H: Final = Number(
    "abandon_after_h",
    "Asking about an order in doubt stops after so long, when the venue has forgotten orders without a fill.",
    "h",
    _VENUES_OWN,
    least=0,
    most=2400,
    is_whole=False,
)
RESEND_MAX_AGE_S: Final = Number(
    "resend_max_age_s",
    "Nothing more is sent for a request older than this: what its client wanted then may not hold now.",
    "s",
    _VENUES_OWN,
    least=0,
    most=86_400,
    is_whole=False,
)
PER_ORDER_GAP_MS: Final = Number(
    "per_order_gap_ms",
    "The least time between two cancels of one order, over all roads; some venues punish more.",
    "ms",
    _VENUES_OWN,
    least=0,
    most=60_000,
)

TIMINGS: Final = (
    ACK_WAIT_MS,
    PUSH_WAIT_MS,
    REPLICA_LAG_MS,
    SETTLE_MS,
    HORIZON_S,
    ABANDON_AFTER_H,
    RESEND_MAX_AGE_S,
    PER_ORDER_GAP_MS,
)

CORRECTION_WINDOW_H: Final = Number(
    "correction_window_h",
    "After a restart, orders that ended less than this ago are asked about once more: a late fill would be a "
    "correction. Never longer than request_retention_h.",
    "h",
    24,
    least=0,
    most=720,
    is_whole=False,
)
REQUEST_RETENTION_H: Final = Number(
    "request_retention_h",
    "The name of a request is kept so long after its outcome: asking again under it gives the same outcome.",
    "h",
    72,
    least=0.001,
    most=8760,
    is_whole=False,
)
CASES_MAX: Final = Number(
    "cases_max",
    "Orders of one account under cancel at once, all clients together; more are refused as too_many_in_flight. Several "
    "times what a venue lets rest, at a few kB each.",
    "orders",
    16_384,
    least=1,
    most=1_000_000,
)
ORDERS_MAX: Final = Number(
    "orders_max",
    "Orders of one account that are remembered from pushes, at about 1 kB each; past it the oldest ended ones are "
    "forgotten first, and asked about when needed.",
    "orders",
    65_536,
    least=1,
    most=1_000_000,
)

ACCOUNT_LIMITS: Final = (CORRECTION_WINDOW_H, REQUEST_RETENTION_H, CASES_MAX, ORDERS_MAX)
OVERRIDABLE: Final = TIMINGS + ACCOUNT_LIMITS

DAEMON: Final[tuple[Setting, ...]] = (
    SOCKET,
    JOURNAL,
    DURABILITY,
    ON_JOURNAL_FAILURE,
    LOG_LEVEL,
    METRICS,
    *DAEMON_LIMITS,
    *DAEMON_WAITS,
    *OVERRIDABLE,
)

# ---------------------------------------------------------------- the table access

ROLE: Final = Choice(
    "role",
    "observe reads; cancel also cancels; admin also attaches to other users' requests. Required.",
    Role,
    None,
)
ACCESS_ACCOUNTS: Final = Text("accounts", "The accounts for which it holds. Absent: every one.")

ACCESS: Final[tuple[Setting, ...]] = (ROLE, ACCESS_ACCOUNTS)

# ---------------------------------------------------------------- the tables of accounts

VENUE: Final = Text("venue", "Which venue. Required.")
ENVIRONMENT: Final = Choice(
    "environment",
    "live is the market; demo is the venue's own rehearsal, which needs its own key.",
    Environment,
    Environment.LIVE,
)
CREDENTIALS: Final = Text(
    "credentials",
    "A TOML file with key, secret and passphrase, readable by its owner only. With a /: a path, relative to this file; "
    "else a name under $CREDENTIALS_DIRECTORY. Required.",
)
PROXY: Final = Text(
    "proxy",
    "http://HOST:PORT of a proxy to the venue. Default none; the environment is not consulted.",
)
SOURCE_ADDRESS: Final = Text(
    "source_address",
    "The local IP address to connect from, where the key is bound to one. Default: the system's choice.",
)
ORDER_ENTRY: Final = Choice(
    "order_entry",
    "The roads that a cancel may take: ws_then_rest sends by REST while the socket is down; ws and rest use one alone.",
    OrderEntry,
    OrderEntry.WS_THEN_REST,
)
PRODUCTS: Final = Text(
    "products",
    "The product lines to watch, where a venue has several. Default: all of them.",
)
ENDPOINTS: Final = Text(
    "endpoints",
    "Bases of REST and WebSocket addresses without the venue's paths: a regional host, a simulated venue. Plain http "
    "and ws only to loopback. Default: the venue's own.",
)
ENDPOINT_REST: Final = Text("rest", "http(s)://HOST[:PORT], without a final slash.")
ENDPOINT_WS: Final = Text("ws", "ws(s)://HOST[:PORT], without a final slash.")
ENDPOINT_SIGNATURE_HOST: Final = Text(
    "signature_host",
    "HOST that signatures name, where the venue wants another one than is dialed: on a private line to it, say.",
)
CA_FILE: Final = Text(
    "ca_file",
    "PEM certificates to trust instead of the system's, for a private host. A path relative to this file.",
)
DEAD_MAN_TABLE: Final = Text(
    "dead_man",
    "The venue's dead-man switch: a countdown at the venue that cancels orders, also those of other programs, when "
    "nobody refreshes it. Default: it is left alone.",
)

# ---------------------------------------------------------------- the table dead_man of an account

DEAD_MAN_TIMEOUT_S: Final = Number(
    "timeout_s",
    "The venue cancels everything so long after the last refresh, which comes at a quarter of it. At least twice the "
    "watchdog's time, so that a hung daemon is started anew before.",
    "s",
    30,
    least=1,
    most=3600,
)
DEAD_MAN_OWNER: Final = Flag(
    "owner",
    "true: this daemon alone sets the timer, which is one for all who hold a key of this user. false: it leaves it to "
    "another one.",
)
DEAD_MAN_TAG: Final = Text(
    "tag",
    "Only orders that were placed with this tag, where a venue's switch can tell. Default: all orders.",
)

DEAD_MAN: Final[tuple[Setting, ...]] = (DEAD_MAN_TIMEOUT_S, DEAD_MAN_OWNER, DEAD_MAN_TAG)

ACCOUNT: Final[tuple[Setting, ...]] = (
    VENUE,
    ENVIRONMENT,
    CREDENTIALS,
    PROXY,
    SOURCE_ADDRESS,
    ORDER_ENTRY,
    PRODUCTS,
    ENDPOINTS,
    CA_FILE,
    DEAD_MAN_TABLE,
    *OVERRIDABLE,
)


def names(group: tuple[Setting, ...]) -> tuple[str, ...]:
    """Give the keys of a table's settings."""
    return tuple(setting.name for setting in group)
