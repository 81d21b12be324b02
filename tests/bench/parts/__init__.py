"""The parts of the benchmark, a module each, and their registry: what `make bench ARGS="serial scale"` can name.

A part is a function from the run's `Plan` to what stands under the part's name in the results: JSON, whose shape the
module's first paragraph says. It starts what it needs on a `Stage` of its own and leaves nothing behind. A new part is
a module here, a line in `PARTS`, and its lines in `tests.bench.table`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tests.bench.plan import Plan

PARTS: Final = ("serial", "throughput", "open_loop", "stress", "scale", "flatten")


def run_part(name: str, plan: Plan) -> Any:
    """Run one part."""
    return import_module(f"tests.bench.parts.{name}").run(plan)
