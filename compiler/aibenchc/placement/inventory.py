"""An Ansible inventory as the compiler sees it: hosts, their groups, addresses and what they have. `ansible-inventory` reads the file."""

from __future__ import annotations

import ipaddress
import json
import re
import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aibenchrt.deployment import Deployed
from aibenchrt.input_file import InputFileError, read_bytes

from aibenchc.diagnostics import Diagnostics, nearest
from aibenchc.placement.ansible_tool import run_tool
from aibenchc.placement.static_inventory import MOST_BYTES, runs_when_read, runs_when_used
from aibenchc.source import SourceFile, Span

LONGEST_S = 120.0
GROUPS = ("planner", "triton", "services", "generators", "postgresql")  # if the inventory has this group, only its hosts take such a part
NODES = "nodes"  # otherwise the hosts of this group, if there is one, otherwise every host
_ADDRESS = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
OWN = ("aibench_address", "aibench_bind_address", "aibench_cores", "aibench_memory_mib", "aibench_gpus")  # what an inventory may set
_COUNTS = {"aibench_cores": "a number above 0", "aibench_memory_mib": "a whole number of MiB", "aibench_gpus": "a whole number"}


@dataclass(frozen=True)
class Host:
    """address: where its parts are called, and where they listen unless aibench_bind_address says otherwise. cores, memory_mib: None where
    the inventory gives none."""

    name: str
    address: str
    cores: float | None = None
    memory_mib: int | None = None
    gpus: int = 0
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Inventory:
    """hosts: those that may take a part, by name (h2 before h10), so that the order in the file does not matter. held: host → what it holds
    of the scenario; parts stay where they are if they still fit."""

    hosts: tuple[Host, ...]
    groups: frozenset[str] = frozenset()
    held: Mapping[str, Deployed | None] = field(default_factory=dict)

    def allowed(self, group: str) -> tuple[Host, ...]:
        """The hosts that may take a part of this kind."""
        chosen = group if group in self.groups else NODES if NODES in self.groups else None
        return tuple(host for host in self.hosts if chosen is None or chosen in host.groups)


def read_inventory(path: Path, diagnostics: Diagnostics, trusted: bool = False) -> Inventory | None:
    """None after a report: AIB406 (it cannot be read, or has no hosts), AIB407 (a host's address or size), AIB418 (it would run programs),
    AIB421 (it sets a variable of the playbooks).

    trusted: it may run programs on this machine, as Ansible lets it. EnvironmentFailure AIB601: ansible-core is not installed.
    """
    where = Span(SourceFile(str(path), ""), 0, 0)
    if not path.exists():
        diagnostics.report("AIB406", where, reason="there is no such file")
        return None
    if not trusted and not is_static(path, where, diagnostics):
        return None
    listed = listing(path, trusted)
    if isinstance(listed, str):
        diagnostics.report("AIB406", where, reason=listed)
        return None
    if not trusted and not reached_as_data(listed, where, diagnostics):
        return None
    before = diagnostics.errors
    check_variables(listed, path, where, diagnostics)
    inventory = inventory_of(listed, where, diagnostics)
    return None if diagnostics.errors > before else inventory


def is_static(path: Path, where: Span, diagnostics: Diagnostics) -> bool:
    """Whether Ansible reads it as data, which is looked at before Ansible sees it. Reports AIB406, AIB418."""
    if "," in str(path.absolute()):
        hint = "move it to a folder and a name without commas"
        diagnostics.report("AIB406", where, reason="Ansible takes a path with a comma for a list of hosts", hint=hint)
        return False
    if path.is_dir():
        hint = "name a file in it; group_vars and host_vars beside that are read too"
        diagnostics.report("AIB406", where, reason="it is a folder", hint=hint)
        return False
    try:
        reason = runs_when_read(path)
    except InputFileError as error:
        diagnostics.report("AIB406", where, reason=str(error))
        return False
    if reason:
        diagnostics.report("AIB418", where, reason=reason)
    return not reason


def reached_as_data(listed: Mapping[str, Any], where: Span, diagnostics: Diagnostics) -> bool:
    """Whether nothing of it runs here when its hosts are reached. Reports AIB418 once for each kind of variable."""
    hosts_of: dict[str, list[str]] = defaultdict(list)
    for name, variables in listed.get("_meta", {}).get("hostvars", {}).items():
        for reason in runs_when_used(name, variables):
            hosts_of[reason].append(name)
    for reason, names in hosts_of.items():
        others = f" and {len(names) - 1} more" if len(names) > 1 else ""
        diagnostics.report("AIB418", where, reason=f"of host '{names[0]}'{others}, {reason}")
    return not hosts_of


