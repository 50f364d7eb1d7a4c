"""The Python libraries that programs on hosts need: installed once on the control host, shipped by kind of part.

GROUPS are archives; a host gets those that its parts need. What two groups need belongs to the first.
"""

from __future__ import annotations

import csv
import hashlib
import importlib.metadata
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from aibenchrt.control.cluster.archives import Entry
from aibenchrt.control.cluster.lock import split
from aibenchrt.control.cluster.whole_folder import is_whole, whole_folder
from aibenchrt.deployment import PartKind
from aibenchrt.errors import EnvironmentFailure, install
from aibenchrt.home import home
from aibenchrt.whole_file import write_text

SKIPPED = (  # parts of libraries that nothing on the hosts reads
    "/tests/", "pyarrow/include/", "arrow_flight", "pyarrow/_flight", "onnxruntime/transformers/", "onnxruntime/tools/",
    "onnxruntime/quantization/", "onnxruntime/datasets/",
)  # fmt: skip
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
SERVER = "nvidia-pytriton"  # only for its tritonserver binary, without its Python dependencies
COMMON = "libraries"
PARTNERS = "libraries-partners"  # dependencies of partners' libraries beyond these groups
NOT_SHIPPED = ("aibenchc", "torch")  # left out of those: our own packages, which are shipped anyway, and what only training imports
GROUPS: Mapping[str, tuple[str, ...]] = {
    COMMON: ("grpcio", "grpcio-health-checking", "packaging", "psutil", "pydantic"),
    "libraries-numpy": ("numpy",),
    "libraries-pictures": ("pillow",),
    "libraries-service": (
        "av",
        "cryptography",
        "embreex",
        "protego",
        "psycopg[binary]",
        "rapidfuzz",
        "symspellpy",
        "tantivy",
        "urllib3",
        "usearch",
        "xxhash",
    ),
    "libraries-client": ("tritonclient[grpc]",),
    "libraries-triton": ("constriction", "onnxruntime", SERVER),
    "libraries-arrow": ("pyarrow",),
}
NEEDS: Mapping[PartKind, tuple[str, ...]] = {
    "planner": (COMMON, "libraries-numpy", "libraries-client", "libraries-arrow"),
    "service": (COMMON, "libraries-numpy", "libraries-pictures", "libraries-service"),
    "triton": (COMMON, "libraries-numpy", "libraries-pictures", "libraries-client", "libraries-triton"),
    "generator": (COMMON, "libraries-numpy", "libraries-arrow"),
    "postgresql": (),
}


def groups_for(kinds: Iterable[PartKind]) -> list[str]:
    """The groups that a host with these parts needs, in the order of GROUPS."""
    needed = {group for kind in kinds for group in NEEDS[kind]}
    return [group for group in GROUPS if group in needed]


def members(partners: Iterable[str] = ()) -> dict[str, list[str]]:
    """Group → its distributions with all that they need here, as name==version, sorted.

    partners: distributions of partners, which are shipped separately; the group PARTNERS holds what these need beyond the other groups.
    """
    groups: dict[str, list[str]] = {}
    taken: set[str] = set()
    for group, names in GROUPS.items():
        pins = pinned(name for name in names if name != SERVER)
        if SERVER in names:
            pins.append(f"{SERVER}=={version(SERVER)}")
        groups[group] = [pin for pin in pins if pin not in taken]
        taken |= set(pins)
    partners = list(partners)
    own = {canonicalize_name(name) for name in partners}
    needed = [pin for pin in pinned(partners, NOT_SHIPPED) if pin.partition("==")[0] not in own]
    return groups | {PARTNERS: [pin for pin in needed if pin not in taken]}


def pinned(names: Iterable[str], without: Collection[str] = ()) -> list[str]:
    """These distributions and their dependencies installed here, each as name==version, sorted. without: distributions left out with their
    dependencies."""
    pins: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    todo = [Requirement(name) for name in names]
    while todo:
        requirement = todo.pop()
        if canonicalize_name(requirement.name) in without:
            continue
        for extra in ("", *sorted(requirement.extras)):
            if (requirement.name.lower(), extra) in seen:
                continue
            seen.add((requirement.name.lower(), extra))
            pins[canonicalize_name(requirement.name)] = version(requirement.name)
            needs = [Requirement(text) for text in importlib.metadata.requires(requirement.name) or ()]
            todo += [
                need for need in needs if (need.marker is None and not extra) or (need.marker and need.marker.evaluate({"extra": extra}))
            ]
    return [f"{name}=={number}" for name, number in sorted(pins.items())]


def version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        raise EnvironmentFailure("AIB601", what=f"the Python package {name}", install=install("run")) from None


def installed(progress: Callable[[str], None], partners: Iterable[str] = ()) -> Path:
    """A `pip install --target` tree of all groups, as of `members`, in the versions installed here; kept in home()/libraries.

    pip checks the hashes of those that requirements.lock has. What it has not (a partner's requirements, and other versions of ours) is
    installed by version.

    EnvironmentFailure AIB650: pip cannot install them.
    """
    pins = sorted(pin for group in members(partners).values() for pin in group)
    folder = home() / "libraries" / key_of(pins)
    if is_whole(folder):
        return folder
    locked, others = split(pins)
    progress(
        "installing the hosts' libraries" + (f"; without hashes, as requirements.lock has none: {', '.join(others)}" if others else "")
    )
    with whole_folder(folder) as unfinished, tempfile.TemporaryDirectory(prefix="aibench-libraries-") as scratch:
        requirements = Path(scratch, "locked.txt")
        write_text(requirements, "\n".join(locked) + "\n")
        _install(unfinished, "--require-hashes", "-r", str(requirements))
        if others:  # into a folder of their own: pip leaves folders alone that are there already, as `google` is
            _install(Path(scratch, "others"), *others)
            shutil.copytree(Path(scratch, "others"), unfinished, dirs_exist_ok=True)
    return folder


def _install(target: Path, *words: str) -> None:
    options = ["--no-deps", "--only-binary=:all:", "--no-compile", "--disable-pip-version-check", "--quiet"]
    command = [sys.executable, "-m", "pip", "install", *options, "--target", str(target), *words]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise EnvironmentFailure("AIB650", reason=ended.stderr.strip()[-500:])


def key_of(pins: Iterable[str]) -> str:
    """Of what these pins and words install: with the hashes that pip checks."""
    locked, others = split(pins)
    return hashlib.sha256("\n".join([PYTHON, *locked, *others]).encode()).hexdigest()[:16]


def files_of(folder: Path, pins: Iterable[str]) -> list[Entry]:
    """The files of these distributions in an installed tree, by their RECORD; scripts, bytecode and what is SKIPPED left out."""
    projects = {canonicalize_name(pin.partition("==")[0]) for pin in pins}
    files: list[tuple[str, Path]] = []
    for info in sorted(folder.glob("*.dist-info")):
        if canonicalize_name(info.name.removesuffix(".dist-info").rpartition("-")[0]) in projects:
            with (info / "RECORD").open(encoding="utf-8", newline="") as file:
                names = [row[0] for row in csv.reader(file) if row]
            files += [(name, folder / name) for name in names if not name.startswith("../") and not name.endswith(".pyc")]
    return [(name, path) for name, path in files if path.is_file() and not any(part in f"/{name}" for part in SKIPPED)]
