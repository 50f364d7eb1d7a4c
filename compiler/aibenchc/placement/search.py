"""Parts and hosts → which host takes what. A search with backtracking, least loaded host first; the same input, the same placement.

The most constrained parts are placed first, and every part tries the hosts from the least loaded on, so that the first way down is
the even one and the rest is tried only where that does not fit. Parts that are somewhere already come before those that are not, and
try that host first: as long as everything fits where it is, nothing moves.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal

from aibenchc.placement.inventory import Host, Inventory

MOST_TRIES = 4000  # steps of the search beyond those of a descent without backtracking
TRITON_MIB = 48  # of the server alone, without models
SHOWN_HOSTS = 8
_LARGE = 10**6  # cores in thousandths and MiB of a host for which the inventory gives neither

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
    """Why it does not fit: what is short and by how much; notes: what each host lacks for the part that fits nowhere."""

    reason: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Item:
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


@dataclass
class _Room:
    """What a host holds so far."""

    host: Host
    items: list[_Item] = field(default_factory=list)

    @property
    def memory_mib(self) -> int:
        return sum(item.memory_mib for item in self.items) + (TRITON_MIB if any(item.ai for item in self.items) else 0)

    @property
    def millicores(self) -> int:
        return sum(item.millicores for item in self.items)

    @property
    def gpus(self) -> int:
        return sum(item.gpus for item in self.items)

    def memory_of(self, item: _Item) -> int:
        """The memory that the item would add, in MiB: the first model on a host adds the Triton server."""
        return item.memory_mib + (TRITON_MIB if item.ai and not any(other.ai for other in self.items) else 0)

    def count(self, name: str) -> int:
        return sum(need.name == name for item in self.items for need in item.needs)


def place(needs: Sequence[Demand], inventory: Inventory, rules: Rules, held: Held = MappingProxyType({})) -> Placement | Shortfall:
    """Places every replica of every need on a host. Generators get hosts of their own; if that is impossible, they share.

    A host never takes more than it has, as far as the inventory tells. held: where replicas are; they stay if possible, and are moved if
    the rest would not fit otherwise.
    """
    items = list(_items(needs, inventory, rules, held))
    afresh = [replace(item, before="") for item in items]
    for item in items:
        if not item.hosts:
            return Shortfall(f"no host may run {item.shown}: no host is in all of the groups {_groups(item, inventory)}")
    ways = ((items, True), (afresh, True), (items, False), (afresh, False)) if held else ((items, True), (items, False))
    for searched, alone in ways:
        result = _search(searched, inventory, rules, alone)
        if not isinstance(result, Shortfall):
            break
    if isinstance(result, Shortfall):
        return result
    order = {need.name: number for number, need in enumerate(needs)}
    placed = sorted(_with_gpus(result), key=lambda replica: (order[replica.need.name], replica.replica))
    to_themselves = all(len(room.items) == 1 for room in result if any(item.generator for item in room.items))
    return Placement(tuple(placed), to_themselves, inventory.hosts)


def _groups(item: _Item, inventory: Inventory) -> str:
    names = dict.fromkeys(GROUP_OF[need.kind] for need in item.needs if GROUP_OF[need.kind] in inventory.groups)
    return ", ".join(f"`{name}`" for name in names)


def _items(needs: Sequence[Demand], inventory: Inventory, rules: Rules, held: Held) -> Iterator[_Item]:
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
            yield _Item(here, replica, hosts, next(filter(None, known), ""))


def _search(items: Sequence[_Item], inventory: Inventory, rules: Rules, alone: bool) -> list[_Room] | Shortfall:
    """Depth-first search; the shortfall is that of the deepest item for which no host was left."""

    def first(item: _Item) -> tuple[int, ...]:
        constrained = (len(item.hosts), -item.gpus, -item.memory_mib, -item.millicores)
        return (not (alone and item.generator), not item.before, *constrained)

    ordered = sorted(items, key=first)
    rooms = [_Room(host) for host in inventory.hosts]
    scale = _scale(inventory.hosts)
    ways = [iter(_candidates(ordered[0], rooms, rules, alone, scale))] if ordered else []
    chosen: list[_Room] = []
    deepest, reason = -1, Shortfall("")
    for _ in range(len(ordered) + MOST_TRIES):
        if len(chosen) == len(ordered):
            return rooms
        room = next(ways[-1], None)
        if room is not None:
            room.items.append(ordered[len(chosen)])
            chosen.append(room)
            if len(chosen) < len(ordered):
                ways.append(iter(_candidates(ordered[len(chosen)], rooms, rules, alone, scale)))
            continue
        if len(chosen) > deepest:
            deepest, reason = len(chosen), _shortfall(ordered, len(chosen), rooms, rules, alone)
        ways.pop()
        if not ways:
            return reason
        chosen.pop().items.pop()
    proven = _total_shortfall(ordered, inventory.hosts) is not None
    return reason if proven else Shortfall(f"{reason.reason}; {MOST_TRIES} ways were tried", reason.notes)


def _scale(hosts: Iterable[Host]) -> tuple[int, int]:
    """Cores (thousandths) and MiB assumed for a host of unknown size: those of the largest known host, so that it takes its share."""
    cores = [_millicores(host) for host in hosts if host.cores is not None]
    memory = [host.memory_mib for host in hosts if host.memory_mib is not None]
    return max(cores, default=1000), max(memory, default=4096)


def _millicores(host: Host) -> int:
    return _LARGE if host.cores is None else round(host.cores * 1000)


def _candidates(item: _Item, rooms: Sequence[_Room], rules: Rules, alone: bool, scale: tuple[int, int]) -> list[_Room]:
    """The hosts that can take the item, best first; of identical empty hosts only the first."""

    def key(room: _Room) -> tuple[float, ...]:
        host, number = room.host, rooms.index(room)
        same = max(room.count(need.name) for need in item.needs)
        cores = (room.millicores + item.millicores) / (_millicores(host) if host.cores is not None else scale[0])
        memory = (room.memory_mib + room.memory_of(item)) / (host.memory_mib or scale[1])
        moves = bool(item.before) and host.name != item.before
        if alone and item.generator:  # the smallest that suffices, and the last of those: a dedicated host is lost to all other parts
            return (moves, len(host.groups), host.gpus, host.memory_mib or scale[1], _millicores(host), -number)
        return (moves, same, host.gpus if not item.gpus else 0, max(cores, memory), len(room.items), number)

    candidates = sorted((room for room in rooms if room.host in item.hosts and not any(_bars(item, room, rules, alone))), key=key)
    seen: set[tuple[object, ...]] = set()
    distinct = []
    for room in candidates:
        host = room.host
        alike = (host.cores, host.memory_mib, host.gpus, host.groups)
        if room.items or alike not in seen:
            distinct.append(room)
        if not room.items:
            seen.add(alike)
    return distinct


def _bars(item: _Item, room: _Room, rules: Rules, alone: bool) -> Iterator[str]:
    """The reasons why a host cannot take the item, each with what is short."""
    host = room.host
    if host.memory_mib is not None and (short := room.memory_mib + room.memory_of(item) - host.memory_mib) > 0:
        yield f"{short} MiB short ({host.memory_mib - room.memory_mib} of {host.memory_mib} MiB free, {room.memory_of(item)} needed)"
    if host.cores is not None and (over := room.millicores + item.millicores - _millicores(host)) > 0:
        free = _millicores(host) - room.millicores
        yield f"{_cores(over)} cores short ({_cores(free)} of {host.cores:g} free, {_cores(item.millicores)} needed)"
    if (short := room.gpus + item.gpus - host.gpus) > 0 and item.gpus:
        yield f"{short} GPU short (it has {host.gpus})"
    twice = {need.name for need in item.needs if need.single and room.count(need.name)}
    for name in sorted(twice):
        yield f"it has a replica of '{name}' already"
    for group in rules.apart:
        mine = {need.name for need in item.needs} & group - twice
        there = {need.name for other in room.items for need in other.needs} & group
        if mine and there:
            known = min(there)
            yield f"{'another replica' if known in mine else repr(known)} is there, which stays apart from '{min(mine)}'"
    if alone and room.items and (item.generator or any(other.generator for other in room.items)):
        yield "a query generator has a host of its own"


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _cores(millicores: int) -> str:
    return f"{millicores / 1000:g}"


def _shortfall(ordered: Sequence[_Item], stuck: int, rooms: Sequence[_Room], rules: Rules, alone: bool) -> Shortfall:
    """If all parts together exceed all hosts together, by how much; otherwise the item that fits on no host."""
    item = ordered[stuck]
    hosts = [room.host for room in rooms]
    reasons = {room.host.name: list(_bars(item, room, rules, alone)) for room in rooms if room.host in item.hosts}
    notes = [f"{name}: {'; '.join(bars)}" for name, bars in reasons.items()]
    if len(notes) > SHOWN_HOSTS:
        notes = [*notes[:SHOWN_HOSTS], f"and {len(notes) - SHOWN_HOSTS} hosts more"]
    total = _total_shortfall(ordered, hosts)
    return Shortfall(total or _item_shortfall(item, rooms, rules, reasons), tuple(notes))


def _total_shortfall(items: Sequence[_Item], hosts: Sequence[Host]) -> str | None:
    gpus = sum(item.gpus for item in items) - sum(host.gpus for host in hosts)
    if gpus > 0:
        return f"{counted(gpus, 'GPU')} short: {sum(item.gpus for item in items)} needed, the hosts have {_gpus(hosts)}"
    known = [host.memory_mib for host in hosts if host.memory_mib is not None]
    needed = sum(item.memory_mib for item in items) + (TRITON_MIB if any(item.ai for item in items) else 0)
    if len(known) == len(hosts) and needed > sum(known):
        return f"{needed - sum(known)} MiB of memory short: the parts need {needed} MiB, the hosts have {sum(known)}"
    cores = [_millicores(host) for host in hosts if host.cores is not None]
    millicores = sum(item.millicores for item in items)
    if len(cores) == len(hosts) and millicores > sum(cores):
        return f"{_cores(millicores - sum(cores))} cores short: the parts need {_cores(millicores)}, the hosts have {_cores(sum(cores))}"
    return None


def _gpus(hosts: Sequence[Host]) -> str:
    return str(sum(host.gpus for host in hosts) or "none (aibench_gpus)")


def _item_shortfall(item: _Item, rooms: Sequence[_Room], rules: Rules, reasons: Mapping[str, Sequence[str]]) -> str:
    """Counted in hosts if only their number is too small, otherwise what the host with the most room lacks."""
    names = {need.name for need in item.needs}
    for need in item.needs:
        if need.single and need.replicas > len(item.hosts):
            short = need.replicas - len(item.hosts)
            each = f"{need.replicas} replicas of '{need.name}' need a host each, {len(item.hosts)} may take one"
            return f"{counted(short, 'host')} short: {each}"
    for group in rules.apart:
        replicas = Counter(
            {need.name: need.replicas for room in rooms for other in room.items for need in other.needs if need.name in group}
        )
        replicas.update({need.name: need.replicas for need in item.needs if need.name in group and need.name not in replicas})
        if names & group and sum(replicas.values()) > len(item.hosts):
            listed = ", ".join(f"'{name}'" for name in sorted(replicas))
            short = sum(replicas.values()) - len(item.hosts)
            held = f"{sum(replicas.values())} replicas of {listed} stay apart, {counted(len(item.hosts), 'host')} may take them"
            return f"{counted(short, 'host')} short: {held}"
    room = max(
        (room for room in rooms if room.host in item.hosts),
        key=lambda r: ((r.host.memory_mib or _LARGE) - r.memory_mib, _millicores(r.host) - r.millicores),
    )
    return (
        f"no host has room for {item.shown}; the one with the most free memory is '{room.host.name}': {'; '.join(reasons[room.host.name])}"
    )


def _with_gpus(rooms: Iterable[_Room]) -> Iterator[Placed]:
    for room in rooms:
        taken: dict[str, int] = defaultdict(int)
        for item in room.items:
            for need in item.needs:
                gpu = taken["gpu"] if need.gpu else None
                taken["gpu"] += need.gpu
                yield Placed(need, item.replica, room.host, gpu)
