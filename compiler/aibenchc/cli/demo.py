"""demo: the whole line on e-commerce search, verb by verb, as one would type them: check, distill, run, validate."""

from __future__ import annotations

import argparse
import os
import shlex
import time
import webbrowser
from pathlib import Path

from aibenchrt.errors import EnvironmentFailure
from aibenchrt.exit_codes import ExitCode
from aibenchrt.whole_file import write_text

from aibenchc.cli import run as run_verb
from aibenchc.cli.folders import published
from aibenchc.cli.output import complain
from aibenchc.cli.terminal import needs
from aibenchc.cli.verbs import BY_NAME

SCENARIO = "ecommerce"
FOLDER = Path("aibenchc-demo")
# A p99 needs 2,000 requests, which would take a minute; a p95 needs 400, and these seconds bring 480.
SHORTER = (("latency p50 p90 p99 }", "latency p50 p90 p95 }"), ("slo     { latency p99 <", "slo     { latency p95 <"))
LOAD = ("--data", "synthetic", "--size", "tiny", "--rate", "30", "--duration", "16", "--warmup", "3", "--supplement", "3")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--folder", type=Path, default=FOLDER, help=f"where the spec, what is compiled of it and the run go ({FOLDER})")
    parser.add_argument("--no-open", action="store_true", help="only say where the report is; otherwise it is opened where a display is")


def run(arguments: argparse.Namespace) -> int:
    """The exit code of `validate`, or of the first verb that fails. EnvironmentFailure: as `run` and `validate` raise."""
    needs("run", "demo")
    began = time.monotonic()
    folder: Path = arguments.folder
    spec = _write_spec(folder)
    for words in (["check", str(spec)], ["distill", str(spec), "--svg", str(folder / "distilling")]):
        if code := _perform(words):
            return code
    words = ["run", str(spec), "--out", str(folder / "generated" / SCENARIO), "--runs", str(folder / "runs"), *LOAD]
    _show(words)
    directory = run_verb.directory_of(BY_NAME["run"].read(words[1:]))
    if directory is None:
        return ExitCode.AUTHOR
    complain(f"{directory}: measured, {time.monotonic() - began:.0f} s after the demo began")
    code = _perform(["validate", str(directory), "--report"])
    show_page(directory / "report.html", opened=not arguments.no_open)
    return code


def demo_spec() -> str:
    """The published scenario, with the percentiles that the demo's short load can show."""
    text = (published() / f"{SCENARIO}.aib").read_text(encoding="utf-8")
    for whole, shorter in SHORTER:
        assert whole in text
        text = text.replace(whole, shorter)
    return text


def _write_spec(folder: Path) -> Path:
    path = folder / f"{SCENARIO}.aib"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_text(path, demo_spec())
    except OSError as error:
        raise EnvironmentFailure("AIB507", path=path, reason=error.strerror, way_out="name another folder with --folder") from error
    return path


def _show(words: list[str]) -> None:
    complain(f"\n$ aibenchc {shlex.join(words)}")


def _perform(words: list[str]) -> int:
    _show(words)
    verb = BY_NAME[words[0]]
    return verb.module().run(verb.read(words[1:]))


def show_page(page: Path, *, opened: bool) -> None:
    """Says where it is, and opens it in a browser where a display is; a text browser would take over the terminal."""
    display = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    shown = bool(opened and display) and webbrowser.open(page.resolve().as_uri())
    complain(f"the report{', opened in your browser' if shown else ''}: {page.resolve()}")
