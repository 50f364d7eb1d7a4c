"""Training in processes of their own: several at a time, their progress, and every way in which one can end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.progress import Progress, silent
from aibenchrt.train.side_by_side import Piece, side_by_side
from observed_run import wait_until


def meet(mine: Path, other: Path, progress: Progress) -> None:
    """Ends only when the other is at work, too."""
    mine.write_text(str(os.getpid()))
    progress(f"{mine.name}: waits", 0.5)
    wait_until(other.exists)


def fail(_progress: Progress) -> None:
    raise ValueError("no such thing")


def fail_coded(path: Path, _progress: Progress) -> None:
    raise EnvironmentFailure("AIB605", what=path, reason="no space left on its disk", way_out="free some space")


def die(_progress: Progress) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def wait_for_ever(path: Path, progress: Progress) -> None:
    path.write_text(str(os.getpid()))
    while True:
        progress("still there", 0.0)
        time.sleep(0.05)


def test_pieces_run_at_once_and_tell_their_progress(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    told: list[tuple[str, float]] = []
    pieces = [Piece("first", meet, (first, second)), Piece("second", meet, (second, first))]
    side_by_side(pieces, lambda what, share: told.append((what, share)), 2)
    assert sorted(told) == [("first: waits", 0.5), ("second: waits", 0.5)]
    assert len({first.read_text(), second.read_text(), str(os.getpid())}) == 3


def test_no_more_than_so_many_run_at_once(tmp_path: Path) -> None:
    """Each of these finds the one before it ended: its process is gone."""
    places = [tmp_path / str(number) for number in range(3)]
    side_by_side([Piece("one", alone, (places, number)) for number in range(3)], silent, 1)
    assert len({path.read_text() for path in places}) == 3


def alone(places: list[Path], number: int, _progress: Progress) -> None:
    for earlier in places[:number]:
        assert not psutil.pid_exists(int(earlier.read_text()))
    places[number].write_text(str(os.getpid()))


def test_a_failure_ends_the_others(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    with pytest.raises(RuntimeError, match=r"(?s)training a\nTraceback.*ValueError: no such thing"):
        side_by_side([Piece("training a", fail_after, (pid,)), Piece("training b", wait_for_ever, (pid,))], silent, 2)
    assert not psutil.pid_exists(int(pid.read_text()))


def fail_after(path: Path, progress: Progress) -> None:
    wait_until(lambda: path.exists() and bool(path.read_text()))
    fail(progress)


def test_a_coded_failure_keeps_its_code_and_way_out(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFailure) as failure:
        side_by_side([Piece("a", fail_coded, (tmp_path,))], silent, 2)
    assert (failure.value.code, failure.value.hint) == ("AIB605", "free some space")
    assert str(tmp_path) in failure.value.message


def test_a_process_that_dies_is_named() -> None:
    with pytest.raises(EnvironmentFailure, match=r"AIB721: the process of training a has died: signal 9 \(SIGKILL\)"):
        side_by_side([Piece("training a", die, ())], silent, 2)


def test_pieces_end_with_the_process_that_began_them(tmp_path: Path) -> None:
    pid, module = tmp_path / "pid", tmp_path / "begins.py"
    module.write_text(
        textwrap.dedent(f"""
            from pathlib import Path
            from aibenchrt.progress import silent
            from aibenchrt.train.side_by_side import Piece, side_by_side
            from test_side_by_side import wait_for_ever

            if __name__ == "__main__":
                side_by_side([Piece("a", wait_for_ever, (Path({str(pid)!r}),))], silent, 2)
        """)
    )
    begun = subprocess.Popen([sys.executable, module], env={**os.environ, "PYTHONPATH": ":".join(sys.path)})
    try:
        wait_until(lambda: pid.exists() and bool(pid.read_text()))
    finally:
        begun.kill()
        begun.wait()
    wait_until(lambda: not psutil.pid_exists(int(pid.read_text())))
