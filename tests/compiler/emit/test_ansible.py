"""Ansible emission: who rolls when, whose user, which hosts."""

from __future__ import annotations

import re
from fnmatch import fnmatch

import pytest
import yaml
from aibenchc.emit.ansible import LONGEST_USER, batches, emit_ansible, pattern, user_name
from aibenchrt.deployment import PlanPart, TaskPart, parts
from aibenchrt.plan import Plan
from aibenchrt.process_names import HOST_WATCH, process_name
from hypothesis import example, given
from hypothesis import strategies as st
from paths import ROOT
from small_plan import audited_plan, small_plan


def part(task: str, host: str, replica: int = 0) -> PlanPart:
    return TaskPart(replicated=task, replica=replica, host=host)


@pytest.mark.parametrize(
    ("placed", "sizes"),
    [
        ([part("a", "h1"), part("b", "h2"), part("c", "h3")], [3]),
        ([part("a", "h1"), part("a", "h2", 1), part("a", "h3", 2)], [1, 1, 1]),
        ([part("a", "h1"), part("b", "h2"), part("a", "h3", 1)], [2, 1]),
        ([part("a", "h1"), part("b", "h1"), part("b", "h2", 1), part("c", "h3")], [1, 2]),
    ],
)
def test_two_replicas_of_a_task_are_never_in_one_batch(placed: list[PlanPart], sizes: list[int]) -> None:
    assert batches(["h1", "h2", "h3"], placed) == sizes


def test_without_an_inventory_all_of_the_group_are_one_batch() -> None:
    assert batches([], [part("a", "")]) == ['"100%"']
    assert pattern([]) == "nodes"
    assert pattern(["h2", "h10"]) == '["h2", "h10"]'


def test_each_kind_of_part_has_a_user_of_its_own_within_the_system_limit() -> None:
    assert user_name("small", "planner") == "aibench-small-planner"
    long = ["a" * 40 + end for end in ("x", "y")]
    names = {user_name(name, kind) for name in long for kind in ("planner", "service")}
    assert len(names) == 4
    assert all(len(name) == LONGEST_USER for name in names)


@given(st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,59}", fullmatch=True), st.integers(0, 99))
@example("watch", 0)
@example("watched_items", 1)
@example("host", 2)
@example("host_watch", 0)
def test_no_process_of_a_task_is_ended_with_the_watch_of_a_host(task: str, replica: int) -> None:
    """The load play stops `…-host-watch*.service`: for systemctl a pattern without a match is no failure, while an unknown name is."""
    assert not fnmatch(process_name(task, replica), f"{HOST_WATCH}*")


def test_a_task_may_be_called_watch() -> None:
    """The plays that stop the monitoring of a host stop no unit that they install."""
    plan = small_plan()
    plan = Plan.model_validate_json(plan.model_dump_json().replace('"find"', '"watch"').replace('"parse"', '"watched_items"'))
    files = {str(artifact.path): artifact.data.decode() for artifact in emit_ansible(plan)}
    units = [f"aibench-{plan.scenario}-{part.name}.service" for part in parts(plan)]
    assert f"aibench-{plan.scenario}-watch.service" in units
    for name in ("watch", "watched"):
        (unit,) = re.findall(r"- (aibench-\{\{ aibench_scenario }}-\S+)", files[f"ansible/roles/{name}/tasks/main.yml"])
        ended = unit.replace("{{ aibench_scenario }}", plan.scenario) + "*.service"
        assert fnmatch(f"aibench-{plan.scenario}-{HOST_WATCH}.service", ended)
        assert not [unit for unit in units if fnmatch(unit, ended)]
    assert f'f"aibench-{{scenario}}-{HOST_WATCH}*.service"' in files["ansible/roles/teardown/files/remove.py"]


def test_only_states_with_invariants_are_audited_and_where_they_are() -> None:
    without = {str(artifact.path): artifact.data.decode() for artifact in emit_ansible(small_plan())}
    assert not [name for name in without if "audit" in name]
    assert "audit" not in without["ansible/collect.yml"] + without["ansible/group_vars/all.yml"]
    files = {str(artifact.path): artifact.data.decode() for artifact in emit_ansible(audited_plan())}
    audit, collect = yaml.safe_load(files["ansible/collect.yml"])
    assert (audit["hosts"], audit["roles"]) == ("nodes", [{"role": "audit"}])
    assert collect == yaml.safe_load(without["ansible/collect.yml"])[0]
    assert '\naibench_audited_tasks: ["summary"] #' in files["ansible/group_vars/all.yml"]
    ran = [task["name"] for task in yaml.safe_load(files["ansible/roles/audit/tasks/main.yml"])]
    assert ran == ["Create the folder for what the audits find", "Audit each state where it is"]


def test_what_a_set_filter_gives_is_sorted() -> None:
    """Ansible's filters on sets give any order, and another one in each play: a unit with it in it would change, and restart, each time."""
    used = [
        (path.name, text)
        for path in sorted((ROOT / "templates" / "ansible").rglob("*"))
        if path.is_file()
        for text in re.findall(
            r"\{\{[^\n]*\| (?:difference|symmetric_difference|union|intersect)\([^\n]*", path.read_text(encoding="utf-8")
        )
    ]
    assert len(used) >= 4
    assert not [(name, text) for name, text in used if "| sort }}" not in text]
