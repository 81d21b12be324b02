"""The configuration file: what may stand in it, reading it, and every mistake in it at once.

Give `load` a path and get a `Config`, or the list of all mistakes; `read` gives both, as far as they go.
`mistakes_on_host` then looks at what the file points to, and `read_credentials` brings an account's key. Nothing in
here opens a connection or starts anything.
"""

from daemon.config.credentials import locate_credentials, read_credentials
from daemon.config.host import beyond, mistakes_on_host
from daemon.config.load import load, loads, read
from daemon.config.model import AccessRule, AccountConfig, Address, Config, DaemonConfig
from daemon.config.settings import Durability, Environment, LogLevel, OnJournalFailure, Role

__all__ = [
    "AccessRule",
    "AccountConfig",
    "Address",
    "Config",
    "DaemonConfig",
    "Durability",
    "Environment",
    "LogLevel",
    "OnJournalFailure",
    "Role",
    "beyond",
    "load",
    "loads",
    "locate_credentials",
    "mistakes_on_host",
    "read",
    "read_credentials",
]
