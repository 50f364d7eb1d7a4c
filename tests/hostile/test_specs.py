"""Specs that once ended in a traceback, or that `check` let pass and `compile` did not: each is explained at the author's own line."""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from aibenchc.cli import main
from aibenchc.diagnostics import Diagnostics, render_text
from aibenchc.driver import Compiled, CompileSettings, compile_spec
from aibenchc.emit.grpc import proto_path
from aibenchc.protoc import stubs
from aibenchc.source import SourceFile
from aibenchc.syntax.files import Files
from aibenchc.syntax.grammar import grammar_text
from aibenchc.syntax.parse import parse
from aibenchc.validate import validate
from aibenchc.validate.declarations import CHAIN_WORDS
from aibenchrt.process_names import RESERVED
from paths import TESTS

SPECS = TESTS / "hostile" / "specs"
EXPECTED = {
    "latency_word": ["AIB116"],
    "latency_p100": ["AIB116", "AIB116", "AIB116"],
    "param_of_param": ["AIB203"],
    "param_of_itself": ["AIB203"],
    "trace_inf": ["AIB234"],
    "trace_inf_later": ["AIB234"],
    "depth_of_a_metric": ["AIB202"],
    "very_long_time": ["AIB202"],
    "very_many_users": ["AIB202"],
}


def diagnose(path: Path, params: dict[str, str] | None = None) -> Diagnostics:
    diagnostics = Diagnostics()
    files = Files(path, [], diagnostics)
    source = files.open_spec()
    spec = parse(source, diagnostics, files.open_include) if source else None
    scenario = validate(spec, diagnostics, params or {}, files.open_trace) if spec else None
    assert (scenario is None) == diagnostics.failed
    return diagnostics


@pytest.mark.parametrize("name", EXPECTED)
def test_it_is_explained(name: str) -> None:
    diagnostics = diagnose(SPECS / f"{name}.aib")
    assert [d.code.id for d in diagnostics.all if d.code.id != "AIB114"] == EXPECTED[name], render_text(diagnostics)
    assert all(d.span is not None and d.hint for d in diagnostics.all)
    assert max(map(len, render_text(diagnostics).splitlines())) < 400


def test_every_spec_of_the_corpus_is_expected_something_of() -> None:
    assert {path.stem for path in SPECS.glob("*.aib")} == set(EXPECTED)


def test_a_parameter_of_the_command_line_is_a_value() -> None:
    diagnostics = diagnose(SPECS / "param_of_param.aib", {"r": "$b"})
    assert [d.code.id for d in diagnostics.all if d.code.id != "AIB114"] == ["AIB203", "AIB203"], render_text(diagnostics)


# What `check` lets pass, `compile` compiles

HEAD = """aib 1
scenario {scenario} "x" {{
  dataset d = movielens_shop
  {requests}
  task lead : query_parsing
  task class_of : text_classification {{ model fasttext }}
  task all_of : indexing
  task last : database_operation {{ table items }}
  {tasks}
  permutation {{
    ({classes}) -> lead -> class_of -> all_of -> last -> response
    lead -> all_of
    {edges}
  }}
  load {{ poisson 20/s, for 60 s }}
  deployment {deployment} {{ nodes 1, profile small }}
}}
"""


def spec_of(tasks: Sequence[str] = (), requests: Sequence[str] = ("q",), scenario: str = "x", deployment: str = "local") -> str:
    users = f"({' | '.join(f'{name}.user' for name in requests)})" if len(requests) > 1 else f"{requests[0]}.user"
    shares = ["100%"] if len(requests) == 1 else ["rest", *["0.1%"] * (len(requests) - 1)]
    return HEAD.format(
        scenario=scenario,
        deployment=deployment,
        requests="\n  ".join(f"request {r} {{ share {share}, from d.queries }}" for r, share in zip(requests, shares, strict=True)),
        classes=" | ".join(requests),
        tasks="\n  ".join(f"task {name} : event_log" for name in tasks),
        edges="\n    ".join(f"last -> {name}\n    {users} -> {name}" for name in tasks),
    )


