"""What a host gets that reaches no package registry: everything it needs, as archives named by their content.

    <out>/shipment.json            names of the archives, and the Python they are for: variables of the generated playbooks
    <out>/<part>-<hash>.tar.gz     libraries, runtime, scenario, prepared, models, backends, load

Built on the control host, once for each content: a part that did not change keeps its name, so that a host has it already.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import importlib.metadata
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement

import aibenchrt
from aibenchrt.collect import schema
from aibenchrt.collect.records import ScheduleRecord, TruthRecord
from aibenchrt.control.assets import messages_for, prepare
from aibenchrt.control.gather import truth_of
from aibenchrt.control.options import RunOptions, effective
from aibenchrt.control.triton import backends
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.home import home
from aibenchrt.load.messages import write_messages
from aibenchrt.load.schedule import read_trace, schedule
from aibenchrt.plan import read_plan
from aibenchrt.proto import load_stubs

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
WHOLE = ".whole"  # the last member of every archive: where it lies, unpacking came to its end
LIBRARIES = (
    "grpcio",
    "grpcio-health-checking",
    "numpy",
    "onnxruntime",
    "packaging",
    "pillow",
    "psutil",
    "psycopg[binary]",
    "pyarrow",
    "pydantic",
    "rapidfuzz",
    "symspellpy",
    "tantivy",
    "tritonclient[grpc]",
)
SERVER = "nvidia-pytriton"  # for its tritonserver alone: none of its Python dependencies


@dataclass(frozen=True)
class Contents:
    """What a deployment needs besides code. prepared: stage → folder; weights: stage → model version; load: file name → file."""

    prepared: Mapping[str, Path]
    weights: Mapping[str, Path]
    load: Mapping[str, Path]


def pack(generated: Path, contents: Contents, out: Path, progress: Callable[[str], None] = lambda _: None) -> Path:
    """Writes the shipment and returns its folder. EnvironmentFailure AIB601: pip cannot install the libraries; AIB605: disk full."""
    out.mkdir(parents=True, exist_ok=True)
    models = list(model_repository(generated, contents.weights))
    parts: dict[str, list[tuple[str, Path]]] = {
        "libraries": tree(libraries(progress)),
        "runtime": tree(Path(aibenchrt.__file__).parent, "aibenchrt"),
        "scenario": [entry for entry in tree(generated) if not entry[0].startswith(("ansible/", "triton/"))],
        "prepared": [entry for stage, folder in sorted(contents.prepared.items()) for entry in tree(folder, stage)],
        "load": sorted(contents.load.items()),
    }
    if models:
        parts |= {"models": models, "backends": tree(backends())}
    try:
        archives = {part: archive(part, entries, out, progress) for part, entries in parts.items()}
        variables = {"aibench_archives": archives, "aibench_python": PYTHON}
        replace(out / "shipment.json", (json.dumps(variables, indent=1) + "\n").encode())
    except OSError as error:
        raise EnvironmentFailure("AIB605", f"cannot write '{out}': {error.strerror}", "free some space") from error
    for stale in out.glob("*.tar.gz"):
        if stale.name.removesuffix(".tar.gz") not in archives.values():
            stale.unlink()
    return out


def tree(folder: Path, under: str = "") -> list[tuple[str, Path]]:
    """(name in the archive, file) of every file below a folder and (name, folder) of the folder; bytecode left out, links followed."""
    found = [(under, folder)] if under else []
    for root, folders, files in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        here = Path(root).relative_to(folder)
        found += [((Path(under) / here / name).as_posix(), Path(root, name)) for name in sorted(files) if not name.endswith(".pyc")]
    return found


def model_repository(generated: Path, weights: Mapping[str, Path]) -> Iterator[tuple[str, Path]]:
    """The emitted repository with each stage's model version as <task>/1/weights/<stage>/. AIB603: a stage has none."""
    for step in read_plan(generated / "plan.json").steps:
        if step.kind == "ai":
            yield from tree(generated / "triton" / step.task, step.task)
            for stage in step.stages:
                if stage.name not in weights:
                    raise EnvironmentFailure("AIB603", f"no model for '{stage.name}'", "train it with `aibenchc train`")
                yield from tree(weights[stage.name], f"{step.task}/1/weights/{stage.name}")


def archive(part: str, entries: Iterable[tuple[str, Path]], out: Path, progress: Callable[[str], None]) -> str:
    """Writes <part>-<hash>.tar.gz unless it is there; returns the name without its ending. The same content gives the same bytes."""
    files = sorted(entry for entry in entries if entry[0] != WHOLE)
    name = f"{part}-{content_hash(files)}"
    path = out / f"{name}.tar.gz"
    if path.exists():
        return name
    progress(f"packing {part}")
    with tempfile.NamedTemporaryFile(dir=out, delete=False) as file:
        try:
            with (
                gzip.GzipFile("", fileobj=file, mode="wb", compresslevel=1, mtime=0) as packed,
                tarfile.open(fileobj=packed, mode="w") as tar,
            ):
                for member, source in files:
                    add(tar, member, None if source.is_dir() else source.read_bytes(), os.access(source, os.X_OK))
                add(tar, WHOLE, b"", executable=False)
            file.flush()
            os.replace(file.name, path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
    return name


def add(tar: tarfile.TarFile, member: str, content: bytes | None, executable: bool) -> None:
    """content None: a folder."""
    info = tarfile.TarInfo(member)
    info.type = tarfile.DIRTYPE if content is None else tarfile.REGTYPE
    info.size = len(content or b"")
    info.mode = 0o755 if executable else 0o644
    tar.addfile(info, io.BytesIO(content or b""))


def content_hash(files: Iterable[tuple[str, Path]]) -> str:
    digest = hashlib.sha256()
    for member, source in files:
        digest.update(member.encode() + b"\0")
        if source.is_file():
            with source.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]


