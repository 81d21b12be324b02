"""What the metrics page says: every number with its unit in its name, read off the daemon's parts when somebody asks.

Nothing is kept here and nothing is counted here, so an unread metric costs nothing but the integer that it is read from
(`daemon.edge.tally`, the counters of gateways, journal and socket). Labels are accounts, venues and words of enums:
never an order, a request or a client, so the number of series is bounded by the configuration.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from daemon.core.deadman import SwitchState
from daemon.edge.account import STATE_CHANGED
from daemon.edge.journal import JournalState
from daemon.edge.status import EntryState, GatewayState
from daemon.edge.tally import BOUNDS_US, Histogram
from protocols.control.refusals import Reason
from protocols.evidence import DropCopyState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from prometheus_client.metrics_core import Metric

    from daemon.edge.account import Account
    from daemon.edge.clock import Clock
    from daemon.edge.journal import Journal
    from daemon.edge.publisher import Publisher
    from daemon.edge.server import Server
    from daemon.edge.status import GatewayStatus
    from daemon.edge.tally import Tally
    from protocols.control.results import AccountStatus
    from protocols.fix import AccountName

OWNER: Final = ("account", "venue")
STATES: Final = (*(state.value for state in GatewayState), STATE_CHANGED)
US_PER_S: Final = 1e6
_BOUNDS: Final = (*(f"{bound / US_PER_S:g}" for bound in BOUNDS_US), "+Inf")


@dataclass(frozen=True, slots=True)
class Seen:
    """One account at one moment. ``gateway`` is None without credentials."""

    owner: tuple[str, str]
    status: AccountStatus
    gateway: GatewayStatus | None
    tally: Tally
    cancels_delayed: int
    now_us: int

    @classmethod
    def of(cls, name: AccountName, account: Account, now_us: int) -> Seen:
        """Look at an account."""
        return cls(
            (name, account.venue),
            account.status(now_us, 0),
            account.gateway.snapshot() if account.gateway is not None else None,
            account.driver.tally,
            account.driver.correlator.cancels_delayed,
            now_us,
        )

    def counter(self, name: str) -> int:
        """Give one of the gateway's counters."""
        return self.gateway.counters[name] if self.gateway is not None else 0


@dataclass(frozen=True, slots=True)
class Row:
    """A metric with one number an account; ``read`` gives None where there is none to tell."""

    name: str
    help: str
    read: Callable[[Seen], float | None]


@dataclass(frozen=True, slots=True)
class Words:
    """A metric with one number an account and word. Of a state, ``words`` are all that there are: one is 1, else 0."""

    name: str
    help: str
    label: str
    read: Callable[[Seen], Mapping[str, float]]
    words: tuple[str, ...] = ()


