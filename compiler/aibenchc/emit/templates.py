"""The one Jinja environment, and the encoders through which every value reaches a generated file.

Templates show, Python decides: only `for`, a bare `if` and `include`. A template may only show numbers and Fit text, which the
encoders below make; plain text from a spec is refused with a TypeError, so that nothing is pasted by accident.
"""

from __future__ import annotations

import re
import shlex
import unicodedata
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Undefined


class Fit(str):
    """Text that is encoded for the place where it is shown."""

    __slots__ = ()


_WORD = re.compile(r"[A-Za-z0-9_./:@+-]*\Z")


def word(text: str) -> Fit:
    """An identifier, address or path that means itself in every language emitted. ValueError: it does not."""
    if not _WORD.match(text):
        raise ValueError(f"{text!r} is no word")
    return Fit(text)


def line(text: str) -> Fit:
    """For a comment that ends with its line: one line without control characters."""
    return Fit("".join(" " if breaks_lines(c) else c for c in text))


def yaml_word(text: str) -> Fit:
    """A word as a YAML string: `no` is a name, not a truth value."""
    return Fit(quoted(word(text)))


def yaml(text: str) -> Fit:
    """A double-quoted YAML scalar in ASCII; `!unsafe`: Ansible does not look for templates in it."""
    return Fit(f"!unsafe {quoted(text)}")


def pbtxt(text: str) -> Fit:
    """A double-quoted string of protobuf's text format: UTF-8 bytes, escaped in octal where they are not plain ASCII."""
    plain = ("\\" + chr(b) if chr(b) in '"\\' else chr(b) if 0x20 <= b < 0x7F else f"\\{b:03o}" for b in text.encode())
    return Fit('"' + "".join(plain) + '"')


def shell(text: str) -> Fit:
    """One word of a POSIX shell."""
    return Fit(shlex.quote(text))


def markdown(text: str) -> Fit:
    """One line of Markdown that shows this text and nothing else."""
    return Fit(re.sub(r"([\\`*_\[\]<>#|~&!$])", r"\\\1", line(text)))


def quoted(text: str) -> str:
    """A double-quoted string as YAML 1.1 reads it: all but printable ASCII escaped by code point."""
    return '"' + "".join(escaped(c) for c in text) + '"'


def escaped(c: str) -> str:
    if c in '"\\':
        return "\\" + c
    code = ord(c)
    if 0x20 <= code < 0x7F:
        return c
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def breaks_lines(c: str) -> bool:
    return unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")


def folder() -> Path:
    """The templates: beside the package when installed, at the root of the repository when not."""
    installed = Path(__file__).parent.parent / "_templates"
    return installed if installed.is_dir() else Path(__file__).parents[3] / "templates"


def finalize(value: object) -> object:
    if isinstance(value, Fit | int | float | Undefined):
        return value
    raise TypeError(f"{value!r} reached a template without an encoder")


@cache
def environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(folder()),
        undefined=StrictUndefined,
        finalize=finalize,
        autoescape=False,  # no HTML here; finalize refuses what is not encoded
        block_start_string="[%",
        block_end_string="%]",
        variable_start_string="[[",
        variable_end_string="]]",
        comment_start_string="[#",
        comment_end_string="#]",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        extensions=[],
    )


def render(template: str, view: object) -> bytes:
    """The template's text with `view`, a frozen dataclass. jinja2.UndefinedError: it names what the view does not have."""
    return environment().get_template(template).render(view=view).encode()
