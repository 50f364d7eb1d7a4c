"""Graph as text, one line a thing: the form that tests and traces show. parse(format(g)) == g; spans are not kept.

    dataset shop = movielens_shop
    request text 0.985 shop.queries (text: Text, user: User)
    request frame 1.0 show.frames (shot: Shot, moment: Moment) deadline 0.04      # in seconds
    task category : text_classification [fasttext | textcnn] quality accuracy >= 0.7
    task clicks effect 3.5 ms : event_log
    task other : spelling_correction (query: Query, hint: Query? many) -> (query: Query)      # ports where not the catalogue's
    task u_v : u = query_parsing ; v = spelling_correction <- query = u.query, other = hint (text: Text) -> (query: Query)
    choice c1 one 0.5 when assign.treated: rank_new | 0.5: rank
    choice c2 first 1.0: excellent | 0.35: good until excellent.hits >= 50.0
    answers.query -> excellent.query [c1.0 c2.1]

A model is the catalogue's, or `name (accuracy 0.9, cost 3.0, full)`. Settings are `{ table = answers, shards = 2 }`. Names that are not
plain, or are words of this form, stand in JSON quotes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence

from aibenchrt.catalog import component
from aibenchrt.component import Port, Ports

from aibenchc.graph import (
    Arm,
    Candidate,
    Choice,
    Dataset,
    Edge,
    ExclusiveArm,
    ExclusiveChoice,
    Fallback,
    Feed,
    Graph,
    Guard,
    PortRef,
    QualityTarget,
    RequestClass,
    Stage,
    Task,
    Until,
    bound_operator,
)

_TOKEN = re.compile(
    r"""\s*(?: (?P<string> "(?:[^"\\]|\\.)*" )
             | (?P<number> -?\d+(?:\.\d+)?(?:e[+-]?\d+)? (?![\w@]) )
             | (?P<word> [A-Za-z_][\w@]* )
             | (?P<mark> -> | <- | >= | <= | [-(){}\[\]:;,.=|?] ) )""",
    re.VERBOSE,
)
_KEYWORDS = frozenset(["dataset", "request", "task", "choice", "auxiliary", "effect", "ms", "quality", "cost", "many", "when", "until"])
_PLAIN = re.compile(r"[A-Za-z_][\w@]*\Z")


def format_graph(graph: Graph) -> str:
    """The graph's text, one thing a line, ending in a newline."""
    lines = [
        *(f"dataset {_word(d.name)} = {_word(d.spec)}" for d in graph.datasets),
        *(_request(request) for request in graph.requests),
        *(format_task(task) for task in graph.tasks),
        *(format_choice(choice) for choice in graph.choices),
        *(format_edge(edge) for edge in graph.edges),
    ]
    return "".join(line + "\n" for line in lines)


def _request(request: RequestClass) -> str:
    deadline = "" if request.deadline_s is None else f" deadline {request.deadline_s!r}"
    source = f"{_word(request.dataset)}.{_word(request.source)}"
    return f"request {_word(request.name)} {request.share!r} {source} {_ports(request.ports)}{deadline}"


def format_task(task: Task) -> str:
    words = ["task", _word(task.name)]
    words += [word for word, on in (("auxiliary", task.auxiliary), ("effect", task.effect)) if on]
    words += [f"{task.service_ms!r} ms"] if task.service_ms is not None else []
    words.append(":")
    words.append(" ; ".join(_stage(stage, task) for stage in task.stages))
    if (task.inputs, task.outputs) != _usual_ports(task):
        words.append(f"{_ports(task.inputs)} -> {_ports(task.outputs)}")
    return " ".join(words)


def format_choice(choice: Choice) -> str:
    def arm(share: float, tasks: Sequence[str], when: PortRef | None = None) -> str:
        flag = f" when {_ref(when)}" if when else ""
        return f"{share!r}{flag}:" + "".join(" " + _word(task) for task in tasks)

    match choice:
        case ExclusiveChoice(arms=arms):
            return f"choice {_word(choice.name)} one " + " | ".join(arm(a.share, a.tasks, a.when) for a in arms)
        case Fallback(arms=tried, until=until):
            turns = " | ".join(arm(a.share, a.tasks) for a in tried)
            return f"choice {_word(choice.name)} first {turns} until {_ref(until.ref)} >= {until.at_least!r}"


def format_edge(edge: Edge) -> str:
    source = _word(edge.source) + (f".{_word(edge.source_port)}" if edge.source_port is not None else "")
    target = _word(edge.target) + (f".{_word(edge.target_port)}" if edge.target_port is not None else "")
    guards = " ".join(f"{_word(guard.choice)}.{guard.arm}" for guard in edge.guards)
    return f"{source} -> {target}" + (f" [{guards}]" if guards else "")


def _word(text: str) -> str:
    return text if _PLAIN.match(text) and text not in _KEYWORDS else json.dumps(text)


def _ref(ref: PortRef) -> str:
    return f"{_word(ref.task)}.{_word(ref.port)}"


def _ports(ports: Iterable[Port]) -> str:
    return "(" + ", ".join(f"{_word(p.name)}: {_word(p.type)}" + "?" * p.optional + " many" * p.many for p in ports) + ")"


