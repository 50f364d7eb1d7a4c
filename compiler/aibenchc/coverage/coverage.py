"""Specification-level validation: does the distilled graph hold what the nine scenarios' table lists, and has the partner signed it?"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from aibenchrt import catalog
from aibenchrt.component import Kind

from aibenchc.coverage.nine_scenarios import LATENCY, METRICS, TASKS, Published
from aibenchc.distill import Distilled
from aibenchc.graph import Graph
from aibenchc.model import Essential, Scenario
from aibenchc.show.graphtext import format_graph


@dataclass(frozen=True)
class Covered:
    """One word of the table. by: what covers it in the distilled graph, empty where it is missing."""

    kind: str
    word: str
    by: tuple[str, ...]


@dataclass(frozen=True)
class SignOff:
    """Who agreed to what. date: ISO 8601; graph: `graph_hash` of the distilled graph that was shown."""

    name: str
    date: str
    graph: str


class SignOffError(ValueError):
    """A file that holds no sign-off; the message says why."""


def coverage(scenario_row: Published, scenario: Scenario, distilled: Distilled) -> tuple[Covered, ...]:
    """Every word of the table for this scenario, in the table's order."""
    graph = distilled.graph
    metrics = [(name, name.partition("@")[0]) for name in scenario.metrics]
    percentiles = tuple(f"latency p{p:g}" for p in scenario.latency.percentiles)
    return (
        *(Covered("AI task", word, tasks_that_are(graph, word, Kind.AI)) for word in scenario_row.ai),
        *(Covered("non-AI task", word, tasks_that_are(graph, word, Kind.SERVICE)) for word in scenario_row.non_ai),
        *(Covered("data", word, data_of(graph, word)) for word in scenario_row.data),
        *(
            Covered("metric", word, percentiles if word == LATENCY else tuple(name for name, bare in metrics if bare in METRICS[word]))
            for word in scenario_row.metrics
        ),
        Covered("update", scenario_row.update, updated(distilled, scenario_row.update)),
    )


def essential_coverage(essential: Essential, scenario: Scenario, distilled: Distilled) -> tuple[Covered, ...]:
    """Every word of the spec's block `essential`, in its order."""
    graph = distilled.graph
    stages = [stage for task in graph.tasks for stage in task.stages]
    metrics = [(name, {name, name.partition("@")[0]}) for name in scenario.metrics]
    metrics += [(f"latency p{p:g}", {LATENCY}) for p in scenario.latency.percentiles]
    metrics += [(name, {name}) for name in scenario.frames]
    updates = (essential.update,) if essential.update else ()
    return (
        *(Covered("task", word, tuple(stage.name for stage in stages if stage.component == word)) for word in essential.tasks),
        *(Covered("data", word, data_of(graph, word)) for word in essential.data),
        *(Covered("metric", word, tuple(name for name, words in metrics if word in words)) for word in essential.metrics),
        *(Covered("update", word, updated(distilled, word)) for word in updates),
    )


def updated(distilled: Distilled, frequency: str) -> tuple[str, ...]:
    """The tasks that updates of this class retrain."""
    return tuple(task for update in distilled.updates if update.frequency == frequency for task in update.tasks)


def tasks_that_are(graph: Graph, word: str, kind: Kind) -> tuple[str, ...]:
    """The author's names of the tasks whose component is that task of the table."""
    stages = [stage for task in graph.tasks for stage in task.stages]
    return tuple(s.name for s in stages if s.component in TASKS[word] and (spec := catalog.component(s.component)) and spec.kind is kind)


def data_of(graph: Graph, word: str) -> tuple[str, ...]:
    """'class from dataset.source' of every request whose data set is of that class."""
    specs = {dataset.name: catalog.dataset(dataset.spec) for dataset in graph.datasets}
    return tuple(
        f"request {request.name} from {request.dataset}.{request.source}"
        for request in graph.requests
        if (spec := specs[request.dataset]) is not None and word in spec.data_class
    )


def graph_hash(scenario: Scenario, distilled: Distilled) -> str:
    """sha256 (hex) of what a partner agrees to: the distilled graph as text, its metrics and updates, and what the spec declares essential.
    Service times are not part of it."""
    tasks = tuple(replace(task, service_ms=None) for task in distilled.graph.tasks)
    lines = [format_graph(replace(distilled.graph, tasks=tasks))]
    lines += [f"metric {name}\n" for name in scenario.metrics]
    lines += [f"latency p{p:g}\n" for p in scenario.latency.percentiles]
    lines += [f"of frames {name}\n" for name in scenario.frames]
    lines += [f"update {u.frequency} {u.every_s!r} {' '.join(u.tasks)}\n" for u in distilled.updates]
    if (held := scenario.essential) is not None:
        words = (*held.tasks, *held.data, *held.metrics, *((held.update,) if held.update else ()))
        lines.append(f"essential {' '.join(words)}\n")
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def read_sign_off(content: bytes) -> SignOff:
    """Raises SignOffError."""
    try:
        table = tomllib.loads(content.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SignOffError(f"it is not valid TOML ({error})") from error
    missing = [key for key in ("name", "date", "graph") if not isinstance(table.get(key), str) or not table[key]]
    if missing:
        raise SignOffError(f"it has no {' and no '.join(missing)}")
    return SignOff(table["name"], table["date"], table["graph"])


def sign_off_text(sign_off: SignOff, title: str) -> str:
    """The file, as read_sign_off reads it."""
    pairs = (("scenario", title), ("name", sign_off.name), ("date", sign_off.date), ("graph", sign_off.graph))
    return "# Agreed with the partner; `aibenchc validate --spec` tells when the distilled graph has changed since.\n" + "".join(
        f"{key} = {_toml(value)}\n" for key, value in pairs
    )


def _toml(text: str) -> str:
    """A TOML basic string."""
    return '"' + "".join(_escaped(text)) + '"'


def _escaped(text: str) -> Iterator[str]:
    for character in text:
        if character in '"\\':
            yield "\\" + character
        else:
            yield character if character.isprintable() else f"\\U{ord(character):08x}"


def missing(rows: Iterable[Covered]) -> tuple[Covered, ...]:
    return tuple(row for row in rows if not row.by)
