"""A driver in virtual time, with a journal whose commits take a while: who is told what, and when."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest

from daemon.core.correlator import Correlator
from daemon.core.effects import Tell
from daemon.core.ids import Ids
from daemon.core.records import (
    Caller,
    CancelRequest,
    CaseId,
    Concluded,
    Observed,
    Previous,
    Record,
    Report,
    RequestKey,
    RequestOpened,
    SendAnswered,
    SendForwarded,
    SendMade,
)
from daemon.core.world import World
from daemon.edge.askers import WORDS_PER_TURN
from daemon.edge.clock import Clock
from daemon.edge.desk import ConnectionId, OrderRow, Reattached, SessionRow
from daemon.edge.driver import HEAR_FIRST_US_MAX, LATE_US, Driver
from daemon.simulate.disk import Disk, Habits, VirtualJournal
from daemon.simulate.kernel import Kernel, Scope
from daemon.simulate.life import SILENT
from daemon.simulate.ways import VirtualTime
from protocols.evidence import (
    CancelAnswered,
    CancelForwarded,
    DropCopyChanged,
    DropCopyState,
    OrderReported,
    Proof,
    RoadChanged,
)
from protocols.fix import AccountName, OrderId, Outcome, RequestId, RequestState, Road
from tests.core.words import INSTRUMENT, TRAITS, report
from tests.edge.journal_world import report as a_report

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from daemon.core.case import Case
    from protocols.asks import Question, WireCancel
    from protocols.errors import BadRequest
    from protocols.evidence import Evidence
    from protocols.mass import Everything

START_US = 1_763_600_000_000_000
COMMIT_US = 100_000
DEADLINE_US = 1_000_000
HORIZON_US = int(TRAITS.timings.horizon_s * 1_000_000)
ACCOUNT = AccountName("a")


class NoVenue:
    """A way to a venue on which nothing leaves."""

    is_behind = False

    def send(self, wire: WireCancel) -> Sequence[Evidence]:
        raise AssertionError(wire)

    def send_batch(self, wires: tuple[WireCancel, ...], everything: Everything | None = None) -> Sequence[Evidence]:
        raise AssertionError(wires, everything)

    def ask(self, question: Question) -> None:
        pass

    def suspect(self, road: Road, why: str) -> None:
        pass


class Nobody:
    """A drop copy without subscribers."""

    has_order_watchers = False

    def expect(self, seq: int) -> None:
        pass

    def publish(self, report: Report, previous: Previous | None) -> None:
        pass

    def order(self, row: OrderRow) -> None:
        pass

    def session(self, row: SessionRow) -> None:
        pass


class Ear:
    """A sink that remembers."""

    connection = ConnectionId(1)
    wants_progress = False

    def __init__(self) -> None:
        self.heard: list[Report] = []
        self.corrections: list[Report] = []

    def progress(self, request_id: RequestId, state: RequestState) -> None:
        raise AssertionError(state)

    def result(self, report: Report, history: Reattached | None = None) -> None:
        self.heard.append(report)

    def refuse(self, why: BadRequest) -> None:
        raise AssertionError(why)

    def correction(self, report: Report, previous: Previous) -> None:
        assert self.heard
        self.corrections.append(report)


class Curious(Ear):
    """A sink that asked for progress: who heard of which is written down in one list."""

    wants_progress = True

    def __init__(self, written: list[RequestId]) -> None:
        super().__init__()
        self._written = written

    def progress(self, request_id: RequestId, state: RequestState) -> None:
        assert state is RequestState.RECORDED
        self._written.append(request_id)


class Bench:
    """A driver of an account that has no road."""

    def __init__(self, *, disk_fails_s: tuple[int, int] = (0, 0)) -> None:
        self.kernel = Kernel(START_US)
        self.held_up_us = 0
        """For how long the host ran nothing of ours: no timer rang."""
        fails = (START_US + disk_fails_s[0] * 1_000_000, START_US + disk_fails_s[1] * 1_000_000)
        clock = Clock(self._now_ns, self._now_ns)
        scope = Scope(self.kernel)
        journal = VirtualJournal(Disk(self.kernel, Habits((COMMIT_US, COMMIT_US), (fails,)), Random(1)), scope)
        correlator = Correlator(World(ACCOUNT, TRAITS, TRAITS.timings), Ids(1))
        time = VirtualTime(scope, Random(2))
        self.driver = Driver(correlator, journal, Nobody(), clock, time, is_strict=False, logger=SILENT)
        self.driver.connect(NoVenue())

    def _now_ns(self) -> int:
        return (self.kernel.now_us + self.held_up_us) * 1000

    def ask(self, deadline_us: int | None = DEADLINE_US, name: str = "r", order: str = "o1") -> Ear:
        """Ask for a cancel that has to leave within a second, always under the same name if no other is given."""
        ear = Ear()
        assert self.driver.submit(self.request(deadline_us, name, order), ear) is None
        return ear

    def request(self, deadline_us: int | None = None, name: str = "r", order: str = "o1") -> CancelRequest:
        now_us = self.kernel.now_us
        return CancelRequest(
            RequestKey(1, ACCOUNT, RequestId(name)),
            Caller(1, 1, 1),
            "",
            INSTRUMENT,
            OrderId(order),
            None,
            now_us,
            None if deadline_us is None else now_us + deadline_us,
        )

    def pass_us(self, us: int) -> None:
        self.kernel.run(self.kernel.now_us + us)


def test_who_asks_again_while_the_outcome_is_being_written_down_hears_it_when_that_is_done_and_once() -> None:
    bench = Bench()
    first = bench.ask()
    bench.pass_us(DEADLINE_US + COMMIT_US // 2)
    again = bench.ask()
    bench.pass_us(COMMIT_US // 4)
    assert first.heard == again.heard == []
    bench.pass_us(COMMIT_US)
    assert [report.outcome for report in again.heard] == [Outcome.NOT_SENT]
    assert again.heard == first.heard
    assert again.heard[0].durable
    assert again.heard[0].seq


@pytest.mark.parametrize(("fails_s", "is_durable"), [((0, 0), True), ((1, 60), False)])
def test_a_word_is_called_durable_only_while_the_journal_takes_what_it_rests_on(
    fails_s: tuple[int, int], *, is_durable: bool
) -> None:
    bench = Bench(disk_fails_s=fails_s)
    ear = bench.ask(deadline_us=None)
    bench.pass_us(1_000_000)
    bench.driver.observe([report("partially_filled", order="o1", cum="1")])
    bench.pass_us(5_000_000)
    bench.driver.observe([report("canceled", order="o1", cum="1")])
    assert [(word.outcome, word.durable) for word in ear.heard] == [(Outcome.CANCELED, is_durable)]


@pytest.mark.parametrize("has_outcome", [True, False])
def test_no_word_about_a_request_overtakes_one_that_waits_for_its_commit(*, has_outcome: bool) -> None:
    bench = Bench()
    ear = bench.ask(deadline_us=None)
    bench.pass_us(HORIZON_US + (2 * COMMIT_US if has_outcome else 0))
    assert [word.outcome for word in ear.heard] == ([Outcome.IN_DOUBT] if has_outcome else [])
    bench.driver.observe([report("partially_filled", order="o1", cum="1")])
    bench.driver.observe([report("canceled", order="o1", cum="1")])
    assert ear.corrections == []
    bench.pass_us(3 * COMMIT_US)
    words = [*ear.heard, *ear.corrections]
    assert [word.outcome for word in words] == [Outcome.IN_DOUBT, Outcome.IN_DOUBT, Outcome.CANCELED]
    assert [word.revision for word in words] == [0, 1, 2]
    again = bench.ask(deadline_us=None)
    assert again.heard == ear.heard


def test_who_asks_again_after_the_outcome_hears_it_at_once() -> None:
    bench = Bench()
    first = bench.ask()
    bench.pass_us(DEADLINE_US + 2 * COMMIT_US)
    assert bench.ask().heard == first.heard


def test_a_bug_about_one_order_of_a_bulk_cancel_costs_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    ears = [bench.ask(name=f"bulk/{number}", order=f"o{number}") for number in range(3)]
    bench.pass_us(2 * COMMIT_US)
    _trip_over("o1", bench, monkeypatch)
    bench.driver.observe([report("canceled", order=f"o{number}", cum="0") for number in range(3)])
    bench.pass_us(1)
    assert [[told.outcome for told in ear.heard] for ear in ears] == [[Outcome.CANCELED], [], [Outcome.CANCELED]]
    assert [alarm.name for alarm in bench.driver.alarms.standing()] == ["internal_error"]


def test_a_bug_about_one_request_costs_no_other_whose_time_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    ears = [bench.ask(name=f"lone-{number}", order=f"o{number}") for number in range(3)]
    bench.pass_us(2 * COMMIT_US)
    work = bench.driver.correlator._bench.work

    def stumble(case: Case, now_us: int) -> None:
        if case.order_id == "o0":
            raise ZeroDivisionError
        work(case, now_us)

    monkeypatch.setattr(bench.driver.correlator._bench, "work", stumble)
    bench.pass_us(DEADLINE_US + 2 * COMMIT_US)
    assert [[told.outcome for told in ear.heard] for ear in ears] == [[], [Outcome.NOT_SENT], [Outcome.NOT_SENT]]
    assert [alarm.name for alarm in bench.driver.alarms.standing()] == ["internal_error"]


def test_a_bug_about_one_order_costs_no_other_of_which_was_heard_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    ears = [bench.ask(name=f"lone-{number}", order=f"o{number}") for number in range(3)]
    bench.pass_us(2 * COMMIT_US)
    _trip_over("o1", bench, monkeypatch)
    with pytest.raises(ZeroDivisionError):
        bench.driver.observe([report("canceled", order=f"o{number}", cum="0") for number in range(3)])
    bench.pass_us(1)
    assert [[told.outcome for told in ear.heard] for ear in ears] == [[Outcome.CANCELED], [], [Outcome.CANCELED]]


def _trip_over(order: str, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have our own bug happen on whatever is said of an order."""
    right = bench.driver.correlator.hear

    def hear(evidence: Evidence, now_us: int) -> None:
        if isinstance(evidence, OrderReported) and evidence.order_id == order:
            raise ZeroDivisionError
        right(evidence, now_us)

    monkeypatch.setattr(bench.driver.correlator, "hear", hear)


