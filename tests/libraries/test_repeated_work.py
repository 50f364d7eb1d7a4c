"""The library with a planted slowdown answers as the component that it repeats; the pool of deployments plants it in e-commerce search."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from aibenchc.diagnostics import Diagnostics
from aibenchc.source import SourceFile
from aibenchc.syntax.parse import parse_file
from aibenchrt.components.query_parsing.service import work
from paths import ROOT

TEXTS = ("cheap romantic films", '"the matrix" year:1990..1999 -horror', "", "(((", "alien: covenant")


@pytest.fixture
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in (ROOT / "tests" / "libraries" / "repeated_work", ROOT / "tests" / "benchmarks"):
        monkeypatch.syspath_prepend(folder)


@pytest.mark.usefixtures("_importable")
@pytest.mark.parametrize("times", [1, 3])
def test_it_answers_as_the_component_that_it_repeats(times: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import repeated_work.parsing.service as service

    done = []
    monkeypatch.setattr(service, "work", lambda inputs: (done.append(inputs), work(inputs))[1])
    parse = service.open_work(tmp_path, {"times": times}, tmp_path)
    for text in TEXTS:
        assert parse({"text": {"text": text}}) == work({"text": {"text": text}})
    assert len(done) == times * len(TEXTS)
    for name in [name for name in sys.modules if name.partition(".")[0] == "repeated_work"]:
        monkeypatch.delitem(sys.modules, name)


@pytest.mark.usefixtures("_importable")
def test_it_is_planted_in_the_published_scenario_and_nowhere_else() -> None:
    from pool_deployments import planted

    text = (ROOT / "specs" / "ecommerce.aib").read_text(encoding="utf-8")
    slower = planted(text, 20)
    diagnostics = Diagnostics()
    parse_file(SourceFile("planted.aib", slower), diagnostics)
    assert not diagnostics.failed
    changed = [line for line in slower.splitlines() if line not in text.splitlines()]
    assert changed[0] == 'library "repeated_work"'
    assert " ".join(changed[1].split()) == "task parse : repeated_parsing { times 20, service 4.4 ms }"
    assert len(changed) == 2
    with pytest.raises(SystemExit, match="use --plain"):
        planted("aib 1\n", 20)
