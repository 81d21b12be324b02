"""Folds what repeats itself in a story, and leaves out the middle of one that is too long all the same.

An order in doubt is asked about for hours, a round of questions a minute, and each round reads like the one before. So
a run of such steps is told once, and how often it came again; the first of its kind stands there whole. Only questions
and what they showed are folded: what was asked of us, what left, and what was concluded is told each time. The journal
has everything, and ``canceld journal export`` gives it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

PERIOD_MAX: Final = 16
"""Steps of the longest run that is looked for: a round of four questions, each with an answer and what that showed."""
FOLDED: Final = frozenset({"asked", "told", "ask_failed", "observed"})
HEAD_SHARE: Final = 10
"""One in so many of the steps that are shown is of the beginning."""
REPEATED: Final = "repeated"
LEFT_OUT: Final = "left_out"
OF_OTHERS: Final = frozenset({REPEATED, LEFT_OUT})
"""Kinds of steps that stand for others."""
_QUESTION: Final = re.compile(r"^question \S+")


class StepTold(msgspec.Struct, frozen=True):
    """A step in words. ``number`` is its row in the journal, or for one that stands `OF_OTHERS` the row after them."""

    number: int
    t: int
    kind: str
    detail: str


@dataclass(slots=True)
class _Again:
    """The steps that came before came again: these, and so often in all, for the last time at ``until_us``."""

    steps: list[StepTold]
    until_us: int
    count: int = 1

    def told(self) -> list[StepTold]:
        """Tell it in a step; what came again only once is told itself, since that is hardly longer."""
        if self.count == 1:
            return self.steps
        what = "the step before" if len(self.steps) == 1 else f"the {len(self.steps)} steps before"
        often = f"{what} came {self.count} times more, for the last time now"
        return [StepTold(self.steps[-1].number, self.until_us, REPEATED, often)]


def folded(steps: Iterable[StepTold]) -> list[StepTold]:
    """Tell runs of the same steps that came three times and more once, with how often they came again."""
    shown: list[StepTold | _Again] = []
    shapes: list[str | None] = []
    """What a step is but for its number and time; None for what is never folded."""
    for step in steps:
        shown.append(step)
        shapes.append(f"{step.kind} {_QUESTION.sub('', step.detail)}" if step.kind in FOLDED else None)
        _fold_the_end(shown, shapes, step.t)
    return [step for entry in shown for step in (entry.told() if isinstance(entry, _Again) else [entry])]


def shortened(steps: list[StepTold], at_most: int) -> list[StepTold]:
    """Leave out the middle of what is too long, and say how much."""
    if len(steps) <= at_most:
        return steps
    head = at_most // HEAD_SHARE
    tail = steps[len(steps) - (at_most - head - 1) :]
    left_out = len(steps) - head - len(tail)
    middle = StepTold(tail[0].number, tail[0].t, LEFT_OUT, f"{left_out} steps that the journal has")
    return [*steps[:head], middle, *tail]


def _fold_the_end(shown: list[StepTold | _Again], shapes: list[str | None], now_us: int) -> None:
    """Put a count in place of the last steps if they are a run that came just before."""
    for length in range(1, PERIOD_MAX + 1):
        run = shapes[-length:]
        if len(run) < length or None in run:
            return
        at = len(shown) - length
        before = shown[at - 1] if at else None
        if isinstance(before, _Again):
            if len(before.steps) == length and shapes[at - 1 - length : at - 1] == run:
                before.count += 1
                before.until_us = now_us
                del shown[at:], shapes[at:]
                return
        elif shapes[max(0, at - length) : at] == run:
            steps = [step for step in shown[at:] if isinstance(step, StepTold)]
            shown[at:], shapes[at:] = [_Again(steps, now_us)], [None]
            return
