"""Idle edges: those that bring data only where their target is skipped."""

from __future__ import annotations

from dataclasses import replace

from aibenchc.flow import Case, FindingKind, Flow, analyse, expand, idle_edges
from aibenchc.graph import Edge, Fallback, Graph, Guard, PortRef
from aibenchc.show.graphtext import parse_graph
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_graphs import graphs


def live(flow: Flow, edge: Edge, case: Case) -> bool:
    """Whether the edge is live in the case, by the definition in graph.py."""
    first = {choice.name for choice in flow.graph.choices if isinstance(choice, Fallback)}
    taken = {guard.choice: guard.arm for guard in case.arms}
    if edge.source != case.request and not (edge.source in flow.runs and flow.runs_in(edge.source, case)):
        return False
    return all(g.choice in taken and (g.arm <= taken[g.choice] if g.choice in first else g.arm == taken[g.choice]) for g in edge.guards)


def edges_to_skipped(flow: Flow) -> list[Edge]:
    """New edges from what runs in a case to what is skipped in it and stands later."""
    place = {name: i for i, name in enumerate(flow.order)}
    tasks = {task.name: task for task in flow.graph.tasks}
    return [
        edge
        for case in flow.cases
        for target in flow.order
        if not flow.runs_in(target, case)
        for source in flow.tasks_in(case)
        if place[source] < place[target] and flow.runs[target] & flow.cases_of(case.request)
        for edge in (Edge(source, target),)
        if expand(edge, tasks[source].outputs, tasks[target].inputs) and edge not in flow.graph.edges
    ]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(graphs(), st.integers(0, 10_000))
def test_what_is_skipped_with_its_arm_is_no_idle_edge(graph: Graph, pick: int) -> None:
    """Valid graphs have no idle edge. With one edge added, from a running to a skipped task, the findings are those of the definition."""
    flow = analyse(graph)
    assert not list(idle_edges(flow))
    added = edges_to_skipped(flow)
    if not added:
        return
    flow = analyse(replace(graph, edges=(*graph.edges, added[pick % len(added)])))
    for finding in idle_edges(flow):
        assert finding.edge is not None
        bringing = [case for case in flow.cases if case.request == finding.request and live(flow, finding.edge, case)]
        assert bringing
        assert not any(flow.runs_in(finding.edge.target, case) for case in bringing)


def test_an_idle_edge_names_class_case_task_port_and_edge() -> None:
    graph = parse_graph(
        "dataset d = movielens_shop\nrequest text 1.0 d.queries (text: Text, user: User)\n"
        "task parse : query_parsing\ntask category : text_classification\ntask spell : spelling_correction\ntask find : indexing\n"
        "text -> parse\nparse -> category [c.0]\nparse -> spell [c.1]\ncategory -> find\nspell -> find\n"
        "task suggest : query_suggestion\nparse -> suggest\nsuggest -> response\n"
        "choice c one 0.5: category | 0.5: spell\n"
    )
    (finding,) = idle_edges(analyse(graph))
    assert (finding.kind, finding.request, finding.case) == (FindingKind.STARVED, "text", (Guard("c", 1),))
    assert (finding.task, finding.port, finding.sources) == ("find", "category", (PortRef("category", "category"),))
    assert finding.edge == Edge("spell", "find")
