"""Each venue's dead-man switch: what is sent to set it, and what its answers are taken for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest

from protocols.dialect import Profile
from protocols.errors import RemoteError
from protocols.rest import RestResponse
from protocols.venues.registry import VENUES, dialect_for
from tests.protocols.material.kit import body
from tests.protocols.material.verbs import CREDENTIALS, NOW_US

if TYPE_CHECKING:
    from protocols.deadman import DeadManSwitch

WITH = sorted(set(VENUES) - {"bitget"})
ARMED: dict[str, list[RestResponse]] = {
    "okx": [
        body({"code": "0", "msg": "", "data": [{"triggerTime": "1763600030000", "tag": "", "ts": "1763600000000"}]})
    ],
    "okx_spread": [body({"code": "0", "msg": "", "data": [{"triggerTime": "1763600030000", "ts": "1763600000000"}]})],
    "htx": [
        body({"code": 200, "message": "Success", "data": {"current_time": "1", "trigger_time": "1763600030000"}}),
        body({"code": "200", "data": {"current_time": 1, "trigger_time": 1763600030000}}),
    ],
    "bingx": [body({"code": 0, "msg": "", "data": {"triggerTime": 1763600030, "status": "ACTIVATED", "note": "n"}})],
    "bitget_uta": [
        body({"code": "00000", "msg": "success", "data": None}),
        body({"code": "00000", "msg": "success", "data": "success"}),
    ],
}
ENDED: dict[str, list[RestResponse]] = {
    "okx": [body({"code": "0", "msg": "", "data": [{"triggerTime": "0", "ts": "1763600000000"}]})],
    "okx_spread": [body({"code": "0", "msg": "", "data": [{"triggerTime": "0", "ts": "1763600000000"}]})],
    "htx": [
        body({"code": 200, "message": "Success", "data": {"current_time": "1", "trigger_time": "0"}}),
        body({"code": 200, "message": "Success", "data": None}),
    ],
    "bingx": [body({"code": 0, "msg": "", "data": {"triggerTime": 0, "status": "CLOSED", "note": ""}})],
    "bitget_uta": ARMED["bitget_uta"],
}
REFUSED: dict[str, list[RestResponse]] = {
    "okx": [body({"code": "50013", "msg": "busy", "data": []}), body({"code": "0", "msg": "", "data": []})],
    "okx_spread": [body({"code": "51071", "msg": "tags", "data": []})],
    "htx": [body({"code": 1220, "message": "no permission", "data": None})],
    "bingx": [
        body({"code": 0, "msg": "", "data": {"triggerTime": 0, "status": "FAILED", "note": "it is firing"}}),
        body({"code": 100410, "msg": "rate limited"}),
    ],
    "bitget_uta": [body({"code": "40014", "msg": "Incorrect permissions", "data": None}, 400)],
}


def switch_of(venue: str) -> DeadManSwitch:
    switch = dialect_for(venue, Profile()).traits.switch
    assert switch is not None
    return switch


def sent(venue: str, timeout_s: int, tag: str = "") -> tuple[str, str, dict[str, Any]]:
    """What a call looks like on the wire: method, path, and its fields."""
    signed = dialect_for(venue, Profile()).sign(switch_of(venue).call(timeout_s, tag), CREDENTIALS, NOW_US)
    parts = urlsplit(signed.target)
    fields: dict[str, Any] = {name: values[0] for name, values in parse_qs(parts.query).items()}
    return signed.method, parts.path, orjson.loads(signed.body) if signed.body else fields


def test_only_the_classic_account_has_none_and_says_so() -> None:
    assert {venue for venue in VENUES if dialect_for(venue, Profile()).traits.switch is None} == {"bitget"}
    assert "unified" in dialect_for("bitget", Profile()).traits.no_switch


@pytest.mark.parametrize(
    ("venue", "path", "arming", "ending"),
    [
        ("okx", "/api/v5/trade/cancel-all-after", {"timeOut": "30"}, {"timeOut": "0"}),
        ("okx_spread", "/api/v5/sprd/cancel-all-after", {"timeOut": "30"}, {"timeOut": "0"}),
        ("htx", "/v5/trade/cancel-after", {"on_off": "1", "time_out": "30000"}, {"on_off": "0"}),
        ("bitget_uta", "/api/v3/trade/countdown-cancel-all", {"countdown": "30"}, {"countdown": "0"}),
        (
            "bingx",
            "/openApi/spot/v1/trade/cancelAllAfter",
            {"type": "ACTIVATE", "timeOut": "30"},
            {"type": "CLOSE"},
        ),
    ],
)
def test_the_call_is_the_one_of_the_venues_page(
    venue: str, path: str, arming: dict[str, str], ending: dict[str, str]
) -> None:
    for timeout_s, fields in ((30, arming), (0, ending)):
        method, target, given = sent(venue, timeout_s)
        assert (method, target) == ("POST", path)
        assert {name: given.get(name) for name in fields} == fields
    assert "timeOut" not in sent(venue, 0)[2] or "okx" in venue


def test_a_tag_narrows_the_switch_where_the_venue_has_tags() -> None:
    assert sent("okx", 30, "mm1")[2] == {"timeOut": "30", "tag": "mm1"}
    assert switch_of("okx").traits.covers_of_tag
    assert [venue for venue in WITH if switch_of(venue).traits.tag_chars] == ["okx"]


@pytest.mark.parametrize("venue", WITH)
def test_an_answer_that_says_so_sets_or_ends_it_and_no_other_does(venue: str) -> None:
    switch = switch_of(venue)
    for response in ARMED[venue]:
        switch.read(30, response)
    for response in ENDED[venue]:
        switch.read(0, response)
    strange = [RestResponse(200, b"<html>"), RestResponse(200, b"{}"), RestResponse(502, ARMED[venue][0].body)]
    for response in (*REFUSED[venue], *strange):
        for timeout_s in (30, 0):
            with pytest.raises(RemoteError):
                switch.read(timeout_s, response)


@pytest.mark.parametrize("venue", sorted(set(WITH) - {"bitget_uta"}))
def test_a_countdown_that_does_not_run_is_not_taken_for_one_that_does(venue: str) -> None:
    for response in ENDED[venue]:
        with pytest.raises(RemoteError):
            switch_of(venue).read(30, response)


@pytest.mark.parametrize("venue", WITH)
def test_the_switch_has_a_rate_rule_of_its_venue_and_a_range(venue: str) -> None:
    traits = switch_of(venue).traits
    rules = dialect_for(venue, Profile()).traits.rate_rules
    assert any(traits.operation in rule.operations for rule in rules)
    assert 0 < traits.least_s < traits.most_s
    assert traits.covers
    assert traits.page
