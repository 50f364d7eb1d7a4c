"""E-commerce search, the scenario that has work for every rule: validated, and distilled."""

from __future__ import annotations

import pytest
from aibenchc.diagnostics import Diagnostics
from aibenchc.distill import Distilled, distill, settings
from aibenchc.model import Scenario
from aibenchc.source import SourceFile
from aibenchc.syntax.parse import parse
from aibenchc.validate import validate
from paths import SPECS

SPEC = SPECS / "ecommerce.aib"


@pytest.fixture(scope="session")
def scenario() -> Scenario:
    diagnostics = Diagnostics()
    spec = parse(SourceFile("specs/ecommerce.aib", SPEC.read_text()), diagnostics, lambda *_: None)
    assert spec is not None
    scenario = validate(spec, diagnostics)
    assert scenario is not None, diagnostics.all
    return scenario


@pytest.fixture(scope="session")
def ecommerce(scenario: Scenario) -> Distilled:
    return distill(scenario.graph, settings(scenario, "local"))
