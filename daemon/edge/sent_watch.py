"""Sees to it that the file of what left stays where the next life will look for it.

Who deletes, moves or replaces it takes nothing from this life, which has it open, and everything from the next one; who
truncates it would end this one. So it is looked for again and again, who would write to it is kept waiting until the
next look, and then it is put back with all its notes; where that cannot be done somebody is told.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable

    from daemon.edge.sent import SentFile

LOOK_EVERY_S: Final = 1.0
"""As often as for the journal itself: what left longer ago than some seconds counts for nobody."""
WHAT_BEFELL_IT: Final = "it was deleted, moved, replaced or written to"
log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


async def watch(sent: SentFile, told: Callable[[str], None], look_every_s: float = LOOK_EVERY_S) -> None:
    """Look for ever. ``told`` hears why the file cannot be put back, once, and "" when it is again."""
    said = ""
    while True:
        sent.keep_others_out()
        await asyncio.sleep(look_every_s)
        sent.keep_others_out()
        why = "" if sent.is_in_place() else _put_back(sent)
        if why != said:
            said = why
            told(why)


def _put_back(sent: SentFile) -> str:
    """Put the file back; give why that cannot be done, "" if it is."""
    try:
        sent.put_back()
    except OSError as trouble:
        return f"{trouble.filename}: {WHAT_BEFELL_IT}, and cannot be put back ({trouble.strerror})"
    what = f"{WHAT_BEFELL_IT}, and is there again; leave it alone while the daemon runs"
    log.warning("sent_file_put_back", detail=what)
    return ""
