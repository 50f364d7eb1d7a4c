"""What hosts get that reach no package registry: everything they need, as archives named by their content.

    <out>/shipment.json             which archives go to which host, under which names: variables of the generated playbooks
    <out>/<part>-<hash>.tar.gz      libraries by kind of part, environment, runtime, scenario, backends, load; library-<name>
                                    of others, unpacked wheels;
                                    model-<task> and prepared-<task>, so that what changes alone is shipped alone; tls-<host>
    <out>/*.whl                     libraries of others as wheels, by whose hashes shipment.json names them
    <out>/load/                     the schedule, its payloads and the truth, for the control host
    <out>/tls/, <out>/secrets.json  the deployment's keys, certificates and passwords; mode 0600, kept for the next deployment

Archives are built on the control host once for each content (home()/archives): one that did not change keeps its name, so that a host
has it already.
"""

from __future__ import annotations

import argparse
import json
import secrets
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aibenchrt
from aibenchrt.collect import schema
from aibenchrt.collect.contents import CONTENTS, Contents
from aibenchrt.collect.records import ScheduleRecord, TruthRecord
from aibenchrt.control.assets import Assets, messages_for, prepare
from aibenchrt.control.cluster.archives import Entry, Link, archive, forget, put, tree
from aibenchrt.control.cluster.debs import unpacked
from aibenchrt.control.cluster.libraries import GROUPS, PARTNERS, PYTHON, SKIPPED, files_of, groups_for, installed, key_of, members
from aibenchrt.control.cluster.private_folder import private_folder
from aibenchrt.control.local.triton import backends
from aibenchrt.control.options import RunOptions, effective
from aibenchrt.control.record_files import truth_of
from aibenchrt.deployment import PartKind, PlanPart, TaskPart, deployed, parts, tasks_at
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.home import home
from aibenchrt.libraries import open_plan
from aibenchrt.load.messages import write_messages
from aibenchrt.load.schedule import schedule, trace_of
from aibenchrt.load.supplement import supplement_rows
from aibenchrt.plan import Plan, PlanUsers, Step
from aibenchrt.shown import tell, tell_failure
from aibenchrt.wheel import Wheel, wheel_of
from aibenchrt.whole_file import OWNERS, whole_file, write_bytes
from aibenchrt.wire.proto import load_stubs
from aibenchrt.wire.tls import CALLS, OF_ONE_HOST, role_name

TLS_DAYS = 90
POSTGRESQL = ("postgresql-15", ("usr/lib/postgresql/15", "usr/share/postgresql/15"))  # Debian 12's
SUPPLEMENT_AFTER_S = 1.0  # after the mix
SHIPPED_LOAD = ("schedule.parquet", "payloads.parquet")


@dataclass(frozen=True)
class ShipmentContents:
    """What a deployment needs besides code. prepared: stage → folder; weights: stage → model version; load: file name → file."""

    prepared: Mapping[str, Path]
    weights: Mapping[str, Path]
    load: Mapping[str, Path]


def pack(
    generated: Path, contents: ShipmentContents, out: Path, progress: Callable[[str], None] = lambda _: None, renew: bool = False
) -> Path:
    """Writes the shipment and returns its folder. renew: with new keys and certificates.

    EnvironmentFailure AIB650: pip cannot install the libraries; AIB653: a stage has no model; AIB605: disk full; AIB692: others can write
    to the folder, or have made it.
    """
    plan = open_plan(generated / "plan.json")
    store = home() / "archives"
    try:
        private_folder(out)
        wheels = [wheel_of(library) for library in plan.libraries]
        archives = build(plan, generated, contents, store, lambda part: progress(f"packing {part}"), wheels)
        for name in archives.values():
            put(store / f"{name}.tar.gz", out)
        tls = certificates(plan, out, renew)
        keep_secrets(plan, out / "secrets.json")
        keep_load(contents.load, out / "load")
        write_bytes(out / "shipment.json", variables(plan, archives, tls, wheels))
        for wheel in wheels:
            write_bytes(out / wheel.name, wheel.content)
        for stale in out.glob("*.whl"):
            if stale.name not in {wheel.name for wheel in wheels}:
                stale.unlink()
        for stale in out.glob("*.tar.gz"):
            if stale.name.removesuffix(".tar.gz") not in {*archives.values(), *tls.values()}:
                stale.unlink()
        for left in out.glob("for-*.tar"):  # left by a deployment that was interrupted
            left.unlink()
        forget(store)
    except OSError as error:
        raise EnvironmentFailure("AIB605", what=f"'{out}'", reason=error.strerror, way_out="free some space") from error
    return out


