"""Processes that see only what `pip install aibenchc[EXTRA]` brings: every other installed package raises ModuleNotFoundError."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from functools import cache

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from paths import ROOT

_ONLY = """
import json, sys
from importlib.machinery import PathFinder
HIDDEN = set(json.loads(sys.argv.pop(1)))
class Seeing(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in HIDDEN else super().find_spec(name, path, target)
sys.meta_path[sys.meta_path.index(PathFinder)] = Seeing
"""
COMMAND_LINE = "from aibenchc.cli import main\nsys.exit(main(sys.argv[1:]))\n"


def requirements(*extras: str) -> list[Requirement]:
    """What pyproject.toml requires: of the project itself, and of these of its extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    texts = [*project["dependencies"], *(text for extra in extras for text in project["optional-dependencies"][extra])]
    required = [Requirement(text) for text in texts]
    own = [requirement for requirement in required if requirement.name == project["name"]]
    return [r for r in required if r not in own] + [r for more in own for r in requirements(*more.extras)]


@cache
def distributions(*extras: str) -> frozenset[str]:
    """The canonical names of all that pip installs with these extras, as far as it is installed here."""
    seen: set[tuple[str, str]] = set()
    todo = [(requirement, "") for requirement in requirements(*extras)]
    while todo:
        requirement, _ = todo.pop()
        for extra in ("", *requirement.extras):
            name = canonicalize_name(requirement.name)
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            needs = [Requirement(text) for text in importlib.metadata.requires(name) or ()]
            todo += [(need, extra) for need in needs if need.marker is None or need.marker.evaluate({"extra": extra})]
    return frozenset(name for name, _ in seen)


def hidden(*extras: str) -> list[str]:
    """The top-level modules that are installed here and belong to none of these."""
    seen = distributions(*extras) | {"aibenchc"}
    owners = importlib.metadata.packages_distributions()
    return sorted(top for top, names in owners.items() if not seen & {canonicalize_name(name) for name in names})


def only_with(extras: Iterable[str], program: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Runs the program, with these words in sys.argv, where nothing but aibenchc with these extras can be imported."""
    command = [sys.executable, "-c", _ONLY + program, json.dumps(hidden(*extras)), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)
