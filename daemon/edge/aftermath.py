"""What is done with a word once its asker has it: others are told, it is counted, and it is logged.

Nobody who waits for an answer waits for that. The event loop hands lines to the kernel at the end of a turn, so what is
done here is done in a turn of its own, for all words that were told meanwhile, in their order. It decides nothing.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from daemon.edge.tally import Tally
from protocols.fix import Outcome

if TYPE_CHECKING:
    import structlog

    from daemon.core.records import Caller, Previous, Report, RequestKey
    from daemon.edge.beside import Announcer
    from daemon.edge.outside import Time

    Logger = structlog.typing.FilteringBoundLogger | structlog.stdlib.BoundLogger
    Word = tuple[RequestKey, Caller | None, Report, Previous | None]


class Aftermath:
    """The words of one account that were told. ``log`` names the account in each line."""

    def __init__(self, publisher: Announcer, time: Time, log: Logger) -> None:
        self.tally = Tally()
        self._publisher = publisher
        self._time = time
        self._log = log
        self._told: deque[Word] = deque()

    def of(self, key: RequestKey, caller: Caller | None, report: Report, previous: Previous | None) -> None:
        """Take note of a word: an outcome, or with ``previous`` a correction. ``caller`` None: not known."""
        self._told.append((key, caller, report, previous))
        if len(self._told) == 1:
            self._time.soon(self._work)

    def _work(self) -> None:
        try:
            while self._told:
                key, caller, report, previous = self._told.popleft()
                self._publisher.publish(report, previous)
                self.tally.told(report, previous)
                self._log_word(key, caller, report, previous)
        finally:
            if self._told:  # a fault in one word keeps none of those behind it back
                self._time.soon(self._work)

    def _log_word(self, key: RequestKey, caller: Caller | None, report: Report, previous: Previous | None) -> None:
        say = self._log.warning if report.outcome in _DOUBTFUL else self._log.info
        say(
            "outcome" if previous is None else "correction",
            request_id=report.request_id,
            order_id=report.order_id,
            instrument=report.instrument,
            outcome=report.outcome.value,
            ord_status=report.ord_status.value if report.ord_status else None,
            cum_qty=str(report.cum_qty) if report.cum_qty is not None else None,
            source=report.evidence.source,
            seq=report.seq,
            us=(report.times.reported or 0) - report.times.received,
            uid=key.uid,
            gid=caller.gid if caller is not None else None,
            pid=caller.pid if caller is not None else None,
            client=caller.client if caller is not None else None,
        )


_DOUBTFUL = (Outcome.IN_DOUBT, Outcome.UNKNOWN_ORDER)
"""What a person should look at."""
