"""Reading one TOML table, setting by setting, without stopping at a mistake.

A `Table` gives the value of a setting, or on a mistake notes it and gives the default, so that the loader can go on and
find the next one. What was never asked for is an unknown key. A message shows a value only where it cannot be a secret
that went astray: not of an unknown key, and of an address only without what stands before its ``@``.
"""

from __future__ import annotations

import difflib
import re
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

from protocols.errors import ConfigMistake

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from daemon.config.settings import Choice, Flag, Number, Text

W = TypeVar("W", bound=StrEnum)
P = TypeVar("P")

SHOWN_CHARS_MAX = 60  # of a value in a message: enough to recognise it, and a line stays a line
SHOWN_NUMBER_MAX = 10**18  # Python refuses to write out the longest numbers that it reads
SUGGESTIONS_CUTOFF = 0.6  # difflib's own: below it suggestions mislead
SECRET_KEYS = frozenset({"key", "secret", "passphrase", "api_key", "apikey", "api_secret", "secret_key", "password"})
TYPE_NAMES = {
    str: "a text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    list: "an array",
    dict: "a table",
}


def joined(path: str, key: str) -> str:
    """Append a key to a dotted path, quoted as TOML wants it."""
    shown_key = key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else '"' + key.encode("unicode_escape").decode() + '"'
    return f"{path}.{shown_key}" if path else shown_key


def shown(value: object) -> str:
    """Show a value of the file in one short line; of a table or an array only its kind."""
    if isinstance(value, str):
        cut = value if len(value) <= SHOWN_CHARS_MAX else value[:SHOWN_CHARS_MAX] + "…"
        return repr(cut)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and abs(value) > SHOWN_NUMBER_MAX:
        return "a very large number"
    if isinstance(value, int | float):
        return repr(value)
    return kind_of(value)


def kind_of(value: object) -> str:
    """Say what kind of TOML value this is."""
    return TYPE_NAMES.get(type(value), "a date or time")


