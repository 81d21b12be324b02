"""The house keeps its walls: which room may import which, who may name a venue, and the shape of a file.

Each rule is a function from the modules to what it finds wrong in them. It is held against the house, where it must
find nothing, and against small wrong houses, where it must find something: a rule that cannot fail would keep nothing.
The rules read syntax trees only; no module is imported for its own check.
"""

import ast
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("protocols", "daemon", "tests")
LINES_MAX = 500

PURE_ROOMS = ("protocols/", "daemon/core/")
IMPURE = frozenset(
    # clocks, chance, sockets, files, processes, threads, logs; and importlib, which could bring in any of them
    "asyncio socket ssl select selectors socketserver time random secrets uuid os pathlib shutil tempfile fcntl mmap "
    "sqlite3 subprocess multiprocessing threading concurrent queue sched signal logging structlog aiohttp websockets "
    "uvloop prometheus_client rich importlib runpy urllib.request http.client http.server".split()
)
VIRTUAL = frozenset({"random", "structlog"})  # drawn from a seed; a log that nobody reads
PURE_THIRD_PARTY = frozenset({"msgspec", "orjson"})
LEVELS = frozenset({"debug", "info", "warning", "error", "critical", "exception"})
LOGGERS = frozenset({"log", "_log", "logger"})
IMPURE_BUILTINS = frozenset({"open", "print", "input", "breakpoint", "__import__"})
CLOCK_READINGS = frozenset({"now", "utcnow", "today"})  # on datetime and date

VENUES = ("okx", "bitget", "htx", "bingx")
VENUE_BLIND = ("daemon/core/", "daemon/edge/", "protocols/session.py", "protocols/dialect.py")


@dataclass(frozen=True)
class Import:
    """One imported name: `from a import b` is `a.b`, since that may be a module."""

    name: str
    line: int
    in_function: bool

    def is_of(self, *packages: str) -> bool:
        return any(self.name == package or self.name.startswith(package + ".") for package in packages)


