"""A report of a run directory that somebody else made: whatever its texts and picture hold, the page runs only its own script and fetches
nothing."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Container
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from aibenchrt.plan import Plan, read_plan
from aibenchrt.report.graph_picture import LARGEST, graph_svg
from aibenchrt.report.html import FILES, SCRIPT
from aibenchrt.report.make import REPORT_HTML, report
from aibenchrt.report.series.figures import judged
from aibenchrt.report.series.model import Compiled, Series, SeriesRow, UpdateOf, Word
from aibenchrt.report.series.page import write_summary
from hypothesis import given
from hypothesis import strategies as st
from shop_plan import shop_plan
from synthetic_run import Shape, write_run

PAYLOADS = (
    "<script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "</style><img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "'-alert(1)-'",
    "javascript:alert(1)",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "{{ 7 * 7 }}{% for x in y %}",
    "--><script>alert(1)</script>",
    "]]><script>alert(1)</script>",
    "$\\frac{1}{$",
    "<scr<script>ipt>alert(1)</script>",
    "&lt;script&gt;alert(1)",
    "<base href=https://example.org/><form action=https://example.org/>",
)
PICTURES = (
    '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<svg><scr<script></script>ipt>alert(1)</script></svg>",
    "<svg><a xlink:href='javascript:alert(1)'><text>x</text></a></svg>",
    "<svg><foreignObject><iframe src='https://example.org'/></foreignObject></svg>",
    "<svg><image href='https://example.org/x.png'/></svg>",
    "<svg><style>@import url(https://example.org/x.css);</style></svg>",
    "<svg><animate onbegin='alert(1)' attributeName='x'/></svg>",
    "no picture at all",
    "<script" * 150_000,
)
ELSEWHERE = ("iframe", "object", "embed", "img", "image", "link", "form", "base", "a-outside", "foreignobject", "use-outside")


class _Page(HTMLParser):
    """What a browser would do with it: elements, event attributes, addresses."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: Counter[str] = Counter()
        self.handlers: list[str] = []
        self.addresses: list[str] = []
        self.policy = ""
        self.scripts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[tag] += 1
        given = dict(attrs)
        if tag == "meta" and given.get("http-equiv") == "Content-Security-Policy":
            self.policy = given.get("content") or ""
        if tag == "script":
            assert not attrs
            self.scripts.append("")
        self.handlers += [name for name in given if name.startswith("on")]
        self.addresses += [str(given[name]) for name in ("href", "src", "xlink:href", "action", "srcdoc", "data") if name in given]

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "script":
            self.scripts[-1] += data


def harmless(text: str, files: Container[str] = FILES) -> bool:
    page = _Page(text)
    assert not set(ELSEWHERE) & page.elements.keys()
    assert not page.handlers
    assert all(address.startswith("#") or address in files for address in page.addresses), page.addresses
    assert "default-src 'none'" in page.policy
    assert page.scripts == [SCRIPT]
    allowed = [rule for rule in page.policy.split("; ") if rule.startswith("script-src")]
    assert allowed == [f"script-src 'sha256-{base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()}'"]
    assert text.index("Content-Security-Policy") < text.index("<title>"), "before anything that it is about"
    assert "@import" not in text
    return True


@pytest.fixture(scope="module")
def run_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("page") / "run", Shape(duration_s=5))


def test_what_a_run_directory_holds_is_text_on_the_page(tmp_path: Path, run_directory: Path) -> None:
    directory = tmp_path / "run"
    shutil.copytree(run_directory, directory)
    every = " ".join(PAYLOADS)
    document = json.loads((directory / "run.json").read_text())
    document |= {"title": every, "scenario": every, "run_id": every, "deployment": every, "fault": every, "missing": [every]}
    document |= {"commands": [every], "versions": {every: every}, "hashes": {every: every}, "seeds": {every: 1}}
    for host in document["hosts"]:
        host |= {"name": every, "cpu_model": every, "kernel": every, "os": every}
    for data in document["data"]:
        data |= {"name": every, "licence": every, "provenance": [{"part": every, "origin": "observed", "source": every, "note": every}]}
    for process in document["processes"]:
        process |= {"died": True, "reason": every, "host": every}
    for stage in document["stages"]:
        stage["detail"] = every
    (directory / "run.json").write_text(json.dumps(document))
    (directory / "distilled.svg").write_text("".join(PICTURES))
    report(directory)
    page = (directory / REPORT_HTML).read_text()
    assert harmless(page)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert not any(picture in page for picture in PICTURES), "the page draws its own"
    assert "49" not in page.partition("<title>")[2].partition("</title>")[0], "templates are not filled twice"


