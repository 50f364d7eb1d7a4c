"""Flow: which port feeds which, and what runs in each case of each request class. It only analyses; `validate` reports.

    edges ─expand→ wires ─order→ topological order ─enumerate→ cases ─judge→ findings

A case fixes an arm for every choice that the class meets in it, and for no other, so independent tasks and choices inside
arms that were not taken multiply nothing. Without choices the work is linear in the graph, once per request class.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cached_property
from itertools import pairwise

from aibenchc.flow.cases import MAX_CASES, MAX_CASES_IN_ALL, MAX_VISITS, ClassRun, enumerate_cases
from aibenchc.flow.order import control_edges, topological, until_tasks
from aibenchc.flow.wires import Wire, expand, inputs_of, outputs_of, response_port
from aibenchc.graph import RESPONSE, Choice, Edge, ExclusiveChoice, Fallback, Graph, Guard, PortRef, Task

__all__ = [
    "MAX_CASES",
    "MAX_CASES_IN_ALL",
    "MAX_VISITS",
    "Case",
    "Finding",
    "FindingKind",
    "Flow",
    "Wire",
    "analyse",
    "control_edges",
    "expand",
    "idle_edges",
    "response_port",
    "until_tasks",
]


class FindingKind(Enum):
    CYCLE = "cycle"  # path
    NO_SUCH_PORT = "no such port"  # task, port, edge
    WRONG_TYPE = "wrong type"  # edge, with both of its ports named
    FEEDS_NOTHING = "feeds nothing"  # edge
    STARVED = "starved"  # request, case, task, port; sources: what would feed it in other cases; edge: of idle_edges
    AMBIGUOUS = "ambiguous"  # request, case, task, port, sources
    RESPONSE_NEVER = "response never"  # request, case
    RESPONSE_TWICE = "response twice"  # request, case, port, sources
    UNREACHABLE = "unreachable"  # task
    WRONG_DECIDER = "wrong decider"  # choice, task, port: not there, not a Flag (when), not a Count in every arm (until)
    UNDECIDED = "undecided"  # choice, task, port, and a request and case in which the decision is not known before the arm has to be taken
    TOO_MANY_CASES = "too many cases"  # request
    TOO_MUCH = "too much"  # request: with the classes before it


@dataclass(frozen=True)
class Finding:
    """A flaw of the graph and its place. `case`: the arms under which it shows; `sources`: the producers concerned; `path`: a cycle, first
    = last."""

    kind: FindingKind
    request: str | None = None
    case: tuple[Guard, ...] = ()
    task: str | None = None
    port: str | None = None
    edge: Edge | None = None
    choice: str | None = None
    sources: tuple[PortRef, ...] = ()
    path: tuple[str, ...] = ()


@dataclass(frozen=True)
class Case:
    """`arms`: the choices that were met, in the order of meeting, with the arm taken (of a fallback the last one tried).
    share: of the class's requests, arms taken independently. index: its bit in `Flow.runs`."""

    index: int
    request: str
    arms: tuple[Guard, ...]
    share: float

    @property
    def bit(self) -> int:
        return 1 << self.index


