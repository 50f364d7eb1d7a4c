"""Flow: wires, cases, what runs, and each kind of finding."""

from __future__ import annotations

import random
import sys
from dataclasses import replace

import pytest
from aibenchc.flow import MAX_CASES, Case, Finding, FindingKind, Flow, analyse
from aibenchc.graph import Edge, Graph, Guard, PortRef
from aibenchc.show.graphtext import parse_graph
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_graphs import graphs

TEXT = "dataset d = movielens_shop\nrequest text 1.0 d.queries (text: Text, user: User)\n"
BOTH = """dataset d = movielens_shop
request text 0.9 d.queries (text: Text, user: User)
request image 0.1 d.photos (image: Image, user: User)
"""
ASK = "task parse : query_parsing\ntask suggest : query_suggestion\ntext -> parse\nparse -> suggest\nsuggest -> response\n"
K = FindingKind


def flow_of(text: str, start: str = TEXT) -> Flow:
    return analyse(parse_graph(start + text))


def only(flow: Flow) -> Finding:
    assert len(flow.findings) == 1, flow.findings
    return flow.findings[0]


# Wires


def test_an_edge_feeds_every_port_whose_type_an_output_has() -> None:
    flow = flow_of(ASK + "task both : query_rewrite (one: Query, two: Query, user: User?) -> ()\nparse -> both\n")
    assert [(w.source_port, w.target_port) for w in flow.wires_into["both"]] == [("query", "one"), ("query", "two")]


def test_named_ports_narrow_an_edge() -> None:
    flow = flow_of(ASK + "task both : query_rewrite (one: Query, two: Query?) -> ()\nparse.query -> both.one\ntext.user -> suggest\n")
    assert [(w.source_port, w.target_port) for w in flow.wires_into["both"]] == [("query", "one")]
    assert only(flow).kind is K.FEEDS_NOTHING  # text.user -> suggest


def test_any_takes_every_type_of_every_output() -> None:
    flow = flow_of(ASK + "task log auxiliary : logging\ntext -> log\nparse -> log\n")
    assert [(w.source, w.source_port) for w in flow.wires_into["log"]] == [("text", "text"), ("text", "user"), ("parse", "query")]
    assert not flow.findings


def test_the_response_takes_answers_only() -> None:
    flow = flow_of(ASK.replace("suggest -> response", "suggest -> response\nparse -> response"))
    finding = only(flow)
    assert (finding.kind, finding.edge) == (K.FEEDS_NOTHING, Edge("parse", "response"))
    assert [w.target_port for w in flow.wires_into["response"]] == ["suggestions"]


@pytest.mark.parametrize(
    ("edge", "kind", "task", "port"),
    [
        ("parse.nothing -> suggest", K.NO_SUCH_PORT, "parse", "nothing"),
        ("parse -> suggest.nothing", K.NO_SUCH_PORT, "suggest", "nothing"),
        ("text.user -> parse.text", K.WRONG_TYPE, "parse", "text"),
        ("text.user -> parse", K.FEEDS_NOTHING, "parse", None),
    ],
)
def test_edges_that_feed_nothing(edge: str, kind: FindingKind, task: str, port: str | None) -> None:
    finding = only(flow_of(ASK + edge + "\n"))
    assert (finding.kind, finding.task, finding.port) == (kind, task, port)
    assert finding.edge is not None


# What runs

CACHE = (
    TEXT
    + """task parse : query_parsing
task cache : cache_lookup
task category : text_classification [fasttext]
task find : indexing
task items : database_operation { table = items }
choice c one 0.25 when cache.hit: | 0.75: category
text -> parse
text.user -> cache
parse -> cache
cache -> response [c.0]
cache.query -> category [c.1]
cache.query -> find
category -> find
find -> items
items -> response
"""
)


