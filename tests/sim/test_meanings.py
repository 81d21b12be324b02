"""Each simulated venue takes or refuses each primitive of the fault catalogue, and says so; each has its venue."""

import json

import pytest

from daemon.sim.control import control
from daemon.sim.faults import Fault, FaultError
from daemon.sim.registry import VENUES, build
from daemon.sim.venue import HttpRequest, HttpResponse, SimVenue

NOW_US = 1_790_000_000_000_000
OF_THE_DAEMON = {Fault.RESTART}
"""A venue cannot show it: the daemon is killed and started again by whoever runs it."""
MEANINGLESS = {
    "okx": {Fault.KEY_EXPIRE},
    "okx_spread": {Fault.KEY_EXPIRE, Fault.PARTIAL_BATCH},
    "bitget": {Fault.KEY_EXPIRE},
    "bitget_uta": {Fault.KEY_EXPIRE},
    "htx": {Fault.KEY_EXPIRE},
    "bingx": {Fault.NOTICE_CLOSE},
}
"""Of each venue: there are no listen keys, it takes no batches here, or it announces nothing."""


def set_fault(venue: SimVenue, name: str) -> HttpResponse:
    body = json.dumps({name: {"count": 1}}).encode()
    return control(venue, HttpRequest("POST", "/_sim/faults", {}, body), NOW_US)


@pytest.mark.parametrize("fault", list(Fault), ids=lambda fault: fault.value)
@pytest.mark.parametrize("name", list(VENUES))
def test_a_primitive_stands_or_is_refused_with_a_sentence(name: str, fault: Fault) -> None:
    venue = build(name)
    answer = set_fault(venue, fault.value)
    if fault in MEANINGLESS[name] | OF_THE_DAEMON:
        sentence = f"{fault.value} has no meaning on {name}"
        assert (answer.status, json.loads(answer.body)) == (400, {"error": sentence})
        assert venue.faults.rules() == []
        with pytest.raises(FaultError, match=f"^{sentence}$"):
            build(name, faults=fault.value)
    else:
        assert answer.status == 200
        assert [rule.fault for rule in venue.faults.rules()] == [fault]
        assert [rule.fault for rule in build(name, faults=fault.value).faults.rules()] == [fault]


def test_every_primitive_but_the_daemons_own_has_a_meaning_somewhere() -> None:
    assert len(Fault) == 31
    assert set.intersection(*MEANINGLESS.values()) == set()
    assert set(MEANINGLESS) == set(VENUES)


@pytest.mark.parametrize("name", list(VENUES))
def test_a_name_outside_the_catalogue_is_refused_with_the_catalogue(name: str) -> None:
    answer = set_fault(build(name), "NO_SUCH_FAULT")
    assert answer.status == 400
    assert all(fault.value in json.loads(answer.body)["error"] for fault in Fault)