@dataclass(frozen=True)
class Flow:
    """wires: in edge order. order: the tasks, each after all that it waits for, ties by name. runs: task → bit set over `cases`.
    ran: case → the tasks that run, in topological order. visits: what working it out cost, in tasks and edges looked at.
    """

    graph: Graph
    wires: tuple[Wire, ...]
    order: tuple[str, ...]
    cases: tuple[Case, ...]
    runs: Mapping[str, int] = field(compare=False)
    findings: tuple[Finding, ...] = ()
    ran: tuple[tuple[str, ...], ...] = field(default=(), compare=False)
    visits: int = field(default=0, compare=False)

    @cached_property
    def wires_into(self) -> Mapping[str, Sequence[Wire]]:
        return _grouped(self.wires, lambda wire: wire.target)

    @cached_property
    def wires_from(self) -> Mapping[str, Sequence[Wire]]:
        return _grouped(self.wires, lambda wire: wire.source)

    @cached_property
    def choices(self) -> Mapping[str, Choice]:
        return {choice.name: choice for choice in self.graph.choices}

    @cached_property
    def counted(self) -> Mapping[str, tuple[str | None, ...]]:
        """Fallback → for each arm the task whose Count `until` sums."""
        tasks = {task.name: task for task in self.graph.tasks}
        return {choice.name: until_tasks(choice, tasks) for choice in self.graph.choices if isinstance(choice, Fallback)}

    @cached_property
    def shares(self) -> Mapping[str, float]:
        """Request class → its share of all requests."""
        return {request.name: request.share for request in self.graph.requests}

    def weight(self, case: Case) -> float:
        """The case's share of all requests."""
        return self.shares[case.request] * case.share

    def runs_in(self, task: str, case: Case) -> bool:
        return bool(self.runs.get(task, 0) & case.bit)

    def tasks_in(self, case: Case) -> tuple[str, ...]:
        """The tasks that run in a case, in topological order."""
        return self.ran[case.index]

    def producers(self, target: str, port: str, case: Case) -> tuple[PortRef, ...]:
        """What feeds a port in a case, in edge order."""
        taken = {guard.choice: guard.arm for guard in case.arms}

        def live(wire: Wire) -> bool:
            if not (wire.source == case.request or self.runs_in(wire.source, case)):
                return False
            return all(g.choice in taken and self.choices[g.choice].holds(g.arm, taken[g.choice]) for g in wire.guards)

        refs = {PortRef(w.source, w.source_port): None for w in self.wires_into.get(target, ()) if w.target_port == port and live(w)}
        return tuple(refs)

    def cases_with(self, guard: Guard) -> int:
        """Bit set of the cases in which the guard holds."""
        return self._guarded.get(guard, 0)

    def cases_of(self, request: str) -> int:
        """Bit set of a class's cases."""
        return self._by_class.get(request, 0)

    @cached_property
    def _by_class(self) -> Mapping[str, int]:
        masks: dict[str, int] = defaultdict(int)
        for case in self.cases:
            masks[case.request] |= case.bit
        return masks

    @cached_property
    def _guarded(self) -> Mapping[Guard, int]:
        masks: dict[Guard, int] = defaultdict(int)
        for case in self.cases:
            bit = case.bit
            for taken in case.arms:
                for guard in self._holding[taken]:
                    masks[guard] |= bit
        return masks

    @cached_property
    def _holding(self) -> Mapping[Guard, tuple[Guard, ...]]:
        """An arm taken → the arms of its choice that run then."""
        return {
            Guard(choice.name, taken): tuple(Guard(choice.name, arm) for arm in range(len(choice.arms)) if choice.holds(arm, taken))
            for choice in self.graph.choices
            for taken in range(len(choice.arms))
        }

    @cached_property
    def arm_shares(self) -> Mapping[Guard, float]:
        """An arm → its share of all requests, along the whole path; of a fallback the share for which it is tried."""
        shares: dict[Guard, float] = defaultdict(float)
        for case in self.cases:
            weight = self.weight(case)
            for taken in case.arms:
                for guard in self._holding[taken]:
                    shares[guard] += weight
        return shares

    def together(self, node: str, other: str) -> Case | None:
        """The first case in which both run (each a task or a request class), None if they exclude each other."""
        both = self._mask(node) & self._mask(other)
        return self.cases[(both & -both).bit_length() - 1] if both else None

    def _mask(self, name: str) -> int:
        return self.runs[name] if name in self.runs else self.cases_of(name)


def _grouped(wires: Iterable[Wire], key: Callable[[Wire], str]) -> Mapping[str, Sequence[Wire]]:
    groups: dict[str, list[Wire]] = defaultdict(list)
    for wire in wires:
        groups[key(wire)].append(wire)
    return groups


