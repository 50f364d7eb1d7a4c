"""Ansible emission: who rolls when, whose user, which hosts."""

from __future__ import annotations

import pytest
from aibenchc.emit.ansible import LONGEST_USER, batches, pattern, user_name
from aibenchrt.plan import PlanPart


def part(task: str, host: str, replica: int = 0) -> PlanPart:
    return PlanPart(name=task, task=task, kind="service", replica=replica, host=host)


@pytest.mark.parametrize(
    ("found", "sizes"),
    [
        ([part("a", "h1"), part("b", "h2"), part("c", "h3")], [3]),
        ([part("a", "h1"), part("a", "h2", 1), part("a", "h3", 2)], [1, 1, 1]),
        ([part("a", "h1"), part("b", "h2"), part("a", "h3", 1)], [2, 1]),
        ([part("a", "h1"), part("b", "h1"), part("b", "h2", 1), part("c", "h3")], [1, 2]),
    ],
)
def test_two_replicas_of_a_task_are_never_in_one_batch(found: list[PlanPart], sizes: list[int]) -> None:
    assert batches(["h1", "h2", "h3"], found) == sizes


def test_without_an_inventory_all_of_the_group_are_one_batch() -> None:
    assert batches([], [part("a", "")]) == ['"100%"']
    assert pattern([]) == "nodes"
    assert pattern(["h2", "h10"]) == '["h2", "h10"]'


def test_a_scenario_has_a_user_of_its_own_within_the_system_limit() -> None:
    assert user_name("small") == "aibench-small"
    long = ["a" * 40 + end for end in ("x", "y")]
    names = {user_name(name) for name in long}
    assert len(names) == 2
    assert all(len(name) == LONGEST_USER for name in names)
