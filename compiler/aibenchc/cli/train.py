"""train: the models of a spec, with their qualities, those of their baselines and the gain over these, also over several seeds."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aibenchrt.errors import EnvironmentFailure
from aibenchrt.exit_codes import ExitCode
from aibenchrt.whole_file import write_text

from aibenchc.cli.compiled import compile_and_show
from aibenchc.cli.numbers import seeds
from aibenchc.cli.output import complain
from aibenchc.cli.tables import print_table
from aibenchc.cli.terminal import needs, progress_bars
from aibenchc.cli.trained import DEVICES, SERVED_SEED, add_trained_spec_arguments

if TYPE_CHECKING:
    from aibenchrt.plan import Plan
    from aibenchrt.train.repository import ModelVersion

COLUMNS = ("component", "model", "seed", "version", "metric", "value, % [95 %]", "baselines, %", "paired gain, points [95 %]")
COLUMNS_OVER_SEEDS = ("component", "model", "metric", "mean, % (range)", "baselines, mean %", "paired gain, mean points (range)")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_trained_spec_arguments(parser)
    parser.add_argument("--alternatives", action="store_true", help="also train the models that distilling removed")
    parser.add_argument("--device", choices=DEVICES, default="cpu", help="the device to train on; auto: a CUDA GPU if there is one (cpu)")
    parser.add_argument(
        "--seeds",
        type=seeds,
        default=(SERVED_SEED,),
        metavar="7,8,9",
        help=f"train once per seed, the data kept the same, and show mean and range; {SERVED_SEED} is the one that serves ({SERVED_SEED})",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")


def run(arguments: argparse.Namespace) -> int:
    """Exit code 1: the spec is wrong. EnvironmentFailure: as training raises, AIB618 without the GPU asked for, AIB605 for the JSON."""
    needs("run", "train")
    generated = compile_and_show(arguments)
    if generated is None:
        return ExitCode.AUTHOR
    from aibenchrt.libraries import open_plan
    from aibenchrt.train.seeds import summary

    models = summary(_trained(open_plan(generated / "plan.json"), arguments))
    rows = [row for model in models for training in model["seeds"] for row in _rows(model, training)]
    print_table("Models", COLUMNS, rows)
    if len(arguments.seeds) > 1:
        rows = [row for model in models for row in _rows_over_seeds(model)]
        print_table(f"Over {len(arguments.seeds)} seeds", COLUMNS_OVER_SEEDS, rows)
    if arguments.json is not None:
        _write(arguments.json, {"data": arguments.data, "size": arguments.size, "models": models})
    return ExitCode.OK


def _trained(plan: Plan, arguments: argparse.Namespace) -> dict[int, list[ModelVersion]]:
    from aibenchrt.datasets.cache import DEFAULT_SEED
    from aibenchrt.datasets.worlds import load_world
    from aibenchrt.train.device import chosen_device
    from aibenchrt.train.task import alternatives, plan_models

    device, size = chosen_device(arguments.device), arguments.size
    versions: dict[int, list[ModelVersion]] = {}
    with progress_bars() as progress:
        world = load_world(plan, arguments.data, DEFAULT_SEED, progress)
        for seed in arguments.seeds:
            chosen = plan_models(plan, world, seed, size, progress, device=device)
            versions[seed] = list(chosen.values())
            if arguments.alternatives:
                versions[seed] += alternatives(plan, world, chosen, seed, size, progress, device=device)
    return versions


def _rows(model: Mapping[str, Any], training: Mapping[str, Any]) -> list[Sequence[str]]:
    rows: list[Sequence[str]] = []
    for metric, value in training["metrics"].items():
        baselines = [f"{name} {100 * of[metric]['value']:.1f}" for name, of in training["baselines"].items()]
        gains = [f"{_bounds(gain, '+')} over {name}" for name, gain in _gains(training["gains"], metric)]
        head = (model["component"], model["model"], str(training["seed"]), training["version"], metric)
        rows.append((*head, _bounds(value), "\n".join(baselines), "\n".join(gains)))
    return rows


def _rows_over_seeds(model: Mapping[str, Any]) -> list[Sequence[str]]:
    over = model["over_seeds"]
    rows: list[Sequence[str]] = []
    for metric, value in over["metrics"].items():
        baselines = [f"{name} {100 * of[metric]['mean']:.1f}" for name, of in over["baselines"].items()]
        gains = [f"{_range(gain, '+')} over {name}" for name, gain in _gains(over["gains"], metric)]
        rows.append((model["component"], model["model"], metric, _range(value), "\n".join(baselines), "\n".join(gains)))
    return rows


def _gains(gains: Mapping[str, Mapping[str, float]], metric: str) -> list[tuple[str, Mapping[str, float]]]:
    """The gains of one metric by the name of the baseline: 'ndcg@10 over popularity' is a gain in ndcg@10 over popularity."""
    return [(name.removeprefix(f"{metric} over "), gain) for name, gain in gains.items() if name.startswith(f"{metric} over ")]


def _bounds(measured: Mapping[str, float], sign: str = "") -> str:
    value, low, high = (format(100 * measured[name], f"{sign}.1f") for name in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


def _range(spread: Mapping[str, float], sign: str = "") -> str:
    mean, lowest, highest = (format(100 * spread[name], f"{sign}.1f") for name in ("mean", "lowest", "highest"))
    return f"{mean} ({lowest} to {highest})"


def _write(path: Path, figures: Mapping[str, Any]) -> None:
    try:
        write_text(path, json.dumps(figures, indent=1) + "\n")
    except OSError as error:
        raise EnvironmentFailure("AIB605", what=f"'{path}'", reason=error.strerror, way_out="name a file in a writable folder") from error
    complain(f"wrote {path}")
