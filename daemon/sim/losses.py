"""What PARTIAL_BATCH does to a batch: leaves an item out, refuses one, or turns the answer round. Drawn by the seed."""

from dataclasses import dataclass

from daemon.sim.faults import Fault, FaultEngine

REORDER = "reorder"
LEFT_OUT = "left out"
"""The problem of an item that is neither processed nor answered."""


@dataclass(frozen=True, slots=True)
class Loss:
    """What happens to one batch: to which of its items, with which problem; or to the order of its answer."""

    at: int = -1
    problem: str = ""
    is_reordered: bool = False


def loss_of(faults: FaultEngine, order_id: str, size: int) -> Loss:
    """Draw it, for a batch of so many of which this is the first order. Batches of one lose nothing."""
    how = faults.fires(Fault.PARTIAL_BATCH, order_id) if size > 1 else None
    if how is None:
        return Loss()
    if how == REORDER:
        return Loss(is_reordered=True)
    at = int(faults.pick(Fault.PARTIAL_BATCH, order_id, [str(at) for at in range(size)]))
    return Loss(at, how or LEFT_OUT)
