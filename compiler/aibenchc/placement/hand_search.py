"""A search with backtracking, least loaded host first; the same input, the same placement.

The most constrained parts are placed first, and every part tries the hosts from the least loaded on, so that the first way down is
the even one and the rest is tried only where that does not fit. Parts that are somewhere already come before those that are not, and
try that host first: as long as everything fits where it is, nothing moves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from aibenchc.placement.demands import TRITON_MIB, UNKNOWN_MILLICORES, Item, Rules, counted, millicores_of, shown_cores
from aibenchc.placement.inventory import Host, Inventory

MOST_TRIES = 4000  # steps of the search beyond those of a descent without backtracking
SHOWN_HOSTS = 8


@dataclass(frozen=True)
class Stuck:
    """No placement was found. exhausted: there is none, since every way was tried. reason: what the deepest item lacked for which no host
    was left; notes: what each host lacked for it."""

    reason: str
    notes: tuple[str, ...]
    exhausted: bool


@dataclass
class Room:
    """What a host holds so far."""

    host: Host
    items: list[Item] = field(default_factory=list)

    @property
    def memory_mib(self) -> int:
        return sum(item.memory_mib for item in self.items) + (TRITON_MIB if any(item.ai for item in self.items) else 0)

    @property
    def millicores(self) -> int:
        return sum(item.millicores for item in self.items)

    @property
    def gpus(self) -> int:
        return sum(item.gpus for item in self.items)

    def memory_of(self, item: Item) -> int:
        """The memory that the item would add, in MiB: the first model on a host adds the Triton server."""
        return item.memory_mib + (TRITON_MIB if item.ai and not any(other.ai for other in self.items) else 0)

    def count(self, name: str) -> int:
        return sum(need.name == name for item in self.items for need in item.needs)


def search(items: Sequence[Item], inventory: Inventory, rules: Rules, alone: bool) -> list[Room] | Stuck:
    """Depth-first. alone: generators get hosts of their own."""

    def first(item: Item) -> tuple[int, ...]:
        constrained = (len(item.hosts), -item.gpus, -item.memory_mib, -item.millicores)
        return (not (alone and item.generator), not item.before, *constrained)

    ordered = sorted(items, key=first)
    rooms = [Room(host) for host in inventory.hosts]
    scale = _scale(inventory.hosts)
    ways: list[Iterator[Room]] = []
    chosen: list[Room] = []
    deepest, stuck = -1, Stuck("", (), exhausted=False)
    for _ in range(len(ordered) + MOST_TRIES):
        if len(chosen) == len(ordered):
            return rooms
        if len(ways) == len(chosen):
            ways.append(iter(_candidates(ordered[len(chosen)], rooms, rules, alone, scale)))
        room = next(ways[-1], None)
        if room is not None:
            room.items.append(ordered[len(chosen)])
            chosen.append(room)
            continue
        if len(chosen) > deepest:
            deepest, stuck = len(chosen), _stuck(ordered[len(chosen)], rooms, rules, alone)
        ways.pop()
        if not ways:
            return replace(stuck, exhausted=True)
        chosen.pop().items.pop()
    return stuck


def _scale(hosts: Iterable[Host]) -> tuple[int, int]:
    """Cores (thousandths) and MiB assumed for a host of unknown size: those of the largest known host, so that it takes its share."""
    cores = [millicores_of(host) for host in hosts if host.cores is not None]
    memory = [host.memory_mib for host in hosts if host.memory_mib is not None]
    return max(cores, default=1000), max(memory, default=4096)


def _candidates(item: Item, rooms: Sequence[Room], rules: Rules, alone: bool, scale: tuple[int, int]) -> list[Room]:
    """The hosts that can take the item, best first; of identical empty hosts only the first."""

    def key(room: Room) -> tuple[float, ...]:
        host, number = room.host, rooms.index(room)
        same = max(room.count(need.name) for need in item.needs)
        cores = (room.millicores + item.millicores) / (millicores_of(host) if host.cores is not None else scale[0])
        memory = (room.memory_mib + room.memory_of(item)) / (host.memory_mib or scale[1])
        moves = bool(item.before) and host.name != item.before
        if alone and item.generator:  # the smallest that suffices, and the last of those: a dedicated host is lost to all other parts
            return (moves, len(host.groups), host.gpus, host.memory_mib or scale[1], millicores_of(host), -number)
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


def _bars(item: Item, room: Room, rules: Rules, alone: bool) -> Iterator[str]:
    """The reasons why a host cannot take the item, each with what is short."""
    host = room.host
    if host.memory_mib is not None and (short := room.memory_mib + room.memory_of(item) - host.memory_mib) > 0:
        yield f"{short} MiB short ({host.memory_mib - room.memory_mib} of {host.memory_mib} MiB free, {room.memory_of(item)} needed)"
    if host.cores is not None and (over := room.millicores + item.millicores - millicores_of(host)) > 0:
        free = millicores_of(host) - room.millicores
        yield f"{shown_cores(over)} cores short ({shown_cores(free)} of {host.cores:g} free, {shown_cores(item.millicores)} needed)"
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


def _stuck(item: Item, rooms: Sequence[Room], rules: Rules, alone: bool) -> Stuck:
    """At the item that fits on no host."""
    reasons = {room.host.name: list(_bars(item, room, rules, alone)) for room in rooms if room.host in item.hosts}
    notes = [f"{name}: {'; '.join(bars)}" for name, bars in reasons.items()]
    if len(notes) > SHOWN_HOSTS:
        notes = [*notes[:SHOWN_HOSTS], f"and {len(notes) - SHOWN_HOSTS} hosts more"]
    return Stuck(_item_shortfall(item, rooms, rules, reasons), tuple(notes), exhausted=False)


def _item_shortfall(item: Item, rooms: Sequence[Room], rules: Rules, reasons: Mapping[str, Sequence[str]]) -> str:
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
        key=lambda r: ((r.host.memory_mib or UNKNOWN_MILLICORES) - r.memory_mib, millicores_of(r.host) - r.millicores),
    )
    return (
        f"no host has room for {item.shown}; the one with the most free memory is '{room.host.name}': {'; '.join(reasons[room.host.name])}"
    )
