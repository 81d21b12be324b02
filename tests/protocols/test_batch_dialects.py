"""Every venue's batches, written by each of its roads and read item by item; OKX's own frames are looked at elsewhere.

The rows are those of the venues' pages: ids as numbers or texts, lists of what was taken and of what failed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson
import pytest

from protocols.asks import WireCancel
from protocols.batching import BatchAnswered, spread
from protocols.dialect import Dialect, Profile, Role, Scope
from protocols.evidence import Allowance, CancelAnswered, Proof
from protocols.fix import ClientOrderId, OrderId, Road, SendId, Side
from protocols.mass import Everything
from protocols.rest import RestResponse
from protocols.venues.registry import VENUES, dialect_for

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

IDS = ("1550600000000000001", "1550600000000000002", "1550600000000000003")
ALIASES = ("570000000000000011", "570000000000000012", "570000000000000013")
Row = tuple[str, str]
"""An order's id and the code that it is answered with; "" is acceptance."""


@dataclass(frozen=True)
class Kind:
    """A venue's batches: where, of what, and how the answer to some rows looks by REST and by socket."""

    venue: str
    product: str
    instrument: str
    rest: Callable[[Sequence[Row]], object]
    gone: str
    frame: Callable[[Sequence[Row]], object] | None = None
    error: object = None
    status: int = 200


def okx(rows: Sequence[Row]) -> dict[str, object]:
    data = [{"ordId": order, "clOrdId": "", "sCode": code or "0", "sMsg": ""} for order, code in rows]
    return {"code": "2", "msg": "", "data": data}


def okx_frame(rows: Sequence[Row]) -> object:
    return okx(rows) | {"id": "s0", "op": "batch-cancel-orders"}


def classic(rows: Sequence[Row]) -> object:
    taken = [{"orderId": order, "clientOid": ""} for order, code in rows if not code]
    failed = [{"orderId": order, "clientOid": "", "errorCode": code, "errorMsg": "no"} for order, code in rows if code]
    return {"code": "00000", "msg": "success", "data": {"successList": taken, "failureList": failed}}


def _unified_rows(rows: Sequence[Row]) -> list[object]:
    return [{"code": code or "0", "msg": "", "orderId": order, "clientOid": ""} for order, code in rows]


def unified(rows: Sequence[Row]) -> object:
    return {"code": "00000", "msg": "success", "data": _unified_rows(rows)}


def unified_frame(rows: Sequence[Row]) -> object:
    return {
        "event": "trade",
        "id": "s0",
        "topic": "batch-cancel",
        "args": _unified_rows(rows),
        "code": "0",
        "msg": "Success",
    }


def htx(rows: Sequence[Row]) -> dict[str, object]:
    data = [{"code": int(code or 200), "message": "", "orderId": order, "clientOrderId": order} for order, code in rows]
    return {"code": 200, "message": "Success", "data": data, "ts": 1}


def htx_frame(rows: Sequence[Row]) -> object:
    return htx(rows) | {"cid": "s0"}


def bingx(rows: Sequence[Row]) -> object:
    orders = [{"symbol": "BTC-USDT", "orderId": int(order), "status": "CANCELED"} for order, code in rows if not code]
    fails = [{"orderId": order, "error": code} for order, code in rows if code]
    return {"code": 0, "msg": "", "debugMsg": "", "data": {"orders": orders, "fails": fails}}


KINDS = (
    Kind(
        "okx", "", "BTC-USDT", okx, "51400", okx_frame, {"code": "50011", "msg": "Too many", "data": []}, 429
    ),
    Kind(
        "bitget", "USDT-FUTURES", "BTCUSDT", classic, "43001",
        error={"code": "429", "msg": "Too many requests", "data": None}, status=429,
    ),
    Kind("bitget", "SPOT", "BTCUSDT", classic, "43001", error={"code": "30006", "msg": "x", "data": None}, status=400),
    Kind(
        "bitget_uta", "SPOT", "BTCUSDT", unified, "25204", unified_frame,
        {"code": "429", "msg": "Too many requests", "data": None}, 429,
    ),
    Kind("htx", "", "ETH-USDT", htx, "1061", htx_frame, {"code": 1032, "message": "too many", "data": None}),
    Kind(
        "bingx", "", "BTC-USDT", bingx, "the  orderId:1 order status :FILLED,can not delete",
        error={"code": 100410, "msg": "rate limited"},
    ),
)  # fmt: skip
EVERY = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.venue} {kind.product}".strip())


