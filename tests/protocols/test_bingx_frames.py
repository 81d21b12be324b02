"""BingX's frames: two heartbeats, three acknowledgements, order updates in gzip, and what is none of these."""

from decimal import Decimal

import orjson
import pytest

from protocols.dialect import (
    Alive,
    Blinded,
    ClosingSoon,
    Noted,
    RefusalKind,
    Strange,
    Subscribed,
    SubscribeRefused,
)
from protocols.evidence import OrderReported, Source
from protocols.fix import EndedBy, OrdStatus, Side
from protocols.jsonread import frame_of
from tests.protocols.bingx_material import (
    ACKS,
    BALANCES,
    BINGX,
    CANCELED,
    EXPIRED,
    FILLED,
    NEW,
    ORDER_ID,
    PARTIAL,
    PING,
    PLAN,
    REFUSED_SUB,
    REFUSED_UNNAMED,
    decoded,
    only,
    push,
    report,
    zipped,
)

# ---------------------------------------------------------------- heartbeats


@pytest.mark.parametrize("raw", [PING, zipped(PING)], ids=["plain", "gzip"])
def test_a_ping_is_answered_with_its_own_id_and_time(raw: str | bytes) -> None:
    alive = only(raw)
    assert isinstance(alive, Alive)
    assert orjson.loads(alive.reply or "") == {
        "pong": "2177c68e4d0e45679965f482929b59c2",
        "time": "2026-01-02T03:04:05.678+0800",
    }


@pytest.mark.parametrize("raw", ["Ping", "ping", "PING", b"Ping", zipped("Ping"), " Ping\n"])
def test_the_bare_word_is_answered_with_a_bare_word(raw: str | bytes) -> None:
    assert only(raw) == Alive("Pong")


def test_a_ping_without_a_time_is_answered_all_the_same() -> None:
    assert only('{"ping":"7"}') == Alive('{"pong":"7"}')


# ---------------------------------------------------------------- subscriptions


def test_the_orders_and_the_balances_of_the_account_are_subscribed_to() -> None:
    frames = {key: orjson.loads(frame) for key, frame in BINGX.subscriptions(PLAN)}
    assert frames == {
        "spot.executionReport": {"id": "suborders", "reqType": "sub", "dataType": "spot.executionReport"},
        "ACCOUNT_UPDATE": {"id": "subbalances", "reqType": "sub", "dataType": "ACCOUNT_UPDATE"},
    }


@pytest.mark.parametrize("raw", ACKS)
def test_an_acknowledgement_is_known_by_id_and_code_alone(raw: str) -> None:
    assert only(zipped(raw)) == Subscribed("spot.executionReport")
    assert only(raw.replace('"code":0', '"code":"0"')) == Subscribed("spot.executionReport")


def test_a_refused_subscription_says_whether_to_try_again() -> None:
    assert only(REFUSED_SUB) == SubscribeRefused("spot.executionReport", RefusalKind.BUSY, "100500", "")
    assert only(REFUSED_UNNAMED) == SubscribeRefused("", RefusalKind.BROKEN, "100400", "")
    over = REFUSED_SUB.replace("100500", "100401")
    assert only(over) == SubscribeRefused("spot.executionReport", RefusalKind.SEQUENCE, "100401", "")
    unlisted = REFUSED_SUB.replace("100500", "123456")
    assert only(unlisted) == SubscribeRefused("spot.executionReport", RefusalKind.BROKEN, "123456", "")


def test_an_acknowledgement_of_nothing_asked_for_changes_nothing() -> None:
    assert isinstance(only('{"id":"another","code":0,"msg":""}'), Noted)


def test_a_key_that_expired_blinds_the_socket_and_wants_another() -> None:
    blinded, closing = decoded(zipped(EXPIRED))
    assert isinstance(blinded, Blinded)
    assert isinstance(closing, ClosingSoon)


def test_balances_are_noted() -> None:
    assert isinstance(only(zipped(BALANCES)), Noted)


# ---------------------------------------------------------------- order updates


def test_a_resting_order_is_pending() -> None:
    raw = push(NEW)
    found = report(zipped(raw))
    assert found == OrderReported(
        source=Source.PUSH,
        channel="spot.executionReport",
        product="",
        instrument="BTC-USDT",
        order_id=found.order_id,
        client_order_id=found.client_order_id,
        status=OrdStatus.NEW,
        word="PENDING",
        side=Side.BUY,
        order_qty=Decimal("0.02"),
        cum_qty=Decimal(0),
        created_ms=1_790_000_000_010,
        updated_ms=1_790_000_000_100,
        venue_time="1790000000100",
        frame=frame_of(raw),  # the inflated bytes, so that a human can read them
    )
    assert (found.order_id, found.client_order_id) == (ORDER_ID, "oms_7")


