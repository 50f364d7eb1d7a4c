"""Where parts listen and where they are called: what a host says of its addresses, and what the playbooks make of the inventory's."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from aibenchc.cli import main
from aibenchrt.control.cluster.playbooks import ADDRESS_TASKS, TaskFailure, failure
from aibenchrt.process_names import PLANNER
from aibenchrt.serve.models_answer import arguments_parser as models_answer_arguments
from aibenchrt.wire.tls import CALLS, OF_ONE_HOST, listening
from paths import ROOT

BASE = ROOT / "generated" / "ecommerce" / "ansible" / "roles" / "base"  # which are those that the compiler makes (test_generated.py)
FOREIGN = "203.0.113.77"  # kept for documentation: no interface has it


def surveyed(bind: str, called: str) -> str:
    """What the survey says of an address, in a process of its own that only looks."""
    words = [sys.executable, str(BASE / "files" / "survey.py"), "no-such-scenario", "nobody", "3.11", "look", bind, called]
    said = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    assert not said["recorded"]
    return "; ".join(said["addresses"])


@pytest.mark.parametrize(
    ("bind", "called", "said"),
    [
        ("", "called", ""),
        ("127.0.0.1", "alone", ""),
        ("0.0.0.0", "called", ""),
        ("127.0.1.1", "called", "127.0.1.1 leads to 127.0.1.1 on the host itself, where no other host reaches its parts: set aibench_bind"),
        ("localhost", "called", "on the host itself, where no other host reaches its parts"),
        (
            FOREIGN,
            "called",
            f"parts cannot listen at {FOREIGN} ({FOREIGN}: Cannot assign requested address): set aibench_bind_address",
        ),
        ("no-such-host.invalid", "alone", "the host does not know no-such-host.invalid, where its parts listen"),
    ],
)
def test_the_survey_tries_to_listen(bind: str, called: str, said: str) -> None:
    found = surveyed(bind, called)
    assert said in found
    assert bool(said) == bool(found)


@pytest.mark.parametrize("bind", ["127.0.0.1", "0.0.0.0", "localhost"])
def test_the_survey_says_who_listens_at_a_port_of_a_part(bind: str) -> None:
    """As itself, and at all addresses of the host; a port that was used a moment ago is free."""
    with socket.socket() as held, socket.socket() as left:
        for listener in (held, left):
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", 0))
            listener.listen()
        ports = [listener.getsockname()[1] for listener in (held, left)]
        with socket.create_connection(("127.0.0.1", ports[1])) as client:
            left.accept()[0].close()
            client.recv(1)
        left.close()
        words = [sys.executable, str(BASE / "files" / "survey.py"), "no-such-scenario", "nobody", "3.11", "look", bind, "alone"]
        ended = subprocess.run([*words, ",".join(map(str, [*ports, free_port()]))], capture_output=True, text=True, check=True)
    said = [problem for problem in json.loads(ended.stdout)["problems"] if "listen" in problem]
    name = Path("/proc/self/comm").read_text(encoding="utf-8").strip()
    assert said == [
        f"a part cannot listen at {bind}:{ports[0]}: {name} (process {os.getpid()}) does; stop it, or choose other ports with --first-port"
    ]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_a_host_says_what_it_does_not_reach(tmp_path: Path) -> None:
    """One machine has no other: that it reaches others is shown by the test bed."""
    heard, closed = free_port(), free_port()
    with socket.socket() as held, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        held.bind(("127.0.0.1", 0))
        held.listen()
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(20)
        ports = [str(heard), str(held.getsockname()[1])]  # of which one is taken by a part of an earlier deployment
        program = (BASE / "files" / "listen.py").read_text(encoding="utf-8")
        words = [sys.executable, "-c", program, "127.0.0.1", *ports]
        listener = subprocess.Popen(words, env={**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify")})
        try:
            assert systemd.recv(20) == b"READY=1"
            asked = [f"127.0.0.1:{heard}", f"127.0.0.1:{closed}", "no-such-host.invalid:1"]
            told = subprocess.run([sys.executable, str(BASE / "files" / "reach.py"), *asked], capture_output=True, text=True, check=True)
            assert listener.poll() is None
        finally:
            listener.terminate()
            listener.wait()
    itself, refused, unknown = told.stdout.splitlines()
    assert itself == f"it does not reach 127.0.0.1:{heard}: it is 127.0.0.1, this host itself; correct the aibench_address of that host"
    assert f"127.0.0.1:{closed}: Connection refused" in refused
    assert "no-such-host.invalid:1: Name or service not known" in unknown


def test_a_failure_about_addresses_has_a_code_of_its_own(tmp_path: Path) -> None:
    tasks = {task["name"] for task in yaml.safe_load((BASE / "tasks" / "main.yml").read_text(encoding="utf-8"))}
    assert set(ADDRESS_TASKS) <= tasks
    raised = failure("deploy.yml", [TaskFailure("h1", f"base : {ADDRESS_TASKS[0]}", "h1 is 127.0.1.1", False)], tmp_path)
    assert raised.code == "AIB693"
    assert "aibench_bind_address" in raised.hint


def test_playbooks_try_what_certificates_allow() -> None:
    calls = yaml.safe_load((BASE / "vars" / "main.yml").read_text(encoding="utf-8"))["base_calls"]
    assert calls == {role: list(called) for role, called in CALLS.items() if role not in OF_ONE_HOST} | {"watch": []}


def test_a_server_listens_at_the_port_at_which_it_is_called() -> None:
    assert listening("192.0.2.1:21000", None) == "192.0.2.1:21000"
    assert listening("192.0.2.1:21000", "10.0.0.1") == "10.0.0.1:21000"


PROBE = """
- hosts: all
  gather_facts: false
  vars_files: [roles/base/vars/main.yml]
  tasks:
    - ansible.builtin.copy:
        content: "{{ {'bind': base_bind, 'called': base_called, 'listens': base_listening | map(attribute='listens') | list} | to_json }}"
        dest: "{{ told }}/{{ inventory_hostname }}"
        mode: "0600"
