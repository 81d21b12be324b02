"""The configuration file: what a good one means, and that every mistake in a bad one is named with what to do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.config import (
    Address,
    Config,
    Durability,
    Environment,
    LogLevel,
    OnJournalFailure,
    Role,
    load,
    loads,
    settings,
)
from daemon.config.addresses import is_loopback
from protocols.dialect import Endpoints, Profile, Timings
from protocols.fix import AccountName, OrderEntry
from tests.configs import ACCOUNT, AT, VENUES, good, mistakes

MAIN = AccountName("main")

# ---------------------------------------------------------------- what a good file means


def test_what_is_left_out_has_its_default() -> None:
    config = good(ACCOUNT)
    daemon, account = config.daemon, config.accounts[MAIN]
    assert (daemon.socket, daemon.journal) == (
        Path("/run/canceld/canceld.sock"),
        Path("/var/lib/canceld/journal.sqlite"),
    )
    assert (daemon.durability, daemon.on_journal_failure) == (Durability.RECEIPT, OnJournalFailure.SERVE)
    assert (daemon.log_level, daemon.metrics) == (LogLevel.INFO, None)
    assert (account.environment, account.order_entry) == (Environment.LIVE, OrderEntry.WS_THEN_REST)
    assert (account.proxy, account.source_address, account.ca_file) == (None, None, None)
    assert (account.correction_window_h, account.request_retention_h) == (24, 72)
    assert account.timings == Timings()
    assert account.profile() == Profile()
    assert config.access == ()


def test_every_key_is_read() -> None:
    config = good("""
        [daemon]
        socket = "/tmp/c.sock"
        journal = "/tmp/j.sqlite"
        durability = "strict"
        on_journal_failure = "refuse"
        log_level = "debug"
        metrics = "[::1]:9464"
        clients_max = 3
        in_flight_max_per_client = 4
        lines_per_s_max_per_client = 5
        bulk_rounds_max = 7
        [access]
        "user:trader" = { role = "cancel", accounts = ["main"] }
        "group:1000" = { role = "admin" }
        [accounts.main]
        venue = "lines"
        environment = "demo"
        credentials = "./keys/main.toml"
        proxy = "http://proxy.example:3128"
        source_address = "192.0.2.7"
        order_entry = "rest"
        products = ["SPOT", "COIN-FUTURES"]
        endpoints = { rest = "https://rest.example:8443/base", ws = "wss://ws.example" }
        ca_file = "ca.pem"
        cases_max = 5
        orders_max = 6
    """)
    daemon, account = config.daemon, config.accounts[MAIN]
    assert (daemon.durability, daemon.on_journal_failure) == (Durability.STRICT, OnJournalFailure.REFUSE)
    assert (daemon.log_level, daemon.metrics) == (LogLevel.DEBUG, Address("::1", 9464))
    assert (daemon.clients_max, daemon.in_flight_max_per_client, daemon.lines_per_s_max_per_client) == (3, 4, 5)
    assert daemon.bulk_rounds_max == 7
    assert [(str(rule), rule.role, rule.accounts) for rule in config.access] == [
        ("user:trader", Role.CANCEL, frozenset({MAIN})),
        ("group:1000", Role.ADMIN, None),
    ]
    assert (account.proxy, account.source_address) == ("http://proxy.example:3128", "192.0.2.7")
    assert account.ca_file == Path("/etc/canceld/ca.pem")
    assert (account.order_entry, account.cases_max, account.orders_max) == (OrderEntry.REST, 5, 6)
    assert account.profile() == Profile(
        environment="demo",
        products=("SPOT", "COIN-FUTURES"),
        endpoints=Endpoints(rest="https://rest.example:8443/base", ws="wss://ws.example"),
    )


def test_an_account_goes_over_the_daemon_and_the_daemon_over_the_venue() -> None:
    config = good("""
        [daemon]
        ack_wait_ms = 400
        horizon_s = 90
        correction_window_h = 10
        [accounts.a]
        venue = "lines"
        credentials = "a"
        horizon_s = 120.5
        [accounts.b]
        venue = "lines"
        credentials = "b"
        correction_window_h = 1
    """)
    a, b = config.accounts[AccountName("a")], config.accounts[AccountName("b")]
    assert a.timings == Timings(ack_wait_ms=400, push_wait_ms=2000, settle_ms=30_000, horizon_s=120.5)
    assert b.timings == Timings(ack_wait_ms=400, push_wait_ms=2000, settle_ms=30_000, horizon_s=90)
    assert (a.correction_window_h, b.correction_window_h) == (10, 1)


def test_the_default_correction_window_gives_way_to_a_short_retention() -> None:
    account = good(ACCOUNT + "request_retention_h = 5").accounts[MAIN]
    assert (account.correction_window_h, account.request_retention_h) == (5, 5)


def test_a_horizon_may_equal_the_settling_time() -> None:
    for settle_ms in range(1, 10_000, 7):
        good(f"{ACCOUNT}ack_wait_ms = 1\npush_wait_ms = 1\nsettle_ms = {settle_ms}\nhorizon_s = {settle_ms / 1000}")


def test_accounts_stand_in_the_order_of_the_file() -> None:
    text = "".join(f'[accounts.{name}]\nvenue = "spot"\ncredentials = "x"\n' for name in "zay")
    assert list(good(text).accounts) == ["z", "a", "y"]


def test_relative_paths_start_at_the_file() -> None:
    config = good('daemon = { socket = "s.sock", journal = "../j.sqlite" }\n' + ACCOUNT)
    assert config.daemon.socket == Path("/etc/canceld/s.sock")
    assert config.daemon.journal == Path("/etc/canceld/../j.sqlite")


def test_plain_endpoints_may_be_on_loopback() -> None:
    for host in ("127.0.0.1:9000", "127.8.9.1", "localhost:1", "[::1]:80"):
        text = f'{ACCOUNT}endpoints = {{ rest = "http://{host}", ws = "ws://{host}" }}'
        assert good(text).accounts[MAIN].endpoints == Endpoints(rest=f"http://{host}", ws=f"ws://{host}")


def test_signatures_may_name_another_host_than_is_dialed() -> None:
    found = good(SIGNED.format("lines", "API.example.com")).accounts[MAIN].endpoints
    assert found == Endpoints("https://x", "wss://x", signature_host="api.example.com")


@pytest.mark.parametrize(
    "host", ["example.com", "10.0.0.1", "128.0.0.1", "0.0.0.0", "127.1", "localhost.example", "::2", "::ffff:127.0.0.1"]
)
def test_only_what_cannot_leave_this_machine_is_loopback(host: str) -> None:
    assert not is_loopback(host)


# ---------------------------------------------------------------- mistakes, one at a time

IN_DAEMON = "[daemon]\n{}\n" + ACCOUNT
IN_ACCOUNT = ACCOUNT + "{}\n"
ENDPOINTS = ACCOUNT + 'endpoints = {{ rest = "{}", ws = "wss://x.example" }}\n'
SIGNED = (
    '[accounts.main]\nvenue = "{}"\ncredentials = "main"\n'
    'endpoints = {{ rest = "https://x", ws = "wss://x", signature_host = "{}" }}\n'
)
IN_ACCESS = "[access]\n{}\n" + ACCOUNT

# The text, the path of its only mistake, and words that its message must have.
SEEDED: tuple[tuple[str, str, str], ...] = (
    # the file as a whole
    ("", "accounts", r"names no account; add a table \[accounts\.NAME\]"),
    ("[accounts]", "accounts", "names no account"),
    ("[demon]\n" + ACCOUNT, "demon", "not a known key; did you mean 'daemon'"),
    ('[""]\n' + ACCOUNT, '""', "not a known key; remove it"),
    ("horizon_s = 60\n" + ACCOUNT, "horizon_s", r"belongs under \[daemon\]"),
    ("daemon = 3\n" + ACCOUNT, "daemon", r"is a whole number; write it as a table: \[daemon\]"),
    ("accounts = []", "accounts", "is an array"),
    ("a = \nb = 1", str(AT), r"is not TOML: .*line 1"),
    (ACCOUNT + 'venue = "spot"', str(AT), "is not TOML"),
    ("x = " + "[" * 5000, str(AT), "nested too deeply"),
    ("x = " + "9" * 5000, str(AT), "is not TOML"),
    # the daemon's table
    (IN_DAEMON.format("sockett = '/x'"), "daemon.sockett", "did you mean 'socket'"),
    (IN_DAEMON.format("venue = 'spot'"), "daemon.venue", r"belongs under \[accounts\.NAME\]"),
    (IN_DAEMON.format('"two words" = 1'), 'daemon."two words"', "remove it"),
    (IN_DAEMON.format("socket = 5"), "daemon.socket", "is a whole number; write a text in quotes"),
    (IN_DAEMON.format("socket = ''"), "daemon.socket", "is empty"),
    (IN_DAEMON.format('socket = "/a\\u0000b"'), "daemon.socket", "control characters"),
    (IN_DAEMON.format(f"socket = '/{'s' * 107}'"), "daemon.socket", "more than 107 bytes.*shorter"),
    (IN_DAEMON.format("socket = '/a'\njournal = '/a'"), "daemon.journal", "same file as socket"),
    (IN_DAEMON.format("durability = 'strikt'"), "daemon.durability", 'did you mean \'strict\'.*"receipt" or "strict"'),
    (IN_DAEMON.format("durability = true"), "daemon.durability", "true is not one of its words"),
    (IN_DAEMON.format("on_journal_failure = 'ignore'"), "daemon.on_journal_failure", '"serve" or "refuse"'),
    (IN_DAEMON.format("log_level = 'INFO'"), "daemon.log_level", "'INFO' is not one of its words"),
    (IN_DAEMON.format("metrics = '0.0.0.0:9464'"), "daemon.metrics", "not a loopback address"),
    (IN_DAEMON.format("metrics = '127.0.0.1'"), "daemon.metrics", "not HOST:PORT"),
    (IN_DAEMON.format("metrics = '::1:9464'"), "daemon.metrics", "not HOST:PORT"),
    (IN_DAEMON.format("metrics = '127.0.0.1:0'"), "daemon.metrics", "port 0 does not exist"),
    (IN_DAEMON.format("metrics = '127.0.0.1:65536'"), "daemon.metrics", "port 65536 does not exist"),
    (IN_DAEMON.format("ack_wait_ms = 0"), "daemon.ack_wait_ms", "0 ms is out of bounds.*from 1 to 60000"),
    (IN_DAEMON.format("ack_wait_ms = 0.5"), "daemon.ack_wait_ms", "0.5 is not a whole number"),
    (IN_DAEMON.format("ack_wait_ms = true"), "daemon.ack_wait_ms", "true is not a whole number"),
    (IN_DAEMON.format("ack_wait_ms = '500'"), "daemon.ack_wait_ms", "'500' is not a whole number"),
    (IN_DAEMON.format("push_wait_ms = -1"), "daemon.push_wait_ms", "out of bounds"),
    (IN_DAEMON.format(f"push_wait_ms = 0x{'f' * 5000}"), "daemon.push_wait_ms", "a very large number .*out of bounds"),
    (IN_DAEMON.format("horizon_s = nan"), "daemon.horizon_s", "nan s is out of bounds"),
    (IN_DAEMON.format("horizon_s = inf"), "daemon.horizon_s", "inf s is out of bounds"),
    (IN_DAEMON.format("horizon_s = 2026-01-01"), "daemon.horizon_s", "a date or time is not a number"),
    (
        IN_DAEMON.format("horizon_s = 10"),
        "daemon.horizon_s",
        r"horizon_s 10 s \(set in \[daemon\]\) is below settle_ms",
    ),
    (IN_DAEMON.format("settle_ms = 60001"), "daemon.settle_ms", r"below settle_ms 60001 ms \(set in \[daemon\]\)"),
    (IN_DAEMON.format("clients_max = 0"), "daemon.clients_max", "from 1 to 900"),
    # access
    (IN_ACCESS.format('trader = { role = "cancel" }'), "access.trader", 'write "user:NAME" or "group:NAME"'),
    (IN_ACCESS.format('"user:" = { role = "cancel" }'), 'access."user:"', "names no user"),
    (IN_ACCESS.format('"user:a" = "cancel"'), 'access."user:a"', "is a text; write it as a table"),
    (IN_ACCESS.format('"user:a" = {}'), 'access."user:a".role', 'is missing; write "observe", "cancel" or "admin"'),
    (IN_ACCESS.format('"user:a" = { role = "root" }'), 'access."user:a".role', "'root' is not one of its words"),
    (IN_ACCESS.format('"user:a" = { role = "admin", x = 1 }'), 'access."user:a".x', "not a known key"),
    (
        IN_ACCESS.format('"user:a" = { role = "admin", accounts = ["mian"] }'),
        'access."user:a".accounts',
        "'mian' is not an account; did you mean 'main'",
    ),
    (
        IN_ACCESS.format('"user:a" = { role = "admin", accounts = [] }'),
        'access."user:a".accounts',
        "names nothing",
    ),
    (
        IN_ACCESS.format('"user:a" = { role = "admin", accounts = ["main", "main"] }'),
        'access."user:a".accounts',
        "something twice",
    ),
    # an account
    (ACCOUNT.replace("main]", "Main]"), "accounts.Main", "not an account name; use 1 to 32"),
    (ACCOUNT.replace("main]", "a" * 33 + "]"), "accounts." + "a" * 33, "not an account name"),
    (ACCOUNT.replace("main]", '"a b"]'), 'accounts."a b"', "not an account name"),
    ("[accounts]\nmain = 'spot'", "accounts.main", r"is a text; write it as a table: \[accounts\.main\]"),
    ("[accounts.main]\ncredentials = 'x'", "accounts.main.venue", "is missing"),
    ("[accounts.main]\nvenue = 'spot'", "accounts.main.credentials", "is missing"),
    (ACCOUNT.replace('"spot"', '"spott"'), "accounts.main.venue", "did you mean 'spot'.*known are lines, spot"),
    (ACCOUNT.replace('"spot"', "[]"), "accounts.main.venue", "is an array; write a text"),
    (ACCOUNT.replace('"main"', '".."'), "accounts.main.credentials", "names a folder"),
    (ACCOUNT.replace('"main"', '"keys/"'), "accounts.main.credentials", "names a folder"),
    (IN_ACCOUNT.format("environment = 'test'"), "accounts.main.environment", '"live" or "demo"'),
    (IN_ACCOUNT.format("environment = 'demo'"), "accounts.main.environment", "there is no demo; use live"),
    (IN_ACCOUNT.format("order_entry = 'rest_then_ws'"), "accounts.main.order_entry", "not one of its words"),
    (
        "[accounts.x]\nvenue = 'lines'\ncredentials = 'x'\norder_entry = 'ws'",
        "accounts.x.order_entry",
        "no road at lines; its cancels go by rest",
    ),
    (IN_ACCOUNT.format("products = ['SPOT']"), "accounts.main.products", "single product line; leave the key out"),
    (
        "[accounts.x]\nvenue = 'lines'\ncredentials = 'x'\nproducts = ['usdt_futures']",
        "accounts.x.products",
        r"did you mean 'USDT-FUTURES'\? known are .*SPOT",
    ),
    ("[accounts.x]\nvenue = 'lines'\ncredentials = 'x'\nproducts = 'SPOT'", "accounts.x.products", "not an array"),
    (IN_ACCOUNT.format("socket = '/x'"), "accounts.main.socket", r"belongs under \[daemon\]"),
    (IN_ACCOUNT.format("horizon = 60"), "accounts.main.horizon", "did you mean 'horizon_s'"),
    (IN_ACCOUNT.format("horizon_s = 20"), "accounts.main.horizon_s", r"set in \[accounts\.main\].*the venue's.*raise"),
    (IN_ACCOUNT.format("ack_wait_ms = 60000\nhorizon_s = 59"), "accounts.main.horizon_s", "lost answer"),
    (IN_ACCOUNT.format("push_wait_ms = 60000\nhorizon_s = 59"), "accounts.main.horizon_s", "missing push"),
    (IN_ACCOUNT.format("abandon_after_h = 0.01"), "accounts.main.abandon_after_h", "asking would stop"),
    (
        IN_ACCOUNT.format("correction_window_h = 80"),
        "accounts.main.correction_window_h",
        r"request_retention_h 72 h \(the default\)",
    ),
    (IN_ACCOUNT.format("source_address = 'eth0'"), "accounts.main.source_address", "not an IP address"),
    (IN_ACCOUNT.format("source_address = '0.0.0.0'"), "accounts.main.source_address", "not an IP address"),
    (IN_ACCOUNT.format("source_address = 'fe80::1%eth0'"), "accounts.main.source_address", "not an IP address"),
    (IN_ACCOUNT.format("proxy = 'proxy:3128'"), "accounts.main.proxy", "write http://HOST:PORT"),
    (IN_ACCOUNT.format("proxy = 'socks5://proxy:1080'"), "accounts.main.proxy", "not the address of an HTTP proxy"),
    (IN_ACCOUNT.format("proxy = 'http://proxy'"), "accounts.main.proxy", "not the address of an HTTP proxy"),
    (IN_ACCOUNT.format("endpoints = 'https://x'"), "accounts.main.endpoints", "is a text"),
    (IN_ACCOUNT.format("endpoints = { rest = 'https://x' }"), "accounts.main.endpoints.ws", "is missing; name both"),
    (
        IN_ACCOUNT.format("endpoints = { rest = 'https://x', ws = 'wss://x', rst = '' }"),
        "accounts.main.endpoints.rst",
        "did you mean 'rest'",
    ),
    (SIGNED.format("spot", "x.example"), "accounts.main.endpoints.signature_host", "no meaning at spot"),
    (SIGNED.format("lines", "https://x"), "accounts.main.endpoints.signature_host", "not the name of a host"),
    (SIGNED.format("lines", "x:443"), "accounts.main.endpoints.signature_host", "write HOST"),
    (ENDPOINTS.format("https://x.example/"), "accounts.main.endpoints.rest", "ends with a slash; remove it"),
    (ENDPOINTS.format("http://x.example"), "accounts.main.endpoints.rest", "plain http to another machine"),
    (ENDPOINTS.format("http://127.0.0.1.example"), "accounts.main.endpoints.rest", "plain http to another"),
    (ENDPOINTS.format("wss://x.example"), "accounts.main.endpoints.rest", "does not start with https://"),
    (ENDPOINTS.format("x.example"), "accounts.main.endpoints.rest", "write https://HOST"),
    (ENDPOINTS.format("https://"), "accounts.main.endpoints.rest", "no host"),
    (ENDPOINTS.format("https://x.example:0"), "accounts.main.endpoints.rest", "no host and port"),
    (ENDPOINTS.format("https://x.example:99999"), "accounts.main.endpoints.rest", "not an address"),
    (ENDPOINTS.format("https://[::1"), "accounts.main.endpoints.rest", "not an address"),
    (ENDPOINTS.format("https://x_y.example"), "accounts.main.endpoints.rest", "no host"),
    (ENDPOINTS.format("https://x.example?a=1"), "accounts.main.endpoints.rest", "query or fragment"),
    (ENDPOINTS.format("https://x.example#"), "accounts.main.endpoints.rest", "query or fragment"),
    (ENDPOINTS.format("https://x. example"), "accounts.main.endpoints.rest", "blanks"),
    (ENDPOINTS.format("https://u:p@x.example"), "accounts.main.endpoints.rest", "holds an @"),
    (
        IN_ACCOUNT.format("proxy = 'http://p:1'\nendpoints = { rest = 'http://[::1]:1', ws = 'wss://x' }"),
        "accounts.main.proxy",
        "not encrypted",
    ),
    (
        IN_ACCOUNT.format("source_address = '192.0.2.7'\nendpoints = { rest = 'https://x', ws = 'ws://localhost' }"),
        "accounts.main.source_address",
        "cannot reach 'ws://localhost'",
    ),
)


@pytest.mark.parametrize(("text", "path", "words"), SEEDED)
def test_a_mistake_is_named_with_its_path_and_what_to_do(text: str, path: str, words: str) -> None:
    found = mistakes(text)
    assert [mistake.path for mistake in found] == [path]
    assert re.search(words, str(found[0])), str(found[0])
    assert found[0].what
    assert found[0].fix
    assert "\n" not in str(found[0])


# ---------------------------------------------------------------- mistakes together


def test_all_mistakes_are_listed_at_once() -> None:
    found = mistakes("""
        colour = "blue"
        [daemon]
        socket = 1
        ack_wait_ms = "fast"
        metrics = "1.2.3.4:5"
        [access]
        "user:x" = { role = "king", accounts = ["nobody"] }
        [accounts.A]
        venue = "mars"
        [accounts.b]
        credentials = "b"
        endpoints = { rest = "ftp://x", ws = "ws://far.example" }
        horizon_s = -1
        wings = 2
    """)
    assert sorted(mistake.path for mistake in found) == [
        'access."user:x".accounts',
        'access."user:x".role',
        "accounts.A",
        "accounts.A.credentials",
        "accounts.A.venue",
        "accounts.b.endpoints.rest",
        "accounts.b.endpoints.ws",
        "accounts.b.horizon_s",
        "accounts.b.venue",
        "accounts.b.wings",
        "colour",
        "daemon.ack_wait_ms",
        "daemon.metrics",
        "daemon.socket",
    ]


def test_nothing_is_concluded_from_a_default_in_the_place_of_a_mistake() -> None:
    found = mistakes(ACCOUNT + "settle_ms = 90000\nhorizon_s = 'long'")
    assert [mistake.path for mistake in found] == ["accounts.main.horizon_s"]


def test_the_account_is_blamed_before_the_daemon() -> None:
    found = mistakes("daemon.horizon_s = 40\n" + ACCOUNT + "settle_ms = 50000")
    assert [mistake.path for mistake in found] == ["accounts.main.settle_ms"]


def test_a_horizon_of_the_daemon_is_held_against_each_venue() -> None:
    found = mistakes("daemon.horizon_s = 27\n" + ACCOUNT + '[accounts.slow]\nvenue = "lines"\ncredentials = "x"')
    assert [mistake.path for mistake in found] == ["daemon.horizon_s"]
    assert "30000 ms (the venue's) at accounts.slow" in found[0].what


@pytest.mark.parametrize(
    "text",
    [
        ACCOUNT + "secret = 'HUSH'",
        ACCOUNT + "key = 'HUSH'",
        ACCOUNT + "proxy = 'http://user:HUSH@proxy:1'",
        ACCOUNT + "endpoints = { rest = 'https://HUSH@x', ws = 'wss://HUSH:HUSH@x' }",
        ACCOUNT + "endpoints = { rest = 'https://u:HUSH@x:bad', ws = 'wss://x' }",
    ],
)
def test_a_secret_that_went_astray_is_not_shown(text: str) -> None:
    for mistake in mistakes(text):
        assert "HUSH" not in str(mistake)


def test_a_secret_in_this_file_is_sent_to_its_own() -> None:
    (found,) = mistakes(ACCOUNT + "passphrase = 'x'")
    assert found.path == "accounts.main.passphrase"
    assert "belong into the file that credentials names" in found.fix


WILD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)


@given(key=st.sampled_from(settings.names(settings.ACCOUNT)), value=WILD)
def test_no_value_of_an_account_makes_the_loader_fail(key: str, value: object) -> None:
    text = "\n".join(line for line in ACCOUNT.splitlines() if not line.startswith(f"{key} ="))
    found = loads(f"{text}\n{key} = {_toml(value)}\n", AT, VENUES)
    if isinstance(found, list):
        assert all(mistake.path and mistake.what and mistake.fix for mistake in found)


def _toml(value: object) -> str:
    match value:
        case None:
            return "{}"
        case bool():
            return str(value).lower()
        case str():
            escaped = "".join(f"\\U{ord(char):08x}" for char in value)
            return f'"{escaped}"'
        case list():
            return f"[{', '.join(map(_toml, value))}]"
    return repr(value)


# ---------------------------------------------------------------- the file itself


def test_a_file_is_read_from_disk(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text(ACCOUNT)
    config = load(file, VENUES)
    assert isinstance(config, Config)
    assert config.path == file


@pytest.mark.parametrize("what", ["missing", "folder", "not utf-8", "huge"])
def test_a_file_that_cannot_be_read_is_one_mistake(what: str, tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    match what:
        case "folder":
            file.mkdir()
        case "not utf-8":
            file.write_bytes(b"\xff\xfe")
        case "huge":
            file.write_bytes(b"#" * 1_048_577)
    found = load(file, VENUES)
    assert isinstance(found, list)
    assert [mistake.path for mistake in found] == [str(file)]
