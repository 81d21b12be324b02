"""A simulated venue's own time: the true one, moved by the fault SKEW while that stands. It knows nothing else."""

from dataclasses import dataclass

from daemon.sim.faults import Fault, FaultEngine
from daemon.sim.timers import MILLISECOND_US, seconds_us


@dataclass(frozen=True, slots=True)
class VenueClock:
    """The venue's time, in the units in which venues print it. `now_us` is always the true time."""

    faults: FaultEngine

    def us(self, now_us: int) -> int:
        """Microseconds since the epoch, as the venue has it."""
        skew = self.faults.standing(Fault.SKEW)
        return now_us if skew is None else now_us + seconds_us(skew)

    def ms(self, now_us: int) -> int:
        """Milliseconds since the epoch."""
        return self.us(now_us) // MILLISECOND_US

    def ms_text(self, now_us: int) -> str:
        """Milliseconds since the epoch, as text."""
        return str(self.us(now_us) // MILLISECOND_US)

    def checked_us(self, now_us: int) -> int:
        """Like `us`, for a moment at which somebody depends on the clock: counted as a firing of SKEW while that
        stands.
        """
        if self.faults.standing(Fault.SKEW) is not None:
            self.faults.note(Fault.SKEW)
        return self.us(now_us)

    def checked_ms(self, now_us: int) -> int:
        """Like `checked_us`, in milliseconds."""
        return self.checked_us(now_us) // MILLISECOND_US
