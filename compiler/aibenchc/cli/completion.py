"""completion: what bash, zsh or fish reads to complete verbs, options, files and run directories; made by shtab."""

from __future__ import annotations

import argparse
from pathlib import Path

from aibenchrt.exit_codes import ExitCode

from aibenchc.cli.output import say
from aibenchc.cli.parser import Parser
from aibenchc.cli.verbs import VERBS

SHELLS = ("bash", "zsh", "fish")
FOLDERS = ("FOLDER", "RUN")  # metavars; every other path is a file
INSTALLING = """to use it in every new shell:
  bash  aibenchc completion bash >~/.local/share/bash-completion/completions/aibenchc
  zsh   aibenchc completion zsh >FOLDER/_aibenchc, in a folder of $fpath
  fish  aibenchc completion fish >~/.config/fish/completions/aibenchc.fish"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = INSTALLING
    parser.add_argument("shell", choices=SHELLS, help="the shell that reads it")


def run(arguments: argparse.Namespace) -> int:
    import shtab

    say(shtab.complete(command_line(), shell=arguments.shell).rstrip("\n"))
    return ExitCode.OK


def command_line() -> argparse.ArgumentParser:
    """All verbs in one parser, whose paths say what they are to be completed with."""
    whole = Parser(prog="aibenchc")
    verbs = whole.add_subparsers()
    for verb in VERBS:
        parser = verbs.add_parser(verb.name, help=verb.help, description=verb.help)
        verb.module().add_arguments(parser)
        _mark_paths(parser)
    return whole


def _mark_paths(parser: argparse.ArgumentParser) -> None:
    import shtab

    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for nested in action.choices.values():
                _mark_paths(nested)
        elif action.type is Path or action.metavar == "SPEC":
            action.complete = shtab.DIRECTORY if action.metavar in FOLDERS else shtab.FILE  # type: ignore[attr-defined]
