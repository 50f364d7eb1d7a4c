"""build_graph: the permutation's chains → edges and choices. Names, ports and shares are checked here; what flows where is flow's.

A chain is walked from left to right. What a step hands on are its outputs (Out); an edge leads from each of them to each first
task of the next step. Entering an arm adds the arm's guard to the outputs that enter it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from aibenchrt.component import ANY, Port

from aibenchc.diagnostics import one_of, place
from aibenchc.graph import (
    RESPONSE,
    Arm,
    Choice,
    Dataset,
    Edge,
    ExclusiveArm,
    ExclusiveChoice,
    Fallback,
    Graph,
    Guard,
    PortRef,
    RequestClass,
    Task,
    Until,
)
from aibenchc.source import Span
from aibenchc.syntax import ast
from aibenchc.syntax.written import written
from aibenchc.value_reader import PLAIN, SHARE, Reader

_ARROW = re.compile(r"\s*->\s*")
_NAME_LENGTH = 60
MAX_EDGES = 100_000
MAX_ARMS = 1_000  # of all choices together


@dataclass(frozen=True)
class Out:
    """What a step passes on: the outputs of `node`, or the one port that the author named, under guards."""

    node: str
    port: str | None
    span: Span
    guards: tuple[Guard, ...] = ()


@dataclass(frozen=True)
class Exclusive:
    """A group on the left, `( a | b ) ->`: the last tasks of each arm, at most one of which may run in a case."""

    arms: tuple[tuple[Out, ...], ...]
    span: Span


@dataclass
class Symbols:
    """The names that the permutation may use. A task or request class whose declaration is wrong counts as declared, but has no node."""

    datasets: tuple[Dataset, ...] = ()
    requests: dict[str, RequestClass] = field(default_factory=dict)
    tasks: dict[str, Task] = field(default_factory=dict)
    declared: dict[str, tuple[str, Span]] = field(default_factory=dict)  # name → (its kind, such as 'task'; the place of its declaration)

    def in_chains(self) -> Iterator[str]:
        """The names that a chain may use."""
        yield from (name for name, (what, _) in self.declared.items() if what != "data set")
        yield RESPONSE


@dataclass(frozen=True)
class Built:
    """exclusive: the groups that `flow` has to prove exclusive. Spans of choices and edges are the author's."""

    graph: Graph
    exclusive: tuple[Exclusive, ...]


def build_graph(permutations: Iterable[ast.Permutation], symbols: Symbols, reader: Reader) -> Built:
    """The undistilled graph. Mistakes are reported; the graph then lacks the parts that could not be built."""
    builder = _Builder(symbols, reader)
    for permutation in permutations:
        for chain in permutation.chains:
            builder.path(chain, None, False)
    graph = Graph(
        symbols.datasets,
        tuple(symbols.requests.values()),
        tuple(symbols.tasks.values()),
        tuple(builder.edges),
        tuple(builder.choices),
    )
    return Built(graph, tuple(builder.exclusive))


def type_name(port: Port) -> str:
    return f"{'an' if port.type[0] in 'AEIOU' else 'a'} {port.type}"


