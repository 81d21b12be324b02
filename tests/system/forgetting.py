"""A daemon that keeps no ended case in memory: what it knows of old requests is in its journal alone."""

from __future__ import annotations

import sys

from daemon import cli
from daemon.core import bench

bench.KEEP_CLOSED_US = -1  # type: ignore[misc] # an hour otherwise, which no test can wait for

if __name__ == "__main__":
    sys.exit(cli.main(["run", *sys.argv[1:]]))
