"""Parts and hosts → which host takes what, or why not. Pure: the same input, the same placement.

First a quick search by hand that spreads the parts evenly. What it neither places nor excludes, CP-SAT decides. That a deployment does
not fit is said only where one of them has proven it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from aibenchc.placement import exact
from aibenchc.placement.demands import TRITON_MIB, Demand, Held, Item, Rules, counted, groups_of, items_of, millicores_of, shown_cores
from aibenchc.placement.exact import NoAnswer
from aibenchc.placement.hand_search import MOST_TRIES, Stuck, search
from aibenchc.placement.inventory import Host, Inventory

_Assigned = Sequence[tuple[Host, Sequence[Item]]]


@dataclass(frozen=True)
class Placed:
    """gpu: which of the host's."""

    need: Demand
    replica: int
    host: Host
    gpu: int | None = None


@dataclass(frozen=True)
class Placement:
    """placed: in the order of needs, then replicas, generators included. alone: every generator has a host of its own. hosts: all, also
    those without a part."""

    placed: tuple[Placed, ...]
    alone: bool
    hosts: tuple[Host, ...]

    def of(self, name: str) -> tuple[Placed, ...]:
        return tuple(replica for replica in self.placed if replica.need.name == name)


@dataclass(frozen=True)
class Shortfall:
    """It does not fit, which is proven. reason: what is short and by how much; notes: what each host lacks for the part that fits
    nowhere, and how it was proven."""

    reason: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Undecided:
    """No placement was found, and it is not proven that there is none. reason: which budget ended; notes: where the search by hand got
    stuck. installed: whether CP-SAT could be asked."""

    reason: str
    notes: tuple[str, ...]
    installed: bool


@dataclass(frozen=True)
class _Failed:
    """by_hand: where the search by hand got stuck; answer: of CP-SAT, None if it was not asked."""

    by_hand: Stuck
    answer: NoAnswer | None

    @property
    def proven(self) -> bool:
        return self.by_hand.exhausted or self.answer is NoAnswer.INFEASIBLE


def place(
    needs: Sequence[Demand], inventory: Inventory, rules: Rules, held: Held = MappingProxyType({})
) -> Placement | Shortfall | Undecided:
    """Places every replica of every need on a host. Generators get hosts of their own; if no such placement is found, they share.

    A host never takes more than it has, as far as the inventory tells. held: where replicas are; they stay if possible, and are moved if
    the rest would not fit otherwise.
    """
    items = list(items_of(needs, inventory, rules, held))
    for item in items:
        if not item.hosts:
            return Shortfall(f"no host may run {item.shown}: no host is in all of the groups {groups_of(item, inventory)}")
    result = _assign(items, inventory, rules, alone=True)
    if isinstance(result, _Failed) and any(item.generator for item in items):
        result = _assign(items, inventory, rules, alone=False)
    if not isinstance(result, _Failed):
        return _placement(result, needs, inventory)
    return _shortfall(items, inventory.hosts, result) if result.proven or _short(items, inventory.hosts) else _undecided(result)


def _assign(items: Sequence[Item], inventory: Inventory, rules: Rules, alone: bool) -> _Assigned | _Failed:
    """By hand, else by CP-SAT with the fewest moves, else by hand as if nothing were held."""
    found = search(items, inventory, rules, alone)
    if not isinstance(found, Stuck):
        return [(room.host, room.items) for room in found]
    if found.exhausted or _short(items, inventory.hosts):
        return _Failed(found, None)
    answer = exact.solve(items, inventory.hosts, rules, alone)
    if not isinstance(answer, NoAnswer):
        return [(host, [item for item, at in zip(items, answer, strict=True) if at == host]) for host in inventory.hosts]
    if answer is not NoAnswer.INFEASIBLE and any(item.before for item in items):
        afresh = search([replace(item, before="") for item in items], inventory, rules, alone)
        if not isinstance(afresh, Stuck):
            return [(room.host, room.items) for room in afresh]
        if afresh.exhausted:
            return _Failed(afresh, answer)
    return _Failed(found, answer)


