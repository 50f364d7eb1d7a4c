"""The package that `aibenchc new --library NAME` writes: a service, an AI component with a tiny model, a scenario of them, their test."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aibenchc.emit.templates import Fit, render, word

FILES = (  # (template below templates/library, path in the package); {name}: the library's name
    ("pyproject.toml.j2", "pyproject.toml"),
    ("README.md.j2", "README.md"),
    ("scenario.aib.j2", "{name}.aib"),
    ("package.py.j2", "{name}/__init__.py"),
    ("library.py.j2", "{name}/library.py"),
    ("empty.py.j2", "{name}/tidy/__init__.py"),
    ("tidy_spec.py.j2", "{name}/tidy/spec.py"),
    ("tidy_service.py.j2", "{name}/tidy/service.py"),
    ("empty.py.j2", "{name}/category/__init__.py"),
    ("category_spec.py.j2", "{name}/category/spec.py"),
    ("category_features.py.j2", "{name}/category/features.py"),
    ("category_train.py.j2", "{name}/category/train.py"),
    ("category_serve.py.j2", "{name}/category/serve.py"),
    ("test.py.j2", "tests/test_{name}.py"),
)


@dataclass(frozen=True)
class LibraryView:
    """name: of the package and of its entry point; distribution: as package registries write it."""

    name: Fit
    distribution: Fit


def library_files(name: str) -> Iterator[tuple[str, bytes]]:
    """(path below the package's folder, content). name: a Python identifier in lower case."""
    view = LibraryView(word(name), word(name.replace("_", "-")))
    for template, path in FILES:
        yield path.format(name=name), render(f"library/{template}", view)
