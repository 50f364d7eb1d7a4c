"""Streams and deadlines from spec to plan: what is planned and emitted, what distilling keeps apart, and where replicas of a state go."""

from __future__ import annotations

import json

import moving_pictures
import pytest
from aibenchc.diagnostics import Diagnostics
from aibenchc.distill import select
from aibenchc.driver import Compiled, CompileSettings, compile_spec
from aibenchc.model import LoadChange
from aibenchc.placement.inventory import Host, Inventory
from aibenchc.placement.site import busiest, keeps_streams
from aibenchc.source import SourceFile
from aibenchc.syntax.format import format_spec
from aibenchc.syntax.parse import parse_file
from aibenchrt.plan import PlanJitterBound, PlanShareBound, PlanStreams
from aibenchrt.planner.program import check_plan
from aibenchrt.planner.streams import stream_port
from mutated_specs import outcome
from paths import TESTS

SHOW = (TESTS / "cases" / "ok" / "streams.case").read_text().partition("=== main.aib\n")[2].partition("=== diagnostics")[0]
CLUSTER = "deployment cluster {{ nodes 3, replicas {replicas} {{ encode, capture }} }}"


@pytest.fixture(autouse=True)
def _catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    moving_pictures.use(monkeypatch)


def compiled(text: str, **settings: object) -> tuple[Compiled, Diagnostics]:
    diagnostics = Diagnostics()
    made = compile_spec(SourceFile("show.aib", text), CompileSettings(**settings), diagnostics, lambda *_: None, lambda *_: None)  # type: ignore[arg-type]
    assert made is not None, diagnostics.all
    return made, diagnostics


def test_the_plan_has_the_streams_the_deadlines_and_the_clips() -> None:
    plan = compiled(SHOW)[0].plan
    check_plan(plan)
    assert plan.load == PlanStreams(streams=4, rate=25, duration_s=60, warmup_s=6, seed=7)
    assert plan.load.mean_rate == 100
    assert [(r.name, r.deadline_s, r.clip) for r in plan.requests] == [("frame", 0.04, 100), ("gift", 0.04, 100)]
    assert plan.frame_metrics == ("missed", "dropped", "jitter")
    assert plan.slo[1:] == (
        PlanShareBound(metric="missed", below=0.05),
        PlanShareBound(metric="dropped", below=0.001),
        PlanJitterBound(below_ms=10),
    )


def test_what_is_emitted_has_the_deadlines() -> None:
    files = {str(artifact.path): artifact.data.decode() for artifact in compiled(SHOW)[0].artifacts}
    load = json.loads(files["load.json"])
    assert load["load"]["streams"] == 4
    assert [row["deadline_s"] for row in load["mix"]] == [0.04, 0.04]
    assert "| `gift` | 8 %, deadline 40 ms |" in files["README.md"]
    assert files["distilled.svg"].count("deadline 40 ms") == 2


def test_it_is_formatted_as_it_is_written() -> None:
    diagnostics = Diagnostics()
    spec = parse_file(SourceFile("show.aib", SHOW), diagnostics)
    assert spec is not None
    assert format_spec(spec) == SHOW


def live(requests: str, tasks: str, chains: str) -> str:
    """A spec with these entries, separated by semicolons."""
    lines = ["dataset show = moving_show", *requests.split("; "), *tasks.split("; "), "permutation {", *chains.split("; "), "}"]
    return "\n".join(["aib 1", "scenario live {", *lines, "load { streams 2, at 25/s, for 60 s }", "}", ""])


@pytest.mark.parametrize(("deadline", "left"), [("40 ms", ["one"]), ("50 ms", ["one", "two"])])
def test_classes_with_different_deadlines_stay_apart(deadline: str, left: list[str]) -> None:
    text = live(
        "request one { share 60%, from show.frames, deadline 40 ms }; "
        f"request two {{ share 40%, from show.frames, deadline {deadline} }}",
        "task first : stream_camera; task second : stream_camera; task show_it : overlay",
        "one -> first -> show_it.image; two -> second -> show_it.image; show_it -> response",
    )
    text = text.replace("show_it -> response", "show_it -> encode -> response\n(one.moment | two.moment) -> encode")
    text = text.replace("task show_it", "task encode : stream_codec\ntask show_it")
    assert [request.name for request in compiled(text)[0].plan.requests] == left


