"""What is shown to people: no text that a file, a host or a spec brings writes to the terminal anything but itself."""

from __future__ import annotations

import sys

from aibenchrt.errors import EnvironmentFailure
from aibenchrt.surroundings import give_up


def visible(text: str) -> str:
    """Control characters and invisible ones, such as those that turn the direction of writing, as escapes; line ends and tabs stay."""
    if all(part.isprintable() for line in text.split("\n") for part in line.split("\t")):
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else _escaped(c) for c in text)


def visible_in_line(text: str) -> str:
    """As visible(), with line ends and tabs as escapes, too: for names that somebody else chose, within a line of ours."""
    return "".join(c if c.isprintable() else _escaped(c) for c in text)


def visible_json(text: str) -> str:
    """JSON, still the same document: escapes as JSON has them."""
    import json  # the compiler's `check` starts without it

    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def say(text: str) -> None:
    """A line on stdout."""
    sys.stdout.write(visible(text) + "\n")


def tell(text: str) -> None:
    """A line on stderr, as to_stderr()."""
    to_stderr(visible(text) + "\n")


def to_stderr(text: str) -> None:
    """What is visible() already; nowhere if nobody can read it: the reader of a pipe or the terminal has gone, the disk is full."""
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        give_up(sys.stderr.fileno())


def tell_failure(failure: EnvironmentFailure) -> None:
    """In the form of a diagnostic without a place."""
    tell(f"error[{failure.code}]: {failure.message}" + (f"\n  = help: {failure.hint}" if failure.hint else ""))
