"""The load and what else all verbs that run a spec let their users say, and the options of a run that it makes."""

from __future__ import annotations

import argparse
import shlex
import sys
from typing import TYPE_CHECKING

from aibenchrt.progress import Progress

from aibenchc.cli.numbers import positive
from aibenchc.cli.parser import Arguments
from aibenchc.model import MOST_STREAMS

if TYPE_CHECKING:
    from aibenchrt.control.options import RunOptions


def add_load_arguments(parser: Arguments) -> None:
    parser.add_argument("--rate", type=positive, help="requests per second; of streams, frames per second of each")
    parser.add_argument("--streams", type=_streams, metavar="N", help="how many streams send frames")
    parser.add_argument("--duration", type=positive, metavar="S", help="measured seconds")
    parser.add_argument("--warmup", type=positive, metavar="S", help="seconds of warm-up")
    parser.add_argument("--seed", type=_seed, help="seed of the schedule")


def run_options(arguments: argparse.Namespace, progress: Progress) -> RunOptions:
    """Of the arguments about data, models and the load; the command is the user's."""
    from aibenchrt.control.options import RunOptions

    return RunOptions(
        variant=arguments.data,
        size=arguments.size,
        rate=arguments.rate,
        streams=arguments.streams,
        duration_s=arguments.duration,
        warmup_s=arguments.warmup,
        seed=arguments.seed,
        command=shlex.join(["aibenchc", *sys.argv[1:]]),
        progress=progress,
    )


def _streams(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST_STREAMS:
        raise argparse.ArgumentTypeError(f"write a whole number from 1 to {MOST_STREAMS}, not {text!r}")
    return int(text)


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(f"write a whole number from 0 to {2**32 - 1}, not {text!r}")
    return int(text)