GAUGES: Final = (
    Row("canceld_requests_in_flight", "Requests that have no outcome yet.", lambda a: a.status.in_flight),
    Row(
        "canceld_requests_oldest_age_seconds",
        "Age of the oldest request that has no outcome yet; 0 when there is none.",
        lambda a: (a.status.oldest_ms or 0) / 1e3,
    ),
    Row(
        "canceld_requests_in_doubt",
        "Requests whose order is not known to have ended; asking about them goes on.",
        lambda a: a.status.in_doubt,
    ),
    Row(
        "canceld_in_doubt_oldest_age_seconds",
        "Age of the oldest request in doubt; 0 when there is none.",
        lambda a: (a.status.in_doubt_oldest_ms or 0) / 1e3,
    ),
    Row("canceld_cancel_ready", "1 while a cancel could leave by some road.", lambda a: float(a.status.cancel_ready)),
    Row(
        "canceld_budget_wait_seconds",
        "How long the longest line of cancels waits for the venue's rate limits now.",
        lambda a: a.status.budget_wait_ms / 1e3,
    ),
    Row("canceld_budget_waiting_cancels", "Cancels that wait for rate limits now.", lambda a: a.status.budget_waiting),
    Row("canceld_bulk_cancels_running", "Bulk cancels that are not over.", lambda a: a.status.bulks.running),
    Row(
        "canceld_clock_offset_seconds",
        "The venue's clock minus this host's. Signatures use the venue's.",
        lambda a: None if a.status.clock_offset_ms is None else a.status.clock_offset_ms / 1e3,
    ),
    Row(
        "canceld_clock_uncertainty_seconds",
        "How far off the measured clock offset may be.",
        lambda a: (
            None
            if a.gateway is None or a.gateway.clock_uncertainty_us is None
            else a.gateway.clock_uncertainty_us / US_PER_S
        ),
    ),
    Row(
        "canceld_last_inbound_age_seconds",
        "Time since any socket of the account last brought a frame; absent before the first one.",
        lambda a: (
            None
            if a.gateway is None or a.gateway.last_inbound_us is None
            else (a.now_us - a.gateway.last_inbound_us) / US_PER_S
        ),
    ),
    Row(
        "canceld_sends_in_flight",
        "Wire cancels that the venue has not answered yet.",
        lambda a: a.gateway.in_flight if a.gateway else 0,
    ),
    Row(
        "canceld_instrument_codes",
        "Instruments whose code at the venue is known; stays 0 where none is needed.",
        lambda a: a.gateway.instrument_codes if a.gateway else 0,
    ),
    Row(
        "canceld_dead_man_fires_seconds",
        "Least time until the venue's dead-man switch may fire; absent while it is not set.",
        lambda a: None if (it := a.status.dead_man) is None or it.fires_in_ms is None else it.fires_in_ms / 1e3,
    ),
    Row(
        "canceld_questions_in_flight",
        "Questions about orders that the venue has not answered yet.",
        lambda a: a.gateway.questions_under_way if a.gateway else 0,
    ),
)
STATES_OF: Final = (
    Words(
        "canceld_account_state",
        "1 for the state that the account is in.",
        "state",
        lambda a: {a.status.state: 1},
        STATES,
    ),
    Words(
        "canceld_order_entry",
        "1 for the road that the next cancel takes (down: none).",
        "road",
        lambda a: {a.status.order_entry: 1},
        tuple(EntryState),
    ),
    Words(
        "canceld_drop_copy",
        "1 for the state of the order pushes: live, blind (a socket without them) or down.",
        "state",
        lambda a: {a.status.drop_copy: 1},
        tuple(DropCopyState),
    ),
    Words(
        "canceld_dead_man",
        "1 for the state of the venue's dead-man switch; none is 1 where no switch is configured.",
        "state",
        lambda a: {} if a.status.dead_man is None else {a.status.dead_man.state: 1},
        tuple(SwitchState),
    ),
)
COUNTERS: Final = (
    Row(
        "canceld_dead_man_refreshes",
        "Calls that set the venue's dead-man switch.",
        lambda a: 0 if a.status.dead_man is None else a.status.dead_man.refreshes,
    ),
    Row(
        "canceld_cancels_delayed",
        "Cancels that had to wait for the venue's rate limits before they left.",
        lambda a: a.cancels_delayed,
    ),
    Row("canceld_questions", "Questions about orders that were put.", lambda a: a.counter("questions")),
    Row(
        "canceld_dials",
        "Attempts to open a WebSocket; what goes beyond the first of each socket are reconnects.",
        lambda a: a.counter("dials"),
    ),
    Row("canceld_frames_received", "WebSocket frames that came in.", lambda a: a.counter("frames_in")),
    Row("canceld_frames_sent", "WebSocket frames that went out.", lambda a: a.counter("frames_out")),
    Row(
        "canceld_frames_set_aside",
        "Frames, or rows of one, that could not be read or were of a kind that is not known.",
        lambda a: a.counter("set_aside"),
    ),
    Row(
        "canceld_errors_unnamed",
        "Error frames that name none of our sends: each made all in flight on its socket uncertain.",
        lambda a: a.counter("uncorrelated"),
    ),
    Row(
        "canceld_answers_late",
        "Answers to cancels that had been given up or answered before.",
        lambda a: a.counter("late_answers"),
    ),
    Row(
        "canceld_reference_loads",
        "How often instrument data was loaded from the venue.",
        lambda a: a.counter("reference_loads"),
    ),
    Row("canceld_internal_errors", "Our own faults that were caught: report them.", lambda a: a.counter("faults")),
)
COUNTED_WORDS: Final = (
    Words(
        "canceld_bulk_cancels_ended",
        "Bulk cancels that are over, fired bindings' among them; incomplete: orders of their scope may rest.",
        "end",
        lambda a: {end.value: count for end, count in a.tally.bulks_ended.items()},
    ),
    Words(
        "canceld_outcomes",
        "First outcomes told, by kind.",
        "outcome",
        lambda a: {outcome.value: count for outcome, count in a.tally.outcomes.items()},
    ),
    Words(
        "canceld_outcome_evidence",
        "First outcomes told, by what they rest on: a push, an answered question, or nothing.",
        "source",
        lambda a: dict(a.tally.sources),
    ),
    Words(
        "canceld_sends",
        "Wire cancels given to a road, also those that it could not take.",
        "road",
        lambda a: {"ws": a.counter("sends_ws"), "rest": a.counter("sends_rest")},
    ),
)