def _renamed(document: object, names: dict[str, str]) -> object:
    if isinstance(document, dict):
        return {key: _renamed(value, names) for key, value in document.items()}
    if isinstance(document, list):
        return [_renamed(entry, names) for entry in document]
    return names.get(document, document) if isinstance(document, str) else document


def hostile_plan(plan: Plan) -> Plan:
    """The plan with payloads as the names of its tasks, stages and request classes."""
    own = [*(step.task for step in plan.steps), *(request.name for request in plan.requests)]
    names = {name: f"{PAYLOADS[n % len(PAYLOADS)]}{n}" for n, name in enumerate(own)}
    return Plan.model_validate(_renamed(json.loads(plan.model_dump_json()), names))


def test_names_of_a_plan_are_text_in_its_picture(run_directory: Path) -> None:
    plan = read_plan(run_directory / "plan.json")
    for named in (plan, hostile_plan(plan), hostile_plan(shop_plan())):
        root = ElementTree.fromstring(graph_svg(named))
        assert {element.tag for element in root.iter()} <= {"svg", "path", "rect", "text"}
        shown = {element.text for element in root.iter("text")}
        assert {step.task for step in named.steps} | {request.name for request in named.requests} <= shown
        boxes = len(named.steps) + len(named.requests) + 1
        assert len(list(root.iter("rect"))) >= boxes


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_name_is_text_in_the_picture(task: str, request_class: str) -> None:
    plan = shop_plan()
    names = {plan.steps[0].task: task, plan.requests[0].name: request_class}
    ElementTree.fromstring(graph_svg(Plan.model_validate(_renamed(json.loads(plan.model_dump_json()), names))))


def test_a_plan_that_goes_in_circles_or_is_too_large_is_drawn_somehow() -> None:
    plan = shop_plan()
    last = plan.steps[-1]
    circle = {last.task: plan.steps[0].task}
    ElementTree.fromstring(graph_svg(Plan.model_validate(_renamed(json.loads(plan.model_dump_json()), circle))))
    many = tuple(last.model_copy(update={"task": f"t{n}"}) for n in range(LARGEST))
    assert "too many to draw" in graph_svg(plan.model_copy(update={"steps": many}))


def test_what_the_runs_of_a_series_hold_is_text_on_its_page(tmp_path: Path, run_directory: Path) -> None:
    directory = tmp_path / "run-1"
    shutil.copytree(run_directory, directory)
    every = " ".join(PAYLOADS)
    document = json.loads((directory / "run.json").read_text())
    document |= {"title": every, "started_utc": every, "run_id": every, "code": {"version": every, "commit": every, "sha256": every}}
    for host in document["hosts"]:
        host |= {"cpu_model": every}
    (directory / "run.json").write_text(json.dumps(document))
    (directory / "distilled.svg").write_text("".join(PICTURES))
    plan = Plan.model_validate_json((directory / "plan.json").read_text())
    said = Compiled(
        title=every,
        tasks=2,
        distilled=1,
        updates=(UpdateOf(frequency=every, every_s=1.0, tasks=(every,)),),
        published=every,
        words=(Word(kind=every, word=every, by=()),),
    )
    row = judged(SeriesRow(spec=every, compiled=said), directory)
    (directory / "plan.json").write_text(hostile_plan(plan).model_dump_json())
    failed = SeriesRow(spec="</script>", state="failed", code=every, message=every)
    series = Series(
        key="0" * 64,
        command=every,
        started_utc=every,
        finished=False,
        rows=(row, failed),
        interrupted=(every,),
        exit_code=2,
    )
    page = write_summary(tmp_path, series).read_text()
    assert harmless(page, ("run-1/report.html", "run-1/report.html#scenario", "series.json"))
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") > 10
    assert not any(picture in page for picture in PICTURES), "the page draws its own"
    assert "49" not in page.partition("<title>")[2].partition("</title>")[0]
