"""Generated playbooks on hosts that boot systemd and reach no registry: deploy, load, collect, again, change, tear down."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aibenchrt.collect import schema
from aibenchrt.collect.records import RequestRecord, ScheduleRecord
from aibenchrt.planner.recorder import read_calls
from bed import BIN, ROOT, Bed, a_bed, bed_marks, differences
from deployment import Site, renamed

pytestmark = bed_marks(2400)
SMALL = "tests/specs/small.aib"
MISSING = re.compile(r'^ok: \[(\w+)\] => \{\s+"msg": "([^"]+)"', re.MULTILINE)  # what a deployment says that it ships, and where


@pytest.fixture
def bed() -> Iterator[Bed]:
    with a_bed(5, name=os.environ.get("PFX", "ab")) as made:
        yield made


def test_a_deployment_from_bare_hosts_to_bare_hosts(bed: Bed, tmp_path: Path) -> None:
    """One long test, since starting a bed takes time: check mode, deployment and load, the same again, another model, a second scenario,
    teardown."""
    before = {host: bed.lists(host) for host in bed.hosts}
    small = Site(bed, tmp_path / "small")
    small.compile(SMALL)
    small.ship()

    check_addresses(small)
    looked = small.play("site.yml", "--check", "--diff")
    assert all(looked.changed.values()), "it says what it would do"
    for host in bed.hosts:
        assert not [line for line in differences(before[host], bed.lists(host)) if "/root/.ansible" not in line]
        bed.sh(host, "rm", "-rf", "/root/.ansible")

    assert all(small.play("site.yml").changed.values())
    check_records(small)
    check_secrets(small)
    for host in bed.hosts:
        check_apart(small, host)
    check_planted(small)
    again = small.play("site.yml")
    assert again.changes == []
    assert set(again.changed.values()) == {0}

    check_keys(small)
    check_difference(small, tmp_path)
    check_one_model(small)
    other = check_neighbour(small, tmp_path)

    for host in bed.hosts:
        check_shared_memory(small, host)
    small.play("teardown.yml")
    check_alive(other)
    for host in bed.hosts:
        assert not [line for line in bed.lists(host)["files"] if re.search(r"aibench[/-](\w+/)?small\b", line)]
    other.play("teardown.yml")
    for host in bed.hosts:
        assert differences(before[host], bed.lists(host)) == []
    assert set(small.play("teardown.yml").changed.values()) == {0}, "there is nothing more to remove"


def check_addresses(small: Site) -> None:
    """A host that would listen at a loopback address is refused before anything of a deployment is on it, as is one that others call at an
    address where they do not reach it, and one on which a stranger listens at the port of a part."""
    with pytest.raises(AssertionError, match=r"leads to 127\.0\.1\.1 on the host itself"):
        small.play("deploy.yml", aibench_bind_address="127.0.1.1")
    (at,) = {(service["hosts"][0], service["endpoints"][0]) for service in small.plan["services"] if service["kind"] == "planner"}
    port = at[1].rpartition(":")[2]
    small.bed.sh(at[0], "systemd-run", "--quiet", "--unit=stranger", "python3", "-m", "http.server", port)
    heard = f"until grep -q ':{int(port):04X} .* 0A ' /proc/net/tcp; do sleep 0.1; done"
    small.bed.sh(at[0], "timeout", "60", "sh", "-c", heard)
    with pytest.raises(AssertionError, match=rf"cannot listen at \S+:{port}: python3 \(process \d+\) does"):
        small.play("deploy.yml")
    small.bed.sh(at[0], "systemctl", "stop", "stranger")
    for host in {host for service in small.plan["services"] for host in service["hosts"]}:  # where something would listen
        assert small.bed.ran("sh", host, "test", "-e", f"/var/lib/aibench/{small.plan['scenario']}").returncode, "it has no install record"


def check_shared_memory(small: Site, host: str) -> None:
    """Each unit has a /dev/shm of its own, and what a killed Triton leaves in it goes with it."""
    unit = f"aibench-{small.plan['scenario']}-triton.service"
    pid = small.bed.ran("sh", host, "systemctl", "show", "-p", "MainPID", "--value", unit).stdout.strip()
    if pid in ("", "0"):
        return
    before = small.bed.sh(host, "ls", "-A", "/dev/shm")
    assert small.bed.sh(host, "nsenter", "--target", pid, "--mount", "ls", "-A", "/dev/shm"), "Triton's own holds what its models exchange"
    assert "triton" not in before
    assert "LC_ALL=C.UTF-8" in small.bed.sh(host, "cat", f"/proc/{pid}/environ").split("\0")
    small.bed.sh(host, "systemctl", "kill", "--signal=KILL", unit)
    assert small.bed.sh(host, "ls", "-A", "/dev/shm") == before


def check_records(small: Site) -> None:
    """Every request of the schedule was sent and answered, and every call recorded, on whatever host."""
    run = small.collected / "first"
    plan = small.plan
    requests = [record for path in sorted(run.glob("*/requests.parquet")) for record in schema.read(path, RequestRecord)]
    sent = schema.read(small.shipment / "load" / "schedule.parquet", ScheduleRecord)
    assert len(requests) == len(sent) > 0
    failed = [r.error for r in requests if r.outcome != "ok"]
    assert not failed, failed[:3]
    calls = [call for part in sorted(run.glob("*/calls-*.jsonl")) for call in read_calls(part)]
    assert {r.request_id for r in requests} == {c.request_id for c in calls}
    assert {c.kind for c in calls} == {"ai", "service"}
    effects = {step["task"] for step in plan["steps"] if step["phase"] == "after"}
    assert effects & {c.task for c in calls}, "what runs after the response was recorded before the records were fetched"
    assert list(run.glob("*/triton_trace-*.json*"))
    assert list(run.glob("*/watched-*.jsonl")), "every model has answered the watch of its Triton"
    for host in {part for service in plan["services"] for part in service["hosts"]}:
        held = json.loads(small.bed.sh(host, "cat", f"/var/lib/aibench/{plan['scenario']}/deployed.json"))
        here = {named(service) for service in plan["services"] if host in service["hosts"]}
        assert here & {"planner", "triton", *(step["task"] for step in plan["steps"])}
        assert {part["name"] for part in held["parts"]} == {part["name"] for part in held["parts"] if active(small, host, part["name"])}


def named(service: dict[str, Any]) -> str:
    return str(service.get("task", service["kind"]))


def active(small: Site, host: str, part: str) -> bool:
    unit = f"aibench-{small.plan['scenario']}-{part}.service"
    kind = small.bed.ran("sh", host, "systemctl", "show", "-p", "Type", "--value", unit).stdout.strip()
    return kind == "oneshot" or small.bed.ran("sh", host, "systemctl", "is-active", unit).stdout.strip() == "active"


def check_secrets(small: Site) -> None:
    """Keys are for their user alone; no key is in what was generated, in a process list or in the journal; nothing runs as root."""
    assert small.plan["tls"], "a plan for an inventory is mutual TLS unless it is asked not to be"
    for path in small.generated.rglob("*"):
        assert not (path.is_file() and b"PRIVATE KEY" in path.read_bytes())
    for path in (small.shipment / "tls").rglob("key.pem"):
        assert path.stat().st_mode & 0o777 == 0o600
    for host in small.bed.hosts:
        keys = small.bed.sh(host, "find", "-L", "/etc/aibench", "-name", "key.pem", "-printf", "%m %u %h\\n")
        for mode, user, path in map(str.split, keys.splitlines()):
            kind = path.rpartition("/")[2]
            assert (mode, user) == ("600", "root" if kind == "check" else small.user("triton" if kind == "keeper" else kind))
        said = small.bed.sh(host, "sh", "-c", "ps axww -o user,args; journalctl --no-pager; systemctl show 'aibench-*'")
        assert "PRIVATE KEY" not in said
        owners = {line.split()[0] for line in said.splitlines() if "aibenchrt." in line and re.match(r"\S+\s+/opt", line)}
        assert owners <= {"aibench+"}


def check_planted(small: Site) -> None:
    """What a part's user leaves in its folder leads root nowhere, and gets into no archive; root's folders are closed to it."""
    (host,) = {name for service in small.plan["services"] if service["kind"] == "planner" for name in service["hosts"]}
    run = f"/var/lib/aibench/{small.plan['scenario']}/runs/first"
    plant = f"""
        for folder in {run} {run}/.. {run}/../..; do ! touch $folder/x || exit 1; done 2>&-
        cd {run}/planner
        ln -s /etc/shadow calls-8-x.jsonl; ln -s /etc calls; mkfifo calls-9-x.jsonl; touch "$(printf 'a\\nb.jsonl')" ./-T.json
        ln -s /etc/passwd records.tar.gz; ln -s /etc/passwd start; ln -s /etc/passwd ended; ls
    """
    before = small.bed.sh(host, "stat", "-c", "%n %U %a %Y %s", "/etc", "/etc/shadow", "/etc/passwd")
    small.bed.sh(host, "setpriv", f"--reuid={small.user('planner')}", "--clear-groups", "sh", "-c", plant)
    small.play("collect.yml")
    check_records(small)
    assert small.bed.sh(host, "stat", "-c", "%n %U %a %Y %s", "/etc", "/etc/shadow", "/etc/passwd") == before
    fetched = {path.name for path in (small.collected / "first" / host).iterdir()}
    assert fetched
    assert not {name for name in fetched if "x.json" in name or "\n" in name or name.startswith("-")}


APART = """
import glob, json, os, subprocess, sys
scenario, kinds = sys.argv[1], sys.argv[2:]
def readable(path):
    try:
        open(path, "rb").read(1)
    except PermissionError:
        return False
    except (FileNotFoundError, ProcessLookupError):
        return None  # a process that has just ended
    return True
