"""A reference made of somebody else's runs is pasted into a spec: what its names hold must not become something else there."""

from __future__ import annotations

import pytest
from aibenchc.diagnostics import Diagnostics
from aibenchc.source import SourceFile
from aibenchc.syntax import ast
from aibenchc.syntax.parse import parse_file
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.plan import PlanLatencyPercentile, PlanLatencyRatio, PlanTimeFraction
from aibenchrt.report.reference import block
from aibenchrt.report.reference_file import Reference, ReferenceItem
from hypothesis import example, given
from hypothesis import strategies as st

BREAKS_OUT = 'd1\n  }\n  load { poisson 1/s, for 1 s }\n  reference "x" {\n    on d1'
NAMES = (BREAKS_OUT, "", "d1 # ", "d1 }", "d-1", "1d", "d1\u2028", 'd1"', "dé", "d1.p99", "d" * 300, "\x1b[2J")


def made(title: str = "a title", deployment: str = "one_node", task: str = "rank") -> Reference:
    quantities = (PlanLatencyPercentile(percentile=99), PlanLatencyRatio(percentile=99, task=task), PlanTimeFraction(of="ai"))
    items = tuple(ReferenceItem(quantity=quantity, value=0.5, within=0.1) for quantity in quantities)
    return Reference(title=title, deployment=deployment, fingerprint="0123456789abcdef", runs=("r1", "r2"), items=items)


def parsed(text: str) -> ast.Reference:
    """The one reference of a scenario that holds this text and nothing else."""
    diagnostics = Diagnostics()
    spec = parse_file(SourceFile("pasted.aib", f"aib 1\nscenario x {{\n{text}}}\n"), diagnostics)
    assert not diagnostics.failed
    assert spec is not None
    (scenario,) = spec.tops
    assert isinstance(scenario, ast.Scenario)
    (item,) = scenario.items
    assert isinstance(item, ast.Reference)
    return item


@given(st.text(max_size=60))
@example('x" { on y }')
@example("x\\")
@example("x\n  }\n}")
@example("\u202e\x1b[2J")
def test_any_title_is_one(title: str) -> None:
    block_ = parsed(block(made(title=title)))
    assert block_.title.value.isprintable()


@pytest.mark.parametrize("what", ["deployment", "task"])
@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_name_that_the_language_does_not_have_is_refused(what: str, name: str) -> None:
    with pytest.raises(EnvironmentFailure, match="AIB720"):
        block(made(deployment=name) if what == "deployment" else made(task=name))


@given(st.text(max_size=20), st.text(max_size=20))
def test_a_block_is_one_reference_or_none(deployment: str, task: str) -> None:
    try:
        text = block(made(deployment=deployment, task=task))
    except EnvironmentFailure:
        return
    assert parsed(text)
