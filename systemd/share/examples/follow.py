#!/usr/bin/env python3
"""Follow every outcome and correction into a file of JSON lines, without a gap over restarts of this or of canceld.

    follow.py FILE

The last line of the file says where to go on: each outcome has a number that is never used twice, and the daemon
replays from it. Ends with Ctrl-C.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

try:
    from canceld_client import Client
except ImportError:
    from daemon.client import Client


def main(path: Path) -> None:
    """Append what is told, from where the file ends."""
    with path.open("a+") as file:
        file.seek(0)
        seen = [json.loads(line)["seq"] for line in file]
        with Client(name="follow") as canceld:
            canceld.subscribe(["outcomes", "corrections"], from_seq=max(seen, default=-1) + 1)
            for told in canceld.notifications():
                if told.method in {"outcome", "correction"}:
                    file.write(json.dumps(told.params) + "\n")
                    file.flush()
                else:  # a gap: this program was too slow, or the journal does not reach back so far
                    print("missed", told.params, file=sys.stderr)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        main(Path(sys.argv[1]))
    except KeyboardInterrupt:
        sys.exit(130)
