"""The README says what is true: its spec compiles, its table names every verb, and its list every exit code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from aibenchc.cli import main
from aibenchc.cli.verbs import VERBS
from aibenchrt.exit_codes import EXIT_CODES, ExitCode, PlanExitCode
from paths import ROOT

README = ROOT / "README.md"


def test_its_spec_has_ten_lines_and_compiles(tmp_path: Path) -> None:
    (text,) = re.findall(r"^```\n(aib 1\n.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert len(text.splitlines()) == 10
    spec = tmp_path / "shop.aib"
    spec.write_text(text, encoding="utf-8")
    assert main(["compile", str(spec), "--out", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "plan.json").is_file()


@pytest.mark.parametrize("verb", [verb.name for verb in VERBS])
def test_it_names_every_verb(verb: str) -> None:
    commands = " ".join(re.findall(r"^\| (`aibenchc .*?) \|", README.read_text(encoding="utf-8"), re.MULTILINE))
    assert re.search(rf"\b{verb}\b", commands)


def test_the_compilers_page_says_what_every_verb_calls() -> None:
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", (ROOT / "compiler" / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(re.findall(r"\w+", " ".join(rows))) == sorted(verb.name for verb in VERBS)


def test_it_lists_every_exit_code() -> None:
    text = README.read_text(encoding="utf-8").replace("\n", " ")
    (codes, plan_codes) = re.findall(r"Exit codes: (.*?)\. `plan --diff` has its own: (.*?), as", text)[0]
    listed = dict(entry.split(" ", 1) for entry in codes.split("; "))
    assert [int(code) for code in listed] == list(EXIT_CODES) == list(ExitCode)
    assert all(code.name in listed[str(code)] for code in (ExitCode.INVALID, ExitCode.INCONCLUSIVE))
    assert {int(code) for code in re.findall(r"\d+", plan_codes)} == set(PlanExitCode)


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings: lower case, hyphens for spaces, no punctuation."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", [*sorted(ROOT.glob("[!.]*/README.md")), README], ids=lambda page: page.parent.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")) if "://" not in link]
    files = {link: page.parent / file if (file := link.partition("#")[0]) else page for link in links}
    assert [link for link, file in files.items() if not file.exists()] == []
    named = {link: file for link, file in files.items() if "#" in link}
    assert [link for link, file in named.items() if link.partition("#")[2] not in anchors(file)] == []
