"""The cases of a request class: which arms can be taken together, and what runs then.

A depth-first walk along the topological order. A state is what ran so far and the arms taken; where an edge's guard needs
a choice that is not yet taken, the state splits into one for each arm. What ran before the split is not worked out again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from aibenchc.flow.order import until_tasks
from aibenchc.flow.wires import Wire, inputs_of
from aibenchc.graph import RESPONSE, Edge, ExclusiveChoice, Fallback, Graph, Guard, PortRef

MAX_CASES = 4096  # per request class
MAX_CASES_IN_ALL = 16_384
MAX_VISITS = 500_000  # tasks visited, and edges looked at, in all cases of all classes: one to three seconds

Arms = tuple[Guard, ...]


@dataclass
class ClassRun:
    """The result of walking one class; `flow` turns it into cases and findings.

    cases: (arms, share of the class, the tasks that ran). reached: tasks into which an edge was live → (first such arms, required ports
    unfed there). fed: the ports of these that were fed in some case. answers: per case the response's ports that were fed.
    """

    request: str
    cases: list[tuple[Arms, float, tuple[str, ...]]] = field(default_factory=list)
    reached: dict[str, tuple[Arms, tuple[str, ...]]] = field(default_factory=dict)
    ran: set[str] = field(default_factory=set)
    fed: dict[str, set[str]] = field(default_factory=dict)
    ambiguous: dict[tuple[str, str], tuple[Arms, tuple[PortRef, ...]]] = field(default_factory=dict)
    undecided: dict[tuple[str, PortRef], Arms] = field(default_factory=dict)
    answers: list[tuple[Arms, tuple[str, ...]]] = field(default_factory=list)
    too_many: bool = False
    too_much: bool = False  # with the classes before it
    visits: int = 0


@dataclass(frozen=True)
class _Incoming:
    """One edge into a node: who must run (a task's number, or -1 for the class), under which guards, and the wires it is."""

    source: int
    guards: tuple[Guard, ...]
    wires: tuple[Wire, ...]
    ports: int  # bit set of the node's input ports
    twice: int  # bit set of the ports that this edge alone feeds from two outputs


@dataclass(frozen=True)
class _Node:
    name: str
    ports: tuple[str, ...]
    required: int
    single: int  # ports that take one value
    incoming: tuple[_Incoming, ...]


@dataclass
class _State:
    """position: the next node in the order; arms: taken so far."""

    position: int
    ran: bytearray
    arms: dict[str, int]
    share: float


class Walk:
    """The graph prepared for walking; `run` walks one class."""

    def __init__(self, graph: Graph, order: Sequence[str], by_edge: Mapping[Edge, tuple[Wire, ...]]) -> None:
        self.graph = graph
        self.choices = {choice.name: choice for choice in graph.choices}
        tasks = {task.name: task for task in graph.tasks}
        self.flags = {c.name: tuple(ref for ref in c.flags if ref.task in tasks) for c in graph.choices if isinstance(c, ExclusiveChoice)}
        self.counts = {
            c.name: tuple(PortRef(name, c.until.ref.port) if name else None for name in until_tasks(c, tasks))
            for c in graph.choices
            if isinstance(c, Fallback)
        }
        self.fallback_arms = _fallback_arms(graph)
        self.names = (*order, RESPONSE)
        self.number = {name: i for i, name in enumerate(self.names)}
        self.into: dict[str, list[Edge]] = {name: [] for name in self.names}
        self.from_: dict[str, list[str]] = {}
        for edge in graph.edges:
            self.into[edge.target].append(edge)
            self.from_.setdefault(edge.source, []).append(edge.target)
        self.inputs = inputs_of(graph)
        self.by_edge = by_edge

    def run(self, run: ClassRun, cases: int, visits: int) -> None:
        """cases and visits: how many there may be in this class."""
        nodes = self._nodes(run.request)
        costs = [0, *accumulate(1 + len(node.incoming) for node in nodes)]
        run.visits = costs[-1]
        state = _State(0, bytearray(len(self.names)), {}, 1.0)
        stack = [state]
        while stack:
            state = stack.pop()
            before = state.position
            fork = self._advance(state, nodes, run)
            run.visits += costs[state.position] - costs[before] + len(state.arms)
            run.too_many = len(run.cases) >= MAX_CASES
            run.too_much = len(run.cases) >= cases or run.visits > visits
            if run.too_many or run.too_much:
                return
            if fork is None:
                self._finish(state, nodes, run)
            else:
                stack += reversed(list(self._split(state, fork, run)))

    def _nodes(self, request: str) -> list[_Node]:
        """What the class can reach, in topological order, the response last; edges from other classes are left out."""
        reach = {request}
        todo = [request]
        while todo:
            for target in self.from_.get(todo.pop(), ()):
                if target not in reach:
                    reach.add(target)
                    todo.append(target)
        numbers = sorted(self.number[name] for name in reach if name != request)
        return [self._node(self.names[number], request, reach) for number in numbers]

    def _node(self, name: str, request: str, reach: set[str]) -> _Node:
        ports = self.inputs[name]
        bit = {port.name: 1 << i for i, port in enumerate(ports)}
        incoming = []
        for edge in self.into[name]:
            if edge.source not in reach or not self.by_edge[edge]:
                continue
            fed = twice = 0
            for wire in self.by_edge[edge]:
                twice |= fed & bit[wire.target_port]
                fed |= bit[wire.target_port]
            source = -1 if edge.source == request else self.number[edge.source]
            incoming.append(_Incoming(source, edge.guards, self.by_edge[edge], fed, twice))
        required = sum(bit[port.name] for port in ports if not port.optional)
        single = sum(bit[port.name] for port in ports if not port.many)
        return _Node(name, tuple(port.name for port in ports), required, single, tuple(incoming))

    def _advance(self, state: _State, nodes: list[_Node], run: ClassRun) -> str | None:
        """Walks on until a choice has to be taken (its name) or the end (None)."""
        ran, arms = state.ran, state.arms
        while state.position < len(nodes):
            node = nodes[state.position]
            fed = twice = 0
            reached = False
            for edge in node.incoming:
                if edge.source >= 0 and not ran[edge.source]:
                    continue
                if edge.guards:
                    holds = self._holds(edge.guards, arms)
                    if holds is None:
                        return next(guard.choice for guard in edge.guards if guard.choice not in arms)
                    if not holds:
                        continue
                reached = True
                twice |= edge.twice | (fed & edge.ports)
                fed |= edge.ports
            if reached:
                self._arrive(node, fed, twice & node.single, state, run)
            state.position += 1
        return None

    def _holds(self, guards: tuple[Guard, ...], arms: Mapping[str, int]) -> bool | None:
        """None: it depends on a choice that is not yet taken."""
        open_ = False
        for guard in guards:
            taken = arms.get(guard.choice)
            if taken is None:
                open_ = True
            elif not self.choices[guard.choice].holds(guard.arm, taken):
                return False
        return None if open_ else True

    def _arrive(self, node: _Node, fed: int, twice: int, state: _State, run: ClassRun) -> None:
        name = node.name
        unfed = node.required & ~fed
        if name not in run.ran:  # from here on it is known that the class can run it
            names = run.fed.setdefault(name, set())
            names.update(port for i, port in enumerate(node.ports) if fed >> i & 1)
            if name not in run.reached:
                missing = tuple(port for i, port in enumerate(node.ports) if unfed >> i & 1)
                run.reached[name] = (_arms(state), missing)
        if unfed:
            return
        state.ran[self.number[name]] = 1
        run.ran.add(name)
        if twice:
            for i, port in enumerate(node.ports):
                if twice >> i & 1 and (name, port) not in run.ambiguous:
                    producers = self._producers(node, port, state)
                    if not self._concatenated(producers):
                        run.ambiguous[name, port] = (_arms(state), producers)

    def _producers(self, node: _Node, port: str, state: _State) -> tuple[PortRef, ...]:
        refs: dict[PortRef, None] = {}
        for edge in node.incoming:
            if (edge.source < 0 or state.ran[edge.source]) and (not edge.guards or self._holds(edge.guards, state.arms)):
                for wire in edge.wires:
                    if wire.target_port == port:
                        refs[PortRef(wire.source, wire.source_port)] = None
        return tuple(refs)

    def _concatenated(self, producers: Sequence[PortRef]) -> bool:
        """Whether these are a single producer, or ports of the same name of tasks in different arms of one fallback."""
        if len(producers) == 1:
            return True
        if len({ref.port for ref in producers}) > 1:
            return False
        arms = [self.fallback_arms.get(ref.task, {}) for ref in producers]
        common = set(arms[0]).intersection(*arms[1:])
        return any(len({where[choice] for where in arms}) == len(arms) for choice in common)

    def _split(self, state: _State, name: str, run: ClassRun) -> Iterator[_State]:
        """One copy of the state for each arm."""
        choice = self.choices[name]
        for ref in self.flags.get(name, ()):
            if not state.ran[self.number[ref.task]]:
                run.undecided.setdefault((name, ref), _arms(state))
        for number in range(len(choice.arms)):
            yield _State(state.position, bytearray(state.ran), {**state.arms, name: number}, state.share * choice.case_share(number))

    def _finish(self, state: _State, nodes: list[_Node], run: ClassRun) -> None:
        arms = _arms(state)
        run.cases.append((arms, state.share, tuple(n.name for n in nodes if n.name != RESPONSE and state.ran[self.number[n.name]])))
        response = nodes[-1] if nodes and nodes[-1].name == RESPONSE else None
        fed = tuple(port for port in response.ports if self._producers(response, port, state)) if response else ()
        run.answers.append((arms, fed))
        for guard in arms:
            counts = self.counts.get(guard.choice, ())
            for ref in counts[: min(guard.arm + 1, len(counts) - 1)]:
                if ref is not None and not state.ran[self.number[ref.task]]:
                    run.undecided.setdefault((guard.choice, ref), arms)


def enumerate_cases(graph: Graph, order: Sequence[str], by_edge: Mapping[Edge, tuple[Wire, ...]], runs: Sequence[ClassRun]) -> None:
    """Walks each class and fills in its run. Of the classes after one that is too much only that is said."""
    walk = Walk(graph, order, by_edge)
    cases, visits = MAX_CASES_IN_ALL, MAX_VISITS
    for run in runs:
        if visits > 0 and cases > 0:
            walk.run(run, cases, visits)
        cases -= len(run.cases)
        visits -= run.visits
        if run.too_much:
            cases = 0


def _arms(state: _State) -> Arms:
    return tuple(Guard(choice, arm) for choice, arm in state.arms.items())


def _fallback_arms(graph: Graph) -> dict[str, dict[str, int]]:
    """task → fallback → the arm it stands in; a task in several arms of one choice counts as being in none."""
    arms_of: dict[str, dict[str, int]] = {}
    for choice in (choice for choice in graph.choices if isinstance(choice, Fallback)):
        seen: dict[str, set[int]] = {}
        for number, arm in enumerate(choice.arms):
            for name in arm.tasks:
                seen.setdefault(name, set()).add(number)
        for name, numbers in seen.items():
            if len(numbers) == 1:
                arms_of.setdefault(name, {})[choice.name] = min(numbers)
    return arms_of