def suggestion(word: str, known: Iterable[str]) -> str:
    """Give ``did you mean …?`` for a word that is near to a known one, else an empty text."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=SUGGESTIONS_CUTOFF)
    return f"did you mean {near[0]!r}?" if near else ""


class Table:
    """A table of the file at the dotted ``path``. All tables of a file share the list of ``mistakes``."""

    def __init__(self, path: str, values: Mapping[str, object], mistakes: list[ConfigMistake]) -> None:
        self.path = path
        self._values = values
        self._mistakes = mistakes
        self._asked: set[str] = set()
        self.mistaken: set[str] = set()
        """Keys whose value could not be read, so that nothing is concluded from the default in their place."""

    def mistake(self, key: str, what: str, fix: str) -> None:
        """Note a mistake in the value of ``key``."""
        self.mistaken.add(key)
        self._mistakes.append(ConfigMistake(joined(self.path, key), what, fix))

    def note(self, mistakes: Iterable[ConfigMistake]) -> None:
        """Note mistakes that were found in several tables together."""
        self._mistakes.extend(mistakes)

    def __contains__(self, key: str) -> bool:
        """Say whether the file sets ``key``."""
        return key in self._values

    def names(self) -> tuple[str, ...]:
        """List the keys that the file sets."""
        return tuple(self._values)

    def raw(self, key: str) -> object:
        """Give a value as TOML has it, or None; from now on the key counts as known."""
        self._asked.add(key)
        return self._values.get(key)

    # -- the kinds of settings

    def text(self, setting: Text) -> str | None:
        """Give a text, or its default. An empty one, or one with control characters, is a mistake."""
        value = self.raw(setting.name)
        if value is None:
            return setting.default
        if not isinstance(value, str):
            self.mistake(setting.name, f"is {kind_of(value)}", "write a text in quotes")
        elif not value:
            self.mistake(setting.name, "is empty", "write a value, or leave the key out")
        elif not value.isprintable():
            self.mistake(setting.name, "holds control characters", "remove them")
        else:
            return value
        return setting.default

    def required_text(self, setting: Text) -> str:
        """Give a text that has to be there; an empty one stands for a mistake."""
        if setting.name not in self:
            self._asked.add(setting.name)
            self.mistake(setting.name, "is missing", f'add {setting.name} = "…"')
            return ""
        return self.text(setting) or ""

    def parsed(self, setting: Text, read: Callable[[str, str], P]) -> P | None:
        """Give what ``read(path, text)`` makes of a text; it raises `ConfigMistake`. None where there is none."""
        text = self.text(setting)
        if text is None:
            return None
        try:
            return read(joined(self.path, setting.name), text)
        except ConfigMistake as mistake:
            self.mistake(setting.name, mistake.what, mistake.fix)
            return None

    def file(self, setting: Text, folder: Path) -> Path:
        """Give a path, absolute; a relative one starts at ``folder``. The setting has a default."""
        return folder / (self.text(setting) or "")

    def optional_file(self, setting: Text, folder: Path) -> Path | None:
        """Give a path, absolute, or None where there is none."""
        value = self.text(setting)
        return None if value is None else folder / value

    def choice(self, setting: Choice[W]) -> W:
        """Give one of a setting's words, or its default."""
        words = [word.value for word in setting.words]
        value = self.raw(setting.name)
        if isinstance(value, str) and value in words:
            return setting.words(value)
        if value is not None:
            what = f"{shown(value)} is not one of its words"
            fix = f"{suggestion(str(value), words)} write {_listed(words)}".lstrip()
            self.mistake(setting.name, what, fix)
        elif setting.default is None:
            self.mistake(setting.name, "is missing", f"write {_listed(words)}")
        return setting.default or next(iter(setting.words))

    def number(self, setting: Number) -> float | None:
        """Give a number within the setting's bounds, or its default."""
        value = self.raw(setting.name)
        if value is None:
            return setting.default
        kind = "a whole number" if setting.is_whole else "a number"
        bounds = f"write {kind} of {setting.unit} from {setting.least:g} to {setting.most:.10g}"
        if isinstance(value, bool) or not isinstance(value, int if setting.is_whole else int | float):
            self.mistake(setting.name, f"{shown(value)} is not {kind}", bounds)
        elif not setting.least <= value <= setting.most:  # nan and inf are caught here too
            self.mistake(setting.name, f"{shown(value)} {setting.unit} is out of bounds", bounds)
        else:
            return value
        return setting.default

    def whole(self, setting: Number) -> int:
        """Give a whole number that has a default."""
        return int(self.number(setting) or 0)

    def flag(self, setting: Flag) -> bool:
        """Give true or false, or the default."""
        value = self.raw(setting.name)
        if value is None or isinstance(value, bool):
            return setting.default if value is None else value
        self.mistake(setting.name, f"is {kind_of(value)}", "write true or false, without quotes")
        return setting.default

    def words(self, setting: Text) -> tuple[str, ...] | None:
        """Give an array of different texts, or None where there is none."""
        value = self.raw(setting.name)
        if value is None:
            return None
        fix = 'write an array of different names, such as ["one", "two"], or leave the key out for all'
        if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
            self.mistake(setting.name, "is not an array of texts", fix)
        elif not value:
            self.mistake(setting.name, "names nothing", fix)
        elif len(set(value)) < len(value):
            self.mistake(setting.name, "names something twice", fix)
        else:
            return tuple(value)
        return None

    def table(self, key: str) -> Table | None:
        """Give the table at ``key``, or None where there is none."""
        value = self.raw(key)
        if value is None:
            return None
        if not isinstance(value, dict):
            self.mistake(key, f"is {kind_of(value)}", f"write it as a table: [{joined(self.path, key)}]")
            return None
        return Table(joined(self.path, key), value, self._mistakes)

    def empty(self, key: str) -> Table:
        """Give an empty table in the place of one that the file has not."""
        return Table(joined(self.path, key), {}, self._mistakes)

    def refuse_unknown(self, elsewhere: Mapping[str, str] | None = None) -> None:
        """Note every key that was never asked for. ``elsewhere`` says where a key of that name belongs."""
        for key in self._values:
            if key in self._asked:
                continue
            if place := (elsewhere or {}).get(key):
                fix = f"it belongs under {place}"
            elif key.lower() in SECRET_KEYS:
                fix = "secrets belong into the file that credentials names: move it there, and change it at the venue"
            else:
                fix = suggestion(key, self._asked) or "remove it"
            self.mistake(key, "is not a known key", fix)


def _listed(words: Iterable[str]) -> str:
    quoted = [f'"{word}"' for word in words]
    return " or ".join([", ".join(quoted[:-1]), quoted[-1]]) if len(quoted) > 1 else quoted[0]
