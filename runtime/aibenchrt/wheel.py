"""A library of others as a wheel, made anew from what is installed: what hosts get, and by whose hash runs are told apart.

The wheel that was installed is not kept by installers, and an editable installation never had one. This one holds the same files (PEP 427):
the packages that hold the library's code, with their data, and the metadata that its entry point is found by. The same files give the
same bytes.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import importlib.metadata
import importlib.util
import io
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from aibenchrt.catalog import COMPONENTS, DATASETS
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.libraries import GROUP
from aibenchrt.plan import PlanLibrary

_METADATA = ("METADATA", "entry_points.txt")
_WHEEL = b"Wheel-Version: 1.0\nGenerator: aibenchc\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
_TIME = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip file can hold


@dataclass(frozen=True)
class Wheel:
    """files: name in the wheel → content, sorted, its RECORD among them."""

    library: str
    distribution: str
    version: str
    files: tuple[tuple[str, bytes], ...]

    @property
    def name(self) -> str:
        return f"{_stem(self.distribution, self.version)}-py3-none-any.whl"

    @cached_property
    def content(self) -> bytes:
        """The bytes of the zip file, its members uncompressed."""
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
            for name, content in self.files:
                member = zipfile.ZipInfo(name, _TIME)
                member.external_attr = 0o644 << 16
                archive.writestr(member, content)
        return out.getvalue()

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


def wheel_of(library: PlanLibrary) -> Wheel:
    """The library in use. EnvironmentFailure AIB697: its package was not installed with its metadata, so that it cannot be shipped."""
    try:
        distribution = importlib.metadata.distribution(library.distribution)
    except importlib.metadata.PackageNotFoundError:
        raise _broken(library, f"{library.distribution} is no longer installed") from None
    info = f"{_stem(library.distribution, library.version)}.dist-info"
    files = dict(_code(library, distribution))
    for name in _METADATA:
        text = distribution.read_text(name)
        if text is None:
            raise _broken(library, f"{library.distribution} is installed without {name}")
        files[f"{info}/{name}"] = text.encode()
    files[f"{info}/WHEEL"] = _WHEEL
    files[f"{info}/RECORD"] = _record(sorted(files.items()), f"{info}/RECORD")
    return Wheel(library.name, library.distribution, library.version, tuple(sorted(files.items())))


def _code(library: PlanLibrary, distribution: importlib.metadata.Distribution) -> Iterator[tuple[str, bytes]]:
    """Every file of the packages that hold the library's declarations and work; what belongs to another distribution is left to it."""
    points = [point.module for point in distribution.entry_points if point.group == GROUP]
    work = [*(spec.package for spec in COMPONENTS.added.values()), *(spec.package for spec in DATASETS.added.values())]
    owners = importlib.metadata.packages_distributions()
    own = [name for name in work if distribution.name in owners.get(name.partition(".")[0], ())]
    for top in sorted({module.partition(".")[0] for module in (*points, *own)}):
        spec = importlib.util.find_spec(top)
        places = list(spec.submodule_search_locations or ()) if spec is not None else []
        if not places:
            raise _broken(library, f"{top} is no package")
        for path in sorted(Path(places[0]).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield f"{top}/{path.relative_to(places[0]).as_posix()}", path.read_bytes()


def _record(files: Iterable[tuple[str, bytes]], own: str) -> bytes:
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    for name, content in files:
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        rows.writerow((name, f"sha256={digest}", len(content)))
    rows.writerow((own, "", ""))
    return out.getvalue().encode()


def _stem(distribution: str, version: str) -> str:
    return f"{distribution.replace('-', '_').replace('.', '_')}-{version}"


def _broken(library: PlanLibrary, problem: str) -> EnvironmentFailure:
    return EnvironmentFailure("AIB697", name=library.name, problem=problem, way_out="install it with pip, as a wheel or in editable mode")
