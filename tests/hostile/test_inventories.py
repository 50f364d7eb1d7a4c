"""Inventories of others: nothing that they hold or that lies beside them runs a program on this machine, unless they are trusted."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from aibenchc.cli import main
from aibenchc.diagnostics import Diagnostics, render_text
from aibenchc.placement.deployed import fetch
from aibenchc.placement.inventory import Inventory, read_inventory
from aibenchc.placement.static_inventory import runs_when_used
from aibenchrt.control.cluster.playbooks import Playbooks
from aibenchrt.errors import EnvironmentFailure
from paths import ROOT

LISTED = json.dumps({"all": {"hosts": ["h1"]}})


def program(folder: Path) -> Path:
    path = folder / "hosts"
    path.write_text(f"#!/bin/sh\ntouch {folder}/ran\necho '{LISTED}'\n")
    path.chmod(0o755)
    return path


def plugin(folder: Path) -> Path:
    """A plugin of its own beside the inventory."""
    (folder / "inventory_plugins").mkdir()
    (folder / "inventory_plugins" / "evil.py").write_text(f"open({str(folder / 'ran')!r}, 'w')\n")
    path = folder / "hosts.yml"
    path.write_text("plugin: evil\n")
    return path


def configured(folder: Path) -> Path:
    """A configuration and a plugin in the current folder."""
    (folder / "plugins").mkdir()
    (folder / "plugins" / "ini.py").write_text(f"open({str(folder / 'ran')!r}, 'w')\n")
    names = "\n".join(f"{kind}_plugins = plugins" for kind in ("inventory", "vars", "callback", "connection", "cache"))
    (folder / "ansible.cfg").write_text(f"[defaults]\n{names}\ncallbacks_enabled = ini\nvars_plugins_enabled = ini\n")
    path = folder / "hosts.ini"
    path.write_text("h1\n")
    return path


def template(folder: Path) -> Path:
    path = folder / "hosts.ini"
    path.write_text(f"h1 ansible_user=\"{{{{ lookup('pipe', 'touch {folder}/ran') }}}}\"\n")
    return path


def proxy(folder: Path) -> Path:
    path = folder / "hosts.ini"
    path.write_text(f"h1 ansible_ssh_common_args=\"-o ProxyCommand='touch {folder}/ran'\"\n")
    return path


def beside(folder: Path) -> Path:
    """Variables in a folder beside it, which Ansible reads with it."""
    (folder / "group_vars").mkdir()
    (folder / "group_vars" / "all.yml").write_text("ansible_ssh_executable: /tmp/ssh\n")
    path = folder / "hosts.ini"
    path.write_text("h1\n")
    return path


KINDS: tuple[Callable[[Path], Path], ...] = (program, plugin, configured, template, proxy, beside)


def read(path: Path, trusted: bool = False) -> tuple[Inventory | None, list[str]]:
    diagnostics = Diagnostics()
    inventory = read_inventory(path, diagnostics, trusted)
    return inventory, [diagnostic.code.id for diagnostic in diagnostics.all]


@pytest.mark.parametrize("make", KINDS, ids=lambda make: make.__name__)
def test_reading_an_inventory_runs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], Path]) -> None:
    monkeypatch.chdir(tmp_path)
    inventory, codes = read(make(tmp_path))
    assert not (tmp_path / "ran").exists()
    assert codes == ([] if inventory else ["AIB418"])
    assert (inventory is not None) == (make is configured)


@pytest.mark.parametrize("make", [program, plugin, configured], ids=lambda make: make.__name__)
def test_asking_hosts_and_playing_run_nothing_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], Path]) -> None:
    """As if the file had become another since it was read."""
    monkeypatch.chdir(tmp_path)
    path = make(tmp_path)
    with pytest.raises(EnvironmentFailure, match="AIB619"):
        fetch(path, "small", ["h1"])
    (tmp_path / "book").mkdir()
    (tmp_path / "logs").mkdir()
    (tmp_path / "book" / "go.yml").write_text("- hosts: nobody\n  gather_facts: false\n  tasks: []\n")
    if make is configured:
        Playbooks(tmp_path / "book", path, tmp_path / "logs", tmp_path / ".ansible", lambda *_: None).play("go.yml", {})
    else:
        with pytest.raises(EnvironmentFailure, match="AIB691"):
            Playbooks(tmp_path / "book", path, tmp_path / "logs", tmp_path / ".ansible", lambda *_: None).play("go.yml", {})
    assert not (tmp_path / "ran").exists()


def test_a_trusted_inventory_runs(tmp_path: Path) -> None:
    inventory, codes = read(program(tmp_path), trusted=True)
    assert inventory is not None
    assert ([host.name for host in inventory.hosts], codes) == (["h1"], [])
    assert (tmp_path / "ran").exists()


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_bytes(b"h1\n" * 6_000_000)
    for path in (tmp_path / "pipe", tmp_path / "large", tmp_path, Path("/dev/zero")):
        assert read(path) == (None, ["AIB406"])


@pytest.mark.parametrize(
    ("variable", "value", "refused"),
    [
        ("ansible_ssh_common_args", "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR", False),
        ("ansible_ssh_extra_args", "-J me@bastion:22 -C -vv -i ~/.ssh/id -oIdentitiesOnly=yes -o 'ServerAliveInterval 5'", False),
        ("ansible_ssh_extra_args", "-F /tmp/config", True),
        ("ansible_ssh_extra_args", "-oProxyCommand=id", True),
        ("ansible_ssh_extra_args", "-o 'proxycommand id'", True),
        ("ansible_ssh_extra_args", "-o", True),
        ("ansible_ssh_extra_args", "-J -oProxyCommand=id", True),
        ("ansible_ssh_args", "-o PermitLocalCommand=yes -o LocalCommand=id", True),
        ("ansible_ssh_args", "'", True),
        ("ansible_sftp_extra_args", "-S /tmp/program", True),
        ("ansible_connection", "community.general.chroot", True),
        ("ansible_connection", "ssh", False),
        ("ansible_ssh_pkcs11_provider", "/tmp/library.so", True),
        ("ansible_python_interpreter", "/usr/bin/python3", False),
        ("other", {"list": ["{% for x in y %}"]}, True),
        ("other", {"list": ["{ plain }"]}, False),
    ],
)
def test_variables_that_run_programs_here(variable: str, value: object, refused: bool) -> None:
    assert bool(list(runs_when_used("h1", {variable: value}))) == refused


def test_localhost_has_no_programs() -> None:
    assert list(runs_when_used("localhost", {"ansible_python_interpreter": "/tmp/python"}))


# One reading, whoever reads it


def played(folder: Path, inventory: Path, task: str, hosts: str = "all") -> list[str]:
    """The failures of a play with the generated configuration, on this machine."""
    (folder / "book").mkdir(exist_ok=True)
    (folder / "logs").mkdir(exist_ok=True)
    (folder / "book" / "ansible.cfg").write_text((ROOT / "templates" / "ansible" / "ansible.cfg").read_text())
    tasks = [{"name": "Probe", "ansible.builtin.assert": {"that": task}}]
    play = [{"hosts": hosts, "gather_facts": False, "connection": "local", "tasks": tasks}]
    (folder / "book" / "go.yml").write_text(json.dumps(play))
    run = Playbooks(folder / "book", inventory, folder / "logs", folder / ".ansible", lambda *_: None)
    return [str(failed) for failed in run.play("go.yml", {"ansible_python_interpreter": sys.executable})]


def test_an_inventory_behind_a_link_is_read_under_the_name_that_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the compiler and by the plays: with the variables beside the link, not those beside the file."""
    for name, cores in (("real", 7), ("linked", 3)):
        (tmp_path / name / "group_vars").mkdir(parents=True)
        (tmp_path / name / "group_vars" / "all.yml").write_text(f"aibench_cores: {cores}\n")
    (tmp_path / "real" / "hosts.ini").write_text("h1 ansible_host=192.0.2.1\n")
    link = tmp_path / "linked" / "hosts.ini"
    link.symlink_to("../real/hosts.ini")
    monkeypatch.chdir(tmp_path)
    link = Path("linked") / "hosts.ini"
    inventory, codes = read(link)
    assert inventory is not None
    assert (inventory.hosts[0].cores, codes) == (3.0, [])
    assert played(tmp_path, link, "aibench_cores == 3") == []