def dialect_of(kind: Kind) -> Dialect:
    return dialect_for(kind.venue, Profile())


def wires_of(kind: Kind, *, by_alias: bool = False) -> list[WireCancel]:
    return [
        WireCancel(
            SendId(f"s{number}"),
            Road.REST,
            kind.product,
            kind.instrument,
            None if by_alias else OrderId(order),
            ClientOrderId(alias) if by_alias else None,
        )
        for number, (order, alias) in enumerate(zip(IDS, ALIASES, strict=True))
    ]


def by_rest(kind: Kind, body: object, status: int = 200) -> tuple[CancelAnswered, ...]:
    wires = wires_of(kind)
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    return spread(wires, dialect_of(kind).read_batch(wires, RestResponse(status, raw))).answers


REMAINING = {
    "okx": "",
    "bitget": "x-mbx-used-remain-limit",
    "bitget_uta": "x-mbx-used-remain-limit",
    "htx": "ratelimit-remaining",
    "bingx": "x-ratelimit-requests-remain",
}
"""The header that says how many more of a call fit, where the venue has one."""


@EVERY
def test_what_an_answer_to_a_batch_says_of_its_limit_is_told_once(kind: Kind) -> None:
    wires = wires_of(kind)
    raw = orjson.dumps(kind.rest([(order, "") for order in IDS]))
    headers = ((REMAINING[kind.venue], "4"),)
    answers = spread(wires, dialect_of(kind).read_batch(wires, RestResponse(200, raw, headers))).answers
    told = Allowance(4) if REMAINING[kind.venue] else None
    assert [answer.allowance for answer in answers] == [told, None, None]


def by_socket(kind: Kind, rows: Sequence[Row]) -> list[Proof]:
    dialect = dialect_of(kind)
    assert kind.frame is not None
    plan = next(plan for plan in dialect.sockets() if Role.ORDER_ENTRY in plan.roles)
    (answer,) = dialect.decode(plan, orjson.dumps(kind.frame(rows)).decode())
    assert isinstance(answer, BatchAnswered)
    return proofs(spread(wires_of(kind), answer).answers)


def proofs(answers: Sequence[CancelAnswered]) -> list[Proof]:
    assert [one.send_id for one in answers] == ["s0", "s1", "s2"]
    return [one.proof for one in answers]


def heard(kind: Kind, rows: Sequence[Row]) -> list[Proof]:
    """What an answer of these rows proves, alike by every road."""
    found = proofs(by_rest(kind, kind.rest(rows)))
    if kind.frame is not None:
        assert by_socket(kind, rows) == found
    return found


# ---------------------------------------------------------------- the data


@pytest.mark.parametrize("venue", VENUES)
def test_every_batch_has_rules_of_its_own_and_none_that_counts_by_order(venue: str) -> None:
    traits = dialect_for(venue, Profile()).traits
    if traits.batch is None:
        return
    rules = [rule for rule in traits.rate_rules if traits.batch.operation in rule.operations]
    assert rules
    assert all(rule.scope is not Scope.ORDER for rule in rules)
    assert traits.batch.operation in traits.cancel_operations
    assert traits.batch.items_max >= 2
    assert set(traits.batch.roads) <= set(traits.roads)
    assert traits.batch.mixed_products <= set(traits.products)
    assert traits.batch.venue_params <= traits.venue_params
    assert traits.batch.page


def test_all_venues_with_batches_are_looked_at() -> None:
    with_batches = {name for name in VENUES if dialect_for(name, Profile()).traits.batch is not None}
    assert {kind.venue for kind in KINDS} == with_batches == set(VENUES) - {"okx_spread"}


# ---------------------------------------------------------------- writing


@EVERY
@pytest.mark.parametrize("by_alias", [False, True])
def test_a_batch_names_each_order_once_and_its_own_operation(kind: Kind, by_alias: bool) -> None:
    dialect, wires = dialect_of(kind), wires_of(kind, by_alias=by_alias)
    assert dialect.traits.batch is not None
    call = dialect.batch_call(wires)
    assert call.operation == dialect.traits.batch.operation
    written = [call.body.decode() + str(call.query)]
    if Road.WS in dialect.traits.batch.roads:
        frame = dialect.batch_frame(wires, {kind.instrument: "7"})
        assert frame is not None
        assert '"s0"' in frame
        written.append(frame)
    named, unnamed = (ALIASES, IDS) if by_alias else (IDS, ALIASES)
    for text in written:
        assert all(text.count(each) == 1 for each in named)
        assert not any(each in text for each in unnamed)


