"""The findings of `flow` as diagnostics, placed at the edge, task or class, and naming class, case, task and port."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import pairwise

from aibenchrt.component import PORT_TYPES, Port

from aibenchc.build import Built, Exclusive, type_name
from aibenchc.diagnostics import Diagnostics
from aibenchc.flow import MAX_CASES, MAX_CASES_IN_ALL, MAX_VISITS, Case, Finding, FindingKind, Flow, idle_edges
from aibenchc.graph import RESPONSE, Choice, Edge, ExclusiveChoice, Fallback, Guard, PortRef, Task
from aibenchc.source import Span

_LISTED = 4  # names listed before an ellipsis
_MOST_FINDINGS = 1000  # that are reported of one spec
_MOST_EXPLAINED = 20  # unanswered classes for which it is looked up which task is skipped


def report_findings(built: Built, flow: Flow, diagnostics: Diagnostics) -> None:
    """Reports the findings, without those that only follow from another: no answer because an edge feeds nothing, a task is skipped or no
    edge leads to it; a port without data, or a choice without a decision, because no edge leads to what gives it; two values of a port
    because alternatives run together."""
    reporter = _Reporter(built, flow, diagnostics)
    together = [pair for group in built.exclusive if (pair := reporter.report_together(group, flow))] if flow.order else []
    broken_edges = any(finding.edge for finding in flow.findings)
    idle = () if broken_edges else tuple(idle_edges(flow))
    skipped = {finding.request for finding in idle}
    unreached = [finding.task for finding in flow.findings if finding.kind is FindingKind.UNREACHABLE and finding.task]
    unanswered = broken_edges or any(name in reporter.before_response for name in unreached)
    findings = (*flow.findings, *idle)[:_MOST_FINDINGS]
    starved = _Starved(reporter, unreached, findings)
    never: list[Finding] = []
    for finding in findings:
        follows = finding.kind is FindingKind.RESPONSE_NEVER and (unanswered or finding.request in skipped)
        if finding.kind is FindingKind.AMBIGUOUS:
            follows = any(pair <= {ref.task for ref in finding.sources} for pair in together)
        if finding.kind is FindingKind.STARVED:
            follows = starved.follows(finding)
        if finding.kind is FindingKind.UNDECIDED:
            follows = starved.waits_for_unreached(finding)
        if not follows and finding.kind is FindingKind.RESPONSE_NEVER:
            never.append(finding)
        elif not follows:
            reporter.report_finding(finding, starved.like(finding))
    reporter.report_never(never)


class _Starved:
    """Ports without data: those that only wait for a task that is reported itself, and those of one port in several classes and cases."""

    def __init__(self, reporter: _Reporter, unreached: Sequence[str], findings: Iterable[Finding]) -> None:
        self._reporter = reporter
        self._unreached = unreached[:_MOST_EXPLAINED]
        self._ports: dict[tuple[str | None, str | None], list[Finding]] = {}
        self._requests: dict[str, set[str | None]] = {}  # task → the requests for which it lacks data
        self._after: dict[str, frozenset[str]] = {}
        for finding in findings:
            if finding.kind is FindingKind.STARVED and finding.task:
                self._ports.setdefault((finding.task, finding.port), []).append(finding)
                self._requests.setdefault(finding.task, set()).add(finding.request)
        self._first = list(self._requests)[:_MOST_EXPLAINED]

    def like(self, finding: Finding) -> Sequence[Finding]:
        """The findings about the same port."""
        return self._ports.get((finding.task, finding.port), ())

    def follows(self, finding: Finding) -> bool:
        if self.like(finding)[0] is not finding:
            return True
        kind = self._reporter.port(finding).type
        for name in self._unreached:
            if self._gives(name, kind, finding.task):
                return True
        before = (name for name in self._first if name != finding.task and self._lacks_or_rests(name, finding.request))
        return any(finding.task in self._descendants(name) and self._gives(name, kind, finding.task) for name in before)

    def _lacks_or_rests(self, name: str, request: str | None) -> bool:
        """Whether a task that lacks data for some request lacks them for this one, or does not run for it, as it might with them."""
        if request in self._requests[name]:
            return True
        runs = self._reporter.flow.runs.get(name, 0)
        return not any(runs & case.bit for case in self._reporter.flow.cases if case.request == request)

    def waits_for_unreached(self, finding: Finding) -> bool:
        """Whether no edge leads to the task that decides, or to one that it waits for."""
        return any(finding.task in {name, *self._descendants(name)} for name in self._unreached)

    def _gives(self, root: str, kind: str, task: str | None) -> bool:
        """Whether a task, or one that waits for it, gives such data."""
        nodes = {root, *self._descendants(root)} - {task, RESPONSE}
        return any(port.type == kind for node in nodes for port in self._reporter.outputs(node))

    def _descendants(self, root: str) -> frozenset[str]:
        if root not in self._after:
            seen, waiting = {root}, [root]
            while waiting:
                targets = {edge.target for edge in self._reporter.leaving.get(waiting.pop(), ())} - seen
                seen |= targets
                waiting += targets
            self._after[root] = frozenset(seen - {root})
        return self._after[root]


class _Reporter:
    def __init__(self, built: Built, flow: Flow, diagnostics: Diagnostics) -> None:
        self.flow = flow
        graph = built.graph
        self.report = diagnostics.report
        self.tasks: dict[str, Task] = {task.name: task for task in graph.tasks}
        self.requests = {request.name: request for request in graph.requests}
        self.choices: dict[str, Choice] = {choice.name: choice for choice in graph.choices}
        self.into: dict[str, list[Edge]] = {}
        self.leaving: dict[str, list[Edge]] = {}
        for edge in graph.edges:
            self.into.setdefault(edge.target, []).append(edge)
            self.leaving.setdefault(edge.source, []).append(edge)

    @cached_property
    def givers(self) -> Mapping[str, Sequence[str]]:
        """Port type → the first tasks and requests that give it, one more than are listed, beside the one that takes it."""
        by_type: dict[str, list[str]] = {}
        for node in (*self.tasks, *self.requests):
            for kind in dict.fromkeys(out.type for out in self.outputs(node)):
                if len(names := by_type.setdefault(kind, [])) < _LISTED + 2:
                    names.append(node)
        return by_type

    @cached_property
    def before_response(self) -> frozenset[str]:
        """The tasks and requests from which edges lead to the response."""
        upstream, waiting = {RESPONSE}, [RESPONSE]
        while waiting:
            sources = {edge.source for edge in self.into.get(waiting.pop(), ())} - upstream
            upstream |= sources
            waiting += sources
        return frozenset(upstream)

    def port(self, finding: Finding) -> Port:
        return next(port for port in self.tasks[finding.task or ""].inputs if port.name == finding.port)

    def report_finding(self, finding: Finding, alike: Sequence[Finding] = ()) -> None:
        kind = FindingKind
        match finding.kind:
            case kind.CYCLE:
                self._cycle(finding.path)
            case kind.FEEDS_NOTHING | kind.NO_SUCH_PORT | kind.WRONG_TYPE:
                self._feeds_nothing(finding.edge)
            case kind.STARVED:
                self._starved(finding, alike)
            case kind.AMBIGUOUS:
                self._ambiguous(finding)
            case kind.RESPONSE_TWICE:
                request = self.requests[finding.request or ""]
                sources = _listed(f"'{ref.task}'" for ref in finding.sources)
                self.report("AIB217", self._response_span(finding), name=request.name, case=self.case(finding.case), sources=sources)
            case kind.UNREACHABLE:
                self.report("AIB120", self.tasks[finding.task or ""].span, name=finding.task)
            case kind.UNDECIDED | kind.WRONG_DECIDER:
                self._undecided(finding)
            case kind.TOO_MANY_CASES:
                self.report("AIB227", self.requests[finding.request or ""].span, name=finding.request, limit=MAX_CASES)
            case kind.TOO_MUCH:
                limits = {"cases": f"{MAX_CASES_IN_ALL:,}", "tasks": f"{MAX_VISITS:,}"}
                self.report("AIB238", self.requests[finding.request or ""].span, name=finding.request, **limits)

    # Words

    def case(self, guards: Sequence[Guard]) -> str:
        """` where 'rewrite' is taken and 'good' is tried last`, nothing where no choice was met."""
        said = []
        for guard in guards:
            choice = self.choices[guard.choice]
            arm = choice.arms[guard.arm]
            name = arm.tasks[0] if arm.tasks else RESPONSE
            said.append(f"'{name}' is {'tried last' if isinstance(choice, Fallback) else 'taken'}")
        return f" where {' and '.join(said)}" if said else ""

    def in_case(self, request: str | None, guards: Sequence[Guard]) -> str:
        return f" for request '{request}'{self.case(guards)}"

    def outputs(self, node: str) -> tuple[Port, ...]:
        return self.tasks[node].outputs if node in self.tasks else self.requests[node].ports

    # Findings

    def _cycle(self, path: Sequence[str]) -> None:
        pairs = set(pairwise(path))
        edges = [edge for source in path[:-1] for edge in self.leaving.get(source, ()) if (edge.source, edge.target) in pairs]
        last = max((edge.span for edge in edges if edge.span), key=lambda span: span.start, default=None)
        shown = [*path[:8], "…", path[-1]] if len(path) > 10 else list(path)
        self.report("AIB210", last, path=" -> ".join(shown))

    def _feeds_nothing(self, edge: Edge | None) -> None:
        if edge is None:
            return
        outputs = [port for port in self.outputs(edge.source) if edge.source_port in (None, port.name)]
        source = f"'{edge.source}'" if edge.source_port is None else f"'{edge.source}.{edge.source_port}'"
        gives = f"{source} gives {_listed(type_name(port) for port in outputs)}" if outputs else f"{source} gives nothing"
        if edge.target == RESPONSE:
            takes = "the response takes " + " or ".join(t.name for t in PORT_TYPES.values() if t.answer)
        else:
            inputs = [port for port in self.tasks[edge.target].inputs if edge.target_port in (None, port.name)]
            takes = f"'{edge.target}' takes {_listed(type_name(port) for port in inputs)}"
        self.report("AIB214", edge.span, why=f"{gives}, {takes}")

    def _starved(self, finding: Finding, alike: Sequence[Finding]) -> None:
        task = self.tasks[finding.task or ""]
        port = self.port(finding)
        if finding.sources:
            names = _listed(f"'{ref.task}'" for ref in dict.fromkeys(finding.sources))
            way_out = f"add an edge from what gives {type_name(port)} in this case; elsewhere {names} does"
        else:
            givers = [name for name in self.givers.get(port.type, ()) if name != task.name]
            way_out = f"add an edge from what gives {type_name(port)}"
            way_out += f": {_listed(f'`{giver} -> {task.name}`' for giver in givers)}" if givers else "; nothing in this spec does"
        direct = finding.edge or next((edge for edge in self.into.get(task.name, ()) if edge.source == finding.request), None)
        span = (direct.span if direct else None) or task.span
        case = self.in_case(finding.request, finding.case)
        notes = [f"it takes {type_name(port)}"]
        if finding.edge:
            notes.append(f"'{finding.edge.source}' runs there and feeds '{task.name}', which is skipped wherever it does")
        notes += self._nor([other for other in alike if other is not finding])
        self.report("AIB211", span, port=port.name, task=task.name, case=case, way_out=way_out, notes=notes)

    def _ambiguous(self, finding: Finding) -> None:
        task = self.tasks[finding.task or ""]
        refs = list(dict.fromkeys(finding.sources))
        concerned = {ref.task for ref in refs}
        edges = [edge for edge in self.into.get(task.name, ()) if edge.source in concerned]
        span = max((edge.span for edge in edges if edge.span), key=lambda span: span.start, default=task.span)
        example = f"{refs[0].task}.{refs[0].port} -> {task.name}.{finding.port}"
        self.report(
            "AIB212",
            span,
            port=finding.port,
            task=f"task '{task.name}'",
            case=self.in_case(finding.request, finding.case),
            sources=_listed(f"{ref.task}.{ref.port}" for ref in refs),
            example=example,
        )

    def report_never(self, findings: Iterable[Finding]) -> None:
        """Classes without an answer in some case; together those of which the same task is skipped, those of which none is, and these with
        a class of which one is, if the same arms are taken."""
        alike: dict[tuple[str, ...], list[Finding]] = {}
        for number, finding in enumerate(findings):
            request = self.requests[finding.request or ""]
            if request.name in self.leaving:
                alike.setdefault(self._skipped(finding) if number < _MOST_EXPLAINED else (), []).append(finding)
            else:
                self.report("AIB122", request.span, name=request.name)
        for skipped, (first, *others) in self._joined(alike).items():
            request = self.requests[first.request or ""]
            self.report("AIB216", request.span, name=request.name, case=self.case(first.case), notes=(*skipped, *self._nor(others)))

    @staticmethod
    def _joined(alike: Mapping[tuple[str, ...], list[Finding]]) -> dict[tuple[str, ...], list[Finding]]:
        joined = {skipped: list(findings) for skipped, findings in alike.items() if skipped}
        of_case = {findings[0].case: skipped for skipped, findings in reversed(joined.items()) if findings[0].case}
        for finding in alike.get((), ()):
            joined.setdefault(of_case.get(finding.case, ()), []).append(finding)
        return joined

    def _nor(self, findings: Sequence[Finding]) -> tuple[str, ...]:
        """The same in other classes and cases."""
        return (f"nor {_listed(self.in_case(each.request, each.case).strip() for each in findings)}",) if findings else ()

    def _skipped(self, finding: Finding) -> tuple[str, ...]:
        """The first task before the response that gets some of its data in this case, but not all."""
        case = next((case for case in self.flow.cases if (case.request, case.arms) == (finding.request, finding.case)), None)
        if case is None:
            return ()
        for name in self.flow.order:
            if name not in self.before_response or self.flow.runs_in(name, case):
                continue
            ports = self.tasks[name].inputs
            fed = {port.name for port in ports if self.flow.producers(name, port.name, case)}
            lacking = [port for port in ports if port.name not in fed and not port.optional]
            if fed and lacking:
                return (f"task '{name}' is skipped there: nothing feeds its port '{lacking[0].name}', {type_name(lacking[0])}",)
        return ()

    def _response_span(self, finding: Finding) -> Span | None:
        concerned = {ref.task for ref in finding.sources}
        spans = [edge.span for edge in self.into.get(RESPONSE, ()) if edge.source in concerned and edge.span]
        return max(spans, key=lambda span: span.start) if spans else self.requests[finding.request or ""].span

    def _undecided(self, finding: Finding) -> None:
        choice = self.choices[finding.choice or ""]
        arms = choice.arms if isinstance(choice, ExclusiveChoice) else ()
        span = next((arm.span for arm in arms if arm.when == PortRef(finding.task or "", finding.port or "")), None) or choice.span
        if finding.request:
            case, why = self.in_case(finding.request, finding.case), "does not run there"
            way_out = f"let '{finding.task}' run for every request that reaches the choice"
        else:
            case, why = "", "runs only after it"
            way_out = "let a task decide that runs before the choice"
        self.report("AIB228", span, case=case, task=finding.task, why=why, way_out=way_out)

    def report_together(self, group: Exclusive, flow: Flow) -> frozenset[str]:
        """`( a | b ) ->`: the first pair of tasks of two arms that run in one case; empty where they exclude each other."""
        seen: list[str] = []
        ran = 0
        for arm in group.arms:
            names = list(dict.fromkeys(out.node for out in arm))
            cases = [flow.runs[name] if name in flow.runs else flow.cases_of(name) for name in names]
            for name, mask in zip(names, cases, strict=True):
                if not mask & ran:
                    continue
                for earlier in seen:
                    case = flow.together(earlier, name)
                    if case is not None and earlier != name:
                        self._together(group, earlier, name, case)
                        return frozenset((earlier, name))
            seen += names
            for mask in cases:
                ran |= mask
        return frozenset()

    def _together(self, group: Exclusive, task: str, other: str, case: Case) -> None:
        outs = [out for arm in group.arms for out in arm if out.node == other]
        fed = [edge.target for edge in self.leaving.get(other, ())]
        target = f"'{fed[-1]}'" if fed else "what follows"
        self.report(
            "AIB215", outs[0].span if outs else group.span, one=task, other=other, case=self.in_case(case.request, case.arms), target=target
        )


def _listed(names: Iterable[str]) -> str:
    shown = list(names)
    return ", ".join(shown[:_LISTED]) + (" …" if len(shown) > _LISTED else "")
