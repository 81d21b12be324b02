"""The laws of the verdict: a function of the set of evidence alone, which invents nothing and forgets nothing."""

from __future__ import annotations

from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING
from unittest.mock import patch

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.core import order_view
from daemon.core.order_view import (
    EVIDENCE_MAX,
    NOTHING_KNOWN,
    OrderView,
    Verdict,
    digest_of,
    verdict_beside,
    verdict_of,
)
from protocols.evidence import Frame, OrderReported, Source
from protocols.fix import TERMINAL, ClientOrderId, EndedBy, OrderId, OrdStatus, Side
from tests.core.words import INSTRUMENT, report

if TYPE_CHECKING:
    from random import Random

OTHER = "OTHER"
NUMBERS = st.none() | st.sampled_from([Decimal(n) for n in ("0", "3", "7", "10", "12")])

pieces = st.builds(
    OrderReported,
    source=st.sampled_from(Source),
    channel=st.just("orders"),
    product=st.just(""),
    instrument=st.sampled_from([INSTRUMENT, INSTRUMENT, INSTRUMENT, "", OTHER]),
    order_id=st.just(OrderId("o1")),
    client_order_id=st.none(),
    status=st.sampled_from(OrdStatus),
    word=st.just("word"),
    side=st.sampled_from([None, Side.BUY, Side.BUY, Side.BUY, Side.SELL]),
    order_qty=st.sampled_from([None, Decimal(10), Decimal(11)]),
    cum_qty=NUMBERS,
    cum_qty_final=st.booleans(),
    avg_px=st.none() | st.sampled_from([Decimal(1), Decimal(2)]),
    updated_ms=st.none() | st.integers(1, 3),
    ended_by=st.sampled_from(EndedBy),
    cancel_reason=st.sampled_from([None, "a", "b"]),
    successor_order_id=st.sampled_from([None, OrderId("o2"), OrderId("o3")]),
    frame=st.integers(0, 9).map(lambda n: Frame(f"frame-{n}", b"")),
    is_state=st.sampled_from([True, True, True, False]),
)
sets_of_evidence = st.lists(pieces, max_size=8)
ordinary = st.builds(
    msgspec.structs.replace,
    pieces,
    instrument=st.just(INSTRUMENT),
    client_order_id=st.sampled_from([None, ClientOrderId("a"), ClientOrderId("a"), ClientOrderId("b")]),
    side=st.sampled_from([Side.BUY] * 8 + [None, Side.SELL]),
    order_qty=st.sampled_from([Decimal(10)] * 8 + [None, Decimal(2)]),
    cum_qty=st.sampled_from([Decimal(0), Decimal(3), Decimal(3), Decimal(7), None]),
    is_state=st.sampled_from([True] * 8 + [False]),
)
"""Pieces of which two often agree."""
SAID = set(OrderReported.__struct_fields__) - {"frame", "source", "channel", "product", "order_id", "word"}
lives = st.builds(msgspec.structs.replace, ordinary, status=st.sampled_from(sorted(set(OrdStatus) - TERMINAL)))
ends = st.builds(msgspec.structs.replace, ordinary, status=st.sampled_from(sorted(TERMINAL)))


def credible(evidence: list[OrderReported]) -> list[OrderReported]:
    """Say what can be true: of the one instrument, no more filled than ordered, of the side that the answers say."""
    possible = [
        piece
        for piece in evidence
        if piece.instrument in {"", INSTRUMENT}
        and not (piece.cum_qty is not None and piece.order_qty is not None and piece.cum_qty > piece.order_qty)
    ]
    sides = {piece.side for piece in possible} - {None}
    if len(sides) < 2:
        return possible
    answered = {piece.side for piece in possible if piece.source is Source.QUERY} - {None}
    return [piece for piece in possible if piece.side in answered | {None}] if len(answered) == 1 else []


def judged(evidence: list[OrderReported]) -> Verdict:
    return verdict_of(evidence, INSTRUMENT)


def seen(evidence: list[OrderReported]) -> OrderView:
    view = OrderView(INSTRUMENT)
    for piece in evidence:
        view.add(piece, 0)
    return view


@given(sets_of_evidence, st.randoms(use_true_random=False))
def test_the_verdict_does_not_depend_on_order_or_duplication(evidence: list[OrderReported], chance: Random) -> None:
    shuffled = evidence + evidence[:3]
    chance.shuffle(shuffled)
    assert judged(shuffled) == judged(evidence)
    assert seen(shuffled).verdict == judged(evidence)


