"""Every exception that canceld raises on purpose, drawn as a tree. Expected outcomes are values, not exceptions.

    CanceldError
    ├── LocalError              ours, or our caller's
    │   ├── ConfigMistake       a mistake in a configuration or credentials file
    │   ├── BadRequest          a client's line, or what it asks for
    │   └── JournalError        the journal cannot be opened, read or written
    └── RemoteError             a venue's
        ├── Unreadable          a frame or body that is not what its page says
        └── VenueRefusal        a venue said no to something other than a cancel (login, listing, clock)

Every exception carries fields and writes its own sentence from them: what is wrong, where, and what to do. None ever
holds a secret.
"""

from __future__ import annotations


class CanceldError(Exception):
    """The root of the tree."""


class LocalError(CanceldError):
    """Ours, or our caller's."""


class ConfigMistake(LocalError):
    """A mistake in a file that the operator wrote.

    ``path`` is the dotted path of the setting, ``what`` the mistake, ``fix`` what to do.
    """

    def __init__(self, path: str, what: str, fix: str) -> None:
        self.path = path
        self.what = what
        self.fix = fix
        super().__init__(f"{path}: {what}; {fix}")


class BadRequest(LocalError):
    """What a client asked for cannot become a request: no request exists and nothing was sent.

    ``reason`` is the contract's word (``invalid_params``, ``unknown_account`` …), ``path`` the offending member.
    """

    def __init__(self, reason: str, what: str, *, path: str | None = None, **data: object) -> None:
        self.reason = reason
        self.what = what
        self.path = path
        self.data = data
        super().__init__(f"{path}: {what}" if path else what)


class JournalError(LocalError):
    """The journal at ``path`` cannot be used; ``what`` says why and ``fix`` what to do."""

    def __init__(self, path: str, what: str, fix: str) -> None:
        self.path = path
        self.what = what
        self.fix = fix
        super().__init__(f"journal {path}: {what}; {fix}")


class RemoteError(CanceldError):
    """A venue's."""


class Unreadable(RemoteError):
    """A frame or body that is not what its page says. ``path`` names the member, ``what`` the trouble."""

    def __init__(self, path: str, what: str) -> None:
        self.path = path
        self.what = what
        super().__init__(f"{path}: {what}")


class VenueRefusal(RemoteError):
    """A venue said no to something other than a cancel: ``code`` and ``message`` are its own words."""

    def __init__(self, asked: str, code: str, message: str) -> None:
        self.asked = asked
        self.code = code
        self.message = message
        super().__init__(f"{asked}: the venue answered {code} {message}".rstrip())
