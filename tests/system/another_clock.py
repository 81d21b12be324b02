"""A daemon whose host's clock somebody sets: a file ``clock.shift`` beside its configuration says how far, in seconds.

It is read each time the clock is, so a clock can jump while the daemon runs. The product knows nothing of this: what
tells it the time of day is replaced here, before it starts.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

SHIFT = "clock.shift"


def shift_ns() -> int:
    """By how much the clock is wrong now."""
    try:
        return int(FOLDER.joinpath(SHIFT).read_text() or "0") * 1_000_000_000
    except FileNotFoundError:
        return 0


if __name__ == "__main__":
    FOLDER = Path(sys.argv[-1]).parent
    right_ns = time.time_ns
    time.time_ns = lambda: right_ns() + shift_ns()
    time.time = lambda: time.time_ns() / 1e9

    from daemon import cli  # after that, since some parts bind the clock when they are loaded

    sys.exit(cli.main(["run", *sys.argv[1:]]))
