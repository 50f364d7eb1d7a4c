"""Parsing and formatting: properties of the whole language, bad input, the cached grammar."""

from __future__ import annotations

import gc
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from aibenchc.diagnostics import Diagnostics, render_text
from aibenchc.source import SourceFile
from aibenchc.syntax import ast
from aibenchc.syntax.build_tree import TreeBuilder
from aibenchc.syntax.files import read_source
from aibenchc.syntax.format import WIDTH, format_spec
from aibenchc.syntax.grammar import MAX_DEPTH, make_parser
from aibenchc.syntax.parse import parse_file, parse_value
from aibenchc.validate import validate
from cpu_time import children_cpu_s, quiet_cpu_s
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from paths import ROOT
from spec_strategies import changed, specs

ECOMMERCE = (ROOT / "specs" / "ecommerce.aib").read_text(encoding="utf-8")


def parsed(text: str) -> ast.Spec:
    diagnostics = Diagnostics()
    spec = parse_file(SourceFile("main.aib", text), diagnostics)
    assert spec is not None, render_text(diagnostics) + text
    return spec


def comments(text: str) -> list[str]:
    """Their words: a comment that is too long stands on several lines."""
    return sorted(word for comment in re.findall(r'"[^"\n]*"|(#[^\n]*)', text) for word in comment.lstrip("#").split())


def comes_back(spec: ast.Spec) -> None:
    text = format_spec(spec)
    again = parsed(text)
    assert again == spec
    assert format_spec(again) == format_spec(parsed(format_spec(again)))


ANY_SPEC = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])


@given(specs)
@settings(ANY_SPEC, max_examples=20)
def test_parsing_what_was_formatted_gives_the_same_tree(spec: ast.Spec) -> None:
    comes_back(spec)


@pytest.mark.long
@given(specs)
@settings(ANY_SPEC, max_examples=300)
def test_parsing_what_was_formatted_gives_the_same_tree_for_many(spec: ast.Spec) -> None:
    comes_back(spec)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_formatting_keeps_tree_and_comments_wherever_lines_break(data: st.DataObject) -> None:
    """Newlines and comments are inserted wherever the language ignores them."""
    words = re.split(r"(?<=[(|&>{,])(?= )|(?= ->| \||&)", ECOMMERCE)
    breaks = data.draw(st.lists(st.sampled_from(("", "", "\n", " # why\n", "\n\n  # more\n")), min_size=len(words), max_size=len(words)))
    text = "".join(word + extra for word, extra in zip(words, breaks, strict=True))
    diagnostics = Diagnostics()
    spec = parse_file(SourceFile("main.aib", text), diagnostics)
    if spec is None:  # a break where it means something
        return
    formatted = format_spec(spec)
    assert parsed(formatted) == spec
    assert comments(formatted) == comments(text)
    assert format_spec(parsed(formatted)) == formatted


def test_the_scenarios_are_formatted_to_the_same_tree() -> None:
    for path in (ROOT / "specs").glob("*.aib"):
        text = path.read_text(encoding="utf-8")
        formatted = format_spec(parsed(text))
        assert parsed(formatted) == parsed(text)
        assert comments(formatted) == comments(text)
        assert format_spec(parsed(formatted)) == formatted


