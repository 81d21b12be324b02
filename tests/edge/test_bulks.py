"""Bulk cancels in virtual time, by a clock that moves while one looks at it: who may, whom they wait for, when."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Any, cast

import pytest

from daemon.config.model import AccessRule
from daemon.config.settings import Role
from daemon.core.bulk import RecoveredBulk
from daemon.core.bulk_requests import lost_requests
from daemon.core.correlator import Correlator
from daemon.core.effects import Alarm
from daemon.core.ids import Ids
from daemon.core.records import (
    BulkIntent,
    BulkMeant,
    BulkOpened,
    BulkReport,
    Caller,
    CaseId,
    Previous,
    Report,
    RequestKey,
    RequestOpened,
)
from daemon.core.scope import NamedOrder, Scope
from daemon.core.world import World
from daemon.edge.access import Access
from daemon.edge.bulkdesk import BulkDesk
from daemon.edge.bulks import REQUESTS_PER_TURN, Bulks
from daemon.edge.clock import Clock
from daemon.edge.desk import ConnectionId, Peer, Preview
from daemon.edge.driver import Driver
from daemon.edge.inbox import TURNS_BACK_MAX
from daemon.simulate.disk import Disk, Habits, VirtualJournal
from daemon.simulate.kernel import Kernel
from daemon.simulate.kernel import Scope as Life
from daemon.simulate.life import SILENT
from daemon.simulate.ways import VirtualTime
from protocols.control.params import CancelAllParams, CancelBatchParams, CancelParams
from protocols.control.results import BulksSeen
from protocols.errors import BadRequest
from protocols.evidence import DropCopyChanged, DropCopyState, QuestionAnswered, Step
from protocols.fix import AccountName, OrderId, RequestId
from tests.core.words import INSTRUMENT, TRAITS, report
from tests.edge.test_driver import Nobody, NoVenue

if TYPE_CHECKING:
    from collections.abc import Sequence

    from daemon.core.case import Ticket
    from daemon.core.correlator import SubmittedMany
    from daemon.core.records import CancelRequest, Record
    from daemon.edge.account import Account
    from daemon.edge.desk import Sink
    from protocols.asks import Question
    from protocols.evidence import OrderReported

    Wishes = Sequence[tuple[CancelRequest, Sink]]
    Held = Ticket | BadRequest | None

START_US = 1_763_600_000_000_000
ACCOUNT = AccountName("a")
SECOND_US = 1_000_000
CALLER = Caller(1000, 1000, 1)


class Venue(NoVenue):
    """It lists what rests, mostly nothing, a millisecond after it was asked, and knows no order by its name."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    @property
    def is_behind(self) -> bool:  # type: ignore[override]  # it is no constant here
        """Read what one turn allows, and say whether something is left."""
        self._bench.turns_to_read = max(0, self._bench.turns_to_read - 1)
        return self._bench.turns_to_read > 0

    def ask(self, question: Question) -> None:
        self._bench.asked += 1
        rows = self._bench.rests if question.step is Step.OPEN_ORDERS else ()
        answer = QuestionAnswered(question.query_id, question.step, rows)
        self._bench.kernel.after(1_000, lambda: self._bench.driver.observe([answer]), self._bench.life)


class Ear:
    """A sink that remembers."""

    connection = ConnectionId(7)
    wants_progress = False

    def __init__(self) -> None:
        self.told: list[BulkReport] = []
        self.corrected: list[BulkReport] = []
        self.refused: list[BadRequest] = []

    def progress(self, request_id: object, state: object) -> None:
        raise AssertionError(request_id)

    def outcome(self, report: Report) -> None:
        raise AssertionError(report)

    def correction(self, report: Report, previous: Previous) -> None:
        raise AssertionError(report)

    def result(self, report: BulkReport, *, is_durable: bool) -> None:
        assert is_durable
        self.told.append(report)

    def bulk_correction(self, report: BulkReport, previous: BulkReport, *, is_durable: bool) -> None:
        assert is_durable
        assert report.revision == previous.revision + 1
        self.corrected.append(report)

    def preview(self, found: Preview) -> None:
        raise AssertionError(found)

    def refuse(self, why: BadRequest) -> None:
        self.refused.append(why)


