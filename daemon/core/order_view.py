"""What is known about one order: the set of all evidence about it, and the verdict that follows from the set.

Theory of operation. Frames arrive late, twice, out of order, and from two places that disagree for a while. So nothing
here is a state machine fed by events: evidence is put into a set, and `verdict_of` is a function of that set alone.
Arrival order, duplicates and replay cannot change it, and striking a piece is the same as never having had it.

Within the set, terminal beats live, ``filled`` beats every other terminal word, and ``cum_qty`` is the largest credible
one. The venue's status word decides, never arithmetic. Evidence that cannot be true (more filled than ordered, another
instrument, another side than the venue itself answers) is set aside, and the verdict says that it was, so that somebody
asks. No evidence, no verdict: nothing here has a default.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

import msgspec

from protocols.evidence import Frame, OrderReported, Source
from protocols.fix import TERMINAL, ClientOrderId, EndedBy, OrderId, OrdStatus, Side

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

EVIDENCE_MAX: Final = 256
"""Pieces kept per order. Past it, live evidence on which no verdict rests makes room; terminal evidence never does."""

_RANK: Final = {
    OrdStatus.NEW: 0,
    OrdStatus.PARTIALLY_FILLED: 1,
    OrdStatus.PENDING_CANCEL: 2,
    OrdStatus.REJECTED: 3,
    OrdStatus.EXPIRED: 4,
    OrdStatus.REPLACED: 5,
    OrdStatus.CANCELED: 6,
    OrdStatus.FILLED: 7,
}
_ZERO: Final = Decimal(0)
_LEAST: Final = Decimal(-1)
"""Below every quantity and price that a venue names."""


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """What a set of evidence says about an order.

    ``ord_status`` None: nothing is known. ``client_order_id`` is the client id that the piece which decided names, or
    else another one. ``decided_by`` is the piece that decided; ``is_contradictory`` says that the venue has said two
    things of which one is wrong, or something impossible: it has to be asked.
    """

    ord_status: OrdStatus | None = None
    order_qty: Decimal | None = None
    cum_qty: Decimal | None = None
    cum_qty_final: bool = False
    avg_px: Decimal | None = None
    side: Side | None = None
    client_order_id: ClientOrderId | None = None
    ended_by: EndedBy = EndedBy.UNKNOWN
    cancel_reason: str | None = None
    successor_order_id: OrderId | None = None
    decided_by: OrderReported | None = None
    is_contradictory: bool = False

    @property
    def is_terminal(self) -> bool:
        """Whether the order has ended."""
        return self.ord_status in TERMINAL

    @property
    def leaves_qty(self) -> Decimal | None:
        """What can still trade: zero once ended, else ordered less filled where both are known."""
        if self.is_terminal:
            return _ZERO
        if self.order_qty is None or self.cum_qty is None:
            return None
        return self.order_qty - self.cum_qty


NOTHING_KNOWN: Final = Verdict()


def verdict_of(evidence: Iterable[OrderReported], instrument: str = "") -> Verdict:
    """Judge a set of evidence about one order. ``instrument`` is the one it must be about ("": any)."""
    everything = list(evidence)
    if _last_says_it_all(everything, instrument):
        return _verdict_of_one(everything[-1])
    possible = [piece for piece in everything if is_possible(piece, instrument)]
    alias = _client_order_id(possible)
    credible, sides_clash = _of_one_side(possible)
    if not credible:
        return Verdict(client_order_id=alias, is_contradictory=bool(everything))
    states = [piece for piece in credible if piece.is_state]
    decided_by = heaviest(states) if states else None
    status = decided_by.status if decided_by is not None else None
    cum_qty = max((piece.cum_qty for piece in credible if piece.cum_qty is not None), default=None)
    enders = [piece for piece in states if piece.status is status and piece.status in TERMINAL]
    return Verdict(
        ord_status=status,
        order_qty=_order_qty(decided_by, credible),
        cum_qty=cum_qty,
        cum_qty_final=cum_qty is not None and any(piece.cum_qty_final and piece.cum_qty == cum_qty for piece in enders),
        avg_px=_avg_px_at(credible, cum_qty),
        side=next((piece.side for piece in credible if piece.side is not None), None),
        client_order_id=decided_by.client_order_id or alias if decided_by is not None else alias,
        ended_by=_ended_by(enders),
        cancel_reason=max((piece.cancel_reason for piece in enders if piece.cancel_reason), default=None),
        successor_order_id=max((p.successor_order_id for p in enders if p.successor_order_id), default=None),
        decided_by=decided_by,
        is_contradictory=sides_clash or len(credible) < len(everything) or _has_two_ends(credible),
    )


def _last_says_it_all(evidence: list[OrderReported], instrument: str) -> bool:
    """Whether the last piece alone gives the verdict of all: a single state, or an end of what was known to live.

    That is all that is ever said of nearly every order, and to judge it as a set takes four times as long.
    """
    if len(evidence) not in {1, 2} or not evidence[-1].is_state or not is_possible(evidence[-1], instrument):
        return False
    return len(evidence) == 1 or _says_no_more(evidence[0], evidence[1], instrument)


def _says_no_more(life: OrderReported, end: OrderReported, instrument: str) -> bool:
    """Whether a piece shows the order live, and says nothing beyond the one that shows its end."""
    if life.status in TERMINAL or end.status not in TERMINAL or life.side is not end.side:
        return False
    if end.order_qty is None or end.cum_qty is None or not is_possible(life, instrument):
        return False
    if life.client_order_id is not None and end.client_order_id is None:
        return False
    if life.cum_qty is None or life.cum_qty < end.cum_qty:
        return True
    return life.cum_qty == end.cum_qty and (life.avg_px is None or life.avg_px == end.avg_px)


def _verdict_of_one(piece: OrderReported) -> Verdict:
    """Judge one credible piece that names a state."""
    has_ended, cum_qty = piece.status in TERMINAL, piece.cum_qty
    return Verdict(
        ord_status=piece.status,
        order_qty=piece.order_qty,
        cum_qty=cum_qty,
        cum_qty_final=has_ended and piece.cum_qty_final and cum_qty is not None,
        avg_px=None if cum_qty is None else piece.avg_px,
        side=piece.side,
        client_order_id=piece.client_order_id,
        ended_by=piece.ended_by if has_ended else EndedBy.UNKNOWN,
        cancel_reason=(piece.cancel_reason or None) if has_ended else None,
        successor_order_id=(piece.successor_order_id or None) if has_ended else None,
        decided_by=piece,
    )


def verdict_beside(verdict: Verdict, piece: OrderReported, instrument: str) -> Verdict | None:
    """Give the verdict of a set of which one is held, and of one piece more, where that says nothing that is not known.

    So it is with most rows of a venue's history. None: judge them all, which takes several times as long.
    """
    decided_by = verdict.decided_by
    if decided_by is None or not piece.is_state or not _is_known_by(verdict, piece, instrument):
        return None
    above = _RANK[piece.status] - _RANK[decided_by.status]
    if above == 0:
        weight, held = _weight(piece), _weight(decided_by)
        above = (weight > held) - (weight < held)
        if above > 0 and piece.order_qty is not None and piece.client_order_id:
            return msgspec.structs.replace(
                verdict, decided_by=piece, order_qty=piece.order_qty, client_order_id=piece.client_order_id
            )
    is_named = decided_by.order_qty is not None and bool(decided_by.client_order_id or piece.client_order_id is None)
    return verdict if above < 0 and is_named else None


def _is_known_by(verdict: Verdict, piece: OrderReported, instrument: str) -> bool:
    """Whether a piece agrees with a verdict, and names no side, fill or end beyond it."""
    if not is_possible(piece, instrument):
        return False
    if piece.side is not None and piece.side is not verdict.side:
        return False
    if piece.status in TERMINAL and not _is_end_known_by(verdict, piece):
        return False
    if piece.cum_qty is None:
        return True
    if verdict.cum_qty is None or piece.cum_qty > verdict.cum_qty:
        return False
    if piece.cum_qty < verdict.cum_qty or piece.avg_px is None:
        return True
    return verdict.avg_px is not None and piece.avg_px <= verdict.avg_px


def _is_end_known_by(verdict: Verdict, end: OrderReported) -> bool:
    """Whether a piece names the end that a verdict names, and nothing of it beyond that."""
    if end.status is not verdict.ord_status or (end.cum_qty_final and not verdict.cum_qty_final):
        return False
    if end.ended_by is not verdict.ended_by and end.ended_by is not EndedBy.UNKNOWN:
        return False
    is_same_reason = not end.cancel_reason or end.cancel_reason == verdict.cancel_reason
    return is_same_reason and (not end.successor_order_id or end.successor_order_id == verdict.successor_order_id)


class OrderView:
    """The evidence about one order, with when each piece was seen and, for an answer, when it was asked for.

    Past `EVIDENCE_MAX` pieces, those make room that the verdict does not rest on and never will. What is then left and
    still too much is all of it terminal: a further piece is kept only if it changes the verdict.
    """

    __slots__ = ("_instrument", "_seen", "_struck", "last_end_us", "last_push_us", "verdict")

    def __init__(self, instrument: str = "") -> None:
        self._instrument = instrument
        self._seen: dict[OrderReported, tuple[int, int | None]] = {}
        self._struck: set[str] = set()
        self.verdict = NOTHING_KNOWN
        """What the evidence says. Only the view writes it."""
        self.last_push_us = 0
        """When the last push about the order arrived, a repeated one too; 0 if none did."""
        self.last_end_us = 0
        """When an end that was known was last shown again; 0 if none was."""

    @property
    def pieces(self) -> tuple[OrderReported, ...]:
        """All evidence that is not struck."""
        return tuple(self._seen)

    def add(self, piece: OrderReported, now_us: int, asked_us: int | None = None) -> bool:
        """Put a piece into the set; say whether it is new. A piece that was struck stays out."""
        if piece.source is Source.PUSH and now_us > self.last_push_us:
            self.last_push_us = now_us
        if piece in self._seen or (self._struck and digest_of(piece) in self._struck):
            return False
        if _is_end(piece) and any(_stands_for(held, piece) for held in self._seen):
            self.last_end_us = max(self.last_end_us, now_us)
            return False
        verdict = verdict_beside(self.verdict, piece, self._instrument)
        if verdict is None:
            verdict = verdict_of((*self._seen, piece), self._instrument)
        if len(self._seen) >= EVIDENCE_MAX and not self._make_room() and verdict == self.verdict:
            return False
        self._seen[piece] = (now_us, asked_us)
        self.verdict = verdict
        return True

    def strike(self, digest: str) -> bool:
        """Take the pieces read from the frame ``digest`` out for good; say whether there were any."""
        doomed = [piece for piece in self._seen if digest_of(piece) == digest]
        for piece in doomed:
            del self._seen[piece]
        if doomed:
            self._struck.add(digest)
            self.verdict = verdict_of(self._seen, self._instrument)
        return bool(doomed)

    def seen_us(self, piece: OrderReported) -> int | None:
        """When a piece arrived."""
        found = self._seen.get(piece)
        return found[0] if found else None

    @property
    def was_struck(self) -> bool:
        """Whether evidence was taken out."""
        return bool(self._struck)

    def refuted_by(self, answer: OrderReported) -> tuple[OrderReported, ...]:
        """Give the terminal pieces that a later terminal answer contradicts: one said filled, the other did not."""
        if not answer.status.is_terminal:
            return ()
        is_fill = answer.status is OrdStatus.FILLED
        return tuple(
            piece for piece in self._seen if piece.status.is_terminal and (piece.status is OrdStatus.FILLED) != is_fill
        )

    def _make_room(self) -> bool:
        """Forget the oldest pieces that say nothing terminal and carry nothing; say whether there were any."""
        carrying = set(_carrying(self._seen, self._instrument))
        spare = [piece for piece in self._seen if not _is_end(piece) and piece not in carrying]
        for piece in spare[: EVIDENCE_MAX // 4]:
            del self._seen[piece]
        return bool(spare)


def digest_of(piece: OrderReported) -> str:
    """Name a piece of evidence by the frame it was read from; one without a frame is named by what it says."""
    return piece.frame.digest if piece.frame else repr(piece)


def without_bytes(piece: OrderReported) -> OrderReported:
    """Name a piece's frame by its digest alone: of what says nothing new, a page of a history as a rule."""
    frame = piece.frame
    return piece if frame is None else msgspec.structs.replace(piece, frame=Frame(frame.digest, b""))


