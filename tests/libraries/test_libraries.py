"""Libraries of others in the compiler and in a process: found where a spec names them, checked, and gone with the next spec."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from aibenchc.cli import main
from aibenchc.diagnostics import Diagnostics
from aibenchc.model import Scenario
from aibenchc.source import SourceFile
from aibenchc.syntax.format import format_spec
from aibenchc.syntax.parse import parse
from aibenchc.validate import validate
from aibenchrt import catalog
from aibenchrt.code_key import code_key, reachable
from aibenchrt.component import PORT_TYPES
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.libraries import in_use, open_plan, use, use_as_planned
from aibenchrt.metrics import METRICS
from aibenchrt.plan import PlanLibrary
from partner import TICKETS
from partner_package import installed
from paths import ROOT

SPEC = """
from aibenchrt.component import ComponentSpec, Kind, Port, Ports
from aibenchrt.libraries import Library

SPEC = ComponentSpec(
    name="{name}", package=__package__, family="counting", kind=Kind.SERVICE, doc="counts words",
    ports=Ports((Port("text", "{type}"),), (Port("words", "Count"),)),
)
LIBRARY = Library(components=(SPEC,))
"""
AI_SPEC = """
from aibenchrt.component import ComponentSpec, Kind, Model, Port, Ports, Profile
from aibenchrt.libraries import Library

SPEC = ComponentSpec(
    name="word_kind", package=__package__, family="counting", kind=Kind.AI, doc="kinds of words",
    ports=Ports((Port("text", "Text"),), (Port("kind", "Category"),)),
    models=(Model("tiny", Profile.SMALL, (("accuracy", 0.5),), 0.1, "ours"),), trains=True,
)
LIBRARY = Library(components=(SPEC,))
"""
CLUSTERED = """
from aibenchrt.component import DatasetSpec, Port, RequestSource
from aibenchrt.libraries import Library

