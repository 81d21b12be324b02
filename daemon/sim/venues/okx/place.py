"""Placements, single and batch: enough of OKX's order entry for other people's clients to rest orders here.

OKX: Trade / POST Place order, Place multiple orders, and their WebSocket twins. Limit and post-only orders rest at
any price, since nothing trades here by itself; IOC and FOK orders are taken off at once; other types are refused. No
fault of the catalogue touches a placement.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from daemon.sim import wire
from daemon.sim.book import CapReached, EndedBy, NewOrder, Side
from daemon.sim.pushing import Change
from daemon.sim.rates import RateRule
from daemon.sim.venue import Floor
from daemon.sim.venues.okx import codes
from daemon.sim.venues.okx.product import Product
from daemon.sim.venues.okx.push import Pushes
from daemon.sim.venues.okx.road import Answer, Item, Road
from daemon.sim.wire import JsonObject, text

BATCH_MAX = 20
_RESTING = frozenset({"limit", "post_only"})
_GONE_AT_ONCE = {"fok": "13", "ioc": "14"}
_CLIENT_ID = re.compile(r"[A-Za-z0-9]{1,32}")
_TAG = re.compile(r"[A-Za-z0-9]{0,16}")


class Listed(Protocol):
    """What has to be known of an instrument to place an order in it; the price of a difference may be below zero."""

    @property
    def inst_id(self) -> str:
        """Its id."""

    @property
    def lot(self) -> Decimal:
        """The least size of an order."""

    @property
    def is_difference(self) -> bool:
        """Whether its price is one price less another."""


@dataclass(frozen=True, slots=True)
class PlaceAsk:
    """One placement as it was asked. `problem`: a code that the road's own checks of the instrument found."""

    instrument: Listed | None
    fields: JsonObject
    problem: str = ""
    detail: str = ""


class _Refusal(Exception):
    def __init__(self, code: str, detail: str = "") -> None:
        self.code = code
        self.detail = detail
        super().__init__(code)


class Places:
    """Carries out placements."""

    def __init__(self, floor: Floor, product: Product, pushes: Pushes) -> None:
        self._floor = floor
        self._product = product
        self._pushes = pushes

    def place(self, asks: Sequence[PlaceAsk], road: Road, now_us: int) -> None:
        """Place up to twenty orders, each for itself, answer, then push."""
        if len(asks) > BATCH_MAX:
            road.answer(Answer(code="51406"), now_us)
            return
        rule = self._product.place if len(asks) == 1 else self._product.place_batch
        items: list[Item] = []
        changes: list[list[Change]] = []
        for ask in asks:
            item, placed = self._one(ask, rule, now_us)
            items.append(item)
            changes.append(placed)
        road.answer(Answer(items), now_us)
        for placed in changes:
            if placed:
                self._pushes.announce(placed, now_us)

    def _one(self, ask: PlaceAsk, rule: RateRule, now_us: int) -> tuple[Item, list[Change]]:
        client_order_id, tag = text(ask.fields, "clOrdId"), text(ask.fields, "tag")
        try:
            changes = self._rest(self._checked(ask, rule, now_us), now_us)
        except _Refusal as refusal:
            sentence = codes.message(refusal.code, refusal.detail)
            return Item("", client_order_id, refusal.code, sentence, tag=tag), []
        order = changes[0].order
        return Item(order.order_id, client_order_id, "0", "Order placed", order.created_us, tag), changes

    def _checked(self, ask: PlaceAsk, rule: RateRule, now_us: int) -> NewOrder:
        if ask.problem or ask.instrument is None:
            raise _Refusal(ask.problem or "51001", ask.detail)
        if not self._floor.rates.take(rule, self._product.key(ask.instrument.inst_id), now_us):
            raise _Refusal("50011")
        side, order_type = text(ask.fields, "side"), text(ask.fields, "ordType")
        if side not in ("buy", "sell"):
            raise _Refusal("51000", "side")
        if order_type not in _RESTING and order_type not in _GONE_AT_ONCE:
            raise _Refusal("51000", "ordType")
        qty = _positive(ask.fields, "sz")
        if qty < ask.instrument.lot:
            raise _Refusal("51020")
        return NewOrder(
            instrument=ask.instrument.inst_id,
            side=Side(side),
            price=_number(ask.fields, "px") if ask.instrument.is_difference else _positive(ask.fields, "px"),
            qty=qty,
            client_order_id=self._client_id(text(ask.fields, "clOrdId")),
            terms={"ordType": order_type, "tdMode": text(ask.fields, "tdMode") or "cash", "tag": _tag(ask.fields)},
        )

    def _client_id(self, client_order_id: str) -> str | None:
        if not client_order_id:
            return None
        if not _CLIENT_ID.fullmatch(client_order_id):
            raise _Refusal("51000", "clOrdId")
        same = self._floor.book.by_client_id(client_order_id)
        if same is not None and not same.ord_status.is_terminal:
            raise _Refusal("51016")
        return client_order_id

    def _rest(self, new: NewOrder, now_us: int) -> list[Change]:
        try:
            order = self._floor.book.place(new, now_us)
        except CapReached:
            raise _Refusal("51103") from None
        changes = [Change(order, None)]
        source = _GONE_AT_ONCE.get(new.terms["ordType"])
        if source is not None:
            changes.append(Change(self._floor.book.cancel(order.order_id, EndedBy.VENUE, now_us, source), None))
        return changes


def _number(fields: JsonObject, name: str) -> Decimal:
    number = wire.decimal_text(fields.get(name))
    if number is None:
        raise _Refusal("51000", name)
    return number


def _positive(fields: JsonObject, name: str) -> Decimal:
    number = _number(fields, name)
    if number <= 0:
        raise _Refusal("51000", name)
    return number


def _tag(fields: JsonObject) -> str:
    tag = text(fields, "tag")
    if not _TAG.fullmatch(tag):
        raise _Refusal("51000", "tag")
    return tag
