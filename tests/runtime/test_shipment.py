"""What is shipped to hosts: archives named by their content, the same bytes each time."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
import tarfile
from pathlib import Path

import aibenchrt
import pytest
from aibenchrt.control.shipment import LIBRARIES, WHOLE, archive, libraries, pinned, tree


def quiet(_text: str) -> None:
    """Hears nothing."""


def filled(folder: Path) -> Path:
    (folder / "a/empty").mkdir(parents=True)
    (folder / "a/b.txt").write_text("b")
    (folder / "a/run.sh").write_text("#!/bin/sh\n")
    (folder / "a/run.sh").chmod(0o755)
    (folder / "a/__pycache__").mkdir()
    (folder / "a/__pycache__/b.pyc").write_bytes(b"x")
    return folder


def test_an_archive_is_named_by_its_content(tmp_path: Path) -> None:
    folder = filled(tmp_path / "in")
    one = archive("part", tree(folder), tmp_path, quiet)
    first = (tmp_path / f"{one}.tar.gz").read_bytes()
    (folder / "a/b.txt").touch()
    (tmp_path / f"{one}.tar.gz").unlink()
    assert archive("part", tree(folder), tmp_path, quiet) == one
    assert (tmp_path / f"{one}.tar.gz").read_bytes() == first, "times and order do not matter"
    (folder / "a/b.txt").write_text("c")
    assert archive("part", tree(folder), tmp_path, quiet) != one


def test_an_archive_ends_with_the_mark_that_it_is_whole(tmp_path: Path) -> None:
    name = archive("part", tree(filled(tmp_path / "in"), "under"), tmp_path, quiet)
    with tarfile.open(tmp_path / f"{name}.tar.gz") as tar:
        members = {member.name: member for member in tar.getmembers()}
    assert list(members)[-1] == WHOLE
    assert {"under", "under/a/b.txt", "under/a/run.sh"} <= members.keys()
    assert not any("pycache" in member for member in members)
    assert members["under/a/run.sh"].mode == 0o755
    assert members["under/a/b.txt"].mode == 0o644


def test_a_stage_without_files_is_shipped_as_a_folder(tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    name = archive("part", tree(tmp_path / "nothing", "parse"), tmp_path, quiet)
    with tarfile.open(tmp_path / f"{name}.tar.gz") as tar:
        assert tar.getmember("parse").isdir()


def test_libraries_are_pinned_to_what_is_installed_and_bring_what_they_need() -> None:
    pins = dict(pin.split("==") for pin in pinned(LIBRARIES))
    assert pins["numpy"] == importlib.metadata.version("numpy")
    assert {"protobuf", "pydantic-core", "typing-extensions"} <= pins.keys()
    assert not {"torch", "pandas", "scikit-learn"} & pins.keys()


IMPORTS = """
import importlib, pathlib
import aibenchrt, aibenchrt.service_host, aibenchrt.triton_backend, aibenchrt.planner.__main__, aibenchrt.load.__main__
for path in sorted((pathlib.Path(aibenchrt.__file__).parent / "components").glob("*/ser*e.py")):
    importlib.import_module(f"aibenchrt.components.{path.parent.name}.{path.stem}")
print("all there")
"""


@pytest.mark.long
def test_everything_that_runs_on_a_host_finds_its_libraries_there() -> None:
    """With nothing to import from but the shipped libraries and the runtime."""
    found = f"{libraries(quiet)}:{Path(aibenchrt.__file__).parent.parent}"
    command = [sys.executable, "-S", "-s", "-c", IMPORTS]
    ended = subprocess.run(command, env={"PYTHONPATH": found}, capture_output=True, text=True, check=False)
    assert ended.stdout == "all there\n", ended.stderr