class _Builder:
    def __init__(self, symbols: Symbols, reader: Reader) -> None:
        self.symbols = symbols
        self.reader = reader
        self.report = reader.diagnostics.report
        self.edges: dict[Edge, Span] = {}
        self.choices: list[Choice] = []
        self.names: dict[str, int] = {}  # of choices, and with which number to go on where one is taken
        self.connections = 0
        self.arms = 0
        self.exclusive: list[Exclusive] = []

    # Steps. `incoming` is None at the beginning of a chain; `goes_on` tells whether something follows.

    def path(self, path: ast.Path, incoming: tuple[Out, ...] | None, goes_on: bool) -> tuple[Out, ...]:
        last = len(path.steps) - 1
        for i, step in enumerate(path.steps):
            follows, begins = goes_on or i < last, incoming is None
            incoming = self.step(step, incoming, follows)
            if i < last and not incoming:
                if isinstance(step, ast.Ref):
                    if step.text == RESPONSE and not begins:
                        self.report("AIB218", step.span)
                elif self._all_end(step):
                    self.report("AIB229", path.steps[i + 1].span)
        assert incoming is not None
        return incoming

    def _all_end(self, step: ast.Step) -> bool:
        """Whether every way through a step ends in `response` (and none in a name that was reported)."""
        match step:
            case ast.Ref():
                return step.text == RESPONSE
            case ast.Paren(path=path):
                return self._all_end(path.steps[-1])
            case ast.All(paths=paths):
                return all(self._all_end(path.steps[-1]) for path in paths)
            case ast.One(arms=arms) | ast.First(arms=arms):
                return all(self._all_end(arm.path.steps[-1]) for arm in arms)

    def step(self, step: ast.Step, incoming: tuple[Out, ...] | None, goes_on: bool) -> tuple[Out, ...]:
        match step:
            case ast.Ref():
                return self.ref(step, incoming, goes_on)
            case ast.Paren(path=path):
                return self.path(path, incoming, goes_on)
            case ast.All(paths=paths):
                return tuple(out for path in paths for out in self.path(path, incoming, goes_on))
            case ast.One():
                return self.left(step, goes_on) if incoming is None else self.one(step, incoming, goes_on)
            case ast.First():
                return self.first(step, incoming, goes_on)

    def ref(self, ref: ast.Ref, incoming: tuple[Out, ...] | None, goes_on: bool) -> tuple[Out, ...]:
        name = ref.parts[0].text
        if not self._is_known(ref):
            return ()
        what = self.symbols.declared[name][0] if name != RESPONSE else RESPONSE
        if incoming is not None and what == "request":
            example = f"begin a chain with it: `{name} -> …`"
            self.report("AIB225", ref.span, what=f"no edge can lead to a request, and '{name}' is a request", example=example)
            return ()
        if what == RESPONSE:
            if incoming is None:
                self.report(
                    "AIB225", ref.span, what="no edge can lead from the response", example="begin the chain with a request or a task"
                )
            elif len(ref.parts) > 1:
                hint = "write `response`; its ports follow from the types of what reaches it"
                self.report("AIB106", ref.parts[1].span, owner="the response", direction="port", name=ref.parts[1].text, hint=hint)
            else:
                self._connect(incoming, name, None, ref.span)
            return ()
        entry, leaving = self._ports(ref, incoming is not None, goes_on)
        if incoming is not None:
            self._connect(incoming, name, entry, ref.span)
        return (Out(name, leaving, ref.span),)

    def _is_known(self, ref: ast.Ref) -> bool:
        name = ref.parts[0]
        declaration = self.symbols.declared.get(name.text)
        if declaration is None and name.text != RESPONSE:
            names = list(self.symbols.in_chains())
            hint = self.reader.did_you_mean(name.text, names, f"declare it: `task {name.text} : COMPONENT`")
            self.report("AIB101", name.span, name=name.text, hint=self._with_place(hint))
            return False
        if declaration is not None and declaration[0] == "data set":
            example = "name the request that takes its payloads from it"
            self.report("AIB225", name.span, what=f"'{name.text}' is a data set; edges lead from requests and tasks", example=example)
            return False
        if len(ref.parts) > 2:
            self.report("AIB225", ref.span, what="a port is named by two words", example="write `task.port`")
            return False
        return True

    def _with_place(self, hint: str) -> str:
        """Adds to `did you mean 'x'?` the place where x is declared."""
        match = re.fullmatch(r"did you mean '(\w+)'\?", hint)
        declaration = self.symbols.declared.get(match[1]) if match else None
        return f"{hint} (declared at {place(declaration[1])})" if declaration else hint

    def _node_ports(self, name: str) -> tuple[tuple[Port, ...], tuple[Port, ...]] | None:
        """Inputs and outputs, None where the declaration is wrong."""
        if name in self.symbols.tasks:
            task = self.symbols.tasks[name]
            return task.inputs, task.outputs
        if name in self.symbols.requests:
            return (), self.symbols.requests[name].ports
        return None

    def _ports(self, ref: ast.Ref, entered: bool, left: bool) -> tuple[str | None, str | None]:
        """The input and the output that `task.port` names, by where it stands in its chain."""
        ports = self._node_ports(ref.parts[0].text)
        if len(ref.parts) == 1 or ports is None:
            return None, None
        name = ref.parts[1]
        takes = entered and any(port.name == name.text for port in ports[0])
        gives = left and any(port.name == name.text for port in ports[1])
        if takes and gives:
            self.report("AIB223", ref.span, name=ref.text, task=ref.parts[0].text)
        elif not takes and not gives:
            names = [port.name for side, role in zip(ports, (entered, left), strict=True) if role for port in side]
            direction = "port" if entered and left else "input" if entered else "output"
            what = self.symbols.declared[ref.parts[0].text][0]
            hint = self.reader.did_you_mean(name.text, names)
            self.report("AIB106", name.span, owner=f"{what} '{ref.parts[0].text}'", direction=direction, name=name.text, hint=hint)
        return (name.text if takes else None), (name.text if gives else None)

    def _connect(self, incoming: tuple[Out, ...], target: str, target_port: str | None, span: Span) -> None:
        before, self.connections = self.connections, self.connections + len(incoming)
        if self.connections > MAX_EDGES:
            if before <= MAX_EDGES:
                way_out = "let a task merge what these groups give, or split the scenario"
                self.report("AIB237", span, limit=f"{MAX_EDGES:,}", things="edges", way_out=way_out)
            return
        for out in incoming:
            edge = Edge(out.node, target, out.port, target_port, out.guards, _edge_span(out.span, span))
            first = self.edges.setdefault(edge, span)
            if first is not span:
                self.report("AIB224", edge.span, edge=f"{out.node} -> {target}", first=place(first))
            elif out.port and target_port:
                self._check_types(edge)

    def _check_types(self, edge: Edge) -> None:
        source, target = self._node_ports(edge.source), self._node_ports(edge.target)
        if source is None or target is None:
            return
        gives = next(port for port in source[1] if port.name == edge.source_port)
        takes = next(port for port in target[0] if port.name == edge.target_port)
        if gives.type != takes.type and takes.type != ANY:
            self.report(
                "AIB213",
                edge.span,
                source=f"{edge.source}.{gives.name}",
                found=type_name(gives),
                target=f"{edge.target}.{takes.name}",
                expected=type_name(takes),
            )

    # Groups

    def left(self, group: ast.One, goes_on: bool) -> tuple[Out, ...]:
        """`( a | b ) ->` at the beginning of a chain: passes on the outputs of whichever task ran."""
        share = next((arm.share for arm in group.arms if arm.share is not None), None)
        if share is not None:
            self.report("AIB208", share.span, what="a share", example="write `( a | b ) ->`; shares belong in a group after `->`")
        exits = tuple(self.path(arm.path, None, goes_on) for arm in group.arms)
        self.exclusive.append(Exclusive(exits, group.span))
        return tuple(out for arm in exits for out in arm)

    def _too_many_arms(self, group: ast.One | ast.First) -> bool:
        """With those of the choices before; said once."""
        before, self.arms = self.arms, self.arms + len(group.arms)
        if before <= MAX_ARMS < self.arms:
            way_out = "merge arms that do much the same, or split the scenario"
            self.report("AIB237", group.span, limit=f"{MAX_ARMS:,}", things="arms of choices", way_out=way_out)
        return self.arms > MAX_ARMS or self.connections > MAX_EDGES

    def one(self, group: ast.One, incoming: tuple[Out, ...], goes_on: bool) -> tuple[Out, ...]:
        if self._too_many_arms(group):
            return ()
        shares = self._one_shares(group)
        deciders = [arm.when for arm in group.arms]
        if any(deciders) and deciders.count(None) != 1:
            self.report("AIB231", group.span)
        whens = tuple(self._flag(when) if when is not None else None for when in deciders)
        name = self._choice_name("_or_", group)
        place = len(self.choices)
        outs, arms = self._arms(name, group, shares, incoming, goes_on)
        exclusive = tuple(ExclusiveArm(arm.share, arm.tasks, arm.span, when) for arm, when in zip(arms, whens, strict=True))
        self.choices.insert(place, ExclusiveChoice(name, exclusive, group.span))
        return outs

    def first(self, group: ast.First, incoming: tuple[Out, ...] | None, goes_on: bool) -> tuple[Out, ...]:
        if incoming is None:
            self.report(
                "AIB208", group.span, what="`else`", example="an ordered fallback is written after `->`; on the left write `( a | b ) ->`"
            )
            return tuple(out for arm in group.arms for out in self.path(arm.path, None, goes_on))
        if self._too_many_arms(group):
            return ()
        if group.until is None:
            self.report("AIB230", group.span)
        shares = self._first_shares(group)
        for arm in group.arms:
            if arm.when is not None:
                self.report("AIB208", arm.when.span, what="`when`", example="`until` determines when an ordered fallback stops")
        name = self._choice_name("_else_", group)
        place = len(self.choices)
        outs, arms = self._arms(name, group, shares, incoming, goes_on)
        until = self._until(group.until, arms) if group.until else None
        if until is not None:
            self.choices.insert(place, Fallback(name, arms, until, group.span))
        return outs

    def _arms(
        self, choice: str, group: ast.One | ast.First, shares: Sequence[float], incoming: tuple[Out, ...], goes_on: bool
    ) -> tuple[tuple[Out, ...], tuple[Arm, ...]]:
        """Where the arms of a choice end, and the arms."""
        outs: list[Out] = []
        arms: list[Arm] = []
        for i, (arm, share) in enumerate(zip(group.arms, shares, strict=True)):
            entering = tuple(replace(out, guards=(*out.guards, Guard(choice, i))) for out in incoming)
            outs += self.path(arm.path, entering, goes_on)
            inside = tuple(dict.fromkeys(task for task in _tasks(arm.path) if task in self.symbols.tasks))
            arms.append(Arm(share, inside, arm.span))
        return tuple(outs), tuple(arms)

    def _choice_name(self, joint: str, group: ast.One | ast.First) -> str:
        """A unique name made of the first task of each arm, such as `rewrite_or_answers`."""
        firsts = [next(iter(_tasks(arm.path))) for arm in group.arms]
        base = joint.join(firsts)[:_NAME_LENGTH]
        name, number = base, self.names.get(base, 1)
        while name in self.names:
            number += 1
            name = f"{base}_{number}"
        self.names[base] = number
        self.names.setdefault(name, 1)
        return name

    # Shares and deciders

    def _one_shares(self, group: ast.One) -> tuple[float, ...]:
        """Each arm's share; `rest` is what the others leave. If a share is wrong, it is reported and all arms get equal shares."""
        equal = (1 / len(group.arms),) * len(group.arms)
        missing = [arm for arm in group.arms if arm.share is None]
        for arm in missing:
            self.report("AIB207", arm.span)
        rests = [arm.share for arm in group.arms if isinstance(arm.share, ast.Rest)]
        for rest in rests[1:]:
            self.report("AIB209", rest.span)
        shares = [self.share(arm.share) for arm in group.arms if arm.share is not None and not isinstance(arm.share, ast.Rest)]
        if missing or len(rests) > 1 or None in shares:
            return equal
        total = sum((share for share in shares if share is not None), Decimal(0))
        if not shares_fit(total, bool(rests), group.span, self.reader):
            return equal
        written_shares = iter(shares)
        return tuple(float(1 - total if isinstance(arm.share, ast.Rest) else next(written_shares) or 0) for arm in group.arms)

    def _first_shares(self, group: ast.First) -> tuple[float, ...]:
        first, *others = group.arms
        if first.share is not None:
            self.report(
                "AIB208", first.share.span, what="a share of the first arm", example="the first arm is always tried: ( a else 35%: b … )"
            )
        shares = [1.0]
        for arm in others:
            if arm.share is None or isinstance(arm.share, ast.Rest):
                self.report("AIB207", arm.span, hint="write how many requests get that far: `( a else 35%: b until a.hits >= 20 )`")
                shares.append(shares[-1])
                continue
            share = self.share(arm.share)
            if share is not None and float(share) > shares[-1]:
                self.report("AIB206", arm.share.span, share=f"{float(share) * 100:g}", before=f"{shares[-1] * 100:g}")
            shares.append(shares[-1] if share is None else float(share))
        return tuple(shares)

    def share(self, share: ast.Number | ast.Variable) -> Decimal | None:
        return read_share(share, "a share", self.reader)

    def _flag(self, when: ast.Ref) -> PortRef | None:
        """The Flag port that decides."""
        if not self._is_known(when):
            return None
        name = when.parts[0].text
        ports = self._node_ports(name)
        if ports is None:
            if name == RESPONSE:
                self._not_a_flag(when, "the response", ())
            return None
        flags = tuple(f"{name}.{port.name}" for port in ports[1] if port.type == "Flag")
        port = next((port for port in ports[1] if len(when.parts) > 1 and port.name == when.parts[1].text), None)
        if len(when.parts) == 1:
            self._not_a_flag(when, f"a {self.symbols.declared[name][0]}", flags)
        elif port is None:
            self._ports(when, False, True)
        elif port.type != "Flag":
            self._not_a_flag(when, type_name(port), flags)
        else:
            return PortRef(name, port.name)
        return None

    def _not_a_flag(self, when: ast.Ref, found: str, flags: tuple[str, ...]) -> None:
        self.report("AIB221", when.span, name=when.text, found=found, example=f"; {one_of(flags)}" if flags else "")

    def _until(self, until: ast.Until, arms: Sequence[Arm]) -> Until | None:
        """The Count port that is summed; every arm must have an output of this name."""
        bound = until.comparison
        if bound.operator != ">=":
            self.report(
                "AIB232",
                bound.span,
                operator=">=",
                found=bound.operator,
                example=f"write `until {until.ref.text} >= {written(bound.value)}`",
            )
        at_least = self.reader.number(bound.value, "the bound of `until`", PLAIN, above=0)
        if not self._is_known(until.ref):
            return None
        task, port = until.ref.parts[0].text, until.ref.parts[-1].text
        if task in self.symbols.declared and self.symbols.declared[task][0] == "task" and task not in self.symbols.tasks:
            return None
        why = None
        if len(until.ref.parts) == 1:
            why = "it names no port"
        elif task not in arms[0].tasks:
            why = f"'{task}' is not in the arm that is tried first"
        else:
            lacking = [i for i, arm in enumerate(arms) if not any(self._counts(inside, port) for inside in arm.tasks)]
            if lacking:
                why = f"arm {lacking[0] + 1} puts out no Count called '{port}'"
        if why is not None:
            self.report("AIB222", until.ref.span, name=until.ref.text, why=why)
            return None
        return Until(PortRef(task, port), at_least or 0.0)

    def _counts(self, task: str, port: str) -> bool:
        return any(output.name == port and output.type == "Count" for output in self.symbols.tasks[task].outputs)


