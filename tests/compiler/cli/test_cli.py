"""The command line: verbs, exit codes, what goes to which stream."""

from __future__ import annotations

import errno
import io
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
from aibenchc.cli import main, run
from aibenchc.cli.parser import Parser
from aibenchc.cli.starter import starter
from aibenchc.cli.verbs import VERBS
from aibenchc.codes import CODES, TABLE
from aibenchrt import catalog
from aibenchrt.catalog import COMPONENTS, DATASETS
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.exit_codes import ExitCode
from aibenchrt.report.validity import REASONS, VIOLATIONS
from paths import ROOT, SPECS

ECOMMERCE = ROOT / "specs" / "ecommerce.aib"


def test_check_says_ok(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(ECOMMERCE)]) == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"{ECOMMERCE}: ok: E-commerce Search Intelligence: ")
    assert err == ""


def test_check_reports_and_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = tmp_path / "a.aib"
    spec.write_text(starter("a").replace(": query_parsing", ": query_prasing").replace("for 60 s", "for 60"), encoding="utf-8")
    assert main(["check", str(spec)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert re.findall(r"^error\[(AIB\d+)\]", err, re.MULTILINE) == ["AIB102", "AIB201"]
    assert err.endswith("2 errors\n")


def test_check_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = tmp_path / "a.aib"
    spec.write_text(starter("a").replace(": query_parsing", ": query_prasing"), encoding="utf-8")
    assert main(["check", "--json", str(spec)]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["failed"] is True
    (diagnostic,) = report["diagnostics"]
    line = spec.read_text(encoding="utf-8").splitlines()[diagnostic["line"] - 1]
    assert line[diagnostic["column"] - 1 : diagnostic["end_column"] - 1] == "query_prasing"
    assert diagnostic["code"] == "AIB102"
    assert main(["check", "--json", str(ECOMMERCE)]) == 0
    assert json.loads(capsys.readouterr().out)["failed"] is False


def test_check_takes_several_files_and_stdin(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = tmp_path / "a.aib"
    wrong.write_text(starter("a").replace(": query_parsing", ": query_prasing"), encoding="utf-8")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(starter("b").encode())))
    assert main(["check", str(wrong), "-", str(ECOMMERCE)]) == 1
    out, err = capsys.readouterr()
    assert [line.split(": ok")[0] for line in out.splitlines()] == ["<stdin>", str(ECOMMERCE)]
    assert "AIB102" in err
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"aib 1\nscenario {")))
    assert main(["check", "--json", "-", str(wrong)]) == 1
    report = json.loads(capsys.readouterr().out)
    assert list(dict.fromkeys(d["file"] for d in report["diagnostics"])) == ["<stdin>", str(wrong)]
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"#" * (2**20 + 1))))
    assert main(["check", "-"]) == 1
    assert "AIB003" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["components"], ["components", "indexing"], ["explain", "AIB211"], ["explain", "v08"], ["data"],
                                   ["distill", str(ECOMMERCE)], ["validate", "--spec", str(ECOMMERCE)]], ids=" ".join)  # fmt: skip
def test_verbs_that_report_do_so_as_json(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)


def test_json_says_what_the_text_says(capsys: pytest.CaptureFixture[str]) -> None:
    main(["components", "--json"])
    assert [spec["name"] for spec in json.loads(capsys.readouterr().out)["components"]] == list(COMPONENTS)
    main(["distill", str(ECOMMERCE), "--json"])
    found = json.loads(capsys.readouterr().out)
    main(["distill", str(ECOMMERCE)])
    said = capsys.readouterr().out
    assert f"{found['passes']} passes, {len(found['steps'])} steps" in said
    assert all(step["why"] in said for step in found["steps"])
    assert f"{found['before']['tasks']} tasks" in said


ABBREVIATED = ("run x.aib --dura 5", "plan x.aib -i hosts --meas y", "bench component x --mod y", "check x.aib --js", "validate --spe x")