def analyse(graph: Graph) -> Flow:
    """The flow of a graph. Findings that make cases meaningless (a cycle, a choice that cannot be decided in time) end it early."""
    wires, by_edge, findings = _wires(graph)
    findings += _wrong_deciders(graph)
    order, cycle = topological(graph, ())
    if cycle:
        return Flow(graph, wires, (), (), {}, (*findings, Finding(FindingKind.CYCLE, path=cycle)))
    controls = control_edges(graph)
    order, cycle = topological(graph, [(source, target) for source, target, _ in controls])
    if cycle:
        steps = set(pairwise(cycle))
        choice, ref = next((choice, ref) for source, target, (choice, ref) in controls if (source, target) in steps)
        return Flow(graph, wires, (), (), {}, (*findings, Finding(FindingKind.UNDECIDED, choice=choice, task=ref.task, port=ref.port)))
    runs = [ClassRun(request.name) for request in graph.requests]
    enumerate_cases(graph, order, by_edge, runs)
    cases: list[Case] = []
    masks = dict.fromkeys(order, 0)
    for run in runs:
        for arms, share, ran in run.cases:
            bit = 1 << len(cases)
            cases.append(Case(len(cases), run.request, arms, share))
            for name in ran:
                masks[name] |= bit
    running = tuple(names for run in runs for _, _, names in run.cases)
    flow = Flow(graph, wires, order, tuple(cases), masks, (), running, len(order) + len(wires) + sum(run.visits for run in runs))
    broken = {finding.edge.target for finding in findings if finding.edge}
    tasks = {task.name: task for task in graph.tasks}
    for run in runs:
        findings += _judge_class(flow, tasks, run, broken)
    findings += _unreachable(flow, runs, broken)
    return replace(flow, findings=tuple(findings))


def idle_edges(flow: Flow) -> Iterator[Finding]:
    """STARVED: edges that bring data in some cases of a class, in all of which their target lacks another port and is skipped.

    A task may be skipped in a case: what stands only on the way of an arm that was not taken does not run. But an edge that
    never meets a running target says that the author expects it to run there. `analyse` leaves this out, as distilling may
    well cut the cases in which an edge is used; it is the author's mistake only in what the author wrote. What is skipped
    only because another such target is does not count again.
    """
    settled = {finding.request for finding in flow.findings if finding.kind in (FindingKind.TOO_MANY_CASES, FindingKind.STARVED)}
    if any(finding.kind is FindingKind.TOO_MUCH for finding in flow.findings):
        return
    required = {task.name: [port.name for port in task.inputs if not port.optional] for task in flow.graph.tasks}
    place = {name: i for i, name in enumerate(flow.order)}
    follows: dict[str, set[str]] = defaultdict(set)
    for edge in sorted((edge for edge in flow.graph.edges if edge.target in place), key=lambda edge: place[edge.target]):
        live = flow._mask(edge.source)
        for guard in edge.guards:
            live &= flow.cases_with(guard)
        idle = live & ~flow.runs[edge.target]
        while idle_here := idle:
            name = flow.cases[(idle & -idle).bit_length() - 1].request
            cases = flow.cases_of(name)
            idle &= ~cases
            somewhere = flow.runs[edge.target] & cases
            if name in settled or not somewhere or live & somewhere or edge.target in follows[name]:
                continue
            first = idle_here & cases
            case = flow.cases[(first & -first).bit_length() - 1]
            port = next(port for port in required[edge.target] if not flow.producers(edge.target, port, case))
            wires = (wire for wire in flow.wires_into[edge.target] if wire.target_port == port)
            sources = tuple(dict.fromkeys(PortRef(wire.source, wire.source_port) for wire in wires))
            yield Finding(FindingKind.STARVED, name, case.arms, edge.target, port, edge, sources=sources)
            todo = [edge.target]
            while todo:
                skipped = todo.pop()
                if skipped in place and skipped not in follows[name] and not flow.runs_in(skipped, case):
                    follows[name].add(skipped)
                    todo += [wire.target for wire in flow.wires_from.get(skipped, ())]


def _wires(graph: Graph) -> tuple[tuple[Wire, ...], dict[Edge, tuple[Wire, ...]], list[Finding]]:
    outputs, inputs = outputs_of(graph), inputs_of(graph)
    by_edge: dict[Edge, tuple[Wire, ...]] = {}
    findings = []
    for edge in graph.edges:
        outs, ins = outputs[edge.source], inputs[edge.target]
        by_edge[edge] = wires = expand(edge, outs, ins)
        if wires:
            continue
        if edge.source_port is not None and all(port.name != edge.source_port for port in outs):
            findings.append(Finding(FindingKind.NO_SUCH_PORT, task=edge.source, port=edge.source_port, edge=edge))
        elif edge.target_port is not None and all(port.name != edge.target_port for port in ins):
            findings.append(Finding(FindingKind.NO_SUCH_PORT, task=edge.target, port=edge.target_port, edge=edge))
        elif edge.source_port is not None and edge.target_port is not None:
            findings.append(Finding(FindingKind.WRONG_TYPE, task=edge.target, port=edge.target_port, edge=edge))
        else:
            findings.append(Finding(FindingKind.FEEDS_NOTHING, task=edge.target, edge=edge))
    return tuple(wire for edge in graph.edges for wire in by_edge[edge]), by_edge, findings