def test_cases_of_a_choice_that_ends_in_the_response() -> None:
    flow = analyse(parse_graph(CACHE))
    assert not flow.findings
    assert [(case.arms, case.share) for case in flow.cases] == [((Guard("c", 0),), 0.25), ((Guard("c", 1),), 0.75)]
    assert flow.tasks_in(flow.cases[0]) == ("parse", "cache")  # `find` is reached by the query, but has no category: skipped
    assert flow.tasks_in(flow.cases[1]) == ("parse", "cache", "category", "find", "items")
    assert flow.producers("response", "details", flow.cases[0]) == (PortRef("cache", "details"),)
    assert flow.producers("response", "details", flow.cases[1]) == (PortRef("items", "details"),)


SEARCH = """task parse : query_parsing
task category : text_classification [fasttext]
task a : indexing { tier = excellent }
task b : indexing { tier = good }
task c : indexing { tier = bad }
task items : database_operation { table = items }
choice f first 1.0: a | 0.5: b | 0.2: c until a.hits >= 20.0
text -> parse
parse -> category
category -> a [f.0]
category -> b [f.1]
category -> c [f.2]
a -> items
b -> items
c -> items
items -> response
"""


def test_a_fallback_tries_its_arms_in_turn() -> None:
    flow = flow_of(SEARCH)
    assert not flow.findings  # what the tries put out on one port is concatenated
    assert [case.share for case in flow.cases] == pytest.approx([0.5, 0.3, 0.2])
    assert [flow.tasks_in(case)[2:] for case in flow.cases] == [("a", "items"), ("a", "b", "items"), ("a", "b", "c", "items")]
    assert len(flow.producers("items", "items", flow.cases[2])) == 3
    assert flow.cases_with(Guard("f", 1)) == 0b110


def test_only_choices_that_are_met_make_cases() -> None:
    nested = """task parse : query_parsing
task a : spelling_correction
task b : spelling_correction
task d : spelling_correction
task suggest : query_suggestion
choice outer one 0.5: a b d | 0.5:
choice inner one 0.1: b | 0.9: d
text -> parse
parse -> a [outer.0]
a -> b [inner.0]
a -> d [inner.1]
b -> suggest
d -> suggest
parse -> suggest [outer.1]
suggest -> response
"""
    flow = flow_of(nested)
    assert not flow.findings
    assert [case.arms for case in flow.cases] == [
        (Guard("outer", 0), Guard("inner", 0)),
        (Guard("outer", 0), Guard("inner", 1)),
        (Guard("outer", 1),),
    ]
    assert sum(case.share for case in flow.cases) == pytest.approx(1)


PHOTO = """task picture : image_classification [resnet20]
task find : indexing
task items : database_operation { table = items }
image -> picture
find -> items
items -> response
"""


def test_a_choice_is_met_only_by_the_classes_that_reach_it() -> None:
    choice = "choice c one 0.5: find | 0.5: other\ntask other : indexing\npicture -> find [c.0]\npicture -> other [c.1]\nother -> items\n"
    flow = flow_of(ASK + PHOTO + choice, BOTH)
    assert [(case.request, len(case.arms)) for case in flow.cases] == [("text", 0), ("image", 1), ("image", 1)]
    assert not flow.findings


def test_a_task_in_two_arms_runs_in_both() -> None:
    flow = flow_of("""task parse : query_parsing
task a : spelling_correction
task b : query_rewrite
task both : spelling_correction
task suggest : query_suggestion
choice c one 0.4: a both | 0.6: b both
text -> parse
parse -> a [c.0]
parse -> b [c.1]
a -> both
b -> both
both -> suggest
suggest -> response
""")
    assert not flow.findings
    assert flow.runs["both"] == 0b11


def test_which_run_together() -> None:
    flow = analyse(parse_graph(CACHE))
    assert flow.together("cache", "category") == flow.cases[1]
    assert flow.together("text", "items") == flow.cases[1]
    flow = flow_of(SEARCH.replace("first 1.0: a | 0.5: b | 0.2: c until a.hits >= 20.0", "one 0.5: a | 0.3: b | 0.2: c"))
    assert flow.together("a", "b") is None
    assert not flow.findings


