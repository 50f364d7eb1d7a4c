"""Before the load begins: whether this machine is busy with something else, and with what."""

from __future__ import annotations

import time
from collections.abc import Iterable

from aibenchrt.collect.run_info import Bystander
from aibenchrt.control.local.resources import Look, Sampler
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.figure_format import percent
from aibenchrt.progress import Progress
from aibenchrt.report.validity import Limits
from aibenchrt.shown import tell, visible_in_line

LOOK_SAMPLES = 4  # two seconds


def before_load(sampler: Sampler, wait_s: float, progress: Progress) -> None:
    """Says on stderr that other work takes more of the machine than a VALID run allows, or waits up to wait_s until it does not.

    EnvironmentFailure AIB701: it still did after wait_s.
    """
    limit = Limits().others_cpu
    begun = time.monotonic()
    while True:
        look = sampler.look(LOOK_SAMPLES)
        if look is None or look.others_share <= limit:
            return
        waited = time.monotonic() - begun
        if waited >= wait_s:
            break
        progress(f"waiting for a quiet machine: {_said(look)}", waited / wait_s)
    if wait_s:
        raise EnvironmentFailure("AIB701", said=_said(look), minutes=f"{wait_s / 60:.3g}", limit=percent(limit, 0))
    way_out = "end it, or let the run wait with --wait-quiet 10min"
    tell(f"warning: {_said(look)}; above {percent(limit, 0)} during the load the run is INVALID (V16). {way_out}")


def named(bystanders: Iterable[Bystander]) -> str:
    """'cc1plus 20.0 %, make 3.0 %'."""
    return ", ".join(f"{visible_in_line(other.name)} {percent(other.cpu_share)}" for other in bystanders)


def _said(look: Look) -> str:
    busiest = named(look.bystanders)
    return f"other work takes {percent(look.others_share)} of this machine" + (f" ({busiest})" if busiest else "")
