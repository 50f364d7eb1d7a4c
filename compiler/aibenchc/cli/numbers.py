"""Numbers of the command line: each reader takes the text and raises argparse.ArgumentTypeError, which says how to write it."""

from __future__ import annotations

import argparse


def positive(text: str) -> float:
    """A finite number above 0."""
    value = not_negative(text)
    if value == 0:
        raise argparse.ArgumentTypeError(f"write a number above 0, not {text!r}")
    return value


def not_negative(text: str) -> float:
    """A finite number from 0."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"write a number, not {text!r}")
    return value


def percentage(text: str) -> float:
    """A number from 0, with or without a percent sign."""
    return not_negative(text.removesuffix("%").strip())


def time_span(text: str) -> float:
    """Seconds above 0, from a number with its unit: 90s, 10min, 1h."""
    for unit, seconds in (("min", 60.0), ("h", 3600.0), ("s", 1.0)):
        number = text.removesuffix(unit).strip()
        if text.endswith(unit) and (number.replace(".", "", 1)).isdecimal():
            return positive(number) * seconds
    raise argparse.ArgumentTypeError(f"write a time with its unit, like 90s or 10min, not {text!r}")


def seeds(text: str) -> tuple[int, ...]:
    """Different whole numbers below 2³¹, separated by commas."""
    parts = text.split(",")
    if not all(part.isdecimal() and int(part) < 2**31 for part in parts) or len(set(map(int, parts))) < len(parts):
        raise argparse.ArgumentTypeError(f"write different numbers like 7,8,9, not {text!r}")
    return tuple(map(int, parts))
