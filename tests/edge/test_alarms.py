"""How long an alarm stands: one of a state until it is cleared, one of an event until it was long enough to be seen."""

from __future__ import annotations

from daemon.edge.alarms import EVENTS, Alarms
from daemon.edge.clock import Clock
from daemon.simulate.life import SILENT

MINUTE_NS = 60_000_000_000


def test_an_event_stands_for_a_quarter_of_an_hour_after_it_was_heard_of_last_and_a_state_until_it_is_over() -> None:
    now_ns = 1_763_600_000_000_000_000
    alarms = Alarms(Clock(lambda: now_ns, lambda: now_ns), SILENT)

    def standing() -> list[str]:
        return [alarm.name for alarm in alarms.standing()]

    alarms.sound("auth_failed", "the key is refused")
    for event in sorted(EVENTS):
        alarms.sound(event, "it happened")
    now_ns += 14 * MINUTE_NS
    alarms.sound("cancel_refused", "it happened again")
    assert set(standing()) == EVENTS | {"auth_failed"}
    now_ns += 2 * MINUTE_NS
    assert standing() == ["auth_failed", "cancel_refused"]
    now_ns += 14 * MINUTE_NS
    assert standing() == ["auth_failed"]
    alarms.clear("auth_failed")
    assert standing() == []
