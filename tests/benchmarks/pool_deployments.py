"""A pool of real deployments, half of them with a planted slowdown, and what `compare` and a reference make of groups drawn from it.

python tests/benchmarks/pool_deployments.py STATE_FOLDER [--spec specs/ecommerce.aib] [--minutes N] [--most N] [--plain] [-- OPTIONS]

OPTIONS are those of `aibenchc run`. Each call deploys as often as fits into --minutes, at most --most times, in turn without and with the
slowdown (A B B A …), adds the figures to STATE_FOLDER/pool.json and shows the tables; --minutes 0 only shows them. It can be stopped at any
moment and called again: what was measured stays. The slowdown is the library tests/libraries/repeated_work, installed in an environment of
the state folder: the task `parse` does its work several times for each request. --plain deploys the spec alone, for the variation over
deployments, and names no component.

What is drawn from one pool overlaps, so that the shares are not those of independent pairs: with ten deployments of a system there are 126
ways to split them in two.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Literal

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import numpy as np
from aibenchrt.collect.recorded_run import read_run
from aibenchrt.json_file import read_json
from aibenchrt.report.compare.make import compared
from aibenchrt.report.compare.run_figures import RunFigures, run_figures
from aibenchrt.report.machines import machine_rows
from aibenchrt.report.reference import MARGIN
from aibenchrt.report.reference_rule import LEAST_DEPLOYMENTS, Sides, decide
from aibenchrt.report.validity import Limits
from aibenchrt.report.writing import write_json
from partner import environment
from paths import ROOT
from pydantic import BaseModel

System = Literal["plain", "planted"]
LIBRARY, SLOWED = ROOT / "tests" / "libraries" / "repeated_work", "parse"
PARSE = re.compile(r"\btask parse( *): query_parsing( *)\{ service ([\d.]+) ms \}")
FIGURES = ("mean", "p50", "p90", "p99")
PUBLISHED = {"ecommerce": (0.005, 0.007, 0.014), "translation": (0.006, 0.018, 0.024)}  # of mean, p90, p99; arXiv 2005.03459
DRAWS = 500
MOST_FAILURES = 3  # in a row


class Deployment(BaseModel):
    """disturbed: the largest share of a host's CPU time that others took in the window, as V16 judges it."""

    system: System
    figures: RunFigures
    disturbed: float


class Pool(BaseModel):
    """fingerprints differ between the systems; of one system only the VALID deployments of its last fingerprint are drawn."""

    version: Literal[1] = 1
    deployments: tuple[Deployment, ...] = ()

    def of(self, system: System) -> list[Deployment]:
        every = [one for one in self.deployments if one.system == system and not one.figures.invalid]
        return [one for one in every if one.figures.info.fingerprint.hash == every[-1].figures.info.fingerprint.hash]


def planted(text: str, times: int) -> str:
    """The spec with the slowdown. SystemExit: it has no task `parse` of query_parsing to slow down."""
    slower, count = PARSE.subn(
        lambda m: f"task parse{m[1]}: repeated_parsing{m[2]}{{ times {times}, service {times * float(m[3]):g} ms }}", text
    )
    if count != 1:
        raise SystemExit("the spec has no `task parse : query_parsing { service … }`: use --plain")
    return slower.replace("aib 1\n", 'aib 1\nlibrary "repeated_work"\n', 1)


def next_system(pool: Pool, plain: bool) -> System:
    """A B B A A B B A …"""
    if plain:
        return "plain"
    return ("plain", "planted", "planted", "plain")[len(pool.deployments) % 4]  # type: ignore[return-value]


