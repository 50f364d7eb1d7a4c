"""VERBS: what `aibenchc` can do, in the order of its help. The table is read without importing any verb's module."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol

from aibenchc.cli.parser import Parser


class VerbModule(Protocol):
    def add_arguments(self, parser: Parser) -> None: ...

    def run(self, arguments: argparse.Namespace) -> int: ...


@dataclass(frozen=True)
class Verb:
    """Module aibenchc.cli.<name>, with add_arguments(parser) and run(arguments) -> exit code."""

    name: str
    help: str

    def module(self) -> VerbModule:
        module: VerbModule = import_module(f"aibenchc.cli.{self.name}")
        return module

    def parser(self) -> Parser:
        parser = Parser(prog=f"aibenchc {self.name}", description=self.help)
        self.module().add_arguments(parser)
        return parser

    def read(self, words: Sequence[str]) -> argparse.Namespace:
        """What these words of a command line say. SystemExit: they cannot be understood, or ask for help."""
        own = getattr(self.module(), "words", list)  # a verb may read `--` as something else than argparse does
        return self.parser().parse_args(own(words))


VERBS: tuple[Verb, ...] = (
    Verb("demo", "show the whole line on e-commerce search: tiny models, synthetic data, nothing downloaded, two minutes"),
    Verb("new", "write a commented starter spec, a copy of a published scenario, or a library"),
    Verb("check", "check a spec and report what is wrong with it"),
    Verb("format", "lay out a spec in the usual form"),
    Verb("explain", "explain a diagnostic code"),
    Verb("components", "list the components and data sets a spec may name"),
    Verb("distill", "apply the distilling rules and show what they do"),
    Verb("compile", "compile a spec into plan, protos, stubs, models, playbooks and load"),
    Verb("plan", "show which host takes which part, and what a deployment would change"),
    Verb("run", "compile, start everything on this machine, apply the load and collect records"),
    Verb("report", "show the tables and pictures of a run"),
    Verb("validate", "judge a run against its references, slo and quality targets; or show what a spec covers"),
    Verb("compare", "compare groups of runs: what differs, and which component moved"),
    Verb("export", "write a run as one file for others: no payloads, no names of hosts and users"),
    Verb("reference", "record a reference from several deployments"),
    Verb("audit", "look for hidden caches, and for answers that are others under load, in the manner of MLPerf"),
    Verb("ablate", "measure what each AI component contributes to the answers"),
    Verb("bench", "measure single kernels, or one component in isolation"),
    Verb("train", "train the models of a spec"),
    Verb("data", "list the data sets on this machine; fetch or make them"),
    Verb("completion", "write what bash, zsh or fish reads to complete the command line"),
)
BY_NAME = {verb.name: verb for verb in VERBS}
