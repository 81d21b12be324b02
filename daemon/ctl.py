"""`cancelctl`: ask a running canceld from a shell, and learn the outcome from the exit code too.

    0 canceled (8: as half of a replace) · 3 filled · 4 rejected · 5 in doubt · 6 unknown order · 7 not sent
    9 no answer within --timeout · 10 no daemon · 2 usage · 1 any other error
    cancel-all and cancel-batch exit with the worst outcome, worst first: 5, 4, 7, 6, 8, 3, 0

What is asked and answered is the client library's, how it looks `ctl_screens`'. With ``--json`` stdout holds exactly
one JSON object (`watch`: one a line), and everything else goes to stderr.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from functools import partial
from typing import TYPE_CHECKING, Final

from daemon import ctl_options as read
from daemon import ctl_screens as screens
from daemon.client import (
    BULK_TIMEOUT_S,
    CANCEL_TIMEOUT_S,
    TIMEOUT_S,
    Client,
    ClientError,
    NoAnswer,
    NoDaemon,
    Refused,
    new_request_id,
)
from daemon.ctl_options import (
    EXIT_BROKEN_PIPE,
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_NO_ANSWER,
    EXIT_NO_DAEMON,
    EXIT_OK,
    EXIT_REPLACED,
    EXIT_USAGE,
    OUTCOME_EXITS,
    Parser,
    Usage,
)
from daemon.ctl_output import Output
from daemon.ctl_story import story_lines
from daemon.version import software_version

TOPICS: Final = ("outcomes", "corrections", "orders", "sessions")
HISTORY_LIMIT: Final = 100

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from daemon.client import Wish


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and give its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    out = Output(as_json="--json" in given)
    try:
        options = _parser().parse_args(given)
        with Client(options.socket, name="cancelctl") as canceld:
            command: Callable[[Client, argparse.Namespace, Output], int] = options.run
            return command(canceld, options, out)
    except Usage as usage:
        usage.parser.print_usage(sys.stderr)
        return _fail(out, EXIT_USAGE, "usage", str(usage))
    except ClientError as error:
        return _explain_failure(out, error)
    except KeyboardInterrupt:
        return _fail(out, EXIT_INTERRUPTED, "interrupted", "interrupted; what was asked goes on")
    except BrokenPipeError:
        out.give_up()
        return EXIT_BROKEN_PIPE


def _explain_failure(out: Output, error: ClientError) -> int:
    match error:
        case NoDaemon():
            return _fail(out, EXIT_NO_DAEMON, "no_daemon", str(error))
        case NoAnswer():
            members = {} if error.request_id is None else {"request_id": error.request_id}
            return _fail(out, EXIT_NO_ANSWER, "no_answer", str(error), **members)
        case Refused():
            out.failure(error.code, str(error), error.data)
    return EXIT_FAILED


def _fail(out: Output, code: int, reason: str, message: str, **data: object) -> int:
    try:
        out.failure(code, message, {"reason": reason} | data)
    except BrokenPipeError:
        out.give_up()
    return code


# ---------------------------------------------------------------- commands


def _cancel(canceld: Client, options: argparse.Namespace, out: Output) -> int:
    if options.order_id is None and options.client_order_id is None:
        raise Usage(_parser(), "cancel needs --order-id or --client-order-id")
    request_id = options.request_id
    if request_id is None:
        request_id = new_request_id()
        out.aside(f"request_id {request_id}")
    wish: Wish = {"priority": options.priority}
    for name in ("order_id", "client_order_id", "product", "deadline_ms"):
        if getattr(options, name) is not None:
            wish[name] = getattr(options, name)
    if options.param:
        wish["venue_params"] = dict(options.param)
    try:
        result = canceld.cancel(
            options.account,
            options.instrument,
            request_id=request_id,
            timeout=options.timeout,
            on_progress=(lambda state: out.aside(f"progress {state}")) if options.progress else None,
            **wish,
        )
    except KeyboardInterrupt:
        message = f"interrupted; the request goes on: ask again with --request-id {request_id}"
        return _fail(out, EXIT_INTERRUPTED, "interrupted", message, request_id=request_id)
    stands = result.latest or result
    try:
        out.answer(result.raw, partial(screens.result_lines, result.raw))
    except BrokenPipeError:  # who pipes the words away may still want the exit code
        out.give_up()
    if stands.outcome == "canceled" and stands.ord_status == "replaced":
        return EXIT_REPLACED
    return OUTCOME_EXITS.get(stands.outcome, EXIT_FAILED)


def _cancel_all(canceld: Client, options: argparse.Namespace, out: Output) -> int:
    from daemon.ctl_bulk import cancel_all  # noqa: PLC0415 - a single cancel need not wait for it to load

    return _bulk(partial(cancel_all, canceld), options, out)


def _cancel_batch(canceld: Client, options: argparse.Namespace, out: Output) -> int:
    from daemon.ctl_bulk import cancel_batch  # noqa: PLC0415 - a single cancel need not wait for it to load

    return _bulk(partial(cancel_batch, canceld), options, out)


def _bulk(run: Callable[[argparse.Namespace, Output], int], options: argparse.Namespace, out: Output) -> int:
    """Carry out a bulk cancel under a name that is told first."""
    if options.request_id is None and not getattr(options, "dry_run", False):
        options.request_id = new_request_id()
        out.aside(f"request_id {options.request_id}")
    try:
        return run(options, out)
    except KeyboardInterrupt:
        message = f"interrupted; what was asked goes on: ask again with --request-id {options.request_id}"
        return _fail(out, EXIT_INTERRUPTED, "interrupted", message, request_id=options.request_id)


def _orders(canceld: Client, options: argparse.Namespace, out: Output) -> int:
    answer = canceld.orders(options.timeout, **_which(options, "account", "product", "instrument"))
    out.answer(answer, partial(screens.orders_sheet, answer))
    return EXIT_OK


def _status(canceld: Client, options: argparse.Namespace, out: Output) -> int:
    answer = canceld.status(options.timeout)
    out.answer(answer, partial(screens.status_sheet, answer))
    return EXIT_OK


def _history(canceld: Client, options: argparse.Namespace, out: Output) -> int:
    which: dict[str, str | int] = {**_which(options, "account", "order_id", "request_id", "outcome")}
    if options.since is not None:
        which["since"] = options.since
    if options.export is None:
        answer = canceld.history(options.from_seq, options.limit or HISTORY_LIMIT, options.timeout, **which)
        out.answer(answer, partial(screens.history_sheet, answer))
    elif options.json:
        raise Usage(_parser(), "--json is one object, --export many lines; choose one")
    else:
        from daemon.ctl_export import export  # noqa: PLC0415 - a cancel need not wait for it to load

        export(canceld, options.export, which, options.from_seq, options.limit, options.timeout)
    return EXIT_OK


def _explain(canceld: Client, options: argparse.Namespace, out: Output) -> int:
    answer = canceld.explain(options.request_id, options.account, options.timeout)
    out.answer(answer, partial(story_lines, answer))
    return EXIT_OK


def _watch(canceld: Client, options: argparse.Namespace, out: Output) -> int:
    try:
        canceld.subscribe(options.topic or TOPICS[:2], options.from_seq)
        for told in itertools.islice(canceld.notifications(), options.count):
            out.answer({"method": told.method, "params": told.params}, partial(screens.told_lines, told))
    except KeyboardInterrupt:  # its usual end
        return EXIT_INTERRUPTED
    return EXIT_OK


def _top(canceld: Client, options: argparse.Namespace, _: Output) -> int:
    from daemon.ctl_top import top  # noqa: PLC0415 - what draws it takes its time to load

    try:
        top(canceld.path, interval_s=options.interval, is_once=options.once, is_json=options.json)
    except KeyboardInterrupt:  # its usual end
        return EXIT_INTERRUPTED
    return EXIT_OK


def _which(options: argparse.Namespace, *names: str) -> dict[str, str]:
    found = {name: getattr(options, name) for name in names}
    return {name: value for name, value in found.items() if value is not None}


# ---------------------------------------------------------------- the command line

_EXITS: Final = (
    "exit codes of cancel: 0 canceled, 3 filled, 4 rejected, 5 in doubt, 6 unknown order, 7 not sent, 8 replaced; "
    "of cancel-all and cancel-batch the worst, which is the first of 5, 4, 7, 6, 8, 3, 0; "
    "of every command: 9 no answer within --timeout, 10 no daemon, 2 usage, 1 any other error"
)


def _parser() -> Parser:
    parser = Parser(prog="cancelctl", description="Ask a running canceld.", epilog=_EXITS, allow_abbrev=False)
    parser.add_argument("--socket", metavar="PATH", help="default: $CANCELD_SOCKET, then /run/canceld/canceld.sock")
    parser.add_argument("--json", action="store_true", help="print exactly one JSON object; the rest goes to stderr")
    parser.add_argument("--version", action="version", version=f"cancelctl {software_version()}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=Parser)
    for name, (run, add_options, what) in _COMMANDS.items():
        command = commands.add_parser(name, help=what, description=what, allow_abbrev=False)
        command.set_defaults(run=run)
        # These two may stand behind the command as well; the default must not undo what stood before it.
        command.add_argument("--socket", metavar="PATH", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
        command.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
        add_options(command)
    return parser


def _cancel_options(command: Parser) -> None:
    add = command.add_argument
    add("--account", required=True, metavar="A", help="the account's name in the daemon's configuration")
    add("--instrument", required=True, metavar="I", help="as the venue writes it")
    add("--product", metavar="P", help="where the account has several product lines")
    add("--order-id", metavar="X", help="the venue's id of the order")
    add("--client-order-id", metavar="Y", help="your own id of the order; either id, or both")
    add(
        "--request-id",
        type=read.request_id,
        metavar="R",
        help="the request's name, to ask for it again; made if not given",
    )
    add("--deadline-ms", type=read.deadline_ms, metavar="D", help="send nothing later than this (1 to 60000)")
    add(
        "--timeout",
        type=read.seconds,
        default=CANCEL_TIMEOUT_S,
        metavar="S",
        help="wait so long for the outcome (%(default)g)",
    )
    add("--priority", choices=("normal", "urgent"), default="normal", help="which of two waiting cancels goes first")
    add("--progress", action="store_true", help="tell on stderr how far the request has come")
    add("--param", action="append", type=read.param, metavar="NAME=VALUE", help="a parameter that only this venue has")


def _cancel_all_options(command: Parser) -> None:
    add = command.add_argument
    whose = command.add_mutually_exclusive_group(required=True)
    whose.add_argument("--account", metavar="A", help="the account's name in the daemon's configuration")
    whose.add_argument("--all-accounts", action="store_true", help="every account that is configured")
    add("--product", metavar="P", help="only of this product line")
    add("--instrument", metavar="I", help="only on this one, as the venue writes it")
    add("--side", choices=("buy", "sell"), help="only of this side")
    add("--client-id-prefix", metavar="P", help="only with client ids that begin so")
    add("--dry-run", action="store_true", help="list the orders that match, and send nothing")
    add("--yes", action="store_true", help="do not ask back; who is no terminal is never asked")
    _bulk_options(command)
    add("--deadline-ms", type=read.deadline_ms, metavar="D", help="send nothing later than this (1 to 60000)")
    add("--priority", choices=("normal", "urgent"), default="normal", help="which of two waiting cancels goes first")


def _cancel_batch_options(command: Parser) -> None:
    what = "one order a line, as JSON with what cancel takes: account, instrument, order_id; - is stdin (%(default)s)"
    command.add_argument("file", nargs="?", default="-", metavar="FILE", help=what)
    _bulk_options(command)


def _bulk_options(command: Parser) -> None:
    what = "its name, to ask for it again; made if not given"
    command.add_argument("--request-id", type=read.bulk_id, metavar="R", help=what)
    what = "wait so long for all outcomes (%(default)g)"
    command.add_argument("--timeout", type=read.seconds, default=BULK_TIMEOUT_S, metavar="S", help=what)


def _orders_options(command: Parser) -> None:
    for name in ("account", "product", "instrument"):
        command.add_argument(f"--{name}", metavar=name[0].upper(), help=f"only of this {name}")
    _timeout_option(command)


def _history_options(command: Parser) -> None:
    add = command.add_argument
    for name, metavar in (("account", "A"), ("order-id", "X")):
        add(f"--{name}", metavar=metavar, help="only of this one")
    add("--request-id", type=read.known_id, metavar="R", help="only of this one")
    add("--outcome", choices=tuple(OUTCOME_EXITS), help="only where this is the outcome")
    what = "told since then: 90s, 15m, 2h or 3d ago, or a date and time (UTC)"
    add("--since", type=read.since, metavar="WHEN", help=what)
    what = (
        "each outcome and correction from this number on, the oldest first; without it the latest of each request, "
        "the newest first"
    )
    add("--from-seq", type=read.count, metavar="N", help=what)
    add("--limit", type=read.positive, metavar="N", help=f"so many at most ({HISTORY_LIMIT}; with --export all)")
    what = "each outcome and correction as a JSON object a line, or as CSV, the oldest first"
    add("--export", choices=("jsonl", "csv"), help=what)
    _timeout_option(command)


def _watch_options(command: Parser) -> None:
    what = "outcomes and corrections if not given; may be repeated"
    command.add_argument("--topic", action="append", choices=TOPICS, help=what)
    command.add_argument(
        "--from-seq", type=read.count, metavar="N", help="replay outcomes and corrections from there on"
    )
    command.add_argument("--count", type=read.count, metavar="N", help="end after so many lines")


def _top_options(command: Parser) -> None:
    add = command.add_argument
    add("--interval", type=read.seconds, default=1.0, metavar="S", help="draw so often (%(default)g)")
    add("--once", action="store_true", help="draw one frame and end, as is done where stdout is no terminal")


def _explain_options(command: Parser) -> None:
    command.add_argument("request_id", type=read.known_id, metavar="REQUEST_ID", help="the request's name")
    command.add_argument("--account", metavar="A", help="where the same name was used for several accounts")
    _timeout_option(command)


def _timeout_option(command: Parser) -> None:
    what = "wait so long for an answer (%(default)g)"
    command.add_argument("--timeout", type=read.seconds, default=TIMEOUT_S, metavar="S", help=what)


_COMMANDS: Final = {
    "cancel": (_cancel, _cancel_options, "Cancel one order and wait for what became of it."),
    "cancel-all": (_cancel_all, _cancel_all_options, "Cancel every open order of a scope, and wait for each outcome."),
    "cancel-batch": (_cancel_batch, _cancel_batch_options, "Cancel the orders of a list, and wait for each outcome."),
    "orders": (_orders, _orders_options, "List the orders that are known."),
    "status": (_status, _timeout_option, "See how the daemon and its accounts are."),
    "history": (_history, _history_options, "Read outcomes and corrections back."),
    "watch": (_watch, _watch_options, "Follow outcomes as they come. With --json: one JSON object a line."),
    "top": (_top, _top_options, "Look on: accounts, what waits, outcomes, latencies, alarms."),
    "explain": (_explain, _explain_options, "Tell one request's story, step by step."),
}
