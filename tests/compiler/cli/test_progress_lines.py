"""Progress where no terminal is."""

from __future__ import annotations

import re

import pytest
from aibenchc.cli.terminal import ProgressLines


def test_a_line_begins_each_piece_and_few_follow(capsys: pytest.CaptureFixture[str]) -> None:
    now = 0.0
    lines = ProgressLines(every_s=10.0, clock=lambda: now)
    for second in range(25):
        now = float(second)
        lines.told(f"load: {second}/s", second / 25)
    lines.told("stop", 0.0)
    shown = [re.sub(r"^\d\d:\d\d:\d\d ", "", line) for line in capsys.readouterr().err.splitlines()]
    assert shown == ["… load", "… load 40 %: 10/s", "… load 80 %: 20/s", "… stop"]


def test_a_share_beyond_the_end_is_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    now = 0.0
    lines = ProgressLines(every_s=10.0, clock=lambda: now)
    lines.told("training", 0.0)
    now = 11.0
    lines.told("training", 7.5)
    assert capsys.readouterr().err.splitlines()[1].endswith("… training 100 %")