held = {kind: [] for kind in kinds}
for kind in kinds:
    held[kind] += glob.glob(f"/etc/aibench/{scenario}/tls/{kind}/key.pem")
    held[kind] += glob.glob(f"/var/lib/aibench/{scenario}/runs/first/{kind}/*.*")
    pids = subprocess.run(["pgrep", "-u", f"aibench-{scenario}-{kind}"], capture_output=True, text=True).stdout.split()
    held[kind] += [f"/proc/{pid}/environ" for pid in pids]
    if kind == "triton":
        held[kind] += glob.glob(f"/etc/aibench/{scenario}/tls/keeper/key.pem")
    if kind == "service":
        held[kind] += filter(os.path.isfile, glob.glob(f"/var/lib/aibench/{scenario}/tasks/**", recursive=True))
held["root"] = glob.glob(f"/etc/aibench/{scenario}/tls/check/key.pem") + glob.glob(f"/etc/aibench/{scenario}/*.env")
for kind in kinds:
    child = os.fork()
    if child == 0:
        import pwd
        user = pwd.getpwnam(f"aibench-{scenario}-{kind}")
        os.setgroups([]); os.setgid(user.pw_gid); os.setuid(user.pw_uid)
        others = [path for other in held if other != kind for path in held[other]]
        wrong = [path for path in others if readable(path)]
        kept = [path for path in held[kind] if readable(path) is False]
        print(json.dumps([kind, len(held[kind]), len(others), wrong, kept]), flush=True)
        os._exit(0)
    os.waitpid(child, 0)