def replace(path: Path, content: bytes) -> None:
    unfinished = path.with_name(path.name + ".unfinished")
    unfinished.write_bytes(content)
    unfinished.replace(path)


def libraries(progress: Callable[[str], None]) -> Path:
    """A `pip install --target` tree of what the runtime needs on a host, in the versions installed here; kept in home()/libraries."""
    pins = [*pinned(LIBRARIES), f"{SERVER}=={version(SERVER)}"]
    key = hashlib.sha256("\n".join([PYTHON, *pins]).encode()).hexdigest()[:16]
    folder = home() / "libraries" / key
    if (folder / WHOLE).exists():
        return folder
    progress("installing the hosts' libraries")
    unfinished = folder.with_name(f"{key}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    options = ["--no-deps", "--only-binary=:all:", "--no-compile", "--disable-pip-version-check", "--quiet"]
    command = [sys.executable, "-m", "pip", "install", *options, "--target", str(unfinished), *pins]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise EnvironmentFailure("AIB601", f"pip cannot install the hosts' libraries: {ended.stderr.strip()[-500:]}", "see what pip says")
    (unfinished / WHOLE).touch()
    unfinished.rename(folder)
    return folder


def pinned(names: Iterable[str]) -> list[str]:
    """These distributions and all that they need here, each as name==version, sorted."""
    pins: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    todo = [Requirement(name) for name in names]
    while todo:
        wanted = todo.pop()
        for extra in ("", *sorted(wanted.extras)):
            if (wanted.name.lower(), extra) in seen:
                continue
            seen.add((wanted.name.lower(), extra))
            pins[wanted.name.lower().replace("_", "-")] = version(wanted.name)
            needs = [Requirement(text) for text in importlib.metadata.requires(wanted.name) or ()]
            todo += [
                need for need in needs if (need.marker is None and not extra) or (need.marker and need.marker.evaluate({"extra": extra}))
            ]
    return [f"{name}=={number}" for name, number in sorted(pins.items())]


def version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        raise EnvironmentFailure("AIB601", f"the Python package {name} is not installed", "pip install 'aibenchc[run]'") from None


def contents(generated: Path, options: RunOptions, scratch: Path) -> Contents:
    """What this plan needs: prepares data, models and the schedule (cached in home()), as a run on this machine does."""
    plan = effective(read_plan(generated / "plan.json"), options)
    assets = prepare(plan, options, scratch / "prepared")
    counts = {name: len(payloads) for name, payloads in assets.payloads.items()}
    trace = read_trace((generated / plan.load.trace).read_text(encoding="utf-8")) if plan.load.trace else ()
    rows = schedule(plan.load, plan.requests, counts, plan.load.seed, trace)
    load = {name: scratch / name for name in ("schedule.parquet", "payloads.parquet", "truth.parquet")}
    schema.write(load["schedule.parquet"], rows, ScheduleRecord)
    schema.write(load["truth.parquet"], truth_of(rows, assets.payloads), TruthRecord)
    write_messages(load["payloads.parquet"], messages_for(plan, load_stubs(generated), assets.payloads, rows))
    prepared = {folder.name: folder for folder in sorted(assets.prepared.iterdir())}
    return Contents(prepared, {stage: version.folder for stage, version in assets.models.items()}, load)


def say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def main() -> int:
    """python -m aibenchrt.control.shipment --generated DIR --out DIR [--form real|synthetic] [--size tiny|small|full]"""
    parser = argparse.ArgumentParser(prog="python -m aibenchrt.control.shipment", description=__doc__)
    parser.add_argument("--generated", type=Path, required=True, help="the compiler's output folder")
    parser.add_argument("--out", type=Path, required=True, help="the shipment's folder")
    parser.add_argument("--form", choices=("real", "synthetic"), default="real")
    parser.add_argument("--size", choices=("tiny", "small", "full"), default="small")
    given = parser.parse_args()
    options = RunOptions(form=given.form, size=given.size)
    try:
        with tempfile.TemporaryDirectory(prefix="aibench-") as scratch:
            found = contents(given.generated, options, Path(scratch))
            pack(given.generated, found, given.out, say)
    except EnvironmentFailure as failure:
        sys.stderr.write(f"error[{failure.code}]: {failure.message}\n   = help: {failure.hint}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
