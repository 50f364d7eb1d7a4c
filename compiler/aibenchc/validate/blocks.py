"""A block's settings by name: unknown ones and those given twice reported, shapes read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from aibenchc.diagnostics import one_of, place
from aibenchc.source import Span
from aibenchc.syntax import ast
from aibenchc.syntax.written import written
from aibenchc.value_reader import Reader


@dataclass(frozen=True)
class Block:
    """`owner` names the block in diagnostics. repeated: settings that may be given several times."""

    owner: str
    span: Span
    settings: Mapping[str, Sequence[ast.Setting]]
    reader: Reader

    def get(self, name: str) -> ast.Setting | None:
        return self.settings[name][0] if name in self.settings else None

    def need(self, name: str, example: str) -> ast.Setting | None:
        """The setting; reports its absence."""
        setting = self.get(name)
        if setting is None:
            self.reader.diagnostics.report("AIB123", self.span, owner=self.owner, name=name, example=example)
        return setting

    def flag(self, name: str) -> bool:
        """A setting that is one bare word."""
        setting = self.get(name)
        if setting is None:
            return False
        if setting.words or setting.comparison or setting.alternatives:
            self.reader.shape(setting.span, f"`{name}`", "no value", f"`{shown(setting)}`", f"write `{name}` alone")
        return True

    def value(self, setting: ast.Setting | None, expected: str, example: str) -> ast.Value | None:
        """The one value of `name value`."""
        if setting is None:
            return None
        words = plain_words(setting, 1, expected, example, self.reader)
        return words[0] if words else None


def block(
    owner: str,
    span: Span,
    settings: Iterable[ast.Setting | ast.MetricName],
    known: Sequence[str],
    reader: Reader,
    repeated: Sequence[str] = (),
) -> Block:
    grouped: dict[str, list[ast.Setting]] = {}
    for setting in _separated(settings, known, reader):
        name = setting.text if isinstance(setting, ast.MetricName) else setting.name.text
        at = setting.span if isinstance(setting, ast.MetricName) else setting.name.span
        if isinstance(setting, ast.MetricName) or name not in known:
            hint = reader.did_you_mean(name, known, one_of(known) if known else "it has none")
            reader.diagnostics.report("AIB107", at, owner=owner, name=name, hint=hint)
        elif name in grouped and name not in repeated:
            reader.diagnostics.report("AIB115", setting.span, what=f"`{name}`", first=place(grouped[name][0].span))
        else:
            grouped.setdefault(name, []).append(setting)
    return Block(owner, span, grouped, reader)


def _separated(
    settings: Iterable[ast.Setting | ast.MetricName], known: Sequence[str], reader: Reader
) -> Iterator[ast.Setting | ast.MetricName]:
    """The settings; `share 90% from shop.queries` is reported, and read as the two that were meant."""
    for setting in settings:
        while isinstance(setting, ast.Setting) and (at := _next_setting(setting, known)):
            words, word = setting.words, setting.words[at]
            assert isinstance(word, ast.Ref)
            before = f"{setting.name.text} {' '.join(map(written, words[:at]))}"
            reader.diagnostics.report("AIB026", word.span, name=word.text, before=before)
            yield ast.Setting(setting.name, words[:at], span=Span(setting.span.source, setting.span.start, words[at - 1].span.end))
            rest = Span(word.span.source, word.span.start, setting.span.end)
            setting = replace(setting, name=word.parts[0], words=words[at + 1 :], span=rest)
        yield setting


def _next_setting(setting: ast.Setting, known: Sequence[str]) -> int:
    """Which word of a setting, after its first, names another one; 0: none does."""
    later = enumerate(setting.words[1:], 1)
    return next((i for i, word in later if isinstance(word, ast.Ref) and word.text in known and word.text != setting.name.text), 0)


def plain_words(setting: ast.Setting, count: int, expected: str, example: str, reader: Reader) -> tuple[ast.Value, ...] | None:
    """Exactly `count` words and nothing else. A number whose unit is not one (`10 sec`) is reported as that."""
    words = setting.words
    odd = odd_unit(words)
    if odd is not None and len(words) > count:
        report_unit(odd, f"`{setting.name.text}`", expected, example, reader)
        return None
    if len(words) == count and setting.comparison is None and not setting.alternatives and setting.tasks is None:
        return words
    actual = f"`{shown(setting)}`" if words or setting.comparison or setting.alternatives or setting.tasks is not None else "nothing"
    reader.shape(setting.span, f"`{setting.name.text}`", expected, actual, example)
    return None


def odd_unit(words: Sequence[ast.Value]) -> tuple[ast.Number, ast.Ref] | None:
    """A number without a unit directly followed by a word, which may be a misspelt unit."""
    for number, word in pairwise(words):
        if isinstance(number, ast.Number) and number.unit is None and isinstance(word, ast.Ref) and len(word.parts) == 1:
            return number, word
    return None


def report_unit(odd: tuple[ast.Number, ast.Ref], what: str, expected: str, example: str, reader: Reader) -> None:
    number, word = odd
    span = Span(number.span.source, number.span.start, word.span.end)
    reader.diagnostics.report("AIB201", span, what=what, expected=expected, found=f"'{number.digits} {word.text}'", example=example)


def shown(setting: ast.Setting) -> str:
    """A setting as the author would write it."""
    parts = [setting.name.text, *(written(word) for word in setting.words)]
    if setting.comparison:
        parts += [setting.comparison.operator, written(setting.comparison.value)]
    if setting.alternatives:
        parts.append(" | ".join(alternative.name.text for alternative in setting.alternatives))
    if setting.tasks is not None:
        parts.append(f"{{ {', '.join(task.text for task in setting.tasks)} }}" if setting.tasks else "{}")
    return " ".join(parts)
