"""bench component: one component in isolation, with the processes of a scenario run; and how long its training takes to reach a target."""

from __future__ import annotations

import argparse
import importlib.metadata
import shlex
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from aibenchrt import catalog
from aibenchrt.exit_codes import ExitCode, gravest
from aibenchrt.libraries import add_library_argument, use

from aibenchc.cli.compiled import compiled_spec, read_port
from aibenchc.cli.distilling import add_distilling_arguments
from aibenchc.cli.folders import RUNS, scenarios
from aibenchc.cli.numbers import not_negative, positive, seeds
from aibenchc.cli.output import complain, say, show
from aibenchc.cli.tables import print_table
from aibenchc.cli.terminal import needs, progress_bars
from aibenchc.cli.trained import DEVICES, SERVED_SEED, add_data_arguments
from aibenchc.diagnostics import Diagnostics, did_you_mean
from aibenchc.planning import PORTS_FROM

if TYPE_CHECKING:
    from aibenchrt.control.options import RunOptions
    from aibenchrt.experiments.component.benchmark import Emit
    from aibenchrt.experiments.component.one_task_plan import Mode
    from aibenchrt.plan import Plan, PlanStage

MODES = ("offline", "single", "open")
IN_FLIGHT = 8


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="a component of the catalogue, such as recommendation")
    parser.add_argument(
        "--spec",
        type=Path,
        action="append",
        default=[],
        help="the scenario to take it from (default: the first that has it, of those below specs/, or else of the published ones)",
    )
    parser.add_argument("--task", help="the task of the scenario that uses it (default: the first)")
    parser.add_argument("--model", help="another model of the component than the scenario's")
    parser.add_argument("--modes", type=_modes, default=MODES, metavar="offline,single,open", help="the modes to run (all)")
    parser.add_argument("--in-flight", type=_count, default=IN_FLIGHT, metavar="N", help=f"requests in flight, offline ({IN_FLIGHT})")
    parser.add_argument("--rate", type=positive, help="requests per second of the open loop (default: the component's in its scenario)")
    parser.add_argument("--duration", type=positive, metavar="S", help="seconds measured in each mode (default: the scenario's)")
    parser.add_argument("--warmup", type=not_negative, metavar="S", help="seconds of warm-up in each mode (default: the scenario's)")
    parser.add_argument("--inside", type=Path, metavar="RUN", help="a run of the scenario, to compare the figures of the same task with")
    parser.add_argument("--train", action="store_true", help="train it instead, and report the time to the target quality")
    parser.add_argument("--target", type=positive, metavar="SHARE", help="with --train: the target, such as 0.7 (default: the scenario's)")
    parser.add_argument("--seeds", type=seeds, default=(SERVED_SEED,), metavar="7,8,9", help=f"with --train: once per seed ({SERVED_SEED})")
    parser.add_argument("--device", choices=DEVICES, default="cpu", help="with --train: the device (cpu)")
    add_data_arguments(parser)
    parser.add_argument("--runs", type=Path, default=RUNS, metavar="FOLDER", help="folder for the run directories (runs)")
    parser.add_argument(
        "--first-port", dest="ports_from", type=read_port, default=PORTS_FROM, metavar="PORT", help=f"the first of two ports ({PORTS_FROM})"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    add_distilling_arguments(parser)
    add_library_argument(parser)
    parser.set_defaults(param=[], include=[], inventory=None, trust_inventory=False, no_tls=False, stay=False, deployed=None)


def _modes(text: str) -> tuple[str, ...]:
    chosen = text.split(",")
    if not set(chosen) <= set(MODES):
        raise argparse.ArgumentTypeError(f"write some of {','.join(MODES)}, not {text!r}")
    return tuple(mode for mode in MODES if mode in chosen)


def _count(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 1000:
        raise argparse.ArgumentTypeError(f"write a number from 1 to 1000, not {text!r}")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """The most severe exit code of all modes, as `validate` gives it for a run; AUTHOR if there is no such component, task or model.

    EnvironmentFailure: as `run` and `train` raise, AIB643, AIB644, AIB689.
    """
    needs("run", "bench component")
    diagnostics = Diagnostics()
    task = _in_a_scenario(arguments, diagnostics)
    show(diagnostics)
    if task is None:
        return ExitCode.AUTHOR
    plan, stage = task
    with tempfile.TemporaryDirectory(prefix="aibench-component-") as scratch, progress_bars() as progress:
        from aibenchrt.control.options import RunOptions

        command = shlex.join(["aibenchc", *sys.argv[1:]])
        options = RunOptions(variant=arguments.data, size=arguments.size, command=command, progress=progress)
        if arguments.train:
            return _train(arguments, plan, stage, options, Path(scratch))
        return _bench(arguments, plan, stage, options, Path(scratch))


def _in_a_scenario(arguments: argparse.Namespace, diagnostics: Diagnostics) -> tuple[Plan, PlanStage] | None:
    """The distilled plan of the first scenario that has it, and its stage there; None after a report."""
    from aibenchrt.experiments.component.recording import find_stage

    use(arguments.library)
    if not arguments.spec and not _in_catalogue(arguments, diagnostics):  # what the spec given names may come from its libraries
        return None
    tried = arguments.spec or scenarios()
    compiles, known = False, list[str]()
    for path in tried:
        arguments.spec = path
        own = Diagnostics()
        compiled = compiled_spec(arguments, own)
        if compiled is None:
            if len(tried) == 1:
                show(own)
            complain(f"… {path} does not compile and is left out")
            continue
        compiles = True
        stage = find_stage(compiled.plan, arguments.name, arguments.task)
        known += [entry.name for step in compiled.plan.steps for entry in step.stages if entry.component == arguments.name]
        if stage is not None:
            if not _in_catalogue(arguments, diagnostics):
                return None
            complain(
                f"… as task '{stage.name}' of {path}" + (f"; others: {', '.join(known[1:])}" if not arguments.task and known[1:] else "")
            )
            return compiled.plan, stage.model_copy(update={"model": arguments.model or stage.model})
    if compiles and not _in_catalogue(arguments, diagnostics):
        return None
    where = ", ".join(map(str, tried))
    diagnostics.report(
        "AIB642", None, name=arguments.task or arguments.name, where=where, known=f" (its tasks: {', '.join(known)})" if known else ""
    )
    return None


def _in_catalogue(arguments: argparse.Namespace, diagnostics: Diagnostics) -> bool:
    """Whether the catalogue, with the libraries in use, has the component, and the component the model; reports what is missing."""
    spec = catalog.component(arguments.name)
    if spec is None:
        diagnostics.report("AIB102", None, name=arguments.name, hint=did_you_mean(arguments.name, list(catalog.COMPONENTS)))
        return False
    models = [model.name for model in spec.models]
    if arguments.model is not None and arguments.model not in models:
        hint = did_you_mean(arguments.model, models, "" if models else "it has no model")
        diagnostics.report("AIB108", None, component=spec.name, name=arguments.model, hint=hint)
        return False
    return True


def _bench(arguments: argparse.Namespace, plan: Plan, stage: PlanStage, options: RunOptions, scratch: Path) -> int:
    from aibenchrt.experiments.component.benchmark import BenchOptions, bench
    from aibenchrt.experiments.component.one_task_plan import Mode
    from aibenchrt.experiments.component.performance import ComponentFigures, inside, table
    from aibenchrt.report.writing import write_json

    named = dict(zip(MODES, (Mode.OFFLINE, Mode.SINGLE, Mode.OPEN), strict=True))
    chosen = BenchOptions(
        modes=tuple(named[mode] for mode in arguments.modes),
        rate=arguments.rate,
        duration_s=arguments.duration,
        warmup_s=arguments.warmup,
        in_flight=arguments.in_flight,
        ports_from=arguments.ports_from,
    )
    results = bench(plan, stage, chosen, options, arguments.runs, scratch, _emitter(scratch / "generated"))
    figures = ComponentFigures(
        component=stage.component,
        task=stage.name,
        model=stage.model,
        scenario=plan.scenario,
        variant=arguments.data,
        size=arguments.size,
        rate=results.rate,
        calls_per_request=results.recording.calls_per_request,
        modes=results.modes,
        inside=inside(arguments.inside, stage.name) if arguments.inside else None,
    )
    shown = table(figures)
    print_table(shown.title, shown.columns, shown.rows, shown.numeric)
    complain(shown.legend)
    for mode in figures.modes:
        say(mode.directory)
        for reason in mode.reasons:
            complain(f"{mode.mode}: INVALID: {reason}")
    if arguments.json is not None:
        write_json(arguments.json, figures)
        complain(f"wrote {arguments.json}")
    return gravest(mode.exit_code for mode in figures.modes)


def _emitter(folder: Path) -> Emit:
    """The compiler's back ends on a plan of one mode; the stubs are the same for all."""
    from aibenchc.emit import emit
    from aibenchc.emit.artifact import Artifact, manifest, write
    from aibenchc.emit.grpc import proto_path
    from aibenchc.protoc import stubs

    made: dict[bytes, tuple[Artifact, ...]] = {}

    def emitted(plan: Plan, mode: Mode) -> Path:
        artifacts = emit(plan)
        proto = next(artifact for artifact in artifacts if artifact.path == proto_path(plan.scenario))
        if proto.data not in made:
            made[proto.data] = stubs(proto)
        whole = (*artifacts, *made[proto.data])
        target = folder / mode.name.lower()
        write(target, (*whole, manifest(whole, {}, {"mode": mode.value}, importlib.metadata.version("aibenchc"))))
        return target

    return emitted


def _train(arguments: argparse.Namespace, plan: Plan, stage: PlanStage, options: RunOptions, scratch: Path) -> int:
    """FAIL where a training's held-out quality misses the target."""
    from aibenchrt.experiments.component.training import table, target_of, train
    from aibenchrt.report.writing import write_json
    from aibenchrt.train.device import chosen_device

    target = target_of(plan, stage, arguments.target)
    result = train(plan, stage, target, arguments.seeds, chosen_device(arguments.device), options, scratch)
    shown = table(result)
    print_table(shown.title, shown.columns, shown.rows, shown.numeric)
    complain(shown.legend)
    if arguments.json is not None:
        write_json(arguments.json, result)
        complain(f"wrote {arguments.json}")
    reached = all(training.held_out is not None and target.reached(training.held_out) for training in result.trainings)
    return ExitCode.OK if reached else ExitCode.FAIL