def _stands_for(held: OrderReported, piece: OrderReported) -> bool:
    """Whether a piece says what one that is held says, in another frame, and would never be picked before it.

    As the row of an order that ended, which is in every page of a history as long as the pages shift.
    """
    if held.status is not piece.status or held.source is not piece.source or held.channel != piece.channel:
        return False
    if held.frame is None or piece.frame is None or held.frame.digest < piece.frame.digest:
        return False
    return msgspec.structs.replace(held, frame=None) == msgspec.structs.replace(piece, frame=None)


def is_possible(piece: OrderReported, instrument: str) -> bool:
    """Whether a piece can be true by itself: about the instrument ("": any), and no more filled than ordered."""
    if instrument and piece.instrument and piece.instrument != instrument:
        return False
    return piece.order_qty is None or piece.cum_qty is None or piece.cum_qty <= piece.order_qty


def heaviest(evidence: Sequence[OrderReported]) -> OrderReported:
    """Pick the piece that decides. Ties are broken by content, so that no set has two answers."""
    if len(evidence) == 1:
        return evidence[0]
    rank = max(_RANK[piece.status] for piece in evidence)
    leading = [piece for piece in evidence if _RANK[piece.status] == rank]
    if len(leading) == 1:  # as when an order that was known to live has ended
        return leading[0]
    weights = [_weight(piece) for piece in leading]
    top = max(weights)
    ties = [piece for piece, weight in zip(leading, weights, strict=True) if weight == top]
    return ties[0] if len(ties) == 1 else max(ties, key=repr)