class Collector:
    """Gives all metrics as they are now. `accounts` first, since looking at many of them is what takes time."""

    def __init__(
        self,
        accounts: Mapping[AccountName, Account],
        journal: Journal,
        server: Server,
        publisher: Publisher,
        clock: Clock,
        version: str,
    ) -> None:
        self._accounts = accounts
        self._journal = journal
        self._server = server
        self._publisher = publisher
        self._clock = clock
        self._version = version
        self._started_us = clock.now()

    def look(self) -> Iterator[Seen]:
        """Look at one account after the other; whoever asks may do something else in between."""
        for name, account in self._accounts.items():
            yield Seen.of(name, account, self._clock.now())

    def families(self, seen: Iterable[Seen]) -> Iterator[Metric]:
        """Give the metrics of the accounts that were looked at, and the daemon's own."""
        accounts = tuple(seen)
        yield from _plain(accounts)
        yield from _by_word(accounts)
        yield _corrections(accounts)
        yield _changes(accounts)
        yield _sockets(accounts)
        yield _alarms(accounts)
        yield _stages(accounts)
        yield from self._daemon()
        yield from self._of_journal()
        yield from _process()

    def _daemon(self) -> Iterator[Metric]:
        build = GaugeMetricFamily("canceld_build_info", "Always 1; the version is in the label.", labels=["version"])
        build.add_metric([self._version], 1)
        yield build
        yield GaugeMetricFamily(
            "canceld_start_time_seconds", "When this daemon started, since the epoch.", self._started_us / US_PER_S
        )
        yield GaugeMetricFamily("canceld_clients", "Clients that are connected.", self._server.clients)
        yield GaugeMetricFamily("canceld_subscribers", "Clients that subscribe.", self._publisher.subscribers)
        yield CounterMetricFamily("canceld_connections", "Clients that have connected.", self._server.accepted)
        refusals = CounterMetricFamily("canceld_refusals", "Errors given to clients, by reason.", labels=["reason"])
        for reason in Reason:
            refusals.add_metric([reason.value], self._server.refusals[reason.value])
        yield refusals

    def _of_journal(self) -> Iterator[Metric]:
        journal = self._journal
        state = GaugeMetricFamily("canceld_journal_state", "1 for the state that the journal is in.", labels=["state"])
        for word in JournalState:
            state.add_metric([word.value], float(journal.state is word))
        yield state
        yield GaugeMetricFamily(
            "canceld_journal_records_held", "Records that are not on disk yet.", journal.records_held
        )
        yield CounterMetricFamily(
            "canceld_journal_records_dropped",
            "Records that were never written, since a failing disk had too many held.",
            journal.records_dropped,
        )
        commits = HistogramMetricFamily(
            "canceld_journal_commit_seconds", "How long a group commit took, fsync included."
        )
        _add(commits, [], journal.commits)
        yield commits


# ---------------------------------------------------------------- by account


def _plain(accounts: tuple[Seen, ...]) -> Iterator[Metric]:
    for kind, rows in ((GaugeMetricFamily, GAUGES), (CounterMetricFamily, COUNTERS)):
        for row in rows:
            family = kind(row.name, row.help, labels=OWNER)
            for account in accounts:
                value = row.read(account)
                if value is not None:
                    family.add_metric(account.owner, value)
            yield family


