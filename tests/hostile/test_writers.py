"""Who writes files: `whole_file` does, and nobody else, but for what is listed here with the reason why it is safe."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from paths import ROOT

TREES = ("compiler", "runtime", "templates")
NEW = "a folder that was just made, mode 0700, and is renamed when it is whole"
CACHE = "a folder that was just made in AIBENCH_HOME, where only its owner writes"
PREPARED = "prepare() fills a folder that serve.prepare just made in AIBENCH_HOME"
STATE = "the state of a service, in a folder of its run or of its user alone"
SCRATCH = "a temporary folder, mode 0700"
COPY = "reads with it, and writes through whole_file"

# File → what it does there (the names of the calls) and why that is safe.
ALLOWED: dict[str, tuple[set[str], str]] = {
    "compiler/aibenchc/cli/new.py": ({"open", "write_bytes", "rename"}, f"opened as a new file; {NEW}"),
    "compiler/aibenchc/emit/artifact.py": ({"write_bytes", "rename"}, "staged in a folder of mkdtemp; parents and targets are no links"),
    "compiler/aibenchc/placement/ansible_tool.py": ({"write_text"}, SCRATCH),
    "compiler/aibenchc/protoc.py": ({"write_bytes"}, SCRATCH),
    "runtime/aibenchrt/whole_file.py": ({"open", "replace"}, "this is the one"),
    "runtime/aibenchrt/control/cluster/archives.py": ({"copyfileobj", "link", "open"}, f"{COPY}; a link of ours to a name that is free"),
    "runtime/aibenchrt/control/cluster/certificates.py": ({"open", "rename", "write_text"}, NEW),
    "runtime/aibenchrt/control/cluster/debs.py": ({"touch"}, CACHE),
    "runtime/aibenchrt/control/cluster/libraries.py": ({"copytree"}, CACHE),
    "runtime/aibenchrt/control/cluster/run.py": ({"copytree", "rename"}, "within a run directory, which stranger() has looked at"),
    "runtime/aibenchrt/control/cluster/shipment.py": ({"copyfileobj"}, COPY),
    "runtime/aibenchrt/control/local/triton.py": (
        {"copy2", "rename", "symlink_to", "write_text"},
        f"{NEW}; a repository in the run directory",
    ),
    "runtime/aibenchrt/control/cluster/whole_folder.py": ({"rename", "touch"}, CACHE),
    "runtime/aibenchrt/short_folder.py": ({"symlink_to"}, SCRATCH),
    "runtime/aibenchrt/serve/prepare.py": ({"copytree", "rename", "symlink_to"}, CACHE),
    "runtime/aibenchrt/train/export.py": ({"NamedTemporaryFile"}, "a random name, mode 0600, removed again"),
    "runtime/aibenchrt/train/repository.py": ({"rename", "write_bytes"}, NEW),
    "runtime/aibenchrt/datasets/cache.py": ({"rename", "write_text"}, CACHE),
    "runtime/aibenchrt/datasets/interactions/store.py": ({"write_bytes"}, CACHE),
    "runtime/aibenchrt/datasets/sources/debian_translations.py": ({"write_text"}, CACHE),
    "runtime/aibenchrt/datasets/sources/fetch.py": ({"open", "replace"}, CACHE),
    "runtime/aibenchrt/datasets/sources/synthetic_speech.py": ({"open"}, "in memory"),
    "runtime/aibenchrt/datasets/arcade/world.py": ({"write_bytes", "write_text"}, CACHE),
    "runtime/aibenchrt/datasets/faces/world.py": ({"write_bytes", "write_text"}, CACHE),
    "runtime/aibenchrt/datasets/clips/world.py": ({"write_bytes", "write_text"}, CACHE),
    "runtime/aibenchrt/datasets/live_show/world.py": ({"write_bytes", "write_text"}, CACHE),
    "runtime/aibenchrt/datasets/furniture_pictures/world.py": ({"write_bytes", "write_text"}, CACHE),
    "runtime/aibenchrt/datasets/translation/world.py": ({"write_bytes", "write_text"}, CACHE),
    "runtime/aibenchrt/components/cache_lookup/store.py": ({"open"}, STATE),
    "runtime/aibenchrt/components/event_log/service.py": ({"open"}, STATE),
    "runtime/aibenchrt/components/nonce_store/store.py": ({"open"}, STATE),
    "runtime/aibenchrt/components/health_check/service.py": ({"replace", "write_text"}, STATE),
    "runtime/aibenchrt/components/database_operation/postgresql.py": ({"write_text"}, PREPARED),
    "templates/ansible/roles/base/files/survey.py": ({"open", "replace"}, "root's, in a folder that only root writes"),
    "templates/ansible/roles/records/files/pack.py": ({"open", "replace"}, "opened as a new file, in a folder that only root writes"),
    "templates/ansible/roles/records/files/unpack.py": (
        {"copyfileobj", "open", "rename"},
        "opened as new files, in a folder of mkdtemp, which takes the place of another",
    ),
    "templates/ansible/roles/base/files/unpack.py": ({"copyfileobj", "rename"}, "root's, in a folder that only root writes"),
}
PREPARING = "runtime/aibenchrt/components/*/service.py"  # write_text: as PREPARED says

_WRITE = {"write_text", "write_bytes", "touch", "symlink_to", "hardlink_to", "rename"}
_SHUTIL = {"copy", "copy2", "copyfile", "copyfileobj", "copytree", "move"}
_OS = {"link", "symlink", "replace", "rename", "mkfifo", "truncate"}
_LIBRARIES = {
    "write_table",
    "ParquetWriter",
    "to_parquet",
    "to_csv",
    "NamedTemporaryFile",
    "mkstemp",
    "mktemp",
    "save_file",
    "savez",
    "extractall",
}


def writers(source: str) -> Iterator[tuple[int, str]]:
    """(line, call) of what writes, or may write, a file under a name."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id if isinstance(node.func, ast.Name) else ""
        of = node.func.value.id if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name) else ""
        written = ast.unparse(node)
        if (
            (name in _WRITE and isinstance(node.func, ast.Attribute) and of != "whole_file")
            or (name in _SHUTIL and of == "shutil")
            or (name in _OS and of == "os")
            or (name in _LIBRARIES and not _into_our_file(node))
            or (name == "replace" and of not in ("", "os", "re", "dataclasses") and len(node.args) == 1 and not node.keywords)
            or (name == "open" and _opens_for_writing(node, written))
        ):
            yield node.lineno, name


