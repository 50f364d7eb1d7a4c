"""run.json of a run on a cluster."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from aibenchrt.collect.merge import together
from aibenchrt.collect.run_info import write_run_info
from aibenchrt.control import run_info
from aibenchrt.plan import Plan

if TYPE_CHECKING:
    from aibenchrt.control.cluster.run import ClusterRun


def site(plan: Plan) -> str:
    """A name for what is deployed where: the same for the same hosts, so that their certificates and archives are kept."""
    places = repr((plan.tls, [(host.name, host.address) for host in plan.hosts]))
    return f"{plan.scenario}-{hashlib.sha256(places.encode()).hexdigest()[:12]}"


def write(run: ClusterRun) -> None:
    """For a run that failed or was interrupted, too."""
    found = run.gathered
    merged = found.merged if found else None
    info = run_info.run_info(
        directory=run.directory,
        plan=run.plan,
        compiled=run.compiled,
        options=run.run_options,
        started=run.state.started,
        outcome=run.outcome,
        stages=run.journal.entries,
        assets=run.assets,
        rows=run.rows,
        hosts=found.hosts if found else (),
        processes=found.processes if found else (),
        window=merged.window if merged else (0, 0),
        generator=together(merged.generators) if merged else None,
    )
    more = {
        "generators": merged.generators if merged else (),
        "attempts": tuple(run.state.attempts),
        "missing": found.missing if found else (),
        "fault": run.state.fault,
        "extra_runs": run.extra,
    }
    write_run_info(run.directory, info.model_copy(update=more))
