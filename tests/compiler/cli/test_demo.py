"""demo: its spec, its load, and its browser."""

from __future__ import annotations

import difflib
import subprocess
import sys
from pathlib import Path

import pytest
from aibenchc.cli import main
from aibenchc.cli.demo import LOAD, demo_spec
from paths import SPECS

SHOW = """
import sys
from pathlib import Path
from aibenchc.cli.demo import show_page
show_page(Path(sys.argv[1]), opened=sys.argv[2] == "yes")
"""


def test_its_spec_is_the_published_one_but_for_the_percentiles() -> None:
    whole = (SPECS / "ecommerce.aib").read_text(encoding="utf-8").splitlines()
    changed = [line for line in difflib.ndiff(whole, demo_spec().splitlines()) if line[0] in "+-"]
    assert [line.replace("p99", "p95").lstrip("+- ") for line in changed[::2]] == [line.lstrip("+- ") for line in changed[1::2]]
    assert len(changed) == 4


def test_its_load_is_long_enough_for_every_percentile_and_for_300_requests(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = dict(zip(LOAD[::2], LOAD[1::2], strict=True))
    assert float(options["--rate"]) * float(options["--duration"]) >= 300
    spec = tmp_path / "ecommerce.aib"
    text = demo_spec().replace("for 84 s", f"for {options['--duration']} s").replace("rate = 30/s", f"rate = {options['--rate']}/s")
    spec.write_text(text, encoding="utf-8")
    assert main(["check", str(spec)]) == 0
    assert capsys.readouterr().err == ""  # AIB236 would say that the load brings too few
    spec.write_text(text.replace("p95", "p99"), encoding="utf-8")
    assert main(["check", str(spec)]) == 0
    assert "AIB236" in capsys.readouterr().err


def shown(tmp_path: Path, wanted: str = "yes", **environment: str) -> tuple[str, str]:
    """What the browser was told to open, empty if it was not started; and what was said."""
    browser, page, told = tmp_path / "browser", tmp_path / "a b" / "report.html", tmp_path / "told"
    browser.write_text(f"#!/bin/sh\necho \"$1\" >'{told}'\n", encoding="utf-8")
    browser.chmod(0o755)
    environment = {"PATH": "/usr/bin:/bin", "BROWSER": str(browser), "PYTHONPATH": ":".join(sys.path), **environment}
    ended = subprocess.run([sys.executable, "-c", SHOW, str(page), wanted], env=environment, capture_output=True, text=True, check=True)
    return told.read_text(encoding="utf-8").strip() if told.exists() else "", ended.stderr


@pytest.mark.parametrize("display", ["DISPLAY", "WAYLAND_DISPLAY"])
def test_the_report_is_opened_where_a_display_is(display: str, tmp_path: Path) -> None:
    page, said = shown(tmp_path, **{display: ":0"})
    assert page == (tmp_path / "a b" / "report.html").as_uri()
    assert said == f"the report, opened in your browser: {tmp_path / 'a b' / 'report.html'}\n"


@pytest.mark.parametrize(("wanted", "display"), [("yes", ""), ("no", ":0")])
def test_no_browser_is_started_without_a_display_or_where_nobody_wants_one(wanted: str, display: str, tmp_path: Path) -> None:
    assert shown(tmp_path, wanted, DISPLAY=display) == ("", f"the report: {tmp_path / 'a b' / 'report.html'}\n")


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert main(["demo", "--folder", str(tmp_path / "file")]) == 2
    assert capsys.readouterr().err.startswith("error[AIB507]: cannot write ")
