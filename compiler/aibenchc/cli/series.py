"""run SPEC SPEC…: several specs one after the other, each as it would run alone, and one page that shows them beside each other.

A series is kept in a folder of its own below --runs: series.json says how far it has come, and is written after every step, whole or not
at all. The same call goes on with a series that was stopped; of the run in progress nothing is kept but its directory.
"""

from __future__ import annotations

import argparse
import copy
import gc
import shlex
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from aibenchrt.errors import EnvironmentFailure
from aibenchrt.exit_codes import ExitCode, gravest
from aibenchrt.shown import tell_failure

from aibenchc.cli.output import complain, complain_last, say, show
from aibenchc.cli.series_specs import Examined, examine, key_of
from aibenchc.cli.tables import print_table
from aibenchc.cli.terminal import needs
from aibenchc.cli.verdict import sentence

if TYPE_CHECKING:
    from aibenchrt.report.series.model import Series, SeriesRow

# Options that name hosts, a folder, a task or a run of one spec; as attributes of the arguments, with what they are when not given.
_OF_ONE_SPEC = ("inventory", "resume", "prepare_only", "teardown", "expect_fault", "out", "replace", "measurements", "against")
_MEANS = {
    ExitCode.OK: "all VALID, nothing fails",
    ExitCode.AUTHOR: "a spec is wrong, or a target or reference FAILs",
    ExitCode.ENVIRONMENT: "a run failed",
    ExitCode.INVALID: "a run is INVALID",
    ExitCode.INCONCLUSIVE: "something is INCONCLUSIVE and nothing fails",
    ExitCode.OURS: "an internal error, which is our fault",
}
_COLOURS = {ExitCode.OK: "\x1b[32m", ExitCode.INCONCLUSIVE: "\x1b[33m"}
_RED = "\x1b[31m"

RunOnce = Callable[[argparse.Namespace], Path | None]


def run(arguments: argparse.Namespace, run_once: RunOnce) -> int:
    """Every run directory on stdout, then the tables and the path of the page. run_once: makes one run directory of `arguments.spec`; None
    after an error of the spec was shown.

    EnvironmentFailure AIB764 to AIB767; what a spec or its run raises is told, and the next one begins.
    """
    needs("run", "run")
    from aibenchrt.report.series.state import locked

    refuse(arguments)
    examined = [examine(arguments, spec) for spec in dict.fromkeys(arguments.specs)]
    began = begin(arguments, examined)
    with locked(began.folder):
        made = go_through(began, arguments, examined, run_once)
    return tell_all(began.folder, made)


def refuse(arguments: argparse.Namespace) -> None:
    """EnvironmentFailure AIB764, AIB765, AIB767: what makes no sense with several specs."""
    from aibenchrt.report.series.model import MOST_SPECS

    for option in _OF_ONE_SPEC:
        if getattr(arguments, option) not in (None, False, "", []):
            raise EnvironmentFailure("AIB764", option=option.replace("_", "-"))
    if arguments.repeats > 1:
        raise EnvironmentFailure("AIB764", option="repeats")
    specs = list(dict.fromkeys(arguments.specs))
    if len(specs) > MOST_SPECS:
        raise EnvironmentFailure("AIB767", count=len(specs), most=MOST_SPECS)
    seen: set[str] = set()
    for name in (spec.stem for spec in specs):
        if name in seen:
            raise EnvironmentFailure("AIB765", name=name)
        seen.add(name)


@dataclass(frozen=True)
class Begun:
    """A series on the disk. series: as it was left, or with nothing but waiting rows."""

    folder: Path
    series: Series


def begin(arguments: argparse.Namespace, examined: Sequence[Examined]) -> Begun:
    """The series of these specs that was stopped last, or a new one."""
    from aibenchrt.control.run_directory import new_folder, stranger
    from aibenchrt.report.series.model import FOLDER_NAME, Series, SeriesRow
    from aibenchrt.report.series.state import unfinished

    key = key_of(arguments, examined)
    found = unfinished(arguments.runs, key, complain, stranger)
    if found is not None and [row.spec for row in found[1].rows] == [of.spec.stem for of in examined]:
        folder, series = found
        complain(f"goes on with {folder}: {len(series.judged)} of {len(series.rows)} done")
        return Begun(folder, series)
    started = datetime.now(UTC)
    rows = tuple(SeriesRow(spec=of.spec.stem, compiled=of.compiled) for of in examined)
    command = shlex.join(["aibenchc", *sys.argv[1:]])
    folder = new_folder(arguments.runs, f"{FOLDER_NAME}{started:%Y%m%d-%H%M%S}")
    return Begun(
        folder, Series(key=key, command=command, started_utc=f"{started:%Y-%m-%d %H:%M:%S} UTC", finished=False, rows=rows, exit_code=0)
    )


