"""Whatever is said, in whatever order, even by a venue or a driver that lies: nothing breaks, and the books agree."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.errors import BadRequest
from protocols.evidence import (
    Absence,
    CancelAnswered,
    CancelForwarded,
    CancelLost,
    DropCopyState,
    Proof,
    QuestionAnswered,
    QuestionFailed,
    Remedy,
    RoadChanged,
    Source,
    Step,
)
from protocols.fix import OrderId, OrdStatus, QueryId, Road, SendId, Side
from tests.core.story import Story
from tests.core.words import INSTRUMENT, T0_MS, report

if TYPE_CHECKING:
    from protocols.evidence import OrderReported

ORDERS = ("o1", "o2", "o3")
ALIASES = (None, "y", "z")
Thing = TypeVar("Thing")


class Chaos:
    """Draws what happens next, and lets it happen."""

    def __init__(self, data: st.DataObject) -> None:
        self.data = data
        self.story = Story()

    def one_of(self, *things: Thing) -> Thing:
        return self.data.draw(st.sampled_from(things))

    def happen(self) -> None:
        self.one_of(
            self.ask, self.ask, self.track, self.push, self.push, self.reply, self.reply, self.lose, self.forward,
            self.answer, self.answer, self.fail, self.road, self.stream, self.wait, self.wait, self.restart,
        )()  # fmt: skip

    def piece(self, source: Source) -> OrderReported:
        return report(
            self.one_of(*OrdStatus),
            order=self.one_of(*ORDERS),
            alias=self.one_of(*ALIASES),
            cum=self.one_of(None, "0", "4", "11"),
            final=self.one_of(None, True, False),
            instrument=self.one_of(INSTRUMENT, INSTRUMENT, "OTHER"),
            product=self.one_of("", "", "P"),
            side=self.one_of(Side.BUY, Side.BUY, Side.SELL, None),
            created_ms=self.one_of(None, T0_MS - 60_000, T0_MS + 1_000),
            updated_ms=self.one_of(None, T0_MS - 30_000, T0_MS + 2_000),
            is_state=self.one_of(True, True, False),
            source=source,
        )

    def ask(self) -> None:
        alias = self.one_of(*ALIASES)
        order = self.one_of(None, *ORDERS) if alias is not None else self.one_of(*ORDERS)
        with suppress(BadRequest):  # two wishes under one name
            self.story.submit(
                order,
                alias=alias,
                name=self.one_of(None, None, "a", "b"),
                deadline_ms=self.one_of(None, 1, 700),
                params=self.one_of({}, {"x": "1"}),
                urgent=self.one_of(True, False),
                instrument=self.one_of(INSTRUMENT, INSTRUMENT, "OTHER"),
                product=self.one_of("", "", "P"),
            )

    def track(self) -> None:
        self.story.track(self.one_of("y", "z"), self.one_of(None, *ORDERS))

    def push(self) -> None:
        self.story.see(self.piece(Source.PUSH))

    def send_id(self) -> SendId:
        return self.one_of(SendId("never"), *[sent.wire.send_id for sent in self.story.sent])

    def reply(self) -> None:
        order = self.one_of(None, *ORDERS)
        self.story.see(
            CancelAnswered(
                self.send_id(), self.one_of(*Road), self.one_of(*Proof), "1", "", OrderId(order) if order else None,
                remedy=self.one_of(*Remedy),
            )
        )  # fmt: skip

    def lose(self) -> None:
        self.story.see(CancelLost(self.send_id(), Road.WS, self.one_of(True, False), "lost"))

    def forward(self) -> None:
        self.story.see(CancelForwarded(self.send_id(), Road.WS))

    def query_id(self) -> QueryId:
        return self.one_of(QueryId("never"), *[put.question.query_id for put in self.story.put])

    def answer(self) -> None:
        rows = tuple(self.piece(Source.QUERY) for _ in range(self.one_of(0, 0, 1, 2)))
        absence, complete = self.one_of(None, *Absence), self.one_of(True, False)
        self.story.see(QuestionAnswered(self.query_id(), self.one_of(*Step), rows, absence, complete))

    def fail(self) -> None:
        self.story.see(QuestionFailed(self.query_id(), Step.ORDER, "failed", self.one_of(True, False)))

    def road(self) -> None:
        self.story.see(RoadChanged(self.one_of(*Road), self.one_of(True, False)))

    def stream(self) -> None:
        self.story.drop_copy_is(self.one_of(*DropCopyState))

    def wait(self) -> None:
        self.story.advance(self.one_of(0, 1, 600, 21_000))

    def restart(self) -> None:
        self.story.restart()

    # ------------------------------------------------------------ what holds whatever happened

    def check(self) -> None:
        """Corrections are numbered; every name finds what it names, and nothing that is gone."""
        for tells in self.story.told.values():
            assert [tell.report.revision for tell in tells] == list(range(len(tells)))
            assert [tell.previous is None for tell in tells] == [True] + [False] * (len(tells) - 1)
        cases = self.story.core.cases
        there = {case.case_id: case for case in cases}
        for case in there.values():
            assert case.order_id is None or case in cases.of_order(case.product, case.order_id)
            assert case.client_order_id is None or case in cases.of_alias(case.product, case.client_order_id)
            assert all(cases.of_request(key) is case for key in case.tickets)
        for named in (*cases._by_order.values(), *cases._by_alias.values()):
            assert named
            assert all(there.get(case_id) is case for case_id, case in named.items())
        for index in (cases._by_request, cases._by_send, cases._by_query):
            assert all(there.get(case.case_id) is case for case in index.values())


@settings(max_examples=150)
@given(st.data(), st.integers(5, 40))
def test_chaos_breaks_nothing(data: st.DataObject, length: int) -> None:
    chaos = Chaos(data)
    for _ in range(length):
        chaos.happen()
        chaos.check()
    chaos.story.advance(200_000)
    chaos.check()
    assert all(
        chaos.story.told.get(case_key.request_id) for case in chaos.story.core.cases for case_key in case.tickets
    )
