"""Inventories of others: nothing that they hold or that lies beside them runs a program on this machine, unless they are trusted."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from aibenchc.diagnostics import Diagnostics
from aibenchc.placement.deployed import fetch
from aibenchc.placement.inventory import Inventory, read_inventory
from aibenchc.placement.static_inventory import runs_when_used
from aibenchrt.control.cluster.playbooks import Playbooks
from aibenchrt.errors import EnvironmentFailure

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
