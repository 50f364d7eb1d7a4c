"""`aibenchc train`: where it trains, for which seeds, and what it shows; nothing is trained here."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aibenchrt.train.task
import numpy as np
import pytest
import torch
from aibenchc.cli import main
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.train.device import chosen_device, description
from aibenchrt.train.measure import paired
from aibenchrt.train.repository import ModelVersion
from aibenchrt.train.seeds import summary
from aibenchrt.train.trained import reproducible
from paths import SPECS

SPEC = SPECS / "ecommerce.aib"


def _measured(value: float) -> dict[str, Any]:
    return {"value": value, "low": value - 0.01, "high": value + 0.01, "n": 100, "method": "Wilson"}


def _version(model: str, seed: int, accuracy: float) -> ModelVersion:
    metadata = {
        "metrics": {"accuracy": _measured(accuracy)},
        "baselines": {"majority": {"accuracy": _measured(0.2)}},
        "gains": {"accuracy over majority": _measured(accuracy - 0.2)},
        "only_for_comparison": {},
        "protocol": "held out",
        "epochs": 3,
        "parameters": 1234,
        "trained_on": "cpu, torch 2",
        "cost": {"seconds": 1.0},
    }
    return ModelVersion("text_classification", model, f"{model}{seed}", Path("nowhere"), metadata)


def test_over_seeds_a_figure_has_its_mean_and_range() -> None:
    models = summary({7: [_version("fasttext", 7, 0.8)], 8: [_version("fasttext", 8, 0.9)], 9: [_version("fasttext", 9, 0.7)]})
    assert [(row["component"], row["model"]) for row in models] == [("text_classification", "fasttext")]
    assert [(row["seed"], row["version"]) for row in models[0]["seeds"]] == [(7, "fasttext7"), (8, "fasttext8"), (9, "fasttext9")]
    over = models[0]["over_seeds"]
    assert over["metrics"]["accuracy"] == {"mean": 0.8, "lowest": 0.7, "highest": 0.9}
    assert over["gains"]["accuracy over majority"]["mean"] == pytest.approx(0.6)
    assert over["baselines"]["majority"]["accuracy"]["mean"] == pytest.approx(0.2)


class _Asked:
    """Replaces the training functions, and records what they were called with."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int, str]] = []

    def plan_models(self, _plan: Any, _world: Any, seed: int, _size: str, _progress: Any, *, device: str) -> dict[str, ModelVersion]:
        self.calls.append(("plan_models", seed, device))
        return {"category": _version("fasttext", seed, 0.8 + seed / 100)}

    def alternatives(
        self, _plan: Any, _world: Any, chosen: Mapping[str, ModelVersion], seed: int, _size: str, _progress: Any, *, device: str
    ) -> list[ModelVersion]:
        assert [version.version for version in chosen.values()] == [f"fasttext{seed}"], "those of another seed"
        self.calls.append(("alternatives", seed, device))
        return [_version("textcnn", seed, 0.5)]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> _Asked:
    offline = _Asked()
    monkeypatch.setattr(aibenchrt.train.task, "plan_models", offline.plan_models)
    monkeypatch.setattr(aibenchrt.train.task, "alternatives", offline.alternatives)
    return offline


def _train(folder: Path, *more: str) -> int:
    return main(["train", str(SPEC), "--data", "synthetic", "--size", "tiny", "--out", str(folder / "generated"), *more])


def test_every_seed_trains_once_and_the_table_says_gains_and_baselines(
    asked: _Asked, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _train(tmp_path, "--seeds", "7,8", "--alternatives", "--json", str(tmp_path / "figures.json")) == 0
    assert asked.calls == [(what, seed, "cpu") for seed in (7, 8) for what in ("plan_models", "alternatives")]
    out = capsys.readouterr().out
    assert "87.0 [86.0, 88.0]" in out
    assert "87.5 (87.0 to 88.0)" in out
    assert "+67.0 [+66.0, +68.0] over majority" in out
    assert "majority 20.0" in out
    written = json.loads((tmp_path / "figures.json").read_text())
    assert [(row["model"], [s["seed"] for s in row["seeds"]]) for row in written["models"]] == [("fasttext", [7, 8]), ("textcnn", [7, 8])]


def test_without_seeds_the_one_that_serves_trains(asked: _Asked, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _train(tmp_path) == 0
    assert asked.calls == [("plan_models", 7, "cpu")]
    assert "Over" not in capsys.readouterr().out


@pytest.mark.parametrize("seeds", ["", "7,7", "7,x", "-1", "7,,8", "99999999999"])
def test_seeds_are_different_numbers(seeds: str, asked: _Asked, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _train(tmp_path, f"--seeds={seeds}") == 2
    assert "write different numbers like 7,8,9" in capsys.readouterr().err
    assert asked.calls == []


def test_a_json_that_cannot_be_written_is_a_coded_failure(asked: _Asked, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _train(tmp_path, "--json", str(tmp_path / "no folder" / "figures.json")) == 2
    assert "error[AIB605]" in capsys.readouterr().err
    assert asked.calls


def test_a_gpu_that_is_not_there_is_a_coded_failure_before_anything_trains(
    asked: _Asked, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert _train(tmp_path, "--device", "cuda") == 2
    error = capsys.readouterr().err
    assert "error[AIB618]" in error
    assert "--device cpu" in error
    assert asked.calls == []


@pytest.mark.parametrize(("name", "there", "expected"), [("auto", False, "cpu"), ("auto", True, "cuda"), ("cuda", True, "cuda")])
def test_auto_takes_a_gpu_where_there_is_one(
    name: str, there: bool, expected: str, asked: _Asked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    assert _train(tmp_path, "--device", name) == 0
    assert asked.calls == [("plan_models", 7, expected)]


def test_no_gpu_is_asked_about_for_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: pytest.fail("asked"))
    assert chosen_device("cpu") == "cpu"
    assert description("cpu").startswith("cpu, torch ")


def test_the_failure_names_a_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(EnvironmentFailure) as failure:
        chosen_device("cuda")
    assert failure.value.code == "AIB618"
    assert "--device cpu" in failure.value.hint


@pytest.mark.parametrize("before", [None, ":16:8"])
def test_training_on_a_gpu_asks_cublas_for_repeatable_sums_and_restores_all(before: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if before is None:
        monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    else:
        monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", before)
    tf32 = torch.backends.cudnn.allow_tf32
    with reproducible(7, device="cuda"):
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
        assert not torch.backends.cudnn.allow_tf32
        assert torch.is_deterministic_algorithms_warn_only_enabled()
        first = torch.rand(3)
    assert os.environ.get("CUBLAS_WORKSPACE_CONFIG") == before
    assert torch.backends.cudnn.allow_tf32 == tf32
    assert not torch.are_deterministic_algorithms_enabled()
    with reproducible(7):
        assert os.environ.get("CUBLAS_WORKSPACE_CONFIG") == before
        assert torch.equal(torch.rand(3), first)


def test_a_paired_gain_is_closer_than_its_shares() -> None:
    """90 trials right in both, 8 in the first alone, 2 in the other alone: 0.06 ± 1.96 · sqrt((0.1 - 0.0036) / 100)."""
    hits, others = np.array([True] * 98 + [False] * 2), np.array([True] * 90 + [False] * 8 + [True] * 2)
    gain = paired(hits, others)
    assert gain.value == pytest.approx(0.06)
    half = 1.959964 * ((0.1 - 0.0036) / 100) ** 0.5
    assert (gain.low, gain.high) == pytest.approx((0.06 - half, 0.06 + half), abs=1e-6)
    assert gain.n == 100
