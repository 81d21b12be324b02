"""HTX's cancel-after: the call that sets the account's dead-man switch. What happens when it fires is `sim.switch`'s.

The call is known from other people's clients, its fields from the page of its older sister (HTX: Automatic Order
Cancellation): `on_off` 1 or 0, `time_out` in milliseconds, both as text or number.
"""

from daemon.sim.clock import VenueClock
from daemon.sim.switch import Switch
from daemon.sim.timers import MILLISECOND_US
from daemon.sim.venues.htx.queries import QueryRefused
from daemon.sim.wire import JsonObject

LEAST_MS = 5_000


def set_switch(switch: Switch, clock: VenueClock, fields: JsonObject, now_us: int) -> JsonObject:
    """Carry out the call; gives the answer's data. Raises QueryRefused."""
    if switch.refuses_with:
        raise QueryRefused(switch.refuses_with)
    on_off, time_out = str(fields.get("on_off", "")), str(fields.get("time_out", LEAST_MS))
    if on_off not in ("0", "1"):
        raise QueryRefused("1067", "on_off")
    if not time_out.isascii() or not time_out.isdigit() or int(time_out) < LEAST_MS:
        raise QueryRefused("1067", "time_out")
    due_us = switch.set("", int(time_out) * MILLISECOND_US if on_off == "1" else 0, now_us)
    trigger = "0" if due_us is None else clock.ms_text(due_us)
    return {"current_time": str(clock.ms(now_us)), "trigger_time": trigger}