class Bench:
    """An account at a venue, without orders unless ``rests`` has some. Each look at the clock takes ``look_us``."""

    def __init__(self, look_us: int = 0, start_us: int = START_US) -> None:
        self.kernel = Kernel(start_us)
        self.asked = 0
        self.turns_to_read = 0
        self.rests: tuple[OrderReported, ...] = ()
        self._look_us = look_us
        self._looks = 0
        self.clock = clock = Clock(self._now_ns, self._now_ns)
        self.life = Life(self.kernel)
        self.disk = Disk(self.kernel, Habits((500, 500)), Random(1))
        self.journal = VirtualJournal(self.disk, self.life)
        correlator = Correlator(World(ACCOUNT, TRAITS, TRAITS.timings), Ids(1))
        self.time = time = VirtualTime(self.life, Random(2))
        self.driver = Driver(correlator, self.journal, Nobody(), clock, time, is_strict=False, logger=SILENT)
        self.driver.connect(Venue(self))
        self.gateway = object()
        self.is_known = True
        self.on_known: Callable[[], None] = lambda: None
        self.name = ACCOUNT
        self.accounts = {ACCOUNT: cast("Account", self)}
        self.bulks = Bulks(self.accounts, self.journal, clock, Ids(2), time)

    def _now_ns(self) -> int:
        self._looks += 1
        return self.kernel.now_us * 1000 + self._looks * self._look_us * 1000

    def hear_pushes(self) -> None:
        self.driver.observe([DropCopyChanged(DropCopyState.LIVE)])

    def pass_us(self, us: int) -> None:
        self.kernel.run(self.kernel.now_us + us)


def everything() -> Scope:
    return Scope(ACCOUNT)


def test_no_appointment_falls_between_two_looks_at_the_clock() -> None:
    """The last listing is due a replica lag after the pushes came up; another one is answered just before that."""
    lag_us = TRAITS.timings.replica_lag_ms * 1000
    for before_us in range(0, 20_000, 100):
        bench = Bench(look_us=100)
        bench.hear_pushes()
        ear = Ear()
        bench.bulks.start(everything(), CALLER, None, "cancel_all", sink=ear)
        bench.pass_us(lag_us - before_us)
        bench.driver.list_orders()
        bench.pass_us(30 * SECOND_US)
        assert [told.complete for told in ear.told] == [True], before_us


def test_a_policy_that_fires_again_under_its_name_starts_nothing_new() -> None:
    bench = Bench()
    bench.hear_pushes()
    name = RequestId("binding-7")
    for _ in range(3):
        assert bench.bulks.start(everything(), CALLER, name, "binding 7") == name
    bench.pass_us(60 * SECOND_US)
    assert bench.bulks.start(everything(), CALLER, name, "binding 7") == name
    asked = bench.asked
    bench.pass_us(60 * SECOND_US)
    assert bench.asked == asked


def heard_of_three_turns() -> Bench:
    """Orders rest of which a bulk cancel takes up a part in each of three turns, and pushes are heard."""
    bench = Bench()
    bench.rests = tuple(report("new", order=f"o{number}") for number in range(3 * REQUESTS_PER_TURN))
    bench.hear_pushes()
    bench.driver.list_orders()
    bench.pass_us(SECOND_US)
    return bench


def test_as_long_as_something_is_not_read_yet_a_bulk_cancel_takes_up_no_more_orders() -> None:
    bench = heard_of_three_turns()
    bench.turns_to_read = TURNS_BACK_MAX // 2
    bench.bulks.start(everything(), CALLER, None, "cancel_all")
    assert bench.driver.correlator.cases.open_count() == REQUESTS_PER_TURN
    assert bench.turns_to_read == TURNS_BACK_MAX // 2
    bench.pass_us(0)
    assert bench.turns_to_read == 0
    assert bench.driver.correlator.cases.open_count() == 3 * REQUESTS_PER_TURN


def test_the_orders_of_a_bulk_cancel_are_written_down_before_the_requests_that_take_several_turns() -> None:
    bench = heard_of_three_turns()
    bench.bulks.start(everything(), CALLER, None, "cancel_all")
    bench.pass_us(SECOND_US)
    written = [record for record in bench.disk.records if isinstance(record, BulkOpened | BulkMeant | RequestOpened)]
    assert [type(record) for record in written[:3]] == [BulkOpened, BulkMeant, RequestOpened]
    (meant,) = [record for record in written if isinstance(record, BulkMeant)]
    asked_for = [record.request.order_id for record in written if isinstance(record, RequestOpened)]
    assert [order.order_id for order in meant.orders] == asked_for
    assert len(asked_for) == 3 * REQUESTS_PER_TURN


