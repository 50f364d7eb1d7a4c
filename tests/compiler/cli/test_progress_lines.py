"""Progress on a terminal, and where none is."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys

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


def test_what_only_a_number_tells_apart_is_one_piece(capsys: pytest.CaptureFixture[str]) -> None:
    now = 0.0
    lines = ProgressLines(every_s=10.0, clock=lambda: now)
    for number in range(1, 22):
        now = float(number)
        lines.told(f"taking pictures of person {number:,} of 370", number / 370)
    for model in ("resnet20", "resnet56"):
        lines.told(f"training {model}", 0.0)
    shown = [re.sub(r"^\d\d:\d\d:\d\d … ", "", line) for line in capsys.readouterr().err.splitlines()]
    assert shown == [
        "taking pictures of person 1 of 370",
        "taking pictures of person 11 of 370 3 %",
        "taking pictures of person 21 of 370 6 %",
        "training resnet20",
        "training resnet56",
    ]


def test_a_share_beyond_the_end_is_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    now = 0.0
    lines = ProgressLines(every_s=10.0, clock=lambda: now)
    lines.told("training", 0.0)
    now = 11.0
    lines.told("training", 7.5)
    assert capsys.readouterr().err.splitlines()[1].endswith("… training 100 %")


BARS = """
import time
from aibenchc.cli.terminal import progress_bars
with progress_bars() as told:
    for epoch in (1, 2, 3):
        told(f"training neumf: epoch {epoch} of 4", epoch / 4)
        time.sleep(0.3)  # how long an epoch takes: the time that is left follows from it
    told("load: 31.4/s, p99 44.5 ms, none failed", 0.25)
"""


def on_a_terminal(**environment: str) -> str:
    """What the bars leave on a terminal, without the sequences that move the cursor."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen([sys.executable, "-c", BARS], stderr=theirs, env={**os.environ, "COLUMNS": "100", **environment})
    os.close(theirs)
    said = b""
    while True:
        try:
            said += os.read(ours, 1 << 16)
        except OSError:  # the other end has closed
            break
    os.close(ours)
    assert process.wait() == 0
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", said.decode())


def test_a_bar_shows_its_figures_and_the_time_left_and_ends_at_100_percent() -> None:
    shown = on_a_terminal(TERM="xterm")
    assert re.search(r"training neumf: epoch 3 of 4 [^a-z]* 75 % 0:00:\d\d left 0:00:\d\d", shown), shown
    last = [line.strip() for line in shown.replace("\r", "\n").splitlines() if line.strip()][-2:]
    assert [re.sub(r"0:00:\d\d left", "left", re.sub(r" [━╸╺ ]+ *", " ", line)) for line in last] == [
        "training neumf: epoch 3 of 4 100 % left 0:00:00",
        "load: 31.4/s, p99 44.5 ms, none failed 100 % left 0:00:00",
    ]


def test_a_terminal_that_moves_no_cursor_gets_lines() -> None:
    said = [re.sub(r"^\d\d:\d\d:\d\d ", "", line) for line in on_a_terminal(TERM="dumb").splitlines()]
    assert said == ["… training neumf", "… load"]
