"""What a target is: bytes in, nothing out; it fails by an assertion or by any exception that its decoder may not raise.

A target holds its decoder to three things: nothing escapes but the errors of `protocols.errors` that the decoder's
contract names; nothing is made up; and `SECRET`, put where a secret would stand, is in no text that the decoder makes.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

SECRET: Final = "s3cret-Zq7x9f21"
INPUT_BYTES_MAX: Final = 8192
CORPUS: Final = Path(__file__).parent / "corpus"


@dataclass(frozen=True)
class Target:
    """A decoder under test. ``run`` takes anything; ``seeds`` are right inputs, from the vectors of the other tests."""

    name: str
    run: Callable[[bytes], None]
    seeds: tuple[bytes, ...]

    @property
    def file(self) -> Path:
        """Where its kept inputs stand."""
        return CORPUS / f"{self.name}.jsonl"

    def kept(self) -> list[bytes]:
        """Read the inputs that were kept."""
        if not self.file.exists():
            return []
        return [read_line(line) for line in self.file.read_bytes().splitlines()]

    def keep(self, inputs: Iterable[bytes]) -> None:
        """Write inputs down, one a line, the shortest first."""
        lines = sorted({write_line(each) for each in inputs if len(each) <= INPUT_BYTES_MAX}, key=lambda x: (len(x), x))
        if lines:
            self.file.write_bytes(b"".join(line + b"\n" for line in lines))
        else:
            self.file.unlink(missing_ok=True)


def write_line(data: bytes) -> bytes:
    """Write an input as a JSON text, or, where it is no text, as base64 in a list."""
    try:
        return orjson.dumps(data.decode())
    except ValueError:
        return orjson.dumps([base64.b64encode(data).decode()])


def read_line(line: bytes) -> bytes:
    """Read it back."""
    value = orjson.loads(line)
    return base64.b64decode(value[0]) if isinstance(value, list) else str(value).encode()


def hold_back(*texts: object) -> None:
    """Check that no text shows the secret."""
    for text in texts:
        assert SECRET not in str(text), f"a secret is shown: {text}"