# Findings


def test_a_starved_port_names_class_task_and_port() -> None:
    cache = "task cache : cache_lookup\ntext.user -> cache\nimage.user -> cache\nparse -> cache\npicture -> find\n"
    finding = only(flow_of(ASK + PHOTO + cache, BOTH))
    assert (finding.kind, finding.request, finding.task, finding.port) == (K.STARVED, "image", "cache", "query")
    assert finding.sources == (PortRef("parse", "query"),)


def test_what_follows_from_a_starved_task_is_not_said_again() -> None:
    flow = flow_of(
        "task cache : cache_lookup\ntask suggest : query_suggestion\ntext.user -> cache\ncache -> suggest\nsuggest -> response\n"
    )
    assert [(f.kind, f.task, f.port) for f in flow.findings] == [(K.STARVED, "cache", "query")]


def test_ports_that_are_never_fed_together() -> None:
    tasks = "task a : spelling_correction\ntask b : spelling_correction\ntask both : query_rewrite (one: Query, two: Query) -> ()\n"
    choice = "choice c one 0.5: a | 0.5: b\nparse -> a [c.0]\nparse -> b [c.1]\na -> both.one\nb -> both.two\n"
    finding = only(flow_of(ASK + tasks + choice))
    assert (finding.kind, finding.task, finding.port, finding.case) == (K.STARVED, "both", "two", (Guard("c", 0),))


def test_two_live_producers_are_ambiguous() -> None:
    finding = only(flow_of(ASK + "task spell : spelling_correction\nparse -> spell\nspell -> suggest\n"))
    assert (finding.kind, finding.request, finding.task, finding.port) == (K.AMBIGUOUS, "text", "suggest", "query")
    assert finding.sources == (PortRef("parse", "query"), PortRef("spell", "query"))


def test_two_outputs_of_one_edge_are_ambiguous() -> None:
    finding = only(flow_of(ASK.replace("query_parsing", "query_parsing (text: Text) -> (query: Query, other: Query)")))
    assert (finding.kind, [ref.port for ref in finding.sources]) == (K.AMBIGUOUS, ["query", "other"])


def test_many_takes_several() -> None:
    log = "task all effect : event_log (query: Query many) -> ()\nparse -> all\nspell -> all\n"
    flow = flow_of(ASK + "task spell : spelling_correction\nparse -> spell\n" + log)
    assert not flow.findings
    assert len(flow.producers("all", "query", flow.cases[0])) == 2


def test_the_same_producer_by_two_edges_is_one() -> None:
    assert not flow_of(ASK + "parse.query -> suggest\n").findings


def test_equal_ports_of_different_tries_only() -> None:
    text = SEARCH.replace("task b : indexing { tier = good }", "task b : indexing (category: Category) -> (goods: Items, hits: Count)")
    assert only(flow_of(text)).kind is K.AMBIGUOUS
    same_arm = SEARCH.replace("0.5: b | 0.2: c", "0.5: b c").replace("[f.2]", "[f.1]")
    assert K.AMBIGUOUS in {f.kind for f in flow_of(same_arm).findings}


def test_a_case_without_response() -> None:
    choice = "choice c one 0.5: suggest | 0.5: other\ntask other : basic_statistics\nparse -> suggest [c.0]\nparse -> other [c.1]"
    finding = only(flow_of(ASK.replace("parse -> suggest", choice)))
    assert (finding.kind, finding.request, finding.case) == (K.RESPONSE_NEVER, "text", (Guard("c", 1),))


def test_one_type_of_answer_must_always_come() -> None:
    text = CACHE.replace("cache -> response [c.0]", "cache.query -> hint [c.0]\ntask hint : query_suggestion\nhint -> response")
    finding = only(analyse(parse_graph(text)))
    assert (finding.kind, finding.case) == (K.RESPONSE_NEVER, (Guard("c", 1),))  # equally many requests get either of them


