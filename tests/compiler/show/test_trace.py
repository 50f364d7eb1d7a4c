"""The trace of distilling: what it says of each step, and its pictures."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from aibenchc.distill import Distilled, DistillSettings, distill
from aibenchc.graph import Graph
from aibenchc.show import trace
from aibenchc.show.graphtext import format_graph, parse_graph
from hypothesis import HealthCheck, given
from hypothesis import settings as trying
from random_graphs import graphs

TRIES = trying(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def tasks_in(svg: str) -> set[str]:
    root = ElementTree.fromstring(svg)
    return {element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}text")}


def test_pictures_show_the_graph_before_after_each_rule_and_at_the_end(ecommerce: Distilled) -> None:
    pictures = dict(trace.pictures(ecommerce, 'a "title" with <marks> & {{ braces }}'))
    assert next(iter(pictures)) == "00-before.svg"
    assert list(pictures)[-1] == "distilled.svg"
    assert len(pictures) == 7  # before, after R1 R2 R3 R4 R6 of the first pass, and the end, which is after R5 of the second
    names = {task.name for task in ecommerce.original.tasks}
    assert names <= tasks_in(pictures["00-before.svg"])
    assert tasks_in(pictures["distilled.svg"]) & names == {task.name for task in ecommerce.graph.tasks} & names
    assert 'a "title" with <marks> & {{ braces }}, distilled' in tasks_in(pictures["distilled.svg"])
    assert dict(trace.pictures(ecommerce, 'a "title" with <marks> & {{ braces }}')) == pictures


def test_the_trace_tells_each_step_with_its_reason(ecommerce: Distilled) -> None:
    for full in (False, True):
        text = trace.render(ecommerce, full)
        for step in ecommerce.steps:
            assert step.why in text
            assert all(name in text for name in step.removed)
        assert (format_graph(ecommerce.original) in text) == (format_graph(ecommerce.graph) in text) == full
        assert [line.split(":")[0] for line in text.splitlines() if line.startswith("# pass")] == [
            "# pass 1, R1", "# pass 1, R2", "# pass 1, R3", "# pass 1, R4", "# pass 1, R6", "# pass 2, R5",
        ]  # fmt: skip


def test_the_short_trace_shows_what_changed_alone_in_rounded_figures(ecommerce: Distilled) -> None:
    lines = trace.render(ecommerce).splitlines()
    assert {line[:2] for line in lines if line} == {"# ", "- ", "+ "}
    added = [line[2:] for line in lines if line.startswith("+ ")]
    assert added
    assert not [line for line in lines if line[0:2] in ("- ", "+ ") and re.search(r"\d\.\d{6,}", line)]
    before, after = (set(format_graph(graph).splitlines()) for graph in (ecommerce.original, ecommerce.graph))
    removed = {line[2:] for line in lines if line.startswith("- ")}
    exact = {line for line in before - after if not re.search(r"\d\.\d{5,}", line)}
    assert exact <= removed, "every line that is gone at the end was removed by some rule"


@pytest.mark.long
@TRIES
@given(graphs())
def test_every_graph_can_be_drawn(graph: Graph) -> None:
    distilled = distill(graph, DistillSettings())
    for _, svg in trace.pictures(distilled, "x"):
        assert tasks_in(svg)
    assert {task.name for task in distilled.graph.tasks} <= tasks_in(trace.final(distilled, "x"))


def test_a_graph_too_large_to_draw_says_so() -> None:
    lines = ["dataset d = movielens_shop", "request text 1.0 d.queries (text: Text, user: User)", "task p : query_parsing", "text -> p"]
    lines += [f"task t{i} effect : event_log (query: Query) -> ()\np -> t{i}" for i in range(400)]
    lines += ["task s : query_suggestion", "p -> s", "s -> response"]
    distilled = distill(parse_graph("\n".join(lines)), DistillSettings())
    assert any("too many to draw" in text for text in tasks_in(trace.final(distilled, "x")))