@settings(max_examples=500)
@given(st.tuples(lives, ends) | st.tuples(lives, lives) | st.tuples(ends, ends) | st.tuples(ordinary))
def test_where_the_last_piece_says_it_all_the_whole_set_says_the_same(evidence: tuple[OrderReported, ...]) -> None:
    with patch.object(order_view, "_last_says_it_all", return_value=False):
        of_all = judged(list(evidence))
    assert judged(list(evidence)) == of_all


@settings(max_examples=2000)
@given(
    st.lists(ends | ordinary, min_size=1, max_size=3),
    ends | ordinary,
    st.sets(st.sampled_from(sorted(SAID)), max_size=3),
)
def test_a_piece_that_says_nothing_new_leaves_the_verdict_of_all(
    evidence: list[OrderReported], other: OrderReported, changed: set[str]
) -> None:
    """As a row of a history that is shown again in another frame, and says something else here and there."""
    news = {name: getattr(other, name) for name in {"frame", "source", *changed}}
    piece = msgspec.structs.replace(evidence[-1], **news)
    assert verdict_beside(judged(evidence), piece, INSTRUMENT) in {None, judged([*evidence, piece])}


@pytest.mark.parametrize("note", ["a", "b", "c"])
@pytest.mark.parametrize("row", [report("canceled", cum="3"), report("new", cum="0")], ids=["its end", "that it lived"])
def test_what_is_known_of_an_ended_order_is_told_at_a_glance(row: OrderReported, note: str) -> None:
    end = msgspec.structs.replace(report("canceled", cum="3"), client_order_id=ClientOrderId("c"))
    again = msgspec.structs.replace(row, client_order_id=ClientOrderId("c"), frame=Frame(note, b""))
    assert verdict_beside(judged([end]), again, INSTRUMENT) == judged([end, again])


@given(sets_of_evidence, st.integers(0, 9))
def test_striking_a_frame_equals_never_having_had_it(evidence: list[OrderReported], number: int) -> None:
    digest = f"frame-{number}"
    view = seen(evidence)
    had_any = any(digest_of(piece) == digest for piece in evidence)
    assert view.strike(digest) is had_any
    assert view.verdict == judged([piece for piece in evidence if digest_of(piece) != digest])


@given(sets_of_evidence.filter(bool))
def test_what_was_struck_stays_out(evidence: list[OrderReported]) -> None:
    view = seen(evidence)
    view.strike(digest_of(evidence[0]))
    before = view.verdict
    assert view.add(evidence[0], 1) is False
    assert view.verdict == before


@given(sets_of_evidence)
def test_nothing_terminal_is_said_without_a_credible_terminal_report(evidence: list[OrderReported]) -> None:
    ends = {piece.status for piece in credible(evidence) if piece.is_state and piece.status in TERMINAL}
    verdict = judged(evidence)
    assert verdict.is_terminal is bool(ends)
    if ends:
        assert verdict.ord_status in ends
        assert (verdict.ord_status is OrdStatus.FILLED) is (OrdStatus.FILLED in ends)


@given(sets_of_evidence)
def test_cum_qty_is_the_largest_credible_one_and_never_invented(evidence: list[OrderReported]) -> None:
    said = [piece.cum_qty for piece in credible(evidence) if piece.cum_qty is not None]
    verdict = judged(evidence)
    assert verdict.cum_qty == max(said, default=None)
    if verdict.cum_qty_final:
        assert verdict.is_terminal
        assert verdict.cum_qty is not None
        assert any(piece.cum_qty_final for piece in evidence if piece.cum_qty == verdict.cum_qty)


@given(sets_of_evidence)
def test_what_cannot_be_true_is_set_aside_and_said_to_be(evidence: list[OrderReported]) -> None:
    believed = credible(evidence)
    verdict = judged(evidence)
    assert msgspec.structs.replace(verdict, is_contradictory=False) == msgspec.structs.replace(
        judged(believed), is_contradictory=False
    )
    if len(believed) < len(evidence):
        assert verdict.is_contradictory


@given(sets_of_evidence)
def test_fills_without_a_state_prove_neither_life_nor_end(evidence: list[OrderReported]) -> None:
    fills = [msgspec.structs.replace(piece, is_state=False) for piece in evidence]
    assert judged(fills).ord_status is None


