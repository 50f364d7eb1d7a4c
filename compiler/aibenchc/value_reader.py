"""Reads values that the author wrote: parameters put in their place, every number in one unit, mistakes reported."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from aibenchc.diagnostics import Diagnostics, did_you_mean, one_of, place
from aibenchc.source import Span
from aibenchc.syntax import ast
from aibenchc.syntax.written import written

_DIGITS = 18  # longer numbers are mistakes
_MOST_COMPARED = 100_000  # most names that are compared in total in the search for near ones

TIMES = {"ms": Decimal("0.001"), "s": Decimal(1), "min": Decimal(60), "h": Decimal(3600), "d": Decimal(86400)}
RATES = {"/s": Decimal(1), "/min": Decimal(1) / 60, "/h": Decimal(1) / 3600}
SHARES = {"%": Decimal("0.01")}
SIZES = {"KiB": Decimal(1) / 1024, "MiB": Decimal(1), "GiB": Decimal(1024)}
LONGEST_S = 366 * 86400.0  # a year
UNITS = (*TIMES, *RATES, *SHARES, *SIZES)


@dataclass(frozen=True)
class Dimension:
    """units: unit → factor to the base unit; empty for a plain number. expected, example: for diagnostics. most: in the base unit, whatever
    is read; what calculates with such numbers stays finite."""

    expected: str
    units: Mapping[str, Decimal]
    example: str
    most: float = 1e12


TIME = Dimension("a time", TIMES, "write a number with ms, s, min, h or d, as `500 ms`", most=LONGEST_S)
RATE = Dimension("a rate", RATES, "write a number with /s, /min or /h, as `20/s`")
SHARE = Dimension("a share", SHARES, "write a number with %, as `35%`")
SIZE = Dimension("a size", SIZES, "write a number with MiB or GiB, as `512 MiB`")  # in MiB
PLAIN = Dimension("a plain number", {}, "write a number without a unit")


@dataclass
class Reader:
    """params: name → value, those of the command line already in place. misread: declared parameters whose value is none."""

    diagnostics: Diagnostics
    params: Mapping[str, ast.Value] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    misread: set[str] = field(default_factory=set)
    compared: int = 0

    def did_you_mean(self, name: str, candidates: Iterable[str], otherwise: str = "") -> str:
        """A hint with the nearest candidate; after many of these only `otherwise`, so that a spec full of mistakes is still checked
        quickly."""
        names = list(candidates)
        self.compared += len(names)
        return did_you_mean(name, names, otherwise) if self.compared <= _MOST_COMPARED else otherwise or one_of(names)

    def resolved(self, value: ast.Value) -> ast.Value | None:
        """The value, a parameter's for `$name`; None for an undeclared one, which is reported, and where it has none, which has been."""
        if not isinstance(value, ast.Variable):
            return value
        if value.name in self.misread:
            return None
        if value.name not in self.params:
            hint = self.did_you_mean(value.name, self.params, f"declare it: `param {value.name} = …`")
            self.diagnostics.report("AIB113", value.span, name=value.name, hint=hint)
            return None
        self.used.add(value.name)
        return self.params[value.name]

    def notes(self, value: ast.Value) -> tuple[str, ...]:
        """Where a parameter's value comes from, for a report about `$name`."""
        actual = self.params.get(value.name) if isinstance(value, ast.Variable) else None
        if actual is None:
            return ()
        return (f"{written(value)} is {written(actual)}, set at {place(actual.span)}",)

    def decimal(self, value: ast.Value, what: str, dimension: Dimension) -> Decimal | None:
        """The number in the dimension's base unit (s, 1/s, a fraction), None after a report."""
        actual = self.resolved(value)
        if actual is None:
            return None
        if not isinstance(actual, ast.Number):
            self.mismatch(value, what, dimension.expected, dimension.example)
            return None
        units = dimension.units
        if (actual.unit not in units) if units else (actual.unit is not None):
            found = f"'{written(actual)}'" + ("" if actual.unit else ", which has no unit")
            self.diagnostics.report(
                "AIB201",
                value.span,
                what=what,
                expected=dimension.expected,
                found=found,
                example=dimension.example,
                notes=self.notes(value),
            )
            return None
        if len(actual.digits) > _DIGITS:
            self.out_of_range(value, what, f"at most {_DIGITS} digits long", f"{len(actual.digits)} digits")
            return None
        return Decimal(actual.digits) * (units[actual.unit] if actual.unit else 1)

    def number(
        self,
        value: ast.Value,
        what: str,
        dimension: Dimension,
        *,
        above: float | None = None,
        least: float | None = None,
        most: float | None = None,
    ) -> float | None:
        """As `decimal`, within bounds (in base units), as a float. most: the dimension's unless given."""
        number = self.decimal(value, what, dimension)
        if number is None:
            return None
        scale, unit = (100, " %") if dimension is SHARE else (1, {id(TIME): " s", id(RATE): "/s", id(SIZE): " MiB"}.get(id(dimension), ""))
        highest = dimension.most if most is None else most
        wrong = None
        if above is not None and not number > Decimal(str(above)):
            wrong = f"more than {above * scale:g}{unit}"
        elif least is not None and number < Decimal(str(least)):
            wrong = f"at least {least * scale:g}{unit}"
        elif number > Decimal(str(highest)):
            wrong = f"at most {highest * scale:.12g}{unit}"
        if wrong:
            self.out_of_range(value, what, wrong)
            return None
        return float(number)

    def count(self, value: ast.Value, what: str, least: int = 1, most: int = 10**9) -> int | None:
        """A whole number without a unit."""
        number = self.decimal(value, what, PLAIN)
        if number is None:
            return None
        if number != int(number) or not least <= number <= most:
            self.out_of_range(value, what, f"a whole number from {least} to {most}")
            return None
        return int(number)

    def out_of_range(self, value: ast.Value, what: str, expected: str, found: str | None = None) -> None:
        actual = self.params.get(value.name, value) if isinstance(value, ast.Variable) else value
        found = found or f"'{written(actual)}'"
        hint = f"write {expected}" if expected.startswith("a ") else f"write a number that is {expected}"
        self.diagnostics.report("AIB202", value.span, what=what, expected=expected, found=found, hint=hint, notes=self.notes(value))

    def word(self, value: ast.Value, what: str, expected: str = "one word", example: str = "") -> ast.Name | None:
        """A single name."""
        actual = self.resolved(value)
        if actual is None:
            return None
        if isinstance(actual, ast.Ref) and len(actual.parts) == 1:
            return actual.parts[0] if actual is value else ast.Name(actual.text, span=value.span)
        self.mismatch(value, what, expected, example)
        return None

    def text(self, value: ast.Value, what: str, example: str) -> ast.Text | None:
        actual = self.resolved(value)
        if actual is None:
            return None
        if isinstance(actual, ast.Text):
            return actual
        self.mismatch(value, what, "a string", example)
        return None

    def mismatch(self, value: ast.Value, what: str, expected: str, example: str) -> None:
        """AIB203: a value of another kind than `what` takes."""
        actual = self.params.get(value.name, value) if isinstance(value, ast.Variable) else value
        kind = {ast.Number: "number ", ast.Text: "string "}.get(type(actual), "")
        found = f"the {kind}{written(actual)}" if kind else f"'{written(actual)}'"
        self.diagnostics.report("AIB203", value.span, what=what, expected=expected, found=found, example=example, notes=self.notes(value))

    def shape(self, span: Span, what: str, expected: str, found: str, example: str) -> None:
        """AIB203 about a whole setting."""
        self.diagnostics.report("AIB203", span, what=what, expected=expected, found=found, example=example)
