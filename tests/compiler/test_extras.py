"""What pip installs is enough: aibenchc alone compiles, its extra `report` judges runs, and what is missing is named with its extra."""

from __future__ import annotations

from pathlib import Path

import pytest
from only_installed import COMMAND_LINE, only_with
from paths import ROOT, SPECS
from synthetic_run import Shape, write_run

SPEC = str(SPECS / "ecommerce.aib")


@pytest.mark.parametrize("extra", ["", "report"])
def test_what_is_not_of_the_extra_cannot_be_imported(extra: str) -> None:
    """The tests below would say nothing otherwise."""
    for module in ("torch", "tritonclient.grpc", "pytriton", "grpc_health", "psutil", "sklearn"):
        ended = only_with([extra] if extra else [], f"import {module}\n")
        assert f"ModuleNotFoundError: No module named {module.partition('.')[0]!r}" in ended.stderr


@pytest.mark.parametrize("words", [["check", SPEC], ["distill", SPEC, "--trace"], ["format", "--check", SPEC], ["components"],
                                   ["explain", "V08"], ["validate", "--spec", SPEC]], ids=lambda words: words[0])  # fmt: skip
def test_the_compiler_needs_nothing_else(words: list[str]) -> None:
    ended = only_with([], COMMAND_LINE, *words)
    assert ended.returncode == 0, ended.stderr


def test_aibenchc_alone_compiles(tmp_path: Path) -> None:
    ended = only_with([], COMMAND_LINE, "compile", SPEC, "--out", str(tmp_path / "out"))
    assert ended.returncode == 0, ended.stderr
    made = ROOT / "generated" / "ecommerce"
    for path in made.rglob("*"):
        if path.is_file():
            assert (tmp_path / "out" / path.relative_to(made)).read_bytes() == path.read_bytes()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("run") / "run", Shape())


@pytest.mark.parametrize("words", [["validate"], pytest.param(["report", "--full"], marks=pytest.mark.long)], ids=" ".join)
def test_the_extra_report_judges_a_run(words: list[str], run: Path) -> None:
    (run / "report.html").unlink(missing_ok=True)
    ended = only_with(["report"], COMMAND_LINE, words[0], str(run), *words[1:])
    assert ended.returncode in (0, 1, 3, 4), ended.stderr
    assert "error[" not in ended.stderr
    assert (run / "verdict.json").is_file()
    assert (run / "report.html").is_file() == (words != ["validate"])


def test_every_metric_can_be_computed_with_the_extra_report() -> None:
    ended = only_with(["report"], "import ir_measures, jiwer, PIL.Image, rouge_score.rouge_scorer, sacrebleu\n")
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize(("words", "extra"), [(["validate", "RUN"], "report"), (["report", "RUN"], "report"), (["run", SPEC], "run"),
                                              (["demo"], "run"), (["train", SPEC], "run")], ids=lambda value: value[0])  # fmt: skip
def test_what_is_missing_is_named_with_the_command_that_installs_it(words: list[str], extra: str) -> None:
    ended = only_with([], COMMAND_LINE, *words)
    assert ended.returncode == 2
    assert ended.stderr.startswith("error[AIB601]")
    assert f"which `aibenchc {words[0]}` needs, is not installed" in ended.stderr
    assert f"[{extra}]" in ended.stderr.splitlines()[1]
