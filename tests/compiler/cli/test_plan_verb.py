"""Plans for the hosts of an inventory: what is where, `aibenchc plan` as table, JSON and picture, and what a deployment would change."""

from __future__ import annotations

import json
import re
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import replace
from itertools import combinations, pairwise
from pathlib import Path

import pytest
import yaml
from aibenchc.cli import main
from aibenchc.diagnostics import Diagnostics
from aibenchc.driver import Compiled, CompileSettings, compile_spec
from aibenchc.placement import ansible_tool
from aibenchc.placement import deployed as asked
from aibenchc.placement.changes import PartChange, changes
from aibenchc.placement.demands import TRITON_MIB
from aibenchc.placement.inventory import Host, Inventory
from aibenchc.source import SourceFile
from aibenchrt.control.cluster.libraries import groups_for
from aibenchrt.control.cluster.shipment import variables
from aibenchrt.deployment import Deployed, TaskPart, deployed, parts, tasks_at
from aibenchrt.errors import install
from aibenchrt.plan import Plan, read_plan, task_endpoints
from aibenchrt.planner.program import check_plan
from paths import ROOT

SPEC = ROOT / "specs/ecommerce.aib"
ECOMMERCE = SPEC.read_text()
SVG = "{http://www.w3.org/2000/svg}"


def hosts(count: int, **has: object) -> Inventory:
    return Inventory(tuple(Host(f"h{i}", f"192.0.2.{i}", **has) for i in range(1, count + 1)))  # type: ignore[arg-type]


def compiled(inventory: Inventory | None, text: str = ECOMMERCE, **settings: object) -> tuple[Compiled | None, Diagnostics]:
    diagnostics = Diagnostics()
    chosen = CompileSettings(**{"deployment": "cluster", "inventory": inventory} | settings)  # type: ignore[arg-type]
    return compile_spec(SourceFile("spec.aib", text), chosen, diagnostics, lambda *_: None, lambda *_: None), diagnostics


def plan_for(inventory: Inventory | None, text: str = ECOMMERCE, **settings: object) -> Plan:
    scenario, diagnostics = compiled(inventory, text, **settings)
    assert scenario is not None, diagnostics.all
    return scenario.plan


@pytest.fixture(scope="module")
def five() -> Plan:
    return plan_for(hosts(5, cores=0.5, memory_mib=1024))


def inventory_file(folder: Path, count: int, line: str = "ansible_host=192.0.2.{}") -> str:
    path = folder / f"hosts{count}.ini"
    path.write_text("[nodes]\n" + "".join(f"h{i} {line.format(i)}\n" for i in range(1, count + 1)))
    return str(path)


def run_plan(*words: str) -> int:
    return main(["plan", str(SPEC), "--deployment", "cluster", *words])


# Placement


@pytest.mark.parametrize("count", [5, 15])
def test_the_cluster_deployment_fits_on_small_hosts(count: int) -> None:
    scenario, diagnostics = compiled(hosts(count, cores=0.5, memory_mib=1024))
    assert scenario is not None
    assert {d.code.id for d in diagnostics.all} <= {"AIB409"}
    check_plan(scenario.plan)
    assert scenario.plan.tls


def test_every_replica_is_on_a_host_and_listens_there_alone(five: Plan) -> None:
    addresses = {host.name: host.address for host in five.hosts}
    placed = parts(five)
    assert Counter(part.replicated for part in placed)["planner"] == 2
    assert all(part.address == addresses[part.host] for part in placed)
    listening = [part.endpoint for part in placed if part.listens]
    assert len(listening) == len(set(listening))
    assert len({part.name for part in placed if part.kind != "triton"}) == len([part for part in placed if part.kind != "triton"])
    assert {part.task for part in placed if isinstance(part, TaskPart)} == {step.task for step in five.steps if step.kind == "service"}


def test_ai_tasks_are_where_their_tritons_are(five: Plan) -> None:
    tritons = {part.endpoint for part in parts(five) if part.kind == "triton"}
    served = [(task, endpoint) for endpoint in tritons for task in tasks_at(five, endpoint)]
    assert Counter(task for task, _ in served) == {"category": 1, "picture": 1, "recommend": 2, "rank": 2}
    assert {endpoint for _, endpoint in served} == tritons
    for step in five.steps:
        assert len(task_endpoints(five)[step.task]) == (2 if step.task in ("recommend", "rank") else 1)
        (service,) = (service for service in five.services if service.name == step.task)
        assert len(service.endpoints) == len(service.hosts)


