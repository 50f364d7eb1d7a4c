"""Text cases: a spec and what the compiler says about it, in one file under tests/cases.

    === main.aib                 the spec; further files by their names
    === escaped NAME             a file with \\x escapes
    === repeat NAME COUNT        a file with the line below, COUNT times
    === link NAME -> TARGET      a symbolic link
    === hosts.ini                under cases/hosts: the inventory that it is compiled for
    === param NAME=VALUE         as on the command line
    === include FOLDER
    === without RULE             under cases/emission: as on the command line
    === dataset NAME = KNOWN     the catalogue has another data set, like one that it has
    === moving pictures          the catalogue has the rows of tests/support/moving_pictures.py, too
    === specified NAME           this component or data set of the catalogue has no implementation
    === diagnostics              what `aibenchc check main.aib` prints (under cases/emission `compile`, with hosts `plan`)

`AIBENCHC_UPDATE_CASES=1 pytest tests/compiler/test_cases.py` rewrites the expected part; read the difference before committing it.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field, replace
from pathlib import Path

import moving_pictures
import pytest
from aibenchc.codes import CODES
from aibenchc.diagnostics import Diagnostics, render_text, to_json
from aibenchc.distill import select
from aibenchc.driver import CompileSettings, compile_spec
from aibenchc.placement.inventory import read_inventory
from aibenchc.syntax.files import Files
from aibenchc.syntax.parse import parse
from aibenchc.validate import validate
from aibenchrt import catalog
from aibenchrt.component import DatasetSpec
from paths import TESTS

CASES = TESTS / "cases"
FRONT_END = ("syntax", "names", "types", "distilling", "placement", "ok")
EMISSION = "emission"  # compiled
HOSTS = "hosts"  # compiled for the hosts of an inventory, hosts.ini
UPDATE = "AIBENCHC_UPDATE_CASES"
_MARK = "=== diagnostics\n"


@dataclass
class CaseFile:
    params: dict[str, str] = field(default_factory=dict)
    includes: list[Path] = field(default_factory=list)
    without: str | None = None
    datasets: list[DatasetSpec] = field(default_factory=list)
    specified: list[str] = field(default_factory=list)
    moving: bool = False


def paths(folders: tuple[str, ...] = (*FRONT_END, EMISSION, HOSTS)) -> list[Path]:
    return sorted(path for folder in folders for path in (CASES / folder).glob("*.case"))


def write_files(text: str, folder: Path) -> CaseFile:
    case = CaseFile()
    for part in re.split(r"^=== ", text, flags=re.MULTILINE)[1:]:
        head, _, body = part.partition("\n")
        words = head.split()
        if words[0] == "param":
            name, _, value = head.removeprefix("param ").partition("=")
            case.params[name] = value
        elif words[0] == "include":
            case.includes.append(Path(words[1]))
        elif words[0] == "without":
            case.without = words[1]
        elif words[0] == "dataset":
            case.datasets.append(replace(catalog.DATASETS[words[3]], name=words[1]))
        elif words[0] == "moving":
            case.moving = True
        elif words[0] == "specified":
            case.specified.append(words[1])
        elif words[0] == "link":
            (folder / words[1]).symlink_to(words[3])
        else:
            data = body.encode()
            if words[0] == "escaped":
                data = body.rstrip("\n").encode().decode("unicode_escape").encode("latin-1")
            elif words[0] == "repeat":
                data = body.encode() * int(words[2])
            path = folder / (words[1] if len(words) > 1 else words[0])
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    return case


def diagnose(case: CaseFile) -> Diagnostics:
    diagnostics = Diagnostics()
    files = Files(Path("main.aib"), case.includes, diagnostics)
    source = files.open_spec()
    spec = parse(source, diagnostics, files.open_include) if source else None
    scenario = validate(spec, diagnostics, case.params, files.open_trace) if spec else None
    assert (scenario is None) == diagnostics.failed
    return diagnostics


def diagnose_compiled(case: CaseFile, hosts: bool) -> Diagnostics:
    diagnostics = Diagnostics()
    files = Files(Path("main.aib"), case.includes, diagnostics)
    source = files.open_spec()
    assert source is not None
    inventory = read_inventory(Path("hosts.ini"), diagnostics) if hosts else None
    settings = CompileSettings(params=case.params, rules=select(None, case.without), inventory=inventory)
    if not diagnostics.failed:
        compiled = compile_spec(source, settings, diagnostics, files.open_include, files.open_trace)
        assert (compiled is None) == diagnostics.failed
    return diagnostics


@pytest.mark.parametrize("path", paths(), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_case(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text, _, expected = path.read_text(encoding="utf-8").partition(_MARK)
    monkeypatch.chdir(tmp_path)
    case = write_files(text, tmp_path)
    if case.moving:
        moving_pictures.use(monkeypatch)
    for dataset in case.datasets:
        monkeypatch.setitem(catalog.DATASETS.own, dataset.name, dataset)
    for name in case.specified:
        for registry in (catalog.COMPONENTS, catalog.DATASETS):
            if name in registry:
                monkeypatch.setitem(registry.own, name, replace(registry[name], implemented=False))
    folder = path.parent.name
    diagnostics = diagnose_compiled(case, folder == HOSTS) if folder in (HOSTS, EMISSION) else diagnose(case)
    rendered = render_text(diagnostics)
    if os.environ.get(UPDATE):
        path.write_text(text + _MARK + rendered, encoding="utf-8")
        return
    assert rendered == expected
    assert len(to_json(diagnostics)) == len(diagnostics.all)
    code = re.match(r"AIB\d{3}", path.stem)
    if code:
        assert code[0] in {diagnostic.code.id for diagnostic in diagnostics.all}, f"{path.name} does not show {code[0]}"


def test_every_code_of_the_front_end_has_a_case() -> None:
    shown = {match for path in paths() for match in re.findall(r"\[(AIB\d{3})\]", path.read_text(encoding="utf-8").partition(_MARK)[2])}
    shown.add("AIB219")  # every model of the catalogue has its component's metrics: validate/test_validate.py takes one away
    shown |= {"AIB022", "AIB237", "AIB238"}  # of specs that are too large: tests/hostile/test_costly_specs.py
    shown |= {"AIB419", "AIB420"}  # of placements that end at a budget: placement/test_exact.py
    missing = {code for code in CODES if code < "AIB300" or "AIB405" <= code < "AIB500"} | {"AIB403", "AIB501", "AIB505"}
    missing -= shown
    assert not missing


def test_every_error_points_to_a_place_and_shows_a_way_out() -> None:
    for path in paths():
        expected = path.read_text(encoding="utf-8").partition(_MARK)[2]
        for block in filter(None, expected.split("\n\n")):
            assert re.search(r"^ --> ", block, re.MULTILINE), f"{path.name}: no place"
            assert re.search(r"= help: \S", block), f"{path.name}: no way out"
