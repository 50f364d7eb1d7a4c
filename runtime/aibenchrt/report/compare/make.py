"""compare(): groups of run directories → what differs between them. The first group is the base that every other is compared with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from aibenchrt.collect.recorded_run import read_run
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.report import ablation, quality
from aibenchrt.report.analysis import bootstrap_rng
from aibenchrt.report.compare.differences import Array, Difference, Tested, difference, holm
from aibenchrt.report.compare.model import Comparison, Effect, Family, Finding, Group, Moved, Pair, Spread
from aibenchrt.report.compare.run_figures import OnPath, RunFigures, run_figures
from aibenchrt.report.compare.sentences import sentences
from aibenchrt.report.model import Estimate
from aibenchrt.report.statistics import repeatability

# The chance that anything at all is said to differ where nothing does is their sum. Most of it goes to what changes least beside its noise.
LEVELS: Mapping[Family, float] = {"latency": 0.04, "component": 0.005, "quality": 0.005}
FEWEST = 2  # deployments of a group, so that it shows how much they differ among themselves
_NOWHERE = OnPath("", 0.0, 0.0, 0.0, 0.0)


def compare(groups: Sequence[Sequence[Path]]) -> Comparison:
    """Raises EnvironmentFailure AIB740: these runs cannot be compared; AIB609: a run cannot be read.

    Every level is split evenly over the groups that are compared with the base.
    """
    if len(groups) < 2 or not all(groups):
        raise EnvironmentFailure("AIB740", reason="a comparison needs at least two groups", way_out="put `--` between them")
    return compared([[run_figures(directory) for directory in group] for group in groups])


def compared(read: Sequence[Sequence[RunFigures]]) -> Comparison:
    """As compare(), of figures that were read before; at least two groups. Raises AIB740."""
    _check(read)
    names = [chr(ord("A") + index) if index < 26 else f"group {index + 1}" for index in range(len(read))]
    levels = {family: level / (len(read) - 1) for family, level in LEVELS.items()}
    return Comparison(
        scenario=read[0][0].info.scenario,
        alpha=sum(LEVELS.values()),
        groups=tuple(_group(name, runs) for name, runs in zip(names, read, strict=True)),
        pairs=tuple(_pair((names[0], read[0]), other, levels) for other in zip(names[1:], read[1:], strict=True)),
    )


def group_of(name: str, directories: Sequence[Path]) -> Group:
    """One group by itself. Raises as compare()."""
    runs = [run_figures(directory) for directory in directories]
    _check([runs])
    return _group(name, runs)


def _check(groups: Sequence[Sequence[RunFigures]]) -> None:
    def fail(reason: str, way_out: str) -> EnvironmentFailure:
        return EnvironmentFailure("AIB740", reason=reason, way_out=way_out)

    runs = [run for group in groups for run in group]
    scenarios = sorted({run.info.scenario for run in runs})
    if len(scenarios) > 1:
        raise fail(f"they are of different scenarios: {', '.join(scenarios)}", "compare runs of one scenario")
    if len({run.info.deployment_id for run in runs}) < len(runs):
        raise fail(
            "two of them are of the same deployment, which shows nothing of how much deployments differ",
            "give each run once, each of a deployment of its own, as `aibenchc run --repeats N` makes them",
        )
    for group in groups:
        prints = sorted({run.info.fingerprint.hash for run in group})
        if len(prints) > 1:
            raise fail(f"the runs of one group have different fingerprints: {', '.join(prints)}", "put runs of one system into each group")


def _group(name: str, runs: Sequence[RunFigures]) -> Group:
    return Group(
        name=name,
        runs=tuple(run.info.run_id for run in runs),
        fingerprint=runs[0].info.fingerprint.hash,
        invalid=tuple(f"{run.info.run_id} ({', '.join(run.invalid)})" for run in runs if run.invalid),
        spreads=tuple(_spread(figure, [run.latency[figure] for run in runs]) for figure in _shared(run.latency for run in runs)),
    )


def _spread(figure: str, estimates: Sequence[Estimate]) -> Spread:
    if len(estimates) < FEWEST:
        (only,) = estimates
        return Spread(figure=figure, value=only.value, cv=None, within=only.se**2, between=None)
    repeat = repeatability(estimates)
    return Spread(figure=figure, value=repeat.value, cv=repeat.cv, within=repeat.within, between=repeat.between)


def _pair(base: tuple[str, Sequence[RunFigures]], other: tuple[str, Sequence[RunFigures]], levels: Mapping[Family, float]) -> Pair:
    (base_name, base_runs), (other_name, other_runs) = base, other
    times: dict[Family, list[tuple[str, Array, Array]]] = {
        "latency": _times([[{k: e.value for k, e in run.latency.items()} for run in runs] for runs in (base_runs, other_runs)]),
        "component": _times([[run.calls for run in runs] for runs in (base_runs, other_runs)]),
    }
    effects = [effect for family, rows in times.items() for effect in _time_effects(family, rows, levels[family])]
    effects += _quality_effects(base_runs, other_runs, levels["quality"])
    moved = _moved(base_runs, other_runs)
    return Pair(
        base=base_name,
        other=other_name,
        differs=_differing(base_runs[0], other_runs[0]),
        effects=tuple(effects),
        moved=moved,
        sentences=sentences(base_name, other_name, effects, moved),
    )


def _times(groups: Sequence[Sequence[Mapping[str, float]]]) -> list[tuple[str, Array, Array]]:
    """(figure, its logarithms in the base group, in the other) of every figure that all runs have."""
    names = _shared(run for group in groups for run in group)
    base, other = groups
    return [(name, np.log([run[name] for run in base]), np.log([run[name] for run in other])) for name in names]


def _shared(runs: Iterable[Mapping[str, object]]) -> list[str]:
    """The names that all have, in the order of the first."""
    every = list(runs)
    return [name for name in every[0] if all(name in run for run in every)]


def _time_effects(family: Family, rows: Sequence[tuple[str, Array, Array]], alpha: float) -> list[Effect]:
    enough = all(min(len(base), len(other)) >= FEWEST for _, base, other in rows)
    tested = holm([difference(base, other) for _, base, other in rows], alpha) if enough else [None] * len(rows)
    effects = []
    for (name, base, other), result in zip(rows, tested, strict=True):
        effects.append(
            Effect(
                family=family,
                figure=name,
                unit="ms",
                base=float(np.exp(base.mean())),
                other=float(np.exp(other.mean())),
                change=float(np.expm1(other.mean() - base.mean())),
                low=float(np.expm1(result.low)) if result else None,
                high=float(np.expm1(result.high)) if result else None,
                p=result.p if result else None,
                detectable=float(np.expm1(result.detectable)) if result else None,
                finding=_finding(result),
            )
        )
    return effects


def _quality_effects(base_runs: Sequence[RunFigures], other_runs: Sequence[RunFigures], alpha: float) -> list[Effect]:
    names = _shared(run.quality for run in (*base_runs, *other_runs))
    if not names:
        return []
    groups = [{name: np.array([run.quality[name] for run in runs]) for name in names} for runs in (base_runs, other_runs)]
    tested: Sequence[Tested | None] = [None] * len(names)
    if min(len(base_runs), len(other_runs)) >= FEWEST:
        errors = _errors_of_requests(base_runs[0], other_runs[0])
        tested = holm([_quality_difference(groups[0][name], groups[1][name], errors.get(name, 0.0)) for name in names], alpha)
    return [
        Effect(
            family="quality",
            figure=name,
            unit="",
            base=float(groups[0][name].mean()),
            other=float(groups[1][name].mean()),
            change=float(groups[1][name].mean() - groups[0][name].mean()),
            low=result.low if result else None,
            high=result.high if result else None,
            p=result.p if result else None,
            detectable=result.detectable if result else None,
            finding=_finding(result),
        )
        for name, result in zip(names, tested, strict=True)
    ]


def _quality_difference(base: Array, other: Array, extra_se: float) -> Difference:
    found = difference(base, other, extra_se)
    # Sums in another order differ in the last digits: that is no difference of answers.
    return Difference(round(found.value, quality.DIGITS), round(found.se, quality.DIGITS), found.dof)


def _errors_of_requests(base: RunFigures, other: RunFigures) -> dict[str, float]:
    """Metric → standard error of the difference that comes from which requests were drawn: every deployment of a group gets the same.

    Of the paired difference where both groups are asked the same requests; what their answers have in common then cancels.
    """
    runs = read_run(base.directory), read_run(other.directory)
    try:
        rows = ablation.compare(*runs, bootstrap_rng())
        return {row.metric: row.difference.se for row in rows if row.request_class == quality.ALL}
    except EnvironmentFailure as failure:
        if failure.code != "AIB682":
            raise
    errors: dict[str, float] = {}
    for run in runs:
        for row in quality.quality_rows(run, bootstrap_rng()):
            if row.request_class == quality.ALL:
                errors[row.metric] = float(np.hypot(errors.get(row.metric, 0.0), row.estimate.se))
    return errors


def _finding(result: Tested | None) -> Finding:
    if result is None:
        return "not enough deployments"
    if not result.seen:
        return "no difference seen"
    return "higher" if result.value > 0 else "lower"


def _moved(base_runs: Sequence[RunFigures], other_runs: Sequence[RunFigures]) -> tuple[Moved, ...]:
    """Of each component on a critical path, the one that gained or lost most first; the planner's own time is among them."""
    tasks = dict.fromkeys(task for run in (*base_runs, *other_runs) for task in run.on_path)
    rows = []
    for task in tasks:
        base, other = (_mean([run.on_path.get(task, _NOWHERE) for run in runs]) for runs in (base_runs, other_runs))
        rows.append(
            Moved(
                task=task,
                kind=base.kind or other.kind,
                base_ms=base.total_ms,
                gained_ms=other.total_ms - base.total_ms,
                queue_ms=other.queue_ms - base.queue_ms,
                service_ms=other.service_ms - base.service_ms,
                transport_ms=other.transport_ms - base.transport_ms,
            )
        )
    return tuple(sorted(rows, key=lambda row: -abs(row.gained_ms)))


def _mean(parts: Sequence[OnPath]) -> OnPath:
    def mean(values: Iterable[float]) -> float:
        return float(np.mean(list(values)))

    kind = next((part.kind for part in parts if part.kind), "")
    return OnPath(
        kind,
        mean(part.total_ms for part in parts),
        mean(part.queue_ms for part in parts),
        mean(part.service_ms for part in parts),
        mean(part.transport_ms for part in parts),
    )


def _differing(base: RunFigures, other: RunFigures) -> tuple[str, ...]:
    before, after = (run.info.fingerprint.model_dump(mode="json") for run in (base, other))
    return tuple(f"{name}: {_shown(before[name])} → {_shown(after[name])}" for name in before if before[name] != after[name])


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value) or "–"
