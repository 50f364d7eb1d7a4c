"""What the machines of a run did besides running it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aibenchrt.collect.machine_counters import others_share
from aibenchrt.collect.recorded_run import Run
from aibenchrt.collect.records import MachineRecord
from aibenchrt.collect.run_info import Bystander
from aibenchrt.figure_format import percent
from aibenchrt.report.model import MachineRow, OtherWork
from aibenchrt.shown import visible_in_line


def machine_rows(run: Run) -> tuple[MachineRow, ...]:
    """Per host with samples, over the measured window.

    Of hosts that are containers of one machine each sees the whole machine: the run's own part is then that of all of them.
    """
    low, high = run.info.load.window_start_ns, run.info.load.window_end_ns
    of_host = {host.name: [s for s in run.machine if s.host == host.name and low <= s.time_ns <= high] for host in run.info.hosts}
    own = {name: float(np.mean([s.own_share for s in samples])) for name, samples in of_host.items() if samples}
    machine = {host.name: host.machine or host.name for host in run.info.hosts}
    return tuple(
        _row(name, samples, sum(own[other] for other in own if machine[other] == machine[name]), run.info.bystanders)
        for name, samples in of_host.items()
        if samples
    )


def busiest(row: MachineRow) -> str:
    """'cc1plus 20.0 %, make 3.0 %'; '' where nobody is known."""
    return ", ".join(f"{visible_in_line(other.name)} {percent(other.cpu_share)}" for other in row.busiest)


def _row(host: str, samples: Sequence[MachineRecord], own: float, bystanders: Sequence[Bystander]) -> MachineRow:
    steal = float(np.mean([s.steal_share for s in samples]))
    told = [s.pressure_share for s in samples if s.pressure_share >= 0]
    disturbed = others_share(samples, own)
    return MachineRow(
        host=host,
        samples=len(samples),
        busy=float(np.mean([s.busy_share for s in samples])),
        own=own,
        others=disturbed - steal,
        steal=steal,
        pressure=float(np.mean(told)) if told else None,
        disturbed=disturbed,
        busiest=tuple(OtherWork(name=other.name, cpu_share=other.cpu_share) for other in bystanders if other.host in ("", host)),
    )
