"""Deployments: on how many hosts, with which models, how many of each part, how much each takes, what is kept apart and together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import TypeVar

from aibenchrt import catalog
from aibenchrt.component import Kind
from aibenchrt.process_names import PLANNER, POSTGRESQL

from aibenchc.build import Symbols
from aibenchc.diagnostics import place
from aibenchc.graph import Task
from aibenchc.model import Deployment, joined
from aibenchc.source import Span
from aibenchc.syntax import ast
from aibenchc.validate.blocks import Block, block, odd_unit, report_unit, shown
from aibenchc.validate.declarations import check_name
from aibenchc.validate.sections import task_named
from aibenchc.value_reader import PLAIN, SIZE, Reader

PROFILES = ("small", "full")
DEFAULT = Deployment("local", 1, "small")
MOST_REPLICAS, MOST_GENERATORS, MOST_CORES, MOST_MIB = 1000, 1000, 4096, 2**24
_REPEATED = ("replicas", "memory", "cores", "gpu", "apart", "together")
_EXAMPLES = {
    "replicas": "write `replicas 2 { rank, planner }`",
    "memory": "write `memory 512 MiB { rank }`",
    "cores": "write `cores 0.5 { rank }`",
    "gpu": "write `gpu { picture }`",
    "apart": "write `apart { planner, rank }`",
    "together": "write `together { profile, weights }`",
}
_T = TypeVar("_T", int, float)


def deployments(items: Sequence[ast.Item], symbols: Symbols, reader: Reader) -> tuple[Deployment, ...]:
    """The declared deployments, otherwise a default: local, one node, profile small."""
    declared: dict[str, Deployment] = {}
    for item in items:
        if not isinstance(item, ast.Deployment):
            continue
        check_name(item.name, reader)
        read = _deployment(item, symbols, reader)
        if read.name in declared:
            reader.diagnostics.report("AIB110", item.name.span, name=read.name, first=place(declared[read.name].span))
        else:
            declared[read.name] = read
    return tuple(declared.values()) or (DEFAULT,)


def _deployment(item: ast.Deployment, symbols: Symbols, reader: Reader) -> Deployment:
    known = ("nodes", "profile", "generators", *_REPEATED)
    settings = block(f"deployment '{item.name.text}'", item.name.span, item.settings, known, reader, repeated=_REPEATED)
    parts = _Parts(settings, symbols, reader)
    apart, together = parts.groups("apart", least=1), parts.groups("together", least=2)
    parts.check_groups(apart, together)
    return Deployment(
        name=item.name.text,
        nodes=_count(settings, "nodes", 10_000, reader),
        profile="full" if _profile(settings, reader) == "full" else "small",
        replicas=parts.sized("replicas", lambda value: reader.count(value, "`replicas`", most=MOST_REPLICAS)),
        memory_mib=parts.sized("memory", lambda value: _mib(value, reader)),
        cores=parts.sized("cores", lambda value: reader.number(value, "`cores`", PLAIN, above=0, most=MOST_CORES)),
        gpu=parts.gpu(),
        generators=_count(settings, "generators", MOST_GENERATORS, reader),
        apart=tuple(tuple(group) for group in apart),
        together=tuple(tuple(group) for group in together),
        span=item.name.span,
    )


def _count(settings: Block, name: str, most: int, reader: Reader) -> int:
    value = settings.value(settings.get(name), "a whole number", f"write `{name} {2 if name == 'generators' else 15}`")
    return (None if value is None else reader.count(value, f"`{name}`", most=most)) or 1


def _profile(settings: Block, reader: Reader) -> str | None:
    example = "write `profile small`"
    value = settings.value(settings.get("profile"), "small or full", example)
    word = None if value is None else reader.word(value, "`profile`", "small or full", example)
    if word is not None and word.text not in PROFILES:
        hint = reader.did_you_mean(word.text, PROFILES)
        reader.diagnostics.report("AIB109", word.span, name=word.text, setting="`profile`", hint=hint)
    return word.text if word is not None else None


def _mib(value: ast.Value, reader: Reader) -> int | None:
    """The size in MiB, rounded up."""
    mib = reader.number(value, "`memory`", SIZE, above=0, most=MOST_MIB)
    return None if mib is None else int(-(-mib // 1))


class _Parts:
    """The settings of a deployment that name tasks, the planner or the database server."""

    def __init__(self, settings: Block, symbols: Symbols, reader: Reader) -> None:
        self.settings = settings
        self.symbols = symbols
        self.reader = reader
        stages = [stage for task in symbols.tasks.values() for stage in task.stages]
        on_server = any(("engine", POSTGRESQL) in stage.settings for stage in stages)
        self.others = (PLANNER, POSTGRESQL) if on_server else (PLANNER,)

    def sized(self, name: str, read: Callable[[ast.Value], _T | None]) -> tuple[tuple[str, _T], ...]:
        """`name value { task, … }`, each task at most once."""
        sizes: dict[str, _T] = {}
        given: dict[str, Span] = {}
        for setting in self.settings.settings.get(name, ()):
            if not self._has(setting, name, 1):
                continue
            value = read(setting.words[0])
            for part, span in self._named(setting.tasks or (), given, f"`{name}` of"):
                if name == "replicas" and value is not None and value > 1:
                    self._check_replicas(part, int(value), span)
                if value is not None:
                    sizes[part] = value
        return tuple(sizes.items())

    def gpu(self) -> tuple[str, ...]:
        spans: dict[str, Span] = {}
        for setting in self.settings.settings.get("gpu", ()):
            if not self._has(setting, "gpu", 0):
                continue
            for part, span in self._named(setting.tasks or (), spans, "`gpu` of"):
                spec = catalog.component(self.symbols.tasks[part].stages[0].component) if part in self.symbols.tasks else None
                if spec is None or spec.kind is not Kind.AI:
                    self.reader.diagnostics.report("AIB417", span, name=part)
        return tuple(spans)

    def groups(self, name: str, least: int) -> list[dict[str, Span]]:
        groups = []
        for setting in self.settings.settings.get(name, ()):
            if not self._has(setting, name, 0):
                continue
            group: dict[str, Span] = {}
            list(self._named(setting.tasks or (), group, f"`{name}`:"))
            if len(setting.tasks or ()) < least:
                self._misshapen(setting, name)
            else:
                groups.append(group)
        return groups

    def check_groups(self, apart: Sequence[dict[str, Span]], together: Sequence[dict[str, Span]]) -> None:
        """AIB413: parts declared `apart` that must share a host because of a `together` or a common state on disk."""
        one_host = [(group, "they are `together`") for group in joined(map(frozenset, together))]
        states = defaultdict[str, set[str]](set)
        for name, task in self.symbols.tasks.items():
            for state in _states(task):
                states[state].add(name)
        one_host += [(frozenset(tasks), f"both keep '{state}' on disk") for state, tasks in states.items()]
        hosts_of = defaultdict[str, list[int]](list)
        for number, (names, _) in enumerate(one_host):
            for name in names:
                hosts_of[name].append(number)
        for group in apart:
            first: dict[int, str] = {}
            for name in group:
                shared = next((number for number in hosts_of[name] if number in first), None)
                if shared is not None:
                    self.reader.diagnostics.report("AIB413", group[name], one=first[shared], other=name, why=one_host[shared][1])
                for number in hosts_of[name]:
                    first.setdefault(number, name)

    def _has(self, setting: ast.Setting, name: str, words: int) -> bool:
        """Whether the setting has this number of words, followed by braces."""
        odd = odd_unit(setting.words)
        if odd is not None and words == 1:
            report_unit(odd, f"`{name}`", SIZE.expected if name == "memory" else PLAIN.expected, _EXAMPLES[name], self.reader)
            return False
        if len(setting.words) == words and setting.tasks and setting.comparison is None and not setting.alternatives:
            return True
        self._misshapen(setting, name)
        return False

    def _misshapen(self, setting: ast.Setting, name: str) -> None:
        expected = {"memory": "a size and tasks", "cores": "a number and tasks", "replicas": "a number and tasks"}.get(
            name, "tasks in braces"
        )
        expected = "at least two tasks in braces" if name == "together" else expected
        self.reader.shape(setting.span, f"`{name}`", expected, f"`{shown(setting)}`", _EXAMPLES[name])

    def _named(self, refs: Sequence[ast.Ref], given: dict[str, Span], what: str) -> list[tuple[str, Span]]:
        """The parts that are named here for the first time; the others are reported: AIB101, AIB115."""
        named = []
        for ref in refs:
            name = ref.text
            if name not in self.others or name in self.symbols.declared:
                if len(ref.parts) == 1 and name not in self.symbols.declared:
                    hint = self.reader.did_you_mean(name, (*self.symbols.tasks, *self.others))
                    self.reader.diagnostics.report("AIB101", ref.span, name=name, hint=hint)
                    continue
                task = task_named(ref, self.symbols, self.reader)
                if task is None:
                    continue
            if name in given:
                self.reader.diagnostics.report("AIB115", ref.span, what=f"{what} '{name}'", first=place(given[name]))
                continue
            given[name] = ref.span
            named.append((name, ref.span))
        return named

    def _check_replicas(self, part: str, count: int, span: Span) -> None:
        if part == POSTGRESQL:
            state = "the tables"
        else:
            kept = _states(self.symbols.tasks[part]) if part in self.symbols.tasks else []
            state = f"'{kept[0]}'" if kept else ""
        if state:
            self.reader.diagnostics.report("AIB412", span, task=part, count=count, state=state)


def _states(task: Task) -> list[str]:
    """What a task keeps on disk."""
    stages = [(catalog.component(stage.component), dict(stage.settings)) for stage in task.stages]
    return [state for spec, settings in stages if spec is not None and (state := spec.state_of(settings)) is not None]
