"""VERBS: what `aibenchc` can do, in the order of its help. The table is read without importing any verb's module."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Verb:
    """module: aibenchc.cli.<module>, with add_arguments(verb, parser) and run(verb, arguments) -> exit code."""

    name: str
    module: str
    help: str


VERBS: tuple[Verb, ...] = (
    Verb("new", "authoring", "write a commented starter spec"),
    Verb("check", "authoring", "check a spec and say what is wrong with it"),
    Verb("format", "authoring", "lay out a spec in the usual form"),
    Verb("explain", "authoring", "explain a diagnostic code"),
    Verb("components", "authoring", "list the components and data sets a spec may name"),
    Verb("distill", "compiling", "apply the distilling rules and show what they do"),
    Verb("compile", "compiling", "compile a spec into plan, protos, stubs, models, playbooks and load"),
    Verb("plan", "planning", "show which host takes which part, and what a deployment would change"),
    Verb("run", "running", "compile, start everything on this machine, send the load and collect records"),
    Verb("report", "running", "tables and pictures of a run"),
    Verb("validate", "running", "judge a run against its references, slo and quality targets; or what a spec covers"),
    Verb("reference", "running", "write runs' figures as a reference block"),
    Verb("ablate", "ablating", "measure what each AI component contributes to the answers"),
    Verb("bench", "benching", "measure single kernels, or one component alone"),
    Verb("train", "training", "train the models of a spec"),
    Verb("data", "running", "list the data sets on this machine; fetch or make them"),
)