@contextlib.contextmanager
def ended_with_us(process: subprocess.Popen[str]) -> Iterator[None]:
    """SIGTERM ends the process before this one; so does any error."""

    def stop(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
        if process.poll() is None:
            process.terminate()
            process.wait()


def deployed(program: Path, spec: Path, state: Path, options: Sequence[str]) -> Path | None:
    """The directory of one run; None after it failed, for a reason that the log has."""
    command = [str(program), "run", str(spec), "--runs", str(state / "runs"), "--out", str(state / f"generated-{spec.stem}"), *options]
    with (state / "run.log").open("a") as log:
        process = subprocess.Popen(command, cwd=state, stdout=subprocess.PIPE, stderr=log, text=True)
        with ended_with_us(process):
            out, _ = process.communicate()
    return Path(state, out.splitlines()[-1]) if process.returncode == 0 and out.strip() else None


def installed(state: Path) -> Path:
    """aibenchc of an environment that has the library; this process can import it from then on, to read what it ran."""
    program = state / "environment" / "bin" / "aibenchc"  # written last
    if not program.exists():
        shutil.rmtree(state / "environment", ignore_errors=True)
        environment(state / "environment", LIBRARY)
    sys.path += map(str, (state / "environment" / "lib").glob("python*/site-packages"))
    return program


def fill(state: Path, pool: Pool, program: Path, arguments: argparse.Namespace) -> Pool:
    """Deploys until the next deployment would not fit into the minutes."""
    text = arguments.spec.read_text(encoding="utf-8")
    specs: dict[System, Path] = {"plain": state / "plain.aib", "planted": state / "planted.aib"}
    specs["plain"].write_text(text, encoding="utf-8")
    if not arguments.plain:
        specs["planted"].write_text(planted(text, arguments.times), encoding="utf-8")
    end, longest, failures, most = time.monotonic() + 60 * arguments.minutes, 0.0, 0, len(pool.deployments) + arguments.most
    while time.monotonic() + longest < end and failures < MOST_FAILURES and len(pool.deployments) < most:
        begun, system = time.monotonic(), next_system(pool, arguments.plain)
        directory = deployed(program, specs[system], state, arguments.options)
        longest = max(longest, time.monotonic() - begun)
        failures = failures + 1 if directory is None else 0
        if directory is None:
            sys.stdout.write(f"a deployment failed: {state / 'run.log'}\n")
            continue
        pool = with_runs(state, pool)
    return pool


def with_runs(state: Path, pool: Pool) -> Pool:
    """The pool with every run that ended, written to disk: also one whose figures were not added when this program was stopped."""
    known = {one.figures.directory.name for one in pool.deployments}
    ended = sorted(path.parent for path in (state / "runs").glob("*/hashes.json") if path.parent.name not in known)
    for directory in ended:
        run = read_run(directory)
        made = Deployment(
            system="planted" if run.plan.libraries else "plain",
            figures=run_figures(directory),
            disturbed=max((row.disturbed for row in machine_rows(run)), default=0.0),
        )
        pool = Pool(deployments=(*pool.deployments, made))
        write_json(state / "pool.json", pool)
        sys.stdout.write(f"{line(made)}\n")
        sys.stdout.flush()
    return pool


def line(one: Deployment) -> str:
    latency = " ".join(f"{one.figures.latency[name].value:7.1f}" if name in one.figures.latency else f"{'–':>7}" for name in FIGURES)
    began, codes = one.figures.info.started_utc[:19], ", ".join(one.figures.invalid) or "VALID"
    return f"{began} {one.system:8} {latency}  {100 * one.disturbed:5.1f} %  {codes}"


def show(pool: Pool) -> None:
    names = " ".join(f"{name:>7}" for name in FIGURES)
    sys.stdout.write(f"{'began':19} {'system':8} {names}  others  verdict\n")
    for one in pool.deployments:
        sys.stdout.write(f"{line(one)}\n")
    limit = Limits().others_cpu
    quiet = sum(one.disturbed <= limit for one in pool.deployments)
    never = ": the machine was never quiet" if not quiet else ""
    sys.stdout.write(
        f"\n{quiet} of {len(pool.deployments)} deployments on a machine that V16 calls quiet (others at most {limit:.0%}){never}\n"
    )
    for system in dict.fromkeys(one.system for one in pool.deployments):
        show_variation(system, pool.of(system))
    show_draws(pool.of("plain"), pool.of("planted"))


def show_variation(system: System, group: Sequence[Deployment]) -> None:
    """Coefficients of variation over the VALID deployments of the last fingerprint."""
    if len(group) < 2:
        return
    cv = {name: float(np.exp(logs(group, name)).std(ddof=1) / np.exp(logs(group, name)).mean()) for name in shared(group)}
    scenario = group[0].figures.info.scenario
    beside = ", ".join(f"{name} {value:g}" for name, value in zip(("mean", "p90", "p99"), PUBLISHED.get(scenario, ()), strict=False))
    told = ", ".join(f"{name} {value:.3f}" for name, value in cv.items())
    published = f" (published: {beside})" if beside else ""
    sys.stdout.write(f"{scenario}, {system}, {len(group)} VALID deployments: coefficient of variation {told}{published}\n")


def shared(group: Sequence[Deployment]) -> list[str]:
    return [name for name in FIGURES if all(name in one.figures.latency for one in group)]


def logs(group: Sequence[Deployment], name: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.log([one.figures.latency[name].value for one in group])


def show_draws(plain: Sequence[Deployment], slow: Sequence[Deployment]) -> None:
    """Groups of five a side, or of half the pool where it has fewer than ten of a system."""
    rng = np.random.default_rng(29)
    for name, first, second in (("A/A", plain, plain), ("A/B", plain, slow)):
        size = min(LEAST_DEPLOYMENTS, len(first) // 2 if first is second else min(len(first), len(second)))
        if size < 2:
            sys.stdout.write(f"{name}: too few VALID deployments\n")
            continue
        compare, reference, named = Counter[str](), Counter[str](), Counter[str]()
        for _ in range(DRAWS):
            chosen = rng.permutation(len(first))
            base = [first[i] for i in chosen[:size]]
            rest = chosen[size:] if first is second else rng.permutation(len(second))
            other = [second[i] for i in rest[:size]]
            compare.update(seen(base, other, named))
            reference.update(judged(base, other))
        sys.stdout.write(f"{name}, {size} a side, {DRAWS} draws\n")
        sys.stdout.write(f"  compare: {shares(compare)}; moved most: {shares(named) or 'nothing'}\n  reference: {shares(reference)}\n")


def seen(base: Sequence[Deployment], other: Sequence[Deployment], named: Counter[str]) -> list[str]:
    """Latency figures that are said to differ; the component that is said to have moved most is counted."""
    groups = [[alone(one.figures) for one in group] for group in (base, other)]
    (pair,) = compared(groups).pairs
    if found := re.match(r"(\S+) moved most", pair.sentences[1]):
        named[found[1]] += 1
    latency = [effect for effect in pair.effects if effect.family == "latency"]
    differ = [f"{effect.figure} {effect.finding}" for effect in latency if effect.finding in ("higher", "lower")]
    return [*(["any figure"] if differ else []), *differ]


def alone(figures: RunFigures) -> RunFigures:
    """Without quality: every deployment is asked the same requests, and reading their answers for each draw would take hours."""
    return RunFigures(figures.directory, figures.info, figures.invalid, figures.latency, figures.calls, figures.on_path, {})


def judged(base: Sequence[Deployment], other: Sequence[Deployment]) -> list[str]:
    names = shared([*base, *other])
    decisions = decide([Sides(logs(base, name), logs(other, name), MARGIN, latency=True) for name in names])
    statuses = [f"{name} {decision.status}" for name, decision in zip(names, decisions, strict=True) if decision.status != "INCONCLUSIVE"]
    return [*(["any FAIL"] if any(status.endswith("FAIL") for status in statuses) else []), *statuses]


def shares(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count / DRAWS:.1%}" for name, count in counts.most_common()) or "nothing"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("state", type=Path)
    parser.add_argument("--spec", type=Path, default=ROOT / "specs" / "ecommerce.aib")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--most", type=int, default=1000, help="deployments of this call")
    parser.add_argument("--plain", action="store_true", help="without a planted slowdown")
    parser.add_argument("--times", type=int, default=30, help="how often the slowed task does its work")
    given = sys.argv[1:]
    at = given.index("--") if "--" in given else len(given)
    arguments = parser.parse_args(given[:at], argparse.Namespace(options=given[at + 1 :]))
    state: Path = arguments.state.resolve()
    arguments.spec = arguments.spec.resolve()
    state.mkdir(parents=True, exist_ok=True)
    program = installed(state)
    pool = with_runs(state, read_json(state / "pool.json", Pool) if (state / "pool.json").exists() else Pool())
    if arguments.minutes > 0:
        pool = fill(state, pool, program, arguments)
    if pool.deployments:
        show(pool)


if __name__ == "__main__":
    main()