def _wrong_deciders(graph: Graph) -> list[Finding]:
    tasks = {task.name: task for task in graph.tasks}
    findings = []
    for choice in graph.choices:
        match choice:
            case ExclusiveChoice():
                wrong = [ref for ref in choice.flags if not _is_flag(ref, tasks)]
            case Fallback(until=until):
                counted = until_tasks(choice, tasks)
                summed = counted[0] == until.ref.task and None not in counted and len(set(counted)) == len(counted)
                wrong = [] if summed else [until.ref]
        findings += [Finding(FindingKind.WRONG_DECIDER, choice=choice.name, task=ref.task, port=ref.port) for ref in wrong]
    return findings


def _is_flag(ref: PortRef, tasks: Mapping[str, Task]) -> bool:
    return ref.task in tasks and any(port.name == ref.port and port.type == "Flag" for port in tasks[ref.task].outputs)


def _judge_class(flow: Flow, tasks: Mapping[str, Task], run: ClassRun, broken: set[str]) -> Iterator[Finding]:
    """What is wrong for one request class: starved and ambiguous ports, deciders that do not run, the response.

    What only follows from another finding is left out. broken: targets of edges that are findings themselves.
    """
    kind = FindingKind
    if run.too_many or run.too_much:
        yield Finding(kind.TOO_MANY_CASES if run.too_many else kind.TOO_MUCH, request=run.request)
    if not run.cases or run.too_many or run.too_much:
        return
    starved = set(run.reached) - run.ran
    for name in (n for n in flow.order if n in starved and n not in broken):
        arms, missing = run.reached[name]
        never = [p.name for p in tasks[name].inputs if not p.optional and p.name not in run.fed[name]] or list(missing)
        for port in never:
            sources = tuple(dict.fromkeys(PortRef(w.source, w.source_port) for w in flow.wires_into.get(name, ()) if w.target_port == port))
            if not any(source.task in starved for source in sources):
                yield Finding(kind.STARVED, run.request, arms, name, port, sources=sources)
    for (name, port), (arms, producers) in run.ambiguous.items():
        yield Finding(kind.RESPONSE_TWICE if name == RESPONSE else kind.AMBIGUOUS, run.request, arms, name, port, sources=producers)
    for (choice, ref), arms in run.undecided.items():
        if ref.task not in starved:
            yield Finding(kind.UNDECIDED, run.request, arms, ref.task, ref.port, choice=choice)
    if not starved and RESPONSE not in broken:
        unanswered = _unanswered(run)
        if unanswered is not None:
            yield Finding(kind.RESPONSE_NEVER, run.request, unanswered, RESPONSE)


def _unanswered(run: ClassRun) -> tuple[Guard, ...] | None:
    """A case in which no answer arrives, otherwise one without the port that most cases fill; None if one port is filled in every case."""
    counts = Counter(port for _, ports in run.answers for port in ports)
    often = max(counts, key=lambda port: (counts[port], port), default=None)
    if often is not None and counts[often] == len(run.answers):
        return None
    empty = next((arms for arms, ports in run.answers if not ports), None)
    return empty if empty is not None else next(arms for arms, ports in run.answers if often not in ports)


def _unreachable(flow: Flow, runs: Sequence[ClassRun], broken: set[str]) -> Iterator[Finding]:
    """Tasks that nothing reaches, the first of each such chain."""
    if any(run.too_many or run.too_much for run in runs):
        return
    reached = {name for run in runs for name in run.reached}
    never = {name for name, mask in flow.runs.items() if not mask}
    before: dict[str, list[str]] = defaultdict(list)
    for edge in flow.graph.edges:
        before[edge.target].append(edge.source)
    for name in flow.order:
        if name in never and name not in reached and name not in broken and not any(source in never for source in before[name]):
            yield Finding(FindingKind.UNREACHABLE, task=name)