def test_what_shares_state_or_goes_together_shares_a_host(five: Plan) -> None:
    where = {part.replicated: part.host for part in parts(five)}
    assert where["answers"] == where["remember"]
    assert where["profile"] == where["weights"]
    planners = [part.host for part in parts(five) if part.kind == "planner"]
    assert len(set(planners)) == 2


def test_the_generator_is_alone(five: Plan) -> None:
    (host,) = five.generators
    assert [part.kind for part in parts(five) if part.host == host] == ["generator"]


def test_one_host_takes_everything() -> None:
    plan = plan_for(hosts(1), deployment="local")
    assert {part.host for part in parts(plan)} == {"h1"}
    assert plan.generators == ("h1",)


def test_without_an_inventory_there_are_no_hosts() -> None:
    plan = plan_for(None, deployment="local")
    assert (plan.hosts, plan.generators, plan.tls) == ((), (), False)
    assert [service.hosts for service in plan.services] == [()] * len(plan.services)
    assert not plan_for(hosts(5), tls=False).tls


def test_demands_follow_the_load_and_the_deployment() -> None:
    def cores(**settings: object) -> dict[str, int]:
        scenario, diagnostics = compiled(hosts(5), **settings)
        assert scenario is not None, diagnostics.all
        assert scenario.placement is not None
        return {replica.need.name: replica.need.millicores for replica in scenario.placement.placed}

    slow, fast = cores(params={"rate": "30/s"}), cores(params={"rate": "300/s"})
    assert fast["planner"] == pytest.approx(10 * slow["planner"], abs=10)
    assert slow["picture"] == 10  # one request in a hundred
    text = ECOMMERCE.replace("cores 0.05 { parse }", "cores 0.4 { parse, spell }")
    assert cores(text=text)["parse_spell"] == 800


def test_every_unit_may_take_what_its_part_is_expected_to_take_and_a_margin() -> None:
    def limits(**settings: object) -> dict[str, str]:
        scenario, diagnostics = compiled(hosts(5), **settings)
        assert scenario is not None, diagnostics.all
        variables = next(a for a in scenario.artifacts if a.path.as_posix() == "ansible/group_vars/all.yml")
        parts_in_it = yaml.safe_load(variables.data.decode().replace("!unsafe ", ""))["aibench_parts"]
        return {part["name"]: part["memory"] for part in parts_in_it}

    known = ECOMMERCE.replace("memory 160 MiB { recommend }", "memory 160 MiB { recommend }, memory 200 MiB { planner, rank, good }")
    limit_of, plan = limits(text=known), plan_for(hosts(5), known)
    assert (limit_of["planner"], limit_of["planner-1"], limit_of["good"]) == ("528M", "528M", "528M")
    memory = {service.name: service.memory_mib for service in plan.services}
    for part in parts(plan):
        if part.kind == "triton":
            assert part.memory_mib == TRITON_MIB + sum(memory[task] for task in tasks_at(plan, part.endpoint))
            assert limit_of[part.name] == f"{2 * part.memory_mib + 128}M"
    assert limit_of["generator"] == "{{ aibench_memory }}", "it holds all that it sends, of which a run's options decide"


def test_parts_stay_where_they_are_while_they_fit() -> None:
    before = plan_for(hosts(5, memory_mib=1024))
    text = ECOMMERCE.replace("memory 160 MiB { recommend }", "memory 160 MiB { recommend }, memory 200 MiB { planner, rank, good }")

    def moved(inventory: Inventory) -> list[str]:
        changed = changes(deployed(plan_for(inventory, text)), dict(deployed(before)))
        details = [detail for host in changed for change in host.changes for detail in change.details]
        assert [detail for detail in details if detail.startswith("memory ")]
        return [detail for detail in details if detail.startswith(("moves", "+ ", "- "))]

    assert moved(hosts(5, memory_mib=1024)), "placed afresh, it would be elsewhere"
    staying = replace(hosts(5, memory_mib=1024), held=deployed(before))
    assert moved(staying) == []
    assert plan_for(replace(staying, held=deployed(before))) == before


def test_compile_and_plan_leave_parts_where_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = ECOMMERCE.replace("memory 160 MiB { recommend }", "memory 160 MiB { recommend }, memory 200 MiB { planner, rank, good }")
    spec = tmp_path / "ecommerce.aib"
    spec.write_text(text)
    inventory, before = inventory_file(tmp_path, 5), plan_for(hosts(5))
    held = write_held(tmp_path / "held", deployed(before))
    words = [str(spec), "--deployment", "cluster", "-i", inventory, "--deployed", held]
    assert main(["compile", *words, "--out", str(tmp_path / "out"), "--no-stubs"]) == 0
    after = read_plan(tmp_path / "out/plan.json")
    assert [(part.name, part.host) for part in parts(after)] == [(part.name, part.host) for part in parts(before)]
    capsys.readouterr()
    assert main(["plan", *words]) == 2
    said = capsys.readouterr().out
    assert "~ good: memory 64 → 200 MiB" in said
    assert "moves" not in said


