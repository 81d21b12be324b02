"""What canceld keeps: requests, everything that happened to them, and what was said. SQLite, durable by group commit.

    lock      one daemon per journal                  journal   the face that the driver sees
    schema    the file, its tables, a new life        writer    the thread that commits, and a disk that fails
    codec     records as columns, and back            read      the thread that answers about the past
    rows      what records change in the tables       recovery  what a new life has to take up
    forget    what is too old                         story     a step in a sentence
    patience  how long a word waits for a disk        intake    receipts, durable before the journal has them
    backlog   what of all that waits is written next  shortcut  which receipts go there
    receipts  the file that the intake writes         named     requests that a crash left named alone

Only `journal` and `lock` are called from outside; the names below are all that others need.
"""

from daemon.edge.journal.bulks import StoredBulk
from daemon.edge.journal.journal import Journal
from daemon.edge.journal.lock import JournalLock, lock_journal
from daemon.edge.journal.read import Explanation, HistoryRow, StepShown, StoredRequest
from daemon.edge.journal.recovery import Recovered
from daemon.edge.journal.schema import Binding
from daemon.edge.journal.writer import JournalState

__all__ = [
    "Binding",
    "Explanation",
    "HistoryRow",
    "Journal",
    "JournalLock",
    "JournalState",
    "Recovered",
    "StepShown",
    "StoredBulk",
    "StoredRequest",
    "lock_journal",
]
