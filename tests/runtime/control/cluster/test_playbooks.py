"""Playbooks through ansible-runner, on this machine by `connection: local`: what is told, what fails, what an interruption leaves."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from aibenchrt.control.cluster.playbooks import Playbooks, failure
from aibenchrt.control.journal import Journal
from aibenchrt.errors import EnvironmentFailure
from seen_processes import processes_about

PLAY = """
- hosts: all
  gather_facts: false
  connection: local
  tasks:
"""


def playbooks(folder: Path, tasks: str, told: list[tuple[str, float]] | None = None) -> Playbooks:
    (folder / "ansible").mkdir()
    (folder / "logs").mkdir()
    (folder / "ansible" / "go.yml").write_text(PLAY + tasks)
    (folder / "inventory.ini").write_text(f"[nodes]\na\nb\n[nodes:vars]\nansible_python_interpreter={sys.executable}\n")
    say = told if told is not None else []
    return Playbooks(folder / "ansible", folder / "inventory.ini", folder / "logs", folder / ".ansible", lambda *a: say.append(a))


def test_tasks_are_told_and_variables_arrive(tmp_path: Path) -> None:
    told: list[tuple[str, float]] = []
    task = '    - name: Write\n      ansible.builtin.copy: { content: "{{ what }}", dest: "{{ where }}/{{ inventory_hostname }}" }\n'
    failures = playbooks(tmp_path, task, told).play("go.yml", {"what": 'it\'s "this"\n', "where": str(tmp_path)})
    assert failures == []
    assert (tmp_path / "a").read_text() == (tmp_path / "b").read_text() == 'it\'s "this"\n'
    assert [text for text, _ in told] == ["go: Write", "go: done"]
    assert told[-1][1] == 1.0
    assert "TASK [Write]" in (tmp_path / "logs" / "go.log").read_text()
    assert not (tmp_path / ".ansible").exists(), "ansible-runner keeps the environment of this process there"


def test_a_failed_task_names_host_task_message_and_log(tmp_path: Path) -> None:
    task = "    - name: Break\n      ansible.builtin.command: sh -c 'echo no disk >&2; exit 3'\n      when: inventory_hostname == 'b'\n"
    failures = playbooks(tmp_path, task).play("go.yml", {})
    assert [(f.host, f.task, f.unreachable) for f in failures] == [("b", "Break", False)]
    raised = failure("go.yml", failures, tmp_path / "logs")
    assert raised.code == "AIB633"
    assert "b failed at 'Break': non-zero return code\nno disk" in raised.message
    assert str(tmp_path / "logs" / "go.log") in raised.hint


def test_a_playbook_that_is_none_is_a_coded_error(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFailure, match="AIB691"):
        playbooks(tmp_path, "    - no_such_module: {}\n").play("go.yml", {})


# Ctrl-C at each line that the main thread executes while a playbook runs, in turn: inside Event.wait it may hold a lock then.
INTERRUPTED = """
import signal, sys, threading
from itertools import count
from aibenchrt.control.cluster import playbooks

playbooks._POLL_S = 0.01
signal.signal(signal.SIGINT, signal.default_int_handler)
interrupted = 0
for line in count():
    passed, begun, ended, cancelled = 0, threading.Event(), threading.Event(), threading.Event()

    def work():
        begun.set()
        cancelled.wait(0.02)
        ended.set()
        return "ended"

    def trace(frame, event, _):
        global passed
        passed += 1
        if passed == line + 1:
            signal.raise_signal(signal.SIGINT)
        return trace

    try:
        sys.settrace(trace)
        assert playbooks._apart(work, cancelled) == "ended"
    except KeyboardInterrupt:
        interrupted += 1
    finally:
        sys.settrace(None)
    assert begun.is_set() == ended.is_set(), line
    if passed <= line:
        break
assert interrupted > 40, interrupted
"""


def test_an_interruption_at_its_worst_is_waited_for() -> None:
    assert subprocess.run([sys.executable, "-c", INTERRUPTED], timeout=240, check=False).returncode == 0


# A process of its own: an interruption that is not caught where it should be would end the other tests of this one.
PLAYED = """
import sys
from pathlib import Path
from aibenchrt.control.cluster.playbooks import Playbooks

folder = Path(sys.argv[1])
made = Playbooks(folder / "ansible", folder / "inventory.ini", folder / "logs", folder / ".ansible", lambda *told: print(*told, flush=True))
try:
    made.play("go.yml", {})
except KeyboardInterrupt:
    print("interrupted")
"""


def test_an_interruption_ends_the_playbook(tmp_path: Path) -> None:
    playbooks(tmp_path, f"    - name: Wait\n      ansible.builtin.wait_for: {{ path: {tmp_path}/never, timeout: 3600 }}\n")
    with subprocess.Popen([sys.executable, "-c", PLAYED, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("go: Wait")
        process.send_signal(signal.SIGINT)
        assert process.stdout.read() == "interrupted\n"
    assert process.returncode == 0
    assert processes_about(tmp_path) == []


def test_a_journal_is_taken_up_where_it_was_left(tmp_path: Path) -> None:
    path = tmp_path / "journal.json"
    first = Journal(path)
    with first.stage("prepare"):
        pass
    with pytest.raises(KeyboardInterrupt), first.stage("deploy"):
        raise KeyboardInterrupt
    text = json.loads(path.read_text())
    text[1]["outcome"] = "running"  # as left by a control host that was killed
    path.write_text(json.dumps(text))
    again = Journal(path, passed_s=100.0)
    assert (again.done("prepare"), again.done("deploy"), again.begun("deploy"), again.begun("load")) == (True, False, True, False)
    assert again.entries[1].outcome == "interrupted"
    with again.stage("deploy"):
        pass
    with again.stage("load"):
        pass
    again.amend("load", "half of it")
    assert (again.done("deploy"), again.done("load")) == (True, False)
    assert [e.outcome for e in Journal(path).entries] == ["ok", "interrupted", "ok", "failed"]
    assert again.entries[2].started_s > 100
