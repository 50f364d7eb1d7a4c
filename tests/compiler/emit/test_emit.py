"""Emission: what comes out is executed and parsed, not looked at."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import venv
from pathlib import Path, PurePosixPath

import pytest
from aibenchc.diagnostics import Diagnostics
from aibenchc.emit import emit
from aibenchc.emit.artifact import Artifact, write
from aibenchc.emit.grpc import proto_path
from aibenchc.emit.templates import environment, finalize, folder, line, markdown, pbtxt, quoted, shell, word
from aibenchc.protoc import stubs
from aibenchc.source import SourceFile, Span
from aibenchc.validate.proto_names import check_proto_names
from aibenchrt.component import PORT_TYPES
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.plan import Plan, PostgresqlService, ServedStep
from aibenchrt.proto_names import message_name
from google.protobuf import text_format
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError, nodes
from markdown_it import MarkdownIt
from paths import SUPPORT
from small_plan import audited_plan, small_plan
from tritonclient.grpc import model_config_pb2

HOSTILE = (
    "plain",
    "quotes \" ' ` and a \\ backslash",
    "{{ lookup('pipe', 'id') }} {% raw %} [[ view ]] [% if %] [# #]",
    "two\nlines: - a\n  b: |\r\n# and more\ttab",
    "$(id) `id` $HOME ; rm -rf . && true | cat > x",
    'syntax = "proto3"; */ // } message Evil {}',
    "!unsafe &anchor *alias ? : --- ... %YAML 1.2",
    "# heading <script>alert(1)</script> [a](b) ![c](d) | cell | **bold** __b__ ~~s~~",
    "naïve 漢字 😀 \u2028\u2029\u0085\ufeff\x7f\x00\x1b[31m",
    "../../etc/passwd",
    "",
)


def files(plan: Plan) -> dict[str, bytes]:
    return {str(artifact.path): artifact.data for artifact in emit(plan)}


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_comes_out_as_plain_text(text: str) -> None:
    plan = small_plan(title=text, reference=text, setting=text)
    tame = files(small_plan())
    out = files(plan)

    assert out.keys() == tame.keys()
    assert Plan.model_validate_json(out["plan.json"]) == plan
    for name, data in out.items():
        if name.endswith("step.json"):
            assert ServedStep.model_validate_json(data).step in plan.steps
        elif name.endswith(".pbtxt"):
            assert data == tame[name]
    markup = MarkdownIt().enable("table").parse(out["README.md"].decode())
    heading = "".join(child.content for child in markup[1].children or () if child.type in ("text", "text_special"))
    assert heading.strip() == line(text).strip()
    assert [token.type for token in markup] == [token.type for token in MarkdownIt().enable("table").parse(tame["README.md"].decode())]
    comment, rest = out["proto/small.proto"].split(b"\n", 1)
    assert comment.startswith(b"//")
    assert rest == tame["proto/small.proto"].split(b"\n", 1)[1]


@pytest.mark.parametrize("text", HOSTILE)
def test_encoders_give_back_what_went_in(text: str) -> None:
    import yaml as pyyaml

    assert pyyaml.safe_load(f"key: {quoted(text)}") == {"key": text}
    passed = text.replace("\0", "")  # no argument of a program can contain it
    assert subprocess.run(["sh", "-c", f"printf %s {shell(passed)}"], capture_output=True, check=True).stdout.decode() == passed
    parsed = text_format.Parse(f"name: {pbtxt(text)}", model_config_pb2.ModelConfig())
    assert parsed.name == text
    assert "\n" not in line(text)
    assert "\n" not in markdown(text)


@pytest.mark.parametrize("text", [t for t in HOSTILE if t not in ("plain", "", "../../etc/passwd")])
def test_only_words_are_shown_unquoted(text: str) -> None:
    with pytest.raises(ValueError, match="no word"):
        word(text)


def test_plain_text_cannot_reach_a_template() -> None:
    with pytest.raises(TypeError, match="without an encoder"):
        finalize("plain")
    with pytest.raises(UndefinedError):
        environment().from_string("[[ view.nothing ]]").render(view=None)


def test_templates_only_show() -> None:
    """Templates use only `for`, a bare `if`, `include` and attributes of the view: no logic, filters, tests or calls."""
    allowed = (nodes.Output, nodes.TemplateData, nodes.For, nodes.If, nodes.Include, nodes.Getattr, nodes.Name, nodes.Const, nodes.Template)
    paths = sorted(path for path in folder().rglob("*") if path.is_file())
    assert paths
    for path in paths:
        tree = environment().parse(path.read_text())
        for node in tree.find_all(nodes.Node):
            assert isinstance(node, allowed), f"{path}: {type(node).__name__}"
            assert not isinstance(node, nodes.If) or isinstance(node.test, nodes.Getattr | nodes.Name), f"{path}: a condition that decides"


def test_every_template_is_used() -> None:
    used = set()
    original = environment().get_template

    class Spy:
        def __call__(self, name: str, *rest: object, **more: object) -> object:
            used.add(name)
            return original(name, *rest, **more)  # type: ignore[arg-type]

    environment().get_template = Spy()  # type: ignore[method-assign, assignment]
    server = PostgresqlService(endpoints=("127.0.0.1:21999",))
    plan = audited_plan()
    try:
        emit(plan.model_copy(update={"services": (*plan.services, server)}))
    finally:
        environment().get_template = original  # type: ignore[method-assign]
    there = {path.relative_to(folder()).as_posix() for path in folder().rglob("*") if path.is_file()}
    assert used == {name for name in there if not name.startswith("library/")}, "those of `aibenchc new --library` are of no scenario"


def test_triton_models_have_the_ports_of_their_step() -> None:
    plan = small_plan()
    out = files(plan)
    for step in (s for s in plan.steps if s.kind == "ai"):
        config = text_format.Parse(out[f"triton/{step.task}/config.pbtxt"], model_config_pb2.ModelConfig())
        assert (config.name, config.backend, config.max_batch_size) == (step.task, "python", 0)
        expected = {
            f"{entry.port.name}__{f.name}": (-1 if f.repeated else 1, entry.port.optional)
            for entry in step.inputs
            for f in PORT_TYPES[entry.port.type].fields
        }
        assert {i.name: (i.dims[0], i.optional) for i in config.input} == expected
        assert [o.name for o in config.output][-2:] == ["timing__service_ns", "timing__stage_ns"]
        assert config.instance_group[0].kind == model_config_pb2.ModelInstanceGroup.KIND_CPU


ROUND_TRIP = """
import sys
from concurrent.futures import ThreadPoolExecutor
sys.path.insert(0, sys.argv[1])
import grpc, small_pb2 as m, small_pb2_grpc as s