def listing(path: Path, trusted: bool) -> Mapping[str, Any] | str:
    """What `ansible-inventory --list` prints, or why it does not."""
    try:
        ended = run_tool("ansible-inventory", ["-i", str(path.absolute()), "--list"], LONGEST_S, trusted)
    except subprocess.TimeoutExpired:
        return f"`ansible-inventory` took more than {LONGEST_S:g} s"
    if ended.returncode:
        return complaint(ended.stderr) or f"`ansible-inventory` ended with {ended.returncode}"
    if "Unable to parse" in ended.stderr:
        return complaint(ended.stderr) or "Ansible cannot parse it"
    try:
        document = json.loads(ended.stdout)
    except ValueError:
        return "`ansible-inventory` printed no JSON"
    return document if isinstance(document, dict) else "`ansible-inventory` printed no inventory"


def complaint(stderr: str) -> str:
    """The first message of Ansible, without its decoration."""
    for line in stderr.splitlines():
        said = re.sub(r"^\[?(WARNING|ERROR)\]?: |^ERROR! ", "", line).strip()
        if said and not said.startswith("No inventory was parsed"):
            return said[0].lower() + said[1:].rstrip(".")
    return ""


def check_variables(listed: Mapping[str, Any], path: Path, where: Span, diagnostics: Diagnostics) -> None:
    """Reports AIB421, with its place, for every variable of ours that is not the inventory's to set: whether it or the playbooks' own wins
    depends on where it stands."""
    hosts_of: dict[str, list[str]] = defaultdict(list)
    for name, variables in listed.get("_meta", {}).get("hostvars", {}).items():
        for variable in variables:
            if variable.startswith("aibench_") and variable not in OWN:
                hosts_of[variable].append(name)
    for variable, names in sorted(hosts_of.items()):
        hosts = f"'{names[0]}'" + (f" and {len(names) - 1} more" if len(names) > 1 else "")
        near = nearest(variable.removeprefix("aibench_"), [own.removeprefix("aibench_") for own in OWN])
        hint = f"did you mean `aibench_{near}`?" if near else f"remove it; a play takes another value by `-e {variable}=…`"
        place = place_of(variable, path)
        diagnostics.report("AIB421", where, variable=variable, hosts=hosts, place=f", in {place}" if place else "", hint=hint)


def place_of(variable: str, inventory: Path) -> str:
    """File and line where a variable stands, in the inventory or in the folders of variables beside it; '' if it is not found. The line is
    not shown, as it may hold a password."""
    beside = (inventory.parent / "group_vars", inventory.parent / "host_vars")
    word = re.compile(rf"(?<![A-Za-z0-9_]){re.escape(variable)}(?![A-Za-z0-9_])")
    for path in (inventory, *(file for folder in beside for file in sorted(folder.rglob("*")) if file.is_file())):
        try:
            text = read_bytes(path, MOST_BYTES).decode("utf-8", "replace")
        except InputFileError:
            continue  # a program's output, or a file that Ansible leaves out, too
        if match := word.search(text):
            return f"{path}:{text.count(chr(10), 0, match.start()) + 1}"
    return ""


def inventory_of(listed: Mapping[str, Any], where: Span, diagnostics: Diagnostics) -> Inventory | None:
    """From `ansible-inventory --list`. Every mistake is reported."""
    members = {group: frozenset(hosts_in(listed, group)) for group in listed if group not in ("_meta", "all", "ungrouped")}
    names = sorted({*hosts_in(listed, "all"), *listed.get("_meta", {}).get("hostvars", {})}, key=natural)
    used = {group: members[group] for group in (NODES, *GROUPS) if members.get(group)}
    if NODES in used:
        names = [name for name in names if any(name in hosts for hosts in used.values())]
    if not names:
        diagnostics.report("AIB406", where, reason="it has no hosts", hint="list hosts in it, as `node1 ansible_host=192.0.2.10`")
        return None
    before = diagnostics.errors
    variables = listed.get("_meta", {}).get("hostvars", {})
    hosts = tuple(
        host(name, variables.get(name, {}), frozenset(g for g, hosts in used.items() if name in hosts), where, diagnostics)
        for name in names
    )
    check_addresses(hosts, where, diagnostics)
    return None if diagnostics.errors > before else Inventory(hosts, frozenset(used))


