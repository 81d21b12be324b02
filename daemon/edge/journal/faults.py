"""Faults of a commit: whose they are, and what they leave behind. It knows no connection and no thread."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Final

from protocols.errors import JournalError

if TYPE_CHECKING:
    from daemon.edge.journal.backlog import Group

_NOTHING_LOST: Final = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
"""Faults that come before anything is fsync'ed."""


def is_of_the_storage(fault: Exception) -> bool:
    """Whether the same records could be written another time; everything else is a fault of the records, so ours."""
    of_a_record = (sqlite3.DataError, sqlite3.IntegrityError, sqlite3.InterfaceError, sqlite3.ProgrammingError)
    of_the_storage = (sqlite3.Error, OSError, JournalError, MemoryError)
    return isinstance(fault, of_the_storage) and not isinstance(fault, of_a_record)


def may_have_lost_something(fault: Exception) -> bool:
    """Whether the disk may lack some of what was committed before."""
    return isinstance(fault, sqlite3.Error) and getattr(fault, "sqlite_errorcode", None) not in _NOTHING_LOST


def refusal(group: Group, fault: Exception) -> str:
    """Say which records were refused, and why."""
    kinds = ", ".join(sorted({type(record).__name__ for record in group.records}))
    return f"not written ({kinds}): {type(fault).__name__}: {fault}"