@pytest.mark.parametrize("line", ABBREVIATED)
def test_options_are_not_abbreviated(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = line.split()
    assert main(words) == (1 if words[0] == "plan" else 2)
    assert next(word for word in reversed(words) if word.startswith("--")) in capsys.readouterr().err


@pytest.mark.parametrize("line", ["run x.aib --rate fast", "plan x.aib", "run", "train x.aib --size huge"])
def test_a_mistake_on_the_command_line_is_told_in_two_lines(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    verb = line.split()[0]
    assert main(line.split()) == (1 if verb == "plan" else 2)
    error, way_out = capsys.readouterr().err.splitlines()
    assert error.startswith(f"aibenchc {verb}: error: ")
    assert way_out == f"  = help: `aibenchc {verb} --help` shows its arguments"


def test_help_of_run_has_groups_and_examples_that_are_understood(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--help"]) == 0
    said = capsys.readouterr().out
    assert all(f"\n{group}:\n" in said for group in ("the load, instead of the spec's", "data and models", "hosts", "examples"))
    parser = Parser()
    run.add_arguments(parser)
    for example in re.findall(r"^  aibenchc run (.+?)  ", run.EXAMPLES, re.M):
        parser.parse_args(example.split())


def test_explain_knows_why_runs_are_invalid(capsys: pytest.CaptureFixture[str]) -> None:
    for code, reason in (REASONS | VIOLATIONS).items():
        assert main(["explain", code.lower()]) == 0
        said = capsys.readouterr().out
        assert reason.hint in said
        assert "{" not in said
    assert main(["explain", "V99"]) == 1
    assert "did you mean 'V19'?" in capsys.readouterr().err


def test_explaining_needs_nothing_of_the_runtime() -> None:
    code = "import sys; from aibenchc.cli import main; main(['explain', 'V08']); print({'numpy', 'grpc', 'scipy'} & sys.modules.keys())"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.endswith("set()\n")


def test_a_missing_spec_and_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(tmp_path / "none.aib")]) == 1
    assert "AIB011" in capsys.readouterr().err
    assert main(["check", str(tmp_path)]) == 1
    assert "AIB015" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["chek", "x"], ["check"], ["check", "x", "--nonsense"], ["check", "x", "--param", "rate"], []])