def test_a_fault_in_telling_others_of_an_order_costs_no_word_about_a_request(monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(_: Nobody, row: OrderRow) -> None:
        raise RuntimeError(row.order_id)

    monkeypatch.setattr(Nobody, "has_order_watchers", True)
    monkeypatch.setattr(Nobody, "order", stumble)
    bench = Bench()
    ear = bench.ask(deadline_us=None)
    bench.pass_us(2 * COMMIT_US)
    with pytest.raises(RuntimeError, match="o1"):
        bench.driver.observe([report("canceled", order="o1", cum="0")])
    bench.pass_us(2 * COMMIT_US)
    assert [word.outcome for word in ear.heard] == [Outcome.CANCELED]


def test_a_lone_receipt_is_told_before_most_of_a_bulk_cancels_that_are_committed_with_it() -> None:
    bench = Bench()
    heard: list[RequestId] = []
    bulk = [bench.request(name=f"bulk/{number}", order=f"o{number}") for number in range(3 * WORDS_PER_TURN)]
    lone = bench.request(name="lone")
    bench.driver.submit_many([(request, Curious(heard)) for request in bulk])
    assert bench.driver.submit(lone, Curious(heard)) is None
    bench.driver.askers.committed([request.key for request in bulk], [], True)
    bench.driver.askers.committed([lone.key], [], True)
    assert heard.index(lone.key.request_id) == len(heard) - 1 == WORDS_PER_TURN
    bench.pass_us(1)
    heard.remove(lone.key.request_id)
    assert heard == [request.key.request_id for request in bulk]


def test_an_outcome_that_is_on_disk_says_so_of_its_request_whatever_is_heard_of_that_later() -> None:
    bench = Bench()
    recorded: list[RequestId] = []
    ear, asked = Curious(recorded), bench.request()
    assert bench.driver.submit(asked, ear) is None
    outcome, corrected = a_report("r", 1), a_report("r", 2, revision=1)
    told = Tell(CaseId("c"), asked.key, outcome, None, after_commit=True)
    bench.driver.askers.tell(told, outcome, is_late=True)
    bench.driver.askers.committed([], [(told, outcome)], True)
    bench.driver.askers.committed([asked.key], [], False)
    correction = Tell(CaseId("c"), asked.key, corrected, Previous(Outcome.CANCELED, None), after_commit=False)
    bench.driver.askers.tell(correction, corrected, is_late=False)
    assert recorded == [asked.key.request_id]
    assert [word.durable for word in (*ear.heard, *ear.corrections)] == [True, True]
    assert ear.heard[0].times.recorded is not None


@pytest.mark.parametrize(("name", "is_told"), [("lone", True), ("bulk/1", False)])
def test_a_word_that_waited_for_its_own_commit_stands_back_for_a_receipt_only_if_it_is_of_a_bulk_cancel(
    name: str, monkeypatch: pytest.MonkeyPatch, *, is_told: bool
) -> None:
    bench = Bench()
    monkeypatch.setattr(VirtualJournal, "has_receipts_under_way", True)
    ear, asked = Ear(), bench.request(name=name)
    bench.driver.submit_many([(asked, ear)])
    outcome = a_report(name, 1)
    told = Tell(CaseId("c"), asked.key, outcome, None, after_commit=True)
    bench.driver.askers.tell(told, outcome, is_late=True)
    bench.driver.askers.committed([], [(told, outcome)], True)
    assert [word.outcome for word in ear.heard] == [outcome.outcome] * is_told
    bench.pass_us(1_000_000)
    assert [word.outcome for word in ear.heard] == [outcome.outcome]


def test_words_that_wait_for_one_commit_are_all_told_in_their_order() -> None:
    bench = Bench()
    ears = [bench.ask(name=f"bulk/{number}", order=f"o{number}") for number in range(3 * WORDS_PER_TURN)]
    bench.pass_us(DEADLINE_US + 2 * COMMIT_US)
    told = [word for ear in ears for word in ear.heard]
    assert [word.outcome for word in told] == [Outcome.NOT_SENT] * len(ears)
    assert [word.seq for word in told] == sorted(word.seq for word in told)
    assert all(word.times.recorded for word in told)


# ---------------------------------------------------------------- what is of one turn


class Venue(NoVenue):
    """A way to a venue on which everything leaves at once."""

    def send(self, wire: WireCancel) -> Sequence[Evidence]:
        return [CancelForwarded(wire.send_id, wire.road)]


def _open_bench(monkeypatch: pytest.MonkeyPatch) -> tuple[Bench, list[list[type[Record]]]]:
    """Give a bench with a road, and what is written down on it: the kinds of each group of records."""
    bench = Bench()
    bench.driver.connect(Venue())
    bench.driver.observe([RoadChanged(Road.WS, is_open=True), DropCopyChanged(DropCopyState.LIVE)])
    groups: list[list[type[Record]]] = []
    right = VirtualJournal.append

    def append(
        journal: VirtualJournal, records: Sequence[Record], on_commit: Callable[[bool], None] | None = None
    ) -> None:
        groups.append([type(record) for record in records])
        right(journal, records, on_commit)

    monkeypatch.setattr(VirtualJournal, "append", append)
    return bench, groups


def test_that_a_cancel_left_is_written_down_with_its_request(monkeypatch: pytest.MonkeyPatch) -> None:
    bench, groups = _open_bench(monkeypatch)
    bench.ask()
    assert groups == [[RequestOpened, SendMade, SendForwarded]]


def test_requests_of_which_nothing_leaves_yet_are_written_down_when_the_last_of_them_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench, groups = _open_bench(monkeypatch)
    bench.driver.observe([RoadChanged(Road.WS, is_open=False)])
    bulk = [(bench.request(name=f"bulk/{number}", order=f"o{number}"), Ear()) for number in range(4)]
    bench.driver.submit_many(bulk[:2], has_more=True)
    bench.driver.submit_many(bulk[2:3], has_more=True)
    assert groups == []
    bench.ask(name="lone", order="another")
    assert groups == [[RequestOpened]]
    bench.driver.submit_many(bulk[3:])
    assert groups == [[RequestOpened], [RequestOpened] * 2, [RequestOpened], [RequestOpened]]


@pytest.mark.parametrize("is_over", [False, True])
def test_what_goes_on_with_the_story_of_a_request_is_written_down_after_it(
    monkeypatch: pytest.MonkeyPatch, is_over: bool
) -> None:
    bench, groups = _open_bench(monkeypatch)
    bench.driver.observe([RoadChanged(Road.WS, is_open=False)])
    ear = Ear()
    bench.driver.submit_many([(bench.request(name="bulk/0", order="o1"), ear)], has_more=True)
    if is_over:
        bench.driver.say_all()
        assert groups == [[RequestOpened]]
    bench.driver.observe([report("canceled", order="o1", cum="0")])
    bench.pass_us(1)
    assert groups == [[RequestOpened], [Observed, Concluded]]
    assert ear.heard == []
    bench.pass_us(2 * COMMIT_US)
    assert [told.outcome for told in ear.heard] == [Outcome.CANCELED]


def test_an_answer_and_the_push_that_came_with_it_are_written_down_together(monkeypatch: pytest.MonkeyPatch) -> None:
    bench, groups = _open_bench(monkeypatch)
    ear = bench.ask()
    bench.pass_us(2 * COMMIT_US)
    (send,) = next(iter(bench.driver.correlator.cases)).sends
    answer = CancelAnswered(send.wire.send_id, Road.WS, Proof.ACCEPTED, "0", "")
    bench.driver.observe([answer, report("canceled", order="o1", cum="0")])
    assert groups[1:] == [[SendAnswered, Observed, Concluded]]
    assert [told.times.acked for told in ear.heard] == [bench.kernel.now_us]


def test_a_bug_about_what_left_costs_no_record_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    bench, groups = _open_bench(monkeypatch)

    def stumble(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(bench.driver.correlator, "hear", stumble)
    bench.ask()
    assert groups == [[RequestOpened, SendMade]]
    assert [alarm.name for alarm in bench.driver.alarms.standing()] == ["internal_error"]


# ---------------------------------------------------------------- a host that held us up


class Held(Venue):
    """A way to a venue that may have said what is not read yet; it remembers which roads were suspected."""

    def __init__(self) -> None:
        self.is_behind = True
        self.suspected: list[Road] = []

    def suspect(self, road: Road, why: str) -> None:
        assert why
        self.suspected.append(road)


def _held_up(monkeypatch: pytest.MonkeyPatch) -> tuple[Bench, Held]:
    """Give a bench on which a cancel left, and which the host then held up until long after an answer was due."""
    bench, _ = _open_bench(monkeypatch)
    bench.driver.connect(venue := Held())
    bench.ask()
    bench.pass_us(2 * COMMIT_US)
    bench.held_up_us = TRAITS.timings.ack_wait_ms * 1000 + LATE_US
    bench.pass_us(TRAITS.timings.ack_wait_ms * 1000 - 2 * COMMIT_US - 1)
    return bench, venue


def test_who_was_held_up_hears_what_came_meanwhile_before_a_venue_is_called_silent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench, venue = _held_up(monkeypatch)
    bench.pass_us(HEAR_FIRST_US_MAX // 2)
    (send,) = next(iter(bench.driver.correlator.cases)).sends
    bench.driver.observe([CancelAnswered(send.wire.send_id, Road.WS, Proof.ACCEPTED, "0", "")])
    venue.is_behind = False
    bench.pass_us(HEAR_FIRST_US_MAX)
    assert venue.suspected == []


@pytest.mark.parametrize("is_behind", [True, False])
def test_who_was_held_up_does_not_wait_for_ever_for_what_is_to_be_heard(
    monkeypatch: pytest.MonkeyPatch, *, is_behind: bool
) -> None:
    bench, venue = _held_up(monkeypatch)
    venue.is_behind = is_behind
    bench.pass_us(HEAR_FIRST_US_MAX + 10_000 if is_behind else 10_000)
    assert venue.suspected == [Road.WS]
