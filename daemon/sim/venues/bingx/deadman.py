"""BingX's cancelAllAfter, which sets the account's dead-man switch. What happens when it fires is `sim.switch`'s.

BingX: Spot / Trade / Cancel All After. While it fires it takes neither ACTIVATE nor CLOSE: the answer's status says so.
"""

from daemon.sim.clock import VenueClock
from daemon.sim.switch import Switch
from daemon.sim.timers import SECOND_US
from daemon.sim.venues.bingx import codes
from daemon.sim.venues.bingx.call import Answers, Call, Refusal

LEAST_S, MOST_S = 10, 120


class CancelAllAfter:
    """Answers the call."""

    def __init__(self, switch: Switch, clock: VenueClock, answers: Answers) -> None:
        self._switch = switch
        self._clock = clock
        self._answers = answers

    def set(self, call: Call) -> None:
        """Carry it out; raises Refusal."""
        if self._switch.refuses_with:
            raise Refusal(self._switch.refuses_with, codes.text(self._switch.refuses_with))
        kind, written = call.text("type"), call.text("timeOut")
        if kind not in ("ACTIVATE", "CLOSE"):
            raise Refusal("100400", codes.text("100400", "Type"))
        seconds = int(written) if written.isascii() and written.isdigit() else 0
        if kind == "ACTIVATE" and not LEAST_S <= seconds <= MOST_S:
            raise Refusal("100400", codes.text("100400", "TimeOut"))
        if self._switch.is_firing(""):
            self._answer(call, 0, "FAILED", "orders are being canceled")
            return
        due_us = self._switch.set("", seconds * SECOND_US if kind == "ACTIVATE" else 0, call.now_us)
        trigger = 0 if due_us is None else self._clock.ms(due_us) // 1_000
        self._answer(call, trigger, "CLOSED" if due_us is None else "ACTIVATED", "")

    def _answer(self, call: Call, trigger: int, status: str, note: str) -> None:
        self._answers.data(call, {"triggerTime": trigger, "status": status, "note": note})
