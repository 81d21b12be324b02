"""All cases of an account, and every name under which one can be found: order, client id, request, send, question."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from daemon.core.case import Case, Ticket, WireSend, is_settled

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from daemon.core.records import CaseId, RequestKey
    from protocols.fix import ClientOrderId, OrderId, QueryId, SendId

Key = TypeVar("Key")

CLOSED_MAX: Final = 20_000
"""Closed cases kept for corrections and for those who ask again; past it the oldest go (the journal has them)."""


class CaseFile:
    """The cases and their indexes. Open cases are never dropped; closed ones after their time, or past `CLOSED_MAX`."""

    def __init__(self, closed_max: int = CLOSED_MAX) -> None:
        self._closed_max = closed_max
        self._cases: dict[CaseId, Case] = {}
        self._by_order: dict[tuple[str, OrderId], dict[CaseId, Case]] = {}
        self._by_alias: dict[tuple[str, ClientOrderId], dict[CaseId, Case]] = {}
        self._by_request: dict[RequestKey, Case] = {}
        self._by_send: dict[SendId, Case] = {}
        self._by_query: dict[QueryId, Case] = {}
        self._closed: dict[CaseId, int] = {}

    def add(self, case: Case) -> None:
        """File a case under all its names."""
        self._cases[case.case_id] = case
        if case.order_id is not None:
            self._by_order.setdefault((case.product, case.order_id), {})[case.case_id] = case
        if case.client_order_id is not None:
            self._by_alias.setdefault((case.product, case.client_order_id), {})[case.case_id] = case
        for key in case.tickets:
            self._by_request[key] = case
        for send in case.sends:
            self._by_send[send.wire.send_id] = case

    def remove(self, case: Case) -> None:
        """Take a case out of every index."""
        self._cases.pop(case.case_id, None)
        self._closed.pop(case.case_id, None)
        if case.order_id is not None:
            _drop_one(self._by_order, (case.product, case.order_id), case)
        if case.client_order_id is not None:
            _drop_one(self._by_alias, (case.product, case.client_order_id), case)
        for key in case.tickets:
            _drop(self._by_request, key, case)
        for send in case.sends:
            _drop(self._by_send, send.wire.send_id, case)
        if case.question is not None:
            _drop(self._by_query, case.question.question.query_id, case)

    def get(self, case_id: CaseId) -> Case | None:
        """Find a case by its own name."""
        return self._cases.get(case_id)

    def of_order(self, product: str, order_id: OrderId) -> list[Case]:
        """Find the cases of an order: one, unless requests named the order under several instruments."""
        cases = self._by_order.get((product, order_id))
        return list(cases.values()) if cases else []

    def of_order_on(self, product: str, order_id: OrderId, instrument: str) -> Case | None:
        """Find the case of an order for requests that name it under an instrument.

        A request with the wrong instrument has a case of its own, since evidence about the right one is none for it.
        """
        return next((case for case in self.of_order(product, order_id) if case.instrument == instrument), None)

    def of_alias(self, product: str, client_order_id: ClientOrderId) -> list[Case]:
        """Find the cases that know a client id, the oldest first."""
        return list(self._by_alias.get((product, client_order_id), {}).values())

    def of_request(self, key: RequestKey) -> Case | None:
        """Find the case that works on a request."""
        return self._by_request.get(key)

    def of_send(self, send_id: SendId) -> Case | None:
        """Find the case of a wire cancel."""
        return self._by_send.get(send_id)

    def take_ticket(self, case: Case, ticket: Ticket, replica_lag_us: int) -> None:
        """Give a case a request to work on. It shares a wire cancel that is unanswered or accepted, if there is one."""
        share(case, ticket, replica_lag_us)
        case.tickets[ticket.request.key] = ticket
        self._by_request[ticket.request.key] = case

    def name_order(self, case: Case, order_id: OrderId) -> None:
        """Give a case its order."""
        case.order_id = order_id
        self._by_order.setdefault((case.product, order_id), {})[case.case_id] = case

    def sent(self, send: WireSend, case: Case) -> None:
        """Note whose wire cancel left."""
        self._by_send[send.wire.send_id] = case

    def asked(self, query_id: QueryId, case: Case) -> None:
        """Note whose question is under way."""
        self._by_query[query_id] = case

    @property
    def questions_under_way(self) -> int:
        """How many questions have no answer yet."""
        return len(self._by_query)

    def take_question(self, query_id: QueryId) -> Case | None:
        """Find whose question was answered, once."""
        return self._by_query.pop(query_id, None)

    def close(self, case: Case, now_us: int) -> None:
        """Note that nothing is left to do for a case; it stays for corrections."""
        if case.case_id in self._cases:
            self._closed.setdefault(case.case_id, now_us)

    def is_closed(self, case: Case) -> bool:
        """Whether nothing is left to do for a case."""
        return case.case_id in self._closed

    def reopen(self, case: Case) -> None:
        """Note that there is something to do again."""
        self._closed.pop(case.case_id, None)

    def evict(self, before_us: int) -> None:
        """Drop closed cases older than ``before_us``, and the oldest past the bound."""
        doomed: list[CaseId] = []
        for index, (case_id, closed_us) in enumerate(self._closed.items()):
            if closed_us >= before_us and len(self._closed) - index <= self._closed_max:
                break
            doomed.append(case_id)
        for case_id in doomed:
            self.remove(self._cases[case_id])

    def open(self) -> Iterable[Case]:
        """Walk over the cases that still have something to do."""
        return [case for case_id, case in self._cases.items() if case_id not in self._closed]

    def open_count(self) -> int:
        """How many those are."""
        return len(self._cases) - len(self._closed)

    def __iter__(self) -> Iterator[Case]:
        return iter(list(self._cases.values()))

    def __len__(self) -> int:
        return len(self._cases)


def has_work_left(case: Case) -> bool:
    """Whether some request of a case has no outcome yet, or one that we call doubtful."""
    return False in [is_settled(ticket) for ticket in case.tickets.values()]


def share(case: Case, ticket: Ticket, replica_lag_us: int) -> None:
    """Let a request that caused no send rest on one that is unanswered or accepted, with parameters like its own.

    Not on one that the venue called in progress a replica lag before it was asked and showed the order live: no request
    repeats such a cancel, so one that is made since would never send any.
    """
    if not case.sends or ticket.first_send is not None or case.verdict.is_terminal:
        return
    params = ticket.request.venue_params
    shared = [
        send
        for send in case.sends
        if send.can_be_shared and send.wire.venue_params == params and not case.has_outlived(send, replica_lag_us)
    ]
    if shared:
        ticket.first_send = shared[0].wire.send_id


def _drop(index: dict[Key, Case], key: Key, case: Case) -> None:
    if index.get(key) is case:
        del index[key]


def _drop_one(index: dict[Key, dict[CaseId, Case]], key: Key, case: Case) -> None:
    cases = index.get(key, {})
    cases.pop(case.case_id, None)
    if not cases:
        index.pop(key, None)
