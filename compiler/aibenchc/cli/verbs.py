"""VERBS: what `aibenchc` can do, in the order of its help. The table is read without importing any verb's module."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Verb:
    """Module aibenchc.cli.<name>, with add_arguments(parser) and run(arguments) -> exit code."""

    name: str
    help: str


VERBS: tuple[Verb, ...] = (
    Verb("new", "write a commented starter spec"),
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
    Verb("reference", "write runs' figures as a reference block"),
    Verb("ablate", "measure what each AI component contributes to the answers"),
    Verb("bench", "measure single kernels, or one component in isolation"),
    Verb("train", "train the models of a spec"),
    Verb("data", "list the data sets on this machine; fetch or make them"),
)