def _usual_ports(task: Task) -> tuple[tuple[Port, ...], tuple[Port, ...]] | None:
    spec = component(task.stages[0].component) if len(task.stages) == 1 else None
    if spec is None:
        return None
    ports: Ports = spec.ports_for(dict(task.stages[0].settings))
    return ports.inputs, ports.outputs


def _stage(stage: Stage, task: Task) -> str:
    words = [_word(stage.component)] if (stage.name,) == (task.name,) else [f"{_word(stage.name)} = {_word(stage.component)}"]
    if stage.settings:
        values = (f"{_word(k)} = {v if isinstance(v, int) else _word(v)}" for k, v in stage.settings)
        words.append("{ " + ", ".join(values) + " }")
    if stage.candidates:
        words.append("[" + " | ".join(_candidate(c, stage.component) for c in stage.candidates) + "]")
    if stage.target:
        words.append(f"quality {_word(stage.target.metric)} {stage.target.operator} {stage.target.bound!r}")
    if stage.feeds:
        feeds = (f"{_word(f.input)} = " + (f"{_word(f.stage)}." if f.stage is not None else "") + _word(f.port) for f in stage.feeds)
        words.append("<- " + ", ".join(feeds))
    return " ".join(words)


def _candidate(candidate: Candidate, component_name: str) -> str:
    if candidate == _declared(component_name, candidate.model):
        return _word(candidate.model)
    quality = "".join(f"{_word(metric)} {value!r}, " for metric, value in candidate.quality)
    return f"{_word(candidate.model)} ({quality}cost {candidate.cost!r}, {_word(candidate.profile)})"


def _declared(component_name: str, model: str) -> Candidate | None:
    spec = component(component_name)
    candidate = next((m for m in spec.models if m.name == model), None) if spec else None
    return Candidate(candidate.name, candidate.quality, candidate.cost, candidate.profile.value) if candidate else None


class GraphTextError(ValueError):
    """The text is not a graph; the message names the line."""


class _Line:
    """One line's tokens, read from left to right."""

    def __init__(self, text: str, number: int) -> None:
        self.where = f"line {number}: {text}"
        self.tokens: list[tuple[str, str]] = []
        self.at = 0
        position = 0
        while text[position:].strip():
            match = _TOKEN.match(text, position)
            if not match or not match.lastgroup:
                raise GraphTextError(f"{self.where}: not understood from column {position + 1}")
            self.tokens.append((match.lastgroup, match.group(match.lastgroup)))
            position = match.end()

    def peek(self, text: str) -> bool:
        return self.at < len(self.tokens) and self.tokens[self.at][1] == text and self.tokens[self.at][0] != "string"

    def take(self, text: str) -> bool:
        self.at += (matches := self.peek(text))
        return matches

    def expect(self, text: str) -> None:
        if not self.take(text):
            raise GraphTextError(f"{self.where}: '{text}' expected at token {self.at + 1}")

    def word(self) -> str:
        kind, text = self._next("a word", "word", "string")
        return str(json.loads(text)) if kind == "string" else text

    def number(self) -> float:
        return float(self._next("a number", "number")[1])

    def value(self) -> str | int:
        kind, text = self._next("a value", "word", "string", "number")
        return int(text) if kind == "number" else str(json.loads(text)) if kind == "string" else text

    def _next(self, what: str, *kinds: str) -> tuple[str, str]:
        if self.at >= len(self.tokens) or self.tokens[self.at][0] not in kinds:
            raise GraphTextError(f"{self.where}: {what} expected at token {self.at + 1}")
        self.at += 1
        return self.tokens[self.at - 1]

    @property
    def more(self) -> bool:
        return self.at < len(self.tokens)

    def end(self) -> None:
        if self.more:
            raise GraphTextError(f"{self.where}: nothing expected at token {self.at + 1}")


def parse_graph(text: str) -> Graph:
    """The graph of a text. Blank lines and `# …` lines are skipped. GraphTextError where it is none."""
    datasets: list[Dataset] = []
    requests: list[RequestClass] = []
    tasks: list[Task] = []
    choices: list[Choice] = []
    edges: list[Edge] = []
    for number, written in enumerate(text.splitlines(), 1):
        if not written.strip() or written.lstrip().startswith("#"):
            continue
        line = _Line(written, number)
        keyword = line.tokens[0][1] if len(line.tokens) > 1 and line.tokens[1][0] in ("word", "string") else None
        if keyword == "dataset":
            datasets.append(_parse_dataset(line))
        elif keyword == "request":
            requests.append(_parse_request(line))
        elif keyword == "task":
            tasks.append(_parse_task(line))
        elif keyword == "choice":
            choices.append(_parse_choice(line))
        else:
            edges.append(_parse_edge(line))
        line.end()
    return Graph(tuple(datasets), tuple(requests), tuple(tasks), tuple(edges), tuple(choices))


def _parse_dataset(line: _Line) -> Dataset:
    line.expect("dataset")
    name = line.word()
    line.expect("=")
    return Dataset(name, line.word())