def _placement(assigned: _Assigned, needs: Sequence[Demand], inventory: Inventory) -> Placement:
    order = {need.name: number for number, need in enumerate(needs)}
    placed = sorted(_with_gpus(assigned), key=lambda replica: (order[replica.need.name], replica.replica))
    alone = all(len(items) == 1 for _, items in assigned if any(item.generator for item in items))
    return Placement(tuple(placed), alone, inventory.hosts)


def _with_gpus(assigned: _Assigned) -> Iterator[Placed]:
    for host, items in assigned:
        taken: dict[str, int] = defaultdict(int)
        for item in items:
            for need in item.needs:
                gpu = taken["gpu"] if need.gpu else None
                taken["gpu"] += need.gpu
                yield Placed(need, item.replica, host, gpu)


# Why it does not fit


def _shortfall(items: Sequence[Item], hosts: Sequence[Host], failed: _Failed) -> Shortfall:
    notes = failed.by_hand.notes
    short = _short(items, hosts)
    if short:
        return Shortfall(short, notes)
    tightest = _tightest(items, hosts)
    if failed.by_hand.exhausted:
        return Shortfall(failed.by_hand.reason, (*notes, f"proven: every way to place the parts was tried{tightest}"))
    stuck = f"the search by hand got stuck: {failed.by_hand.reason}"
    return Shortfall("no placement of all parts exists", (stuck, f"proven by OR-Tools CP-SAT{tightest}"))


def _undecided(failed: _Failed) -> Undecided:
    tried = f"a search by hand tried {MOST_TRIES} steps"
    notes = (failed.by_hand.reason, *failed.by_hand.notes)
    if failed.answer is NoAnswer.NOT_INSTALLED:
        return Undecided(f"{tried} and was not exhaustive; OR-Tools CP-SAT, which could decide it, is not installed", notes, False)
    return Undecided(f"{tried}, and OR-Tools CP-SAT {exact.BUDGET_S:g} s of its deterministic time", notes, True)


def _sums(items: Sequence[Item], hosts: Sequence[Host]) -> Mapping[str, tuple[int, int]]:
    """Resource → what all parts need, what all hosts have; without those that the inventory does not give for every host."""
    sums = {"GPUs": (sum(item.gpus for item in items), sum(host.gpus for host in hosts))}
    memory = [host.memory_mib for host in hosts if host.memory_mib is not None]
    if len(memory) == len(hosts):
        needed = sum(item.memory_mib for item in items) + (TRITON_MIB if any(item.ai for item in items) else 0)
        sums["memory"] = (needed, sum(memory))
    if all(host.cores is not None for host in hosts):
        sums["cores"] = (sum(item.millicores for item in items), sum(map(millicores_of, hosts)))
    return sums


def _short(items: Sequence[Item], hosts: Sequence[Host]) -> str:
    """What all parts together need beyond what all hosts together have; '' if it is enough."""
    for resource, (needed, there) in _sums(items, hosts).items():
        if needed > there:
            match resource:
                case "GPUs":
                    return f"{counted(needed - there, 'GPU')} short: {needed} needed, the hosts have {there or 'none (aibench_gpus)'}"
                case "memory":
                    return f"{needed - there} MiB of memory short: the parts need {needed} MiB, the hosts have {there}"
                case "cores":
                    short, all_, has = map(shown_cores, (needed - there, needed, there))
                    return f"{short} cores short: the parts need {all_}, the hosts have {has}"
    return ""


def _tightest(items: Sequence[Item], hosts: Sequence[Host]) -> str:
    """The resource of which the parts together need the largest part; '' if the inventory gives none."""
    sums = {resource: (needed, there) for resource, (needed, there) in _sums(items, hosts).items() if needed}
    if not sums:
        return ""
    resource, (needed, there) = max(sums.items(), key=lambda entry: entry[1][0] / entry[1][1])
    shown = f"{shown_cores(needed)} of {shown_cores(there)}" if resource == "cores" else f"{needed} of {there}"
    return f"; the tightest resource is {resource}: {shown}{' MiB' if resource == 'memory' else ''} are needed"
