"""How figures are written wherever people read them: digits, thousands, percents and intervals."""

from __future__ import annotations


def number(value: float, digits: int = 3, sign: str = "") -> str:
    """digits significant digits without an exponent, thousands in groups; below 0.001 with an exponent. sign: '+' shows that of all."""
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 10 ** (digits - 1):
        return f"{value:{sign},.0f}"
    return f"{value:{sign}#.{digits}g}" if size >= 0.001 else f"{value:{sign}.1e}"


def percent(fraction: float, digits: int = 1) -> str:
    """'12.3 %', with that many digits after the point."""
    return f"{100 * fraction:.{digits}f} %"


def fraction_percent(fraction: float, digits: int = 3, sign: str = "") -> str:
    """A fraction that may be small, with that many significant digits: '49.6 %', '0.413 %'."""
    return f"{number(100 * fraction, digits, sign)} %"


def percent_bounds(value: float, low: float | None, high: float | None) -> str:
    """A fraction with its interval, if it has one: '86.4 % [85.2, 87.4]'."""
    bounds = "" if low is None or high is None else f" [{100 * low:.1f}, {100 * high:.1f}]"
    return percent(value) + bounds
