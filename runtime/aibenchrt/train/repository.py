"""The model repository: home()/models/<component>/<model>/<version>/{model.safetensors,<graph>.onnx,metadata.json}.

A version is named by the hash of its content and never changes. Nothing in it is unpickled. A version appears complete or not at
all: it is written to a temporary folder beside its own and then renamed.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import pkgutil
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from aibenchrt.catalog import COMPONENTS
from aibenchrt.code_key import code_key
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.home import home
from aibenchrt.serve.models import broken, read_metadata

METADATA_VERSION = 1


@dataclass(frozen=True)
class Key:
    """What a version was trained from: equal keys need no new training.

    context: hash of all other inputs (for a ranker: the path's graph and the versions of its models), '' if there are none.
    code: hash of the code that defines and trains the model.
    """

    component: str
    model: str
    world_version: str
    size: str
    seed: int
    context: str
    code: str


@dataclass(frozen=True)
class ModelVersion:
    """A stored version; `metadata` is metadata.json as read."""

    component: str
    model: str
    version: str
    folder: Path
    metadata: Mapping[str, Any]


def models_folder() -> Path:
    return home() / "models"


def code_hash(component: str) -> str:
    """The key of the code that defines, trains, exports and serves the component's models: any change to it invalidates stored versions."""
    package = importlib.import_module(COMPONENTS[component].package)
    own = [f"{package.__name__}.{name}" for _, name, _ in pkgutil.iter_modules(package.__path__) if name != "spec"]
    return code_key([*own, "aibenchrt.train.export"])


def store(key: Key, files: Mapping[str, bytes], metadata: Mapping[str, Any], models: Path | None = None) -> ModelVersion:
    """Writes a version, or returns the one stored with the same content. EnvironmentFailure AIB605: the disk is full or not writable."""
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())}
    whole = {"metadata_version": METADATA_VERSION, "component": key.component, "model": key.model, "key": asdict(key), "files": hashes}
    whole |= metadata
    text = json.dumps(whole, indent=1, sort_keys=True, allow_nan=False).encode()
    # Training time varies between runs, so it is not part of a version's hash.
    timeless = {name: value for name, value in whole.items() if name != "cost"}
    version = hashlib.sha256(json.dumps(timeless, sort_keys=True).encode()).hexdigest()[:16]
    folder = (models or models_folder()) / key.component / key.model / version
    try:
        _write(folder, {**files, "metadata.json": text})
    except OSError as error:
        raise EnvironmentFailure(
            "AIB605",
            what=f"the model version '{folder}'",
            reason=error.strerror,
            way_out="free some disk space, or set AIBENCH_HOME to a writable folder",
        ) from error
    return ModelVersion(key.component, key.model, version, folder, json.loads(text))


def find(
    component: str,
    model: str,
    world_version: str,
    size: str,
    *,
    seed: int | None = None,
    context: str | None = None,
    models: Path | None = None,
) -> ModelVersion | None:
    """A complete version trained with the current code from this world at this size; None if there is none, or only broken ones."""
    code = code_hash(component)
    for version in _versions((models or models_folder()) / component / model):
        key = version.metadata.get("key", {})
        expected: dict[str, str | int] = {"world_version": world_version, "size": size, "code": code}
        expected |= {} if seed is None else {"seed": seed}
        expected |= {} if context is None else {"context": context}
        if all(key.get(name) == value for name, value in expected.items()) and is_whole(version):
            return version
    return None


def open_version(folder: Path) -> ModelVersion:
    """The version in `folder`, after checking all its files. EnvironmentFailure AIB603: it is missing or corrupted."""
    metadata = read_metadata(folder)
    version = ModelVersion(str(metadata.get("component")), str(metadata.get("model")), folder.name, folder, metadata)
    if not is_whole(version):
        raise broken(folder, "is corrupted: a file does not have the sha256 that metadata.json records")
    return version


def is_whole(version: ModelVersion) -> bool:
    """Whether every file exists with the sha256 that metadata.json records."""
    for name, expected in version.metadata.get("files", {}).items():
        path = version.folder / name
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != expected:
            return False
    return True


def _versions(folder: Path) -> Iterator[ModelVersion]:
    for candidate in sorted(folder.iterdir()) if folder.is_dir() else ():
        if candidate.name.startswith("."):
            continue
        try:
            metadata = read_metadata(candidate)
        except EnvironmentFailure:
            continue  # a broken version is ignored; training will write it again
        yield ModelVersion(str(metadata.get("component")), str(metadata.get("model")), candidate.name, candidate, metadata)


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=".writing-", dir=folder.parent))
    try:
        for name, content in files.items():
            (scratch / name).write_bytes(content)
        scratch.chmod(0o755)
        if folder.is_dir():  # the same content or a broken copy of it, which is replaced
            retired = Path(tempfile.mkdtemp(prefix=".retired-", dir=folder.parent))
            os.rename(folder, retired / "version")
            os.rename(scratch, folder)
            shutil.rmtree(retired)
        else:
            os.rename(scratch, folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
