"""requirements.lock as a table: the hashes of the packages that we know, with which pip checks what it installs for hosts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

_PIN = re.compile(r"([a-z0-9.-]+==[^\s;\\]+)")
_HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def lock_text() -> str:
    """requirements.lock: from the wheel's aibenchrt, else from the checkout around this file."""
    here = Path(__file__).resolve()
    packaged = here.parents[2] / "_requirements.lock"
    return (packaged if packaged.is_file() else here.parents[4] / "requirements.lock").read_text(encoding="utf-8")


@cache
def hashes() -> Mapping[str, tuple[str, ...]]:
    """name==version → pip's options --hash of all its files."""
    options: dict[str, list[str]] = {}
    pin = ""
    for line in lock_text().splitlines():
        if begins := _PIN.match(line):
            pin = begins[1]
            options[pin] = []
        elif pin:
            options[pin] += _HASH.findall(line)
    return {pin: tuple(own) for pin, own in options.items()}


def split(pins: Iterable[str]) -> tuple[list[str], list[str]]:
    """The lines of a requirements file for the pins that are in the lock, with their hashes; and the other pins."""
    pins = list(pins)
    return [" ".join((pin, *hashes()[pin])) for pin in pins if pin in hashes()], [pin for pin in pins if pin not in hashes()]
