"""compare: groups of runs against the first of them: what differs, and which component moved; with --gate as a check of a build."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from aibenchrt.exit_codes import ExitCode

from aibenchc.cli.numbers import not_negative, percentage
from aibenchc.cli.output import add_json_argument, complain, complain_last, say, say_json
from aibenchc.cli.tables import print_table
from aibenchc.cli.terminal import needs

if TYPE_CHECKING:
    from aibenchrt.report.compare.gate import Gated
    from aibenchrt.report.compare.model import Comparison

_NEXT_GROUP = "\0"  # no word of a command line can hold it, and argparse would take `--` for its own
EXAMPLES = """examples:
  aibenchc compare runs/a-* -- runs/b-*                 what differs between two systems
  aibenchc compare runs/a-* -- runs/b-* -- runs/c-*     two systems, each against the first
  aibenchc compare runs/main-* -- runs/change-* --gate  exit code 1 where the change is worse by more than the margins

Every run is one deployment; `aibenchc run SPEC --repeats 5` makes five."""


def words(given: Sequence[str]) -> list[str]:
    """`--` begins the next group."""
    return [_NEXT_GROUP if word == "--" else word for word in given]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLES
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="run directories of one group; `--` begins the next")
    add_json_argument(parser)
    gate = parser.add_argument_group("as a gate")
    gate.add_argument("--gate", action="store_true", help="exit with 1 where a figure FAILs, 4 where one is INCONCLUSIVE")
    gate.add_argument("--margin", type=percentage, default=5.0, metavar="PERCENT", help="accepted increase of every latency (5%%)")
    gate.add_argument(
        "--quality-margin",
        type=not_negative,
        default=0.01,
        metavar="X",
        help="accepted loss of every quality metric (0.01)",
    )
    gate.add_argument("--junit", type=Path, metavar="FILE", help="write JUnit XML")
    gate.add_argument("--markdown", type=Path, metavar="FILE", help="write a summary for a pull request")
    gate.add_argument("--github", action="store_true", help="print annotations of GitHub Actions")


def run(arguments: argparse.Namespace) -> int:
    needs("report", "compare")
    from aibenchrt.report.compare.gate import Margins, gate, gate_exit_code, github_annotations, junit, markdown
    from aibenchrt.report.compare.make import compare
    from aibenchrt.report.writing import write_text

    comparison = compare(groups_of(arguments.runs))
    gated = gate(comparison, Margins(arguments.margin / 100, arguments.quality_margin))
    if arguments.json:
        say_json(comparison.model_dump(mode="json"))
    else:
        show(comparison, gated if arguments.gate else ())
    for path, text in ((arguments.junit, junit), (arguments.markdown, markdown)):
        if path is not None:
            write_text(path, text(comparison, gated), "free space, or name another file")
            complain(f"wrote {path}")
    if arguments.github:
        for line in github_annotations(gated):
            say(line)
    code = gate_exit_code(comparison, gated) if arguments.gate else ExitCode.INVALID if comparison.invalid else ExitCode.OK
    if not arguments.json:
        say_findings(comparison, code, arguments.gate)
    return code


def groups_of(runs: Sequence[Path]) -> list[list[Path]]:
    groups: list[list[Path]] = [[]]
    for run in runs:
        if os.fspath(run) == _NEXT_GROUP:
            groups.append([])
        else:
            groups[-1].append(run)
    return groups


def show(comparison: Comparison, gated: Sequence[Gated]) -> None:
    from aibenchrt.report.compare.tables import comparison_tables, gate_table

    for table in (*comparison_tables(comparison), *((gate_table(gated),) if gated else ())):
        print_table(table.title, table.columns, table.rows, table.numeric)
    for group in comparison.groups:
        say(f"{group.name}: {len(group.runs)} runs, fingerprint {group.fingerprint}: {', '.join(group.runs)}")
    for pair in comparison.pairs:
        for line in pair.differs:
            say(f"{pair.other} differs from {pair.base} in {line}")


def say_pairs(comparison: Comparison) -> None:
    for pair in comparison.pairs:
        for sentence in pair.sentences:
            complain(sentence)


def say_findings(comparison: Comparison, code: int, gated: bool) -> None:
    """What was found, last on the screen."""
    say_pairs(comparison)
    invalid = f"INVALID, so that nothing is proven: {'; '.join(comparison.invalid)}; " if comparison.invalid else ""
    means = {ExitCode.OK: "nothing FAILs" if gated else "compared", ExitCode.FAIL: "a figure FAILs", ExitCode.INVALID: "a run is INVALID"}
    colour = "\x1b[32m" if code == ExitCode.OK else "\x1b[31m" if code in (ExitCode.FAIL, ExitCode.INVALID) else "\x1b[33m"
    complain_last(f"{invalid}exit code {code} ({means.get(ExitCode(code), 'something is INCONCLUSIVE')})", colour)