def test_an_answer_of_another_type_is_an_optional_part() -> None:
    text = CACHE + "task hint : query_suggestion\ncache.query -> hint [c.1]\nhint -> response\n"
    assert not analyse(parse_graph(text)).findings


def test_a_class_that_leads_nowhere() -> None:
    finding = only(flow_of(ASK, BOTH))
    assert (finding.kind, finding.request) == (K.RESPONSE_NEVER, "image")


def test_the_response_twice() -> None:
    finding = only(flow_of(ASK + "task more : query_suggestion\nparse -> more\nmore -> response\n"))
    assert (finding.kind, finding.port) == (K.RESPONSE_TWICE, "suggestions")
    assert {ref.task for ref in finding.sources} == {"suggest", "more"}


def test_an_unreachable_chain_is_found_at_its_beginning() -> None:
    finding = only(flow_of(ASK + "task lone : query_parsing\ntask after : spelling_correction\nlone -> after\n"))
    assert (finding.kind, finding.task) == (K.UNREACHABLE, "lone")


def test_a_cycle_is_shown() -> None:
    flow = flow_of(ASK + "task b : spelling_correction\ntask a : spelling_correction\ntask z : basic_statistics\na -> b\nb -> a\na -> z\n")
    finding = only(flow)
    assert (finding.kind, finding.path) == (K.CYCLE, ("a", "b", "a"))
    assert only(flow_of(ASK + "task a : spelling_correction\na -> a\n")).path == ("a", "a")


CHOOSE = """task parse : query_parsing
task suggest : query_suggestion
task one : spelling_correction
task two : query_rewrite
{flag}choice c one 0.5 when {when}: one | 0.5: two
text -> parse
parse -> one [c.0]
parse -> two [c.1]
one -> suggest
two -> suggest
suggest -> response
"""
FLAG = "task flag auxiliary : ab_assignment\n{user}.user -> flag\n"


def test_a_flag_decides() -> None:
    flow = flow_of(CHOOSE.format(when="flag.treated", flag=FLAG.format(user="text")))
    assert not flow.findings
    assert flow.order.index("flag") < flow.order.index("one")


@pytest.mark.parametrize("when", ["parse.query", "flag.nothing", "nobody.treated"])
def test_what_decides_must_be_a_flag(when: str) -> None:
    finding = only(flow_of(CHOOSE.format(when=when, flag=FLAG.format(user="text"))))
    assert (finding.kind, finding.choice, f"{finding.task}.{finding.port}") == (K.WRONG_DECIDER, "c", when)


def test_what_decides_must_run_where_the_choice_is_met() -> None:
    shared = """task parse : query_parsing
task category : text_classification [fasttext]
task picture : image_classification [resnet20]
task one : indexing
task two : indexing
task items : database_operation { table = items }
task flag auxiliary : ab_assignment
choice c one 0.5 when flag.treated: one | 0.5: two
text.user -> flag
text -> parse
parse -> category
image -> picture
category -> one [c.0]
picture -> one [c.0]
category -> two [c.1]
picture -> two [c.1]
one -> items
two -> items
items -> response
"""
    finding = only(flow_of(shared, BOTH))
    assert (finding.kind, finding.request, finding.choice, finding.task) == (K.UNDECIDED, "image", "c", "flag")


def test_what_decides_must_not_wait_for_the_choice() -> None:
    late = "task flag auxiliary : ab_assignment (query: Query) -> (treated: Flag)\none -> flag\n"
    finding = only(flow_of(CHOOSE.format(when="flag.treated", flag=late)))
    assert (finding.kind, finding.choice, finding.task) == (K.UNDECIDED, "c", "flag")


@pytest.mark.parametrize("until", ["a.items", "b.hits", "items.details", "nobody.hits"])
def test_until_sums_a_count_that_begins_in_the_first_arm(until: str) -> None:
    finding = only(flow_of(SEARCH.replace("until a.hits", f"until {until}")))
    assert (finding.kind, finding.choice) == (K.WRONG_DECIDER, "f")