class Parse(s.ParseServiceServicer):
    def Call(self, request, context):
        timing = m.Timing(queue_ns=1, service_ns=2, stage=[m.StageTiming(stage="parse", ns=2)])
        return m.ParseReply(query=m.Query(text=request.text.text, term=request.text.text.split()), timing=timing)

class Scenario(s.ScenarioServiceServicer):
    def Ask(self, request, context):
        assert request.WhichOneof("payload") == "text" == request.request_class
        return m.ScenarioReply(details=m.Details(item_id=[1], title=[request.text.text.text], category=[2], price=[3.5]), arms=["a"])

server = grpc.server(ThreadPoolExecutor(2))
s.add_ParseServiceServicer_to_server(Parse(), server)
s.add_ScenarioServiceServicer_to_server(Scenario(), server)
port = server.add_insecure_port("127.0.0.1:0")
server.start()
with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
    reply = s.ParseServiceStub(channel).Call(m.ParseRequest(text=m.Text(text="old film")))
    assert list(reply.query.term) == ["old", "film"] and reply.timing.stage[0].stage == "parse"
    asked = m.ScenarioRequest(request_id=1, request_class="text", text=m.TextPayload(text=m.Text(text="old film"), user=m.User(user_id=3)))
    answer = s.ScenarioServiceStub(channel).Ask(asked)
    assert answer.details.title[0] == "old film" and answer.details.price[0] == 3.5
