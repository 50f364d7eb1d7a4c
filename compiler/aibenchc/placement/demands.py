"""What is placed: the replicas of every part with what they take, the rules between them, and the items that go to one host each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from aibenchc.placement.inventory import Host, Inventory

TRITON_MIB = 96  # of the server alone, without models, and of its watch (44 MiB)
UNKNOWN_MILLICORES = 10**6  # of a host for which the inventory gives no cores

Kind = Literal["planner", "service", "ai", "postgresql", "generator"]
GROUP_OF: Mapping[Kind, str] = {
    "planner": "planner",
    "service": "services",
    "ai": "triton",
    "postgresql": "postgresql",
    "generator": "generators",
}

Held = Mapping[tuple[str, int], str]  # (need, replica) → the name of the host that holds it


@dataclass(frozen=True)
class Demand:
    """What one replica takes: memory in MiB, CPU in thousandths of a core, a GPU. `single`: at most one replica on a host."""

    name: str
    kind: Kind
    memory_mib: int
    millicores: int
    replicas: int = 1
    gpu: bool = False

    @property
    def single(self) -> bool:
        return self.kind in ("ai", "generator", "postgresql")


@dataclass(frozen=True)
class Rules:
    """Names of needs. apart: no two replicas of any of these on one host; together: replica i of each on the host of the others' i."""

    apart: tuple[frozenset[str], ...] = ()
    together: tuple[frozenset[str], ...] = ()


@dataclass(frozen=True)
class Item:
    """Replicas that go to one host. hosts: those whose groups allow all of them; before: the host that holds them now, '' for none."""

    needs: tuple[Demand, ...]
    replica: int
    hosts: tuple[Host, ...]
    before: str = ""

    @property
    def memory_mib(self) -> int:
        return sum(need.memory_mib for need in self.needs)

    @property
    def millicores(self) -> int:
        return sum(need.millicores for need in self.needs)

    @property
    def gpus(self) -> int:
        return sum(need.gpu for need in self.needs)

    @property
    def ai(self) -> bool:
        return any(need.kind == "ai" for need in self.needs)

    @property
    def generator(self) -> bool:
        return any(need.kind == "generator" for need in self.needs)

    @property
    def shown(self) -> str:
        names = " with ".join(f"'{need.name}'" for need in self.needs)
        count = self.needs[0].replicas
        return f"{names} (replica {self.replica + 1} of {count})" if count > 1 else names


def groups_of(item: Item, inventory: Inventory) -> str:
    names = dict.fromkeys(GROUP_OF[need.kind] for need in item.needs if GROUP_OF[need.kind] in inventory.groups)
    return ", ".join(f"`{name}`" for name in names)


def items_of(needs: Sequence[Demand], inventory: Inventory, rules: Rules, held: Held) -> Iterator[Item]:
    """One item for each set of replicas that go together; validate has checked that their needs have the same number of replicas."""
    bundle = {need.name: frozenset((need.name,)) for need in needs}
    for group in rules.together:
        joined = frozenset().union(*(bundle[name] for name in group if name in bundle))
        for name in joined:
            bundle[name] = joined
    for need in needs:
        members = tuple(other for other in needs if other.name in bundle[need.name])
        if members[0].name != need.name:
            continue
        allowed = [inventory.allowed(GROUP_OF[member.kind]) for member in members]
        hosts = tuple(host for host in allowed[0] if all(host in others for others in allowed))
        for replica in range(max(member.replicas for member in members)):
            here = tuple(member for member in members if replica < member.replicas)
            known = (held.get((member.name, replica), "") for member in sorted(here, key=lambda member: member.kind == "ai"))
            yield Item(here, replica, hosts, next(filter(None, known), ""))


def millicores_of(host: Host) -> int:
    return UNKNOWN_MILLICORES if host.cores is None else round(host.cores * 1000)


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def shown_cores(millicores: int) -> str:
    return f"{millicores / 1000:g}"
