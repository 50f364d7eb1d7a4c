"""What `aibenchc components` says of the models trained on this machine."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from aibenchc.cli import main
from aibenchrt.train.listing import TrainedVersion, VersionMetric, trained_versions


def _store(home: Path, model: str, version: str, made_s: int, text: str | None = None) -> None:
    folder = home / "models" / "text_classification" / model / version
    folder.mkdir(parents=True)
    metadata = {
        "model": model,
        "key": {"size": "tiny", "seed": 7},
        "data": {"variant": "synthetic"},
        "parameters": 1234,
        "metrics": {"accuracy": {"value": 0.5 + made_s / 100, "low": 0.4, "high": 0.6}},
    }
    path = folder / "metadata.json"
    path.write_text(text if text is not None else json.dumps(metadata), encoding="utf-8")
    os.utime(path, (made_s, made_s))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AIBENCH_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_versions_come_in_the_order_of_their_making_and_half_ones_are_none(home: Path) -> None:
    assert trained_versions("text_classification") == []
    assert not home.exists(), "looking makes nothing"
    _store(home, "textcnn", "b", 2)
    _store(home, "fasttext", "c", 1)
    _store(home, "fasttext", ".writing-d", 3)
    _store(home, "fasttext", "e", 4, text="{")
    _store(home, "fasttext", "f", 5, text="{}")
    assert trained_versions("text_classification") == [
        TrainedVersion("fasttext", "c", "synthetic", "tiny", 7, 1234, (VersionMetric("accuracy", 0.51, 0.4, 0.6),)),
        TrainedVersion("textcnn", "b", "synthetic", "tiny", 7, 1234, (VersionMetric("accuracy", 0.52, 0.4, 0.6),)),
    ]


def test_components_shows_the_latest_of_each_kind(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["components", "text_classification"]) == 0
    assert "trained: none in this home" in capsys.readouterr().out
    _store(home, "fasttext", "older", 1)
    _store(home, "fasttext", "newer", 9)
    assert main(["components", "text_classification"]) == 0
    shown = capsys.readouterr().out
    assert "trained fasttext newer: synthetic data, size tiny, seed 7: accuracy 59.0 % [40.0, 60.0]; 1,234 parameters" in shown
    assert "older" not in shown
    assert "earlier versions: 1" in shown
    assert main(["components"]) == 0
    assert "full: bert_base; trained here: fasttext\n" in capsys.readouterr().out
