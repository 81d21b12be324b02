"""Clients of a simulated world: for what they still wait when the daemon has nothing to do any more."""

from __future__ import annotations

from random import Random
from unittest.mock import Mock

import pytest

from daemon.simulate.clients import WAY_US, Client, Office
from daemon.simulate.kernel import Kernel
from daemon.simulate.plan import ClientPlan
from protocols.control.params import CancelParams
from protocols.fix import AccountName, OrderId


@pytest.mark.parametrize("is_patient", [True, False])
def test_after_a_crash_only_who_is_not_patient_waits_for_what_it_asked_for(*, is_patient: bool) -> None:
    kernel = Kernel(0)
    office = Office(kernel, Mock(), Random(1))
    client = Client(office, ClientPlan(1, is_patient=is_patient, leaves=()))
    client.wish("w", CancelParams(AccountName("a"), "BTC-USDT", OrderId("1")))
    assert not client.is_content, "it was not asked for yet"
    office.life = Mock()
    client.connect()
    kernel.run(WAY_US)
    client.lost()
    assert client.is_content is is_patient
    client.answered("w")
    assert client.is_content