def build(
    plan: Plan, generated: Path, contents: ShipmentContents, store: Path, packing: Callable[[str], None], wheels: Sequence[Wheel]
) -> dict[str, str]:
    """Packs every archive that is not yet in the store; returns part → archive name. wheels: of the plan's libraries."""
    made = {}
    kinds: set[PartKind] = {"generator", *(part.kind for part in parts(plan))}
    partners = [library.distribution for library in plan.libraries]
    libraries, pins_of = installed(packing, partners), members(partners)
    for group in (*groups_for(kinds), *((PARTNERS,) if pins_of[PARTNERS] else ())):
        key = key_of([group, *pins_of[group], *SKIPPED, "with bytecode"])
        made[group] = archive(group, files_of(libraries, pins_of[group]), store, packing, key, compiled=True)
    for wheel in wheels:
        part = library_part(wheel.library)
        made[part] = archive(part, wheel.files, store, packing, compiled=True)
    made["runtime"] = archive("runtime", tree(Path(aibenchrt.__file__).parent, "aibenchrt"), store, packing, compiled=True)
    generated_here: list[Entry] = [("plan.json", generated / "plan.json"), *tree(generated / "stubs", "stubs")]
    made["scenario"] = archive("scenario", generated_here, store, packing, compiled=True)
    made["load"] = archive("load", [(name, contents.load[name]) for name in SHIPPED_LOAD], store, packing)
    if any(step.kind == "ai" for step in plan.steps):
        made["backends"] = archive("backends", tree(backends()), store, packing)
    for step in plan.steps:
        if step.kind == "ai":
            made[f"model-{step.task}"] = archive(f"model-{step.task}", model(step, generated, contents.weights), store, packing)
        else:
            folders = [entry for stage in step.stages for entry in tree(contents.prepared[stage.name], stage.name)]
            made[f"prepared-{step.task}"] = archive(f"prepared-{step.task}", folders, store, packing, private=True)
    if any(part.kind == "postgresql" for part in parts(plan)):
        made["postgresql"] = archive("postgresql", unpacked(*POSTGRESQL, packing), store, packing)
    code = [
        "runtime",
        *(group for group in (*GROUPS, PARTNERS) if group in made),
        *(library_part(library.name) for library in plan.libraries),
    ]
    made["environment"] = archive("environment", environment(root(plan), [made[part] for part in code]), store, packing)
    return made


def library_part(name: str) -> str:
    return f"library-{name}"


def root(plan: Plan) -> str:
    """The folder on hosts where archives are unpacked."""
    return f"/opt/aibench/{plan.scenario}"


def environment(under: str, folders: list[str]) -> list[Entry]:
    """A Python environment with these folders below `under` on its path; a host need not have all of them.

    Triton's Python backend ignores PYTHONPATH; it finds its libraries through the environment whose python is first in PATH.
    """
    packages = f"lib/python{PYTHON}/site-packages"
    lines = "".join(f"{under}/{folder}\n" for folder in folders)
    return [
        ("pyvenv.cfg", b"home = /usr/bin\ninclude-system-site-packages = false\n"),
        (f"{packages}/aibench.pth", lines.encode()),
        *((f"bin/{name}", Link(f"/usr/bin/python{PYTHON}")) for name in ("python", "python3")),
    ]


