"""What a program takes over from whoever starts it, made the same everywhere: standard streams, locale. Standard library only."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

UTF8 = "C.UTF-8"  # glibc has it built in from 2.35
_OVERRULED = ("LANGUAGE", "PYTHONIOENCODING", "PYTHONUTF8")


def child_environment(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment for a process that we start: this one, or ours, with the locale C.UTF-8."""
    given = os.environ if environment is None else environment
    return {**{name: value for name, value in given.items() if name not in _OVERRULED}, "LC_ALL": UTF8}


def settle() -> None:
    """Call it once, first of all, in a program of its own. From then on standard streams exist and take every character, files and what
    other programs print are read and written as UTF-8, and so it is in all that is started.

    Under a locale of another encoding the program begins anew in Python's UTF-8 mode; what it prints keeps the terminal's encoding.
    """
    _open_streams()
    if sys.getfilesystemencoding() != "utf-8" and not sys.flags.ignore_environment:
        printed = {"PYTHONUTF8": "1", "PYTHONIOENCODING": f"{sys.stdout.encoding}:backslashreplace"}
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**child_environment(), **printed})
    for name in _OVERRULED:
        os.environ.pop(name, None)
    os.environ["LC_ALL"] = UTF8
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def give_up(descriptor: int) -> None:
    """What is written there from now on goes nowhere, as nobody can read it any more. Without that the interpreter would complain when it
    ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


def _open_streams() -> None:
    """A standard stream that is closed becomes /dev/null: the next file that is opened would take its number, and be written into."""
    for number, name, flags in ((0, "stdin", os.O_RDONLY), (1, "stdout", os.O_WRONLY), (2, "stderr", os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, flags)
            os.dup2(opened, number)  # which makes it inheritable
            if opened != number:
                os.close(opened)
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "r" if number == 0 else "w", encoding="utf-8", closefd=False))
