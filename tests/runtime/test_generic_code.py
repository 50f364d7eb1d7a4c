"""Code that serves every component names none: what it must know of one is declared in its spec."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import aibenchrt
import pytest
from aibenchrt.catalog import COMPONENTS

RUNTIME = Path(aibenchrt.__file__).parent
NAMES = set(COMPONENTS)
# components and their catalogue; data sets, which make requests for some of them
APART = ("components/", "catalog.py", "datasets/")
GENERIC = [path for path in sorted(RUNTIME.rglob("*.py")) if not path.relative_to(RUNTIME).as_posix().startswith(APART)]


def named(source: str) -> Iterator[str]:
    """Components that a module names: as a string, or by importing of their package."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and node.value in NAMES:
            yield str(node.value)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("aibenchrt.components."):
            yield (node.module or "").split(".")[2]
        elif isinstance(node, ast.Import):
            yield from (name.name.split(".")[2] for name in node.names if name.name.startswith("aibenchrt.components."))


@pytest.mark.parametrize("path", GENERIC, ids=lambda path: path.relative_to(RUNTIME).as_posix())
def test_generic_code_names_no_component(path: Path) -> None:
    assert list(named(path.read_text(encoding="utf-8"))) == []


def test_a_name_is_noticed() -> None:
    assert "train/task.py" in {path.relative_to(RUNTIME).as_posix() for path in GENERIC}
    imports = "from aibenchrt.components.indexing.service import recall\nimport aibenchrt.components.sort.service\n"
    assert sorted(named(imports + 'RANKER = "learning_to_rank"')) == ["indexing", "learning_to_rank", "sort"]