# ---------------------------------------------------------------- reading


@EVERY
def test_each_item_speaks_for_its_own_order_in_whatever_order_they_come(kind: Kind) -> None:
    rows = [(IDS[0], ""), (IDS[1], kind.gone), (IDS[2], "")]
    expected = [Proof.ACCEPTED, Proof.GONE, Proof.ACCEPTED]
    assert heard(kind, rows) == expected
    assert heard(kind, rows[::-1]) == expected


@EVERY
def test_a_missing_item_is_unknown_and_so_is_one_named_twice(kind: Kind) -> None:
    assert heard(kind, [(IDS[2], ""), (IDS[0], "")]) == [Proof.ACCEPTED, Proof.UNKNOWN, Proof.ACCEPTED]
    assert heard(kind, []) == [Proof.UNKNOWN] * 3
    twice = [(IDS[0], ""), (IDS[0], kind.gone), (IDS[1], "")]
    assert heard(kind, twice) == [Proof.UNKNOWN, Proof.ACCEPTED, Proof.UNKNOWN]


@EVERY
def test_a_strangers_item_answers_nobody(kind: Kind) -> None:
    rows = [("1550600000000000009", ""), (IDS[1], ""), (IDS[2], "")]
    assert heard(kind, rows) == [Proof.UNKNOWN, Proof.ACCEPTED, Proof.ACCEPTED]


@EVERY
def test_an_error_about_the_whole_is_that_of_each_and_touched_no_order(kind: Kind) -> None:
    answers = by_rest(kind, kind.error, kind.status)
    assert set(proofs(answers)) <= {Proof.UNCHANGED_RETRY, Proof.UNCHANGED_FINAL, Proof.UNKNOWN}
    assert len({(one.proof, one.code, one.remedy) for one in answers}) == 1
    if kind.product != "SPOT":
        assert set(proofs(answers)) == {Proof.UNCHANGED_RETRY}


@EVERY
@pytest.mark.parametrize("status", [500, 502, 504])
def test_what_a_broken_gateway_says_proves_nothing(kind: Kind, status: int) -> None:
    whole = kind.rest([(order, "") for order in IDS])
    assert proofs(by_rest(kind, whole, status)) == [Proof.UNKNOWN] * 3


@EVERY
@pytest.mark.parametrize("raw", [b"", b"<html>", b"[]", b'{"code":', b'"text"', b'{"data":7}'])
def test_what_cannot_be_read_proves_nothing(kind: Kind, raw: bytes) -> None:
    assert proofs(by_rest(kind, raw)) == [Proof.UNKNOWN] * 3


@EVERY
def test_rows_of_another_shape_prove_nothing_about_anybody(kind: Kind) -> None:
    body = kind.rest([])
    assert isinstance(body, dict)
    for strange in (7, [7], ["a", {}], {"x": 1}):
        for data in (strange, {"list": strange, "orders": strange, "successList": strange, "failureList": strange}):
            found = proofs(by_rest(kind, body | {"data": data}))
            assert Proof.ACCEPTED not in found
            assert Proof.GONE not in found


def test_a_classic_failure_without_a_code_is_unknown() -> None:
    kind = KINDS[1]
    body = classic([(IDS[0], ""), (IDS[2], "")])
    assert isinstance(body, dict)
    body["data"]["failureList"] = [{"orderId": IDS[1], "clientOid": "", "errorMsg": "?"}]
    assert proofs(by_rest(kind, body)) == [Proof.ACCEPTED, Proof.UNKNOWN, Proof.ACCEPTED]


# ---------------------------------------------------------------- everything of a scope


