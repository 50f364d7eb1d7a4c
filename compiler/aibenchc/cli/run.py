"""run: compiles and deploys a spec here or on hosts, sends its load and collects the records."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from aibenchrt.errors import EnvironmentFailure
from aibenchrt.exit_codes import ExitCode

from aibenchc.cli.compiled import add_inventory_arguments, compile_and_show, read_port
from aibenchc.cli.folders import GENERATED, RUNS
from aibenchc.cli.numbers import not_negative, time_span
from aibenchc.cli.output import complain, say
from aibenchc.cli.parser import Arguments
from aibenchc.cli.run_options import add_load_arguments, run_options
from aibenchc.cli.terminal import needs, progress_bars
from aibenchc.cli.trained import add_trained_spec_arguments
from aibenchc.cli.verdict import root_text
from aibenchc.model import LoadChange

SUPPLEMENT_S = 20.0
MOST_REPEATS = 1000
EXAMPLES = """examples:
  aibenchc run shop.aib                             on this machine, as the spec says
  aibenchc run shop.aib --data synthetic            without downloading data
  aibenchc run shop.aib --rate 10 --duration 200    another load
  aibenchc run shop.aib -i hosts.ini --teardown     on the hosts of an Ansible inventory
  aibenchc run shop.aib -i hosts.ini --resume RUN   where a run was interrupted
  aibenchc run shop.aib --repeats 5                 five deployments, and how much they differ
  aibenchc run shop.aib --repeats 5 --against new.aib
                                                    two systems in turn, and what differs between them
  aibenchc run specs/*.aib                          one after the other, and one page; again: on from where it was stopped

shop.aib is what `aibenchc new shop` or `aibenchc new shop --from ecommerce` writes.
stdout is the run directory; `aibenchc validate RUN --report` judges it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLES
    add_trained_spec_arguments(parser, several=True)
    add_load_arguments(parser.add_argument_group("the load, instead of the spec's"))
    _add_run_arguments(parser.add_argument_group("this run"))
    _add_repeat_arguments(parser.add_argument_group("several deployments"))
    _add_cluster_arguments(parser.add_argument_group("hosts"))


def _add_run_arguments(parser: Arguments) -> None:
    parser.add_argument("--runs", type=Path, default=RUNS, metavar="FOLDER", help="folder for the run directory (runs)")
    parser.add_argument(
        "--first-port",
        type=read_port,
        metavar="PORT",
        help="the first port on hosts, instead of the plan's; on this machine no port is used, and it only numbers the endpoints",
    )
    parser.add_argument(
        "--supplement",
        type=not_negative,
        default=SUPPLEMENT_S,
        metavar="S",
        help=f"longest supplement of each rare class ({SUPPLEMENT_S:g}; 0: none)",
    )
    parser.add_argument(
        "--replace",
        action="append",
        default=[],
        type=_replacement,
        metavar="TASK=random|baseline",
        help="answer an AI task at random or by its baseline, to see what it contributes",
    )
    parser.add_argument(
        "--wait-quiet",
        type=time_span,
        metavar="TIME",
        help="on this machine: begin the load only when nothing else uses it, and give up after this time (10min, 90s)",
    )


def _add_repeat_arguments(parser: Arguments) -> None:
    parser.add_argument(
        "--repeats", type=_repeats, default=1, metavar="N", help="deploy and measure N times, to see how much deployments differ"
    )
    parser.add_argument(
        "--against",
        metavar="'SPEC OPTIONS'",
        help="measure another system N times too, in turn with this one (A B B A …), and compare both; what is not named is as here",
    )


def _add_cluster_arguments(parser: Arguments) -> None:
    add_inventory_arguments(parser)
    parser.add_argument("--teardown", action="store_true", help="with -i: remove everything from the hosts once the records are collected")
    parser.add_argument("--resume", type=Path, metavar="RUN", help="with -i: resume a run that was interrupted, or only prepared")
    parser.add_argument(
        "--prepare-only",
        action="store_true",
        help="with -i: fetch, train and pack without touching the hosts; --resume continues, and needs no registry",
    )
    parser.add_argument("--renew", action="store_true", help="with -i: make new keys and certificates, whether or not the old ones hold")
    parser.add_argument(
        "--expect-fault",
        default="",
        metavar="TEXT",
        help="with -i: a fault that you cause on purpose during the load; the report then shows what users noticed",
    )


def _repeats(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST_REPEATS:
        raise argparse.ArgumentTypeError(f"write a whole number from 1 to {MOST_REPEATS}, not {text!r}")
    return int(text)


def _replacement(text: str) -> tuple[str, str]:
    task, _, model = text.partition("=")
    if not task or model not in ("random", "baseline"):
        raise argparse.ArgumentTypeError(f"write TASK=random or TASK=baseline, not {text!r}")
    return task, model


def run(arguments: argparse.Namespace) -> int:
    if len(set(arguments.specs)) > 1:
        from aibenchc.cli import series

        return series.run(arguments, directory_of)
    if arguments.repeats > 1 or arguments.against is not None:
        from aibenchc.cli import repeats

        return repeats.run(arguments, directory_of)
    directory = directory_of(arguments)
    if directory is None:
        return ExitCode.AUTHOR
    from aibenchrt.collect.hashes import binding

    say(str(directory))
    if arguments.prepare_only:
        complain(f"next: the same command with --resume {directory} instead of --prepare-only, where the hosts can be reached")
    else:
        complain(f"{root_text(binding(directory).root)}; next: aibenchc validate {directory} --report")
    return ExitCode.OK


def directory_of(arguments: argparse.Namespace) -> Path | None:
    """Runs it, and returns the run directory; None after an error of the spec was shown. EnvironmentFailure: as the run raises."""
    needs("run", "run")
    on_hosts = arguments.inventory is not None
    for option in ("teardown", "resume", "expect_fault", "no_tls", "prepare_only", "trust_inventory", "renew"):
        if getattr(arguments, option) and not on_hosts:
            raise EnvironmentFailure("AIB636", option=option.replace("_", "-"))
    if arguments.wait_quiet and on_hosts:
        raise EnvironmentFailure("AIB702")
    if arguments.prepare_only and (arguments.teardown or arguments.resume):
        given = "--teardown" if arguments.teardown else "--resume"
        raise EnvironmentFailure("AIB688", option=given)
    if on_hosts:
        arguments.ports_from = arguments.first_port or arguments.ports_from
        arguments.out = arguments.out or GENERATED / f"{arguments.spec.stem}-on-{arguments.inventory.stem}"
    generated = compile_and_show(arguments, LoadChange(arguments.rate, arguments.duration, arguments.streams))
    if generated is None:
        return None
    from aibenchrt.control.local.run import run_local
    from aibenchrt.control.options import ClusterOptions

    with progress_bars() as progress:
        options = replace(
            run_options(arguments, progress),
            ports_from=None if on_hosts else arguments.first_port,
            overrides=dict(arguments.replace),
            supplement=arguments.supplement > 0,
            supplement_s=arguments.supplement,
            wait_quiet_s=arguments.wait_quiet or 0.0,
        )
        if on_hosts:
            from aibenchrt.control.cluster.run import run_cluster

            whole = ClusterOptions(
                options,
                teardown=arguments.teardown,
                resume=arguments.resume,
                fault=arguments.expect_fault,
                prepare_only=arguments.prepare_only,
                trusted=arguments.trust_inventory,
                renew=arguments.renew,
            )
            return run_cluster(generated, arguments.inventory, arguments.runs, whole)
        return run_local(generated, arguments.runs, options)
