"""python -m aibenchrt.micro [NAME…]: the micro benchmarks with torch alone; else the same as `aibenchc bench micro`."""

from __future__ import annotations

import argparse
import difflib
import sys

from aibenchrt.codes import BY_ID
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.exit_codes import ExitCode
from aibenchrt.micro import tables
from aibenchrt.micro.command import add_arguments, needs_torch, obtained, unknown
from aibenchrt.shown import say, tell, tell_failure


def main() -> int:
    """AUTHOR: no kernel has such a name."""
    parser = argparse.ArgumentParser(
        allow_abbrev=False, prog="python -m aibenchrt.micro", description="micro benchmarks of AIBench's kernels"
    )
    add_arguments(parser)
    arguments = parser.parse_args()
    try:
        needs_torch()
        wrong, names = unknown(arguments)
        for name in wrong:
            near = difflib.get_close_matches(name, names, 1)
            message = BY_ID["AIB640"].message.format(name=name)
            tell(f"error[AIB640]: {message}\n  = help: {near[0] if near else ', '.join(names)}")
        if wrong:
            return ExitCode.AUTHOR
        run = obtained(arguments, _told)
    except EnvironmentFailure as failure:
        tell_failure(failure)
        return ExitCode.ENVIRONMENT
    lines = [*tables.head(run), "", tables.plain(tables.COLUMNS, tables.rows(run), tables.NUMERIC), "", *tables.notes(run)]
    say("\n".join(lines))
    return ExitCode.OK


def _told(what: str, done: float) -> None:
    tell(f"{100 * done:3.0f} % {what}")


sys.exit(main())