def _into_our_file(node: ast.Call) -> bool:
    """pq.write_table(table, file) into what whole_file() opened."""
    return any(isinstance(argument, ast.Name) and argument.id == "file" for argument in node.args)


def _opens_for_writing(node: ast.Call, written: str) -> bool:
    if written.startswith("os.open("):
        return any(word in written for word in ("O_WRONLY", "O_RDWR", "_NEW", "_GROWING")) and "os.devnull" not in written
    modes = [argument.value for argument in [*node.args, *(k.value for k in node.keywords)] if isinstance(argument, ast.Constant)]
    return any(isinstance(mode, str) and set(mode) <= set("rwaxbt+") and set(mode) & set("wax+") for mode in modes)


def _sources() -> list[Path]:
    return sorted(path for tree in TREES for path in (ROOT / tree).rglob("*.py"))


def test_nothing_else_writes_files() -> None:
    unlisted = []
    for path in _sources():
        name = path.relative_to(ROOT).as_posix()
        allowed = ALLOWED.get(name, (set(), ""))[0] | ({"write_text"} if path.match(PREPARING) else set())
        unlisted += [f"{name}:{line}: {call}" for line, call in writers(path.read_text(encoding="utf-8")) if call not in allowed]
    assert not unlisted, "write with aibenchrt.whole_file, or say in this file why this is safe"


def test_the_list_holds_only_what_there_is() -> None:
    stale = []
    for name, (calls, reason) in ALLOWED.items():
        there = {call for _, call in writers((ROOT / name).read_text(encoding="utf-8"))}
        stale += [f"{name}: {call}" for call in sorted(calls - there)]
        assert reason
    assert not stale


@pytest.mark.parametrize(
    "line",
    [
        "path.write_text('x')",
        "path.with_suffix('.part').write_bytes(b'x')",
        "open(path, 'w')",
        "path.open('ab')",
        "path.open(mode='x', encoding='utf-8')",
        "os.open(path, os.O_WRONLY | os.O_CREAT)",
        "os.replace(fresh, path)",
        "fresh.replace(path)",
        "fresh.rename(path)",
        "shutil.copy2(a, b)",
        "pq.write_table(table, path)",
        "tempfile.NamedTemporaryFile(delete=False)",
    ],
)
def test_what_writes_is_seen(line: str) -> None:
    assert list(writers(line))


@pytest.mark.parametrize("line", ["path.open('rb')", "open(path)", "text.replace('a', 'b')", "write_text(path, 'x')", "replace(run, a=1)"])
def test_what_does_not_write_is_left_alone(line: str) -> None:
    assert not list(writers(line))
