"""What is shipped to hosts: archives named by their content, the same bytes each time, and to each host what it needs."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
import tarfile
from pathlib import Path

import aibenchrt
import pytest
from aibenchrt.control.cluster.archives import KEPT_S, WHOLE, Link, archive, forget, put, tree
from aibenchrt.control.cluster.libraries import COMMON, GROUPS, NEEDS, files_of, groups_for, installed, members, pinned
from aibenchrt.control.cluster.shipment import environment, parties_of, variables
from aibenchrt.plan import Plan, PlanHost, PlannerService, ServedTask, TaskService, TritonService, read_plan
from aibenchrt.wire.tls import role_name
from paths import ROOT


def quiet(_text: str) -> None:
    """A progress callback that ignores everything."""


def filled(folder: Path) -> Path:
    (folder / "a/empty").mkdir(parents=True)
    (folder / "a/b.txt").write_text("b")
    (folder / "a/run.sh").write_text("#!/bin/sh\n")
    (folder / "a/run.sh").chmod(0o755)
    (folder / "a/__pycache__").mkdir()
    (folder / "a/__pycache__/b.pyc").write_bytes(b"x")
    return folder


def held(folder: Path, name: str) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(folder / f"{name}.tar.gz") as tar:
        return {member.name.removeprefix(f"{name}/"): member for member in tar.getmembers()}


def test_an_archive_is_named_by_its_content(tmp_path: Path) -> None:
    folder = filled(tmp_path / "in")
    name = archive("part", tree(folder), tmp_path)
    first = (tmp_path / f"{name}.tar.gz").read_bytes()
    (folder / "a/b.txt").touch()
    (tmp_path / f"{name}.tar.gz").unlink()
    assert archive("part", tree(folder), tmp_path) == name
    assert (tmp_path / f"{name}.tar.gz").read_bytes() == first, "times and order do not matter"
    (folder / "a/b.txt").write_text("c")
    assert archive("part", tree(folder), tmp_path) != name
    assert archive("part", [*tree(folder), ("l", Link("x"))], tmp_path) != archive("part", [*tree(folder), ("l", Link("y"))], tmp_path)


def test_an_archive_ends_with_the_mark_that_it_is_whole(tmp_path: Path) -> None:
    name = archive("part", [*tree(filled(tmp_path / "in"), "under"), ("link", Link("/usr/bin/env"))], tmp_path)
    entries = held(tmp_path, name)
    assert list(entries)[-1] == WHOLE
    assert {"under", "under/a/b.txt", "under/a/run.sh"} <= entries.keys()
    assert not any("pycache" in member for member in entries)
    assert entries["under/a/run.sh"].mode == 0o755
    assert entries["under/a/b.txt"].mode == 0o644
    assert entries["link"].issym()
    assert entries["link"].linkname == "/usr/bin/env"
    assert (tmp_path / f"{name}.tar.gz").stat().st_mode & 0o777 == 0o600


def test_what_is_private_is_for_its_owner_alone(tmp_path: Path) -> None:
    entries = held(tmp_path, archive("tls-h1", tree(filled(tmp_path / "in"), "planner"), tmp_path, private=True))
    assert {member.mode & 0o077 for name, member in entries.items() if name != WHOLE} == {0}


def test_an_archive_that_nothing_asks_for_is_forgotten(tmp_path: Path) -> None:
    name = archive("part", [("a", b"a")], tmp_path)
    path = tmp_path / f"{name}.tar.gz"
    (tmp_path / "out").mkdir()
    put(path, tmp_path / "out")
    forget(tmp_path, path.stat().st_mtime + KEPT_S - 1)
    assert path.exists()
    forget(tmp_path, path.stat().st_mtime + KEPT_S + 1)
    assert not path.exists()
    assert held(tmp_path / "out", name), "a shipment keeps its own"


def test_a_stage_without_files_is_shipped_as_a_folder(tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    assert held(tmp_path, archive("part", tree(tmp_path / "nothing", "parse"), tmp_path))["parse"].isdir()


def test_the_environment_names_every_folder_of_libraries() -> None:
    entries = dict(environment("/opt/aibench/small", ["runtime-1", "libraries-2"]))
    (path,) = [text for name, text in entries.items() if name.endswith("aibench.pth")]
    assert path == b"/opt/aibench/small/runtime-1\n/opt/aibench/small/libraries-2\n"


def test_libraries_are_pinned_to_what_is_installed_and_bring_what_they_need() -> None:
    pins = dict(pin.split("==") for pin in pinned(name for group in GROUPS.values() for name in group if name != "nvidia-pytriton"))
    assert pins["numpy"] == importlib.metadata.version("numpy")
    assert {"protobuf", "pydantic-core", "typing-extensions"} <= pins.keys()
    assert not {"torch", "pandas", "scikit-learn"} & pins.keys()


def test_no_library_is_in_two_groups_and_only_triton_hosts_get_what_only_triton_needs() -> None:
    pins = [pin for group in members().values() for pin in group]
    assert len(pins) == len(set(pins))
    assert any(pin.startswith("nvidia-pytriton==") for pin in members()["libraries-triton"])
    assert groups_for(["service"]) == [COMMON, "libraries-numpy", "libraries-pictures", "libraries-service"]
    assert "libraries-triton" not in groups_for(["service", "planner", "generator"])


def clustered() -> Plan:
    """The committed e-commerce plan on three hosts: models split over two Triton servers, two planners, a generator."""
    plan = read_plan(ROOT / "generated/ecommerce/plan.json")
    ai = [step.task for step in plan.steps if step.kind == "ai"]
    services = [
        PlannerService(endpoints=("10.0.0.1:1", "10.0.0.2:1"), hosts=("a", "b")),
        TritonService(endpoints=("10.0.0.1:2", "10.0.0.2:2"), hosts=("a", "b")),
        ServedTask(task=ai[0], endpoints=("10.0.0.1:2",), hosts=("a",)),
        *(ServedTask(task=task, endpoints=("10.0.0.2:2",), hosts=("b",)) for task in ai[1:]),
        *(
            TaskService(task=step.task, endpoints=(f"10.0.0.1:{10 + number}",), hosts=("a",))
            for number, step in enumerate(plan.steps)
            if step.kind == "service"
        ),
    ]
    hosts = tuple(PlanHost(name=name, address=f"10.0.0.{number + 1}") for number, name in enumerate("abcd"))
    return plan.model_copy(update={"services": tuple(services), "hosts": hosts, "generators": ("c",)})


def test_each_host_gets_what_its_parts_need_and_no_more() -> None:
    plan = clustered()
    parts = ["environment", "runtime", "scenario", "load", "backends", *GROUPS]
    parts += [f"model-{step.task}" if step.kind == "ai" else f"prepared-{step.task}" for step in plan.steps]
    shipped = json.loads(variables(plan, {part: f"{part}-0" for part in parts}, {"a": "tls-a-0"}))
    ships = {
        host: {entry["name"].removesuffix("-0"): entry["to"] for entry in entries} for host, entries in shipped["aibench_ship"].items()
    }
    ai = [step.task for step in plan.steps if step.kind == "ai"]
    assert [name for name in ships["a"] if name.startswith("model-")] == [f"model-{ai[0]}"]
    assert [name for name in ships["b"] if name.startswith("model-")] == [f"model-{task}" for task in ai[1:]]
    assert shipped["aibench_repositories"] == {"triton": [f"model-{ai[0]}-0"], "triton-1": [f"model-{task}-0" for task in ai[1:]]}
    assert not [name for name in ships["b"] if name.startswith("prepared-")]
    assert "libraries-service" not in ships["b"]
    assert ships["a"]["prepared-parse" if "prepared-parse" in parts else next(p for p in parts if p.startswith("prepared-"))] == "state"
    assert ships["a"]["tls-a"] == "tls"
    assert "load" in ships["c"]
    assert "load" not in ships["a"]
    assert ships["d"] == {}, "a host without a part gets nothing"
    assert {of: name for of, name in shipped["aibench_deployed"]["c"]["archives"].items() if of == "load"} == {"load": "load-0"}


def test_a_certificate_names_the_tasks_that_its_role_serves_on_its_host() -> None:
    parties = parties_of(plan := clustered())
    ai = [step.task for step in plan.steps if step.kind == "ai"]
    services = [role_name("service", step.task) for step in plan.steps if step.kind == "service"]
    assert parties["service/a"] == ["10.0.0.1", "a", *services]
    assert parties["triton/a"] == ["10.0.0.1", "a", role_name("triton", ai[0])]
    assert parties["triton/b"] == ["10.0.0.2", "b", *(role_name("triton", task) for task in ai[1:])]
    assert parties["check/b"] == parties["keeper/b"] == ["10.0.0.2", "b"]
    assert not [party for party in parties if party.endswith("/d")]


IMPORTS = {
    "planner": "import aibenchrt.planner.__main__, aibenchrt.planner.inference, aibenchrt.wire.health, aibenchrt.collect.host",
    "generator": "import aibenchrt.load.__main__, aibenchrt.collect.host",
    "service": """