def model(step: Step, generated: Path, weights: Mapping[str, Path]) -> list[Entry]:
    """A repository of one model: the generated files, with each stage's model version as <task>/1/weights/<stage>/. AIB653: a stage has no
    model."""
    entries = tree(generated / "triton" / step.task, step.task)
    for stage in step.stages:
        if stage.name not in weights:
            raise EnvironmentFailure("AIB653", stage=stage.name)
        entries += tree(weights[stage.name], f"{step.task}/1/weights/{stage.name}")
    return entries


def parties_of(plan: Plan) -> dict[str, list[str]]:
    """'role/host' → what its certificate names: the host's address and name, and of servers the tasks that this role serves there."""
    addresses = {host.name: host.address for host in plan.hosts}
    parties: dict[str, list[str]] = {}
    for part in parts(plan):
        named = parties.setdefault(f"{part.kind}/{part.host}", [addresses[part.host], part.host])
        tasks = {"service": (part.replicated,), "triton": tasks_at(plan, part.endpoint)}.get(part.kind, ())
        named += [role_name(part.kind, task) for task in tasks]
        for role in (role for role in OF_ONE_HOST if part.kind in CALLS[role]):
            parties[f"{role}/{part.host}"] = [addresses[part.host], part.host]
    return parties


def certificates(plan: Plan, out: Path, renew: bool = False) -> dict[str, str]:
    """Host → its archive of keys and certificates, one folder per role; nothing for a plan without TLS. renew: make them anew, whether or
    not those that are there hold."""
    if not plan.tls:
        return {}
    from aibenchrt.control.cluster.certificates import certify  # cryptography takes 0.1 s to import

    parties = parties_of(plan)
    folder = certify(out / "tls", parties, TLS_DAYS, renew=renew)
    held: dict[str, list[Entry]] = {}
    for role, host in (party.split("/") for party in parties):
        held.setdefault(host, []).extend(tree(folder / role / host, role))
    return {host: archive(f"tls-{host}", entries, out, private=True) for host, entries in held.items()}


def variables(plan: Plan, archives: Mapping[str, str], tls: Mapping[str, str], wheels: Sequence[Wheel] = ()) -> bytes:
    """The variables in shipment.json. aibench_ship: host → the archives that it holds; '' stands for a host that takes everything."""
    held: dict[str, list[PlanPart]] = {host.name: [] for host in plan.hosts} or {"": []}
    for part in parts(plan):
        held[part.host].append(part)
    ships = {host: ship(plan, here, archives, tls.get(host)) for host, here in held.items()}
    states = {
        host: state.model_copy(update={"archives": {of: name for of, name in archives.items() if name in names(ships[host])}})
        for host, state in deployed(plan).items()
    }
    document: dict[str, Any] = {
        "aibench_archives": dict(archives),
        "aibench_python": PYTHON,
        "aibench_repositories": {
            part.name: [archives[f"model-{task}"] for task in tasks_at(plan, part.endpoint)]
            for part in parts(plan)
            if part.kind == "triton"
        },
        "aibench_libraries": {wheel.library: {"wheel": wheel.name, "sha256": wheel.sha256} for wheel in wheels},
        "aibench_ship": ships,
        "aibench_deployed": {host: state.model_dump(mode="json") for host, state in states.items()},
    }
    return (json.dumps(document, indent=1) + "\n").encode()


def names(shipped: list[dict[str, str]]) -> set[str]:
    return {entry["name"] for entry in shipped}


def ship(plan: Plan, held: list[PlanPart], archives: Mapping[str, str], tls: str | None) -> list[dict[str, str]]:
    """The archives of a host with these parts. to: code (owned by root), state (owned by the services' user) or tls."""
    kinds = [part.kind for part in held]
    if not plan.generators:
        kinds.append("generator")  # no inventory: the one host also sends the load
    if not held:
        return []
    code = ["environment", "runtime", "scenario", *groups_for(kinds)]
    if groups_for(kinds):  # it runs Python
        code += [part for part in (PARTNERS, *(library_part(library.name) for library in plan.libraries)) if part in archives]
    code += ["backends"] if "triton" in kinds else []
    code += ["load"] if "generator" in kinds else []
    code += ["postgresql"] if "postgresql" in kinds else []
    code += [f"model-{task}" for part in held if part.kind == "triton" for task in tasks_at(plan, part.endpoint)]
    state = [f"prepared-{part.task}" for part in held if isinstance(part, TaskPart)]
    archives_here = [{"name": archives[part], "to": "code"} for part in dict.fromkeys(code)]
    archives_here += [{"name": archives[part], "to": "state"} for part in dict.fromkeys(state)]
    return [*archives_here, {"name": tls, "to": "tls"}] if tls else archives_here


