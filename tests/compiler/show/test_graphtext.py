"""The text form of graphs."""

from __future__ import annotations

import pytest
from aibenchc.distill import DistillSettings, distill
from aibenchc.graph import Dataset, Edge, Feed, Graph, Guard, QualityTarget, RequestClass, Stage, Task
from aibenchc.show.graphtext import GraphTextError, format_graph, parse_graph
from aibenchrt.component import Port
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_graphs import graphs

TRIES = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@TRIES
@given(graphs())
def test_format_and_parse_are_inverse(graph: Graph) -> None:
    assert parse_graph(format_graph(graph)) == graph


NAMES = st.text(min_size=1, max_size=8) | st.sampled_from(["effect", "many", "when", "until", "task", "ms", "cost", "quality"])


@given(NAMES, NAMES, NAMES, st.floats(0, 1), st.booleans(), st.integers(-5, 5))
def test_any_name_can_be_written(first: str, second: str, third: str, share: float, flag: bool, number: int) -> None:
    stage = Stage(
        first,
        second,
        ((third, number), (second, first)),
        (),
        QualityTarget(second, share),
        (Feed(first, None, second), Feed(second, first, third)),
    )
    task = Task(first, (stage,), (Port(second, "Text", flag, not flag),), (Port(third, second),), flag, not flag, share if flag else None)
    request = RequestClass(second, share, third, first, (Port(first, third),), share if flag else None)
    edge = Edge(first, second, third if flag else None, None if flag else first, (Guard(third, abs(number)),))
    graph = Graph((Dataset(first, second),), (request,), (task,), (edge,), ())
    assert parse_graph(format_graph(graph)) == graph


@pytest.mark.parametrize("text", ["task", "a -> ", "a b", "task t : ", "request r x d.q ()", "choice c two 1.0: a", "task t : nobody", "%"])
def test_what_is_no_graph_is_said_with_its_line(text: str) -> None:
    with pytest.raises(GraphTextError, match="line 2"):
        parse_graph("dataset d = movielens_shop\n" + text)


@TRIES
@given(graphs())
def test_the_text_form_round_trips(graph: Graph) -> None:
    for each in (graph, distill(graph, DistillSettings()).graph):
        assert parse_graph(format_graph(each)) == each
