"""Values in the notation of the language."""

from __future__ import annotations

from aibenchc.syntax import ast


def written(value: ast.Value) -> str:
    """A value as the author would write it."""
    match value:
        case ast.Number(digits=digits, unit=None):
            return digits
        case ast.Number(digits=digits, unit=unit):
            return f"{digits}{unit}" if unit in ("%", "/s", "/min", "/h") else f"{digits} {unit}"
        case ast.Text(value=text):
            return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
        case ast.Variable(name=name):
            return f"${name}"
        case ast.Ref() | ast.MetricName():
            return value.text
