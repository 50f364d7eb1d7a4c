"""A model that learns on its scenario's path, of a partner's, on a partner's world: it trains where there are snapshots of the world."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from aibenchc.diagnostics import Diagnostics
from aibenchc.driver import CompileSettings, compile_spec
from aibenchc.source import SourceFile
from aibenchrt.datasets.needs import SNAPSHOTS
from aibenchrt.datasets.worlds import AnyWorld, load_world
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.libraries import use
from aibenchrt.plan import Plan
from aibenchrt.train.repository import find
from aibenchrt.train.task import plan_models
from partner import ACME_TICKETS, TICKETS
from partner_package import installed

REROUTED = (
    TICKETS.read_text(encoding="utf-8")
    .replace("  permutation {", "  task reroute : ticket_reroute { model linear }\n\n  permutation {")
    .replace("triage -> response", "triage -> reroute -> response")
)


@pytest.fixture(autouse=True, scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The partner's package on sys.path, and a home of its own."""
    folder = tmp_path_factory.mktemp("site")
    sources = {path.relative_to(ACME_TICKETS / "acme_tickets").as_posix(): path for path in ACME_TICKETS.rglob("*.py")}
    installed(folder, "acme_tickets", {name: path.read_text(encoding="utf-8") for name, path in sources.items()})
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        patch.setenv("AIBENCH_HOME", str(tmp_path_factory.mktemp("home")))
        yield
        use(())
    for name in [name for name in sys.modules if name.partition(".")[0] == "acme_tickets"]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def plan() -> Plan:
    diagnostics = Diagnostics()
    compiled = compile_spec(
        SourceFile("tickets.aib", REROUTED), CompileSettings(), diagnostics, lambda _name, _span: None, lambda _name, _span: True
    )
    assert compiled is not None, diagnostics.all
    return compiled.plan


@pytest.fixture(scope="module")
def world(plan: Plan) -> Any:
    return load_world(plan, "synthetic")


def test_a_world_with_snapshots_trains_it(plan: Plan, world: Any) -> None:
    assert isinstance(world, SNAPSHOTS.protocol)
    models = plan_models(plan, world, size="tiny")
    reroute = models["reroute"].metadata
    assert reroute["only_for_comparison"]["tickets in training"] == 600
    assert reroute["metrics"]["accuracy"]["low"] > 0.5, "four queues: chance is 0.25"
    earlier = find("ticket_triage", "hashed", world.snapshot(world.rank_start).version, "tiny")
    assert earlier is not None, "no classifier was trained on the tickets before rank_start"
    assert earlier.version != models["triage"].version


@dataclass(frozen=True)
class WithoutTime:
    """The tickets alone."""

    version: str
    variant: str
    seed: int
    provenance: tuple[Any, ...]
    queues: tuple[str, ...]
    tickets: tuple[Any, ...]

    def tickets_of(self, split: str) -> list[Any]:
        return [ticket for ticket in self.tickets if ticket.split == split]


def failure(plan: Plan, world: AnyWorld) -> EnvironmentFailure:
    with pytest.raises(EnvironmentFailure) as raised:
        plan_models(plan, world, size="tiny")
    return raised.value


def test_a_world_without_snapshots_is_refused_with_a_way_out(plan: Plan, world: Any) -> None:
    refused = failure(plan, WithoutTime(world.version, world.variant, world.seed, world.provenance, world.queues, world.tickets))
    assert (refused.code, refused.message) == ("AIB677", "'reroute' cannot be trained on this world, which has no time split")
    assert "SNAPSHOTS" in refused.hint


def test_a_world_without_requests_after_its_snapshot_is_refused(plan: Plan, world: Any) -> None:
    early = tuple(ticket for ticket in world.tickets if ticket.split != "train" or ticket.time < world.rank_start)
    another = plan.model_copy(update={"seed": plan.seed + 1})  # nothing that was trained on this path before is taken
    refused = failure(another, replace(world, tickets=early))
    assert refused.code == "AIB710"
    assert "acme_desk" in refused.message
