"""HTX's dialect writes and signs its REST calls and its logins as ccxt does: held against ccxt's own output.

The header of a GET is left out: ccxt says that its body, which is none, would be a form.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import pytest

from protocols.asks import Cursor, Question, WireCancel
from protocols.dialect import Endpoints, Profile
from protocols.evidence import Step
from protocols.fix import ClientOrderId, OrderId, QueryId, Road, SendId
from protocols.secret import Credentials, Secret
from protocols.venues.htx.dialect import HtxFutures
from protocols.venues.htx.queries import NEXT, Mark

if TYPE_CHECKING:
    from protocols.rest import RestCall
    from tests.peers.conftest import Drive

pytestmark = pytest.mark.peers

KEYS = {"key": "11111111-22222222-33333333-44444", "secret": "the-secret"}
CREDENTIALS = Credentials(Secret(KEYS["key"]), Secret(KEYS["secret"]), Secret(""))
NOW_MS = 1_763_600_003_000
IDS = ((OrderId("1550600000000000001"), None), (None, ClientOrderId("77")))
ISOLATED_PAGE = Mark(mode=1, pages=1, direct=NEXT, low=5, high=17)


def calls_of(dialect: HtxFutures) -> list[RestCall]:
    """Every kind of call that the dialect makes: each question in both margin modes, listings page by page."""
    calls = [dialect.clock_call()]
    for ids in IDS:
        calls.append(dialect.cancel_call(WireCancel(SendId("s1"), Road.REST, "", "BTC-USDT", *ids)))
        for step in dialect.traits.ladder:
            asked = Question(QueryId("q1"), step, "", "BTC-USDT", *ids)
            marks = [Mark(), Mark(mode=1), *([ISOLATED_PAGE] if step is not Step.ORDER else [])]
            cursors = [Cursor(json.dumps(mark_fields(mark)), 2) for mark in marks]
            calls += [dialect.question_call(asked, cursor) for cursor in (None, *cursors)]
    return calls


def mark_fields(mark: Mark) -> dict[str, object]:
    return {name: getattr(mark, name) for name in mark.__struct_fields__}


@pytest.mark.parametrize("host", ["api.hbdm.com", "api.hbdm.vn", "127.0.0.1:9000"])
async def test_calls_and_logins_are_what_ccxt_would_send(drive: Drive, host: str) -> None:
    dialect = HtxFutures(Profile(endpoints=Endpoints(rest=f"https://{host}", ws=f"wss://{host}")))
    calls, sockets = calls_of(dialect), dialect.sockets()
    asked = [
        {
            "access": "private" if call.signed else "public",
            "method": call.method,
            "path": call.path.removeprefix("/"),
            "params": json.loads(call.body) if call.body else dict(call.query),
        }
        for call in calls
    ]
    wanted = {"now_ms": NOW_MS, "host": host, "paths": [plan.path for plan in sockets], "calls": asked}
    seen = await drive("sign_htx_ccxt", json.dumps(KEYS | wanted))
    assert len(seen["calls"]) == len(calls)
    for call, peer in zip(calls, seen["calls"], strict=True):
        signed = dialect.sign(call, CREDENTIALS, NOW_MS * 1000)
        ours, theirs = urlsplit(signed.target), urlsplit(peer["url"])
        assert (signed.method, ours.path, theirs.netloc) == (peer["method"], theirs.path, host)
        assert parse_qsl(ours.query) == parse_qsl(theirs.query), call  # order and signature too
        assert bool(peer["body"]) is bool(call.body)
        if call.body:  # the same fields, in another spacing; HTX does not sign them
            assert json.loads(peer["body"]) == json.loads(signed.body)
            assert dict(signed.headers)["Content-Type"] == peer["headers"]["Content-Type"]
    assert len(seen["logins"]) == len(sockets)
    for plan, peer in zip(sockets, seen["logins"], strict=True):
        frame = json.loads(dialect.login(plan, CREDENTIALS, NOW_MS * 1000))
        assert frame.pop("cid") == f"auth{plan.name}"  # optional, and ccxt has none
        assert frame == peer