def _parse_request(line: _Line) -> RequestClass:
    line.expect("request")
    name, share, dataset = line.word(), line.number(), line.word()
    line.expect(".")
    return RequestClass(name, share, dataset, line.word(), _parse_ports(line), line.number() if line.take("deadline") else None)


def _parse_ports(line: _Line) -> tuple[Port, ...]:
    line.expect("(")
    ports: list[Port] = []
    while not line.take(")"):
        if ports:
            line.expect(",")
        name = line.word()
        line.expect(":")
        ports.append(Port(name, line.word(), optional=line.take("?"), many=line.take("many")))
    return tuple(ports)


def _parse_task(line: _Line) -> Task:
    line.expect("task")
    name = line.word()
    auxiliary, effect = line.take("auxiliary"), line.take("effect")
    service_ms = None
    if not line.peek(":"):
        service_ms = line.number()
        line.expect("ms")
    line.expect(":")
    stages = [_parse_stage(line, name)]
    while line.take(";"):
        stages.append(_parse_stage(line, name))
    task = Task(name, tuple(stages), (), (), auxiliary, effect, service_ms)
    if line.peek("("):
        inputs = _parse_ports(line)
        line.expect("->")
        outputs = _parse_ports(line)
    else:
        usual = _usual_ports(task)
        if usual is None:
            raise GraphTextError(f"{line.where}: the catalogue does not say which ports this task has")
        inputs, outputs = usual
    return Task(name, tuple(stages), inputs, outputs, auxiliary, effect, service_ms)


def _parse_stage(line: _Line, task: str) -> Stage:
    first = line.word()
    name, kind = (first, line.word()) if line.take("=") else (task, first)
    settings: list[tuple[str, str | int]] = []
    if line.take("{"):
        while not line.take("}"):
            if settings:
                line.expect(",")
            key = line.word()
            line.expect("=")
            settings.append((key, line.value()))
    candidates: list[Candidate] = []
    if line.take("["):
        while not line.take("]"):
            if candidates:
                line.expect("|")
            candidates.append(_parse_candidate(line, kind))
    target = None
    if line.take("quality"):
        metric = line.word()
        line.expect(bound_operator(metric))
        target = QualityTarget(metric, line.number())
    feeds: list[Feed] = []
    if line.take("<-"):
        while not feeds or line.take(","):
            feeds.append(_parse_feed(line))
    return Stage(name, kind, tuple(settings), tuple(candidates), target, tuple(feeds))


def _parse_candidate(line: _Line, kind: str) -> Candidate:
    model = line.word()
    if not line.take("("):
        declared = _declared(kind, model)
        if declared is None:
            raise GraphTextError(f"{line.where}: the catalogue has no model '{model}' of '{kind}'")
        return declared
    quality = []
    while not line.peek("cost"):
        quality.append((line.word(), line.number()))
        line.expect(",")
    line.expect("cost")
    cost = line.number()
    line.expect(",")
    profile = line.word()
    line.expect(")")
    return Candidate(model, tuple(quality), cost, profile)


def _parse_feed(line: _Line) -> Feed:
    name = line.word()
    line.expect("=")
    first = line.word()
    return Feed(name, first, line.word()) if line.take(".") else Feed(name, None, first)


def _parse_choice(line: _Line) -> Choice:
    line.expect("choice")
    name = line.word()
    if line.take("one"):
        exclusive = [_parse_exclusive_arm(line)]
        while line.take("|"):
            exclusive.append(_parse_exclusive_arm(line))
        return ExclusiveChoice(name, tuple(exclusive))
    if not line.take("first"):
        raise GraphTextError(f"{line.where}: 'one' or 'first' expected")
    tried = [Arm(line.number(), _parse_tasks(line))]
    while line.take("|"):
        tried.append(Arm(line.number(), _parse_tasks(line)))
    line.expect("until")
    ref = _parse_ref(line)
    line.expect(">=")
    return Fallback(name, tuple(tried), Until(ref, line.number()))


def _parse_exclusive_arm(line: _Line) -> ExclusiveArm:
    share = line.number()
    when = _parse_ref(line) if line.take("when") else None
    return ExclusiveArm(share, _parse_tasks(line), when=when)


def _parse_tasks(line: _Line) -> tuple[str, ...]:
    line.expect(":")
    tasks = []
    while line.more and not line.peek("|") and not line.peek("until"):
        tasks.append(line.word())
    return tuple(tasks)


def _parse_ref(line: _Line) -> PortRef:
    task = line.word()
    line.expect(".")
    return PortRef(task, line.word())


def _parse_edge(line: _Line) -> Edge:
    source = line.word()
    source_port = line.word() if line.take(".") else None
    line.expect("->")
    target = line.word()
    target_port = line.word() if line.take(".") else None
    guards: list[Guard] = []
    if line.take("["):
        while not line.take("]"):
            choice = line.word()
            line.expect(".")
            guards.append(Guard(choice, int(line.number())))
    return Edge(source, target, source_port, target_port, tuple(guards))


__all__ = ["GraphTextError", "format_choice", "format_edge", "format_graph", "format_task", "parse_graph"]
