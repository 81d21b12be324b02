"""ccxt.pro drives the simulated Bitget, classic and unified: what it saw, held against the venue's truth; and what it
writes and signs, held against ours.
"""

import json

import pytest

from daemon.sim.shell import serve
from daemon.sim.venues.bitget.options import BitgetOptions
from daemon.sim.venues.bitget.venue import BitgetVenue
from protocols.evidence import Step
from protocols.fix import Road
from protocols.signing import bitget_rest
from tests.peers.conftest import Drive
from tests.protocols.bitget_material import CLASSIC, CREDENTIALS, UNIFIED, question, wire

pytestmark = pytest.mark.peers
SECRET = CREDENTIALS.secret


@pytest.mark.parametrize("kind", ["classic", "unified"])
async def test_ccxt_pro_places_watches_and_cancels_at_the_simulated_bitget(drive: Drive, kind: str) -> None:
    venue = BitgetVenue(BitgetOptions(is_unified=kind == "unified"))
    async with serve(venue) as server:
        seen = await drive("drive_bitget_ccxt.py", server.url, kind)
    watched, by_alias = venue.book.orders()
    assert {order.ord_status.value for order in venue.book.orders()} == {"canceled"}
    assert venue.floor.stats.cancels == {
        watched.order_id: 1,
        by_alias.order_id: 1,
        "1376999173366317057": 1,
    }
    assert venue.floor.rates.breaches == {}
    del seen["ccxt"]
    assert seen == {
        "load_markets": ["spot", "swap"],
        "uta": kind == "unified",  # it asks the venue which kind of account it is
        "create_order": watched.order_id,
        "watch_orders": [[True, "open"]],
        "cancel_order": watched.order_id,
        "watched_to_the_end": "canceled",
        "create_swap_order": by_alias.order_id,
        "fetch_order": "open",
        "fetch_open_orders": [by_alias.order_id],
        "cancel_by_alias": by_alias.order_id,
        "fetch_order_ended": ["canceled", "peer-1", 0.0],
        "cancel_unknown": True,
    }


CALLS = [
    (CLASSIC.cancel_call(wire(road=Road.REST)), "mix"),
    (CLASSIC.cancel_call(wire(product="SPOT", road=Road.REST)), "spot"),
    (CLASSIC.question_call(question(Step.ORDER), None), "mix"),
    (CLASSIC.question_call(question(Step.ORDER, None, "a+b#c", "SPOT"), None), "spot"),
    (CLASSIC.question_call(question(Step.OPEN_ORDERS), None), "mix"),
    (CLASSIC.question_call(question(Step.HISTORY, product="SPOT"), None), "spot"),
    (UNIFIED.cancel_call(wire(road=Road.REST)), "uta"),
    (UNIFIED.question_call(question(Step.ORDER), None), "uta"),
    (UNIFIED.question_call(question(Step.OPEN_ORDERS), None), "uta"),
    (UNIFIED.question_call(question(Step.HISTORY), None), "uta"),
]


async def test_ccxt_writes_and_signs_the_same_calls_as_we_do(drive: Drive) -> None:
    now_ms = 1_700_000_000_000
    asked = [
        (
            call.path.removeprefix("/api/"),
            section,
            call.method,
            json.loads(call.body) if call.body else dict(call.query),
        )
        for call, section in CALLS
    ]
    written = await drive("sign_bitget_ccxt.py", json.dumps(asked), str(now_ms))
    for (call, _), theirs in zip(CALLS, written["calls"], strict=True):
        ours = CLASSIC.sign(call, CREDENTIALS, now_ms * 1000)
        assert theirs["target"] == ours.target
        headers = dict(ours.headers)
        for name in ("ACCESS-KEY", "ACCESS-TIMESTAMP", "ACCESS-PASSPHRASE"):
            assert theirs["headers"][name] == headers[name]
        if not call.body:
            assert theirs["headers"]["ACCESS-SIGN"] == headers["ACCESS-SIGN"], call.path
            continue
        assert json.loads(theirs["body"]) == json.loads(call.body)
        body = theirs["body"].encode()  # the same fields, in another spacing
        assert theirs["headers"]["ACCESS-SIGN"] == bitget_rest(SECRET, str(now_ms), "POST", call.path, body)
