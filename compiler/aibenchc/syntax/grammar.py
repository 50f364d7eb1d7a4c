"""The LALR parser made from grammar/aib.lark, kept between runs in a per-user cache."""

from __future__ import annotations

import hashlib
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import lark
from aibenchrt.whole_file import write_text
from lark import Lark, Token

MAX_DEPTH = 64
MAX_TOKENS = 250_000  # of a file: 10,000 tasks have fewer
_OPENING = frozenset(("LPAR", "LBRACE"))
_CLOSING = frozenset(("RPAR", "RBRACE"))


class TooDeepError(Exception):
    """Nested deeper than MAX_DEPTH; `token` opens the level beyond it."""

    def __init__(self, token: Token) -> None:
        super().__init__("nested too deep")
        self.token = token


class TooLongError(Exception):
    """More than MAX_TOKENS; `token` is the one too many."""

    def __init__(self, token: Token) -> None:
        super().__init__("too many words")
        self.token = token


class Separators:
    """Drops separators inside ( ), after an operator or {, and at the beginning; refuses deep nesting and more than MAX_TOKENS.

    It only looks back: looking ahead would make the contextual lexer choose the next token in the state before the separator.
    """

    always_accept = ("_SEP",)
    _AFTER = frozenset(("ARROW", "VBAR", "AMPERSAND", "ELSE", "LBRACE", "CMP", "SLASH", "_SEP", ""))

    def process(self, stream: Iterator[Token]) -> Iterator[Token]:
        parens = depth = 0
        previous = ""
        for count, token in enumerate(stream):
            if count >= MAX_TOKENS:
                raise TooLongError(token)
            kind = token.type
            if kind == "_SEP":
                if parens or previous in self._AFTER:
                    continue
            elif kind in _OPENING:
                depth += 1
                parens += kind == "LPAR"
                if depth > MAX_DEPTH:
                    raise TooDeepError(token)
            elif kind in _CLOSING:
                depth -= 1
                parens -= kind == "RPAR"
            previous = kind
            yield token


def grammar_text() -> str:
    """grammar/aib.lark: from the wheel's aibenchc/_grammar, else from the checkout around this file."""
    here = Path(__file__).resolve()
    packaged = here.parents[1] / "_grammar" / "aib.lark"
    path = packaged if packaged.is_file() else here.parents[3] / "grammar" / "aib.lark"
    return path.read_text(encoding="utf-8")


def cache_folder() -> Path | None:
    """Our own folder for cached grammars, None where there is none that only we can write (a cached grammar is a pickle)."""
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        folder = (Path(base) if base else Path.home() / ".cache") / "aibenchc" / "grammar"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        status = folder.stat()
    except (OSError, RuntimeError):
        return None
    if hasattr(os, "getuid") and (status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o022):
        return None
    return folder


def make_parser(callbacks: lark.Transformer[Token, object], folder: Path | None) -> Lark:
    """The parser, its callbacks run while parsing. Where `folder` is given, the grammar's tables are kept in it.

    A cached grammar is used only if its sha256 is the one noted beside it: a damaged file is replaced, and without a writable folder
    nothing is cached.
    """
    text = grammar_text()
    if folder is None:
        return _build(text, callbacks, False)
    key = hashlib.sha256(f"{lark.__version__}\0{sys.version_info[:3]}\0{text}".encode()).hexdigest()[:24]
    cached, noted = folder / f"{key}.lark", folder / f"{key}.sha256"
    if _intact(cached, noted):
        return _build(text, callbacks, str(cached))
    try:
        cached.unlink(missing_ok=True)
    except OSError:
        return _build(text, callbacks, False)
    parser = _build(text, callbacks, str(cached))  # lark writes the file if it can
    try:
        write_text(noted, hashlib.sha256(cached.read_bytes()).hexdigest())
    except OSError:
        return parser
    return parser


def _intact(cached: Path, noted: Path) -> bool:
    try:
        return hashlib.sha256(cached.read_bytes()).hexdigest() == noted.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return False


def _build(text: str, callbacks: lark.Transformer[Token, object], cache: str | bool) -> Lark:
    return Lark(
        text,
        parser="lalr",
        start=["start", "value"],
        transformer=callbacks,
        postlex=Separators(),
        keep_all_tokens=True,
        maybe_placeholders=False,
        cache=cache,
    )
