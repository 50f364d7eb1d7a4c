"""Every page of the repository names what is there: relative links, paths of files, and modules that `python -m` runs."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest
from paths import ROOT

FOLDERS = ("compiler", "generated", "grammar", "runtime", "specs", "tests")
PAGES = [ROOT / "README.md", *sorted(page for folder in FOLDERS for page in (ROOT / folder).rglob("README.md"))]
FILES = {path.relative_to(ROOT).as_posix() for folder in FOLDERS for path in (ROOT / folder).rglob("*.*") if path.is_file()}
BASES = ("", "compiler/", "compiler/aibenchc/", "runtime/", "runtime/aibenchrt/")  # prefixes that a page may leave out of a path

LINK = re.compile(r"\]\(([^)#\s]+)\)")
# Not the rest of a pattern: `<name>/spec.py`, `{queries,phrases}.py`, `r7_….py`; nor a file that the page's commands write.
FILE = re.compile(r"(?<![\w./<>{}*…$~-])(?:\.\./)?\w[\w./-]*\.(?:py|sh|lark|aib|svg|md)\b(?![\w/]|\.\w)")
MODULE = re.compile(r"python3? -m (aibench[\w.]+)")
WRITTEN = {"roofline.svg"}


def readable(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def stands(name: str, page: Path) -> bool:
    """Whether a file of this path is there: from the page's folder, from a base, or anywhere below the page's folder."""
    folder = page.parent.relative_to(ROOT).as_posix()
    if (page.parent / name).is_file() or any((ROOT / base / name).is_file() for base in BASES):
        return True
    return page.parent != ROOT and any(file.startswith(f"{folder}/") and file.endswith(f"/{name}") for file in FILES)


@pytest.mark.parametrize("page", PAGES, ids=readable)
def test_links_lead_somewhere(page: Path) -> None:
    links = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=readable)
def test_files_are_there(page: Path) -> None:
    named = FILE.findall(re.sub(r"https?://\S+", "", page.read_text(encoding="utf-8")))
    names = {name for name in named if "NAME" not in name} - WRITTEN  # `specs/NAME.aib` stands for any spec
    assert sorted(name for name in names if not stands(name, page)) == []


@pytest.mark.parametrize("page", PAGES, ids=readable)
def test_modules_can_be_run(page: Path) -> None:
    for module in sorted(set(MODULE.findall(page.read_text(encoding="utf-8")))):
        spec = importlib.util.find_spec(module)
        assert spec is not None, module
        assert spec.submodule_search_locations is None or importlib.util.find_spec(f"{module}.__main__"), f"{module} has no __main__"


def test_a_path_that_is_not_there_is_seen() -> None:
    page = ROOT / "runtime" / "README.md"
    names = FILE.findall("`planner/executor.py`, `train/path.py` and [a page](nowhere/README.md)")
    assert [name for name in names if not stands(name, page)] == ["train/path.py", "nowhere/README.md"]