def go_through(began: Begun, arguments: argparse.Namespace, examined: Sequence[Examined], run_once: RunOnce) -> Series:
    """Each spec in its turn; the state is written after every step."""
    folder, rows = began.folder, list(began.series.rows)

    def written(finished: bool = False) -> Series:
        from aibenchrt.report.series.model import left_over
        from aibenchrt.report.series.page import write_summary

        code = gravest(row.exit_code for row in rows)
        given = {"rows": tuple(rows), "finished": finished, "interrupted": left_over(folder, rows), "exit_code": int(code)}
        series = began.series.model_copy(update=given)
        write_summary(folder, series)
        return series

    written()
    for at, of in enumerate(examined):
        complain(f"scenario {at + 1} of {len(examined)}: {of.spec.stem}")
        try:
            rows[at] = kept(rows[at], of, folder) or _ran(rows, at, arguments, of, folder, run_once, written)
        except KeyboardInterrupt:
            written()
            complain(f"stopped in scenario {at + 1} of {len(examined)}; {folder}: the same command goes on from there")
            raise
        written()
        gc.collect()  # what one scenario held is not there while the next is measured
    return written(finished=True)


def kept(row: SeriesRow, of: Examined, folder: Path) -> SeriesRow | None:
    """The row of a run that had ended before the series was stopped; None where it has to be run."""
    from aibenchrt.report.series.figures import judged

    if not row.run:
        return None
    try:
        done = judged(row.model_copy(update={"compiled": of.compiled}), folder / row.run)
    except EnvironmentFailure as failure:
        complain(f"{folder / row.run} is not gone on with, and the scenario runs anew: {failure.message}")
        return None
    complain(f"{folder / row.run}: ended before")
    return done


def _ran(
    rows: list[SeriesRow],
    at: int,
    arguments: argparse.Namespace,
    of: Examined,
    folder: Path,
    run_once: RunOnce,
    written: Callable[[], Series],
) -> SeriesRow:
    """Runs and judges one spec. The directory of the run is in the state before it is judged."""
    from aibenchrt.report.make import REPORT_HTML
    from aibenchrt.report.series.figures import judged
    from aibenchrt.report.series.model import SeriesRow

    row = rows[at] = SeriesRow(spec=of.spec.stem, compiled=of.compiled)
    if of.mistake is not None:
        return _failed(row, of.mistake)
    if of.compiled is None:
        show(of.diagnostics)
        code, message = of.error
        return row.model_copy(update={"state": "failed", "code": code, "message": message, "exit_code": int(ExitCode.AUTHOR)})
    own = copy.copy(arguments)
    own.spec, own.runs = of.spec, folder
    try:
        directory = run_once(own)
        if directory is None:  # it compiled a moment ago: somebody has changed it
            return _failed(row, EnvironmentFailure("AIB768", spec=of.spec))
        row = rows[at] = row.model_copy(update={"run": directory.name})
        written()
        row = judged(row, directory)
    except Exception as mistake:  # noqa: BLE001  whatever one spec does, the others run
        return _failed(row, mistake)
    if row.verdict is not None:
        complain(f"{directory}: {sentence(row.verdict, row.exit_code, f'open {directory / REPORT_HTML}')}")
    return row


def _failed(row: SeriesRow, mistake: Exception) -> SeriesRow:
    """The row of a spec that could not be run or judged; the mistake is told."""
    if isinstance(mistake, EnvironmentFailure):
        tell_failure(mistake)
        code, message, exits = mistake.code, mistake.message, ExitCode.ENVIRONMENT
    else:
        complain("".join(traceback.format_exception(mistake)).rstrip())
        code, message, exits = "AIB901", f"the program failed: {mistake!r}", ExitCode.OURS
    return row.model_copy(update={"state": "failed", "code": code, "message": message, "exit_code": int(exits)})


def tell_all(folder: Path, series: Series) -> int:
    """Run directories, tables and the page on stdout; last, on stderr, the counts, the page and the next command."""
    from aibenchrt.report.series.model import SUMMARY_HTML
    from aibenchrt.report.series.tables import series_tables, tally

    for row in series.rows:
        if row.run:
            say(str(folder / row.run))
    for table in series_tables(series):
        print_table(table.title, table.columns, table.rows, table.numeric)
    say(str(folder / SUMMARY_HTML))
    code = ExitCode(series.exit_code)
    parts = (tally(series), f"exit code {int(code)} ({_MEANS[code]})", f"page: {folder / SUMMARY_HTML}", f"next: {way_on(folder, series)}")
    complain_last("; ".join(parts), _COLOURS.get(code, _RED))
    return code


def way_on(folder: Path, series: Series) -> str:
    """The next command: what explains the first that failed or is INVALID, else the page."""
    from aibenchrt.report.series.model import SUMMARY_HTML

    for row in series.failed:
        return f"aibenchc explain {row.code}"
    for row in series.judged:
        if row.verdict is not None and not row.verdict.valid:
            return f"aibenchc explain {row.verdict.reasons[0].code}"
    return f"open {folder / SUMMARY_HTML}"