LONG = {
    "a comment on its own": "# " + "why " * 60,
    "a comment beside a line": "task a : b  # " + "why " * 30,
    "comments beside aligned lines": "\n".join(f"task {name} : b {{ service 2 ms }}  # {'why ' * 20}" for name in ("a", "x" * 40)),
    "names that only alignment makes too long": f"task {'x' * 50} : b {{ service 2 ms }}\ntask a : b {{ fields {'y ' * 40}z }}",
    "a block on one line": "task a : b { " + ", ".join(f"setting{i} {i} ms" for i in range(30)) + " }  # why",
    "models": "task a : b { model " + " | ".join(f"model_{i} (accuracy >= {i}%)" for i in range(30)) + " }",
    "replicas": "deployment d { replicas 2 { " + ", ".join(f"task_{i}" for i in range(60)) + " } }",
    "a chain": "permutation { " + " -> ".join(f"task_{i}" for i in range(60)) + " }",
    "a chain with groups": "permutation { a -> (" + " & ".join(f"(x{i} -> y{i})" for i in range(40)) + ") -> response  # why\n }",
    "arms": "permutation { a -> ( " + " | ".join(f"{i + 1}%: task_number_{i}" for i in range(30)) + " | rest: z ) -> response }",
    "a comment within a chain": "permutation {\n a -> b # " + "why " * 40 + "\n -> c # short\n -> response # " + "so " * 50 + "\n}",
    "comments around a block": "permutation { # " + "why " * 40 + "\n a -> b\n} # " + "so " * 60,
    "a title": 'reference "' + "long, so | long -> " * 12 + '" { latency p99 5 ms }',
}


@pytest.mark.parametrize("inside", LONG.values(), ids=LONG)
def test_no_formatted_line_is_too_long(inside: str) -> None:
    text = f"aib 1\nscenario s {{\n{inside}\n}}\n"
    spec = parsed(text)
    formatted = format_spec(spec)
    assert parsed(formatted) == spec
    assert comments(formatted) == comments(text)
    assert format_spec(parsed(formatted)) == formatted
    assert [line for line in formatted.splitlines() if len(line) > WIDTH and '"' not in line] == []


@given(changed(ECOMMERCE))
@settings(max_examples=150, deadline=None)
def test_a_changed_spec_is_understood_or_explained(text: str) -> None:
    """A mistyped spec gives a scenario or diagnostics with places, never an exception."""
    diagnostics = Diagnostics()
    spec = parse_file(SourceFile("main.aib", text), diagnostics)
    scenario = validate(spec, diagnostics) if spec is not None else None
    assert (scenario is None) == diagnostics.failed
    assert all(diagnostic.span is not None and diagnostic.hint for diagnostic in diagnostics.all if diagnostic.code.id < "AIB300")
    rendered = render_text(diagnostics)
    assert all(len(line) < 400 for line in rendered.splitlines() if " | " in line)