@settings(max_examples=30)
@given(st.lists(pieces, min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_making_room_leaves_the_verdict_as_it_is(kinds: list[OrderReported], chance: Random) -> None:
    """More pieces than are kept, of any kinds, in any order: the verdict is that of all of them."""
    numbered = islice(((n, kind) for n in range(EVIDENCE_MAX) for kind in kinds), EVIDENCE_MAX + 80)
    evidence = [msgspec.structs.replace(kind, frame=Frame(f"f{n}-{kind.frame}", b"")) for n, kind in numbered]
    chance.shuffle(evidence)
    view = OrderView(INSTRUMENT)
    for index, piece in enumerate(evidence):
        view.add(piece, 0)
        if index % 16 == 0 or index > EVIDENCE_MAX:
            assert without_name(view.verdict) == without_name(judged(evidence[: index + 1]))
    assert len(view.pieces) <= EVIDENCE_MAX + len(kinds)


def without_name(verdict: Verdict) -> Verdict:
    """Which of many equal pieces is named as the one that decided does not matter once some are forgotten."""
    return msgspec.structs.replace(verdict, decided_by=None)


def test_a_long_rest_of_one_order_makes_room_without_losing_its_end() -> None:
    view = OrderView(INSTRUMENT)
    end = report("canceled", cum="0")
    view.add(end, 0)
    for number in range(2 * EVIDENCE_MAX):
        view.add(report("new", cum="0", note=str(number)), number)
    assert end in view.pieces
    assert view.verdict.ord_status is OrdStatus.CANCELED
    assert len(view.pieces) <= EVIDENCE_MAX


def test_terminal_frames_without_end_are_bounded_and_a_late_fill_is_still_heard() -> None:
    view = OrderView(INSTRUMENT)
    for number in range(2 * EVIDENCE_MAX):
        view.add(report("canceled", cum="3", note=str(number)), number)
    assert len(view.pieces) <= EVIDENCE_MAX
    assert view.add(report("canceled", cum="4"), 0)
    assert view.verdict.cum_qty == Decimal(4)


@given(st.randoms(use_true_random=False))
def test_an_end_that_is_shown_again_and_again_in_other_frames_is_kept_few_times(chance: Random) -> None:
    """As in pages of a history, which shift: each would be a row of the journal with its whole page."""
    pages = [report("canceled", cum="3", source=Source.QUERY, note=str(number)) for number in range(200)]
    chance.shuffle(pages)
    view = seen(pages)
    assert len(view.pieces) < 25
    assert view.verdict == judged(pages)


def test_when_an_end_was_shown_again_is_known_though_it_is_not_kept() -> None:
    view = OrderView(INSTRUMENT)
    first, again = sorted((report("canceled", note=note) for note in "ab"), key=digest_of, reverse=True)
    assert view.add(first, 7)
    assert view.last_end_us == 0
    assert not view.add(again, 9)
    assert (view.last_end_us, view.seen_us(first)) == (9, 7)


def test_evidence_without_a_frame_is_struck_piece_by_piece() -> None:
    view = OrderView(INSTRUMENT)
    wrong = msgspec.structs.replace(report("canceled"), frame=None)
    right = msgspec.structs.replace(report("new"), frame=None)
    view.add(wrong, 0)
    view.add(right, 0)
    assert view.strike(digest_of(wrong))
    assert view.pieces == (right,)


def test_no_evidence_gives_no_verdict() -> None:
    assert judged([]) == NOTHING_KNOWN
    assert NOTHING_KNOWN.cum_qty is None
    assert NOTHING_KNOWN.leaves_qty is None


@pytest.mark.parametrize(
    ("status", "cum", "qty", "leaves"),
    [
        ("new", "0", "10", "10"),
        ("partially_filled", "3", "10", "7"),
        ("canceled", "3", "10", "0"),
        ("new", None, "1", None),
    ],
)
def test_leaves_qty_is_what_can_still_trade(status: str, cum: str | None, qty: str, leaves: str | None) -> None:
    verdict = judged([report(status, cum=cum, qty=qty)])
    assert verdict.leaves_qty == (Decimal(leaves) if leaves is not None else None)


def test_the_venues_word_decides_and_not_arithmetic() -> None:
    assert judged([report("partially_filled", cum="10", qty="10")]).ord_status is OrdStatus.PARTIALLY_FILLED
    short = judged([report("filled", cum="9", qty="10", final=False)])
    assert short.ord_status is OrdStatus.FILLED
    assert short.cum_qty_final is False