def read_share(value: ast.Value, what: str, reader: Reader) -> Decimal | None:
    """A share in (0, 1]."""
    return None if reader.number(value, what, SHARE, above=0, most=1) is None else reader.decimal(value, what, SHARE)


def shares_fit(total: Decimal, rest: bool, span: Span, reader: Reader) -> bool:
    """Whether shares add up to 1, or leave something for `rest`; reports where not."""
    shown = f"{float(total) * 100:g}"
    if total > 1 or (rest and total == 1):
        notes = (f"the others have {shown} %, which leaves nothing for `rest`",) if rest else ()
        way_out = "remove what has `rest`, or lower the others below 100 % in all" if rest else None
        reader.diagnostics.report("AIB204", span, hint=way_out, total=shown, notes=notes)
        return False
    if total < 1 and not rest:
        reader.diagnostics.report("AIB205", span, total=shown)
        return False
    return True


def _tasks(path: ast.Path) -> Iterator[str]:
    """The names in a path, first to last; nesting is bounded by the grammar."""
    for step in path.steps:
        match step:
            case ast.Ref(parts=parts):
                yield parts[0].text
            case ast.Paren(path=inner):
                yield from _tasks(inner)
            case ast.All(paths=paths):
                for inner in paths:
                    yield from _tasks(inner)
            case ast.One(arms=arms) | ast.First(arms=arms):
                for arm in arms:
                    yield from _tasks(arm.path)


def _edge_span(source: Span, target: Span) -> Span:
    """`a -> b` where nothing else is between them on the line, otherwise the target only."""
    if source.source is target.source and source.end <= target.start:
        between = target.source.text[source.end : target.start]
        if "\n" not in between and _ARROW.fullmatch(between):
            return Span(target.source, source.start, target.end)
    return target