def hosts_in(listed: Mapping[str, Any], group: str) -> Iterator[str]:
    """Names of a group's hosts, those of its children too."""
    todo, seen = [group], {group}
    while todo:
        entry = listed.get(todo.pop(), {})
        yield from entry.get("hosts", ())
        children = [child for child in entry.get("children", ()) if child not in seen]
        seen.update(children)
        todo += children


def natural(name: str) -> tuple[tuple[bool, int, str], ...]:
    """A sort key that puts h2 before h10."""
    return tuple((False, int(piece), "") if piece.isdecimal() else (True, 0, piece) for piece in re.findall(r"[0-9]+|[^0-9]+", name))


def host(name: str, variables: Mapping[str, Any], groups: frozenset[str], where: Span, diagnostics: Diagnostics) -> Host:
    def wrong(reason: str, hint: str) -> None:
        diagnostics.report("AIB407", where, name=name, reason=reason, hint=hint)

    reached = variables.get("ansible_host", variables.get("ansible_ssh_host", name))
    given = variables.get("aibench_address", reached)
    address = given if isinstance(given, str) else ""
    if not _NAME.fullmatch(name):
        wrong("its name cannot be used in file names", "name hosts with a-z, A-Z, 0-9, `.`, `_` and `-`")
    if not is_address(address):
        wrong(f"'{address}' is neither an IPv4 address nor a host name", f"give it one: `{name} aibench_address=192.0.2.10`")
    if "aibench_address" not in variables and variables.get("ansible_ssh_host", reached) != reached:
        wrong("its ansible_host and ansible_ssh_host differ", "keep ansible_host, which is the newer name of the same variable")
    if "aibench_bind_address" in variables:
        check_bind_address(variables["aibench_bind_address"], wrong)
    numbers = {}
    for variable, expected in _COUNTS.items():
        numbers[variable] = number(variables.get(variable), whole=variable != "aibench_cores")
        if variables.get(variable) is not None and numbers[variable] is None:
            wrong(f"its {variable} is not {expected}", f"write it plainly, without a template: `{variable}=2`")
    memory, gpus = numbers["aibench_memory_mib"], numbers["aibench_gpus"]
    return Host(name, address, numbers["aibench_cores"], None if memory is None else int(memory), int(gpus or 0), groups)


def check_bind_address(given: object, wrong: Callable[[str, str], None]) -> None:
    """Where a host's parts listen, if not at the address at which others reach them; the host itself is asked before it gets any."""
    if not isinstance(given, str) or not is_address(given):
        wrong(f"its aibench_bind_address '{given}' is neither an IPv4 address nor a host name", "write one of the host's own addresses")


def is_address(text: str) -> bool:
    """An IPv4 address or a host name: playbooks and endpoints are written for these."""
    return bool(_ADDRESS.fullmatch(text)) and (is_ip(text) or not re.fullmatch(r"[0-9.]+", text))


def number(value: object, whole: bool) -> float | None:
    """The number, which an inventory in INI form may give as a string; None if it is not such a number."""
    if isinstance(value, bool) or not isinstance(value, int | float | str) or not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", str(value)):
        return None
    amount = float(value)
    return None if (whole and amount != int(amount)) or (not whole and amount <= 0) else amount


def check_addresses(hosts: Sequence[Host], where: Span, diagnostics: Diagnostics) -> None:
    """Reports hosts whose address other hosts cannot reach, or that share one."""
    at: dict[str, list[str]] = defaultdict(list)
    for host in hosts:
        at[host.address].append(host.name)
    for address, names in at.items():
        if len(names) > 1:
            reason = f"it has the address {address} of '{names[0]}'"
            diagnostics.report("AIB407", where, name=names[1], reason=reason, hint="every host needs an address of its own")
        elif len(hosts) > 1 and (address == "localhost" or (is_ip(address) and ipaddress.ip_address(address).is_loopback)):
            reason = f"its address {address} leads every host to itself"
            diagnostics.report("AIB407", where, name=names[0], reason=reason, hint="give it the address at which other hosts reach it")


def is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
