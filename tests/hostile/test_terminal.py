"""Text that writes to a terminal more than itself: escapes that colour, hide, move or rename, and characters that turn the direction of
writing; in specs, run directories, replies of hosts and file names. All of it is shown as escapes.
"""

from __future__ import annotations

import ast
import io
import json
import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from aibenchc.cli import main, output, tables, terminal
from aibenchrt.control.cluster.playbooks import _Events
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.process_log import log_to_stderr
from aibenchrt.shown import tell_failure, visible, visible_json
from hypothesis import given
from hypothesis import strategies as st
from paths import ROOT
from synthetic_run import Shape, write_run

ATTACKS = {
    "colour": "\x1b[32mVALID\x1b[0m",
    "clear the screen": "\x1b[2J\x1b[H",
    "window title": "\x1b]0;owned\x07",
    "clipboard": "\x1b]52;c;cm0gLXJmIH4=\x07",
    "link": "\x1b]8;;https://example.org\x1b\\text\x1b]8;;\x1b\\",
    "one-byte escape": "\x9b31m",
    "carriage return": "INVALID\rVALID  ",
    "backspaces": "INVALID" + "\b" * 7 + "VALID",
    "right to left": "\u202egpj.exe",
    "isolate": "\u2067abc\u2069",
    "nothing to see": "a\u200bb\ufeffc\u00ad",
    "tags": "a\U000e0041\U000e0042",
    "line separator": "a\u2028b\u2029c\x85d",
}


def clean(text: str) -> bool:
    """Printable but for line ends and tabs."""
    return all(c.isprintable() or c in "\n\t" for c in text)


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_a_text_is_shown_as_itself(attack: str) -> None:
    assert clean(visible(attack))
    assert "\\" in visible(attack)


@given(st.text())
def test_what_is_printable_stays_and_nothing_else_gets_through(text: str) -> None:
    assert clean(visible(text))
    assert visible(text) == text or not clean(text)


@given(st.text())
def test_json_stays_the_same_document(text: str) -> None:
    shown = visible_json(json.dumps({text: [text]}, ensure_ascii=False, indent=1))
    assert clean(shown)
    assert json.loads(shown) == {text: [text]}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_whatever_prints_filters(attack: str, capsys: pytest.CaptureFixture[str]) -> None:
    failure = EnvironmentFailure("AIB609", file=attack, directory=attack, reason=attack)
    output.say(attack)
    output.say_json({"name": attack})
    output.complain(attack)
    tell_failure(failure)
    tables.print_table(attack, (attack,), [(attack,)])
    with terminal.progress_bars() as told:
        told(attack, 0.5)
    shown = capsys.readouterr()
    assert clean(shown.out)
    assert clean(shown.err)


def test_our_own_colours_stay(capsys: pytest.CaptureFixture[str]) -> None:
    output.say("\x1b[2J", "\x1b[32m")
    assert capsys.readouterr().out == "\x1b[32m\\x1b[2J\x1b[0m\n"


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
@pytest.mark.parametrize("verb", ["check", "run", "explain", "components", "validate", "nothing"])
def test_a_command_line_is_repeated_as_text(attack: str, verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = [attack] if verb == "nothing" else [verb, attack, f"--{attack}"] if verb == "run" else [verb, attack]
    assert main(words) != 0
    shown = capsys.readouterr()
    assert clean(shown.out + shown.err)
    assert shown.err


@pytest.fixture(scope="module")
def run_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("terminal") / "run", Shape(duration_s=4))