@pytest.mark.parametrize(
    ("data", "status", "cum_qty"),
    [
        (PARTIAL, OrdStatus.PARTIALLY_FILLED, "0.005"),
        (FILLED, OrdStatus.FILLED, "0.02"),
        (CANCELED, OrdStatus.CANCELED, "0.005"),
        (CANCELED | {"X": "CANCELLED"}, OrdStatus.CANCELED, "0.005"),
        (CANCELED | {"X": "EXPIRED", "x": "EXPIRED"}, OrdStatus.EXPIRED, "0.005"),
        (CANCELED | {"X": "FAILED"}, OrdStatus.REJECTED, "0.005"),
        (NEW | {"X": "NEW"}, OrdStatus.NEW, "0"),
        (NEW | {"X": "WORKING"}, OrdStatus.NEW, "0"),
        (NEW | {"X": "PENDING_CANCEL"}, OrdStatus.PENDING_CANCEL, "0"),
        (PARTIAL | {"X": "PENDING"}, OrdStatus.NEW, "0.005"),  # says nothing about fills
    ],
)
def test_the_state_decides_and_not_the_reason_of_the_push(
    data: dict[str, object], status: OrdStatus, cum_qty: str
) -> None:
    found = report(push(data))
    assert (found.status, found.word, found.cum_qty) == (status, data["X"], Decimal(cum_qty))
    assert not found.cum_qty_final  # a query's word alone is
    assert found.ended_by is EndedBy.UNKNOWN  # it is not said


@pytest.mark.parametrize("word", ["Unknown", "pending", "SUSPENDED", ""])
def test_an_unknown_status_is_no_report(word: str) -> None:
    assert isinstance(only(push(NEW | {"X": word})), Strange)


@pytest.mark.parametrize("z", [0, "0", None])
def test_a_cancels_push_that_says_no_fill_leaves_it_open(z: object) -> None:
    assert report(push(CANCELED | {"z": z})).cum_qty is None


def test_a_fraction_keeps_every_digit() -> None:
    raw = push(PARTIAL).replace('"z":0.005', '"z":0.00512345678901234567890')
    assert report(raw).cum_qty == Decimal("0.00512345678901234567890")


def test_numbers_may_be_texts_and_texts_numbers() -> None:
    flipped = {key: str(value) if isinstance(value, int | float) else value for key, value in PARTIAL.items()}
    plain, other = report(push(PARTIAL)), report(push(flipped))
    assert (other.order_id, other.cum_qty, other.order_qty) == (plain.order_id, plain.cum_qty, plain.order_qty)
    assert report(push(NEW | {"C": 77})).client_order_id == "77"


def test_an_order_sized_in_the_quote_currency_has_no_ordered_quantity() -> None:
    data = FILLED | {"o": "MARKET", "q": 0, "Q": 5, "z": 0.0802}
    found = report(push(data))
    assert (found.order_qty, found.cum_qty, found.status) == (None, Decimal("0.0802"), OrdStatus.FILLED)
    assert report(push(data | {"Q": 0})).order_qty is None


def test_an_id_longer_than_64_bits_keeps_its_digits_and_a_fraction_is_none() -> None:
    huge = push(NEW).replace(ORDER_ID, "20300000000000001234567")
    assert report(huge).order_id == "20300000000000001234567"
    assert isinstance(only(push(NEW).replace(ORDER_ID, "2.03e18")), Strange)


def test_without_a_client_id_there_is_none() -> None:
    bare = {key: value for key, value in NEW.items() if key != "C"}
    assert report(push(bare)).client_order_id is None
    assert report(push(NEW | {"C": ""})).client_order_id is None
    assert report(push(bare | {"c": "swap"})).client_order_id is None  # that spelling is of swaps


def test_what_is_new_in_a_row_is_let_pass() -> None:
    more = {"u": 2**60, "mu": "1", "U": "", "A": "250", "ws": 1, "new": {"x": 1}}
    assert report(push(NEW | more)).order_id == ORDER_ID


def test_a_bad_row_of_a_list_costs_no_other() -> None:
    first, second, third = decoded(push(NEW, {"i": 1}, CANCELED))
    assert isinstance(first, OrderReported)
    assert isinstance(second, Strange)
    assert isinstance(third, OrderReported)


@pytest.mark.parametrize("missing", ["s", "i", "X"])
def test_without_its_names_a_row_is_no_report(missing: str) -> None:
    assert isinstance(only(push({key: value for key, value in NEW.items() if key != missing})), Strange)


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "not JSON",
        b"\x1f\x8b\x08\x00garbage",
        zipped(PING)[:20],
        "[]",
        "{}",
        '{"e":"RISK_NOTICE"}',
        '{"dataType":"spot.orderHint","code":0,"data":{}}',
        '{"code":100500,"dataType":"spot.executionReport","data":null}',
        '{"code":0,"dataType":"spot.executionReport"}',
        "Pong",
    ],
)
def test_anything_else_is_kept_aside(raw: str | bytes) -> None:
    assert isinstance(only(raw), Strange)


def test_the_same_frame_twice_is_the_same_fact() -> None:
    assert report(zipped(push(CANCELED))) == report(zipped(push(CANCELED)))
