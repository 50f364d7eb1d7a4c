"""The script that sorts a report's tables, in a browser."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path

import pytest
from aibenchrt.report.html import SCRIPT

pytestmark = [pytest.mark.long, pytest.mark.skipif(shutil.which("chromium") is None, reason="needs Debian's chromium")]

ROWS = (("rank", "1,200.5"), ("Ärger", "–"), ("index", "−3"), ("sort", "< 0.01"), ("embed", "2e3"), ("zoom", "beyond all answers"))
PAGE = """<!doctype html><meta charset="utf-8"><pre id="said"></pre>
<table><thead><tr><th>task</th><th>p99, ms <a href="#p99">?</a></th></tr></thead><tbody>{rows}</tbody></table>
<script>{script}</script>
<script>
const [task, time] = document.querySelectorAll("th"), said = {{}};
const order = () => [...document.querySelectorAll("tbody tr")].map((row) => row.cells[0].textContent);
const note = (what) => said[what] = [order(), task.getAttribute("aria-sort"), time.getAttribute("aria-sort")];
const key = (name) => time.dispatchEvent(new KeyboardEvent("keydown", {{key: name, bubbles: true, cancelable: true}}));
note("at first");
time.firstElementChild.click(); note("its definition");
time.click(); note("a click");
time.click(); note("another");
task.click(); note("the other column");
key("x"); note("some key");
key("Enter"); note("Enter");
key(" "); note("blank");
document.getElementById("said").textContent = JSON.stringify(said);
</script>"""


def test_a_column_is_sorted_by_click_and_key(tmp_path: Path) -> None:
    rows = "".join(f"<tr><td>{task}</td><td>{time}</td></tr>" for task, time in ROWS).replace("< 0", "&lt; 0")
    page = tmp_path / "page.html"
    page.write_text(PAGE.format(rows=rows, script=SCRIPT), encoding="utf-8")
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", page.as_uri()]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=240).stdout
    found = re.search(r'<pre id="said">(.*?)</pre>', shown)
    assert found is not None, shown[-2000:]
    said = json.loads(unescape(found[1]))
    as_written = [task for task, _ in ROWS]
    rising = ["index", "sort", "rank", "embed", "Ärger", "zoom"]  # by number; what is no number comes last
    assert said["at first"] == said["its definition"] == [as_written, None, None]
    assert said["a click"][0][:4] == rising[:4]
    assert sorted(said["a click"][0][4:]) == sorted(rising[4:])
    assert said["a click"][1:] == [None, "ascending"]
    assert said["another"][0] == said["a click"][0][::-1]
    assert said["another"][1:] == [None, "descending"]
    assert said["the other column"] == [["Ärger", "embed", "index", "rank", "sort", "zoom"], "ascending", None]
    assert said["some key"] == said["the other column"]
    assert said["Enter"] == said["a click"]
    assert said["blank"] == said["another"]
