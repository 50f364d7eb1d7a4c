"""Random parts, hosts and rules, and whether a placement keeps them, stated naively."""

from __future__ import annotations

import itertools
import random
from collections import defaultdict

from aibenchc.placement.demands import GROUP_OF, TRITON_MIB, Demand, Kind, Rules
from aibenchc.placement.inventory import Host, Inventory
from aibenchc.placement.search import Placement
from hypothesis import strategies as st

NAMES = ("planner", "a", "b", "m", "n", "generator")
KINDS: dict[str, Kind] = {"planner": "planner", "a": "service", "b": "service", "m": "ai", "n": "ai", "generator": "generator"}


@st.composite
def needs_of(draw: st.DrawFn) -> tuple[Demand, ...]:
    """At most five replicas in total, so that every placement can be tried."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True))
    demands, left = [], 5
    for name in names:
        replicas = draw(st.integers(1, min(2, left - (len(names) - len(demands) - 1))))
        left -= replicas
        gpu = KINDS[name] == "ai" and draw(st.booleans())
        demands.append(Demand(name, KINDS[name], draw(st.integers(1, 8)) * 64, draw(st.integers(1, 10)) * 50, replicas, gpu))
    return tuple(demands)


@st.composite
def inventories(draw: st.DrawFn) -> Inventory:
    groups = draw(st.sets(st.sampled_from(("planner", "triton", "services", "generators")), max_size=2))
    hosts = tuple(
        Host(
            name=f"h{i}",
            address=f"192.0.2.{i}",
            cores=draw(st.none() | st.sampled_from((0.25, 0.5, 1.0))),
            memory_mib=draw(st.none() | st.sampled_from((256, 512, 1024))),
            gpus=draw(st.integers(0, 2)),
            groups=frozenset(draw(st.sets(st.sampled_from(sorted(groups))))) if groups else frozenset(),
        )
        for i in range(draw(st.integers(1, 4)))
    )
    return Inventory(hosts, frozenset(group for group in groups if any(group in host.groups for host in hosts)))


def groups_of(most: int) -> st.SearchStrategy[tuple[frozenset[str], ...]]:
    return st.lists(st.frozensets(st.sampled_from(NAMES), min_size=1, max_size=3), max_size=most).map(tuple)


rules_of = st.builds(Rules, apart=groups_of(1), together=groups_of(1)).filter(
    lambda rules: not any(len(apart & together) > 1 for apart in rules.apart for together in rules.together)
)
Where = dict[tuple[str, int], Host]


def holds(needs: tuple[Demand, ...], inventory: Inventory, rules: Rules, where: Where) -> bool:
    """Whether a placement keeps the rules, stated naively."""
    of = {need.name: need for need in needs}
    on: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for key, host in where.items():
        on[host.name].append(key)
        if host not in inventory.allowed(GROUP_OF[of[key[0]].kind]):
            return False
    for host in inventory.hosts:
        here = [of[name] for name, _ in on[host.name]]
        memory = sum(need.memory_mib for need in here) + (TRITON_MIB if any(need.kind == "ai" for need in here) else 0)
        if host.memory_mib is not None and memory > host.memory_mib:
            return False
        if host.cores is not None and sum(need.millicores for need in here) > host.cores * 1000:
            return False
        if sum(need.gpu for need in here) > host.gpus:
            return False
        if any(need.single and here.count(need) > 1 for need in here):
            return False
        if any(sum(need.name in group for need in here) > 1 for group in rules.apart):
            return False
    return all(
        where[need, i].name == where[other, i].name
        for group in rules.together
        for need, other in itertools.combinations(sorted(group & of.keys()), 2)
        for i in range(min(of[need].replicas, of[other].replicas))
    )


def placed(placement: Placement) -> Where:
    return {(replica.need.name, replica.replica): replica.host for replica in placement.placed}


def packed(rng: random.Random, hosts: int, parts: int) -> tuple[tuple[Demand, ...], Inventory]:
    """Services that fill the memory and the cores of all hosts to the last MiB and thousandth: `parts` of them on each, in random order."""
    memory, cores = 4096, 4000

    def cut(total: int) -> list[int]:
        least = total // (5 * parts)
        free = sorted(rng.sample(range(total - least * parts), parts - 1))
        return [least + b - a for a, b in itertools.pairwise((0, *free, total - least * parts))]

    sizes = [size for _ in range(hosts) for size in zip(cut(memory), cut(cores), strict=True)]
    rng.shuffle(sizes)
    needs = tuple(Demand(f"s{number}", "service", *size) for number, size in enumerate(sizes))
    return needs, Inventory(tuple(Host(f"h{i}", f"192.0.2.{i}", cores / 1000, memory) for i in range(hosts)))