def outweighs(piece: OrderReported, other: OrderReported) -> bool:
    """Whether of two pieces the first decides."""
    above = _RANK[piece.status] - _RANK[other.status]
    if above:
        return above > 0
    weight, held = _weight(piece), _weight(other)
    return weight > held if weight != held else heaviest((other, piece)) is not other


def _weight(piece: OrderReported) -> tuple[int, Decimal, bool, bool, int, str]:
    return (
        _RANK[piece.status],
        _or_least(piece.cum_qty),
        piece.cum_qty_final,
        piece.source is Source.PUSH,
        piece.updated_ms or 0,
        digest_of(piece),
    )


def _is_end(piece: OrderReported) -> bool:
    return piece.is_state and piece.status.is_terminal


def _carrying(evidence: Iterable[OrderReported], instrument: str) -> list[OrderReported]:
    """Pick the pieces on which a verdict can rest, now or when more is known.

    A verdict takes from the credible pieces the heaviest state, the largest fill with its price and the largest order,
    and which pieces are credible may yet turn on their side and source. One impossible piece stands for all.
    """
    groups: dict[object, list[OrderReported]] = {}
    for piece in evidence:
        possible = is_possible(piece, instrument)
        groups.setdefault((piece.side, piece.source) if possible else None, []).append(piece)
    carrying = groups.pop(None, [])[:1]
    for group in groups.values():
        carrying.append(heaviest(group))
        carrying.append(heaviest([piece for piece in group if piece.is_state] or group))
        carrying.append(max(group, key=lambda piece: (_or_least(piece.cum_qty), _or_least(piece.avg_px))))
        carrying.append(max(group, key=lambda piece: _or_least(piece.order_qty)))
    return carrying