def test_words_about_many_orders_wait_for_what_was_found_and_for_no_receipts(monkeypatch: pytest.MonkeyPatch) -> None:
    bench, ear, told = heard_of_three_turns(), Ear(), list[Report]()
    monkeypatch.setattr(ear, "outcome", told.append)
    bench.bulks.start(everything(), CALLER, None, "cancel_all", sink=ear)
    bench.driver.observe([report("canceled", order=f"o{number}") for number in range(3 * REQUESTS_PER_TURN)])
    kinds: set[type[object]] = set()
    while not told:
        kinds = {type(record) for record in bench.disk.records}
        bench.pass_us(100)
    assert BulkMeant not in kinds
    assert RequestOpened not in {type(record) for record in bench.disk.records}
    bench.pass_us(SECOND_US)
    assert len(told) == 3 * REQUESTS_PER_TURN
    assert {(word.durable, word.times.recorded is not None) for word in told} == {(True, True)}
    assert sum(isinstance(record, RequestOpened) for record in bench.disk.records) == 3 * REQUESTS_PER_TURN


def test_where_what_was_found_cannot_be_written_down_no_word_is_called_durable(monkeypatch: pytest.MonkeyPatch) -> None:
    bench, ear, told = heard_of_three_turns(), Ear(), list[Report]()
    monkeypatch.setattr(ear, "outcome", told.append)
    bench.disk.habits = Habits((500, 500), ((0, bench.kernel.now_us + SECOND_US),))
    bench.bulks.start(everything(), CALLER, None, "cancel_all", sink=ear)
    bench.driver.observe([report("canceled", order=f"o{number}") for number in range(3 * REQUESTS_PER_TURN)])
    bench.pass_us(SECOND_US // 2)
    assert [word.durable for word in told] == [False] * 3 * REQUESTS_PER_TURN


def test_an_order_for_which_there_is_no_room_has_no_request_in_a_later_life() -> None:
    bench = heard_of_three_turns()
    bench.driver.correlator._open_max = REQUESTS_PER_TURN // 2
    bench.bulks.start(everything(), CALLER, None, "cancel_all")
    bench.pass_us(SECOND_US // 2)
    (found,) = bench.disk.unfinished_bulks()
    assert len(found.members) == REQUESTS_PER_TURN // 2
    assert {order.order_id for meant in found.meant for order in meant.orders} == {row.order_id for row in bench.rests}
    assert lost_requests(found, {}) == []


def test_where_the_wish_itself_was_not_written_down_the_words_wait_for_receipts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was found is worth nothing without it: no later life would take that bulk cancel up."""
    bench, ear, told = heard_of_three_turns(), Ear(), dict[RequestKey, int]()
    append = bench.journal.append

    def lose_the_wish(records: Sequence[Record], on_commit: Callable[[bool], None] | None = None) -> None:
        if isinstance(records[0], BulkOpened):
            if on_commit is not None:
                bench.time.soon(lambda: on_commit(False))
        else:
            append(records, on_commit)

    def note(word: Report) -> None:
        key = RequestKey(CALLER.uid, word.account, word.request_id)
        told[key] = word.durable and key not in {
            record.request.key for record in bench.disk.records if isinstance(record, RequestOpened)
        }

    monkeypatch.setattr(bench.journal, "append", lose_the_wish)
    monkeypatch.setattr(ear, "outcome", note)
    bench.bulks.start(everything(), CALLER, None, "cancel_all", sink=ear)
    bench.driver.observe([report("canceled", order=f"o{number}") for number in range(3 * REQUESTS_PER_TURN)])
    bench.pass_us(SECOND_US)
    assert list(told.values()) == [False] * 3 * REQUESTS_PER_TURN


def test_a_bug_beside_a_turn_costs_no_word_that_rests_on_what_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    bench, ear, told = heard_of_three_turns(), Ear(), list[Report]()
    submit_many, sound = bench.driver.correlator.submit_many, bench.driver.alarms.sound

    def with_an_alarm(*requests: Any, **how: Any) -> SubmittedMany:
        submitted = submit_many(*requests, **how)
        submitted.effects.append(Alarm("a bug", "of the alarms"))
        return submitted

    def stumble(name: str, detail: str) -> None:
        if name == "a bug":
            raise ZeroDivisionError
        sound(name, detail)

    monkeypatch.setattr(bench.driver.correlator, "submit_many", with_an_alarm)
    monkeypatch.setattr(bench.driver.alarms, "sound", stumble)
    monkeypatch.setattr(ear, "outcome", told.append)
    bench.bulks.start(everything(), CALLER, None, "cancel_all", sink=ear)
    bench.driver.observe([report("canceled", order=f"o{number}") for number in range(3 * REQUESTS_PER_TURN)])
    bench.pass_us(SECOND_US)
    assert len(told) == 3 * REQUESTS_PER_TURN


def test_of_several_bulk_cancels_one_takes_up_orders_in_each_turn_of_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    instruments = [f"{number}-XYZ" for number in range(3)]
    bench.rests = tuple(
        report("new", order=f"{instrument}-{number}", instrument=instrument)
        for instrument in instruments
        for number in range(3 * REQUESTS_PER_TURN)
    )
    bench.hear_pushes()
    bench.driver.list_orders()
    bench.pass_us(SECOND_US)
    submit_many, turns = bench.driver.submit_many, list[tuple[int, str]]()

    def note(wishes: Wishes, **how: Any) -> list[Held]:
        turns.append((turn, wishes[0][0].instrument))
        return submit_many(wishes, **how)

    monkeypatch.setattr(bench.driver, "submit_many", note)
    turn, waiting = 0, list[Callable[[], object]]()
    monkeypatch.setattr(bench.time, "soon", waiting.append)
    for instrument in instruments:
        bench.bulks.start(Scope(ACCOUNT, instrument=instrument), CALLER, None, "cancel_all")
    while waiting:
        turn += 1
        calls = waiting[:]
        waiting.clear()
        for call in calls:
            call()
    begun = [(0, instrument) for instrument in instruments]
    assert turns[:3] == begun
    assert [number for number, _ in turns[3:]] == list(range(1, 7))
    assert [instrument for _, instrument in turns[3:]] == 2 * instruments


def test_a_client_that_left_is_told_nothing() -> None:
    bench = Bench()
    ear = Ear()
    bench.bulks.start(everything(), CALLER, None, "cancel_all", sink=ear)
    bench.bulks.drop(ear.connection)
    bench.pass_us(60 * SECOND_US)
    assert ear.told == []


def intent(received_us: int = START_US) -> BulkIntent:
    return BulkIntent(CaseId("b1"), RequestId("flat"), CALLER, "cancel_all", (everything(),), received_us)


def test_what_an_earlier_life_wanted_waits_until_it_is_known_whose_key_it_is() -> None:
    bench = Bench()
    bench.is_known = False
    bench.bulks.restore([RecoveredBulk(intent())], (), 0)
    bench.pass_us(10 * SECOND_US)
    assert bench.asked == 0
    bench.is_known = True
    bench.on_known()
    ear = Ear()
    bench.bulks.start(everything(), CALLER, RequestId("flat"), "cancel_all", sink=ear)
    bench.pass_us(60 * SECOND_US)
    assert [told.complete for told in ear.told] == [True]


def test_an_account_that_is_not_known_in_time_leaves_it_incomplete() -> None:
    bench = Bench()
    bench.is_known = False
    bench.bulks.restore([RecoveredBulk(intent())], (), 0)
    ear = Ear()
    bench.bulks.start(everything(), CALLER, RequestId("flat"), "cancel_all", sink=ear)
    bench.pass_us(400 * SECOND_US)
    assert [(told.complete, told.reasons) for told in ear.told] == [
        (False, {ACCOUNT: "the account could not be asked in time"})
    ]
    assert bench.asked == 0


def test_the_name_of_one_that_is_over_is_held_for_the_retention_and_no_longer() -> None:
    bench = Bench()
    key = RequestKey(CALLER.uid, ACCOUNT, RequestId("flat"))
    bench.bulks.restore([], [(key, START_US)], 100 * SECOND_US)
    assert bench.bulks.holds(key)
    with pytest.raises(BadRequest, match="already names a bulk cancel"):
        bench.bulks.require_free(key, bench.kernel.now_us)
    bench.pass_us(101 * SECOND_US)
    assert not bench.bulks.holds(key)
    bench.bulks.require_free(key, bench.kernel.now_us)


# ---------------------------------------------------------------- what is counted


def test_each_bulk_cancel_is_counted_while_it_runs_and_by_how_it_ended() -> None:
    bench = Bench()
    bench.hear_pushes()
    tally = bench.driver.tally
    bench.bulks.start(everything(), CALLER, RequestId("one"), "cancel_all")
    bench.bulks.start(everything(), CALLER, RequestId("one"), "cancel_all")  # attaches
    assert tally.bulks_seen == BulksSeen(running=1, complete=0, incomplete=0)
    bench.pass_us(60 * SECOND_US)
    assert tally.bulks_seen == BulksSeen(running=0, complete=1, incomplete=0)
    too_old = START_US - 400 * SECOND_US
    bench.bulks.restore([RecoveredBulk(of_orders(too_old, {ACCOUNT: 1}))], (), 0)
    assert tally.bulks_seen == BulksSeen(running=1, complete=1, incomplete=0)
    bench.pass_us(SECOND_US)
    assert tally.bulks_seen == BulksSeen(running=0, complete=1, incomplete=1)


def of_orders(received_us: int, counts: dict[AccountName, int]) -> BulkIntent:
    """A batch of so many orders of each account."""
    scopes = tuple(
        Scope(account, orders=tuple(NamedOrder("", INSTRUMENT, OrderId(str(n)), None) for n in range(count)))
        for account, count in counts.items()
    )
    return BulkIntent(CaseId("b2"), RequestId("batch"), CALLER, "cancel_batch", scopes, received_us)


def test_an_account_whose_survivors_the_report_has_no_room_to_name_alarms_too() -> None:
    bench, other = Bench(), Bench()
    other.name = AccountName("b")
    accounts = {each.name: cast("Account", each) for each in (bench, other)}
    bulks = Bulks(accounts, bench.journal, bench.clock, Ids(3), bench.time)
    too_old = START_US - 400 * SECOND_US
    bulks.restore([RecoveredBulk(of_orders(too_old, {ACCOUNT: 150, other.name: 2}))], (), 0)
    bench.pass_us(SECOND_US)
    alarms = [(alarm.name, alarm.detail) for each in (bench, other) for alarm in each.driver.alarms.standing()]
    assert alarms == [
        ("bulk_incomplete", "batch: 150 orders may rest"),
        ("bulk_incomplete", "batch: 2 orders may rest"),
    ]
    assert other.driver.tally.bulks_seen == BulksSeen(running=0, complete=0, incomplete=1)


# ---------------------------------------------------------------- who may


def desk_for(bench: Bench, role: Role) -> BulkDesk:
    """A desk at which a stranger to this host has a role."""

    def find(name: AccountName, _: str) -> Account:
        return bench.accounts[name]

    rules = (AccessRule(is_group=True, name="4242", role=role, accounts=frozenset({ACCOUNT})),)
    return BulkDesk(
        bench.accounts, bench.bulks, Access(rules), find=find, require_ready=lambda _: None, is_taken=lambda _: False
    )


def test_only_who_may_cancel_at_every_account_cancels_in_bulk_even_in_a_dry_run() -> None:
    bench = Bench()
    peer = Peer(ConnectionId(7), Caller(4242, 4242, 1), frozenset({4242}))
    item = CancelParams(account=ACCOUNT, instrument=INSTRUMENT, client_order_id="c")  # type: ignore[arg-type]  # a plain text
    asked = desk_for(bench, Role.OBSERVE)
    for params in (
        CancelAllParams(account=ACCOUNT),
        CancelAllParams(account=ACCOUNT, dry_run=True),
        CancelAllParams(all_accounts=True),
    ):
        with pytest.raises(BadRequest) as refused:
            asked.cancel_all(params, peer, START_US, Ear())
        assert refused.value.reason == "not_allowed"
    with pytest.raises(BadRequest) as refused:
        asked.cancel_batch(CancelBatchParams(items=[item]), peer, START_US, Ear())
    assert (refused.value.reason, refused.value.path) == ("not_allowed", "items[0].account")
    assert bench.asked == 0


def test_a_bug_about_some_requests_of_a_bulk_cancel_costs_neither_the_others_nor_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench, ear = Bench(), Ear()
    monkeypatch.setattr(ear, "outcome", lambda _: None)
    bench.rests = tuple(report("new", order=f"o{number}") for number in range(3 * REQUESTS_PER_TURN))
    submit_many, turns = bench.driver.submit_many, list[int]()

    def stumble(wishes: Wishes, **how: Any) -> list[Held]:
        turns.append(len(wishes))
        if len(turns) == 2:
            raise ZeroDivisionError
        return submit_many(wishes, **how)

    monkeypatch.setattr(bench.driver, "submit_many", stumble)
    bench.bulks.start(everything(), CALLER, RequestId("R"), "cancel_all", sink=ear)
    bench.pass_us(4 * int(TRAITS.timings.horizon_s) * SECOND_US)
    assert turns[:3] == [REQUESTS_PER_TURN] * 3
    assert [told.complete for told in ear.told] == [False]
    assert "internal_error" in [alarm.name for alarm in bench.driver.alarms.standing()]
