"""Runs targets under atheris, which follows what code an input reaches: ``make fuzz``, a bounded time for each target.

Everything is imported once, instrumented; then each target gets a process of its own, some at a time, with a limit on
its memory and on the time of one input. What reached something new is kept in ``.fuzz/NAME`` on this machine; with
``--keep`` the least of it that reaches as much goes into `corpus`, for the tests of everybody.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import atheris

with (
    contextlib.redirect_stderr(io.StringIO()),  # it tells of every module
    atheris.instrument_imports(include=["daemon", "protocols"], enable_loader_override=False),
):
    from tests.fuzz.targets import targets

from tests.fuzz.target import INPUT_BYTES_MAX

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import FrameType

    from _typeshed import TraceFunction

    from tests.fuzz.target import Target

WORK: Final = Path(".fuzz")
MEMORY_MB_MAX: Final = 700
ONE_INPUT_S_MAX: Final = 5
OURS: Final = tuple(f"{Path.cwd()}/{room}/" for room in ("daemon", "protocols"))
KEPT_MAX: Final = 80
"""Inputs of a target that go into `corpus`, the shortest first."""
TOKENS: Final = ('"', "{", "}", "[", "]", ":", ",", "null", "true", "1e999", "-1", "99999999999999999999", "\\\\ud800")
_DONE: Final = re.compile(r"#(\d+)\s+DONE\s+cov: (\d+).*corp: (\d+)")


def main() -> int:
    """Fuzz; 0 if every target held."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="TARGET", help=f"default: all of {', '.join(targets())}")
    parser.add_argument("--seconds", type=int, default=30, help="for each target (%(default)s)")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="at a time (%(default)s)")
    parser.add_argument("--keep", action="store_true", help="put what reached something new into the tests' corpus")
    given = parser.parse_args()
    unknown = set(given.names) - set(targets())
    if unknown:
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    chosen = [target for name, target in targets().items() if name in (given.names or targets())]
    WORK.mkdir(exist_ok=True)
    (WORK / "tokens").write_text("".join(f'"{token.replace(chr(34), chr(92) + chr(34))}"\n' for token in TOKENS))
    broken = [target.name for target, code in run_all(chosen, given.seconds, given.jobs) if code != 0]
    if given.keep:
        for target in chosen:
            keep(target)
    print(f"{len(chosen) - len(broken)} of {len(chosen)} targets held, {given.seconds} s each")
    return 1 if broken else 0


def run_all(chosen: Sequence[Target], seconds: int, jobs: int) -> Iterator[tuple[Target, int]]:
    """Run targets, ``jobs`` at a time; give each with its exit code and tell of it."""
    running: dict[int, Target] = {}
    waiting = list(chosen)
    while waiting or running:
        while waiting and len(running) < jobs:
            target = waiting.pop(0)
            running[started(target, [f"-max_total_time={seconds}", str(seeded(target))])] = target
        pid, status = os.wait()
        target, code = running.pop(pid), os.waitstatus_to_exitcode(status)
        tell(target, code)
        yield target, code


def seeded(target: Target) -> Path:
    """Give the folder of a target's inputs, with the seeds and the kept ones in it."""
    folder = WORK / target.name
    folder.mkdir(exist_ok=True)
    for data in (*target.seeds, *target.kept()):
        (folder / hashlib.sha1(data, usedforsecurity=False).hexdigest()).write_bytes(data)
    return folder


def started(target: Target, arguments: Sequence[str]) -> int:
    """Begin to fuzz in a process of its own; give its id. What it says goes into a file."""
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return pid
    said = os.open(log_of(target), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(said, 1)
    os.dup2(said, 2)
    limits = [f"-max_len={INPUT_BYTES_MAX}", f"-rss_limit_mb={MEMORY_MB_MAX}", f"-timeout={ONE_INPUT_S_MAX}"]
    places = [f"-artifact_prefix={WORK}/{target.name}.", f"-dict={WORK}/tokens"]
    atheris.Setup([target.name, *limits, *places, *arguments], target.run)
    atheris.Fuzz()
    raise SystemExit  # not reached: the engine ends the process


def log_of(target: Target) -> Path:
    return WORK / f"{target.name}.log"


def tell(target: Target, code: int) -> None:
    """Say how a target fared; where it failed, all that its process said, and where the input is."""
    said = log_of(target).read_text(errors="replace")
    done = _DONE.search(said)
    if code == 0 and done is not None:
        print(f"{target.name:<20} {int(done[1]):>8} inputs, {done[2]} places reached, {done[3]} kept", flush=True)
    else:
        print(f"{target.name:<20} FAILED ({code})\n{said[-6000:]}", flush=True)


def keep(target: Target) -> None:
    """Put into the corpus what reaches lines that nothing shorter, and no seed, reaches."""
    seen = set().union(*(lines_reached(target, data) for data in target.seeds))
    kept: list[bytes] = []
    for data in sorted((file.read_bytes() for file in seeded(target).iterdir()), key=lambda data: (len(data), data)):
        lines = lines_reached(target, data)
        if not lines <= seen and len(kept) < KEPT_MAX:
            seen |= lines
            kept.append(data)
    target.keep(kept)


def lines_reached(target: Target, data: bytes) -> set[tuple[str, int]]:
    """Run an input, and give the lines of ours that it went through."""
    lines: set[tuple[str, int]] = set()

    def trace(frame: FrameType, _: str, __: object) -> TraceFunction | None:
        file = frame.f_code.co_filename
        if not file.startswith(OURS):
            return None
        lines.add((file, frame.f_lineno))
        return trace

    sys.settrace(trace)
    try:
        target.run(data)
    finally:
        sys.settrace(None)
    return lines


if __name__ == "__main__":
    sys.exit(main())
