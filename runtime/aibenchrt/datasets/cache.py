"""The cache of worlds: each is made once, and stored under the key of the code that makes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol, TypeVar

from aibenchrt.code_key import code_key
from aibenchrt.home import disk_guard, locked
from aibenchrt.progress import Progress

VARIANTS = ("real", "synthetic")
DEFAULT_SEED = 7


class _Versioned(Protocol):
    @property
    def version(self) -> str: ...


W = TypeVar("W", bound=_Versioned)


def cache_folder(home: Path, name: str, variant: str, seed: int, module: str) -> Path:
    """Where a world is kept. Its name carries the key of the code that makes it: what older code made is not taken for today's.

    module: the name of the data set's module.
    """
    return home / "worlds" / f"{name}-{variant}-{seed}-{code_key([module])[:12]}"


def checked_variant(name: str, variant: str) -> str:
    """The variant. ValueError: the data set has no such variant."""
    if variant not in VARIANTS:
        raise ValueError(f"no variant {variant!r} of {name}; there are {', '.join(VARIANTS)}")
    return variant


def cached_world(
    folder: Path,
    variant: str,
    seed: int,
    progress: Progress,
    stored: Callable[[Path], W | None],
    makers: Mapping[str, Callable[[int, Progress], W]],
    save: Callable[[W, Path], W],
) -> W:
    """The world in `folder`, made and saved there first if there is none; another process that wants it too waits.

    makers: of each variant. EnvironmentFailure: as the makers raise; AIB605: no space left.
    """
    with disk_guard(folder), locked(folder.with_name(f"{folder.name}.lock")):
        world = stored(folder)
        if world is None:
            progress(f"composing the {variant} world", 0.0)
            world = save(makers[variant](seed, progress), folder)
    progress(f"{variant} world {world.version[:12]}", 1.0)
    return world
