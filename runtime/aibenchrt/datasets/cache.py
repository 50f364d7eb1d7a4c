"""The dataset cache: each world is made once and stored under the key of the code that makes it."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from aibenchrt.code_key import code_key
from aibenchrt.home import disk_guard, home, locked
from aibenchrt.progress import Progress, silent

DEFAULT_SEED = 7
_VERSION = "version"


class _Versioned(Protocol):
    @property
    def version(self) -> str: ...


W = TypeVar("W", bound=_Versioned)


@dataclass(frozen=True)
class WorldCache(Generic[W]):
    """The worlds that one data set makes, in the dataset cache.

    name: of the data set. module: `__name__` of the module that makes the worlds. makers: variant ("real" or "synthetic") → function that
    makes its world from a seed. save: writes a world to a folder, and returns it with its version. stored: reads it from there, or returns
    None if there is none or a file of it is broken; it neither fetches nor makes anything.
    """

    name: str
    module: str
    makers: Mapping[str, Callable[[int, Progress], W]]
    save: Callable[[W, Path], W]
    stored: Callable[[Path], W | None]

    @property
    def variants(self) -> tuple[str, ...]:
        return tuple(self.makers)

    def folder(self, home: Path, variant: str, seed: int) -> Path:
        """Where a world is stored: the name contains the key of the code that makes it, so that worlds made by older code are not used."""
        return home / "worlds" / f"{self.name}-{variant}-{seed}-{code_key([self.module])[:12]}"

    def load(self, variant: str, seed: int = DEFAULT_SEED, progress: Progress = silent) -> W:
        """The world of a variant and seed, from the cache in home() if it was made before, otherwise made and saved there.

        Another process that needs the same world waits. ValueError: no such variant. EnvironmentFailure AIB605: no space left; AIB604,
        AIB605, AIB610, AIB614: real data cannot be fetched.
        """
        if variant not in self.makers:
            raise ValueError(f"no variant {variant!r} of {self.name}; there are {', '.join(self.makers)}")
        folder = self.folder(home(), variant, seed)
        with disk_guard(folder), locked(folder.with_name(f"{folder.name}.lock")):
            world = self.stored(folder)
            if world is None:
                progress(f"composing the {variant} world", 0.0)
                world = self.save(self.makers[variant](seed, progress), folder)
        progress(f"{variant} world {world.version[:12]}", 1.0)
        return world


def save_whole(folder: Path, write: Callable[[Path], None]) -> str:
    """Lets `write` fill a temporary folder, which is then renamed to `folder`, so that readers see all of it or none; returns its version.

    OSError: it could not be written.
    """
    partial = folder.with_name(f".{folder.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        write(partial)
        version = _content_hash(partial)
        (partial / _VERSION).write_text(version)
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return version


def whole_version(folder: Path) -> str | None:
    """The version of what `save_whole` wrote; None if there is nothing, or if a file's content has changed since."""
    version = folder / _VERSION
    return version.read_text() if version.is_file() and version.read_text() == _content_hash(folder) else None


def _content_hash(folder: Path) -> str:
    """sha256 over the names and contents of all files except the version file, in order of their names."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.name != _VERSION:
            with path.open("rb") as stream:
                digest.update(path.name.encode() + b"\0" + hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()