"""


def check_apart(site: Site, host: str) -> set[str]:
    """No user of a host reads keys, environments or records of another, while each reads its own. Returns the kinds that the host has."""
    scenario = site.plan["scenario"]
    passwd = site.bed.sh(host, "getent", "passwd")
    kinds = re.findall(rf"^aibench-{scenario}-(\w+):", passwd, re.MULTILINE)
    reports = [json.loads(line) for line in site.bed.sh(host, "python3", "-c", APART, scenario, *kinds).splitlines()]
    assert [report[0] for report in reports] == kinds
    for kind, own, others, wrong, kept in reports:
        assert (wrong, kept) == ([], []), (host, kind)
        assert own, (host, kind)
        assert others or len(kinds) == 1, (host, kind)
    return set(kinds)


def check_difference(small: Site, folder: Path) -> None:
    """`plan --diff` asks the hosts: 0 after a deployment; 2 for another model and one replica more, which it names, and nothing moves."""

    def difference(spec: Path) -> tuple[int, str]:
        command = (BIN / "aibenchc", "plan", spec, "-i", small.bed.inventory, "--diff", "--shipment", small.shipment)
        ended = small.bed.control(*map(str, command))
        return ended.returncode, ended.stdout + ended.stderr

    code, said = difference(ROOT / SMALL)
    assert (code, f"nothing would change on {len(small.bed.hosts)} hosts" in said) == (0, True), said
    changed = folder / "changed.aib"
    text = (ROOT / SMALL).read_text().replace("model fasttext", "model textcnn")
    changed.write_text(text.replace("nodes 1, profile small", "nodes 5, profile small, replicas 2 { summary }"))
    code, said = difference(changed)
    assert code == 2, said
    assert re.search(r"~ triton: .*category: model fasttext → textcnn", said), said
    assert re.search(r"\+ summary-1: at ", said), said
    assert "moves" not in said, said


def check_keys(small: Site) -> None:
    """A part sees the keys of its own role, and of no other that is on its host; Triton also those of its watch."""
    seen = {}
    for service in small.plan["services"]:
        kind = service["kind"]
        for host in service["hosts"]:
            unit = f"aibench-{small.plan['scenario']}-{named(service)}.service"
            pid = small.bed.sh(host, "systemctl", "show", "-p", "MainPID", "--value", unit).strip()
            if pid not in ("", "0"):  # an AI task has no unit
                look = "cd $0; for role in check generator keeper planner service triton; do cat $role/key.pem; done"
                as_part = (
                    "setpriv",
                    f"--reuid={small.user(kind)}",
                    "--clear-groups",
                    "sh",
                    "-c",
                    look,
                    f"/etc/aibench/{small.plan['scenario']}/tls",
                )
                ended = small.bed.ran("sh", host, "nsenter", "-t", pid, "-m", "--", *as_part)
                seen[kind] = ended.stdout.count("BEGIN PRIVATE KEY")
                assert seen[kind] == (2 if kind == "triton" else 1), (unit, ended.stderr)
    assert seen.keys() == {"planner", "triton", "service"}


def check_one_model(small: Site) -> None:
    """Another version of one model: its archive alone is shipped, to its host alone, and Triton alone is started again there."""
    (host,) = {name for service in small.plan["services"] if service["kind"] == "triton" for name in service["hosts"]}
    old = {unit: started(small, host, unit) for unit in units(small, host)}
    name, changed = renamed(small.shipment, "category")
    played = small.play("deploy.yml")
    assert MISSING.findall(played.said) == [(host, changed)]
    new = {unit: started(small, host, unit) for unit in units(small, host)}
    assert [unit for unit in old if old[unit] != new[unit]] == ["aibench-small-triton.service"]
    assert {at: count for at, count in played.changed.items() if count} == {host: played.changed[host]}
    assert changed in small.bed.sh(host, "ls", "/opt/aibench/small")
    assert name not in small.bed.sh(host, "ls", "/opt/aibench/small"), "what is no longer needed is removed"


def units(small: Site, host: str) -> list[str]:
    listed = small.bed.sh(host, "systemctl", "list-units", f"aibench-{small.plan['scenario']}-*", "--no-legend", "--plain", "--no-pager")
    return sorted(line.split()[0] for line in listed.splitlines())


def started(small: Site, host: str, unit: str) -> str:
    return small.bed.sh(host, "systemctl", "show", "-p", "ExecMainStartTimestampMonotonic", "--value", unit)


def check_neighbour(small: Site, folder: Path) -> Site:
    """Another scenario beside it on two of the hosts, whose name begins with the first one's."""
    spec, inventory = folder / "beside.aib", folder / "two.ini"
    spec.write_text((ROOT / SMALL).read_text().replace("scenario small ", "scenario small_too "))
    apart = re.compile(r"^h[345] .*\n", re.MULTILINE)
    inventory.write_text(apart.sub("", small.bed.inventory.read_text()))
    other = Site(small.bed, folder / "other", inventory)
    other.compile(spec, "--first-port", "22000")
    other.ship()
    other.play("deploy.yml")
    check_alive(other)
    check_alive(small)
    return other


