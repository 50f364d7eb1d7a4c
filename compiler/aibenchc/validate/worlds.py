"""The one world of a scenario: all data sets belong to it, and it gives what every task needs."""

from __future__ import annotations

from collections.abc import Sequence

from aibenchrt import catalog
from aibenchrt.component import DatasetSpec, Need

from aibenchc.build import Symbols
from aibenchc.value_reader import Reader


def check_world(symbols: Symbols, reader: Reader) -> None:
    """AIB125, AIB127. Models, indexes, tables and requests are made from one world; data sets without an implementation have none."""
    names = _agreeing(symbols, reader)
    world = next((spec for name in catalog.worlds_of(names)[:1] if (spec := catalog.dataset(name)) is not None), None)
    if world is not None:
        _needs(world, symbols, reader)


def _agreeing(symbols: Symbols, reader: Reader) -> list[str]:
    """The data sets if they all belong to one world, otherwise none."""
    known = [(d, spec) for d in symbols.datasets if (spec := catalog.dataset(d.spec)) is not None and spec.implemented]
    known.sort(key=lambda pair: bool(pair[1].made_from))  # what is made from a world's requests adapts to the others
    agreed: dict[str, None] = {}
    disagree = 0
    for dataset, _ in known:
        if dataset.spec in agreed or catalog.worlds_of([*agreed, dataset.spec]):
            agreed[dataset.spec] = None
        else:
            disagree += 1
            first, _ = known[0]
            own = " or ".join(catalog.worlds_of([dataset.spec]))
            theirs = " or ".join(catalog.worlds_of([first.spec]))
            reader.diagnostics.report("AIB125", dataset.span, name=dataset.name, world=own, other=first.name, first=theirs)
    return [] if disagree else list(agreed)


def _needs(world: DatasetSpec, symbols: Symbols, reader: Reader) -> None:
    """Every task is checked, also one that distilling would remove: without its rules the whole graph is run."""
    for task in symbols.tasks.values():
        (stage,) = task.stages  # as written
        spec = catalog.component(stage.component)
        missing = [need for need in spec.needs_for(dict(stage.settings)) if need not in world.gives] if spec is not None else []
        if missing:
            reader.diagnostics.report(
                "AIB127",
                task.span,
                name=task.name,
                component=stage.component,
                needs="; ".join(need.doc for need in missing),
                world=world.name,
                hint=_way_out(missing),
            )


def _way_out(missing: Sequence[Need]) -> str:
    giving = [spec.name for spec in catalog.DATASETS.values() if spec.implemented and all(need in spec.gives for need in missing)]
    if giving:
        return f"take all requests from {' or '.join(giving)}, or remove the task"
    return "no data set of the catalogue has a world that gives this; remove the task"