def _by_word(accounts: tuple[Seen, ...]) -> Iterator[Metric]:
    for words in STATES_OF:
        state = GaugeMetricFamily(words.name, words.help, labels=(*OWNER, words.label))
        for account in accounts:
            now = words.read(account)
            for word in words.words:
                state.add_metric((*account.owner, word), now.get(word, 0))
        yield state
    for words in COUNTED_WORDS:
        counted = CounterMetricFamily(words.name, words.help, labels=(*OWNER, words.label))
        for account in accounts:
            for word, count in words.read(account).items():
                counted.add_metric((*account.owner, word), count)
        yield counted


def _corrections(accounts: tuple[Seen, ...]) -> Metric:
    family = CounterMetricFamily(
        "canceld_corrections",
        "Corrections told, by what had been said and what is said now; the same twice: its quantity.",
        labels=(*OWNER, "previous", "outcome"),
    )
    for account in accounts:
        for (previous, outcome), count in sorted(account.tally.corrections.items()):
            family.add_metric((*account.owner, previous.value, outcome.value), count)
    return family


def _changes(accounts: tuple[Seen, ...]) -> Metric:
    family = CounterMetricFamily(
        "canceld_session_changes",
        "How often a channel of the account (a road for cancels, the drop copy) came into a state.",
        labels=(*OWNER, "channel", "state"),
    )
    for account in accounts:
        for (channel, state), count in sorted(account.tally.changes.items()):
            family.add_metric((*account.owner, channel, state), count)
    return family


def _sockets(accounts: tuple[Seen, ...]) -> Metric:
    family = GaugeMetricFamily(
        "canceld_sockets",
        "WebSockets that there are, by name and state; a replaced one is read on for a while.",
        labels=(*OWNER, "socket", "state"),
    )
    for account in accounts:
        counts: dict[tuple[str, str], int] = {}
        for socket in account.status.sockets:
            counts[socket.name, socket.state] = counts.get((socket.name, socket.state), 0) + 1
        for key, count in sorted(counts.items()):
            family.add_metric((*account.owner, *key), count)
    return family


def _alarms(accounts: tuple[Seen, ...]) -> Metric:
    family = GaugeMetricFamily("canceld_alarm", "1 for each alarm that stands.", labels=(*OWNER, "alarm"))
    for account in accounts:
        for name in sorted({alarm.name for alarm in account.status.alarms}):
            family.add_metric((*account.owner, name), 1)
    return family


def _stages(accounts: tuple[Seen, ...]) -> Metric:
    family = HistogramMetricFamily(
        "canceld_stage_seconds",
        "How long requests took to their first outcome, by stage: recorded and forwarded from the reading of the line, "
        "evidence from forwarded, reported from evidence, whole from the line to the answer; and acked from forwarded, "
        "of each wire cancel.",
        labels=(*OWNER, "stage"),
    )
    for account in accounts:
        for stage, histogram in account.tally.stages.items():
            _add(family, [*account.owner, stage.value], histogram)
    return family


def _add(family: HistogramMetricFamily, labels: list[str], histogram: Histogram) -> None:
    buckets = [*zip(_BOUNDS, map(float, accumulate(histogram.counts)), strict=True)]
    family.add_metric(labels, buckets=buckets, sum_value=histogram.sum_us / US_PER_S)


# ---------------------------------------------------------------- the process


def _process() -> Iterator[Metric]:
    """The usual ``process_`` metrics need files of /proc that ``ProcSubset=pid`` hides; these are our own."""
    yield GaugeMetricFamily("canceld_resident_memory_bytes", "Memory of this process that is in RAM.", resident_bytes())
    times = os.times()
    yield CounterMetricFamily("canceld_cpu_seconds", "CPU time that this process has used.", times.user + times.system)
    yield GaugeMetricFamily("canceld_open_fds", "File descriptors that are open.", open_descriptors())


def resident_bytes() -> int:
    """Give this process's resident memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def open_descriptors() -> int:
    """Give how many descriptors are open, without the one that it takes to look."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir()) - 1
