"""A comparison as a gate of a build: each figure against a margin that its author sets, for a pull request and for the build server.

A figure FAILs where its whole interval is worse than the margin, and PASSes where none of it is. What the runs cannot decide is
INCONCLUSIVE, never a pass.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

from aibenchrt.exit_codes import ExitCode
from aibenchrt.figure_format import number, percent
from aibenchrt.metrics import lower_is_better
from aibenchrt.report.compare.model import Comparison, Effect
from aibenchrt.report.model import Status
from aibenchrt.report.verdict import Band, exit_code, judge


@dataclass(frozen=True)
class Margins:
    """How much worse is still accepted. latency: relative to the base; quality: as a difference of the metric."""

    latency: float = 0.05
    quality: float = 0.01


@dataclass(frozen=True)
class Gated:
    """A figure of a group against its margin. pair: 'B against A'; observed: the change with its interval."""

    pair: str
    figure: str
    observed: str
    margin: str
    status: Status
    reason: str


def gate(comparison: Comparison, margins: Margins) -> tuple[Gated, ...]:
    """Every latency figure and quality metric of every pair; of components nothing is asked. INVALID runs prove nothing."""
    invalid = comparison.invalid
    rows = []
    for pair in comparison.pairs:
        for effect in pair.effects:
            if effect.family != "component":
                status, reason = _judged(effect, margins)
                if invalid:
                    status, reason = "INCONCLUSIVE", f"INVALID: {', '.join(invalid)}"
                rows.append(
                    Gated(f"{pair.other} against {pair.base}", _name(effect), observed(effect), _margin(effect, margins), status, reason)
                )
    return tuple(rows)


def gate_exit_code(comparison: Comparison, gated: Sequence[Gated]) -> ExitCode:
    """INVALID before FAIL before INCONCLUSIVE; a comparison without a figure is INCONCLUSIVE."""
    statuses: list[Status] = [row.status for row in gated] or ["INCONCLUSIVE"]
    return exit_code(not comparison.invalid, statuses)


def _judged(effect: Effect, margins: Margins) -> tuple[Status, str]:
    if effect.low is None or effect.high is None:
        return "INCONCLUSIVE", "one deployment of a group shows nothing of how much deployments differ: give at least two of each"
    low, high = (effect.low, effect.high) if _higher_is_worse(effect) else (-effect.high, -effect.low)
    margin = margins.quality if effect.family == "quality" else margins.latency
    status = judge(low, high, Band(-math.inf, margin))
    return status, {
        "PASS": "no part of the interval is worse than the margin",
        "FAIL": "the whole interval is worse than the margin",
    }.get(status, "the interval lies on both sides of the margin: more deployments narrow it")


def _higher_is_worse(effect: Effect) -> bool:
    return effect.family != "quality" or lower_is_better(effect.figure)


def _name(effect: Effect) -> str:
    return effect.figure if effect.family == "quality" else f"{effect.family} {effect.figure}"


def observed(effect: Effect) -> str:
    """'+4.1 % [1.9, 6.3]'; of a quality metric its difference."""
    scale, unit = (1.0, "") if effect.family == "quality" else (100.0, " %")
    bounds = "" if effect.low is None or effect.high is None else f" [{number(scale * effect.low)}, {number(scale * effect.high)}]"
    return f"{number(scale * effect.change, sign='+')}{unit}{bounds}"


def _margin(effect: Effect, margins: Margins) -> str:
    if effect.family != "quality":
        return f"at most {percent(margins.latency)} longer"
    return f"at most {number(margins.quality)} {'higher' if lower_is_better(effect.figure) else 'lower'}"


def junit(comparison: Comparison, gated: Sequence[Gated]) -> str:
    """JUnit XML: a test suite for each pair, a test case for each figure; FAIL is a failure, INCONCLUSIVE an error."""
    root = ElementTree.Element("testsuites", name=f"aibenchc compare {_xml(comparison.scenario)}")
    for pair in dict.fromkeys(row.pair for row in gated):
        own = [row for row in gated if row.pair == pair]
        counts: dict[str, Status] = {"failures": "FAIL", "errors": "INCONCLUSIVE"}
        numbers = {name: str(sum(row.status == status for row in own)) for name, status in counts.items()}
        suite = ElementTree.SubElement(root, "testsuite", {"name": _xml(pair), "tests": str(len(own)), **numbers})
        for row in own:
            case = ElementTree.SubElement(suite, "testcase", classname=_xml(f"{comparison.scenario}.{pair}"), name=_xml(row.figure))
            if row.status in counts.values():
                kind = "failure" if row.status == "FAIL" else "error"
                told = ElementTree.SubElement(case, kind, message=_xml(f"{row.observed}, {row.margin}"), type=row.status)
                told.text = _xml(row.reason)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _xml(text: str) -> str:
    """Without the characters that XML 1.0 cannot hold, escaped or not."""
    return "".join(c if c in "\t\n" or c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def markdown(comparison: Comparison, gated: Sequence[Gated]) -> str:
    """For a comment on a pull request: what was found, and a table of the figures."""
    lines = [f"### {_cell(comparison.scenario)}: {_counts(gated)}", ""]
    lines += [f"- {_cell(sentence)}" for pair in comparison.pairs for sentence in pair.sentences]
    lines += [f"- INVALID: {_cell(run)}" for run in comparison.invalid]
    lines += ["", "| | figure | change | margin | status |", "| --- | --- | ---: | --- | --- |"]
    lines += [f"| {' | '.join(map(_cell, (row.pair, row.figure, row.observed, row.margin, row.status)))} |" for row in gated]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    """Text that Markdown takes for nothing else, on one line."""
    return "".join(f"\\{c}" if c in "\\`*_{}[]<>#|!~&" else (c if c.isprintable() else " ") for c in text)


def _counts(gated: Sequence[Gated]) -> str:
    statuses: tuple[Status, ...] = ("FAIL", "INCONCLUSIVE", "PASS")
    counts = [(sum(row.status == status for row in gated), status) for status in statuses]
    return ", ".join(f"{count} {status}" for count, status in counts if count) or "no figure to compare"


def github_annotations(gated: Sequence[Gated]) -> Iterator[str]:
    """Workflow commands of GitHub Actions: an error for what FAILs, a warning for what is INCONCLUSIVE."""
    for row in gated:
        kind = {"FAIL": "error", "INCONCLUSIVE": "warning"}.get(row.status)
        if kind is not None:
            title = _command(f"{row.pair}: {row.figure} {row.status}").replace(":", "%3A").replace(",", "%2C")
            yield f"::{kind} title={title}::{_command(f'{row.observed}, {row.margin}; {row.reason}')}"


def _command(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
