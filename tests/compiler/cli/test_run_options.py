"""The options of a run are made of the arguments in one way, whichever verb runs it."""

from __future__ import annotations

import argparse
import sys
from types import ModuleType

import pytest
from aibenchc.cli import audit, run
from aibenchc.cli.run_options import run_options
from aibenchrt.progress import silent


@pytest.mark.parametrize("verb", [audit, run])
def test_every_verb_makes_the_same_options_of_the_same_load(verb: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    words = [
        "shop.aib",
        "--data",
        "synthetic",
        "--size",
        "tiny",
        "--rate",
        "5",
        "--streams",
        "4",
        "--duration",
        "20",
        "--warmup",
        "2",
        "--seed",
        "3",
    ]
    monkeypatch.setattr(sys, "argv", ["aibenchc", "verb", *words])
    parser = argparse.ArgumentParser()
    verb.add_arguments(parser)
    made = run_options(parser.parse_args(words), silent)
    assert (made.variant, made.size, made.rate, made.streams) == ("synthetic", "tiny", 5.0, 4)
    assert (made.duration_s, made.warmup_s, made.seed) == (20.0, 2.0, 3)
    assert made.command == "aibenchc verb " + " ".join(words)
    assert made.progress is silent


@pytest.mark.parametrize("seed", ["-1", "x", str(2**32)])
def test_a_seed_that_is_none_is_refused(seed: str, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    run.add_arguments(parser)
    with pytest.raises(SystemExit):
        parser.parse_args(["shop.aib", f"--seed={seed}"])
    assert "write a whole number from 0 to" in capsys.readouterr().err


@pytest.mark.parametrize("streams", ["0", "-1", "1.5", "10001"])
def test_a_number_of_streams_that_is_none_is_refused(streams: str, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    run.add_arguments(parser)
    with pytest.raises(SystemExit):
        parser.parse_args(["show.aib", f"--streams={streams}"])
    assert "write a whole number from 1 to" in capsys.readouterr().err
