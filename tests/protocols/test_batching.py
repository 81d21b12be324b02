"""Whose an item of a batch's answer is: by the order's id, by the client's, by position; and never anybody else's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from protocols.asks import WireCancel
from protocols.batching import BatchAnswered, spread
from protocols.evidence import CancelAnswered, Proof
from protocols.fix import ClientOrderId, OrderId, Road, SendId
from protocols.flights import BATCHES_KEPT, Flights

if TYPE_CHECKING:
    from collections.abc import Sequence


def wire(number: int, *, by_alias: bool = False) -> WireCancel:
    order, alias = OrderId(f"o{number}"), ClientOrderId(f"c{number}")
    return WireCancel(SendId(f"s{number}"), Road.WS, "", "A", None if by_alias else order, alias if by_alias else None)


def item(order: str | None = None, alias: str | None = None, proof: Proof = Proof.ACCEPTED) -> CancelAnswered:
    order_id = OrderId(order) if order else None
    client_order_id = ClientOrderId(alias) if alias else None
    return CancelAnswered(SendId("b"), Road.WS, proof, proof.value, "", order_id, client_order_id)


def answered(
    items: Sequence[CancelAnswered], whole: Proof = Proof.UNKNOWN, *, is_in_order: bool = True
) -> BatchAnswered:
    return BatchAnswered(SendId("s0"), item(proof=whole), tuple(items), is_in_order)


def proofs(wires: Sequence[WireCancel], answer: BatchAnswered) -> list[Proof]:
    given = spread(wires, answer)
    assert [one.send_id for one in given.answers] == [one.send_id for one in wires]
    return [one.proof for one in given.answers]


THREE = [wire(0), wire(1), wire(2)]


def test_items_are_found_by_the_orders_id_in_whatever_order_they_come() -> None:
    items = [item("o2"), item("o0", proof=Proof.GONE), item("o1", proof=Proof.UNCHANGED_FINAL)]
    assert proofs(THREE, answered(items)) == [Proof.GONE, Proof.UNCHANGED_FINAL, Proof.ACCEPTED]


def test_items_are_found_by_the_clients_id_where_that_was_sent() -> None:
    wires = [wire(0, by_alias=True), wire(1)]
    assert proofs(wires, answered([item("o1"), item("o77", "c0", Proof.GONE)])) == [Proof.GONE, Proof.ACCEPTED]


def test_items_without_any_id_are_found_by_position_if_none_is_missing() -> None:
    items = [item("o0"), item(proof=Proof.GONE), item("o2")]
    assert proofs(THREE, answered(items)) == [Proof.ACCEPTED, Proof.GONE, Proof.ACCEPTED]
    assert proofs(THREE, answered(items[1:])) == [Proof.UNKNOWN, Proof.UNKNOWN, Proof.ACCEPTED]
    assert proofs(THREE, answered(items, is_in_order=False)) == [Proof.ACCEPTED, Proof.UNKNOWN, Proof.ACCEPTED]


def test_a_position_that_another_item_claims_by_name_is_nobodys() -> None:
    given = spread(THREE, answered([item("o1"), item(proof=Proof.GONE), item("o2")]))
    assert [one.proof for one in given.answers] == [Proof.UNKNOWN, Proof.ACCEPTED, Proof.ACCEPTED]
    assert len(given.strangers) == 1


def test_a_missing_item_is_unknown_though_the_whole_was_accepted() -> None:
    assert proofs(THREE, answered([item("o0"), item("o2")], Proof.ACCEPTED)) == [
        Proof.ACCEPTED,
        Proof.UNKNOWN,
        Proof.ACCEPTED,
    ]


def test_an_order_that_is_named_twice_is_unknown_and_both_items_are_set_aside() -> None:
    given = spread(THREE, answered([item("o0"), item("o0", proof=Proof.GONE), item("o1")]))
    assert [one.proof for one in given.answers] == [Proof.UNKNOWN, Proof.ACCEPTED, Proof.UNKNOWN]
    assert len(given.strangers) == 2


def test_an_item_of_a_stranger_is_set_aside_and_takes_nobodys_place() -> None:
    given = spread(THREE, answered([item("o0"), item("x9"), item("o2")]))
    assert [one.proof for one in given.answers] == [Proof.ACCEPTED, Proof.UNKNOWN, Proof.ACCEPTED]
    assert [one.order_id for one in given.strangers] == ["x9"]


def test_an_answer_about_the_whole_is_each_ones_and_an_acceptance_of_nobody_is_none() -> None:
    assert proofs(THREE, answered([], Proof.UNCHANGED_RETRY)) == [Proof.UNCHANGED_RETRY] * 3
    for proof in (Proof.ACCEPTED, Proof.GONE, Proof.IN_PROGRESS, Proof.UNKNOWN):
        assert proofs(THREE, answered([], proof)) == [Proof.UNKNOWN] * 3


@given(
    st.lists(st.booleans(), min_size=2, max_size=6),
    st.lists(
        st.tuples(
            st.sampled_from([None, "o0", "o1", "o2", "x"]),
            st.sampled_from([None, "c0", "c1", "c2", "x"]),
            st.sampled_from(list(Proof)),
        ),
        max_size=8,
    ),
)
def test_no_cancel_is_answered_by_what_names_another_order(
    kinds: list[bool], rows: list[tuple[str | None, str | None, Proof]]
) -> None:
    wires = [wire(number, by_alias=by_alias) for number, by_alias in enumerate(kinds)]
    given = spread(wires, answered([item(*row) for row in rows], Proof.ACCEPTED))
    assert [one.send_id for one in given.answers] == [one.send_id for one in wires]
    for sent, one in zip(wires, given.answers, strict=True):
        if one.proof is Proof.UNKNOWN:
            continue
        assert one.order_id in {None, sent.order_id} or sent.order_id is None
        if sent.order_id is None or one.order_id is None:
            assert one.client_order_id in {None, sent.client_order_id}


# ---------------------------------------------------------------- on one socket


def test_a_late_answer_finds_the_cancels_of_its_batch_though_they_were_given_up() -> None:
    flights = Flights()
    flights.left_together(THREE)
    assert list(flights.give_up()) == ["s0", "s1", "s2"]
    given = flights.spread(answered([item("o0"), item("o1"), item("o2")]))
    assert [one.proof for one in given.answers] == [Proof.ACCEPTED] * 3
    assert [flights.landed(one.send_id) for one in given.answers] == [False] * 3


def test_an_answer_without_items_that_names_a_batch_is_about_each_of_it() -> None:
    flights = Flights()
    flights.left_together(THREE)
    refusal = CancelAnswered(SendId("s0"), Road.WS, Proof.UNCHANGED_RETRY, "60013", "bad")
    assert [(one.send_id, one.proof) for one in flights.whose(refusal)] == [
        (sent.send_id, Proof.UNCHANGED_RETRY) for sent in THREE
    ]
    assert flights.whose(CancelAnswered(SendId("s7"), Road.WS, Proof.GONE, "1", "")) != []


def test_a_list_that_answers_a_cancel_of_its_own_is_its_answer_if_it_is_of_one() -> None:
    flights = Flights()
    flights.left(SendId("s0"))
    assert [one.proof for one in flights.spread(answered([item("o0", proof=Proof.GONE)])).answers] == [Proof.GONE]
    assert [one.proof for one in flights.spread(answered([item("o0"), item("o1")])).answers] == [Proof.UNKNOWN]


def test_the_answer_of_a_batch_that_nobody_sent_is_nobodys() -> None:
    given = Flights().spread(answered([item("o0")]))
    assert (given.answers, len(given.strangers)) == ((), 1)


def test_batches_are_not_remembered_for_ever() -> None:
    flights = Flights()
    flights.left_together(THREE)
    for number in range(BATCHES_KEPT):
        flights.left_together([wire(10 + 2 * number), wire(11 + 2 * number)])
    assert flights.spread(answered([item("o1")])).answers[0].send_id == "s0"  # as of a cancel alone
