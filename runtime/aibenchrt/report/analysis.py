"""analyse(run): every figure and check of one run, computed once; the report, the verdict and a reference are made of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aibenchrt.collect.recorded_run import Run
from aibenchrt.report import figures
from aibenchrt.report.checks.every import validity
from aibenchrt.report.critical_path import CriticalPath, critical_paths
from aibenchrt.report.frames import frame_rows
from aibenchrt.report.model import Check, FractionRow, FrameRow, LatencyRow, RatioRow, Reason
from aibenchrt.report.validity import Limits

BOOTSTRAP_SEED = 20201


@dataclass(frozen=True)
class Analysis:
    run: Run
    paths: tuple[CriticalPath, ...]
    latency: tuple[LatencyRow, ...]
    ratios: tuple[RatioRow, ...]
    fractions: tuple[FractionRow, ...]
    frames: tuple[FrameRow, ...]
    reasons: tuple[Reason, ...]
    checks: tuple[Check, ...]
    limits: Limits


def analyse(run: Run, limits: Limits | None = None) -> Analysis:
    """Pure. The limits are those of Limits() where none are given."""
    used = limits or Limits()
    paths = critical_paths(run)
    reasons, checks = validity(run, paths, used)
    return Analysis(
        run=run,
        paths=paths,
        latency=figures.latency_rows(run, paths),
        ratios=figures.ratio_rows(run),
        fractions=figures.fraction_rows(run, paths),
        frames=frame_rows(run),
        reasons=reasons,
        checks=checks,
        limits=used,
    )


def bootstrap_rng() -> np.random.Generator:
    """A generator with a fixed seed, so that the report of a run is the same each time it is made."""
    return np.random.default_rng(BOOTSTRAP_SEED)
