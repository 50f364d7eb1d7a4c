"""What a program takes over from whoever starts it: locale, standard streams, the encoding of the terminal, -OO, ignored signals."""

from __future__ import annotations

import ast
import os
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from aibenchrt.control.local.process import Processes
from paths import ROOT, SPECS

AIBENCHC = [sys.executable, "-m", "aibenchc"]
SPEC = str(SPECS / "ecommerce.aib")
MISSING = "nö…☃.aib"  # each of its letters is missing in some encoding


def aibenchc(*words: str, redirected: str = "", **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Runs the command line as a shell starts it."""
    command = f"exec {shlex.join([*AIBENCHC, *words])} {redirected}"
    return subprocess.run(["bash", "-c", command], env={**os.environ, **environment}, capture_output=True, check=False)


LOCALES: list[dict[str, str]] = [
    {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},  # all of Python is ASCII
    {"LC_ALL": "xx_YY.ISO-8859-1"},  # not installed
    {"LC_ALL": "C"},
]
TERMINALS = [{"PYTHONIOENCODING": "ascii"}, {"PYTHONIOENCODING": "latin-1:strict"}, {"PYTHONIOENCODING": "cp437"}]


@pytest.mark.parametrize("environment", [*LOCALES, *TERMINALS], ids=str)
def test_nothing_that_is_printed_raises(environment: dict[str, str]) -> None:
    ended = aibenchc("check", MISSING, **environment)
    assert ended.returncode == 1
    assert b"error[AIB011]" in ended.stderr
    assert b"Traceback" not in ended.stderr
    ended = aibenchc("components", **environment)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("environment", LOCALES[:2], ids=str)
def test_files_of_any_name_are_read_and_written_in_any_locale(tmp_path: Path, environment: dict[str, str]) -> None:
    spec = tmp_path / MISSING
    shutil.copy(SPEC, spec)
    ended = aibenchc("compile", str(spec), "--out", str(tmp_path / "é"), **environment)
    assert ended.returncode == 0, ended.stderr
    made = ROOT / "generated" / "ecommerce"
    for file in ("load.json", "distilled.svg", "stubs/ecommerce_pb2.py"):
        assert (tmp_path / "é" / file).read_bytes() == (made / file).read_bytes()


@pytest.mark.parametrize("redirected", [">&-", "2>&-", "<&- >&- 2>&-", ">&- 2>/dev/full", "2>/dev/full"])
def test_a_stream_that_is_closed_changes_no_result(tmp_path: Path, redirected: str) -> None:
    assert aibenchc("check", SPEC, redirected=redirected).returncode == 0
    assert aibenchc("check", str(tmp_path / "none.aib"), redirected=redirected).returncode == 1
    assert aibenchc("--help", redirected=redirected).returncode == 0


@pytest.mark.parametrize("words", [["check", SPEC], ["--help"], ["distill", SPEC]])
def test_output_that_cannot_be_written_is_told(words: list[str]) -> None:
    ended = aibenchc(*words, redirected=">/dev/full")
    assert ended.returncode == 2
    assert ended.stderr.startswith(b"error[AIB654]")
    assert b"Traceback" not in ended.stderr


def test_a_file_does_not_take_the_place_of_a_closed_stream(tmp_path: Path) -> None:
    """With stderr closed the next file that is opened would be number 2, and what is told would be written into it."""
    program = (
        "from aibenchrt.surroundings import settle; settle()\n"
        f"file = open({str(tmp_path / 'data')!r}, 'wb')\nimport os; os.write(2, b'told'); os.write(1, b'said'); file.write(b'data')\n"
    )
    command = shlex.join([sys.executable, "-c", program])
    subprocess.run(["bash", "-c", f"exec {command} <&- >&- 2>&-"], check=True)
    assert (tmp_path / "data").read_bytes() == b"data"


@pytest.mark.parametrize("locale", ["C", "xx_YY.ISO-8859-1"])
def test_children_of_a_run_work_in_utf8(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, locale: str) -> None:
    monkeypatch.setenv("LC_ALL", locale)
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    with Processes(tmp_path) as processes:
        child = processes.start("child", "other", [sys.executable, "-c", "import locale; print(locale.setlocale(locale.LC_ALL, ''), 'é☃')"])
        child.ends = True
        assert child.process.wait() == 0
    assert child.log_end().strip() == "C.UTF-8 é☃"


def test_docstrings_and_assertions_may_be_left_out(tmp_path: Path) -> None:
    ended = aibenchc("compile", SPEC, "--out", str(tmp_path / "g"), PYTHONOPTIMIZE="2")
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "g" / "plan.json").read_bytes() == (ROOT / "generated" / "ecommerce" / "plan.json").read_bytes()
    for module in ("planner", "load", "serve.service_host", "wire.health", "collect.host"):
        command = [sys.executable, "-OO", "-m", f"aibenchrt.{module}", "--help"]
        assert b"usage: " in subprocess.run(command, capture_output=True, check=True).stdout


def test_no_assertion_does_anything() -> None:
    """Without assertions (-O) everything goes on as with them: none calls what changes something."""
    pure = {"isinstance", "abs", "len", "sum", "all", "any", "set", "sorted"}
    for tree in ("compiler", "runtime", "templates"):
        for path in sorted((ROOT / tree).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_bytes())):
                if isinstance(node, ast.Assert):
                    called = {ast.unparse(call.func) for call in ast.walk(node.test) if isinstance(call, ast.Call)}
                    assert called <= pure, f"{path}:{node.lineno}"


HANG_UP = """
import os, signal
from aibenchrt.control.local.process import terminations
try:
    with terminations():
        os.kill(os.getpid(), signal.SIGHUP)
    print("still here", signal.getsignal(signal.SIGHUP).name)
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.parametrize(("before", "said"), [([], "interrupted"), (["nohup"], "still here SIG_IGN")])
def test_who_is_started_to_outlive_the_terminal_does(before: list[str], said: str) -> None:
    command = [*before, sys.executable, "-c", HANG_UP]
    ended = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # whatever these tests were started with
    )
    assert ended.stdout.strip() == said
