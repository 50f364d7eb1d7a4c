"""One forgotten edge is one error: each edge between two tasks of the scenarios is taken away in turn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from aibenchc.diagnostics import Diagnostics, render_text
from aibenchc.source import SourceFile
from aibenchc.syntax import ast
from aibenchc.syntax.parse import parse_file
from aibenchc.validate import validate
from paths import ROOT


def without_an_edge(chains: tuple[ast.Path, ...]) -> Iterator[tuple[ast.Path, ...]]:
    for n, chain in enumerate(chains):
        for at in range(1, len(chain.steps)):
            if isinstance(chain.steps[at], ast.Ref):
                sides = (chain.steps[:at], chain.steps[at:])
                yield (*chains[:n], *(ast.Path(side, span=chain.span) for side in sides if len(side) > 1), *chains[n + 1 :])


@pytest.mark.parametrize("path", sorted((ROOT / "specs").glob("*.aib")), ids=lambda path: path.stem)
def test_one_forgotten_edge_is_one_error(path: Path) -> None:
    spec = parse_file(SourceFile(path.name, path.read_text(encoding="utf-8")), Diagnostics())
    assert spec is not None
    scenario = next(top for top in spec.tops if isinstance(top, ast.Scenario))
    permutation = next(item for item in scenario.items if isinstance(item, ast.Permutation))
    errors = []
    for chains in without_an_edge(permutation.chains):
        items = tuple(replace(item, chains=chains) if isinstance(item, ast.Permutation) else item for item in scenario.items)
        diagnostics = Diagnostics()
        validate(replace(spec, tops=(*(top for top in spec.tops if top is not scenario), replace(scenario, items=items))), diagnostics)
        errors.append(diagnostics.errors)
        assert diagnostics.errors <= 1, render_text(diagnostics)
    assert errors.count(1) > 5 * errors.count(0)  # an edge to what is optional is not missed
