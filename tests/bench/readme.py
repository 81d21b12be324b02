"""Writes the README's performance section from a kept run, the one that is published.

    make bench ARGS="--out tests/bench/results.json"     the run that is published
    .venv/bin/python -m tests.bench.readme               its section in the README

The section holds figures of that file and no others; a test holds it against what is written here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import orjson

from tests.bench.processes import ROOT
from tests.bench.table import Results, goals_of, number

if TYPE_CHECKING:
    from collections.abc import Iterator

README: Final = ROOT / "README.md"
PUBLISHED: Final = ROOT / "tests/bench/results.json"
MARKED: Final = re.compile(r"<!-- performance -->\n.*?<!-- /performance -->\n", re.DOTALL)
CONTENDERS: Final = {
    "daemon": "canceld",
    "relay_durable": "relay with a durable receipt",
    "relay": "bare relay",
    "daemon_tmpfs": "canceld, journal on tmpfs",
    "ccxt": "ccxt.pro, in one process with its strategy",
    "daemon_2ms": "canceld, venue 2 ms away",
    "relay_2ms": "bare relay, venue 2 ms away",
    "daemon_strict": 'canceld, `durability = "strict"`',
    "daemon_tls": "canceld, TLS to the venue",
    "relay_tls": "bare relay, TLS to the venue",
}
FLOORS: Final = """\
The floor is a [relay](tests/bench/relay.py) of a hundred lines on the same libraries: a line in, a frame out, a push
in, a line out, and nothing that makes canceld what it is. With a receipt it also commits each request before it
answers. Each contender has a simulated venue to itself; they take turns, and medians over the rounds are shown.
`make bench` repeats all of it.
"""


def section(results: Results) -> str:
    """Write the section, its markers included."""
    return "\n".join(["<!-- performance -->", *_lines(results), "<!-- /performance -->", ""])


def _lines(results: Results) -> Iterator[str]:
    on, of = results["machine"], results["versions"]
    kind = "virtual machine" if on["is_virtual"] else "machine"
    yield f"Measured on a {kind} with {on['cores']} cores of an {on['cpu']} and {on['memory_gib']} GiB, {on['kernel']},"
    yield f"the journal on {on['file_system']}, Python {of['python']}, canceld at {results['commit']}; {on['pinned']}."
    yield ""
    yield FLOORS
    yield "| what it has to show | measured | goal | |"
    yield "|---|---|---|---|"
    yield from (f"| {goal.what} | {goal.shown} | {goal.bound} | {goal.word} |" for goal in goals_of(results))
    for write in (_serial, _open_loop, _throughput):
        yield ""
        yield from write(results)


def _serial(results: Results) -> Iterator[str]:
    yield from _header("one cancel after the other, line to outcome", "p50 us", "p99 us", "p99.9 us")
    for name, words in CONTENDERS.items():
        if name in results["serial"]:
            yield _row(words, *(results["serial"][name][key] for key in ("p50_us", "p99_us", "p999_us")))


def _open_loop(results: Results) -> Iterator[str]:
    yield from _header("cancels on a schedule, from when each was to be sent", "p50 us", "p99 us", "p99.9 us")
    rows: dict[str, Any] = {f"{rate} a second": found for rate, found in results["open_loop"].items() if rate.isdigit()}
    stress = {"foreign_pushes": "5,000 foreign pushes a second", "slow_disk": "each commit 20 ms slower"}
    stress |= {"reconnect": "the socket is cut in the middle"}
    rows |= {f"500 a second, {words}": results["stress"][name] for name, words in stress.items()}
    for words, row in rows.items():
        yield _row(words, *(row[key] for key in ("p50_us", "p99_us", "p999_us")))


def _throughput(results: Results) -> Iterator[str]:
    yield from _header("with 256 in flight", "confirmed cancels a second", "processor us each")
    for name in ("daemon", "relay_durable", "relay"):
        row = results["throughput"][name]
        yield _row(CONTENDERS[name], row["per_s"], row["cpu_us"])
    venue = results["throughput"]["venue"]["cpu_us"]
    yield ""
    yield f"The venue takes {number(venue)} us of its core for a cancel, which it shares with the client; where that"
    yield "core is full, a relay's rate is the venue's, and only its processor time says something about the relay."


def _header(*titles: str) -> tuple[str, str]:
    return f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"


def _row(words: str, *figures: float) -> str:
    return f"| {words} | {' | '.join(map(number, figures))} |"


def main() -> None:
    """Put the section of the published run into the README."""
    text = section(orjson.loads(PUBLISHED.read_bytes()))
    README.write_text(MARKED.sub(lambda _: text, README.read_text()))


if __name__ == "__main__":
    main()
