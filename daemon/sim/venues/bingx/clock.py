"""The simulated BingX's own time: the true one, moved by SKEW while that stands. It knows nothing else."""

from dataclasses import dataclass

from daemon.sim.faults import Fault, FaultEngine
from daemon.sim.timers import MILLISECOND_US, SECOND_US


@dataclass(frozen=True, slots=True)
class VenueClock:
    """The venue's time in the two units that it needs."""

    faults: FaultEngine

    def us(self, now_us: int) -> int:
        """Microseconds since the epoch, as the venue has it."""
        skew = self.faults.standing(Fault.SKEW)
        return now_us if skew is None else now_us + round(float(skew) * SECOND_US)

    def ms(self, now_us: int) -> int:
        """Milliseconds since the epoch, as BingX prints them."""
        return self.us(now_us) // MILLISECOND_US

    def checked_ms(self, now_us: int) -> int:
        """Like `ms`, for a moment at which somebody depends on the clock: counted as a firing of SKEW while that
        stands.
        """
        if self.faults.standing(Fault.SKEW) is not None:
            self.faults.note(Fault.SKEW)
        return self.ms(now_us)
