"""OKX batches: written by either road, and read item by item, whatever the top of the answer says."""

from __future__ import annotations

import orjson
import pytest

from protocols.asks import WireCancel
from protocols.batching import BatchAnswered, spread
from protocols.evidence import Proof, Remedy
from protocols.fix import ClientOrderId, OrderId, Road, SendId
from protocols.rest import RestResponse
from tests.protocols.okx_material import OKX, PLAN

CODES = {"BTC-USDT-SWAP": "10459", "ETH-USDT-SWAP": "10461"}
FIRST, SECOND = OrderId("2900000000000000001"), OrderId("2900000000000000002")
WIRES = (
    WireCancel(SendId("b1"), Road.WS, "", "BTC-USDT-SWAP", FIRST, None),
    WireCancel(SendId("b2"), Road.WS, "", "ETH-USDT-SWAP", None, ClientOrderId("tkm000002")),
)
ACCEPTED = {"clOrdId": "", "ordId": FIRST, "ts": "1763600000100", "sCode": "0", "sMsg": ""}
GONE = {"clOrdId": "tkm000002", "ordId": "", "ts": "1763600003391", "sCode": "51400", "sMsg": "filled or canceled"}


def frame(*rows: object, code: str = "0", **more: object) -> str:
    return orjson.dumps(
        {"id": "b1", "op": "batch-cancel-orders", "data": rows, "code": code, "msg": ""} | more
    ).decode()


def heard(raw: str) -> list[Proof]:
    (answer,) = OKX.decode(PLAN, raw)
    assert isinstance(answer, BatchAnswered)
    given = spread(WIRES, answer)
    assert [one.road for one in given.answers] == [Road.WS, Road.WS]
    return [one.proof for one in given.answers]


def read(body: object, status: int = 200) -> list[Proof]:
    response = RestResponse(status, orjson.dumps(body))
    return [one.proof for one in spread(WIRES, OKX.read_batch(WIRES, response)).answers]


def test_a_batch_by_socket_names_each_instrument_by_its_code_and_itself_by_its_first() -> None:
    written = OKX.batch_frame(WIRES, CODES)
    assert written is not None
    assert orjson.loads(written) == {
        "id": "b1",
        "op": "batch-cancel-orders",
        "args": [{"instIdCode": 10459, "ordId": FIRST}, {"instIdCode": 10461, "clOrdId": "tkm000002"}],
    }


def test_a_batch_with_an_instrument_without_a_code_is_not_written() -> None:
    assert OKX.batch_frame(WIRES, {"BTC-USDT-SWAP": "10459"}) is None


def test_a_batch_by_rest_is_a_list_that_names_instruments_by_name() -> None:
    call = OKX.batch_call(WIRES)
    assert (call.method, call.path, call.operation) == (
        "POST",
        "/api/v5/trade/cancel-batch-orders",
        "cancel_batch_orders",
    )
    assert orjson.loads(call.body) == [
        {"instId": "BTC-USDT-SWAP", "ordId": FIRST},
        {"instId": "ETH-USDT-SWAP", "clOrdId": "tkm000002"},
    ]


@pytest.mark.parametrize("top", ["0", "1", "2"])
def test_each_row_speaks_for_itself_whatever_the_top_says(top: str) -> None:
    assert heard(frame(ACCEPTED, GONE, code=top)) == [Proof.ACCEPTED, Proof.GONE]
    assert heard(frame(GONE, ACCEPTED, code=top)) == [Proof.ACCEPTED, Proof.GONE]
    assert read({"code": top, "msg": "", "data": [GONE, ACCEPTED]}) == [Proof.ACCEPTED, Proof.GONE]


@pytest.mark.parametrize("top", ["0", "1", "2"])
def test_a_row_that_is_missing_is_unknown(top: str) -> None:
    assert heard(frame(ACCEPTED, code=top)) == [Proof.ACCEPTED, Proof.UNKNOWN]
    assert heard(frame(GONE, code=top)) == [Proof.UNKNOWN, Proof.GONE]
    assert heard(frame(code=top)) == [Proof.UNKNOWN, Proof.UNKNOWN]
    assert read({"code": top, "msg": "", "data": [ACCEPTED]}) == [Proof.ACCEPTED, Proof.UNKNOWN]


def test_a_row_without_a_code_or_of_another_shape_is_unknown_and_costs_no_other() -> None:
    nameless = {"clOrdId": "", "ordId": "", "sCode": "51400", "sMsg": ""}
    codeless = {key: value for key, value in ACCEPTED.items() if key != "sCode"}
    assert heard(frame(codeless, GONE)) == [Proof.UNKNOWN, Proof.GONE]
    assert heard(frame(ACCEPTED, nameless)) == [Proof.ACCEPTED, Proof.GONE]
    assert heard(frame("row", GONE)) == [Proof.UNKNOWN, Proof.UNKNOWN]
    assert heard(frame(ACCEPTED, GONE, data={"a": 1})) == [Proof.UNKNOWN, Proof.UNKNOWN]


def test_an_error_about_the_whole_is_that_of_each() -> None:
    assert heard(frame(code="60013")) == [Proof.UNCHANGED_RETRY, Proof.UNCHANGED_RETRY]
    assert heard(frame(code="50011")) == [Proof.UNCHANGED_RETRY, Proof.UNCHANGED_RETRY]
    assert read({"code": "50011", "msg": "", "data": []}, 429) == [Proof.UNCHANGED_RETRY, Proof.UNCHANGED_RETRY]
    assert read({"code": "51406", "msg": "", "data": []}, 400) == [Proof.UNCHANGED_RETRY, Proof.UNCHANGED_RETRY]


def test_what_a_gateway_says_or_nobody_can_read_proves_nothing() -> None:
    assert read({"code": "0", "data": [ACCEPTED, GONE]}, 502) == [Proof.UNKNOWN, Proof.UNKNOWN]
    assert read("nothing") == [Proof.UNKNOWN, Proof.UNKNOWN]
    limited = RestResponse(429, b"<html>")
    answers = spread(WIRES, OKX.read_batch(WIRES, limited)).answers
    assert {(one.proof, one.remedy) for one in answers} == {(Proof.UNCHANGED_RETRY, Remedy.BACK_OFF)}