@given(st.binary(max_size=400))
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_read_or_explained(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "bytes.aib"
    path.write_bytes(data)
    diagnostics = Diagnostics()
    source = read_source(path, "bytes.aib", diagnostics)
    spec = parse_file(source, diagnostics) if source is not None else None
    assert diagnostics.failed or spec is not None
    assert "\x1b" not in render_text(diagnostics)


@given(st.text(alphabet='ab1 \n"#(){}|&->=<:,.@%$~é', max_size=200))
@settings(max_examples=150, deadline=None)
def test_any_text_after_the_header_is_parsed_or_explained(text: str) -> None:
    diagnostics = Diagnostics()
    spec = parse_file(SourceFile("main.aib", "aib 1\n" + text), diagnostics)
    assert (spec is None) == diagnostics.failed


CHECK = """
import re, sys
from aibenchc.cli import main
code = main(["check", sys.argv[1]])
# not ru_maxrss, which a process inherits from the one that started it
print(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1], code)
"""


def peak_kib(path: Path) -> tuple[int, int, str]:
    """Peak memory (KiB), exit code and output of a check in a process of its own."""
    ended = subprocess.run([sys.executable, "-c", CHECK, str(path)], capture_output=True, text=True, check=True)
    assert "Traceback" not in ended.stderr
    peak, code = ended.stdout.split()[-2:]
    return int(peak), int(code), ended.stderr


@pytest.mark.parametrize("kind", ["zeros", "random", "spec", "parens", "braces", "newlines", "numbers", "strings"])
def test_fifty_mebibytes_are_refused_with_little_memory(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "large.aib"
    piece = {
        "zeros": b"\0",
        "random": os.urandom(4096),
        "spec": b"aib 1\nscenario s { }\n",
        "parens": b"(",
        "braces": b"aib 1\nload {",
        "newlines": b"\n",
        "numbers": b"9",
        "strings": b'"x',
    }[kind]
    with path.open("wb") as file:
        for _ in range(50):
            file.write((piece * (2**20 // len(piece) + 1))[: 2**20])
    peak, code, said = peak_kib(path)
    assert code == 1
    assert "AIB003" in said
    assert peak < 100 * 1024


A_MEBIBYTE = ["(", "load { ", "\n", '"', "# x\n", "9", "task a : b\n", "( a | ", "a,", "permutation { a -> b }\n"]


@pytest.mark.parametrize("piece", [*A_MEBIBYTE, pytest.param("a -> ", marks=pytest.mark.long)])
def test_a_mebibyte_of_one_thing_is_explained_with_bounded_memory(tmp_path: Path, piece: str) -> None:
    path = tmp_path / "large.aib"
    path.write_text("aib 1\nscenario s {\n permutation {\n" + (piece * (2**20 // len(piece)))[: 2**20 - 100], encoding="utf-8")
    peak, code, said = peak_kib(path)
    assert code == 1
    assert "error[AIB" in said
    assert peak < 700 * 1024


@pytest.mark.parametrize("depth", [MAX_DEPTH - 3, MAX_DEPTH + 1, 100_000])
def test_nesting(depth: int) -> None:
    text = "aib 1\npermutation { a -> " + "(" * depth + "b" + ")" * depth + " }\n"
    diagnostics = Diagnostics()
    spec = parse_file(SourceFile("deep.aib", text), diagnostics)
    assert [d.code.id for d in diagnostics.all] == ([] if depth < MAX_DEPTH else ["AIB006"])
    if spec is not None:
        assert parsed(format_spec(spec)) == spec


def test_the_collector_is_on_again_after_parsing() -> None:
    assert gc.isenabled()
    parse_file(SourceFile("a.aib", "aib 1\n"), Diagnostics())
    parse_file(SourceFile("b.aib", "aib 1\n -> "), Diagnostics())
    assert gc.isenabled()
    gc.disable()
    try:
        parse_file(SourceFile("c.aib", "aib 1\n"), Diagnostics())
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_spans_point_to_what_they_name() -> None:
    text = 'aib 1\nscenario s "T" {\n  task find : indexing { tier good }\n  permutation { a.b -> (c & d) }\n}\n'
    scenario = parsed(text).tops[0]
    assert isinstance(scenario, ast.Scenario)
    task, permutation = scenario.items
    assert isinstance(task, ast.Task)
    assert isinstance(permutation, ast.Permutation)

    def at(node: ast.Node) -> str:
        return text[node.span.start : node.span.end]

    assert at(scenario) == text[text.index("scenario") :].rstrip()
    assert (at(task.name), at(task.component), at(task.settings[0])) == ("find", "indexing", "tier good")
    assert [at(step) for step in permutation.chains[0].steps] == ["a.b", "(c & d)"]


def test_values_of_the_command_line() -> None:
    diagnostics = Diagnostics()
    assert parse_value("30/s", "--param rate", diagnostics) == ast.Number("30", "/s")
    assert parse_value("a.b", "--param rate", diagnostics) == ast.Ref((ast.Name("a"), ast.Name("b")))
    assert not diagnostics.failed
    assert parse_value("30 /", "--param rate", diagnostics) is None
    assert diagnostics.failed


class TestCachedGrammar:
    @staticmethod
    def works(folder: Path | None) -> None:
        builder = TreeBuilder()
        builder.source = SourceFile("a.aib", "aib 1\ntask a : b\n")
        assert make_parser(builder, folder).parse(builder.source.text, start="start") == parsed(builder.source.text)

    def test_it_is_made_once(self, tmp_path: Path) -> None:
        self.works(tmp_path)
        files = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
        assert len(files) == 2
        self.works(tmp_path)
        assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == files

    @pytest.mark.parametrize("damage", [b"", b"garbage", None])
    def test_a_damaged_one_is_made_anew(self, tmp_path: Path, damage: bytes | None) -> None:
        self.works(tmp_path)
        cached = next(tmp_path.glob("*.lark"))
        whole = cached.read_bytes()
        cached.write_bytes(damage if damage is not None else whole[: len(whole) // 2])
        self.works(tmp_path)
        repaired = cached.read_bytes()
        assert len(repaired) > 0.9 * len(whole)
        self.works(tmp_path)
        assert cached.read_bytes() == repaired

    def test_one_that_we_did_not_note_is_not_unpickled(self, tmp_path: Path) -> None:
        self.works(tmp_path)
        cached = next(tmp_path.glob("*.lark"))
        header = cached.read_bytes().partition(b"\n")[0]
        evil = b"cos\nsystem\n(S'touch " + str(tmp_path / "ran").encode() + b"'\ntR."
        cached.write_bytes(header + b"\n" + evil)
        self.works(tmp_path)
        assert not (tmp_path / "ran").exists()

    def test_a_folder_that_cannot_be_written_is_done_without(self, tmp_path: Path) -> None:
        self.works(tmp_path / "missing" / "folder")
        file = tmp_path / "file"
        file.write_text("")
        self.works(file)
        self.works(None)

    def test_a_read_only_or_shared_home_is_no_obstacle(self, tmp_path: Path) -> None:
        shared = tmp_path / "aibenchc" / "grammar"
        shared.mkdir(parents=True)
        shared.chmod(0o777)
        environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
        code = "import sys; from aibenchc.cli import main; sys.exit(main(['check', sys.argv[1]]))"
        command = [sys.executable, "-c", code, str(ROOT / "specs" / "ecommerce.aib")]
        subprocess.run(command, env=environment, check=True, capture_output=True)
        assert not any(shared.iterdir())


def test_checking_imports_nothing_heavy() -> None:
    code = "import sys; from aibenchc.cli import main; main(['check', sys.argv[1]]); print(' '.join(sys.modules))"
    path = ROOT / "specs" / "ecommerce.aib"
    loaded = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True).stdout.split()
    heavy = {"torch", "grpc", "ansible", "pandas", "numpy", "rich", "jinja2", "pydantic", "regex", "yaml"}  # of others
    heavy |= {"asyncio", "importlib.metadata", "importlib.resources", "subprocess", "unittest", "zipfile"}  # of Python
    heavy |= {
        f"aibenchc.{name}" for name in ("distill", "emit", "planning", "placement", "show", "driver", "syntax.explain", "syntax.format")
    }
    heavy |= {f"aibenchrt.{name}" for name in ("libraries", "plan", "deployment", "code_key", "home")}
    assert not heavy & set(loaded)


def test_checking_is_quick() -> None:
    """CPU time of a cold process, the grammar cached."""
    command = [sys.executable, "-m", "aibenchc", "check", str(ROOT / "specs" / "ecommerce.aib")]
    subprocess.run(command, check=True, capture_output=True)

    assert quiet_cpu_s(lambda: children_cpu_s(lambda: subprocess.run(command, check=True, capture_output=True))) < 0.5


def test_the_page_about_the_language_holds() -> None:
    """grammar/README.md: its spec checks, and all its other examples parse."""
    page = (ROOT / "grammar" / "README.md").read_text(encoding="utf-8")
    blocks = ["\n".join(line[4:] for line in block.splitlines()) for block in re.findall(r"(?:^    .*\n|^\n(?=    ))+", page, re.MULTILINE)]
    whole = [block for block in blocks if block.lstrip().startswith("aib 1")]
    diagnostics = Diagnostics()
    assert len(whole) == 1
    assert validate(parsed(whole[0].lstrip("\n")), diagnostics) is not None, render_text(diagnostics)
    assert not diagnostics.all
    rest = [block for block in blocks if block not in whole]
    assert len(rest) == 4
    for block in rest:
        parsed("aib 1\n" + block)
