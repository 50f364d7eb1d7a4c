"""Verbs with a partner's library that neither run nor train, where test_library_run.py does not take them: what is there, what is not."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from partner import TICKETS


def aibenchc(programs: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(programs / "aibenchc"), *words], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("distill", str(TICKETS), "--trace", "full"), "task triage : ticket_triage [hashed]"),
        (("format", str(TICKETS), "--stdout"), 'library "acme_tickets"\n'),
        (("components", "ticket_triage", "--library", "acme_tickets"), 'a spec that names it says `library "acme_tickets"`'),
        (("components", "acme_desk", "--library", "acme_tickets"), "its world gives: tickets with the queues"),
    ],
)
def test_verbs_treat_a_partners_library_like_ours(programs: Path, words: tuple[str, ...], says: str) -> None:
    ended = aibenchc(programs, *words)
    assert ended.returncode == 0, ended.stderr
    assert says in ended.stdout


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("components", "ticket_triage"), 1, "the catalogue has no 'ticket_triage'"),
        (("data", "acme_desk"), 2, "AIB664"),
        (("components", "--library", "acme_search"), 2, "installed: acme_tickets"),
        (("data", "acme_desk", "--library", "acme_tickets", "--fetch", "real"), 2, "AIB700"),
        (("bench", "component", "ticket_triage"), 1, "AIB102"),
        (("bench", "component", "ticket_triag", "--spec", str(TICKETS)), 1, "did you mean 'ticket_triage'?"),
        (("bench", "component", "ticket_triage", "--model", "hash", "--spec", str(TICKETS)), 1, "did you mean 'hashed'?"),
    ],
)
def test_what_is_not_there_is_told(programs: Path, words: tuple[str, ...], code: int, says: str) -> None:
    ended = aibenchc(programs, *words)
    assert ended.returncode == code, ended.stdout + ended.stderr
    assert says in ended.stderr


def test_an_essential_block_and_a_sign_off_take_a_partners_names(programs: Path, tmp_path: Path) -> None:
    spec = tmp_path / "tickets.aib"
    essential = "  essential { tasks ticket_tidy ticket_triage, data text, metrics accuracy }\n"
    spec.write_text(TICKETS.read_text(encoding="utf-8").replace("  metrics", f"{essential}  metrics"), encoding="utf-8")
    ended = aibenchc(programs, "validate", "--spec", str(spec), "--sign", "Acme")
    assert ended.returncode == 0, ended.stderr
    assert "covered: 4 of 4" in ended.stdout
    assert (tmp_path / "tickets.signoff.toml").is_file()


@pytest.mark.parametrize(("spec", "looked_up"), [("tests/specs/small.aib", False), (str(TICKETS), True)])
def test_entry_points_are_looked_up_only_where_a_spec_names_a_library(programs: Path, spec: str, looked_up: bool) -> None:
    path = Path(__file__).parents[2] / spec
    code = "import sys\nfrom aibenchc.cli import main\ncode = main(['check', sys.argv[1]])\n"
    code += "print(code, 'importlib.metadata' in sys.modules, 'acme_tickets' in sys.modules)\n"
    ended = subprocess.run([str(programs / "python"), "-c", code, str(path)], capture_output=True, text=True, check=False)
    acme = ended.stdout.splitlines()[-1].split()
    assert acme[0] == "0", ended.stderr
    assert acme[2] == str(looked_up)
    if not looked_up:
        assert acme[1] == "False", "what an entry point is looked up with"