def check_alive(site: Site) -> None:
    for service in site.plan["services"]:
        for host in service["hosts"]:
            if service["kind"] != "ai":  # which Triton serves
                assert active(site, host, named(service))


def test_without_an_inventory_one_host_takes_all(tmp_path: Path) -> None:
    with a_bed(1, name=os.environ.get("PFX", "ab")) as bed:
        before = bed.lists("h1")
        made = Site(bed, tmp_path)
        made.compile(SMALL, "--out", str(made.generated))
        made.ship()
        made.play("site.yml")
        (path,) = made.collected.glob("first/*/requests.parquet")
        requests = schema.read(path, RequestRecord)
        assert {record.outcome for record in requests} == {"ok"}
        assert {record.request_class for record in requests} <= {request["name"] for request in made.plan["requests"]}
        again = made.play("site.yml")
        assert (again.changes, again.changed) == ([], {"h1": 0})
        assert check_apart(made, "h1") == {"generator", "planner", "service", "triton", "watch"}
        made.play("teardown.yml")
        assert differences(before, bed.lists("h1")) == []


@pytest.mark.nightly
def test_ecommerce_on_fifteen_hosts(tmp_path: Path) -> None:
    with a_bed(15) as bed:
        before = {host: bed.lists(host) for host in bed.hosts}
        shop = Site(bed, tmp_path)
        shop.compile("specs/ecommerce.aib", "--param", "rate=5/s")
        shop.ship()
        shop.play("site.yml")
        assert set(shop.play("site.yml").changed.values()) == {0}
        shop.play("teardown.yml")
        for host in bed.hosts:
            assert differences(before[host], bed.lists(host)) == []
