"""Neutral names in place of those that name a place or a person: the same name the same neutral one, in every field."""

from __future__ import annotations

import re
from collections.abc import Iterable

LOOPBACK = re.compile(r"localhost|127(\.\d{1,3}){3}|\[?::1\]?")


class Names:
    """One kind of name after another gets its numbers, in the order in which the names are first met."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, str]] = {}

    def of(self, kind: str, name: str) -> str:
        """'host-1' for the first name of kind 'host'; '' for none."""
        if not name:
            return ""
        own = self._known.setdefault(kind, {})
        return own.setdefault(name, f"{kind}-{len(own) + 1}")

    def every(self, kind: str, names: Iterable[str]) -> tuple[str, ...]:
        return tuple(self.of(kind, name) for name in names)

    def address(self, address: str) -> str:
        """A loopback address stays: every machine has it."""
        return address if LOOPBACK.fullmatch(address) else self.of("address", address)

    def endpoint(self, endpoint: str) -> str:
        """'host:port', or several with ', ' between them."""
        if ", " in endpoint:
            return ", ".join(map(self.endpoint, endpoint.split(", ")))
        address, colon, port = endpoint.rpartition(":")
        return f"{self.address(address)}:{port}" if colon and port.isdecimal() else self.of("endpoint", endpoint)

    def counts(self) -> dict[str, int]:
        """Kind → how many names have a neutral one."""
        return {kind: len(known) for kind, known in sorted(self._known.items())}
