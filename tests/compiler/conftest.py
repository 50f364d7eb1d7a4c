"""E-commerce search, the scenario that has work for every rule: validated, and distilled."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from aibenchc.diagnostics import Diagnostics
from aibenchc.distill import Distilled, distill, settings
from aibenchc.model import Scenario
from aibenchc.placement import inventory
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


@pytest.fixture(scope="session", autouse=True)
def _inventories_are_read_once() -> Iterator[None]:
    """Starting `ansible-inventory` takes a second: of two files that hold the same and have nothing beside them, it is asked about one."""
    ask, answers = inventory.listing, dict[tuple[bytes, bool, str], Mapping[str, Any]]()

    def listing(path: Path, trusted: bool) -> Mapping[str, Any] | str:
        beside = any((path.parent / folder).exists() for folder in ("group_vars", "host_vars"))
        ansible = repr({name: value for name, value in os.environ.items() if name.startswith("ANSIBLE_")})
        if beside or not path.is_file() or path.stat().st_mode & 0o111:
            return ask(path, trusted)
        key = (path.read_bytes(), trusted, path.suffix + ansible)
        if key not in answers:
            answer = ask(path, trusted)
            if isinstance(answer, str):
                return answer
            answers[key] = answer
        return copy.deepcopy(answers[key])

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(inventory, "listing", listing)
        yield
