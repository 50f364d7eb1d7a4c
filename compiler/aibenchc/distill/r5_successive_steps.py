"""R5: combine components that occur in successive steps.

    parse ─ spell ─ find    ==>    parse_spell ─ find

u → v become one component of two stages if they are of one family and kind, v is all that takes u's outputs, and both run for the same
requests. One hop and one process less; both models stay, and the stages are timed inside. (As v is u's only consumer no other path can
lead from u to v.) Tasks that are auxiliary, have an effect, or are kept by name stay by themselves.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace

from aibenchrt.catalog import component
from aibenchrt.component import Port

from aibenchc.distill.branches import consumers, kept
from aibenchc.distill.r1_similar_branches import family
from aibenchc.distill.r3_auxiliary import is_auxiliary
from aibenchc.distill.rule import DistillStep, Rewrite, Rule, Turn
from aibenchc.flow import Flow, Wire, expand
from aibenchc.flow.wires import inputs_of, outputs_of
from aibenchc.graph import Arm, Choice, Edge, ExclusiveChoice, Fallback, Feed, Graph, PortRef, Stage, Task

ID = "R5"

_LONGEST_NAME = 60


def combine_successive(turn: Turn) -> Rewrite:
    """Combines disjoint chains of such pairs; with a limit only that many pairs."""
    chains = _chains(turn)
    if not chains:
        return Rewrite(turn.flow)
    combined = _combine(turn.flow, chains)
    steps = tuple(
        DistillStep(ID, tuple(task.name for task in c.members), (c.task.name,), _why(c.members), c.members[0].span) for c in combined
    )
    return Rewrite(turn.work.analyse(_rewired(turn.flow, combined)), steps)


def _why(members: Sequence[Task]) -> str:
    hops = len(members) - 1
    return f"successive steps of the family {_family(members[0])} for the same requests; saves {hops} hop{'s' if hops > 1 else ''}"


def _chains(turn: Turn) -> list[tuple[Task, ...]]:
    """Disjoint chains of tasks to combine, in topological order; each v is combined with the first u that can take it."""
    tasks = {task.name: task for task in turn.graph.tasks}
    taken_by = consumers(turn.flow)
    stay = kept(turn.flow, turn.settings.keep).tasks
    arms = _arms(turn.graph)
    after: dict[str, str] = {}
    before: dict[str, str] = {}
    for name in turn.flow.order:
        if turn.limit is not None and len(after) >= turn.limit:
            break
        follower = next(iter(taken_by[name])) if len(taken_by[name]) == 1 else ""
        if follower in tasks and follower not in before and not {name, follower} & stay:
            pair = tasks[name], tasks[follower]
            if _alike(*pair) and arms[name] == arms[follower] and _always_feeds(turn.flow, *pair):
                after[name], before[follower] = follower, name
    chains = []
    for name in (n for n in turn.flow.order if n in after and n not in before):
        chain = [tasks[name]]
        while chain[-1].name in after:
            chain.append(tasks[after[chain[-1].name]])
        chains.append(tuple(chain))
    return chains


def _arms(graph: Graph) -> Mapping[str, set[tuple[str, int]]]:
    """Task → the arms it stands in."""
    arms_of: dict[str, set[tuple[str, int]]] = defaultdict(set)
    for choice in graph.choices:
        for number, arm in enumerate(choice.arms):
            for task in arm.tasks:
                arms_of[task].add((choice.name, number))
    return arms_of


def _family(task: Task) -> str:
    return family(task.stages[0].component)


def _alike(u: Task, v: Task) -> bool:
    kinds = {spec.kind for task in (u, v) for stage in task.stages if (spec := component(stage.component))}
    alone = is_auxiliary(u) or is_auxiliary(v) or u.effect or v.effect
    return not alone and len(kinds) <= 1 and _family(u) == _family(v)


def _always_feeds(flow: Flow, u: Task, v: Task) -> bool:
    """Both run in the same cases, u feeds v without a condition, and nothing else feeds the ports that u feeds."""
    if flow.runs[u.name] != flow.runs[v.name]:
        return False
    into: dict[str, list[Wire]] = defaultdict(list)
    for wire in flow.wires_into[v.name]:
        into[wire.target_port].append(wire)
    from_u = [port for port, wires in into.items() if any(wire.source == u.name for wire in wires)]
    return all(len(into[port]) == 1 and not into[port][0].guards for port in from_u)


@dataclass(frozen=True)
class Combined:
    """ports: (member, its input port) → the combined task's input port, None where the member before feeds it."""

    members: tuple[Task, ...]
    task: Task
    ports: Mapping[tuple[str, str], str | None]


