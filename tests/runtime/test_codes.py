"""The table of failures' codes, and every place that raises one."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from string import Formatter

import pytest
from aibenchrt.codes import BY_ID, FAILURES
from aibenchrt.errors import EnvironmentFailure

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [path for part in ("compiler", "runtime") for path in sorted((ROOT / part).rglob("*.py"))]


def calls(name: str) -> list[tuple[str, ast.Call]]:
    """(place, call) of every call of a function or method of that name."""
    return [
        (f"{path.relative_to(ROOT)}:{node.lineno}", node)
        for path in SOURCES
        if f"{name}(" in (text := path.read_text(encoding="utf-8"))
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", None)) == name
    ]


def fields(template: str) -> set[str]:
    return {field for _, field, _, _ in Formatter().parse(template) if field is not None}


def first_word(call: ast.Call) -> str:
    """The code that a call names; empty where it is no literal."""
    return call.args[0].value if call.args and isinstance(call.args[0], ast.Constant) and isinstance(call.args[0].value, str) else ""


OWN = "runtime/aibenchrt/errors.py:"  # which makes one again that another process has told
RAISED = [(place, call) for place, call in calls("EnvironmentFailure") if not place.startswith(OWN)]


def test_every_failure_names_a_code_and_gives_exactly_its_fields() -> None:
    wrong = [
        place
        for place, call in RAISED
        if (code := BY_ID.get(first_word(call))) is None
        or len(call.args) != 1
        or {keyword.arg for keyword in call.keywords} != fields(code.message) | fields(code.hint)
    ]
    assert not wrong
    assert len(RAISED) > 100


def test_every_code_is_raised_and_has_one_meaning_and_a_way_out() -> None:
    used = {first_word(call) for _, call in (*RAISED, *calls("report"))}
    assert {code.id for code in FAILURES} <= used
    assert len(BY_ID) == len({code.message for code in FAILURES}) == len(FAILURES)
    for code in FAILURES:
        assert re.search("[a-z]{2,} ", re.sub(r"\{\w+\}", "", code.message)), f"{code.id} says nothing of its own"
        assert code.hint
        assert code.explanation


def test_a_failure_is_rendered_from_the_table() -> None:
    failure = EnvironmentFailure("AIB653", stage="rank")
    assert (failure.code, failure.message, failure.hint) == ("AIB653", "no model for 'rank'", "train it with `aibenchc train`")
    assert str(failure) == "AIB653: no model for 'rank'"
    with pytest.raises(KeyError):
        EnvironmentFailure("AIB653")
    with pytest.raises(KeyError):
        EnvironmentFailure("AIB999")
