"""bench micro: AIBench's kernels, one at a time."""

from __future__ import annotations

import argparse

from aibenchrt.exit_codes import ExitCode
from aibenchrt.micro.command import add_arguments as add_arguments

from aibenchc.cli.output import complain, say, show
from aibenchc.cli.tables import print_table
from aibenchc.cli.terminal import progress_bars
from aibenchc.diagnostics import Diagnostics, did_you_mean


def run(arguments: argparse.Namespace) -> int:
    """AUTHOR: no kernel has such a name (AIB640). EnvironmentFailure as micro.command.obtained raises."""
    from aibenchrt.micro import tables
    from aibenchrt.micro.command import needs_torch, obtained, unknown

    needs_torch()
    wrong, names = unknown(arguments)
    diagnostics = Diagnostics()
    for name in wrong:
        diagnostics.report("AIB640", None, name=name, hint=did_you_mean(name, names))
    show(diagnostics)
    if diagnostics.failed:
        return ExitCode.AUTHOR
    with progress_bars() as progress:
        results = obtained(arguments, progress)
    say("\n".join(tables.head(results)))
    print_table("Micro benchmarks", tables.COLUMNS, tables.rows(results), tables.NUMERIC)
    for note in tables.notes(results):
        complain(note)
    return ExitCode.OK