@dataclass(frozen=True)
class Module:
    """A source file: its path from the root of the checkout, with forward slashes, and its text."""

    path: str
    source: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.source, self.path)

    @property
    def name(self) -> str:
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    def is_in(self, *rooms: str) -> bool:
        """A room is a file, or a folder with its slash."""
        return any(self.path == room or (room.endswith("/") and self.path.startswith(room)) for room in rooms)

    @cached_property
    def imports(self) -> tuple[Import, ...]:
        return tuple(self._imports_below(self.tree, in_function=False))

    def _imports_below(self, node: ast.AST, *, in_function: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            for name in self._imported_by(child):
                yield Import(name, getattr(child, "lineno", 0), in_function)
            inside = in_function or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from self._imports_below(child, in_function=inside)

    def _imported_by(self, node: ast.AST) -> list[str]:
        match node:
            case ast.Import(names=names):
                return [alias.name for alias in names]
            case ast.ImportFrom(module=module, names=names, level=level):
                package = ".".join([*self._package_above(level), *([module] if module else [])])
                return [f"{package}.{alias.name}" for alias in names]
            case ast.Call(
                func=ast.Name(id="import_module" | "__import__") | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                return [name]
        return []

    def _package_above(self, level: int) -> list[str]:
        """The package that a relative import of so many dots starts from."""
        parts = self.path.split("/")
        return parts[: len(parts) - level] if level else []


House = Iterable[Module]
Rule = Callable[[House], Iterator[str]]


def pure_rooms_touch_nothing_outside(house: House) -> Iterator[str]:
    """No import of a clock, socket, log and their kin; no reading of a clock or a file by builtins."""
    for module in house:
        if module.is_in(*PURE_ROOMS):
            for imported in module.imports:
                if imported.is_of(*IMPURE):
                    yield f"{module.path}:{imported.line}: imports {imported.name}"
            yield from _impure_calls(module)


def _impure_calls(module: Module) -> Iterator[str]:
    for node in ast.walk(module.tree):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in IMPURE_BUILTINS:
                yield f"{module.path}:{node.lineno}: calls {name}()"
            case ast.Attribute(
                value=ast.Name(id="datetime" | "date") | ast.Attribute(attr="datetime" | "date"), attr=name
            ):
                if name in CLOCK_READINGS:
                    yield f"{module.path}:{node.lineno}: reads a clock by {name}()"


def pure_rooms_import_only_pure_rooms(house: House) -> Iterator[str]:
    """`protocols` knows itself alone, `core` knows `protocols`; beyond these the standard library, msgspec, orjson."""
    anyones = (sys.stdlib_module_names | PURE_THIRD_PARTY) - IMPURE
    for module in house:
        if module.is_in(*PURE_ROOMS):
            rooms = ("protocols", "daemon.core") if module.is_in("daemon/core/") else ("protocols",)
            for imported in module.imports:
                if not imported.is_of(*rooms) and imported.name.partition(".")[0] not in anyones:
                    yield f"{module.path}:{imported.line}: imports {imported.name}"


def simulated_venues_are_reached_by_the_commands_alone(house: House) -> Iterator[str]:
    """Only demo, simulation and tests import `daemon.sim`, only tests `daemon.simulate`, and the CLI both, lazily."""
    for module in house:
        if module.is_in("daemon/simulate/", "tests/"):
            continue
        for imported in module.imports:
            lazily_by_the_cli = module.is_in("daemon/cli.py") and imported.in_function
            plays = module.is_in("daemon/sim/", "daemon/demo/") or module.path.startswith("daemon/demo")
            is_wrong = imported.is_of("daemon.simulate") or (imported.is_of("daemon.sim") and not plays)
            if is_wrong and not lazily_by_the_cli:
                yield f"{module.path}:{imported.line}: imports {imported.name}"


def the_simulation_has_no_loop_no_socket_and_no_clock(house: House) -> Iterator[str]:
    """What runs in virtual time draws from seeds and writes no log; what runs it is an ordinary program."""
    for module in house:
        is_ordinary = module.is_in("daemon/simulate/command.py", "daemon/simulate/sweep.py")
        if module.is_in("daemon/simulate/") and not is_ordinary:
            for imported in module.imports:
                if imported.is_of(*(IMPURE - VIRTUAL)):
                    yield f"{module.path}:{imported.line}: imports {imported.name}"
            yield from _impure_calls(module)


def simulated_venues_are_independent_of_what_they_check(house: House) -> Iterator[str]:
    """Neither directly nor through another module does `daemon.sim` reach the core, the edge or a venue's dialect."""
    modules = {module.name: module for module in house}
    for module in modules.values():
        if module.is_in("daemon/sim/"):
            for road in _roads_from(module, modules):
                if Import(road[-1], 0, in_function=False).is_of("daemon.core", "daemon.edge", "protocols.venues"):
                    yield f"{module.path}: imports {' -> '.join(road)}"


def _roads_from(start: Module, modules: Mapping[str, Module]) -> Iterator[list[str]]:
    """The shortest chain of imports to everything that a module reaches, through the modules of this house."""
    roads = [[start.name]]
    seen = {start.name}
    for road in roads:
        if road[-1] not in modules:
            continue
        for imported in modules[road[-1]].imports:
            name = imported.name if imported.name in modules else imported.name.rpartition(".")[0]
            target = name if name in modules else imported.name
            if target not in seen:
                seen.add(target)
                roads.append([*road, target])
    yield from roads[1:]


def the_common_road_names_no_venue(house: House) -> Iterator[str]:
    """No identifier and no string in the core, the edge, the session or the dialect's interface names a venue."""
    for module in house:
        if module.is_in(*VENUE_BLIND):
            for line, word in _words_of_code(module.tree):
                if any(venue in word.lower() for venue in VENUES):
                    yield f"{module.path}:{line}: says {word!r}"


def _words_of_code(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every identifier and string of a tree, with its line; strings that stand alone are documentation and left out."""
    statements = [node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)]
    prose = {id(value) for value in statements if isinstance(value, ast.Constant)}
    for node in ast.walk(tree):
        if id(node) in prose:
            continue
        line = getattr(node, "lineno", 0)
        for _, field in ast.iter_fields(node):
            for value in field if isinstance(field, list) else [field]:
                if isinstance(value, str):
                    yield line, value
                elif isinstance(value, bytes):
                    yield line, value.decode("latin-1")


CLIENT_LIBRARY = {
    "daemon/client_words.py": (),
    "daemon/client.py": ("daemon.client_words",),
    "daemon/client_async.py": ("daemon.client_words",),
    "daemon/client_binding.py": ("daemon.client_words", "daemon.client", "daemon.client_async"),
}
"""The modules of the client library, and which others of them each is made of."""


def the_client_library_stands_alone(house: House) -> Iterator[str]:
    """The clients need nothing but the standard library and the words that they share, in any environment."""
    for module in house:
        if module.path in CLIENT_LIBRARY:
            for imported in module.imports:
                is_shared = any(imported.is_of(part) for part in CLIENT_LIBRARY[module.path])
                if imported.name.partition(".")[0] not in sys.stdlib_module_names and not is_shared:
                    yield f"{module.path}:{imported.line}: imports {imported.name}"


def every_module_says_what_it_is_for(house: House) -> Iterator[str]:
    """Each file opens with a docstring."""
    for module in house:
        if not (ast.get_docstring(module.tree) or "").strip():
            yield f"{module.path}: has no docstring"


def every_file_is_one_room(house: House) -> Iterator[str]:
    """A file longer than this holds a second subject."""
    for module in house:
        lines = len(module.source.splitlines())
        if lines > LINES_MAX:
            yield f"{module.path}: {lines} lines, {LINES_MAX} at most"


def every_log_event_is_one_word(house: House) -> Iterator[str]:
    """An event is a name to search for, written_so; what varies is in its fields."""
    for module in house:
        if not module.is_in("daemon/"):
            continue
        for node in ast.walk(module.tree):
            match node:
                case ast.Call(func=ast.Attribute(value=logger, attr=level), args=[event, *_]) if level in LEVELS:
                    if ast.unparse(logger).rpartition(".")[2] in LOGGERS and not _is_a_word(event):
                        yield f"{module.path}:{node.lineno}: logs {ast.unparse(event)}"


def _is_a_word(event: ast.expr) -> bool:
    match event:
        case ast.Constant(value=str(text)):
            return re.fullmatch("[a-z]+(_[a-z]+)*", text) is not None
        case ast.IfExp(body=one, orelse=other):
            return _is_a_word(one) and _is_a_word(other)
        case _:
            return not isinstance(event, ast.JoinedStr)


def nothing_happens_in_the_order_of_a_set(house: House) -> Iterator[str]:
    """Where a set's members lie depends on addresses and on chance: what is done for each goes by another order."""
    for module in house:
        if not module.is_in("protocols/", "daemon/"):
            continue
        for node in ast.walk(module.tree):
            match getattr(node, "iter", None):
                case ast.Set() | ast.SetComp() | ast.Call(func=ast.Name(id="set" | "frozenset")) as walked:
                    yield f"{module.path}:{walked.lineno}: walks over {ast.unparse(walked)}"


RULES: tuple[Rule, ...] = (
    pure_rooms_touch_nothing_outside,
    pure_rooms_import_only_pure_rooms,
    simulated_venues_are_reached_by_the_commands_alone,
    the_simulation_has_no_loop_no_socket_and_no_clock,
    simulated_venues_are_independent_of_what_they_check,
    the_common_road_names_no_venue,
    the_client_library_stands_alone,
    every_module_says_what_it_is_for,
    every_file_is_one_room,
    every_log_event_is_one_word,
    nothing_happens_in_the_order_of_a_set,
)

# A rule, where the wrong text stands, and the text.
WRONG: tuple[tuple[Rule, str, str], ...] = (
    (pure_rooms_touch_nothing_outside, "protocols/x.py", "import asyncio"),
    (pure_rooms_touch_nothing_outside, "protocols/venues/x.py", "from os.path import join"),
    (pure_rooms_touch_nothing_outside, "daemon/core/x.py", "def f():\n    from time import monotonic"),
    (pure_rooms_touch_nothing_outside, "daemon/core/x.py", "if TYPE_CHECKING:\n    import structlog"),
    (pure_rooms_touch_nothing_outside, "daemon/core/x.py", "from urllib import request"),
    (pure_rooms_touch_nothing_outside, "daemon/core/x.py", "at = datetime.now(UTC)"),
    (pure_rooms_touch_nothing_outside, "daemon/core/x.py", "at = datetime.datetime.utcnow()"),
    (pure_rooms_touch_nothing_outside, "protocols/x.py", "print('here')"),
    (pure_rooms_import_only_pure_rooms, "protocols/x.py", "from daemon.core import records"),
    (pure_rooms_import_only_pure_rooms, "protocols/x.py", "import aiohttp"),
    (pure_rooms_import_only_pure_rooms, "daemon/core/x.py", "from daemon.edge import driver"),
    (pure_rooms_import_only_pure_rooms, "daemon/core/x.py", "from ..edge import driver"),
    (pure_rooms_import_only_pure_rooms, "daemon/core/x.py", "from daemon import config"),
    (pure_rooms_import_only_pure_rooms, "daemon/core/x.py", "import pydantic"),
    (simulated_venues_are_reached_by_the_commands_alone, "daemon/edge/x.py", "from daemon import sim"),
    (simulated_venues_are_reached_by_the_commands_alone, "daemon/edge/x.py", "def f():\n    import daemon.sim.shell"),
    (simulated_venues_are_reached_by_the_commands_alone, "daemon/service.py", "import_module('daemon.sim.shell')"),
    (simulated_venues_are_reached_by_the_commands_alone, "daemon/cli.py", "from daemon.sim import shell"),
    (simulated_venues_are_reached_by_the_commands_alone, "daemon/edge/x.py", "from daemon import simulate"),
    (
        simulated_venues_are_reached_by_the_commands_alone,
        "daemon/sim/x.py",
        "from daemon.simulate.kernel import Kernel",
    ),
    (simulated_venues_are_reached_by_the_commands_alone, "daemon/demo/x.py", "import daemon.simulate"),
    (the_simulation_has_no_loop_no_socket_and_no_clock, "daemon/simulate/x.py", "import asyncio"),
    (the_simulation_has_no_loop_no_socket_and_no_clock, "daemon/simulate/x.py", "def f():\n    from time import time"),
    (the_simulation_has_no_loop_no_socket_and_no_clock, "daemon/simulate/x.py", "open('x')"),
    (simulated_venues_are_independent_of_what_they_check, "daemon/sim/x.py", "from daemon.core.policy import ask"),
    (simulated_venues_are_independent_of_what_they_check, "daemon/sim/x.py", "from daemon import edge"),
    (simulated_venues_are_independent_of_what_they_check, "daemon/sim/venues/x.py", "from ...core import policy"),
    (simulated_venues_are_independent_of_what_they_check, "daemon/sim/x.py", "def f():\n    import protocols.venues.y"),
    (the_common_road_names_no_venue, "daemon/core/x.py", "if venue == 'okx_spread': pass"),
    (the_common_road_names_no_venue, "daemon/edge/x.py", "class BitgetLink: pass"),
    (the_common_road_names_no_venue, "daemon/edge/x.py", "host = b'api.htx.com'"),
    (the_common_road_names_no_venue, "daemon/edge/x.py", "log(f'BingX: {code}')"),
    (the_common_road_names_no_venue, "protocols/session.py", "from protocols.venues import okx"),
    (the_common_road_names_no_venue, "protocols/dialect.py", "def f(*, htx_quirk): pass"),
    (the_common_road_names_no_venue, "protocols/dialect.py", "f(bingx=True)"),
    (the_common_road_names_no_venue, "daemon/core/x.py", "rates.okx.cancel"),
    (the_common_road_names_no_venue, "daemon/core/x.py", "rates.okx"),
    (the_client_library_stands_alone, "daemon/client.py", "import orjson"),
    (the_client_library_stands_alone, "daemon/client.py", "def f():\n    from protocols import control"),
    (the_client_library_stands_alone, "daemon/client.py", "from . import config"),
    (the_client_library_stands_alone, "daemon/client_async.py", "from daemon import config"),
    (the_client_library_stands_alone, "daemon/client.py", "from daemon.client_binding import Binding"),
    (the_client_library_stands_alone, "daemon/client_words.py", "from daemon.client import Client"),
    (every_module_says_what_it_is_for, "daemon/x.py", "import os"),
    (every_module_says_what_it_is_for, "tests/test_x.py", '""""""'),
    (every_file_is_one_room, "daemon/x.py", "x = 1\n" * (LINES_MAX + 1)),
    (every_log_event_is_one_word, "daemon/edge/x.py", "self._log.info('road changed', road=road)"),
    (every_log_event_is_one_word, "daemon/edge/x.py", "log.warning(f'road {road} changed')"),
    (nothing_happens_in_the_order_of_a_set, "daemon/edge/x.py", "for bulk in set(held.values()): bulk.wake()"),
    (
        nothing_happens_in_the_order_of_a_set,
        "daemon/core/x.py",
        "found = [f(x) for x in {case.order_id for case in y}]",
    ),
)

# The same rules, and what they must let pass.
RIGHT: tuple[tuple[Rule, str, str], ...] = (
    (pure_rooms_touch_nothing_outside, "daemon/edge/x.py", "import asyncio\nopen('x')"),
    (pure_rooms_touch_nothing_outside, "protocols/x.py", "from urllib.parse import urlencode\nfrom timeit import x"),
    (pure_rooms_touch_nothing_outside, "daemon/core/x.py", "due = request.now + wait"),
    (pure_rooms_import_only_pure_rooms, "daemon/core/x.py", "import msgspec\nimport enum\nfrom protocols import fix"),
    (pure_rooms_import_only_pure_rooms, "daemon/core/x.py", "from . import records"),
    (simulated_venues_are_reached_by_the_commands_alone, "daemon/cli.py", "def f():\n    from daemon.sim import shell"),
    (simulated_venues_are_reached_by_the_commands_alone, "daemon/demo.py", "import daemon.sim"),
    (simulated_venues_are_reached_by_the_commands_alone, "daemon/edge/x.py", "import daemon.simple"),
    (simulated_venues_are_reached_by_the_commands_alone, "daemon/simulate/x.py", "import daemon.sim"),
    (simulated_venues_are_reached_by_the_commands_alone, "daemon/cli.py", "def f():\n    import daemon.simulate"),
    (the_simulation_has_no_loop_no_socket_and_no_clock, "daemon/simulate/x.py", "from random import Random"),
    (the_simulation_has_no_loop_no_socket_and_no_clock, "daemon/simulate/command.py", "import time"),
    (
        simulated_venues_are_independent_of_what_they_check,
        "daemon/sim/x.py",
        "from protocols import fix\nimport aiohttp",
    ),
    (the_common_road_names_no_venue, "daemon/core/x.py", '"""As OKX does."""\nx = 1\n"""Also HTX."""'),
    (the_common_road_names_no_venue, "protocols/venues/okx.py", "name = 'okx'"),
    (the_client_library_stands_alone, "daemon/client.py", "import asyncio, json, socket"),
    (the_client_library_stands_alone, "daemon/client_async.py", "from daemon.client_words import Talk"),
    (every_module_says_what_it_is_for, "daemon/x.py", '"""What it is for."""'),
    (every_file_is_one_room, "daemon/x.py", "x = 1\n" * LINES_MAX),
    (every_log_event_is_one_word, "daemon/edge/x.py", "self._log.info('road_changed', why='it fell')"),
    (
        nothing_happens_in_the_order_of_a_set,
        "daemon/edge/x.py",
        "for bulk in dict.fromkeys(held.values()): bulk.wake()",
    ),
    (nothing_happens_in_the_order_of_a_set, "daemon/core/x.py", "for name in sorted({x.name for x in y}): f(name)"),
)


def modules_of_the_checkout() -> list[Module]:
    paths = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    return [Module(path.relative_to(ROOT).as_posix(), path.read_text("utf-8")) for path in paths]


def findings(rule: Rule, *modules: tuple[str, str]) -> list[str]:
    return list(rule([Module(path, source) for path, source in modules]))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_house_keeps_the_rule(rule: Rule) -> None:
    assert list(rule(modules_of_the_checkout())) == []


@pytest.mark.parametrize(("rule", "path", "source"), WRONG)
def test_a_wrong_text_is_found(rule: Rule, path: str, source: str) -> None:
    assert findings(rule, (path, source)) != []


@pytest.mark.parametrize(("rule", "path", "source"), RIGHT)
def test_a_right_text_is_let_pass(rule: Rule, path: str, source: str) -> None:
    assert findings(rule, (path, source)) == []


def test_a_simulated_venue_does_not_reach_the_edge_through_another_module() -> None:
    wrong = findings(
        simulated_venues_are_independent_of_what_they_check,
        ("daemon/sim/x.py", "from daemon.service import start"),
        ("daemon/service.py", "from daemon.edge.driver import Driver"),
    )
    assert wrong == ["daemon/sim/x.py: imports daemon.sim.x -> daemon.service -> daemon.edge.driver.Driver"]


def test_every_rule_has_been_seen_to_fail() -> None:
    assert {rule for rule, _, _ in WRONG} == set(RULES)


def test_the_rules_look_at_every_room() -> None:
    paths = [module.path for module in modules_of_the_checkout()]
    for room in ("protocols/", "protocols/venues/", "daemon/", "daemon/core/", "daemon/edge/", "daemon/sim/", "tests/"):
        assert any(path.startswith(room) for path in paths), room