def compiled(text: str) -> Compiled:
    diagnostics = Diagnostics()
    settings = CompileSettings(rules=())
    result = compile_spec(SourceFile("main.aib", text), settings, diagnostics, lambda *_: None, lambda *_: None)
    assert result is not None, render_text(diagnostics)
    return result


GRAMMAR = sorted(set(re.findall(r'"([a-z]+)"', grammar_text())) - set(CHAIN_WORDS))
WORDS = """
message service rpc returns package import option oneof repeated optional required map enum reserved syntax extend group stream to
yes no on off true false null y n NULL Yes inf nan _1e5
con nul aux prn root self localhost nobody all hosts vars tasks nodes ungrouped group_names inventory_hostname item
load proto stubs triton_ plan Timing Scenario scenario stage Stage ScenarioRequest Ask Call payload request_id Query Text
svc_0_10 svc_0_1_0 svc_01_0 svc_010 a_b aB A_b AB _a a _A A a_ a__ __a __init__ _ __
"""  # of .proto files, of YAML, of systems and Ansible, like names of ours, and names that are much alike
PYTHON = [*keyword.kwlist, *keyword.softkwlist, *(name for name in dir(builtins) if name.islower())]
NAMES = [*GRAMMAR, *WORDS.split(), *PYTHON, "x" * 60, "_" * 60]
TASKS = [name for name in dict.fromkeys(NAMES) if name not in (*CHAIN_WORDS, *RESERVED, "d", "lead", "class_of", "all_of", "last", "q")]


def test_any_name_of_a_task_compiles_and_protoc_takes_it() -> None:
    """All at once: no two of them become one, in the .proto file or elsewhere."""
    result = compiled(spec_of(TASKS))
    assert {step.task for step in result.plan.steps} >= set(TASKS)
    proto = next(artifact for artifact in result.artifacts if artifact.path == proto_path("x"))
    module = next(artifact for artifact in stubs(proto) if artifact.path.name == "x_pb2_grpc.py").data.decode()
    assert len(set(re.findall(r"^class (\w+Service)\b", module, re.MULTILINE))) == len(result.plan.steps) + 1
    assert len({artifact.path for artifact in result.artifacts}) == len(result.artifacts)


def test_any_name_of_a_request_compiles_or_is_refused_where_it_stands() -> None:
    words = [name for name in dict.fromkeys(NAMES[:150]) if name not in ("d", "lead", "last", "payload", "request_id", *CHAIN_WORDS)]
    apart: dict[str, str] = {}
    for name in words:
        apart.setdefault(name.replace("_", "").lower(), name)
    result = compiled(spec_of(requests=[*apart.values()]))
    stubs(next(artifact for artifact in result.artifacts if artifact.path == proto_path("x")))


@pytest.mark.parametrize("names", [("payload",), ("request_id",), ("requestClass",), ("a_b", "ab"), ("text", "TEXT")])
def test_requests_whose_fields_would_be_one_are_refused_by_check(names: tuple[str, ...]) -> None:
    text = spec_of(requests=names)
    diagnostics = Diagnostics()
    spec = parse(SourceFile("main.aib", text), diagnostics, lambda *_: None)
    assert spec is not None
    assert validate(spec, diagnostics) is None
    (refused,) = diagnostics.all
    assert refused.code.id == "AIB503"
    assert refused.span is not None
    assert text[refused.span.start : refused.span.end] == names[-1]


@pytest.mark.parametrize("name", ["load", "response_", "None", "aibench", "google", "Timing", "_", "message", "no", "null", "A" * 60])
def test_any_name_of_a_scenario_and_a_deployment_compiles(name: str) -> None:
    result = compiled(spec_of(scenario=name, deployment=name))
    assert result.plan.scenario == name
    stubs(next(artifact for artifact in result.artifacts if artifact.path == proto_path(name)))


@pytest.mark.parametrize("name", CHAIN_WORDS)
def test_new_writes_no_spec_that_check_refuses(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", name, "--folder", str(tmp_path)]) == 1
    assert "reserved" in capsys.readouterr().err
    assert not any(tmp_path.iterdir())