"""


ANSWERS = """
- hosts: h2
  gather_facts: false
  vars_files: [roles/part/vars/main.yml]
  vars:
    part_kind: triton
    aibench_repositories: {{triton: [rank-1, category-2]}}
    aibench_archives: {{environment: environment-1}}
    aibench_parts_here: [{{name: triton, kind: triton, address: 192.0.2.2, listens: 21007}}]
  tasks:
    - ansible.builtin.copy:
        content: "{{{{ words | to_json }}}}"
        dest: {told}
        mode: "0600"
      vars:
        words: {argv}
      loop: {loop}
"""


@pytest.mark.parametrize("tls", ["true", "false"])
def test_a_deployment_asks_every_model_where_its_triton_listens(tls: str, tmp_path: Path) -> None:
    """As Ansible itself evaluates the words of the task, for a host behind a floating address."""
    playbooks = tmp_path / "ansible"
    shutil.copytree(BASE.parents[1], playbooks)
    tasks = yaml.safe_load((playbooks / "roles" / "part" / "tasks" / "main.yml").read_text(encoding="utf-8"))
    (task,) = [task for task in tasks if task["name"] == "Wait until every model answers"]
    argv, loop = json.dumps(task["ansible.builtin.command"]["argv"]), json.dumps(task["loop"])
    (playbooks / "probe.yml").write_text(ANSWERS.format(told=tmp_path / "told", argv=argv, loop=loop))
    host = f"h2 aibench_bind_address=10.0.0.2 ansible_connection=local ansible_python_interpreter={sys.executable}\n"
    (tmp_path / "here.ini").write_text(host)
    program = Path(sys.executable).parent / "ansible-playbook"
    words = [program, "-i", tmp_path / "here.ini", "probe.yml", "-e", f'{{"aibench_tls": {tls}}}']
    ended = subprocess.run(words, cwd=playbooks, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    said = json.loads((tmp_path / "told").read_text(encoding="utf-8"))
    assert said[:3] == ["/opt/aibench/ecommerce/environment-1/bin/python3", "-m", "aibenchrt.serve.models_answer"]
    read = models_answer_arguments().parse_args(said[3:])
    assert (read.address, read.wait) == ("10.0.0.2:21007", 120.0)
    assert read.model_repository == [Path("/opt/aibench/ecommerce/rank-1"), Path("/opt/aibench/ecommerce/category-2")]
    assert read.tls == (Path("/etc/aibench/ecommerce/tls/check") if tls == "true" else None)


SAID = "error[AIB602]: this process cannot listen on 10.0.0.2:21007: permission denied"
HEALTH = """
- hosts: h2
  gather_facts: false
  vars_files: [roles/part/vars/main.yml]
  vars:
    part_kind: planner
    aibench_tls: false
    aibench_ready_s: 0
    aibench_environment: {environment}
    aibench_parts_here:
      - {{name: planner, kind: planner, address: 127.0.0.1, listens: {port}}}
      - {{name: planner-1, kind: planner, address: 127.0.0.1, listens: {port}}}
  tasks:
    - name: Wait until every part is healthy
      ansible.builtin.command:
        argv: {argv}
