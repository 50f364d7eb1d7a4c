"""What each AI component contributes to the answers: the same requests with its answers replaced, against the path as trained.

A difference is variant minus trained on the same request; its interval is a paired bootstrap that draws users, whose requests are
not independent, or requests where they name no user.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from aibenchrt.answers import Answer, Truth
from aibenchrt.collect.run_info import Override
from aibenchrt.report import quality
from aibenchrt.report.model import AblationRow, Estimate
from aibenchrt.report.tables import Table, measured

REPLACEMENTS: tuple[Override, ...] = ("random", "baseline")
TRAINED = ""  # the variant in which nothing is replaced

Verdict = Literal["baseline wins", "tie"]


@dataclass(frozen=True)
class Answered:
    """The requests of one class, one entry each. users: who asked, None where the requests do not say.

    shown: variant ('task=random', TRAINED) → its answers. tasks: the AI stages that took part in at least one of the answers as trained.
    """

    request_class: str
    users: tuple[int, ...] | None
    truth: tuple[Truth, ...]
    shown: Mapping[str, Sequence[Answer]]
    tasks: frozenset[str]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class NotBetter(_Frozen):
    """Where a component's baseline does as well as the component: the interval of baseline minus trained is not wholly on the worse
    side."""

    task: str
    request_class: str
    metric: str
    verdict: Verdict
    difference: Estimate


class Contributions(_Frozen):
    """requests: per class; users: of each class whose requests name them. rows: random and baseline, per task, class and metric.

    models: AI stage → 'component/model:version'.
    """

    version: Literal[1] = 1
    scenario: str
    data: str
    world_version: str
    size: str
    protocol: str
    requests: dict[str, int]
    users: dict[str, int]
    models: dict[str, str]
    rows: tuple[AblationRow, ...]
    not_better: tuple[NotBetter, ...]


def variant(task: str, replacement: str) -> str:
    return f"{task}={replacement}"


def contribution_rows(answered: Sequence[Answered], metrics: Sequence[str], rng: np.random.Generator) -> tuple[AblationRow, ...]:
    """For each AI stage of a class, replacement and metric: the paired difference over the requests that the metric can score."""
    rows = []
    for group in answered:
        for metric in metrics:
            scored = [k for k, truth in enumerate(group.truth) if quality.can_score(metric, truth)]
            if not scored:
                continue
            drawn = scored if group.users is None else [group.users[k] for k in scored]
            over = f"paired bootstrap over {len(set(drawn))} {'requests' if group.users is None else 'users'}"
            scores = {
                name: quality.score(metric, [group.truth[k] for k in scored], [shown[k] for k in scored])
                for name, shown in group.shown.items()
            }
            base = scores[TRAINED]
            for name in [variant(task, replacement) for task in sorted(group.tasks) for replacement in REPLACEMENTS]:
                if not (np.isfinite(base.value) and np.isfinite(scores[name].value)):
                    continue
                difference = scores[name].minus(base).estimate(drawn, rng)
                rows.append(
                    AblationRow(
                        overrides=(name,),
                        request_class=group.request_class,
                        metric=metric,
                        base=base.value,
                        variant=scores[name].value,
                        difference=difference.model_copy(update={"method": over}),
                    )
                )
    return tuple(rows)


def not_better(rows: Sequence[AblationRow]) -> tuple[NotBetter, ...]:
    """The rows in which the baseline wins, or where the data cannot tell the component from it."""
    rows_not_better = []
    for row in rows:
        task, _, replacement = row.overrides[0].rpartition("=")
        if replacement == "baseline" and not row.worse:
            verdict: Verdict = "baseline wins" if row.better else "tie"
            rows_not_better.append(
                NotBetter(task=task, request_class=row.request_class, metric=row.metric, verdict=verdict, difference=row.difference)
            )
    return tuple(rows_not_better)


def table(contributions: Contributions) -> Table:
    """One row per class, component and metric: the value as trained, and the change by each replacement."""
    of = {(row.request_class, *row.overrides[0].rpartition("=")[::2], row.metric): row for row in contributions.rows}
    lines = []
    for request_class, task, metric in dict.fromkeys((group, task, metric) for group, task, _, metric in of):
        rows = {how: of[request_class, task, how, metric] for how in REPLACEMENTS}
        changes = [measured(metric, rows[how].difference) for how in REPLACEMENTS]
        says = ", ".join(_says(how, row) for how, row in rows.items())
        lines.append((request_class, task, metric, measured(metric, rows["random"].base), *changes, says))
    columns = ("class", "component", "metric", "trained, %", "random − trained, points", "baseline − trained, points", "result")
    legend = "The component's answers replaced on the same requests; in brackets the 95 % interval of the paired bootstrap."
    return Table("contribution", "What each AI component contributes", columns, tuple(lines), legend, (3, 4, 5))


def _says(how: str, row: AblationRow) -> str:
    if row.worse:
        return f"better than {how}"
    return f"{how} wins" if row.better else f"no different from {how}"