def _combine(flow: Flow, chains: Sequence[tuple[Task, ...]]) -> list[Combined]:
    graph = flow.graph
    taken = {t.name for t in graph.tasks} | {r.name for r in graph.requests} | {d.name for d in graph.datasets}
    combined = []
    for members in chains:
        name = _fresh("_".join(task.name for task in members), members, taken)
        taken.add(name)
        combined.append(_combined(flow, members, name))
    return combined


def _fresh(name: str, members: Sequence[Task], taken: Set[str]) -> str:
    """`<u>_<v>`, for a long chain `<first>_to_<last>`, with a number if that is taken."""
    base = name if len(name) <= _LONGEST_NAME else f"{members[0].name}_to_{members[-1].name}"[:_LONGEST_NAME]
    if base not in taken:
        return base
    return next(f"{base}_{number}" for number in range(2, len(taken) + 3) if f"{base}_{number}" not in taken)


def _combined(flow: Flow, members: tuple[Task, ...], name: str) -> Combined:
    inputs: list[Port] = []
    used: set[str] = set()
    stages: list[Stage] = []
    ports: dict[tuple[str, str], str | None] = {}
    previous: Task | None = None
    for member in members:
        inside = {w.target_port: w for w in flow.wires_into.get(member.name, ()) if previous and w.source == previous.name}
        feeds: dict[str, tuple[str | None, str]] = {}
        for port in member.inputs:
            if port.name in inside and previous:
                feeds[port.name] = (previous.stages[-1].name, inside[port.name].source_port)
                ports[member.name, port.name] = None
                continue
            outer = port.name if port.name not in used else _fresh(f"{member.stages[0].name}_{port.name}", members, used)
            used.add(outer)
            inputs.append(replace(port, name=outer))
            feeds[port.name] = (None, outer)
            ports[member.name, port.name] = outer
        stages += [_fed(stage, member, feeds) for stage in member.stages]
        previous = member
    times = [task.service_ms for task in members]
    known = [ms for ms in times if ms is not None]
    service = sum(known) if len(known) == len(times) else None
    task = Task(name, tuple(stages), tuple(inputs), members[-1].outputs, service_ms=service, span=members[0].span)
    return Combined(members, task, ports)


def _fed(stage: Stage, member: Task, feeds: Mapping[str, tuple[str | None, str]]) -> Stage:
    """The stage, with each feed from its task's input ports replaced by what feeds that port in the combined task."""
    own = stage.feeds or tuple(Feed(port.name, None, port.name) for port in member.inputs)
    return replace(stage, feeds=tuple(feed if feed.stage is not None else Feed(feed.input, *feeds[feed.port]) for feed in own))


def _rewired(flow: Flow, combined: Sequence[Combined]) -> Graph:
    """The graph with each chain's last task replaced by the combined one, the others gone. Edges into a chain name their ports."""
    into = {member.name: c for c in combined for member in c.members}
    ends = {c.members[-1].name: c.task for c in combined}
    renamed = {name: c.task.name for name, c in into.items()}
    edges: list[Edge] = []
    outputs, inputs = outputs_of(flow.graph), inputs_of(flow.graph)
    for edge in flow.graph.edges:
        source = renamed.get(edge.source, edge.source)
        if edge.target not in into:
            edges.append(edge if source == edge.source else replace(edge, source=source))
            continue
        chain = into[edge.target]
        for wire in expand(edge, outputs[edge.source], inputs[edge.target]):
            port = chain.ports[edge.target, wire.target_port]
            if port is not None:
                edges.append(replace(edge, source=source, target=chain.task.name, source_port=wire.source_port, target_port=port))
    tasks = tuple(ends.get(task.name, task) for task in flow.graph.tasks if task.name in ends or task.name not in into)
    choices = tuple(_renamed(choice, renamed) for choice in flow.graph.choices)
    return replace(flow.graph, tasks=tasks, edges=tuple(dict.fromkeys(edges)), choices=choices)


def _renamed(choice: Choice, names: Mapping[str, str]) -> Choice:
    def ref(port: PortRef) -> PortRef:
        return replace(port, task=names.get(port.task, port.task))

    def tasks(arm: Arm) -> tuple[str, ...]:
        return tuple(dict.fromkeys(names.get(task, task) for task in arm.tasks))

    match choice:
        case ExclusiveChoice():
            arms = tuple(replace(arm, tasks=tasks(arm), when=ref(arm.when) if arm.when else None) for arm in choice.arms)
            return replace(choice, arms=arms)
        case Fallback(until=until):
            tried = tuple(replace(arm, tasks=tasks(arm)) for arm in choice.arms)
            return replace(choice, arms=tried, until=replace(until, ref=ref(until.ref)))


R5 = Rule(ID, "combine components in successive steps", combine_successive)
