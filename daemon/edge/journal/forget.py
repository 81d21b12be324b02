"""What the journal forgets, and in which bites: so small that a commit which waits behind one hardly notices.

A request is forgotten when its latest outcome is older than the retention; one without an outcome is never forgotten.
A bulk cancel is forgotten when it has been over for as long and none of its requests is left. Then go the steps of
cases and bulk cancels of which nothing is left, the outcomes of which there is no request, and the lives of which there
is no outcome. First of all it is written down what may be missing from now on. Last, what the file holds beyond need is
given back to the disk; a file that an older canceld made keeps its size, and uses it again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

BITE_ROWS: Final = 200
"""Rows looked at in one transaction: a few milliseconds, about what the commit's own fsync takes."""

BITE_PAGES: Final = 200
"""Pages given back to the disk in one transaction; each may have to change places with one that is needed."""
SPARE_PAGES_MIN: Final = 8_000
"""Free pages (8 MB) that the file keeps in any case: the next hours fill them again."""
SPARE_PART: Final = 4
"""Beyond that, a quarter of the file may be free: less would only move pages to and fro."""

MEMBERS_OF_BULK: Final = "r.uid = b.uid AND r.request_id > b.request_id || '/' AND r.request_id < b.request_id || '0'"
"""Its requests are named ``NAME/3``: they stand between ``NAME/`` and ``NAME0``, since 0 comes behind the slash."""
BEGINNING: Final = -(2**63)
INCREMENTAL: Final = 2
"""What `auto_vacuum` is in a file that can give pages back."""
STAGES: Final = 7


@dataclass(slots=True)
class Forgetting:
    """A round of forgetting everything before ``before_us``, and how far it has come."""

    before_us: int
    on_done: Callable[[int], None]
    """Called in the writer's thread with the number of requests that were forgotten."""
    forgotten: int = 0
    stage: int = 0
    after: int = BEGINNING

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to forget."""
        return self.stage == STAGES

    def bite(self, db: sqlite3.Connection) -> None:
        """Forget a little, in the open transaction."""
        stages = (self._note, self._requests, self._bulks, self._steps, self._outcomes, self._lives, self._give_back)
        if not stages[self.stage](db):
            self.stage, self.after = self.stage + 1, BEGINNING

    def _note(self, db: sqlite3.Connection) -> bool:
        db.execute("UPDATE meta SET value = max(value, ?) WHERE name = 'forgotten_before'", (self.before_us,))
        return False

    def _requests(self, db: sqlite3.Connection) -> bool:
        names = db.execute(
            "SELECT request_id, account, uid FROM requests WHERE ended_us < ? ORDER BY ended_us LIMIT ?",
            (self.before_us, BITE_ROWS),
        ).fetchall()
        db.executemany("DELETE FROM requests WHERE request_id = ? AND account = ? AND uid = ?", names)
        self.forgotten += len(names)
        return bool(names)

    def _bulks(self, db: sqlite3.Connection) -> bool:
        old = "SELECT b.bulk_id FROM bulks b WHERE b.ended_us < ? AND NOT EXISTS (SELECT 1 FROM requests r WHERE "
        found = db.execute(f"{old}{MEMBERS_OF_BULK}) LIMIT ?", (self.before_us, BITE_ROWS)).fetchall()
        db.executemany("DELETE FROM bulks WHERE bulk_id = ?", found)
        return bool(found)

    def _steps(self, db: sqlite3.Connection) -> bool:
        # Numbers rise with time, near enough: the first young step ends the walk; what it misses the next round takes.
        found = db.execute(
            "SELECT id, t_us, EXISTS (SELECT 1 FROM requests r WHERE r.case_id = s.case_id)"
            " OR EXISTS (SELECT 1 FROM bulks b WHERE b.bulk_id = s.case_id) FROM steps s"
            " WHERE id > ? ORDER BY id LIMIT ?",
            (self.after, BITE_ROWS),
        ).fetchall()
        return self._walk(db, "DELETE FROM steps WHERE id = ?", found)

    def _outcomes(self, db: sqlite3.Connection) -> bool:
        found = db.execute(
            "SELECT seq, t_us, EXISTS (SELECT 1 FROM requests r WHERE r.request_id = o.request_id"
            " AND r.account = o.account AND r.uid = o.uid) FROM outcomes o WHERE seq > ? ORDER BY seq LIMIT ?",
            (self.after, BITE_ROWS),
        ).fetchall()
        return self._walk(db, "DELETE FROM outcomes WHERE seq = ?", found)

    def _lives(self, db: sqlite3.Connection) -> bool:
        """Forget the lives before the one to which the oldest outcome belongs; the last one stays."""
        db.execute(
            "DELETE FROM lives WHERE seq_from < (SELECT max(seq_from) FROM lives"
            " WHERE seq_from <= ifnull((SELECT min(seq) FROM outcomes WHERE seq > 0), seq_from))"
        )
        return False

    def _give_back(self, db: sqlite3.Connection) -> bool:
        """Make the file smaller by some pages; True while it has too many."""
        ((kind,), (pages,), (free,)) = (
            db.execute(f"PRAGMA {what}").fetchone() for what in ("auto_vacuum", "page_count", "freelist_count")
        )
        if kind != INCREMENTAL or free <= max(SPARE_PAGES_MIN, pages // SPARE_PART):
            return False
        db.execute(f"PRAGMA incremental_vacuum({BITE_PAGES})").fetchall()
        return True

    def _walk(self, db: sqlite3.Connection, delete: str, found: list[tuple[int, int, int]]) -> bool:
        """Delete what is old and needed by nobody; True when the walk goes on behind these rows."""
        old = [(number, is_needed) for number, t_us, is_needed in found if t_us < self.before_us]
        db.executemany(delete, [(number,) for number, is_needed in old if not is_needed])
        if not found or len(old) < len(found):
            return False
        self.after = found[-1][0]
        return True
