"""Small packages of partners, installed as pip leaves them: code, and the metadata by which the entry point is found."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def installed(site: Path, name: str, files: Mapping[str, str], version: str = "1.0", entry: str | None = None) -> None:
    """The package `name` in a folder of sys.path, `entry` (its own name) leading to LIBRARY of <name>.library."""
    for path, text in {"__init__.py": "", **files}.items():
        (site / name / path).parent.mkdir(parents=True, exist_ok=True)
        (site / name / path).write_text(text, encoding="utf-8")
    info = site / f"{name}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(f"[aibenchc.library]\n{entry or name} = {name}.library:LIBRARY\n", encoding="utf-8")
    (info / "RECORD").write_text("".join(f"{name}/{path},,\n" for path in files), encoding="utf-8")
