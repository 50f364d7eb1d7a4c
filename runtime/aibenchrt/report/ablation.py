"""Ablation: what a component's answers are worth. Two runs of the same requests, one with a component's answers replaced.

Paired on (class, payload): a difference is variant minus base on the same request; the interval is a paired bootstrap that draws
whole clusters of requests (`quality`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from aibenchrt.collect.recorded_run import SUPPLEMENT, Run, read_model, read_run
from aibenchrt.collect.records import RequestRecord
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.report import quality
from aibenchrt.report.analysis import bootstrap_rng
from aibenchrt.report.model import Ablation, AblationRow
from aibenchrt.report.writing import write_json

Key = tuple[str, int, int]


def compare(base: Run, variant: Run, rng: np.random.Generator) -> tuple[AblationRow, ...]:
    """Paired differences per metric and class ('all' first), over the requests that both runs sent. A failed request counts as an empty
    answer.

    Raises EnvironmentFailure AIB682 where the runs share no request.
    """
    base_of, variant_of = _keyed(base), _keyed(variant)
    shared = [key for key in base_of if key in variant_of]
    if not shared:
        raise EnvironmentFailure("AIB682")
    overrides = tuple(f"{m.task}={m.override}" for m in variant.info.models if m.override)
    rows = []
    for metric in quality.answer_metrics(base.plan):
        scored = {r.request_id for r in quality.with_truth(base, base_of.values(), metric)}
        keys = [key for key in shared if base_of[key].request_id in scored]
        if not keys:
            continue
        before = quality.scores(base, [base_of[k] for k in keys], metric)
        after = quality.scores(variant, [variant_of[k] for k in keys], metric)
        for name in (quality.ALL, *(c.name for c in base.plan.requests)):
            own = np.array([name in (quality.ALL, key[0]) for key in keys], dtype=np.bool_)
            if not own.any():
                continue
            pair = before.only(own), after.only(own)
            if all(np.isfinite(scored.value) for scored in pair):
                clusters = [base.cluster(base_of[key]) for key, taken in zip(keys, own, strict=True) if taken]
                rows.append(
                    AblationRow(
                        overrides=overrides,
                        request_class=name,
                        metric=metric,
                        base=pair[0].value,
                        variant=pair[1].value,
                        difference=pair[1].minus(pair[0]).estimate(clusters, rng),
                    )
                )
    return tuple(rows)


def _keyed(run: Run) -> dict[Key, RequestRecord]:
    """(class, payload, number of earlier uses of the payload) → request, in the order of intended times; the same seed gives the same
    keys."""
    times: dict[tuple[str, int], int] = {}
    keyed: dict[Key, RequestRecord] = {}
    for request in (*run.measured, *run.phase(SUPPLEMENT)):
        pair = (request.request_class, request.payload)
        times[pair] = times.get(pair, 0) + 1
        keyed[(*pair, times[pair])] = request
    return keyed


ABLATION_JSON = "ablation.json"


def record_ablation(base: Path, variants: Sequence[Path]) -> Ablation:
    """Compares each variant with the base run and writes ablation.json into the base's directory, where its report finds it."""
    of_base = read_run(base)
    rng = bootstrap_rng()
    runs = [read_run(variant) for variant in variants]
    rows = tuple(row for run in runs for row in compare(of_base, run, rng))
    ablation = Ablation(base=of_base.info.run_id, variants=tuple(run.info.run_id for run in runs), rows=rows)
    write_json(base / ABLATION_JSON, ablation)
    return ablation


def rows_of(directory: Path) -> tuple[AblationRow, ...]:
    """The rows of this run's ablation.json; empty if it has none. Raises EnvironmentFailure AIB609 if it is damaged."""
    path = directory / ABLATION_JSON
    return read_model(path, Ablation).rows if path.exists() else ()
