"""Clients of a simulated world: for what they still wait when the daemon has nothing to do any more."""

from __future__ import annotations

from random import Random
from unittest.mock import Mock

import pytest

from daemon.simulate.clients import WAY_US, Client, Office
from daemon.simulate.kernel import Kernel
from daemon.simulate.plan import ClientPlan
from protocols.control.params import CancelParams, TrackedOrder
from protocols.fix import AccountName, ClientOrderId, OrderId


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


def test_what_a_client_tracked_is_said_again_to_each_further_daemon_before_it_asks_for_anything() -> None:
    kernel = Kernel(0)
    office = Office(kernel, Mock(), Random(1))
    client = Client(office, ClientPlan(1, is_patient=False, leaves=()))
    order = TrackedOrder(account=AccountName("a"), instrument="BTC-USDT", client_order_id=ClientOrderId("c"))
    client.wish("w", CancelParams(AccountName("a"), "BTC-USDT", client_order_id=ClientOrderId("c")))
    client.track(order)
    for _ in range(2):
        office.life = life = Mock()
        client.connect()
        kernel.run(kernel.now_us + WAY_US)
        calls = [name for name, _, _ in life.desk.mock_calls if name in {"track", "cancel"}]
        assert calls == ["track", "cancel"]
        assert life.desk.track.call_args.args[0].orders == [order]
        client.lost()
