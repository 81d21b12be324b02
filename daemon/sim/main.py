"""`canceld sim`: one simulated venue as a process of its own.

It reads the command's arguments, serves until SIGTERM or SIGINT, and says where on its first line of standard output.
What the venue does is not known here.
"""

import argparse
import asyncio
import gc
import signal
import ssl
import sys
from contextlib import suppress

from daemon.sim import wire
from daemon.sim.faults import Fault, FaultError
from daemon.sim.registry import FAULTS_TOLD, VENUES, build
from daemon.sim.shell import NotLoopbackError, serve
from daemon.sim.venue import Credentials, SimVenue

LIST = "list"
EXIT_OK, EXIT_FAILED, EXIT_USAGE = 0, 1, 2
YOUNG_MAX = 3_000
"""Objects between two looks of the garbage collector at the youngest: some tenths of a millisecond each."""
NEVER = 1 << 30
SWEEP_S = 600.0
"""Between two looks at everything. Left to Python, one came in the midst of each flood of orders, for 30 ms: whoever
measures a client would take them for the client's."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments of `canceld sim`, as `run` reads them."""
    published = Credentials()
    parser.add_argument("--venue", required=True, choices=sorted(VENUES), help="which venue to simulate")
    parser.add_argument(
        "--listen", required=True, metavar="HOST:PORT", help="a loopback address; port 0 is any free one"
    )
    parser.add_argument("--key", default=published.key, help="the API key that is accepted (%(default)s)")
    parser.add_argument("--secret", default=published.secret, help="its secret (%(default)s)")
    parser.add_argument("--passphrase", default=published.passphrase, help="its passphrase (%(default)s)")
    parser.add_argument("--tls", nargs=2, metavar=("CERT", "KEY"), help="serve https and wss with these PEM files")
    parser.add_argument("--seed", type=int, default=0, help="fixes ids and the draws of faults (%(default)s)")
    parser.add_argument(
        "--faults",
        default="",
        metavar="SPEC",
        help=f'NAME[(ARG)][:P|xN], joined by commas; "{LIST}" tells what each does at the venue, and serves nothing. '
        f"NAME is one of {', '.join(Fault)}",
    )


def run(arguments: argparse.Namespace) -> int:
    """Serve until a signal; the exit code: 0 after SIGTERM or SIGINT, 1 if it cannot listen, 2 for wrong arguments."""
    if arguments.faults == LIST:
        print("\n\n".join((told.__doc__ or "").strip() for told in FAULTS_TOLD[arguments.venue]))
        return EXIT_OK
    try:
        host, port = _address(arguments.listen)
        credentials = Credentials(arguments.key, arguments.secret, arguments.passphrase)
        venue = build(arguments.venue, credentials=credentials, seed=arguments.seed, faults=arguments.faults)
        tls = _tls(arguments.tls)
    except (FaultError, ValueError) as error:
        print(f"canceld sim: {error}", file=sys.stderr)
        return EXIT_USAGE
    except OSError as error:
        print(f"canceld sim: --tls {' '.join(arguments.tls)}: {error}", file=sys.stderr)
        return EXIT_USAGE
    try:
        asyncio.run(_serve_until_told(venue, host, port, tls))
    except NotLoopbackError as error:
        print(f"canceld sim: --listen: {error}", file=sys.stderr)
        return EXIT_USAGE
    except OSError as error:
        print(f"canceld sim: cannot listen on {arguments.listen}: {error}", file=sys.stderr)
        return EXIT_FAILED
    return EXIT_OK


async def _serve_until_told(venue: SimVenue, host: str, port: int, tls: ssl.SSLContext | None) -> None:
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, told.set)
    async with serve(venue, host, port, tls=tls) as server:
        _settle()
        print(wire.dumps({"listening": server.url, "venue": venue.name}).decode(), flush=True)
        while not told.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(told.wait(), SWEEP_S)
            gc.collect()


def _settle() -> None:
    """Take what the start made for good, and look rarely for garbage from now on."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_MAX, NEVER, NEVER)


def _address(listen: str) -> tuple[str, int]:
    host, separator, port = listen.rpartition(":")
    if not separator or not host or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise ValueError(f"--listen {listen}: write HOST:PORT, such as 127.0.0.1:9000")
    return host.strip("[]"), int(port)


def _tls(files: list[str] | None) -> ssl.SSLContext | None:
    if files is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files[0], files[1])
    return context