@pytest.mark.parametrize(
    "chain", ["capture -> encode -> response", "capture -> encode -> decode -> again -> response"], ids=["two stages", "four stages"]
)
def test_combined_stages_keep_their_streams(chain: str) -> None:
    """Camera and codec are one task after R5; each stage is told the stream by a port of its own of the combined task."""
    tasks = "task capture : stream_camera; task encode : stream_codec"
    if "again" in chain:
        tasks += "; task decode : stream_codec { operation decode }; task again : stream_codec"
        chain += "; frame.moment -> again"
    request = "request frame { share 100%, from show.frames, deadline 40 ms }"
    plan = compiled(live(request, tasks, f"frame -> {chain}; frame.moment -> encode"))[0].plan
    check_plan(plan)
    (step,) = plan.steps
    assert keeps_streams(step)
    assert stream_port(step) == "moment"
    told = [feed.port for stage in step.stages for feed in stage.feeds if feed.input == "moment"]
    assert len(told) == len(set(told)) == (3 if "again" in chain else 2)
    sources = {entry.port.name: [(source.task, source.port) for source in entry.sources] for entry in step.inputs}
    assert {name: sources[name] for name in told} == {name: [("frame", "moment")] for name in told}


def test_a_stage_that_needs_no_stream_keeps_none() -> None:
    """The planner and placement agree on it; a codec that decodes is one that needs none."""
    text = SHOW.replace("  task draw ", "  task decode  : stream_codec { operation decode }\n  task draw ")
    text = text.replace("compose -> encode -> response", "compose -> encode -> decode -> response")
    for plan in (compiled(SHOW)[0].plan, compiled(text, rules=select(None, "R5"))[0].plan):
        keeping = {step.task for step in plan.steps if keeps_streams(step)}
        assert keeping == {step.task for step in plan.steps if stream_port(step)} == {"capture", "encode"}


@pytest.mark.parametrize(("streams", "replicas", "share"), [(4, 2, 1 / 2), (3, 2, 2 / 3), (1, 3, 1.0), (8, 3, 3 / 8)])
def test_the_busiest_replica_has_whole_streams(streams: int, replicas: int, share: float) -> None:
    assert busiest(replicas, PlanStreams(streams=streams, rate=25, duration_s=10, warmup_s=0, seed=1)) == pytest.approx(share)
    assert busiest(replicas, None) == pytest.approx(1 / replicas)


def test_placement_makes_room_for_the_busiest_replica() -> None:
    hosts = Inventory(tuple(Host(f"h{i}", f"192.0.2.{i}", 8.0, 8192) for i in range(1, 5)))
    text = SHOW.replace("streams 4", "streams 3").removesuffix("}\n") + "  " + CLUSTER.format(replicas=2) + "\n}\n"
    made, diagnostics = compiled(text, inventory=hosts)
    assert made.placement is not None
    millicores = {replica.need.name: replica.need.millicores for replica in made.placement.placed}
    assert millicores["encode"] == 2 * 25  # two streams of 25 frames a second, 1 ms of CPU time each
    assert millicores["compose"] == 3 * 25
    assert "AIB423" not in {diagnostic.code.id for diagnostic in diagnostics.all}


def test_a_stream_is_sent_by_one_generator() -> None:
    hosts = Inventory(tuple(Host(f"h{i}", f"192.0.2.{i}", 8.0, 8192) for i in range(1, 9)))
    text = SHOW.replace("streams 4", "streams 2").removesuffix("}\n") + "  deployment cluster { nodes 8, generators 3 }\n}\n"
    made, diagnostics = compiled(text, inventory=hosts)
    assert len(made.plan.generators) == 2
    assert {d.code.id for d in diagnostics.all} & {"AIB416", "AIB423"} == {"AIB423"}


def test_a_run_with_more_streams_has_samples_enough() -> None:
    text = SHOW.replace("for 60 s", "for 5 s")
    short = {d.code.id for d in compiled(text)[1].all}
    assert "AIB236" in short
    assert "AIB236" not in {d.code.id for d in compiled(text, change=LoadChange(streams=16))[1].all}
    assert "AIB236" not in {d.code.id for d in compiled(text, change=LoadChange(rate=100))[1].all}


def test_words_of_streams_left_out_or_doubled_are_told() -> None:
    """Every word of the lines about streams removed, or written twice: a diagnostic with a way out, or a plan; nothing else."""
    words = SHOW.split(" ")
    about = {
        "streams",
        "4,",
        "at",
        "25/s,",
        "deadline",
        "40",
        "missed,",
        "dropped,",
        "jitter,",
        "missed",
        "dropped",
        "jitter",
        "<",
        "5%,",
        "10",
    }
    tried = 0
    for at, word in enumerate(words):
        for put in ((), (word, word), ("0",), ("50%",)) if word in about else ():
            found = outcome(" ".join((*words[:at], *put, *words[at + 1 :])))
            assert found.flaw is None, (at, word, put, found)
            tried += 1
    assert tried > 50
