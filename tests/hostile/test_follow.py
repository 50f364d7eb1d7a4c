"""What root does on hosts by Ansible's modules follows no link that somebody else may have put there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from paths import ROOT

PLAYBOOKS = ROOT / "generated" / "ecommerce" / "ansible"
FILES = sorted([*PLAYBOOKS.glob("*.yml"), *PLAYBOOKS.glob("roles/*/tasks/*.yml"), *PLAYBOOKS.glob("roles/*/handlers/*.yml")])
OF_USERS = ("/generator", "/planner", "/triton", "/watch", "/tasks", "/postgresql/data")  # below aibench_state: folders of parts' users


def tasks(path: Path) -> Iterator[dict[str, Any]]:
    def below(entries: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for entry in entries:
            yield entry
            for part in ("tasks", "pre_tasks", "post_tasks", "handlers", "block", "rescue", "always"):
                yield from below(entry.get(part) or [])

    yield from below(yaml.safe_load(path.read_text(encoding="utf-8")) or [])


def using(module: str) -> list[tuple[str, dict[str, Any]]]:
    name = f"ansible.builtin.{module}"
    return [(task.get("name", ""), task[name]) for path in FILES for task in tasks(path) if name in task]


def test_folders_and_links_are_made_without_following() -> None:
    made = [(name, words) for name, words in using("file") if words.get("state") in ("directory", "link", "touch")]
    assert made
    assert [name for name, words in made if words.get("follow") is not False] == []


@pytest.mark.parametrize(("module", "place"), [("slurp", "src"), ("fetch", "src"), ("template", "dest"), ("copy", "dest")])
def test_what_root_reads_or_writes_whole_lies_where_root_alone_writes(module: str, place: str) -> None:
    """slurp and fetch follow links, and so may what writes: never in a folder of a part's user."""
    used = using(module)
    assert used
    assert [name for name, words in used if any(folder in words[place] for folder in OF_USERS)] == []


def test_the_owner_of_nothing_is_changed_below_a_folder() -> None:
    """`recurse` and chown -R walk through what users may exchange meanwhile."""
    assert [name for name, words in using("file") if words.get("recurse")] == []
    for path in sorted(PLAYBOOKS.rglob("*")):
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            assert "chown -R" not in text, path
            assert "--files-from" not in text, path


def test_no_task_of_root_names_a_users_files() -> None:
    """But to make the folder itself, and to look whether a file is there, which follows nothing."""
    named = [
        (task.get("name", ""), sorted(key for key in task if key.startswith("ansible.builtin.")))
        for path in FILES
        for task in tasks(path)
        if any(folder in str(words) for key, words in task.items() if key.startswith("ansible.builtin.") for folder in OF_USERS)
    ]
    allowed = {"ansible.builtin.stat", "ansible.builtin.command"}
    assert [name for name, modules in named if not set(modules) <= allowed] == []
