"""completion: bash completes what the verbs take; zsh and fish read their scripts without a mistake, where these shells are."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from aibenchc.cli import main
from aibenchc.cli.completion import SHELLS
from aibenchc.cli.verbs import VERBS
from paths import ROOT


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("completion")
    capture = pytest.MonkeyPatch()
    made = {}
    for shell in SHELLS:
        made[shell] = folder / shell
        with made[shell].open("w", encoding="utf-8") as file:
            capture.setattr("sys.stdout", file)
            assert main(["completion", shell]) == 0
    capture.undo()
    return made


def completed(script: Path, *words: str) -> list[str]:
    """What bash offers for the last of these words."""
    program = f"""
        source {shlex.quote(str(script))}
        eval "$(complete -p aibenchc | sed -E 's/.* -F ([^ ]+).*/function=\\1/')"
        COMP_WORDS=(aibenchc {shlex.join(words)}); COMP_CWORD={len(words)}; COMPREPLY=()
        $function
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    ended = subprocess.run(["bash", "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stderr == ""
    return ended.stdout.split()


def test_verbs_are_completed(scripts: dict[str, Path]) -> None:
    assert completed(scripts["bash"], "va") == ["validate"]
    assert set(completed(scripts["bash"], "")) >= {verb.name for verb in VERBS}


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["run", "--dura"], ["--duration"]),
        (["run", "--size", "t"], ["tiny"]),
        (["bench", "component", "--mo"], ["--model", "--modes"]),
        (["check", "specs/ec"], ["specs/ecommerce.aib"]),
        (["compile", "specs/ec"], ["specs/ecommerce.aib"]),
        (["report", "comp"], ["compiler"]),
        (["report", "pyproject"], []),
        (["completion", "f"], ["fish"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_options_values_and_paths_are_completed(words: list[str], offered: list[str], scripts: dict[str, Path]) -> None:
    assert completed(scripts["bash"], *words) == offered


@pytest.mark.parametrize("shell", [shell for shell in SHELLS if shutil.which(shell)])
def test_shells_read_their_scripts(shell: str, scripts: dict[str, Path]) -> None:
    ended = subprocess.run([shell, "-n", str(scripts[shell])], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
