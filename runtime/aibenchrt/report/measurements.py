"""Service times of a run as the compiler's `--measurements FILE` takes them: what distilling and its predictions then go by.

Only times: a run knows one model of each task, and a measured quality beside the declared ones of its alternatives would be no comparison.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from aibenchrt.collect.recorded_run import MEASURED, SUPPLEMENT, Run
from aibenchrt.plan import Step
from aibenchrt.report.statistics import SAMPLES_BEYOND

SERVICE_MS = "service_ms"
DIGITS = 4  # significant digits; a mean of some thousand calls has no more


@dataclass(frozen=True)
class ServiceTimes:
    """values: task, or task.model of an AI task, → service_ms → mean in ms; a combined task's stages each by itself.

    left_out: tasks without enough calls or with replaced answers, with the reason.
    """

    values: dict[str, dict[str, float]]
    left_out: tuple[str, ...]


def service_times(run: Run) -> ServiceTimes:
    """Mean service time as the servers measured it, over the successful calls of measured and supplementary requests; 20 calls at least."""
    request_ids = {request.request_id for request in run.requests if request.phase in (MEASURED, SUPPLEMENT)}
    spent: dict[tuple[str, str], list[int]] = defaultdict(list)
    steps = {step.task: step for step in run.plan.steps}
    for call in run.calls:
        if call.request_id not in request_ids or call.outcome != "ok" or call.task not in steps:
            continue
        if len(steps[call.task].stages) == 1:
            spent[call.task, steps[call.task].stages[0].name].append(call.service_ns)
        else:
            for entry in call.stages:
                stage, _, ns = entry.partition("=")
                spent[call.task, stage].append(int(ns))
    replaced = {model.stage for model in run.info.models if model.override}
    values, left_out = {}, []
    for step in run.plan.steps:
        for key, stage in _keys(step):
            times = spent[step.task, stage]
            if stage in replaced:
                left_out.append(f"{stage}: its answers were replaced")
            elif len(times) < SAMPLES_BEYOND:
                left_out.append(f"{stage}: {len(times)} calls, {SAMPLES_BEYOND} are needed")
            else:
                values[key] = {SERVICE_MS: float(f"{sum(times) / len(times) / 1e6:.{DIGITS}g}")}
    return ServiceTimes(values, tuple(left_out))


def _keys(step: Step) -> list[tuple[str, str]]:
    """(key in the file, stage) of each stage."""
    return [(f"{stage.name}.{stage.model}" if stage.model else stage.name, stage.name) for stage in step.stages]