def test_a_run_directory_of_somebody_else_writes_nothing_but_text(
    tmp_path: Path, run_directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every text of run.json that the verdict may show is an attack."""
    directory = tmp_path / "run"
    shutil.copytree(run_directory, directory)
    document = json.loads((directory / "run.json").read_text())
    every = "".join(ATTACKS.values())
    document |= {"title": every, "scenario": every, "run_id": every, "deployment": every, "outcome": "failed", "missing": [every]}
    for entry in (*document["stages"], *document["processes"]):
        entry |= {"detail": every} if "detail" in entry else {"name": every, "died": True, "reason": every, "host": every}
    (directory / "run.json").write_text(json.dumps(document))
    for words in (["validate", str(directory)], ["validate", str(directory), "--report"], ["report", str(directory)]):
        main(words)
        shown = capsys.readouterr()
        assert clean(shown.out)
        assert clean(shown.err)
        assert "\\x1b[32mVALID" in shown.out


def test_a_sign_off_writes_nothing_but_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = tmp_path / "ecommerce.aib"
    shutil.copyfile(ROOT / "specs" / "ecommerce.aib", spec)
    (tmp_path / "ecommerce.signoff.toml").write_text('name = "\\u001b[2J\\u202ename"\ndate = "\\u001b]0;x\\u0007"\ngraph = "g"\n')
    main(["validate", "--spec", str(spec)])
    shown = capsys.readouterr()
    assert clean(shown.out + shown.err)
    assert "\\x1b[2J\\u202ename" in shown.out


def test_what_hosts_say_is_text_in_the_plays_log(tmp_path: Path) -> None:
    events = _Events(tmp_path / "deploy.log", "deploy", 1, lambda *_: None)
    events({"event": "runner_on_ok", "stdout": "\x1b[2J\r" + "".join(ATTACKS.values())})
    events.close()
    assert clean((tmp_path / "deploy.log").read_text(encoding="utf-8"))


def test_a_process_logs_text(monkeypatch: pytest.MonkeyPatch) -> None:
    stream, root = io.StringIO(), logging.Logger("root")
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setattr(logging, "root", root)
    log_to_stderr()
    try:
        raise ValueError("\x1b[2J")
    except ValueError:
        root.exception("a host said %s", "\x1b]0;x\x07")
    assert clean(stream.getvalue())
    assert "\\x1b]0;x\\x07" in stream.getvalue()


# -- who prints

TREES = ("compiler", "runtime")
ALLOWED = {
    "compiler/aibenchc/cli/output.py": "colours of ours, around text that visible() and render() have passed",
    "compiler/aibenchc/cli/tables.py": "rich, with texts that visible() has passed",
    "compiler/aibenchc/cli/terminal.py": "rich, with texts that visible() has passed",
    "compiler/aibenchc/cli/__init__.py": "flushes what was written, and turns to /dev/null a stdout that nobody reads",
    "compiler/aibenchc/cli/plan.py": "asks whether it is a terminal; argparse prints the usage",
    "runtime/aibenchrt/shown.py": "this is the one",
    "runtime/aibenchrt/collect/host.py": "JSON, whose non-ASCII characters are escaped, for the control host, which bounds and checks it",
    "runtime/aibenchrt/surroundings.py": "opens those that are closed, and sets how they take what an encoding lacks; prints nothing",
    "runtime/aibenchrt/process_log.py": "with a formatter that filters",
    "runtime/aibenchrt/serve/service_host.py": "one line of our own, of a plan's names",
}


def printers(source: str) -> Iterator[int]:
    """Lines that print, or may."""
    for node in ast.walk(ast.parse(source)):
        written = ast.unparse(node) if isinstance(node, ast.Call | ast.Attribute) else ""
        if written.startswith(("print(", "Console(", "traceback.print_", "logging.basicConfig(", "logging.StreamHandler(")) or written in (
            "sys.stdout",
            "sys.stderr",
        ):
            yield getattr(node, "lineno", 0)


def test_nobody_else_prints() -> None:
    unlisted = []
    for path in sorted(path for tree in TREES for path in (ROOT / tree).rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        if name not in ALLOWED:
            unlisted += [f"{name}:{line}" for line in printers(path.read_text(encoding="utf-8"))]
    assert not unlisted, "print with aibenchrt.shown, or with cli.output, cli.tables and cli.terminal"


def test_the_list_holds_only_what_prints() -> None:
    assert all(list(printers((ROOT / name).read_text(encoding="utf-8"))) for name in ALLOWED)
