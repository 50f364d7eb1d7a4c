"""What services are measured with: every one has calls that some world can make, and answers them."""

from __future__ import annotations

from pathlib import Path

import pytest
from aibenchrt.catalog import COMPONENTS, DATASETS, component
from aibenchrt.component import ComponentSpec, Kind
from aibenchrt.datasets.movielens_shop.dataset import WORLDS
from aibenchrt.experiments.component.services import lacking, main, measured, opener
from aibenchrt.serve.prepare import workload_module

SERVICES = [spec for spec in COMPONENTS.values() if spec.kind is Kind.SERVICE]


@pytest.mark.parametrize("spec", SERVICES, ids=lambda spec: spec.name)
def test_some_world_gives_what_each_workload_needs(spec: ComponentSpec) -> None:
    module = workload_module(spec.name)
    assert module is not None
    assert module.WORKLOADS
    for workload in module.WORKLOADS:
        assert set(workload.settings) <= {setting.name for setting in spec.settings}
        needs = (*spec.needs_for(workload.settings), *workload.needs)
        assert any(not lacking(data.gives, needs) for data in DATASETS.values())
    for figures in getattr(module, "FIGURES", ()):
        assert set(figures.worlds) <= set(DATASETS)


def test_what_was_stored_before_is_there(tmp_path: Path) -> None:
    open_service = opener(WORLDS.load("synthetic", 7), tmp_path)
    module = workload_module("cache_lookup")
    assert module is not None
    questions = module.WORKLOADS[0].requests(WORLDS.load("synthetic", 7), open_service)
    lookup = open_service("cache_lookup")
    assert len(questions) == 1000
    assert all(lookup(question)["hit"]["value"] for question in questions)


def test_a_component_is_measured_where_the_world_gives_what_it_needs(tmp_path: Path) -> None:
    world = WORLDS.load("synthetic", 7)
    open_service = opener(world, tmp_path)

    def rows(name: str) -> list[tuple[str, str]]:
        spec = component(name)
        assert spec is not None
        return measured(spec, workload_module(name), world, "movielens_shop", open_service)

    ((what, figure),) = rows("ab_assignment")
    assert what == "ab_assignment: µs a call, median"
    assert int(figure) >= 0
    assert [what for what, _ in rows("spelling_correction")][1:] == ["spelling_correction: accuracy"]
    assert rows("language_detection") == [], "a shop gives no sentences in two languages"
    assert rows("learning_to_rank") == [], "a model has its own figures"


def test_the_program_measures_the_components_that_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--variant", "synthetic", "--component", "query_parsing", "--component", "crawler"]) == 0
    world, row = capsys.readouterr().out.splitlines()
    assert world.startswith("movielens_shop, synthetic world ")
    assert row.startswith("query_parsing: µs a call, median ")