def test_a_database_server_is_a_part_where_the_spec_asks_for_one() -> None:
    text = ECOMMERCE.replace("{ table users,", "{ table users, engine postgresql,")
    assert text != ECOMMERCE
    servers = [part for part in parts(plan_for(hosts(5), text)) if part.kind == "postgresql"]
    assert [part.name for part in servers] == ["postgresql"]


def test_further_replicas_on_one_host_have_ports_of_their_own() -> None:
    text = ECOMMERCE.replace("replicas 2 { planner,", "replicas 3 { excellent }, replicas 2 { planner,")
    plan = plan_for(hosts(3), text)
    replicas = [part for part in parts(plan) if part.replicated == "excellent"]
    assert len({part.endpoint for part in replicas}) == 3 > len({part.host for part in replicas})


def test_no_ports_left() -> None:
    scenario, diagnostics = compiled(hosts(5), ports_from=65530)
    assert scenario is None
    assert "AIB402" in {d.code.id for d in diagnostics.all}


# The verb


def test_the_table_names_every_part_and_host(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_plan("-i", inventory_file(tmp_path, 5)) == 0
    out = capsys.readouterr().out
    plan = plan_for(hosts(5))
    for part in parts(plan):
        assert part.name in out
        assert part.endpoint in out
    assert all(host.name in out for host in plan.hosts)


def test_groups_replicas_shards_ports_and_devices_are_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec, inventory = tmp_path / "ecommerce.aib", tmp_path / "hosts.ini"
    spec.write_text(ECOMMERCE.replace("memory 160 MiB { recommend }", "memory 160 MiB { recommend }, gpu { picture }"))
    lines = [f"h{i} ansible_host=192.0.2.{i} aibench_gpus={int(i == 4)}" for i in range(1, 6)]
    inventory.write_text("\n".join(["[nodes]", *lines, "[triton]", "h3", "h4", ""]))
    words = ["plan", str(spec), "--deployment", "cluster", "-i", str(inventory)]
    picture = tmp_path / "hosts.svg"
    assert main([*words, "--json", "--svg", str(picture)]) == 0
    said = capsys.readouterr()
    assert "warning[AIB415]: a GPU of host 'h4' is kept for 'picture', which runs on the CPU" in said.err
    shown = json.loads(said.out)
    rows = {row["part"]: row for row in shown["parts"]}
    assert (rows["picture"]["host"], rows["picture"]["device"], rows["rank"]["device"]) == ("h4", "gpu 0", "cpu")
    assert (rows["planner-1"]["replica"], rows["excellent"]["shards"], rows["rank"]["shards"]) == (1, 2, None)
    assert {row["name"]: row["groups"] for row in shown["hosts"]}["h4"] == ["nodes", "triton"]
    assert main(words) == 0
    table = capsys.readouterr().out
    for column in ("replica", "host", "address", "shards", "device", "groups"):
        assert column in table
    assert re.search(r"picture +0 +h4 +192\.0\.2\.4:21001 .* gpu 0 ", table), table
    drawn = [element.text for element in ET.fromstring(picture.read_text()).iter(f"{SVG}text")]
    assert {"nodes, triton", "planner-1", ":21000"} <= set(drawn)
    assert [text for text in drawn if text and text.startswith("2 shards · ")]
    assert [text for text in drawn if text and text.startswith("gpu 0 · ")]


def test_json_sums_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_plan("-i", inventory_file(tmp_path, 5), "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    for host in shown["hosts"]:
        here = [part for part in shown["parts"] if part["host"] == host["name"]]
        assert host["parts"] == len(here)
        assert host["memory_mib"] == sum(part["memory_mib"] for part in here)
        assert host["cores"] == pytest.approx(sum(part["cores"] for part in here), abs=1e-3)
    assert [part["shards"] for part in shown["parts"] if part["part"] == "excellent"] == [2]


@pytest.mark.parametrize("count", [5, 15])
def test_the_picture_is_whole_and_no_text_touches_another(count: int, tmp_path: Path) -> None:
    target = tmp_path / "pictures/hosts.svg"
    words = ("-i", inventory_file(tmp_path, count), "--svg", str(target))
    assert run_plan(*words) == 0
    first = target.read_bytes()
    assert run_plan(*words) == 0
    assert target.read_bytes() == first
    root = ET.fromstring(first)
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    boxes = [extent(text) for text in root.iter(f"{SVG}text")]
    assert {"generator", "planner-1"} <= {text.text for text in root.iter(f"{SVG}text")}
    assert all(left >= 0 and right <= width and top >= 0 and bottom <= height for left, right, top, bottom in boxes)
    for box, other in combinations(boxes, 2):
        assert box[1] <= other[0] or other[1] <= box[0] or box[3] <= other[2] or other[3] <= box[2]


def extent(text: ET.Element) -> tuple[float, float, float, float]:
    """left, right, top, bottom of a text, as wide as DejaVu Sans at most is on average."""
    size = float(text.attrib["font-size"])
    wide = len(text.text or "") * size * (0.7 if "font-weight" in text.attrib else 0.6)
    x, y = float(text.attrib["x"]), float(text.attrib["y"])
    left = x - {"start": 0.0, "middle": wide / 2, "end": wide}[text.attrib["text-anchor"]]
    return left, left + wide, y - 0.75 * size, y + 0.2 * size


def test_compile_takes_an_inventory(tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ["compile", str(SPEC), "--deployment", "cluster", "-i", inventory_file(tmp_path, 5), "--out", str(out), "--no-stubs"]
    assert main([*words, "--no-tls"]) == 0
    plan = read_plan(out / "plan.json")
    assert [host.name for host in plan.hosts] == ["h1", "h2", "h3", "h4", "h5"]
    assert not plan.tls


def test_without_ansible_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ansible_tool.sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr(ansible_tool.shutil, "which", lambda _: None)
    assert main(["compile", str(SPEC), "-i", inventory_file(tmp_path, 1), "--out", str(tmp_path / "out")]) == 2
    assert run_plan("-i", inventory_file(tmp_path, 1), "--diff") == 1  # exit code 2: something would change
    assert capsys.readouterr().err.count(install("cluster")) == 2


def test_a_mistaken_command_line_is_not_taken_for_a_change(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_plan() == 1
    assert "-i/--inventory" in capsys.readouterr().err


# What a deployment would change


def write_held(folder: Path, held: dict[str, Deployed]) -> str:
    folder.mkdir(exist_ok=True)
    for host, state in held.items():
        (folder / f"{host}.json").write_text(state.model_dump_json())
    return str(folder)


def test_exit_codes_of_a_difference(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    inventory = inventory_file(tmp_path, 5)
    held = write_held(tmp_path / "held", deployed(plan_for(hosts(5))))
    assert run_plan("-i", inventory, "--deployed", held) == 0
    assert "nothing would change on 5 hosts" in capsys.readouterr().err
    assert run_plan("-i", inventory, "--deployed", held, "--no-tls") == 2
    assert "~ the host: mutual TLS → plain connections" in capsys.readouterr().out
    assert run_plan("-i", inventory, "--deployed", str(tmp_path / "nowhere")) == 1
    (tmp_path / "held/h1.json").write_text('{"version": 2}')
    assert run_plan("-i", inventory, "--deployed", held) == 1
    said = capsys.readouterr().err
    assert (said.count("error[AIB690]"), said.count("error[AIB685]")) == (1, 1)


def of_host(text: str, count: int = 5, before: int = 5) -> dict[str, set[PartChange]]:
    changed = changes(deployed(plan_for(hosts(count), text)), dict(deployed(plan_for(hosts(before)))))
    return {entry.host: set(entry.changes) for entry in changed}


def test_a_changed_model_and_setting_are_said_where_they_run() -> None:
    where = {part.replicated: part.host for part in parts(plan_for(hosts(5)))}
    text = ECOMMERCE.replace("{ tier excellent, shards 2,", "{ tier excellent, shards 3,").replace(
        "use picture.resnet20", "use picture.resnet20, use recommend.gmf"
    )
    changed = of_host(text)
    said = {(change.part, detail) for host in changed.values() for change in host for detail in change.details}
    assert ("excellent", "excellent: shards 2 → 3") in said
    assert PartChange("~", "excellent", ("excellent: shards 2 → 3",)) in changed[where["excellent"]]
    assert [detail for _, detail in said if detail == "recommend: model neumf → gmf"]
    assert ("planner", "another plan") in said


def test_what_comes_goes_and_moves() -> None:
    grown = of_host(ECOMMERCE.replace("replicas 2 { planner, recommend, rank }", "replicas 2 { planner, recommend, rank, good }"))
    assert [change.sign for host in grown.values() for change in host if change.part == "good-1"] == ["+"]
    shrunk = of_host(ECOMMERCE, count=4, before=5)
    assert all(change.sign in "-~" for change in shrunk["h5"])
    moves = [change for host in shrunk.values() for change in host if any(d.startswith("moves") for d in change.details)]
    for here, there in pairwise(sorted(moves, key=lambda change: change.part)):
        if here.part == there.part:
            assert {here.details[0].split()[1], there.details[0].split()[1]} == {"here", "to"}
    fresh = changes(deployed(plan_for(hosts(5))), dict.fromkeys(["h1", "h2", "h3", "h4", "h5"]))
    assert {change.sign for host in fresh for change in host.changes} == {"+"}


def test_other_content_of_an_archive_is_a_change() -> None:
    planned = deployed(plan_for(hosts(5)))
    held = {host: state.model_copy(update={"archives": {"models-rank": "models-rank-1"}}) for host, state in planned.items()}
    assert changes(planned, dict(held), {"models-rank": "models-rank-1", "other": "other-2"}) == ()
    changed = changes(planned, dict(held), {"models-rank": "models-rank-2"})
    assert {change for host in changed for change in host.changes} == {
        PartChange("~", "models-rank", ("shipped as models-rank-1 → models-rank-2",))
    }


@pytest.mark.long
def test_hosts_are_asked_through_ansible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(asked, "STATE", str(tmp_path))
    line = f"ansible_connection=local ansible_python_interpreter={sys.executable} aibench_address=192.0.2.{{}}"
    inventory = inventory_file(tmp_path, 1, line)
    local = ["plan", str(SPEC), "-i", inventory, "--trust-inventory", "--diff"]
    assert main(local) == 2
    assert "+ planner: at 192.0.2.1:21000" in capsys.readouterr().out
    (tmp_path / "ecommerce").mkdir()
    held = deployed(plan_for(hosts(1), deployment="local"))["h1"]
    (tmp_path / "ecommerce/deployed.json").write_text(held.model_dump_json())
    assert main(local) == 0
    assert main(["compile", *local[1:-1], "--stay", "--out", str(tmp_path / "out"), "--no-stubs"]) == 0


def test_after_a_deployment_nothing_would_change_and_a_change_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The host holds the record that a deployment writes; Ansible asks it, and its files are in a folder of the test."""
    monkeypatch.setattr(asked, "STATE", str(tmp_path))
    inventory = inventory_file(
        tmp_path, 1, f"ansible_connection=local ansible_python_interpreter={sys.executable} aibench_address=192.0.2.{{}}"
    )
    plan = plan_for(hosts(1), deployment="local")
    made = ["runtime", "environment", "scenario", "load", "libraries", "libraries-ai", "libraries-triton", "backends"]
    made += [f"{'model' if step.kind == 'ai' else 'prepared'}-{step.task}" for step in plan.steps]
    archives = {part: f"{part}-0" for part in (*made, *groups_for(["planner", "triton", "service", "generator"]))}
    shipment = variables(plan, archives, {"h1": "tls-h1-0"})
    (tmp_path / "shipment.json").write_bytes(shipment)
    (tmp_path / "ecommerce").mkdir()
    (tmp_path / "ecommerce/deployed.json").write_text(json.dumps(json.loads(shipment)["aibench_deployed"]["h1"]))
    words = ["-i", inventory, "--trust-inventory", "--diff", "--shipment", str(tmp_path)]
    assert main(["plan", str(SPEC), *words]) == 0
    assert "nothing would change on 1 host" in capsys.readouterr().err
    changed = tmp_path / "ecommerce.aib"
    for old, new, said in (
        ("use picture.resnet20", "use picture.resnet20, use recommend.gmf", r"~ triton: .*recommend: model neumf → gmf"),
        ("{ nodes 1, profile small }", "{ nodes 1, profile small, replicas 2 { good } }", r"\+ good-1: at 192\.0\.2\.1:"),
    ):
        changed.write_text(ECOMMERCE.replace(old, new))
        assert changed.read_text() != ECOMMERCE
        assert main(["plan", str(changed), *words]) == 2
        assert re.search(said, capsys.readouterr().out)


def test_a_host_that_cannot_be_reached_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    inventory = inventory_file(tmp_path, 1, "ansible_host=127.0.0.1 ansible_port=9 aibench_address=192.0.2.{}")
    assert main(["plan", str(SPEC), "-i", inventory, "--diff"]) == 1
    assert "error[AIB619]: cannot determine what is deployed: h1: " in capsys.readouterr().err