server.stop(None)
print(m.DESCRIPTOR.package)
"""


def test_stubs_carry_calls(tmp_path: Path) -> None:
    proto = next(a for a in emit(small_plan()) if a.path == proto_path("small"))
    made = stubs(proto)
    assert [a.path.name for a in made] == ["small_pb2.py", "small_pb2.pyi", "small_pb2_grpc.py"]
    for artifact in made:
        (tmp_path / artifact.path.name).write_bytes(artifact.data)
    ended = subprocess.run([sys.executable, "-c", ROUND_TRIP, str(tmp_path)], capture_output=True, text=True, check=False)
    assert ended.stdout == "aibench.small\n", ended.stderr


def test_a_broken_proto_is_our_bug() -> None:
    with pytest.raises(RuntimeError, match="protoc refuses"):
        stubs(Artifact(PurePosixPath("proto/x.proto"), b"syntax = 3;"))


def test_without_protoc_there_is_a_way_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    venv.create(bare)
    monkeypatch.setattr(sys, "executable", str(bare / "bin" / "python"))
    with pytest.raises(EnvironmentFailure) as failure:
        stubs(next(a for a in emit(small_plan()) if a.path == proto_path("small")))
    assert failure.value.code == "AIB504"
    assert "pip install" in failure.value.hint


def renamed(plan: Plan, old: str, new: str) -> Plan:
    return Plan.model_validate_json(plan.model_dump_json().replace(f'"{old}"', f'"{new}"'))


@pytest.mark.parametrize(
    ("tasks", "requests", "wrong"),
    [
        ((), ("request_id",), ["request_id"]),
        ((), ("requestClass",), ["requestClass"]),
        ((), ("image", "Image", "i_mage"), ["Image", "i_mage"]),
        (("scenario", "Parse", "_parse", "parse", "Parse_"), ("scenario",), []),
    ],
)
def test_names_that_become_one_are_reported(tasks: tuple[str, ...], requests: tuple[str, ...], wrong: list[str]) -> None:
    diagnostics = Diagnostics()
    spans = {name: Span(SourceFile("a.aib", name), 0, len(name)) for name in (*tasks, *requests)}
    check_proto_names({name: spans[name] for name in tasks}, {name: spans[name] for name in requests}, diagnostics)
    assert [d.code.id for d in diagnostics.all] == ["AIB503"] * len(wrong)
    assert [d.span for d in diagnostics.all] == [spans[name] for name in wrong]


@given(st.sets(st.from_regex(r"[a-cA-C_][a-cA-C_01]{0,5}", fullmatch=True), max_size=30))
def test_different_names_have_different_messages(names: set[str]) -> None:
    assert len({message_name(name) for name in names}) == len(names)
    assert all(re.fullmatch("[A-Z][A-Za-z0-9_]*", message_name(name)) for name in names)


@pytest.mark.parametrize("new", ["class_", "None", "payload_", "timing", "x" * 60, "a1", "from", "Query", "details", "scenario", "a_1"])
def test_odd_names_pass_protoc(new: str, tmp_path: Path) -> None:
    plan = renamed(renamed(small_plan(), "picture", new), "image", f"{new}_r")
    for artifact in stubs(next(a for a in emit(plan) if a.path == proto_path("small"))):
        (tmp_path / artifact.path.name).write_bytes(artifact.data)
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import small_pb2 as m; print(hasattr(m, {message_name(new) + 'Reply'!r}))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False).stdout == "True\n"


EMIT = """
import hashlib, sys
sys.path.insert(0, sys.argv[1])
from small_plan import audited_plan, small_plan
from aibenchc.emit import emit
from aibenchc.protoc import stubs
from aibenchc.source import SourceFile, Span
from aibenchc.validate.proto_names import check_proto_names
artifacts = emit(small_plan())
artifacts += stubs(next(a for a in artifacts if a.path.suffix == ".proto"))
print(hashlib.sha256(b"".join(str(a.path).encode() + b"\\0" + a.data for a in artifacts)).hexdigest())
print(sorted(m for m in ("torch", "grpc", "ansible", "pandas", "numpy", "ortools") if m in sys.modules))
"""


def test_the_same_bytes_whatever_the_process(tmp_path: Path) -> None:
    import os

    here = str(SUPPORT)
    seen = set()
    for seed, cwd in (("0", "/"), ("1", str(tmp_path)), ("4242", here)):
        env = {**os.environ, "PYTHONHASHSEED": seed, "TZ": f"X{seed[0]}", "LC_ALL": "C"}
        ended = subprocess.run([sys.executable, "-c", EMIT, here], cwd=cwd, env=env, capture_output=True, text=True, check=True)
        seen.add(ended.stdout)
    assert len(seen) == 1
    assert seen.pop().endswith("[]\n")


def test_load_names_the_planner_and_the_mix() -> None:
    load = json.loads(files(small_plan())["load.json"])
    assert load["target"] == ["127.0.0.1:21000"]
    assert [(m["class"], m["dataset"]) for m in load["mix"]] == [("text", "movielens_shop"), ("image", "movielens_shop")]


def test_the_emitted_folder_can_be_written(tmp_path: Path) -> None:
    from aibenchc.emit.artifact import manifest

    artifacts = emit(small_plan())
    write(tmp_path / "out", (*artifacts, manifest(artifacts, {"small.aib": "0"}, {}, "1")))
    assert json.loads((tmp_path / "out/manifest.json").read_text())["outputs"].keys() == {str(a.path) for a in artifacts}
