"""Artifacts: emitted files, written to the output folder all or none; stale ones are removed, files of others are not touched."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from aibenchrt.errors import EnvironmentFailure
from aibenchrt.input_file import MIB, json_document, read_bytes

MOST_BYTES = 64 * MIB  # of a manifest
MANIFEST = PurePosixPath("manifest.json")
MANIFEST_VERSION = 1
STAGING = ".aibenchc-"  # prefix of the folder where files are written before they are renamed into place
LEFT_BEHIND = ("__pycache__", ".ansible")  # made by running the generated code, and by ansible-lint


@dataclass(frozen=True)
class Artifact:
    """A file to emit: a path below the output folder, and its content. ValueError: the path would lead out of it."""

    path: PurePosixPath
    data: bytes

    def __post_init__(self) -> None:
        if not inside(self.path):
            raise ValueError(f"'{self.path}' is not a path below an output folder")

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


def inside(path: PurePosixPath) -> bool:
    return not path.is_absolute() and bool(path.parts) and ".." not in path.parts and "\0" not in str(path) and "\\" not in str(path)


def manifest(artifacts: Iterable[Artifact], sources: Mapping[str, str], settings: Mapping[str, object], version: str) -> Artifact:
    """sha256 of the inputs and of the outputs. sources: name → sha256 of each file read. It holds no time and no absolute path."""
    content = {
        "version": MANIFEST_VERSION,
        "aibenchc": version,
        "inputs": {"sources": dict(sorted(sources.items())), "settings": settings},
        "outputs": {str(artifact.path): artifact.sha256 for artifact in sorted(artifacts, key=lambda a: a.path)},
    }
    return Artifact(MANIFEST, (json.dumps(content, indent=1, sort_keys=True) + "\n").encode())


def write(folder: Path, artifacts: Iterable[Artifact]) -> None:
    """Makes `folder` hold exactly these artifacts, one of them the manifest.

    EnvironmentFailure AIB502: the folder holds a file that no earlier compile wrote, or a link stands in the way; nothing was touched.
    AIB507: the files cannot be written (disk full, no permission); the files that were there are still there.
    AIB508: another compile is writing into the folder.
    """
    by_path = {artifact.path: artifact for artifact in artifacts}
    if MANIFEST not in by_path:
        raise ValueError("artifacts without a manifest")
    try:
        made = make_folder(folder)
        try:
            with locked(folder):
                replace(folder.resolve(), by_path)
        except BaseException:
            for parent in made:
                if not any(parent.iterdir()):
                    parent.rmdir()
            raise
    except OSError as error:
        way_out = "free some space, or name another folder with --out"
        raise EnvironmentFailure("AIB507", path=folder, reason=error.strerror or error, way_out=way_out) from error


def make_folder(folder: Path) -> list[Path]:
    """Makes the folder; returns what had to be made, innermost first."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return missing


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise EnvironmentFailure("AIB508", folder=folder) from None
    finally:
        os.close(descriptor)


def replace(folder: Path, by_path: Mapping[PurePosixPath, Artifact]) -> None:
    ours = written_before(folder)
    there = files_in(folder)
    strangers = sorted(str(path) for path in there if path not in ours)
    if strangers:
        raise foreign(folder, strangers)
    check_parents(folder, by_path)
    changed = [a for path, a in by_path.items() if path not in there or not holds(folder / path, a.data)]
    stale = [path for path in there if path not in by_path]
    if not changed and not stale:
        return
    for leftover in folder.glob(f"{STAGING}*"):  # left by a compile that was killed: we hold the lock, so none is running
        shutil.rmtree(leftover)
    staging = Path(tempfile.mkdtemp(prefix=STAGING, dir=folder))
    try:
        put(staging, [claim(ours, by_path), *(a for a in changed if a.path != MANIFEST), by_path[MANIFEST]], folder)
        for path in stale:
            (folder / path).unlink()
        remove_empty(folder, stale)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def holds(path: Path, content: bytes) -> bool:
    return path.stat().st_size == len(content) and path.read_bytes() == content


def put(staging: Path, artifacts: list[Artifact], folder: Path) -> None:
    """Writes all files first, where a full disk does no harm, then renames each into place."""
    for number, artifact in enumerate(artifacts):
        (staging / str(number)).write_bytes(artifact.data)
    for number, artifact in enumerate(artifacts):
        target = folder / artifact.path
        target.parent.mkdir(parents=True, exist_ok=True)
        (staging / str(number)).rename(target)


def claim(ours: Iterable[PurePosixPath], paths: Iterable[PurePosixPath]) -> Artifact:
    """A manifest for the time between the first rename and the last: after a crash the folder is still recognised as ours."""
    outputs = {str(path): "" for path in {*ours, *paths} - {MANIFEST}}
    return Artifact(MANIFEST, json.dumps({"version": MANIFEST_VERSION, "outputs": outputs}, sort_keys=True).encode())


def written_before(folder: Path) -> set[PurePosixPath]:
    """What the manifest of an earlier compile lists; nothing where there is no such manifest."""
    path = folder / MANIFEST
    if path.is_symlink():
        return set()
    try:
        content = json_document(read_bytes(path, MOST_BYTES))
        outputs = {PurePosixPath(name) for name in content["outputs"]}
        known = content["version"] == MANIFEST_VERSION
    except (ValueError, KeyError, TypeError):
        return set()
    return {MANIFEST, *outputs} if known and all(inside(output) for output in outputs) else set()


def files_in(folder: Path) -> set[PurePosixPath]:
    """All files and links (not followed), without what using the folder leaves behind and without the staging folder of a killed
    compile."""
    paths: set[PurePosixPath] = set()
    for root, folders, files in os.walk(folder, followlinks=False):
        here = PurePosixPath(Path(root).relative_to(folder).as_posix())
        paths.update(here / name for name in folders if os.path.islink(os.path.join(root, name)))
        folders[:] = [name for name in folders if name not in LEFT_BEHIND and not name.startswith(STAGING)]
        paths.update(here / name for name in files)
    return paths


def check_parents(folder: Path, paths: Iterable[PurePosixPath]) -> None:
    """EnvironmentFailure AIB502 if the folder of a file to be written is not a folder of ours, or the file itself is a link or a folder."""
    for parent in parents(paths):
        mode = mode_of(folder / parent)
        if mode is not None and not stat.S_ISDIR(mode):
            raise foreign(folder, [str(parent)])
    for path in paths:
        mode = mode_of(folder / path)
        if mode is not None and not stat.S_ISREG(mode):
            raise foreign(folder, [str(path)])


def parents(paths: Iterable[PurePosixPath]) -> list[PurePosixPath]:
    """The folders of these paths below the output folder, outer ones first."""
    folders = {parent for path in paths for parent in path.parents if parent.parts}
    return sorted(folders, key=lambda parent: (len(parent.parts), parent))


def mode_of(path: Path) -> int | None:
    try:
        return path.lstat().st_mode
    except FileNotFoundError:
        return None


def remove_empty(folder: Path, removed: Iterable[PurePosixPath]) -> None:
    """Removes the folders in which the removed files leave no file, along with what using them left behind."""
    for parent in reversed(parents(removed)):
        left = list((folder / parent).iterdir())
        if all(entry.name in LEFT_BEHIND and not entry.is_symlink() for entry in left):
            shutil.rmtree(folder / parent)


def foreign(folder: Path, paths: list[str]) -> EnvironmentFailure:
    shown = ", ".join(f"'{path}'" for path in paths[:3]) + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")
    return EnvironmentFailure("AIB502", folder=folder, files=shown)
