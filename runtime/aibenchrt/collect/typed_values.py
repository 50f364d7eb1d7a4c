"""Typed values in records: one text per value, 'ranking=[3,1]', 'picture:<base64>', or 'picture@<sha256>' of what is large (contents)."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from typing import Any

from aibenchrt.answers import AnswerType, TruthType
from aibenchrt.collect.contents import Contents
from aibenchrt.collect.unreadable import unreadable

INLINE_BYTES = 16 << 10  # larger values are kept beside the records
INLINE_BINARY = 4 << 10  # of what is no text, such as a picture that many requests share

_ENTRY = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)([=:@])(.*)", re.DOTALL)


def encode(values: Mapping[str, Any], types: Mapping[str, AnswerType] | Mapping[str, TruthType], contents: Contents) -> tuple[str, ...]:
    """One entry per value, in the order of the types. KeyError: a value of no type."""
    unknown = values.keys() - types.keys()
    if unknown:
        raise KeyError(f"no type of values is called {', '.join(sorted(unknown))}")
    return tuple(_encoded(name, value_type, values[name], contents) for name, value_type in types.items() if name in values)


def _encoded(name: str, value_type: AnswerType | TruthType, value: Any, contents: Contents) -> str:
    content = value_type.codec.encode(value)
    if len(content) > (INLINE_BINARY if value_type.codec.binary else INLINE_BYTES):
        return f"{name}@{contents.keep(content)}"
    if value_type.codec.binary:
        return f"{name}:{base64.b64encode(content).decode('ascii')}"
    return f"{name}={content.decode('utf-8')}"


def entry_of(entries: Sequence[str], name: str) -> str | None:
    """The entry of the value of this type; None where there is none."""
    starts = (f"{name}=", f"{name}:", f"{name}@")
    for entry in entries:
        if entry.startswith(starts):
            return entry
    return None


def type_of(entry: str) -> str | None:
    """The name of the entry's type; None: it is no entry."""
    match = _ENTRY.fullmatch(entry)
    return match[1] if match is not None else None


def content_of(entry: str) -> str | None:
    """The sha256 of the content that holds the value; None where the entry holds it."""
    match = _ENTRY.fullmatch(entry)
    return match[3] if match is not None and match[2] == "@" else None


def is_inline(entry: str) -> bool:
    match = _ENTRY.fullmatch(entry)
    return match is not None and match[2] != "@"


def decode(entry: str, value_type: AnswerType | TruthType, contents: Contents) -> Any:
    """The inverse of encode(). EnvironmentFailure AIB609: not an encoded value, or its content is missing or damaged."""
    match = _ENTRY.fullmatch(entry)
    if match is None or match[1] != value_type.name:
        raise unreadable(contents.folder.parent, f"{entry[:80]!r} is not a value of type {value_type.name}")
    if match[2] == "@":
        content = contents.read(match[3])
    try:
        if match[2] == ":":
            content = base64.b64decode(match[3], validate=True)
        elif match[2] == "=":
            content = match[3].encode("utf-8")
        return value_type.codec.decode(content)
    except (ValueError, TypeError) as error:
        raise unreadable(contents.folder.parent, f"{entry[:80]!r} is not a value of type {value_type.name} ({error})") from error
