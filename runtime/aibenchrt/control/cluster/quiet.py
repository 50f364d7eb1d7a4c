"""Before a load on hosts begins: whether they are busy with something else, and with what. Nothing that a host says is trusted."""

from __future__ import annotations

from collections.abc import Mapping

from aibenchrt.collect.machine_counters import others_share
from aibenchrt.collect.merge import bystanders_of, machine_of
from aibenchrt.collect.watch_lines import read_reply
from aibenchrt.control.local.quiet import named
from aibenchrt.figure_format import percent
from aibenchrt.input_file import InputFileError
from aibenchrt.report.validity import Limits
from aibenchrt.shown import tell

LOOK_TASK = "Look which other work takes CPU time"  # of look.yml


def tell_other_work(replies: Mapping[str, str]) -> None:
    """Says on stderr which hosts do other work that takes more of them than a VALID run allows. replies: host → what it wrote when it
    looked (`python -m aibenchrt.collect.host --look`)."""
    limit = Limits().others_cpu
    said = []
    for host, reply in replies.items():
        try:
            lines = read_reply(reply.encode(errors="replace"))
        except InputFileError as error:
            tell(f"warning: what {host} says of its other work cannot be read: {error}")
            continue
        samples = list(machine_of(host, lines, 0))
        share = others_share(samples) if samples else 0.0
        if share > limit:
            busiest = named(bystanders_of(host, lines, 0))
            said.append(f"{percent(share)} of {host}" + (f" ({busiest})" if busiest else ""))
    if said:
        way_out = "end it, or begin when it has ended"
        tell(f"warning: other work takes {', '.join(said)}; above {percent(limit, 0)} during the load the run is INVALID (V16). {way_out}")