"""


def test_a_deployment_tells_what_the_unit_of_a_part_said_that_is_not_healthy(tmp_path: Path) -> None:
    """Nobody listens there; journalctl is a stand-in, as no systemd runs here."""
    playbooks = tmp_path / "ansible"
    shutil.copytree(BASE.parents[1], playbooks)
    for name, text in (("journalctl", f'echo "asked for $*"; echo "{SAID}"'), ("python3", f'exec {sys.executable} "$@"')):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)
    tasks = yaml.safe_load((playbooks / "roles" / "part" / "tasks" / "main.yml").read_text(encoding="utf-8"))
    (task,) = [task for task in tasks if task["name"] == "Wait until every part is healthy"]
    argv, port = json.dumps(task["ansible.builtin.command"]["argv"]), free_port()
    (playbooks / "probe.yml").write_text(HEALTH.format(environment=tmp_path, port=port, argv=argv))
    (tmp_path / "here.ini").write_text(f"h2 ansible_connection=local ansible_python_interpreter={sys.executable}\n")
    environment = {**os.environ, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    words = [Path(sys.executable).parent / "ansible-playbook", "-i", tmp_path / "here.ini", "probe.yml"]
    ended = subprocess.run(words, cwd=playbooks, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 2, ended.stdout + ended.stderr
    result = json.loads(ended.stdout[ended.stdout.index("FAILED! => ") + len("FAILED! => ") : ended.stdout.index("PLAY RECAP")])
    asked, why, health = result["stderr_lines"]
    assert asked.endswith("--unit=aibench-ecommerce-planner.service --unit=aibench-ecommerce-planner-1.service")
    assert (why, result["rc"]) == (SAID, 1)
    assert health.startswith(f"127.0.0.1:{port} is not well: ")


def test_each_host_tries_the_parts_that_its_own_call(tmp_path: Path) -> None:
    """As Ansible itself evaluates it: h2 is behind a floating address."""
    hosts = "".join(f"h{i} ansible_host=192.0.2.{i}{' aibench_bind_address=10.0.0.2' if i == 2 else ''}\n" for i in (1, 2, 3))
    (tmp_path / "hosts.ini").write_text(hosts)
    spec, out = str(ROOT / "tests" / "specs" / "small.aib"), tmp_path / "out"
    assert main(["compile", spec, "-i", str(tmp_path / "hosts.ini"), "--out", str(out), "--no-stubs"]) == 0
    plan = json.loads((out / "plan.json").read_text(encoding="utf-8"))
    (out / "ansible" / "probe.yml").write_text(PROBE)
    (tmp_path / "told").mkdir()
    here = f"[all:vars]\nansible_connection=local\nansible_python_interpreter={sys.executable}\n"
    (tmp_path / "here.ini").write_text(hosts + here)
    words = ["-i", str(tmp_path / "here.ini"), "probe.yml", "-e", f"told={tmp_path / 'told'}"]
    program = Path(sys.executable).parent / "ansible-playbook"
    ended = subprocess.run([program, *words], cwd=out / "ansible", capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    told = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in (tmp_path / "told").iterdir()}
    assert told["h2"]["bind"] in ("10.0.0.2", "")
    ends = {service["kind"]: set() for service in plan["services"]}
    for service in plan["services"]:
        ends[service["kind"]] |= set(zip(service["hosts"], service["endpoints"], strict=True))
    (planner_host,) = {host for host, _ in ends[PLANNER]}
    (generator_host,) = plan["generators"]
    assert set(told[generator_host]["called"]) == {endpoint for _, endpoint in ends[PLANNER]}
    behind = {end for kind in ("service", "triton") for host, end in ends[kind] if host != planner_host}
    assert behind <= set(told[planner_host]["called"])
    assert all(not end.startswith("10.0.0.2") for answers in told.values() for end in answers["called"]), "others call the floating address"
