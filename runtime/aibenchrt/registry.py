"""Registries of what a spec may name: one table per kind, ours first, then what the libraries in use add. Standard library only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol, TypeVar


class Named(Protocol):
    @property
    def name(self) -> str: ...


T = TypeVar("T", bound=Named)


class Registry(Mapping[str, T]):
    """Name → row, in the order of declaration.

    own: this project's rows; added: those of the libraries in use (aibenchrt.libraries.use), empty if no library is used.
    """

    def __init__(self, rows: Iterable[T]) -> None:
        self.own: dict[str, T] = {row.name: row for row in rows}
        self.added: dict[str, T] = {}

    def __getitem__(self, name: str) -> T:
        return self.added[name] if name in self.added else self.own[name]

    def __iter__(self) -> Iterator[str]:
        yield from self.own
        yield from self.added

    def __len__(self) -> int:
        return len(self.own) + len(self.added)
