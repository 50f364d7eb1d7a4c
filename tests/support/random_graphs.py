"""Random valid graphs as a Hypothesis strategy: request classes, nested choices, fallbacks, caches, effects, auxiliary and idle tasks.

They are grown from the requests towards the response, of catalogue components, so that every port is fed in every case.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

from aibenchc.flow import analyse
from aibenchc.graph import Graph
from aibenchc.show.graphtext import parse_graph
from hypothesis import strategies as st

T = TypeVar("T")

STEPS = {
    "Query": ("spelling_correction", "query_rewrite", "spelling_correction auxiliary"),
    "Items": ("learning_to_rank [mlp_lambda | linear_lambda]", "learning_to_rank [mlp_lambda]", "learning_to_rank [linear_lambda]"),
}
SHARES = (0.003, 0.01, 0.015, 0.05, 0.2, 0.5)


@dataclass(frozen=True)
class Out:
    """A place where a value can be had: `node` or `node.port`, behind guards."""

    port: str
    guards: tuple[str, ...] = ()


@dataclass
class Growth:
    """The graph so far, as lines of its text form."""

    draw: st.DrawFn
    requests: list[str] = field(default_factory=list)
    tasks: list[str] = field(default_factory=list)
    choices: list[str] = field(default_factory=list)
    edges: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)

    def pick(self, *options: T) -> T:
        return self.draw(st.sampled_from(options))

    def chance(self, percent: int) -> bool:
        return self.draw(st.integers(0, 99)) < percent

    def task(self, kind: str) -> str:
        name = f"t{len(self.names)}"
        self.names.append(name)
        words = "auxiliary " if kind.endswith(" auxiliary") else ""
        words += "effect " if kind in ("event_log", "cache_store") else ""
        service = f"{self.pick(1.0, 5.0, 40.0)!r} ms " if self.timed else ""
        self.tasks.append(f"task {name} {words}{service}: {kind.removesuffix(' auxiliary')}")
        return name

    def edge(self, outs: list[Out], target: str) -> None:
        for out in outs:
            self.edges.append(f"{out.port} -> {target}" + (f" [{' '.join(out.guards)}]" if out.guards else ""))

    def segment(self, outs: list[Out], kind: str, depth: int) -> list[Out]:
        """Some steps that take and give a type."""
        for _ in range(self.draw(st.integers(0, 2))):
            if depth > 0 and self.chance(35):
                outs = self.one(outs, kind, depth)
            else:
                name = self.task(self.pick(*STEPS[kind]))
                self.edge(outs, name)
                outs = [Out(name)]
                self.watch(name, kind)
        return outs

    def one(self, outs: list[Out], kind: str, depth: int) -> list[Out]:
        choice, count = f"c{len(self.choices)}", self.draw(st.integers(2, 3))
        self.choices.append("")
        rest = [self.pick(*SHARES) / 2 for _ in range(count - 1)]
        shares = [1 - sum(rest), *rest]
        ends, arms = [], []
        for number, share in enumerate(shares):
            before = len(self.names)
            entered = [Out(out.port, (*out.guards, f"{choice}.{number}")) for out in outs]
            ends += self.segment(entered, kind, depth - 1)
            arms.append(f"{share!r}: " + " ".join(n for n in self.names[before:] if n not in self.aside))
        if self.users and self.chance(20):
            flag = self.task("ab_assignment auxiliary")
            self.edge(self.users, flag)
            arms[0] = arms[0].replace(":", f" when {flag}.treated:", 1)
        self.choices[int(choice[1:])] = f"choice {choice} one " + " | ".join(arms)
        return ends

    def watch(self, name: str, kind: str) -> None:
        """Sometimes adds a side task."""
        if self.chance(25):
            side = self.pick("logging auxiliary", "monitoring", *(["basic_statistics"] if kind == "Query" else []))
            self.aside.add(watcher := self.task(side))
            self.edge([Out(name)], watcher)

    def find(self, outs: list[Out]) -> list[Out]:
        """Goods of a category: one search, or several in turn."""
        if self.chance(40):
            name = self.task("indexing")
            self.edge(outs, name)
            return [Out(name)]
        choice = f"c{len(self.choices)}"
        shares = sorted([1.0, *(self.pick(*SHARES) for _ in range(self.draw(st.integers(1, 2))))], reverse=True)
        names = []
        for number in range(len(shares)):
            names.append(name := self.task("indexing"))
            self.edge([Out(out.port, (*out.guards, f"{choice}.{number}")) for out in outs], name)
        arms = " | ".join(f"{share!r}: {name}" for share, name in zip(shares, names, strict=True))
        self.choices.append(f"choice {choice} first {arms} until {names[0]}.hits >= 20.0")
        return [Out(name) for name in names]

    def query_class(self, number: int) -> list[Out]:
        """A class of text requests up to its queries; sometimes with a cache."""
        name = f"text{number}"
        self.users.append(Out(f"{name}.user"))
        parse = self.task("query_parsing")
        self.edge([Out(name)], parse)
        outs = self.segment([Out(parse)], "Query", 2)
        if self.chance(30):
            cache, choice = self.task("cache_lookup"), f"c{len(self.choices)}"
            self.edge(outs, cache)
            self.edge([Out(f"{name}.user")], cache)
            self.edge([Out(cache, (f"{choice}.0",))], "response")
            share = self.pick(*SHARES)
            self.choices.append(f"choice {choice} one {share!r} when {cache}.hit: | {1 - share!r}:")
            outs = [Out(f"{cache}.query", (f"{choice}.1",))]
        return outs

    users: list[Out] = field(default_factory=list)
    aside: set[str] = field(default_factory=set)
    timed: bool = False


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """A valid graph of 5 to some 40 tasks."""
    growth = Growth(draw)
    growth.timed = growth.chance(30)
    texts, images = draw(st.integers(1, 3)), draw(st.integers(0, 1))
    names = [f"text{i}" for i in range(texts)] + ["image"] * images
    rest = [growth.pick(*SHARES) / 3 for _ in names[1:]]
    for name, share in zip(names, [1 - sum(rest), *rest], strict=True):
        ports, source = ("image: Image", "photos") if name == "image" else ("text: Text", "queries")
        deadline = f" deadline {growth.pick(0.04, 0.1)!r}" if growth.chance(30) else ""
        growth.requests.append(f"request {name} {share!r} d.{source} ({ports}, user: User){deadline}")
    shared = growth.chance(40)
    queries = [growth.query_class(i) for i in range(texts)]
    if shared:
        queries = [growth.segment([out for outs in queries for out in outs], "Query", 1)]
    categories: list[Out] = []
    for outs in queries:
        category = growth.task("text_classification [fasttext | textcnn]")
        growth.edge(outs, category)
        categories.append(Out(category))
    if images:
        picture = growth.task("image_classification [resnet20 | resnet56 | resnet152]")
        growth.edge([Out("image")], picture)
        growth.users.append(Out("image.user"))
        categories.append(Out(picture))
    ends = growth.segment(growth.find(categories), "Items", 0)
    ends = growth.segment(ends, "Items", 2)
    show = growth.task("database_operation { table = items }")
    growth.edge(ends, show)
    growth.edge([Out(show)], "response")
    for kind in draw(st.lists(st.sampled_from(["event_log", "cache_store", "fraud_check", "logging auxiliary"]), max_size=4)):
        side = growth.task(kind)
        growth.edge([Out(show)] if kind != "fraud_check" else [], side)
        growth.edge(growth.users if kind != "logging auxiliary" else [], side)
    datasets = ["dataset d = movielens_shop", *(["dataset unused = spoken_queries"] if growth.chance(30) else [])]
    lines = [*datasets, *growth.requests, *growth.tasks, *growth.choices, *growth.edges]
    graph = parse_graph("\n".join(lines))
    findings = analyse(graph).findings
    assert not findings, f"the generator makes an invalid graph: {findings[0]}\n" + "\n".join(lines)
    return graph
