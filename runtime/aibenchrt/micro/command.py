"""The options of the micro benchmarks, and what they do; shared by `aibenchc bench micro` and `python -m aibenchrt.micro`."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path

from aibenchrt.errors import EnvironmentFailure, install
from aibenchrt.machine import chosen_device
from aibenchrt.micro.record import MicroRun, MicroSettings, as_json, read
from aibenchrt.report.writing import write_text

DEVICES = ("cpu", "cuda", "auto")
ARITHMETIC = ("float32", "tf32", "bfloat16")
SEED = 7
BUDGET_S = 0.5
_ELSEWHERE = "free space, or name a file in a folder that is there and can be written"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="*", metavar="NAME", help="kernels, such as convolution or relu (all)")
    parser.add_argument(
        "--sizes", choices=("small", "full"), default="small", help="small: for a CPU; full: batches as in training (small)"
    )
    parser.add_argument("--device", choices=DEVICES, default="auto", help="auto: a CUDA GPU if there is one (auto)")
    parser.add_argument("--arithmetic", choices=ARITHMETIC, default="float32", help="number format; tf32 needs an NVIDIA GPU (float32)")
    parser.add_argument("--cold", action="store_true", help="flush the caches between two calls (default: they stay warm)")
    parser.add_argument("--threads", type=_count, metavar="N", help="threads of torch on the CPU (one per core)")
    parser.add_argument("--seed", type=int, default=SEED, help=f"seed of the inputs ({SEED})")
    parser.add_argument(
        "--budget", type=_seconds, default=BUDGET_S, metavar="S", help=f"longest time for a kernel, size and pass in seconds ({BUDGET_S:g})"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="also draw the roofline")
    parser.add_argument("--from", type=Path, metavar="FILE", dest="earlier", help="show what --json wrote instead of measuring")


def _count(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 4096:
        raise argparse.ArgumentTypeError(f"write a number from 1 to 4096, not {text!r}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 3600:
        raise argparse.ArgumentTypeError(f"write seconds, above 0 and below 3600, not {text!r}")
    return value


def obtained(arguments: argparse.Namespace, told: Callable[[str, float], None]) -> MicroRun:
    """Measured, or read with --from; written to --json and --svg. The names are of kernels (`unknown` says).

    EnvironmentFailure AIB601: torch is missing. AIB605: a file cannot be written. AIB618: CUDA is required and missing. AIB641: --from
    names another kind of file. AIB684: TF32 without CUDA.
    """
    run = read(arguments.earlier) if arguments.earlier else _measured(arguments, told)
    if arguments.json is not None:
        write_text(arguments.json, as_json(run), _ELSEWHERE)
    if arguments.svg is not None:
        from aibenchrt.micro.picture import document

        write_text(arguments.svg, document(run), _ELSEWHERE)
    return run


def needs_torch() -> None:
    """EnvironmentFailure AIB601: torch is missing."""
    from importlib.util import find_spec

    if find_spec("torch") is None:
        raise EnvironmentFailure("AIB601", what="torch, which the micro benchmarks need,", install=install("run"))


def unknown(arguments: argparse.Namespace) -> tuple[list[str], tuple[str, ...]]:
    """The given names that no kernel has, and the names of all kernels."""
    from aibenchrt.micro.kernels import NAMES

    return [name for name in dict.fromkeys(arguments.name) if name not in NAMES], NAMES


def _measured(arguments: argparse.Namespace, told: Callable[[str, float], None]) -> MicroRun:
    from aibenchrt.micro.kernels import KERNELS
    from aibenchrt.micro.measure import run

    settings = MicroSettings(
        sizes=arguments.sizes,
        arithmetic=arguments.arithmetic,
        cache="cold" if arguments.cold else "warm",
        threads=arguments.threads or len(os.sched_getaffinity(0)),
        seed=arguments.seed,
        budget_s=arguments.budget,
    )
    device = chosen_device(arguments.device)
    if device == "cpu" and arguments.arithmetic == "tf32":
        raise EnvironmentFailure("AIB684")
    chosen = [kernel for kernel in KERNELS if not arguments.name or kernel.name in arguments.name]
    return run(chosen, settings, device, told)
