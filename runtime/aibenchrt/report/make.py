"""From a run directory to its report and its verdict: the report's own driver."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from aibenchrt.catalog import dataset
from aibenchrt.collect.hashes import SHOWN_DIGITS
from aibenchrt.collect.recorded_run import Run, read_run
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.metrics import metric
from aibenchrt.report import ablation, figures, hosts, quality
from aibenchrt.report.analysis import Analysis, analyse, bootstrap_rng
from aibenchrt.report.frames import moved_stream_rows
from aibenchrt.report.graph_picture import graph_svg
from aibenchrt.report.invariants import invariant_facts, invariant_judgements
from aibenchrt.report.judgements import Measured, quality_judgements, slo_judgements
from aibenchrt.report.machines import machine_rows
from aibenchrt.report.model import Fact, Provenance, Report, Verdict
from aibenchrt.report.outages import outage_texts
from aibenchrt.report.reference_file import Reference, of_plan, read_reference
from aibenchrt.report.reference_judgements import Deployment, reference_judgements, reference_rows
from aibenchrt.report.validity import Limits
from aibenchrt.report.verdict import verdict
from aibenchrt.report.writing import write_json, write_text

REPORT_JSON, REPORT_HTML, VERDICT_JSON = "report.json", "report.html", "verdict.json"


def make_report(run: Run, references: Sequence[Reference] = (), limits: Limits | None = None) -> tuple[Report, Analysis]:
    """The report as data. references: in addition to those of the spec."""
    analysis = analyse(run, limits)
    rng = bootstrap_rng()
    every = (*of_plan(run.plan), *references)
    measured = Measured(analysis.latency, analysis.ratios, analysis.fractions, analysis.frames)
    info = run.info
    report = Report(
        run_id=info.run_id,
        scenario=info.scenario,
        title=info.title,
        outcome=info.outcome,
        synthetic=any(d.variant == "synthetic" for d in info.data),
        overrides=tuple(f"{m.task}: {m.override}" for m in info.models if m.override),
        verdict=_verdict(analysis, measured, every),
        facts=_facts(run),
        traffic=figures.traffic_rows(run),
        arrivals=figures.arrival_row(run),
        latency=analysis.latency,
        ratios=analysis.ratios,
        fractions=analysis.fractions,
        paths=figures.path_rows(run.plan, analysis.paths),
        planner=figures.planner_row(run, analysis.paths),
        prediction=figures.prediction_rows(run),
        quality=quality.quality_rows(run, rng),
        models=quality.model_rows(run, rng),
        error_curves=quality.error_curve_rows(run),
        ablation=ablation.rows_of(run.directory),
        choices=figures.choice_rows(run),
        errors=figures.error_rows(run),
        resources=figures.resource_rows(run),
        machines=machine_rows(run),
        references=reference_rows(Deployment(info, measured), every),
        provenance=tuple(
            Provenance(data=d.name, part=p.part, origin=p.origin, source=p.source, note=p.note) for d in info.data for p in d.provenance
        ),
        licences=tuple(Fact(name=f"{d.name} ({d.variant}, {d.world_version[:12]})", value=d.licence) for d in info.data),
        fingerprint=_fingerprint(run),
        versions=_versions(run),
        commands=info.commands,
        notes=(*_truth(run), *_supplements(run), *_attempts(run)),
        hosts=hosts.host_rows(run),
        generators=hosts.generator_rows(run),
        clocks=hosts.clock_rows(run),
        frames=analysis.frames,
        moved_streams=moved_stream_rows(run),
        fault=hosts.fault(run),
    )
    return report, analysis


def _verdict(analysis: Analysis, measured: Measured, references: Sequence[Reference]) -> Verdict:
    run = analysis.run
    judgements = (
        *invariant_judgements(run),
        *slo_judgements(run, measured),
        *quality_judgements(run, bootstrap_rng()),
        *reference_judgements([Deployment(run.info, measured)], references),
    )
    return verdict(run, analysis.reasons, analysis.checks, judgements, analysis.limits)


def _facts(run: Run) -> tuple[Fact, ...]:
    load = run.info.load
    rate = f" {load.rate:g}/s" if load.rate is not None else ""
    return (
        Fact(name="deployment", value=f"{run.info.deployment} (profile {run.info.profile})"),
        Fact(name="started", value=run.info.started_utc),
        Fact(name="load", value=f"{load.arrival}{rate} for {load.duration_s:g} s after {load.warmup_s:g} s of warm-up, seed {load.seed}"),
        *invariant_facts(run),
        *(Fact(name="outage", value=text) for text in outage_texts(run)),
    )


def _fingerprint(run: Run) -> tuple[Fact, ...]:
    values = run.info.fingerprint.model_dump()
    return tuple(
        Fact(name=name, value=", ".join(value) if isinstance(value, tuple | list) else str(value)) for name, value in values.items()
    )


def _versions(run: Run) -> tuple[Fact, ...]:
    info = run.info
    rows = [
        *info.versions.items(),
        *((f"seed of {k}", str(v)) for k, v in info.seeds.items()),
        *((f"sha256 of {k}", v) for k, v in info.hashes.items()),
    ]
    rows += [(f"host {h.name}", f"{h.text}, {h.os}, kernel {h.kernel}") for h in info.hosts]
    return tuple(Fact(name=name, value=value) for name, value in rows)


def _truth(run: Run) -> tuple[str, ...]:
    """What answers are compared with, and what each metric means."""
    metrics = [(name, definition) for name in quality.answer_metrics(run.plan) if (definition := metric(name)) is not None]
    means = "; ".join(f"{name}: {of.means}{' (lower is better)' if of.lower_is_better else ''}" for name, of in metrics)
    specs = [spec for name in sorted({d.name for d in run.info.data}) if (spec := dataset(name)) is not None]
    return tuple(f"Truth of a request: {spec.truth}. {means}." for spec in specs if metrics)


def _supplements(run: Run) -> tuple[str, ...]:
    return tuple(
        f"Supplement of class '{e.request_class}': {e.requests:,} requests at {e.rate:g}/s after the mix, labelled 'supplement'. {e.reason}"
        for e in run.info.supplements
    )


def _attempts(run: Run) -> tuple[str, ...]:
    return tuple(
        f"An earlier attempt at the load ended early ({a.reason}): its {a.requests:,} requests are kept in {a.folder} and count nowhere."
        for a in run.info.attempts
    )


def check_root(run: Run, root: str) -> None:
    """root: '' for none. EnvironmentFailure AIB705: the run has another."""
    own = run.binding.root
    if root and (len(root) < SHOWN_DIGITS or not own.startswith(root.lower())):
        raise EnvironmentFailure("AIB705", directory=run.directory, own=own or "none", given=root)


def report(directory: Path, references: Sequence[Path] = (), root: str = "") -> Report:
    """Writes report.json, report.html and verdict.json into the run directory; Report.verdict is the verdict that `validate` gives.

    Raises EnvironmentFailure AIB609: unreadable; AIB605: cannot write; AIB705: as `validate`.
    """
    from aibenchrt.report import html, pictures

    run = read_run(directory)
    check_root(run, root)
    made, analysis = make_report(run, [read_reference(path) for path in references])
    files = {REPORT_JSON, VERDICT_JSON, *(path.name for path in directory.iterdir())}
    write_text(directory / REPORT_HTML, html.page(made, pictures.pictures(analysis, made), graph_svg(run.plan), files))
    write_json(directory / REPORT_JSON, made)
    write_json(directory / VERDICT_JSON, made.verdict)
    return made


def validate(directory: Path, references: Sequence[Path] = (), root: str = "") -> Verdict:
    """Writes verdict.json into the run directory; Verdict.exit_code is what the command exits with. root: one that was kept elsewhere, or
    its beginning. Raises like `report`; AIB705: the run has another root."""
    run = read_run(directory)
    check_root(run, root)
    analysis = analyse(run)
    measured = Measured(analysis.latency, analysis.ratios, analysis.fractions, analysis.frames)
    verdict = _verdict(analysis, measured, (*of_plan(run.plan), *(read_reference(path) for path in references)))
    write_json(directory / VERDICT_JSON, verdict)
    return verdict