def test_every_arm_of_a_fallback_counts() -> None:
    finding = only(flow_of(SEARCH.replace("task b : indexing { tier = good }", "task b : indexing (category: Category) -> (items: Items)")))
    assert finding.kind is K.WRONG_DECIDER


def test_a_task_cannot_be_counted_in_two_tries() -> None:
    finding = flow_of(SEARCH.replace("0.5: b |", "0.5: a |")).findings[0]
    assert finding.kind is K.WRONG_DECIDER


def choices(count: int) -> str:
    text = "task parse : query_parsing\ntask suggest : query_suggestion\ntext -> parse\n"
    before = ["parse"]
    for i in range(count):
        text += f"task a{i} : spelling_correction\ntask b{i} : query_rewrite\nchoice c{i} one 0.5: a{i} | 0.5: b{i}\n"
        text += "".join(f"{name} -> a{i} [c{i}.0]\n{name} -> b{i} [c{i}.1]\n" for name in before)
        before = [f"a{i}", f"b{i}"]
    return text + "".join(f"{name} -> suggest\n" for name in before) + "suggest -> response\n"


def test_the_number_of_cases_is_bounded() -> None:
    flow = flow_of(choices(12))
    assert (len(flow.cases), flow.findings) == (MAX_CASES, ())
    flow = flow_of(choices(13))
    assert (only(flow).kind, only(flow).request) == (K.TOO_MANY_CASES, "text")


def test_work_is_linear_without_choices() -> None:
    """Counted in calls of Python and C functions, since times depend on the load of the machine."""

    def calls(count: int) -> int:
        text = TEXT + "task p : query_parsing\ntext -> p\np -> s0\n" + "".join(f"task s{i} : spelling_correction\n" for i in range(count))
        text += "".join(f"s{i} -> s{i + 1}\ntask l{i} effect : event_log (query: Query) -> ()\ns{i} -> l{i}\n" for i in range(count - 1))
        graph = parse_graph(text + f"task q : query_suggestion\ns{count - 1} -> q\nq -> response\n")
        made = 0

        def counted(_frame: object, event: str, _argument: object) -> None:
            nonlocal made
            made += event in ("call", "c_call")

        sys.setprofile(counted)
        try:
            flow = analyse(graph)
        finally:
            sys.setprofile(None)
        assert not flow.findings
        return made

    assert calls(2000) < 11 * calls(200)


TRIES = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def told(flow: Flow) -> tuple[set[tuple[Case, tuple[str, ...]]], set[tuple[object, ...]]]:
    def plain(case: Case) -> Case:
        return replace(case, index=0, arms=tuple(sorted(case.arms)), share=round(case.share, 12))

    cases = {(plain(case), flow.tasks_in(case)) for case in flow.cases}
    return cases, {(f.kind, f.request, f.task, f.port, f.choice) for f in flow.findings}


@TRIES
@given(graphs(), st.integers(0, 99), st.lists(st.integers(0, 10_000), max_size=3))
def test_the_order_of_edges_and_tasks_says_nothing(graph: Graph, seed: int, missing: list[int]) -> None:
    """Holds for invalid graphs too: some edges are removed."""
    edges = [edge for i, edge in enumerate(graph.edges) if i not in {m % len(graph.edges) for m in missing}]
    edited = replace(graph, edges=tuple(edges))
    rng = random.Random(seed)
    shuffled, tasks = list(edges), list(graph.tasks)
    rng.shuffle(shuffled)
    rng.shuffle(tasks)
    assert told(analyse(edited)) == told(analyse(replace(edited, edges=tuple(shuffled), tasks=tuple(tasks))))


@TRIES
@given(graphs())
def test_the_cases_of_a_class_are_all_its_requests(graph: Graph) -> None:
    flow = analyse(graph)
    for request in graph.requests:
        assert sum(case.share for case in flow.cases if case.request == request.name) == pytest.approx(1)
