"""Which canceld this is."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def software_version() -> str:
    """Give the installed version; a bare checkout has none."""
    try:
        return version("canceld")
    except PackageNotFoundError:
        return "0+checkout"
