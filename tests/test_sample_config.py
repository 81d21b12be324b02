"""The sample configuration: it loads, and says of every key what the code says: default, unit and reason."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from daemon.config import Config, load, settings
from daemon.config.settings import Choice, Number, Setting
from protocols.dialect import Timings
from protocols.fix import AccountName

SAMPLE = Path(__file__).resolve().parent.parent / "systemd" / "canceld.toml"


def test_the_sample_loads() -> None:
    config = load(SAMPLE)
    assert isinstance(config, Config), config
    assert list(config.accounts) == ["okx-main"]


def test_the_sample_says_the_defaults_that_hold() -> None:
    config = load(SAMPLE)
    assert isinstance(config, Config)
    timings = config.accounts[AccountName("okx-main")].timings
    table = _uncommented()
    for setting in settings.DAEMON:
        stated = table["daemon"][setting.name]
        if setting in settings.TIMINGS:
            assert stated == getattr(timings, setting.name), setting.name
        elif setting.default is not None:
            assert stated == setting.default, setting.name
    assert table["accounts"]["okx-main"].get("order_entry") == settings.ORDER_ENTRY.default


def test_the_sample_shows_every_key() -> None:
    table = _uncommented()
    assert set(table["daemon"]) == set(settings.names(settings.DAEMON))
    assert set(table["access"]["user:trader"]) == set(settings.names(settings.ACCESS))
    own = set(settings.names(settings.ACCOUNT)) - set(settings.names(settings.OVERRIDABLE))
    assert set(table["accounts"]["okx-main"]) == own
    assert set(table["accounts"]["okx-main"]["dead_man"]) == set(settings.names(settings.DEAD_MAN))


def test_the_sample_gives_each_keys_reason_and_unit() -> None:
    lines = SAMPLE.read_text().splitlines()
    prose = " ".join(line.removeprefix("# ") for line in lines if line.startswith("# "))
    every: tuple[Setting, ...] = (*settings.DAEMON, *settings.ACCESS, *settings.ACCOUNT, *settings.DEAD_MAN)
    for setting in every:
        assert setting.reason in prose, setting.name
        if isinstance(setting, Number):
            assert any(re.match(rf"#{setting.name} = .*  # {setting.unit}$", line) for line in lines), setting.name


def test_the_table_of_settings_is_whole() -> None:
    for setting in (*settings.DAEMON, *settings.ACCOUNT):
        assert setting.reason.endswith("."), setting.name
        if isinstance(setting, Number):
            assert setting.unit, setting.name
            assert setting.least < setting.most, setting.name
            assert setting.default is None or setting.least <= setting.default <= setting.most, setting.name
        if isinstance(setting, Choice) and setting.default is not None:
            assert setting.default in setting.words, setting.name
    for timing in settings.TIMINGS:
        assert timing.least <= getattr(Timings(), timing.name) <= timing.most, timing.name


def _uncommented() -> dict[str, dict[str, Any]]:
    """The sample with every shown key switched on."""
    text = re.sub(r"^#(?=[^ #])", "", SAMPLE.read_text(), flags=re.MULTILINE)
    table: dict[str, dict[str, Any]] = tomllib.loads(text)
    return table
