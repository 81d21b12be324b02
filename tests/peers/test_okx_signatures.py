"""OKX's dialects write and sign their REST calls and their login as ccxt does: held against ccxt's own output."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from protocols.asks import Question, WireCancel
from protocols.dialect import Profile
from protocols.evidence import Step
from protocols.fix import ClientOrderId, OrderId, QueryId, Road, SendId
from protocols.secret import Credentials, Secret
from protocols.venues.okx.asking import Mark
from protocols.venues.registry import dialect_for

if TYPE_CHECKING:
    from protocols.dialect import Dialect
    from protocols.rest import RestCall
    from tests.peers.conftest import Drive

pytestmark = pytest.mark.peers

KEYS = {"key": "the-key", "secret": "the-secret", "passphrase": "the pass"}
CREDENTIALS = Credentials(*(Secret(value) for value in KEYS.values()))
NOW_MS = 1_763_600_003_390
PREFIX = "/api/v5/"
INSTRUMENTS = {"okx": "BTC-USDT-SWAP", "okx_spread": "BTC-USDT_BTC-USDT-SWAP"}


def calls_of(dialect: Dialect, instrument: str) -> list[RestCall]:
    """Every kind of call that the dialect makes."""
    identity = dialect.identity_call()
    assert identity is not None
    calls = [dialect.clock_call(), identity, *dialect.reference_calls()]
    for ids in ((OrderId("2900000000000000001"), None), (None, ClientOrderId("mine1"))):
        calls.append(dialect.cancel_call(WireCancel(SendId("s1"), Road.REST, "", instrument, *ids)))
        for step in dialect.traits.ladder:
            asked = Question(QueryId("q1"), step, "", instrument, *ids)
            calls.append(dialect.question_call(asked, None))
            if step is not Step.ORDER:
                calls.append(dialect.question_call(asked, Mark(after="17").cursor(2)))
    return calls


@pytest.mark.parametrize("venue", list(INSTRUMENTS))
@pytest.mark.parametrize("environment", ["live", "demo"])
async def test_calls_and_login_are_what_ccxt_would_send(drive: Drive, venue: str, environment: str) -> None:
    dialect = dialect_for(venue, Profile(environment))
    calls = calls_of(dialect, INSTRUMENTS[venue])
    asked = [
        {
            "access": "private" if call.signed else "public",
            "method": call.method,
            "path": call.path.removeprefix(PREFIX),
            "params": json.loads(call.body) if call.body else dict(call.query),
        }
        for call in calls
    ]
    wanted = json.dumps(KEYS | {"now_ms": NOW_MS, "is_demo": environment == "demo", "calls": asked})
    seen = await drive("sign_okx_ccxt", wanted)
    assert len(seen["calls"]) == len(calls)
    for call, peer in zip(calls, seen["calls"], strict=True):
        signed = dialect.sign(call, CREDENTIALS, NOW_MS * 1000)
        assert peer["url"].endswith(signed.target), call
        assert (peer["body"] or "").encode() == signed.body, call
        ours = {name.lower(): value for name, value in signed.headers}
        theirs = {name.lower(): value for name, value in peer["headers"].items()}
        assert {"content-type": "application/json"} | theirs == ours, call
    login = dialect.login(dialect.sockets()[0], CREDENTIALS, NOW_MS * 1000)
    assert json.loads(login) == seen["login"]
