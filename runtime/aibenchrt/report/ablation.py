"""Ablation: what a component's answers are worth. Two runs of the same requests, one with a component's answers replaced.

Paired on (class, payload): a difference is variant minus base on the same request; the interval is a paired bootstrap that draws payloads.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aibenchrt.collect.records import RequestRecord
from aibenchrt.collect.run import EXTRA, Run
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.report import quality, statistics
from aibenchrt.report.model import Estimate

Key = tuple[str, int, int]


@dataclass(frozen=True)
class Difference:
    """variant minus base. lowers: the whole interval below zero; raises: wholly above. overrides: 'task=random' of the variant."""

    overrides: tuple[str, ...]
    request_class: str
    metric: str
    base: float
    variant: float
    difference: Estimate

    @property
    def lowers(self) -> bool:
        return self.difference.high < 0

    @property
    def raises(self) -> bool:
        return self.difference.low > 0


def compare(base: Run, variant: Run, rng: np.random.Generator) -> tuple[Difference, ...]:
    """Per metric and class ('all' first), over the requests that both runs asked. A failed request is an empty answer.

    Raises EnvironmentFailure AIB614 where the runs share no request.
    """
    base_of, variant_of = _keyed(base), _keyed(variant)
    shared = [key for key in base_of if key in variant_of]
    if not shared:
        raise EnvironmentFailure("AIB614", "the two runs share no request", "run the ablation with the spec and seed of the base run")
    overrides = tuple(f"{m.task}={m.override}" for m in variant.info.models if m.override)
    found = []
    for metric in quality.ranking_metrics(base.plan):
        before = quality.scores(base, [base_of[k] for k in shared], metric)
        after = quality.scores(variant, [variant_of[k] for k in shared], metric)
        for name in (quality.ALL, *(c.name for c in base.plan.requests)):
            own = np.array([name in (quality.ALL, key[0]) for key in shared])
            if own.any():
                payloads = [key[:2] for key, taken in zip(shared, own, strict=True) if taken]
                difference = statistics.cluster_bootstrap((after - before)[own], payloads, rng)
                found.append(Difference(overrides, name, metric, float(before[own].mean()), float(after[own].mean()), difference))
    return tuple(found)


def _keyed(run: Run) -> dict[Key, RequestRecord]:
    """(class, payload, how many times asked before) → request, in the order of intended times; the same seed gives the same keys."""
    times: dict[tuple[str, int], int] = {}
    keyed: dict[Key, RequestRecord] = {}
    for request in quality.with_truth(run, (*run.measured, *run.phase(EXTRA))):
        pair = (request.request_class, request.payload)
        times[pair] = times.get(pair, 0) + 1
        keyed[(*pair, times[pair])] = request
    return keyed
