"""audit(): a measured run, then a fresh deployment that is asked again, and what both say together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from aibenchrt.collect.recorded_run import read_run
from aibenchrt.control.local.run import run_local
from aibenchrt.control.options import RunOptions
from aibenchrt.experiments.audit.judging import judged
from aibenchrt.experiments.audit.rows import audit_rows
from aibenchrt.report import validate
from aibenchrt.report.audit import AUDIT_FILE, Audit
from aibenchrt.report.writing import write_json

_AFTER_S = 1.0  # of the load, after the last request is due


def audit(generated: Path, runs: Path, options: RunOptions, exact: bool = False, seed: int = 7) -> tuple[Audit, Path]:
    """The audit, which is also written into the directory of the measured run, and that directory. seed: of what is asked again.

    EnvironmentFailure AIB750: the run answered too few different payloads; and what run_local raises.
    """
    directory = run_local(generated, runs, options)
    run = read_run(directory)
    rows = audit_rows(run, seed)
    asked = replace(options, rows=rows, rate=None, warmup_s=0.0, duration_s=rows[-1].offset_s + _AFTER_S, supplement=False)
    again = read_run(run_local(generated, runs, asked))
    made = judged(run, again, validate(directory).valid, exact)
    write_json(directory / AUDIT_FILE, made)
    return made, directory
