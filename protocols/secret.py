"""Secrets have their own type: they come in by a credentials file, leave by a signature, and show as a row of dots."""

from __future__ import annotations

from typing import NoReturn

import msgspec


class Secret:
    """A text that no repr, log, format, pickle or JSON encoder shows. `reveal` is for signing and login frames only."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Give the text itself."""
        return self._text

    def __repr__(self) -> str:
        """Show dots, however long the secret is."""
        return "••••••••"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        """Show dots in any format."""
        return repr(self)

    def __eq__(self, other: object) -> bool:
        """Compare by text, so that a re-read file can be seen to hold the same key."""
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        """Hash by text."""
        return hash(self._text)

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled."""
        raise TypeError("a secret is not to be stored")


class Credentials(msgspec.Struct, frozen=True):
    """What an account signs with. ``passphrase`` is empty where a venue has none."""

    key: Secret
    secret: Secret
    passphrase: Secret
