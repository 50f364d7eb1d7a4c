"""run --repeats: systems take turns, and the second command line is the first with a few words over it."""

from __future__ import annotations

from pathlib import Path

import pytest
from aibenchc.cli import main
from aibenchc.cli.repeats import against, in_turn
from aibenchc.cli.verbs import BY_NAME
from aibenchrt.collect.recorded_run import read_run
from aibenchrt.report.compare.make import compare
from paths import TEST_SPECS

SPEC = TEST_SPECS / "small.aib"


def test_two_systems_take_turns_so_that_a_drift_falls_on_both() -> None:
    assert in_turn(1, 3) == [0, 0, 0]
    assert in_turn(2, 4) == [0, 1, 1, 0, 0, 1, 1, 0]
    places = [[place for place, system in enumerate(in_turn(2, 6)) if system == which] for which in (0, 1)]
    assert sum(places[0]) == sum(places[1])


def test_the_second_system_is_the_first_but_for_what_is_named() -> None:
    words = ["shop.aib", "--size", "tiny", "--rate", "10", "--replace", "rank=random", "--repeats", "3", "--against", "--rate 20"]
    first = BY_NAME["run"].read(words)
    second = against(first)
    assert (first.rate, second.rate) == (10.0, 20.0)
    assert {name for name, value in vars(first).items() if vars(second)[name] != value} == {"rate"}
    first.against = "new.aib --replace rank=baseline"
    other = against(first)
    assert (first.spec, other.spec) == (Path("shop.aib"), Path("new.aib"))
    assert (first.replace, other.replace) == ([("rank", "random")], [("rank", "random"), ("rank", "baseline")])


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--repeats", "0"], "write a whole number from 1 to 1000, not '0'"),
        (["--repeats", "2", "--against", "'"], "argument --against: No closing quotation"),
        (["--repeats", "2", "--against", "--rate x"], "argument --rate: write a number, not 'x'"),
        (["-i", "hosts.ini", "--repeats", "2", "--prepare-only"], "AIB741"),
    ],
)
def test_what_cannot_be_repeated_is_refused(more: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(SPEC), *more]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.long
def test_deployments_are_compared_as_they_were_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    quick = ["--data", "synthetic", "--size", "tiny", "--duration", "3", "--warmup", "1", "--supplement", "0", "--runs", "runs"]
    assert main(["run", str(SPEC), *quick, "--rate", "20", "--repeats", "2", "--against", "--rate 25"]) == 0
    shown = capsys.readouterr()
    lines = shown.out.splitlines()
    split = lines.index("--")
    groups = [[Path(line) for line in lines[:split]], [Path(line) for line in lines[split + 1 : split + 3]]]
    assert [[read_run(path).info.load.rate for path in group] for group in groups] == [[20.0, 20.0], [25.0, 25.0]]
    starts = [path.name for group in groups for path in group]
    assert sorted(starts) == [starts[0], starts[2], starts[3], starts[1]], "A B B A"
    comparison = compare(groups)
    (differs,) = comparison.pairs[0].differs
    assert differs.startswith("load: poisson 20/s")
    assert "→ poisson 25/s" in differs
    assert "deployment 4 of 4, of A" in shown.err
    assert "B against A" in shown.out