def _client_order_id(evidence: list[OrderReported]) -> ClientOrderId | None:
    return max((piece.client_order_id for piece in evidence if piece.client_order_id is not None), default=None)


def _or_least(number: Decimal | None) -> Decimal:
    return number if number is not None else _LEAST


def _of_one_side(evidence: list[OrderReported]) -> tuple[list[OrderReported], bool]:
    """Keep what agrees on the side; where sides clash the venue's answers decide, and without them nothing counts."""
    sides = {piece.side for piece in evidence if piece.side is not None}
    if len(sides) <= 1:
        return evidence, False
    answered = {piece.side for piece in evidence if piece.side is not None and piece.source is Source.QUERY}
    if len(answered) != 1:
        return [], True
    return [piece for piece in evidence if piece.side is None or piece.side in answered], True


def _has_two_ends(evidence: list[OrderReported]) -> bool:
    ends = {piece.status is OrdStatus.FILLED for piece in evidence if piece.status.is_terminal}
    return len(ends) > 1


def _order_qty(decided_by: OrderReported | None, evidence: list[OrderReported]) -> Decimal | None:
    if decided_by is not None and decided_by.order_qty is not None:
        return decided_by.order_qty
    return max((piece.order_qty for piece in evidence if piece.order_qty is not None), default=None)


def _avg_px_at(evidence: list[OrderReported], cum_qty: Decimal | None) -> Decimal | None:
    if cum_qty is None:
        return None
    prices = [piece.avg_px for piece in evidence if piece.cum_qty == cum_qty and piece.avg_px is not None]
    return max(prices, default=None)


def _ended_by(enders: list[OrderReported]) -> EndedBy:
    said = {piece.ended_by for piece in enders} - {EndedBy.UNKNOWN}
    return said.pop() if len(said) == 1 else EndedBy.UNKNOWN
