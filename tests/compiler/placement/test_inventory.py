"""Inventories: INI, YAML, ranges, groups in groups and their variables, as Ansible reads them; what of it the compiler takes."""

from __future__ import annotations

from pathlib import Path

import pytest
from aibenchc.diagnostics import Diagnostics
from aibenchc.placement.inventory import Host, Inventory, inventory_of, natural, read_inventory
from aibenchc.source import SourceFile, Span

WHERE = Span(SourceFile("hosts", ""), 0, 0)


def read(folder: Path, name: str, text: str) -> Inventory:
    path = folder / name
    path.write_text(text)
    diagnostics = Diagnostics()
    inventory = read_inventory(path, diagnostics)
    assert inventory is not None, diagnostics.all
    return inventory


def test_ini_with_ranges_and_variables(tmp_path: Path) -> None:
    inventory = read(
        tmp_path,
        "hosts.ini",
        "[nodes]\nh[9:11]\nh1 ansible_host=192.0.2.1 aibench_cores=4 aibench_gpus=2\n[nodes:vars]\naibench_memory_mib=2048\n",
    )
    assert [host.name for host in inventory.hosts] == ["h1", "h9", "h10", "h11"]
    assert inventory.hosts[0] == Host("h1", "192.0.2.1", 4.0, 2048, 2, frozenset({"nodes"}))
    assert inventory.hosts[1] == Host("h9", "h9", None, 2048, 0, frozenset({"nodes"}))


def test_yaml_with_groups_in_groups(tmp_path: Path) -> None:
    text = """
all:
  hosts:
    bastion:
      ansible_host: 192.0.2.100
  children:
    nodes:
      children:
        planner:
          hosts:
            p1: {ansible_host: 192.0.2.1, aibench_address: 198.51.100.1}
        rack:
          vars: {aibench_cores: 0.5}
          hosts:
            r1: {ansible_host: 192.0.2.2}
    generators:
      hosts:
        g1: {ansible_host: 192.0.2.3}
"""
    inventory = read(tmp_path, "hosts.yml", text)
    assert [host.name for host in inventory.hosts] == ["g1", "p1", "r1"]  # not the bastion: it is in no group that takes parts
    assert {host.name: host.address for host in inventory.hosts}["p1"] == "198.51.100.1"
    assert [host.name for host in inventory.allowed("planner")] == ["p1"]
    assert [host.name for host in inventory.allowed("services")] == ["p1", "r1"]
    assert [host.name for host in inventory.allowed("generators")] == ["g1"]
    assert {host.name: host.cores for host in inventory.hosts}["r1"] == 0.5


def test_without_groups_every_host_takes_everything(tmp_path: Path) -> None:
    inventory = read(tmp_path, "hosts", "h1\nh2\n")
    assert [host.name for host in inventory.allowed("services")] == ["h1", "h2"]
    assert inventory.groups == frozenset()


def test_an_empty_group_restricts_nothing(tmp_path: Path) -> None:
    inventory = read(tmp_path, "hosts", "[nodes]\nh1\n[generators]\n")
    assert [host.name for host in inventory.allowed("generators")] == ["h1"]


def test_names_sort_as_people_count() -> None:
    assert sorted(["h10", "h2", "a", "h1", "h2b", "10", "9"], key=natural) == ["9", "10", "a", "h1", "h2", "h2b", "h10"]


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"aibench_cores": 0}, "aibench_cores"),
        ({"aibench_cores": True}, "aibench_cores"),
        ({"aibench_cores": "1e3"}, "aibench_cores"),
        ({"aibench_memory_mib": "{{ ansible_memtotal_mb }}"}, "aibench_memory_mib"),
        ({"aibench_gpus": 1.5}, "aibench_gpus"),
        ({"ansible_host": "h 1"}, "nor a host name"),
        ({"ansible_host": "300.1.1.1"}, "nor a host name"),
        ({"aibench_address": None}, "nor a host name"),
    ],
)
def test_what_a_host_cannot_have(variables: dict[str, object], said: str) -> None:
    diagnostics = Diagnostics()
    listed = {"_meta": {"hostvars": {"h1": variables}}, "all": {"children": ["ungrouped"]}, "ungrouped": {"hosts": ["h1"]}}
    inventory = inventory_of(listed, WHERE, diagnostics)
    assert inventory is None
    (error,) = diagnostics.all
    assert error.code.id == "AIB407"
    assert said in error.message


def test_secrets_of_an_inventory_stay_in_it() -> None:
    listed = {"_meta": {"hostvars": {"h1": {"ansible_password": "hush", "aibench_cores": "x"}}}, "all": {"hosts": ["h1"]}}
    diagnostics = Diagnostics()
    inventory_of(listed, WHERE, diagnostics)
    assert "hush" not in str(diagnostics.all)
