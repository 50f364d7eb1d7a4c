"""run, data, report, validate and reference: what the runtime does, with progress and tables on the terminal."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from aibenchrt import catalog
from aibenchrt.datasets.specs import DATASETS
from aibenchrt.errors import EnvironmentFailure

from aibenchc.cli import signing
from aibenchc.cli.compiling import GENERATED, add_inventory_arguments, add_trained_spec_arguments, compile_to_folder, read_port
from aibenchc.cli.numbers import not_negative, positive
from aibenchc.cli.output import complain, say, show
from aibenchc.cli.terminal import needs_runtime, print_table, progress_bars
from aibenchc.diagnostics import Diagnostics

if TYPE_CHECKING:
    from aibenchrt.report.model import Verdict

RUNS = Path("runs")
EXTRA_S = 20.0
ENVIRONMENT = 2


def add_arguments(verb: str, parser: argparse.ArgumentParser) -> None:
    if verb == "run":
        add_trained_spec_arguments(parser)
        _add_run_arguments(parser)
        _add_cluster_arguments(parser)
    elif verb == "data":
        names = [spec.name for spec in DATASETS if spec.implemented]
        parser.add_argument("names", nargs="*", metavar="NAME", help=f"only these data sets: {', '.join(names)}")
        parser.add_argument("--fetch", choices=("real", "synthetic"), help="fetch or make the data sets in this form")
    elif verb == "reference":
        parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="run directories of separate deployments")
        parser.add_argument("--title", help="what the reference is called")
        parser.add_argument("--json", type=Path, metavar="FILE", help="also write it for `validate --reference FILE`")
    else:
        parser.add_argument("run", type=Path, metavar="RUN", nargs="?" if verb == "validate" else None, help="a run directory")
        _add_reference_argument(parser)
        if verb == "validate":
            signing.add_arguments(parser)
            parser.add_argument(
                "--report", action="store_true", help="the whole report too: its tables, and report.html in the run directory"
            )
        else:
            parser.add_argument(
                "--measurements", type=Path, metavar="FILE", help="also write the service times measured, for `compile --measurements FILE`"
            )


def _add_run_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--runs", type=Path, default=RUNS, metavar="FOLDER", help="where the run directory is made (runs)")
    parser.add_argument("--rate", type=positive, help="requests per second, instead of the spec's")
    parser.add_argument("--duration", type=positive, metavar="S", help="seconds measured, instead of the spec's")
    parser.add_argument("--warmup", type=positive, metavar="S", help="seconds of warm-up, instead of the spec's")
    parser.add_argument("--seed", type=_seed, help="of the schedule, instead of the spec's")
    parser.add_argument("--first-port", type=read_port, metavar="PORT", help="the first port of the services, instead of the plan's")
    parser.add_argument(
        "--extra", type=not_negative, default=EXTRA_S, metavar="S", help=f"longest extra run of rare classes ({EXTRA_S:g}; 0: none)"
    )
    parser.add_argument(
        "--replace",
        action="append",
        default=[],
        type=_replacement,
        metavar="TASK=random|baseline",
        help="answer an AI task at random or by its baseline: what does it contribute?",
    )


def _add_cluster_arguments(parser: argparse.ArgumentParser) -> None:
    add_inventory_arguments(parser)
    parser.add_argument("--teardown", action="store_true", help="with -i: take everything off the hosts again when the records are here")
    parser.add_argument("--resume", type=Path, metavar="RUN", help="with -i: go on with a run that was interrupted, or only prepared")
    parser.add_argument(
        "--prepare-only",
        action="store_true",
        help="with -i: fetch, train and pack, and leave the hosts alone; --resume goes on, where no registry need be reached",
    )
    parser.add_argument(
        "--expect-fault",
        default="",
        metavar="TEXT",
        help="with -i: you break something on purpose while the load runs; the report then shows what users saw of it",
    )


def _add_reference_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--reference", action="append", default=[], type=Path, metavar="FILE", help="a reference that `aibenchc reference --json` wrote"
    )


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(f"write a whole number from 0 to {2**32 - 1}, not {text!r}")
    return int(text)


def _replacement(text: str) -> tuple[str, str]:
    task, _, model = text.partition("=")
    if not task or model not in ("random", "baseline"):
        raise argparse.ArgumentTypeError(f"write TASK=random or TASK=baseline, not {text!r}")
    return task, model


def run(verb: str, arguments: argparse.Namespace) -> int:
    verbs: dict[str, Callable[[argparse.Namespace], int]] = {
        "run": _run,
        "data": _data,
        "report": _report,
        "validate": _validate,
        "reference": _reference,
    }
    if verb != "validate":
        needs_runtime(verb)
    return verbs[verb](arguments)


def _compiled(arguments: argparse.Namespace) -> Path | None:
    diagnostics = Diagnostics()
    folder = compile_to_folder(arguments, diagnostics)
    show(diagnostics)
    return folder


def _run(arguments: argparse.Namespace) -> int:
    on_hosts = arguments.inventory is not None
    for option in ("teardown", "resume", "expect_fault", "no_tls", "prepare_only"):
        if getattr(arguments, option) and not on_hosts:
            raise EnvironmentFailure("AIB636", f"--{option.replace('_', '-')} is for a run on hosts", "name them with -i INVENTORY")
    if arguments.prepare_only and (arguments.teardown or arguments.resume):
        given = "--teardown" if arguments.teardown else "--resume"
        raise EnvironmentFailure("AIB636", f"--prepare-only never touches the hosts, which {given} is about", "give one of them")
    if on_hosts:
        arguments.ports_from = arguments.first_port or arguments.ports_from
        arguments.out = arguments.out or GENERATED / f"{arguments.spec.stem}-on-{arguments.inventory.stem}"
    generated = _compiled(arguments)
    if generated is None:
        return 1
    from aibenchrt.control.local.run import run_local
    from aibenchrt.control.options import ClusterOptions, RunOptions

    with progress_bars() as progress:
        options = RunOptions(
            form=arguments.data,
            size=arguments.size,
            rate=arguments.rate,
            duration_s=arguments.duration,
            warmup_s=arguments.warmup,
            seed=arguments.seed,
            ports_from=None if on_hosts else arguments.first_port,
            overrides=dict(arguments.replace),
            extra=arguments.extra > 0,
            extra_s=arguments.extra,
            command=shlex.join(["aibenchc", *sys.argv[1:]]),
            progress=progress,
        )
        if on_hosts:
            from aibenchrt.control.cluster.run import run_cluster

            whole = ClusterOptions(options, arguments.teardown, arguments.resume, arguments.expect_fault, arguments.prepare_only)
            directory = run_cluster(generated, arguments.inventory, arguments.runs, whole)
        else:
            directory = run_local(generated, arguments.runs, options)
    say(str(directory))
    if arguments.prepare_only:
        complain(f"next: the same command with --resume {directory} instead of --prepare-only, where the hosts can be reached")
    else:
        complain(f"next: aibenchc validate {directory} --report")
    return 0


def _data(arguments: argparse.Namespace) -> int:
    from aibenchrt.datasets.cache import DEFAULT_SEED
    from aibenchrt.datasets.listing import describe
    from aibenchrt.datasets.worlds import DERIVED, WORLDS
    from aibenchrt.home import home

    for name in arguments.names:
        if name not in WORLDS and name not in DERIVED:
            known = ", ".join((*WORLDS, *DERIVED))
            raise EnvironmentFailure("AIB103", f"the catalogue has no data set '{name}' that is here", f"there are {known}")
    worlds = dict.fromkeys(world for name in arguments.names or WORLDS for world in catalog.worlds_of([name]))
    if arguments.fetch:
        with progress_bars() as progress:
            for name in worlds:
                WORLDS[name].load_world(arguments.fetch, DEFAULT_SEED, progress)
    rows = [
        (row.name, row.form, row.version, row.state, row.sizes, f"{row.bytes / 2**20:.1f} MiB" if row.bytes else "", row.licence)
        for row in describe(home(), arguments.names)
    ]
    print_table("Data sets", ("name", "form", "version", "state", "sizes", "on disk", "licence"), rows)
    return 0


def _report(arguments: argparse.Namespace) -> int:
    from aibenchrt.report import write_measurements

    _show_report(arguments)
    if arguments.measurements is not None:
        found = write_measurements(arguments.measurements, arguments.run)
        complain(f"wrote {arguments.measurements}: mean service times of {len(found.values)} tasks")
        for reason in found.left_out:
            complain(f"  not in it: {reason}")
    return 0


def _show_report(arguments: argparse.Namespace) -> Verdict:
    """Writes the report, shows the verdict, then its tables."""
    from aibenchrt.report import report
    from aibenchrt.report.tables import tables

    made = report(arguments.run, arguments.reference)
    _say_verdict(made.verdict)
    for table in tables(made):
        print_table(table.title, table.columns, table.rows, table.numeric)
    say(str(arguments.run / "report.html"))
    return made.verdict


def _validate(arguments: argparse.Namespace) -> int:
    if arguments.spec is not None and arguments.run is None:
        return signing.validate_spec(arguments)
    if arguments.run is None or arguments.spec is not None or arguments.sign:
        complain("aibenchc validate: name a run directory, or a spec with --spec SPEC; --sign goes with --spec")
        return ENVIRONMENT
    needs_runtime("validate")
    from aibenchrt.report import validate
    from aibenchrt.report.tables import judgement_table

    if arguments.report:
        return _show_report(arguments).exit_code
    verdict = validate(arguments.run, arguments.reference)
    _say_verdict(verdict)
    table = judgement_table(verdict)
    if table.rows:
        print_table(table.title, table.columns, table.rows)
    return verdict.exit_code


def _say_verdict(verdict: Verdict) -> None:
    say("VALID" if verdict.valid else "INVALID")
    for reason in verdict.reasons:
        say(f"  {reason.code} {reason.name}: {reason.found}, limit {reason.limit}; {reason.hint}")


def _reference(arguments: argparse.Namespace) -> int:
    from aibenchrt.report import record_reference, reference_block, write_reference

    reference = record_reference(arguments.runs, arguments.title)
    say(reference_block(reference).removesuffix("\n"))
    if arguments.json is not None:
        write_reference(arguments.json, reference)
        complain(f"wrote {arguments.json}")
    return 0
