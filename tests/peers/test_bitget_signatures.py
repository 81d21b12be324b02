"""Bitget's dialects write and sign their REST calls and their login as ccxt does: held against ccxt's own output.

Left out are headers that no page asks for: ccxt's broker code, and the language, which ccxt does not choose.
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
from protocols.signing import bitget_rest
from protocols.venues.registry import dialect_for

if TYPE_CHECKING:
    from protocols.dialect import Dialect
    from protocols.rest import RestCall
    from tests.peers.conftest import Drive

pytestmark = pytest.mark.peers

KEYS = {"key": "the-key", "secret": "the-secret", "passphrase": "the pass"}
CREDENTIALS = Credentials(*(Secret(value) for value in KEYS.values()))
NOW_MS = 1_763_600_003_390
HEADERS = ("access-key", "access-timestamp", "access-passphrase", "paptrading")
SECTIONS = {"v2/mix": "mix", "v2/spot": "spot", "v2/public": "common", "v3/trade": "uta", "v3/account": "uta"}


ALIASES = {"bitget": ClientOrderId("a+b#c_1"), "bitget_uta": ClientOrderId("a:b/c.1")}


def calls_of(dialect: Dialect, symbol: str) -> list[RestCall]:
    """Every kind of call that the dialect makes, product by product, by either id."""
    identity = dialect.identity_call()
    assert identity is not None
    calls = [dialect.clock_call(), identity]
    for product in dialect.traits.products:
        for ids in ((OrderId("1376999173366317057"), None), (None, ALIASES[dialect.traits.venue])):
            calls.append(dialect.cancel_call(WireCancel(SendId("s1"), Road.REST, product, symbol, *ids)))
            for step in dialect.traits.ladder:
                asked = Question(QueryId("q1"), step, product, symbol, *ids)
                calls.append(dialect.question_call(asked, None))
    return calls


def asked_of(call: RestCall) -> dict[str, object]:
    path = call.path.removeprefix("/api/")
    return {
        "access": "private" if call.signed else "public",
        "section": SECTIONS["/".join(path.split("/")[:2])],
        "method": call.method,
        "path": path,
        "params": json.loads(call.body) if call.body else dict(call.query),
    }


@pytest.mark.parametrize("environment", ["live", "demo"])
@pytest.mark.parametrize("venue", list(ALIASES))
async def test_calls_and_login_are_what_ccxt_would_send(drive: Drive, venue: str, environment: str) -> None:
    dialect = dialect_for(venue, Profile(environment))
    calls = [call for symbol in ("BTCUSDT", "MØTHUSDT") for call in calls_of(dialect, symbol)]
    asked = {"now_ms": NOW_MS, "is_demo": environment == "demo", "calls": [asked_of(call) for call in calls]}
    seen = await drive("sign_bitget_ccxt", json.dumps(KEYS | asked))
    assert len(seen["calls"]) == len(calls)
    for call, peer in zip(calls, seen["calls"], strict=True):
        signed = dialect.sign(call, CREDENTIALS, NOW_MS * 1000)
        ours, theirs = urlsplit(signed.target), urlsplit(peer["url"])
        assert (signed.method, ours.path) == (peer["method"], theirs.path)
        assert parse_qsl(ours.query) == parse_qsl(theirs.query), call
        if call.signed:
            the_same_signature(call, {name.lower(): value for name, value in signed.headers}, peer)
    assert (
        json.loads(dialect.login(dialect.sockets()[0], CREDENTIALS, NOW_MS * 1000))
        | {
            "url": "wss://ws.bitget.com/v2/ws/private"  # ccxt sends the parameters of its own call along
        }
        == seen["login"]
    )


def the_same_signature(call: RestCall, ours: dict[str, str], peer: dict[str, str | dict[str, str]]) -> None:
    assert isinstance(peer["headers"], dict)
    theirs = {name.lower(): value for name, value in peer["headers"].items()}
    assert {name: ours.get(name) for name in HEADERS} == {name: theirs.get(name) for name in HEADERS}
    if not call.body:
        assert ours["access-sign"] == theirs["access-sign"], call
        return
    assert isinstance(peer["body"], str)
    assert json.loads(peer["body"]) == json.loads(call.body)
    body = peer["body"].encode()  # the same fields in another spacing, and so another signature, made the same way
    assert theirs["access-sign"] == bitget_rest(CREDENTIALS.secret, str(NOW_MS), call.method, call.path, body)
    assert ours["access-sign"] == bitget_rest(CREDENTIALS.secret, str(NOW_MS), call.method, call.path, call.body)
