"""What an answer shows: the ids and texts of a response, by PORT_TYPES."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from aibenchrt.component import PORT_TYPES

ReadField = Callable[[str], Any]  # of a value of a port: the field of this name


@dataclass(frozen=True)
class Shown:
    """ids and texts in the order shown; none of a request that failed."""

    ids: tuple[int, ...] = ()
    texts: tuple[str, ...] = ()


def shown(parts: Iterable[tuple[str, ReadField]]) -> Shown:
    """parts: each port of the response that has a value, in order: its type's name and its value."""
    ids: list[int] = []
    texts: list[str] = []
    for type_name, read in parts:
        port_type = PORT_TYPES.get(type_name)
        if port_type is not None and port_type.answer_ids:
            ids += map(int, read(port_type.answer_ids))
        if port_type is not None and port_type.answer_text:
            text = read(port_type.answer_text)
            texts += [text] if isinstance(text, str) else text
    return Shown(tuple(ids), tuple(texts))