import aibenchrt.serve.service_host, aibenchrt.wire.health, aibenchrt.collect.host, importlib, pathlib
for path in sorted((pathlib.Path(aibenchrt.__file__).parent / "components").glob("*/service.py")):
    importlib.import_module(f"aibenchrt.components.{path.parent.name}.service")
import aibenchrt.components.database_operation.postgresql
""",
    "triton": """
import aibenchrt.serve.watched_triton, aibenchrt.serve.models_answer
import aibenchrt.serve.triton_backend, aibenchrt.serve.models, aibenchrt.wire.health, aibenchrt.collect.host, importlib, pathlib
for path in sorted((pathlib.Path(aibenchrt.__file__).parent / "components").glob("*/serve.py")):
    importlib.import_module(f"aibenchrt.components.{path.parent.name}.serve")
""",
}


@pytest.mark.long
@pytest.mark.parametrize("kind", IMPORTS)
def test_every_kind_of_part_finds_its_libraries_on_its_host(kind: str, tmp_path: Path) -> None:
    """Each part can import from nothing but the runtime and the libraries that are shipped for it."""
    pins = members()
    for group in NEEDS[kind]:  # type: ignore[index]
        for name, source in files_of(installed(quiet), pins[group]):
            target = tmp_path / group / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(source)  # type: ignore[arg-type]
    folders = [*(str(tmp_path / group) for group in NEEDS[kind]), str(Path(aibenchrt.__file__).parent.parent)]  # type: ignore[index]
    command = [sys.executable, "-S", "-s", "-B", "-c", IMPORTS[kind] + "\nprint('all there')"]
    ended = subprocess.run(command, env={"PYTHONPATH": ":".join(folders)}, capture_output=True, text=True, check=False)
    assert ended.stdout == "all there\n", ended.stderr
