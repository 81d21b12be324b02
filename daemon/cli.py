"""`canceld`: the daemon's own command. `cancelctl` is its client's.

Each subcommand is loaded only when it is asked for, so that the daemon itself never loads a simulated venue.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from daemon.version import software_version
from protocols.errors import ConfigMistake, LocalError

if TYPE_CHECKING:
    from collections.abc import Sequence

EXIT_OK: Final = 0
EXIT_FAILED: Final = 1
EXIT_CONFIG: Final = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand and give its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    options = _parser(given[0] if given else "").parse_args(given)
    match options.command:
        case "run":
            return _run(Path(options.config))
        case "check":
            return _check(Path(options.config), is_online=options.online)
        case "client-source":
            from daemon.client_source import print_source

            return print_source(sys.stdout)
        case "journal":
            from daemon import journal_command

            return journal_command.run(options)
        case "sim":
            from daemon.sim import main as sim

            return sim.run(options)
        case "simulate":
            from daemon.simulate import command as simulate

            return simulate.run(options)
        case _:
            from daemon.demo import command as demo

            return demo.run(options)


def _check(path: Path, *, is_online: bool) -> int:
    if is_online:
        from daemon.check_online import check_online

        return check_online(path, sys.stdout, os.environ)
    from daemon.check import check

    return check(path, sys.stdout, os.environ)


def _run(path: Path) -> int:
    import faulthandler

    import uvloop

    from daemon.config import beyond, mistakes_on_host, read
    from daemon.config.deadman import slow_watchdogs
    from daemon.edge.systemd import watchdog_s
    from daemon.service import serve

    config, mistakes = read(path)
    if config is not None:
        around = [*mistakes_on_host(config), *slow_watchdogs(config, watchdog_s(os.environ, os.getpid()))]
        mistakes += beyond(mistakes, around)
    for mistake in mistakes:
        print(mistake, file=sys.stderr)
    if mistakes or config is None:
        return EXIT_CONFIG
    faulthandler.enable()  # where it hung, when the watchdog's SIGABRT comes: files and lines, no values
    try:
        uvloop.run(serve(config, os.environ))
    except ConfigMistake as mistake:
        print(f"canceld: {mistake}", file=sys.stderr)
        return EXIT_CONFIG
    except LocalError as error:
        print(f"canceld: {error}", file=sys.stderr)
        return EXIT_FAILED
    return EXIT_OK


def _parser(wanted: str) -> argparse.ArgumentParser:
    """Describe all subcommands, and the arguments of the ``wanted`` one where describing them means loading it."""
    parser = argparse.ArgumentParser(
        prog="canceld", description="An order-cancel daemon: one cancel request in, one proven outcome out."
    )
    parser.add_argument("--version", action="version", version=f"canceld {software_version()}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, purpose in (
        ("run", "run the daemon"),
        ("check", "validate a configuration: exit 0, or 2 and its mistakes"),
    ):
        command = commands.add_parser(name, help=purpose, description=purpose)
        command.add_argument("--config", required=True, metavar="FILE", help="the configuration (TOML)")
        if name == "check":
            what = "ask each venue too: clock, key, login, instrument codes; sends no cancel; exit 1: not reached"
            command.add_argument("--online", action="store_true", help=what)
    commands.add_parser(
        "client-source",
        help="print the client library, for other environments",
        description="Print the client library as one module that needs the standard library alone: for programs whose "
        "environment cannot have canceld in it.",
    )
    for name, purpose, describe in (
        ("demo", "watch it at work; needs no account and no network", _describe_demo),
        ("sim", "run a simulated venue", _describe_sim),
        ("simulate", "run it in a world of faults, by seeds, and audit each word", _describe_simulate),
        ("journal", "verify a journal, or export it as JSON lines", _describe_journal),
    ):
        command = commands.add_parser(name, help=purpose, description=purpose)
        if name == wanted:
            describe(command)
    return parser


def _describe_demo(command: argparse.ArgumentParser) -> None:
    from daemon.demo import command as demo

    demo.add_arguments(command)


def _describe_journal(command: argparse.ArgumentParser) -> None:
    from daemon import journal_command

    journal_command.add_arguments(command)


def _describe_sim(command: argparse.ArgumentParser) -> None:
    from daemon.sim import main as sim

    sim.add_arguments(command)


def _describe_simulate(command: argparse.ArgumentParser) -> None:
    from daemon.simulate import command as simulate

    simulate.add_arguments(command)


if __name__ == "__main__":
    sys.exit(main())
