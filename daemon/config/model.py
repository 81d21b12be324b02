"""A configuration that was read without a mistake: frozen values with every default filled in.

The rest of canceld sees these and never the file. No credentials are in here, only where they lie.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from daemon.config.settings import Durability, Environment, LogLevel, OnJournalFailure, Role
from daemon.config.table import joined
from protocols.dialect import Endpoints, Profile, Timings
from protocols.fix import AccountName, OrderEntry


class Address(msgspec.Struct, frozen=True):
    """A TCP address. ``host`` stands without brackets."""

    host: str
    port: int

    def __str__(self) -> str:
        """Write it as the file does."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class DaemonConfig(msgspec.Struct, frozen=True):
    """``[daemon]``, without what each account carries itself. Paths are absolute."""

    socket: Path
    journal: Path
    durability: Durability
    on_journal_failure: OnJournalFailure
    log_level: LogLevel
    metrics: Address | None
    clients_max: int
    in_flight_max_per_client: int
    lines_per_s_max_per_client: int
    bulk_rounds_max: int
    ready_wait_s: float
    stop_grace_s: float
    commit_wait_ms: int


class AccessRule(msgspec.Struct, frozen=True):
    """What one user or group may do. ``accounts`` None: at every account."""

    is_group: bool
    name: str
    role: Role
    accounts: frozenset[AccountName] | None

    def __str__(self) -> str:
        """Name the user or group as the file does."""
        return f"{'group' if self.is_group else 'user'}:{self.name}"


class DeadManConfig(msgspec.Struct, frozen=True):
    """``[accounts.NAME.dead_man]``. ``tag`` "" is every order; without ``is_owner`` the timer is another daemon's."""

    timeout_s: int
    is_owner: bool
    tag: str = ""


class AccountConfig(msgspec.Struct, frozen=True):
    """``[accounts.NAME]`` with its effective values: the account's over the daemon's over the venue's."""

    name: AccountName
    venue: str
    environment: Environment
    credentials: str
    takes_passphrase: bool
    order_entry: OrderEntry
    products: tuple[str, ...]
    endpoints: Endpoints | None
    ca_file: Path | None
    proxy: str | None
    source_address: str | None
    timings: Timings
    correction_window_h: float
    request_retention_h: float
    cases_max: int
    orders_max: int
    dead_man: DeadManConfig | None = None

    @property
    def path(self) -> str:
        """Give the dotted path of its table, for messages."""
        return joined("accounts", self.name)

    def profile(self) -> Profile:
        """Give what a dialect may see."""
        return Profile(environment=self.environment.value, products=self.products, endpoints=self.endpoints)


class Config(msgspec.Struct, frozen=True):
    """A whole configuration. ``path`` is the file it was read from, absolute; accounts stand in the file's order."""

    path: Path
    daemon: DaemonConfig
    access: tuple[AccessRule, ...]
    accounts: dict[AccountName, AccountConfig]