WORDS = DatasetSpec(
    name="words", package=__package__, doc="", licence="", data_class=("text",), metrics=(),
    sources=(RequestSource("all", (Port("text", "Text"),), ""),), clustered_by="reader",
)
LIBRARY = Library(datasets=(WORDS,))
"""
NAMING = "aib 1\n\n{libraries}\nscenario s {{\n}}\n"


@pytest.fixture(autouse=True)
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on sys.path; modules imported from it are forgotten afterwards."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    before = set(sys.modules)
    yield folder
    use(())
    for name in set(sys.modules) - before:
        if name.partition(".")[0].startswith("partner_"):
            del sys.modules[name]


def checked(text: str) -> tuple[Scenario | None, Diagnostics]:
    diagnostics = Diagnostics()
    tree = parse(SourceFile("spec.aib", text), diagnostics, lambda *_: None)
    return (validate(tree, diagnostics) if tree is not None else None), diagnostics


def naming(*libraries: str) -> Diagnostics:
    """The diagnostics of a spec that names these libraries."""
    return checked(NAMING.format(libraries="\n".join(f'library "{name}"' for name in libraries)))[1]


def test_what_a_library_adds_may_be_named_and_is_gone_with_the_next_spec(site: Path) -> None:
    installed(site, "partner_words", {"library.py": SPEC.format(name="word_count", type="Text")})
    naming("partner_words")
    assert "word_count" in catalog.COMPONENTS
    assert catalog.component("word_count") is catalog.COMPONENTS["word_count"]
    assert list(catalog.COMPONENTS)[-1] == "word_count"
    assert [row.name for row in in_use()] == ["partner_words"]
    checked("aib 1\nscenario s {\n}\n")
    assert "word_count" not in catalog.COMPONENTS
    assert in_use() == ()


@pytest.mark.parametrize(
    ("library", "problem"),
    [
        ("import no_such_module_anywhere", "cannot be imported: ModuleNotFoundError: No module named 'no_such_module_anywhere'"),
        ("raise SystemExit(3)", "cannot be imported: SystemExit: 3"),
        ("LIBRARY = {}", "is a dict, not a Library"),
        ("OTHER = 1", "cannot be imported: AttributeError"),
        (SPEC.format(name="word_count", type="Nowhere"), "component word_count has the port type 'Nowhere', which nobody defines"),
        (SPEC.format(name="word count", type="Text"), "component 'word count': a name has letters"),
        (SPEC.format(name="word_count", type="Text").replace("package=__package__", 'package=""'), "names no package"),
        (
            SPEC.format(name="word_count", type="Text").replace('doc="counts words"', 'doc="", metrics=("beauty",)'),
            "component word_count has the metric 'beauty', which nobody defines",
        ),
        (CLUSTERED, "data set words is clustered by 'reader', which no request source of it has as a port"),
    ],
)
def test_a_broken_library_is_told_where_the_spec_names_it(site: Path, library: str, problem: str) -> None:
    installed(site, "partner_broken", {"library.py": library})
    (diagnostic,) = naming("partner_broken").all
    assert diagnostic.code.id == "AIB697"
    assert problem in diagnostic.message
    assert diagnostic.span is not None
    assert diagnostic.span.source.text[diagnostic.span.start : diagnostic.span.end] == '"partner_broken"'
    assert diagnostic.hint
    assert in_use() == ()
    assert not catalog.COMPONENTS.added


def test_the_hint_for_training_names_a_spec_of_the_librarys(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AIBENCH_HOME", str(tmp_path / "home"))
    installed(site, "partner_kinds", {"library.py": AI_SPEC})
    assert main(["components", "word_kind", "--library", "partner_kinds"]) == 0
    hint = '`aibenchc bench component word_kind --train --spec SPEC`, with a SPEC that says `library "partner_kinds"`'
    assert hint in capsys.readouterr().out


def test_a_library_that_imports_torch_is_refused(site: Path, tmp_path: Path) -> None:
    """In a process of its own, with torch itself: this one may have imported it before."""
    installed(site, "partner_heavy", {"library.py": "import torch\n" + SPEC.format(name="word_count", type="Text")})
    spec = tmp_path / "heavy.aib"
    spec.write_text(NAMING.format(libraries='library "partner_heavy"'), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])}
    command = [sys.executable, "-m", "aibenchc", "check", str(spec), "--json"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 1, ended.stderr
    (diagnostic,) = json.loads(ended.stdout)["diagnostics"]
    assert (diagnostic["code"], "imports torch, which only training may" in diagnostic["message"]) == ("AIB697", True)


def test_a_library_that_is_not_installed(site: Path) -> None:
    installed(site, "partner_words", {"library.py": SPEC.format(name="word_count", type="Text")})
    (diagnostic,) = naming("partner_wrods").all
    assert diagnostic.code.id == "AIB696"
    assert "partner_words" in diagnostic.hint, "what is installed"


def test_a_library_is_named_once(site: Path) -> None:
    installed(site, "partner_words", {"library.py": SPEC.format(name="word_count", type="Text")})
    assert "AIB115" in {diagnostic.code.id for diagnostic in naming("partner_words", "partner_words").all}


def test_names_clash_with_ours_and_with_each_other(site: Path) -> None:
    installed(site, "partner_words", {"library.py": SPEC.format(name="word_count", type="Text")})
    installed(site, "partner_others", {"library.py": SPEC.format(name="word_count", type="Text")})
    installed(site, "partner_sort", {"library.py": SPEC.format(name="sort", type="Text")})
    (diagnostic,) = naming("partner_sort").all
    assert diagnostic.code.id == "AIB698"
    assert diagnostic.message == "library 'partner_sort' has a component called 'sort', and so has aibenchc"
    (diagnostic,) = naming("partner_words", "partner_others").all
    assert diagnostic.message == "library 'partner_others' has a component called 'word_count', and so has partner_words"
    assert catalog.COMPONENTS["sort"].package == "aibenchrt.components.sort"


def test_an_entry_point_that_two_packages_declare(site: Path) -> None:
    installed(site, "partner_one", {"library.py": SPEC.format(name="word_count", type="Text")}, entry="partner_words")
    installed(site, "partner_two", {"library.py": SPEC.format(name="word_count", type="Text")}, entry="partner_words")
    (diagnostic,) = naming("partner_words").all
    assert diagnostic.code.id == "AIB697"
    assert "partner_one and partner_two both declare it" in diagnostic.message


def test_a_plan_asks_for_the_version_that_it_was_compiled_with(site: Path) -> None:
    installed(site, "partner_words", {"library.py": SPEC.format(name="word_count", type="Text")}, version="2.0")
    use_as_planned([PlanLibrary(name="partner_words", distribution="partner_words", version="2.0")])
    assert "word_count" in catalog.COMPONENTS
    with pytest.raises(EnvironmentFailure, match=r"AIB699: .*partner_words 1\.9.*partner_words 2\.0"):
        use_as_planned([PlanLibrary(name="partner_words", distribution="partner_words", version="1.9")])


def test_a_plan_of_ours_takes_what_was_in_use_out_again(site: Path) -> None:
    installed(site, "partner_words", {"library.py": SPEC.format(name="word_count", type="Text")})
    use(["partner_words"])
    assert open_plan(ROOT / "generated" / "ecommerce" / "plan.json").libraries == ()
    assert "word_count" not in catalog.COMPONENTS


def test_keys_of_code_follow_a_librarys_modules_and_ours(site: Path) -> None:
    files = {
        "library.py": SPEC.format(name="word_count", type="Text"),
        "count/__init__.py": "",
        "count/service.py": "from . import words\nfrom ..deep import more\nfrom aibenchrt.values import Work\n",
        "count/words.py": "WORDS = 1\n",
        "deep/__init__.py": "",
        "deep/more.py": "MORE = 1\n",
        "deep/unused.py": "UNUSED = 1\n",
    }
    installed(site, "partner_words", files)
    roots = ["partner_words.count.service"]
    assert {"partner_words.count.words", "partner_words.deep.more", "aibenchrt.values"} <= set(reachable(roots))
    key = code_key(roots)
    for path, changes in (("count/words.py", True), ("deep/more.py", True), ("deep/unused.py", False)):
        file = site / "partner_words" / path
        text = file.read_text()
        file.write_text(f"{text}EDITED = 1\n")
        assert (code_key(roots) != key) is changes, path
        file.write_text(text)


def test_the_partners_scenario_is_formatted_as_the_language_has_it() -> None:
    text = TICKETS.read_text(encoding="utf-8")
    tree = parse(SourceFile("tickets.aib", text), Diagnostics(), lambda *_: None)
    assert tree is not None
    assert format_spec(tree) == text


def test_ours_are_what_they_were() -> None:
    assert not any(registry.added for registry in (catalog.COMPONENTS, catalog.DATASETS, PORT_TYPES, METRICS))
