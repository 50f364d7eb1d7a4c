"""Reports and verdicts of runs. Entry points: `report`, `validate`, `reference`; numpy, scipy, matplotlib load when they are called."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aibenchrt.report.measurements import ServiceTimes
    from aibenchrt.report.model import Ablation, Report, Verdict
    from aibenchrt.report.recomputing import Recomputed
    from aibenchrt.report.reference_file import Reference
    from aibenchrt.report.together import Together


def report(directory: Path, references: Sequence[Path] = (), root: str = "") -> Report:
    """Writes report.json, report.html and verdict.json into the run directory; `tables.tables(report)` is what a terminal shows."""
    from aibenchrt.report import make

    return make.report(directory, references, root)


def recompute(directory: Path, references: Sequence[Path] = (), root: str = "") -> Recomputed:
    """Checks every hash, and compares report.json and verdict.json with what the records give. EnvironmentFailure AIB703 to AIB706."""
    from aibenchrt.report import recomputing

    return recomputing.recompute(directory, references, root)


def validate(directory: Path, references: Sequence[Path] = (), root: str = "") -> Verdict:
    """Writes verdict.json into the run directory. references: JSON files that `write_reference` wrote. Exit with Verdict.exit_code."""
    from aibenchrt.report import make

    return make.validate(directory, references, root)


def validate_together(directories: Sequence[Path], references: Sequence[Path] = ()) -> Together:
    """Several deployments of one system against references. Writes nothing. Exit with Together.exit_code."""
    from aibenchrt.report import together

    return together.validate_together(directories, references)


def write_measurements(path: Path, directory: Path) -> ServiceTimes:
    """The run's mean service times as JSON for the compiler's `--measurements FILE`, written whole or not at all."""
    from aibenchrt.collect.recorded_run import read_run
    from aibenchrt.report.measurements import service_times
    from aibenchrt.report.writing import write_text

    times = service_times(read_run(directory))
    write_text(path, json.dumps(times.values, indent=1) + "\n")
    return times


def record_reference(directories: Sequence[Path], title: str | None = None, margin: float | None = None) -> Reference:
    """The reference of at least five VALID runs of separate deployments; `reference_block` and `write_reference` give its two forms.

    margin: relative, how much slower counts."""
    from aibenchrt.report import reference as of_runs

    return of_runs.record_reference(directories, title, of_runs.MARGIN if margin is None else margin)


def reference_block(reference: Reference) -> str:
    """The reference as a block of the .aib language."""
    from aibenchrt.report import reference as of_runs

    return of_runs.block(reference)


def record_ablation(base: Path, variants: Sequence[Path]) -> Ablation:
    """Paired differences between a base run and runs with a component's answers replaced; ablation.json is written into the base run."""
    from aibenchrt.report import ablation as of_runs

    return of_runs.record_ablation(base, variants)


def write_reference(path: Path, reference: Reference) -> None:
    """The reference as JSON for `validate --reference FILE`, written whole or not at all."""
    from aibenchrt.report.writing import write_json

    write_json(path, reference)
