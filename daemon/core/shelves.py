"""A map by product line and name, for a hundred thousand entries and more: it takes 70 bytes less an entry than pairs.

Most venues have one product line, so its name would stand in each key for nothing. What the names and the entries are
is their owner's business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

Name = TypeVar("Name", bound=str)
Entry = TypeVar("Entry")


class Shelves(Generic[Name, Entry]):
    """A shelf a product, each in the order in which its entries were put there."""

    def __init__(self) -> None:
        self._shelves: dict[str, dict[Name, Entry]] = {}
        self._count = 0

    def get(self, product: str, name: Name) -> Entry | None:
        """Give an entry."""
        shelf = self._shelves.get(product)
        return None if shelf is None else shelf.get(name)

    def put(self, product: str, name: Name, entry: Entry) -> None:
        """Put an entry in place of the one of that name, which keeps its place in the order."""
        shelf = self._shelves.setdefault(product, {})
        self._count += name not in shelf
        shelf[name] = entry

    def pop(self, product: str, name: Name) -> None:
        """Take an entry out, if it is there."""
        shelf = self._shelves.get(product)
        if shelf is not None and name in shelf:
            del shelf[name]
            self._count -= 1

    def drop_oldest(self) -> None:
        """Take out the oldest entry of the fullest shelf."""
        fullest = max(self._shelves.values(), key=len)
        del fullest[next(iter(fullest))]
        self._count -= 1

    def values(self) -> Iterator[Entry]:
        """Walk over all entries."""
        for shelf in self._shelves.values():
            yield from shelf.values()

    def items(self) -> Iterator[tuple[tuple[str, Name], Entry]]:
        """Walk over all entries, each with its product and name."""
        for product, shelf in self._shelves.items():
            for name, entry in shelf.items():
                yield (product, name), entry

    def __len__(self) -> int:
        return self._count
