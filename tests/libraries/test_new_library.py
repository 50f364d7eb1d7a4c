"""`aibenchc new --library NAME`: the package that it writes is installed, and its own test passes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from aibenchc.cli import main
from aibenchc.cli.scaffold import FILES
from aibenchc.emit.templates import folder
from partner import environment


@pytest.mark.long
def test_what_is_written_passes_its_own_test_and_its_scenario_compiles(tmp_path: Path) -> None:
    assert main(["new", "acme_words", "--library", "--folder", str(tmp_path)]) == 0
    package = tmp_path / "acme_words"
    programs = environment(tmp_path / "environment", package)
    tested = subprocess.run(
        [programs / "python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"],
        cwd=package,
        capture_output=True,
        text=True,
        check=False,
    )
    assert tested.returncode == 0, tested.stdout[-3000:]
    assert "2 passed" in tested.stdout
    compiled = subprocess.run(
        [programs / "aibenchc", "compile", "acme_words.aib", "--out", str(tmp_path / "generated")],
        cwd=package, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert compiled.returncode == 0, compiled.stderr
    formatted = subprocess.run(
        [programs / "aibenchc", "format", "--check", "acme_words.aib"], cwd=package, capture_output=True, check=False
    )
    assert formatted.returncode == 0, formatted.stdout


def test_every_template_is_used() -> None:
    assert {f"library/{template}" for template, _ in FILES} == {f"library/{path.name}" for path in (folder() / "library").iterdir()}


@pytest.mark.parametrize("name", ["Acme", "1st", "acme-words", "class", "x" * 60, "../acme", ""])
def test_a_name_that_no_package_can_have(name: str, tmp_path: Path) -> None:
    assert main(["new", name, "--library", "--folder", str(tmp_path)]) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_a_module_has(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "aibenchrt", "--library", "--folder", str(tmp_path)]) == 1
    assert "there is a Python module 'aibenchrt' already" in capsys.readouterr().err


def test_what_is_there_stays(tmp_path: Path) -> None:
    (tmp_path / "acme_words").symlink_to(tmp_path / "nowhere")
    assert main(["new", "acme_words", "--library", "--folder", str(tmp_path)]) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["acme_words"]
    assert main(["new", "acme_words", "--library", "--folder", str(tmp_path / "missing")]) == 2
    assert not (tmp_path / "missing").exists()