def test_a_command_line_that_cannot_be_understood(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--help"], ["--version"], *([verb.name, "--help"] for verb in VERBS)])
def test_help(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    assert "aibenchc" in capsys.readouterr().out


def test_the_three_kinds_of_failure(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    check_verb = import_module("aibenchc.cli.check")

    def raises(error: BaseException) -> None:
        def check(*_: object) -> int:
            raise error

        monkeypatch.setattr(check_verb, "run", check)

    raises(EnvironmentFailure("AIB670"))
    assert main(["check", str(ECOMMERCE)]) == ExitCode.ENVIRONMENT
    assert capsys.readouterr().err == "error[AIB670]: the plan names no hosts\n  = help: compile it with -i INVENTORY\n"
    raises(RuntimeError("a bug"))
    assert main(["check", str(ECOMMERCE)]) == ExitCode.OURS
    assert "AIB901" in capsys.readouterr().err
    raises(KeyboardInterrupt())
    assert main(["check", str(ECOMMERCE)]) == ExitCode.INTERRUPTED


def test_a_reader_that_goes_away_is_no_error() -> None:
    command = f"{sys.executable} -m aibenchc components | true; echo ${{PIPESTATUS[0]}}"
    ended = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "0"
    assert "Traceback" not in ended.stderr


def test_the_starter_checks_formats_and_compiles(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "my_shop", "--folder", str(tmp_path)]) == 0
    spec = tmp_path / "my_shop.aib"
    assert main(["check", str(spec)]) == 0
    assert main(["format", "--check", str(spec)]) == 0
    assert main(["compile", str(spec), "--out", str(tmp_path / "out"), "--no-stubs"]) == 0
    plan = json.loads((tmp_path / "out" / "plan.json").read_text(encoding="utf-8"))
    assert [step["task"] for step in plan["steps"]].count("find") == 1
    assert len(plan["steps"]) >= 5
    capsys.readouterr()
    assert main(["new", "my_shop", "--folder", str(tmp_path)]) == 1
    assert "exists already" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["../evil", "1st", "a b", "a" * 61, "ä", ""])
def test_new_refuses_names_that_are_none(name: str, tmp_path: Path) -> None:
    assert main(["new", name, "--folder", str(tmp_path)]) == 1
    assert not list(tmp_path.iterdir())


def test_the_published_specs_are_formatted() -> None:
    specs = sorted(SPECS.glob("*.aib"))
    assert specs
    assert main(["format", "--check", *map(str, specs)]) == 0
    assert [line for spec in specs for line in spec.read_text(encoding="utf-8").splitlines() if len(line) > 120] == []


@pytest.mark.parametrize("source", [path.stem for path in sorted(SPECS.glob("*.aib"))])
def test_new_copies_a_published_scenario_under_another_name(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new", "mine", "--from", source]) == 0
    assert main(["check", "mine.aib"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("mine.aib: ok: ")
    whole = (SPECS / f"{source}.aib").read_text(encoding="utf-8")
    assert Path("mine.aib").read_text(encoding="utf-8") == whole.replace(f"scenario {source} ", "scenario mine ")


def test_format_writes_only_what_changes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec, broken = tmp_path / "a.aib", tmp_path / "b.aib"
    spec.write_text("aib 1\nscenario   s{ task a:b\n\n\n# why\ntask long : c }\n", encoding="utf-8")
    broken.write_text("aib 1\nscenario {", encoding="utf-8")
    assert main(["format", "--check", str(spec)]) == 1
    assert "+  task long : c" in capsys.readouterr().out
    assert main(["format", str(spec), str(broken)]) == 1
    assert spec.read_text(encoding="utf-8") == "aib 1\nscenario s {\n  task a : b\n\n  # why\n  task long : c\n}\n"
    assert broken.read_text(encoding="utf-8") == "aib 1\nscenario {"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.aib", "b.aib"]
    assert main(["format", "--check", str(spec)]) == 0


def test_explain_knows_every_code(capsys: pytest.CaptureFixture[str]) -> None:
    for code in CODES.values():
        assert main(["explain", code.id.lower()]) == 0
        assert code.explanation in capsys.readouterr().out
    assert main(["explain", "AIB999"]) == 1


def test_components_shows_everything(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["components"]) == 0
    listed = capsys.readouterr().out
    for spec in (*COMPONENTS.values(), *DATASETS.values()):
        assert spec.name in listed
        assert main(["components", spec.name]) == 0
    assert "small: fasttext, textcnn; full: bert_base; trained here: " in listed
    assert "Query → Category; accuracy" in listed
    assert main(["components", "fasttext"]) == 1
    assert "it is a model of component text_classification" in capsys.readouterr().err
    assert main(["components", "indexin"]) == 1
    assert "did you mean 'indexing'?" in capsys.readouterr().err


def test_distill_and_its_rules(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["distill", str(ECOMMERCE), "--svg", str(tmp_path / "svg")]) == 0
    assert "->" in capsys.readouterr().out
    assert (tmp_path / "svg" / "distilled.svg").is_file()
    assert main(["distill", str(ECOMMERCE), "--rules", "R9"]) == 1
    said = capsys.readouterr().err
    assert "AIB306" in said
    assert "the rules are R1 R2 R3 R4 R5 R6" in said
    assert main(["distill", str(ECOMMERCE), "--measurements", str(tmp_path / "none.json")]) == 1
    assert "AIB307" in capsys.readouterr().err
    assert main(["distill", str(ECOMMERCE), "--deployment", "nowhere"]) == 1
    assert "AIB401" in capsys.readouterr().err


def test_compile_leaves_alone_what_is_not_ours(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "thesis.txt").write_text("all of it", encoding="utf-8")
    assert main(["compile", str(ECOMMERCE), "--out", str(tmp_path), "--no-stubs"]) == 2
    assert "AIB502" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_component_without_implementation_survives(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(catalog.COMPONENTS.own, "query_suggestion", replace(catalog.COMPONENTS.own["query_suggestion"], implemented=False))
    spec = tmp_path / "a.aib"
    text = starter("a").replace("  # What flows", "  task suggest   : query_suggestion\n  # What flows")
    spec.write_text(text.replace("    parse -> find\n", "    parse -> find\n    parse -> suggest -> response\n"), encoding="utf-8")
    assert main(["check", str(spec)]) == 0
    assert main(["compile", str(spec), "--out", str(tmp_path / "out"), "--no-stubs"]) == 1
    assert "AIB501" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_every_code_is_used() -> None:
    """Every code of the table is reported somewhere. Docstrings mention codes without reporting them, so only quoted codes count."""
    sources = [path for part in ("compiler", "runtime") for path in (ROOT / part).rglob("*.py") if path.name != "codes.py"]
    texts = [path.read_text(encoding="utf-8") for path in sources]
    assert {code for text in texts for code in re.findall(r"AIB\d{3}", text)} <= CODES.keys()
    raised = {code for text in texts for code in re.findall(r'"AIB\d{3}"|\[AIB\d{3}\]', text)}
    assert {code.strip('"[]') for code in raised} == CODES.keys()


def test_every_code_has_one_meaning() -> None:
    assert len({code.id for code in TABLE}) == len(TABLE)
    assert all(code.message and code.explanation for code in TABLE)


@pytest.mark.parametrize(
    "words",
    [
        ["--seed", "-5"],
        ["--seed", "4294967296"],
        ["--seed", "7.5"],
        ["--rate", "abc"],
        ["--rate", "0"],
        ["--duration", "nan"],
        ["--supplement", "-1"],
        ["--first-port", "99999"],
        ["--first-port", "80"],
    ],
)
def test_run_refuses_numbers_that_make_no_sense(words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(ECOMMERCE), "--out", str(tmp_path / "out"), *words]) == 2
    said = capsys.readouterr().err
    assert "write a " in said
    assert "_" not in said.splitlines()[-1]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("words", "count"), [(["--duration", "8"], "240"), (["--rate", "2", "--duration", "100"], "200")])
def test_run_says_beforehand_that_it_is_too_short(words: list[str], count: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    too_high = ["--first-port", "65530"]  # refused once the spec is compiled
    out = ["--out", str(tmp_path / "out"), "--runs", str(tmp_path / "runs")]
    assert main(["run", str(ECOMMERCE), "--data", "synthetic", "--size", "tiny", *out, *words, *too_high]) == 2
    said = capsys.readouterr().err
    assert f"warning[AIB236]: p99 needs 2,000 requests of the load, which sends about {count}\n" in said
    assert said.index("AIB236") < said.index("AIB652")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--teardown"], "--teardown applies only to a run on hosts"),
        (["--prepare-only"], "--prepare-only applies only to a run on hosts"),
        (["-i", "hosts.ini", "--prepare-only", "--teardown"], "does not touch the hosts, but --teardown does"),
        (["-i", "hosts.ini", "--prepare-only", "--resume", "run"], "does not touch the hosts, but --resume does"),
    ],
)
def test_options_of_runs_on_hosts_that_do_not_go_together(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", str(ECOMMERCE), "--out", str(tmp_path / "out"), *words]) == 2
    complained = capsys.readouterr().err
    assert re.search(r"error\[AIB6(36|88)\]", complained)
    assert said in complained
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("home", "words"),
    [("file", []), ("file/below", []), ("home", ["--runs", "file"]), ("home", ["--first-port", "65535"])],
)
def test_run_where_nothing_can_be_written(home: str, words: list[str], tmp_path: Path) -> None:
    """AIBENCH_HOME or --runs that is not a folder, and ports beyond the last: a diagnostic, no traceback, nothing left behind."""
    (tmp_path / "file").write_text("mine")
    (tmp_path / "home").mkdir()
    command = [sys.executable, "-m", "aibenchc", "run", str(ECOMMERCE), "--data", "synthetic", "--size", "tiny", "--out", "out", *words]
    environment = {**os.environ, "AIBENCH_HOME": str(tmp_path / home)}
    ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 2, ended.stderr
    assert re.search(r"^error\[AIB6\d\d\]: .*\n  = help: \S", ended.stderr, re.MULTILINE)
    assert "Traceback" not in ended.stderr
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_full_disk_is_not_our_mistake(number: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def full(*_: object) -> int:
        raise OSError(number, os.strerror(number), "models/x")

    monkeypatch.setattr(import_module("aibenchc.cli.check"), "run", full)
    assert main(["check", str(ECOMMERCE)]) == 2
    assert capsys.readouterr().err.startswith(f"error[AIB654]: 'models/x' cannot be used: {os.strerror(number)}\n  = help: free space")


FULL = """
import resource, sys
from aibenchc.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))     # as a full disk: the write fails with OSError
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("verb", ["new", "distill", "format"])
def test_a_full_disk_leaves_nothing_half_written(verb: str, tmp_path: Path) -> None:
    spec = tmp_path / "a.aib"
    text = starter("a").replace("  metrics {", "  metrics    {")
    spec.write_text(text, encoding="utf-8")
    words = {"new": ["b", "--folder", str(tmp_path)], "distill": [str(spec), "--svg", str(tmp_path)], "format": [str(spec)]}[verb]
    ended = subprocess.run([sys.executable, "-c", FULL, verb, *words], capture_output=True, text=True, check=False)
    assert ended.returncode == 2, ended.stderr
    assert "error[AIB507]: cannot write " in ended.stderr
    assert "Traceback" not in ended.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["a.aib"]
    assert spec.read_text(encoding="utf-8") == text


def test_the_catalogue_says_what_is_sent_once_and_what_in_pairs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["components", "faces"]) == 0
    said = {line.split(":")[0].strip(): line for line in capsys.readouterr().out.splitlines()}
    assert said["source genuine"].endswith("; each payload once in a run")
    assert "; in pairs, 2 s apart; each payload once in a run" in said["source replays"]
    assert "; in pairs, both at once; each payload once in a run" in said["source doubles"]
    assert main(["components", "movielens_shop"]) == 0
    assert "once" not in capsys.readouterr().out