def test_a_play_that_matches_no_host_fails(tmp_path: Path) -> None:
    """As for an inventory that has lost a host since it was compiled for."""
    (tmp_path / "hosts.ini").write_text("h1\n")
    with pytest.raises(EnvironmentFailure, match=r"(?s)AIB691.*h2"):
        played(tmp_path, tmp_path / "hosts.ini", "true", hosts="h2")


OPERATORS = """[defaults]
vault_password_file = /nowhere/password
remote_user = operator
private_key_file = /nowhere/key
interpreter_python = /nowhere/python
forks = none
[ssh_connection]
ssh_args = -o User=operator
"""


@pytest.mark.parametrize("place", ["home", "variable", "current folder"])
def test_an_operators_configuration_has_no_say_in_compile_plan_or_plays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """A password file that is not there and forks that are no number would end every program of Ansible's that read them."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    paths = {
        "home": tmp_path / "home" / ".ansible.cfg",
        "variable": tmp_path / "own.cfg",
        "current folder": tmp_path / "here" / "ansible.cfg",
    }
    paths[place].write_text(OPERATORS)
    if place == "variable":
        monkeypatch.setenv("ANSIBLE_CONFIG", str(paths[place]))
    (tmp_path / "hosts.ini").write_text("h1 ansible_host=192.0.2.1\n")
    inventory, codes = read(tmp_path / "hosts.ini")
    assert inventory is not None
    assert ([host.address for host in inventory.hosts], codes) == (["192.0.2.1"], [])
    asked = "lookup('ansible.builtin.config', 'DEFAULT_{}', on_missing='skip') | default('', true) == {}"
    for name, unset in (("REMOTE_USER", "''"), ("PRIVATE_KEY_FILE", "''"), ("VAULT_PASSWORD_FILE", "''")):
        assert played(tmp_path, tmp_path / "hosts.ini", asked.format(name, unset)) == []
    with pytest.raises(EnvironmentFailure, match="AIB619") as failure:  # nobody is at that address
        fetch(tmp_path / "hosts.ini", "small", ["h1"])
    assert "nowhere" not in str(failure.value)


def test_an_operators_verbosity_spoils_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANSIBLE_VERBOSITY", "4")
    (tmp_path / "hosts.ini").write_text("h1 ansible_host=192.0.2.1\n")
    inventory, codes = read(tmp_path / "hosts.ini")
    assert inventory is not None
    assert codes == []
    assert played(tmp_path, tmp_path / "hosts.ini", "true") == []
    assert "config file" not in (tmp_path / "logs" / "go.log").read_text()


def test_the_older_name_of_a_hosts_address(tmp_path: Path) -> None:
    (tmp_path / "hosts.ini").write_text("h1 ansible_ssh_host=192.0.2.1\nh2 ansible_ssh_host=192.0.2.2 ansible_host=192.0.2.2\n")
    inventory, codes = read(tmp_path / "hosts.ini")
    assert inventory is not None
    assert ([host.address for host in inventory.hosts], codes) == (["192.0.2.1", "192.0.2.2"], [])
    (tmp_path / "hosts.ini").write_text("h1 ansible_ssh_host=192.0.2.1 ansible_host=192.0.2.2\n")
    assert read(tmp_path / "hosts.ini") == (None, ["AIB407"])


@pytest.mark.parametrize("name", ["a,b/hosts.ini", "h1,h2", "hosts,"])
def test_a_comma_in_its_path_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("h1\n")
    diagnostics = Diagnostics()
    assert read_inventory(path, diagnostics) is None
    (error,) = diagnostics.all
    assert (error.code.id, "comma" in error.message) == ("AIB406", True)


@pytest.mark.parametrize("verb", ["plan", "compile", "run"])
def test_two_inventories_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], verb: str) -> None:
    assert main([verb, str(ROOT / "specs" / "ecommerce.aib"), "-i", str(tmp_path / "a"), "--inventory", str(tmp_path / "b")]) != 0
    assert "--inventory is given twice" in capsys.readouterr().err


@pytest.mark.parametrize("place", ["hosts.ini", "group_vars/all.yml", "group_vars/nodes/ours.yml", "host_vars/h1.yml"])
@pytest.mark.parametrize("trusted", [False, True])
def test_a_variable_of_the_playbooks_is_refused_wherever_it_stands(tmp_path: Path, place: str, trusted: bool) -> None:
    path = tmp_path / place
    path.parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "hosts.ini").write_text("[nodes]\nh1 ansible_host=192.0.2.1 ansible_password=hush\n")
    with path.open("a", encoding="utf-8") as file:
        file.write("[nodes:vars]\naibench_root=/srv\n" if place == "hosts.ini" else "other: 1\naibench_cores: 2\naibench_root: /srv\n")
    diagnostics = Diagnostics()
    assert read_inventory(tmp_path / "hosts.ini", diagnostics, trusted) is None
    (error,) = diagnostics.all
    assert error.code.id == "AIB421"
    assert f"aibench_root of 'h1', in {path}:{4 if place == 'hosts.ini' else 3}," in error.message
    assert "hush" not in render_text(diagnostics)
