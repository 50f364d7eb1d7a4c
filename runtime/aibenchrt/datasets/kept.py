"""Worlds are made once: where each is kept, and how it is found or made."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Protocol, TypeVar

from aibenchrt.datasets.fetch import Progress, disk_guard, locked

FORMS = ("real", "synthetic")
DEFAULT_SEED = 7


class _Versioned(Protocol):
    @property
    def version(self) -> str: ...


W = TypeVar("W", bound=_Versioned)


def kept_folder(home: Path, name: str, form: str, seed: int, composing: Iterable[str]) -> Path:
    """Where a world is kept. Its name carries a hash of the code that composes it: what older code made is not taken for today's.

    composing: the modules of this folder whose code decides what the world contains.
    """
    digest = hashlib.sha256()
    for path in (Path(__file__).with_name(f"{module}.py") for module in composing):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return home / "worlds" / f"{name}-{form}-{seed}-{digest.hexdigest()[:12]}"


def checked_form(name: str, form: str) -> str:
    """The form. ValueError: the data set has no such form."""
    if form not in FORMS:
        raise ValueError(f"no form {form!r} of {name}; there are {', '.join(FORMS)}")
    return form


def kept_world(
    folder: Path,
    form: str,
    seed: int,
    progress: Progress,
    stored: Callable[[Path], W | None],
    makers: Mapping[str, Callable[[int, Progress], W]],
    save: Callable[[W, Path], W],
) -> W:
    """The world in `folder`, made and saved there first if there is none; another process that wants it too waits.

    makers: of each form. EnvironmentFailure: as the makers raise; AIB605: no space left.
    """
    with disk_guard(folder), locked(folder.with_name(f"{folder.name}.lock")):
        world = stored(folder)
        if world is None:
            progress(f"composing the {form} world", 0.0)
            world = save(makers[form](seed, progress), folder)
    progress(f"{form} world {world.version[:12]}", 1.0)
    return world
