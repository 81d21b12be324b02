"""BingX's dialect writes and signs its REST calls as ccxt does: held against ccxt's own output.

The time is asked for unsigned and without parameters here, and with a timestamp there, which a public call ignores.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import pytest

from protocols.asks import Question, WireCancel
from protocols.dialect import Profile
from protocols.fix import ClientOrderId, OrderId, QueryId, Road, SendId
from protocols.secret import Credentials, Secret
from protocols.venues.bingx import rates
from protocols.venues.bingx.dialect import BingxSpot

if TYPE_CHECKING:
    from protocols.rest import RestCall
    from tests.peers.conftest import Drive

pytestmark = pytest.mark.peers

KEYS = {"key": "the-key", "secret": "the-secret"}
CREDENTIALS = Credentials(Secret("the-key"), Secret("the-secret"), Secret(""))
NOW_MS = 1_763_600_003_390
PREFIX = "/openApi/"
BINGX = BingxSpot(Profile())


def calls_of(symbol: str) -> list[RestCall]:
    """Every kind of signed call that the dialect makes."""
    admission = BINGX.sockets()[0].admission
    assert admission is not None
    calls = [BINGX.identity_call(), admission.ask(), admission.extend(Secret("ab12"))]
    params = {"recvWindow": "5000", "cancelRestrictions": "PENDING"}
    for order_id, alias in ((OrderId("2030000000000000123"), None), (None, ClientOrderId("oms_7"))):
        for operation in ("", rates.CANCEL_ORDERS):
            wire = WireCancel(SendId("s1"), Road.REST, "", symbol, order_id, alias, params, operation)
            calls.append(BINGX.cancel_call(wire))
        calls += [
            BINGX.question_call(Question(QueryId("q1"), step, "", symbol, order_id, alias), None)
            for step in BINGX.traits.ladder
        ]
    return calls


def asked_of(call: RestCall) -> dict[str, object]:
    """The call as ccxt's own method wants it: its section is type, version and access."""
    parts = call.path.removeprefix(PREFIX).split("/")
    if parts[:2] == ["user", "auth"]:
        section, path = ["user", "auth", "private"], "/".join(parts[2:])
    else:
        section, path = [parts[0], parts[1], "private"], "/".join(parts[2:])
    return {"section": section, "path": path, "method": call.method, "params": dict(call.query)}


@pytest.mark.parametrize("symbol", ["BTC-USDT", "OTHR#99961-USDT", "MØTH-USDT"])
async def test_calls_are_what_ccxt_would_send(drive: Drive, symbol: str) -> None:
    calls = calls_of(symbol)
    asked = json.dumps(KEYS | {"now_ms": NOW_MS, "calls": [asked_of(call) for call in calls]})
    seen = await drive("sign_bingx_ccxt", asked)
    assert len(seen["calls"]) == len(calls)
    for call, peer in zip(calls, seen["calls"], strict=True):
        signed = BINGX.sign(call, CREDENTIALS, NOW_MS * 1000)
        ours, theirs = urlsplit(signed.target), urlsplit(peer["url"])
        assert (signed.method, ours.path) == (peer["method"], theirs.path)
        assert parse_qsl(ours.query) == parse_qsl(theirs.query), call  # order and signature too
        assert (peer["body"] or "").encode() == signed.body, call
        assert dict(signed.headers)["X-BX-APIKEY"] == peer["headers"]["X-BX-APIKEY"]
