"""A run's verdict and report on the terminal: tables and paths on stdout, then on stderr one sentence that says how it went."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from aibenchrt.exit_codes import ExitCode

from aibenchc.cli.output import complain_last, say, say_json
from aibenchc.cli.tables import print_table

if TYPE_CHECKING:
    from aibenchrt.report.model import Judgement, Verdict
    from aibenchrt.report.together import Together

SUMMARY, FULL = "summary", "full"
_MEANS = {
    ExitCode.OK: "VALID, nothing fails",
    ExitCode.FAIL: "a target or reference FAILs",
    ExitCode.INVALID: "the run is INVALID",
    ExitCode.INCONCLUSIVE: "something is INCONCLUSIVE and nothing fails",
}
_COLOURS = {ExitCode.OK: "\x1b[32m", ExitCode.FAIL: "\x1b[31m", ExitCode.INVALID: "\x1b[1;31m", ExitCode.INCONCLUSIVE: "\x1b[33m"}


def add_reference_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--reference", action="append", default=[], type=Path, metavar="FILE", help="a reference that `aibenchc reference --json` wrote"
    )


def add_root_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--root", default="", metavar="HASH", help="the run's root as you kept it (at least 16 digits): another one is an error"
    )


def show_report(arguments: argparse.Namespace, tables: str = SUMMARY) -> Verdict:
    """Writes the report, shows the verdict, then its tables: those of the summary, or all (FULL), which report.html has in any case."""
    from aibenchrt.report import report
    from aibenchrt.report.tables import summary_tables
    from aibenchrt.report.tables import tables as all_tables

    made = report(arguments.run, arguments.reference, arguments.root)
    say_verdict(made.verdict)
    for table in all_tables(made) if tables == FULL else summary_tables(made):
        print_table(table.title, table.columns, table.rows, table.numeric)
    say(str(arguments.run / "report.html"))
    return made.verdict


def show_json(arguments: argparse.Namespace, whole: bool) -> int:
    """Writes what the verb writes, and prints it: verdict.json, or the whole report.json. Returns the verdict's exit code."""
    from aibenchrt.report import report, validate

    if whole:
        made = report(arguments.run, arguments.reference, arguments.root)
        say_json(made.model_dump(mode="json"))
        return made.verdict.exit_code
    verdict = validate(arguments.run, arguments.reference, arguments.root)
    say_json(verdict.model_dump(mode="json"))
    return verdict.exit_code


def say_verdict(verdict: Verdict) -> None:
    from aibenchrt.report.verdict import export_text

    say("VALID" if verdict.valid else "INVALID")
    if exported := export_text(verdict):
        say(f"  {exported}")
    for reason in verdict.reasons:
        say(f"  {reason.code} {reason.name}: {reason.observed}, limit {reason.limit}; {reason.hint}")


def say_last(verdict: Verdict, code: int, way_on: str) -> None:
    """The sentence, last on the screen. code: what the verb exits with; way_on: the next command of a VALID run."""
    complain_last(sentence(verdict, code, way_on), _COLOURS[ExitCode(verdict.exit_code)])


def say_together(made: Together) -> None:
    """Of several deployments, last on the screen: the counts, what decided, the exit code and what it means."""
    from aibenchrt.report.verdict import counts

    code = ExitCode(made.exit_code)
    head = f"INVALID: {', '.join(made.invalid)}" if made.invalid else f"{len(made.runs)} VALID deployments"
    decided = (f"decided by {_named(judgement)}" for judgement in _decisive(made.judgements))
    exits = f"exit code {made.exit_code} ({'a run is INVALID' if code == ExitCode.INVALID else _MEANS[code]})"
    complain_last("; ".join((head, counts(made.judgements), *decided, exits)), _COLOURS[code])


def sentence(verdict: Verdict, code: int, way_on: str) -> str:
    """VALID or INVALID, the counts, the run's root, what decided, the exit code and what it means, and the next command."""
    from aibenchrt.report.verdict import counts

    means = _MEANS[ExitCode(verdict.exit_code)]
    exits = (
        f"exit code {code} ({means})" if code == verdict.exit_code else f"exit code {code} (of `validate`: {verdict.exit_code}, {means})"
    )
    if not verdict.valid:
        first = verdict.reasons[0]
        head = f"INVALID by {len(verdict.reasons)} of {len(verdict.checks)} checks"
        decided = f"decided by {first.code} {first.name}: {first.observed}, limit {first.limit}"
        return f"{head}; {root_text(verdict.root)}; {decided}; {exits}; next: aibenchc explain {first.code}"
    head = f"VALID by all {len(verdict.checks)} checks, {counts(verdict.judgements) or 'no targets or references'}"
    if verdict.fault:
        head += f"; measured during an expected fault: {verdict.fault}"
    decisive = (f"decided by {_named(j)}" for j in _decisive(verdict.judgements))
    return "; ".join((head, root_text(verdict.root), *decisive, exits, f"next: {way_on}"))


def root_text(root: str) -> str:
    """'root 0123456789abcdef', as --root takes it."""
    from aibenchrt.collect.hashes import SHOWN_DIGITS

    return f"root {root[:SHOWN_DIGITS]}" if root else "not bound by hashes"


def _decisive(judgements: Sequence[Judgement]) -> list[Judgement]:
    """The first that FAILs, else the first that is INCONCLUSIVE; empty where nothing else than the checks decided."""
    for status in ("FAIL", "INCONCLUSIVE"):
        decisive = [judgement for judgement in judgements if judgement.status == status]
        if decisive:
            return decisive[:1]
    return []


def _named(judgement: Judgement) -> str:
    return f"{judgement.group} {judgement.what}: {judgement.observed}, target {judgement.target}, {judgement.status}"