MASSES = (
    ("okx_spread", Everything(""), b"{}"),
    ("okx_spread", Everything("", "A_B"), b'{"sprdId":"A_B"}'),
    ("bitget", Everything("USDT-FUTURES"), b'{"productType":"USDT-FUTURES"}'),
    ("bitget", Everything("SPOT", "BTCUSDT"), b'{"symbol":"BTCUSDT"}'),
    ("bitget_uta", Everything("MARGIN"), b'{"category":"MARGIN"}'),
    ("bitget_uta", Everything("SPOT", "BTCUSDT"), b'{"category":"SPOT","symbol":"BTCUSDT"}'),
    ("htx", Everything("", "ETH-USDT", Side.SELL), b'{"contract_code":"ETH-USDT","side":"sell"}'),
    ("htx", Everything(""), b"{}"),
    ("bingx", Everything("", "BTC-USDT"), b""),
    ("bingx", Everything(""), b""),
)


@pytest.mark.parametrize(("venue", "everything", "body"), MASSES)
def test_a_call_for_everything_names_its_scope_and_nothing_else(
    venue: str, everything: Everything, body: bytes
) -> None:
    dialect = dialect_for(venue, Profile())
    product = everything.product or ""
    (mass,) = (mass for mass in dialect.traits.mass_cancels if product in mass.products)
    call = dialect.mass_call(mass.operation, everything)
    assert (call.method, call.operation, call.body) == ("POST", mass.operation, body)
    assert call.query == ((("symbol", "BTC-USDT"),) if venue == "bingx" and everything.instrument else ())
    assert mass.operation in {operation for rule in dialect.traits.rate_rules for operation in rule.operations}
    assert mass.operation in dialect.traits.cancel_operations


def mass_of(venue: str, body: object, status: int = 200) -> list[Proof]:
    dialect = dialect_for(venue, Profile())
    kind = next((kind for kind in KINDS if kind.venue == venue), KINDS[0])
    wires = wires_of(kind)
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    answer = dialect.read_mass(wires, RestResponse(status, raw))
    return proofs(spread(wires, answer).answers)


@pytest.mark.parametrize("kind", KINDS[1:], ids=lambda kind: f"{kind.venue} {kind.product}".strip())
def test_of_everything_the_rows_that_came_are_accepted_and_the_others_unknown(kind: Kind) -> None:
    rows = [(IDS[1], ""), ("1550600000000000009", "")]
    assert mass_of(kind.venue, kind.rest(rows)) == [Proof.UNKNOWN, Proof.ACCEPTED, Proof.UNKNOWN]


@pytest.mark.parametrize(
    ("venue", "body"),
    [
        ("okx_spread", {"code": "0", "msg": "", "data": [{"result": True}]}),
        ("bitget", {"code": "00000", "msg": "success", "data": {"symbol": "BTCUSDT"}}),
        ("htx", {"code": 200, "message": "Success", "data": [], "ts": 1}),
        ("htx", {"code": 200, "message": "Success", "data": None, "ts": 1}),
    ],
)
def test_without_rows_an_acceptance_is_of_all(venue: str, body: object) -> None:
    assert mass_of(venue, body) == [Proof.ACCEPTED] * 3


@pytest.mark.parametrize(
    ("venue", "body", "status"),
    [
        ("okx_spread", {"code": "0", "msg": "", "data": [{"result": False}]}, 200),
        ("okx_spread", {"code": "0", "msg": "", "data": []}, 200),
        ("okx_spread", {"code": "0", "msg": "", "data": [{"result": True}]}, 502),
        ("bitget", {"code": "00000", "data": {"symbol": "BTCUSDT"}}, 504),
        ("bitget_uta", b"<html>", 200),
        ("htx", {"code": 1051, "message": "nothing", "data": None}, 200),
        ("bingx", {"code": 100500, "msg": "busy"}, 200),
    ],
)
def test_what_is_no_clear_acceptance_of_everything_is_unknown(venue: str, body: object, status: int) -> None:
    assert mass_of(venue, body, status) == [Proof.UNKNOWN] * 3


@pytest.mark.parametrize("venue", ["okx_spread", "bitget", "bitget_uta", "htx", "bingx"])
def test_a_refused_call_for_everything_refuses_no_order_for_good(venue: str) -> None:
    codes = {"okx_spread": "50030", "bitget": "40014", "bitget_uta": "40014", "htx": 1205, "bingx": 100004}
    for code in (codes[venue], 99999):
        found = mass_of(venue, {"code": code, "msg": "no", "message": "no", "data": None}, 200)
        assert Proof.UNCHANGED_FINAL not in found