def keep_secrets(plan: Plan, path: Path) -> None:
    """The database's password, made once."""
    if path.exists() or not any(part.kind == "postgresql" for part in parts(plan)):
        return
    made = {"aibench_postgresql_password": secrets.token_urlsafe(32)}
    write_bytes(path, json.dumps(made).encode(), OWNERS)


def keep_load(load: Mapping[str, Path], into: Path) -> None:
    into.mkdir(exist_ok=True)
    for name, path in load.items():
        (into / name).parent.mkdir(exist_ok=True)
        with path.open("rb") as source, whole_file(into / name) as copy:
            shutil.copyfileobj(source, copy)


def contents(generated: Path, options: RunOptions, scratch: Path) -> ShipmentContents:
    """What this plan needs: prepares data, models and the schedule (cached in home()), as a run on this machine does."""
    plan = effective(open_plan(generated / "plan.json"), options)
    return contents_of(plan, generated, prepare(plan, options, scratch / "prepared"), scratch)


def contents_of(plan: Plan, generated: Path, assets: Assets, scratch: Path, supplement_s: float = 0.0) -> ShipmentContents:
    """As contents(), with everything already prepared. plan: as it runs. supplement_s: longest supplement of each rare class."""
    counts = {name: len(payloads) for name, payloads in assets.payloads.items()}
    rows = schedule(plan.load, plan.requests, counts, plan.load.seed, trace_of(plan.load, generated))
    if isinstance(plan.load, PlanUsers):  # a closed loop has no schedule into which they could go
        supplement_s = 0.0
    rows += supplement_rows(plan, rows, counts, supplement_s, plan.load.warmup_s + plan.load.duration_s + SUPPLEMENT_AFTER_S)[0]
    load = {name: scratch / name for name in (*SHIPPED_LOAD, "truth.parquet")}
    schema.write(load["schedule.parquet"], rows, ScheduleRecord)
    large = Contents(scratch / CONTENTS)
    schema.write(load["truth.parquet"], truth_of(rows, plan, assets.payloads, large), TruthRecord)
    large.close()
    load |= {f"{CONTENTS}/{path.name}": path for path in sorted(large.folder.glob("*"))}
    write_messages(load["payloads.parquet"], messages_for(plan, load_stubs(generated), assets.payloads, rows))
    prepared = {folder.name: folder for folder in sorted(assets.prepared.iterdir())}
    return ShipmentContents(prepared, {stage: version.folder for stage, version in assets.models.items()}, load)


def main() -> int:
    """python -m aibenchrt.control.cluster.shipment --generated DIR --out DIR [--variant real|synthetic] [--size tiny|small|full]"""
    parser = argparse.ArgumentParser(allow_abbrev=False, prog="python -m aibenchrt.control.cluster.shipment", description=__doc__)
    parser.add_argument("--generated", type=Path, required=True, help="the compiler's output folder")
    parser.add_argument("--out", type=Path, required=True, help="the shipment's folder")
    parser.add_argument("--variant", choices=("real", "synthetic"), default="real")
    parser.add_argument("--size", choices=("tiny", "small", "full"), default="small")
    given = parser.parse_args()
    options = RunOptions(variant=given.variant, size=given.size)
    try:
        with tempfile.TemporaryDirectory(prefix="aibench-") as scratch:
            shipped = contents(given.generated, options, Path(scratch))
            pack(given.generated, shipped, given.out, tell)
    except EnvironmentFailure as failure:
        tell_failure(failure)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
