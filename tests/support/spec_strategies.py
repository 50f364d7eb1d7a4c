"""Hypothesis strategies: syntax trees of the whole language, and specs with some of their words changed."""

from __future__ import annotations

import re
from itertools import pairwise

from aibenchc.syntax import ast
from aibenchc.value_reader import UNITS
from hypothesis import strategies as st

# not `within`: after a word of a setting it is always read as the one that acts
WORDS = (
    "task",
    "request",
    "dataset",
    "scenario",
    "load",
    "every",
    "streams",
    "deadline",
    "on",
    "p99",
    "model",
    "text",
    "image",
    "when_x",
    "restless",
    "a",
    "b",
    "c",
    "shop",
    "x1",
    "_y",
)
names = st.sampled_from(WORDS).map(ast.Name)
digits = st.from_regex(r"[0-9]{1,4}(\.[0-9]{1,3})?", fullmatch=True)
numbers = st.builds(ast.Number, digits, st.none() | st.sampled_from(UNITS))
texts = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=12).map(ast.Text)
variables = st.sampled_from(WORDS).map(ast.Variable)
metric_names = st.builds(ast.MetricName, st.sampled_from(WORDS), digits)
refs = st.one_of(
    st.lists(names, min_size=1, max_size=3).map(lambda parts: ast.Ref(tuple(parts))),
    st.just(ast.Ref((ast.Name("p99.9"),))),
    names.map(lambda name: ast.Ref((name, ast.Name("p99.9")))),
)
_values = st.one_of(refs, numbers, texts, variables, metric_names)
values = st.deferred(lambda: _values)
comparisons = st.builds(ast.Comparison, st.sampled_from((">=", "<=", "<", ">")), values)


def tuples(strategy: st.SearchStrategy, least: int = 0, most: int = 3) -> st.SearchStrategy:
    return st.lists(strategy, min_size=least, max_size=most).map(tuple)


def unit_follows(words: tuple[ast.Value, ...]) -> bool:
    """`3 s` would be read as one number: a word that is a unit does not follow a bare number."""
    return not any(
        isinstance(a, ast.Number) and a.unit is None and isinstance(b, ast.Ref) and b.parts[0].text in UNITS for a, b in pairwise(words)
    )


words = tuples(values).filter(unit_follows)
qualities = st.builds(ast.Quality, values, comparisons)
rated = st.builds(ast.Alternative, names, tuples(qualities, 1, 2))
alternatives = st.one_of(tuples(rated, 1, 1), tuples(st.one_of(rated, names.map(ast.Alternative)), 2, 3))
settings = st.one_of(
    st.builds(ast.Setting, names, words, st.none() | comparisons),
    st.builds(ast.Setting, names, alternatives=alternatives),
    metric_names,
)
demanded = st.builds(ast.Setting, names, words, tasks=tuples(refs))  # replicas 2 { rank, planner }

simple_steps = refs
shares = st.one_of(numbers, variables, st.just(ast.Rest()))


def groups(steps: st.SearchStrategy) -> st.SearchStrategy:
    paths = st.lists(steps, min_size=1, max_size=3).map(lambda path_steps: ast.Path(tuple(path_steps)))
    arms = st.one_of(st.builds(ast.Arm, paths), st.builds(ast.Arm, paths, shares, st.none() | refs))
    untils = st.builds(ast.Until, refs, comparisons)
    return st.one_of(
        st.builds(ast.Paren, paths),
        st.builds(ast.All, tuples(paths, 2)),
        st.builds(ast.One, tuples(arms, 2)),
        st.builds(ast.First, tuples(arms, 2), st.none() | untils),
    )


_steps = st.recursive(simple_steps, groups, max_leaves=6)
steps = st.deferred(lambda: _steps)
chains = st.lists(steps, min_size=2, max_size=4).map(lambda chain_steps: ast.Path(tuple(chain_steps)))
figures = st.one_of(
    st.builds(ast.Figure, names, tuples(values, 1).filter(unit_follows), within=st.none() | values),
    st.builds(ast.Figure, names, tuples(values, 1, 1), values, values, st.none() | values),
)
_items = st.one_of(
    texts.map(ast.Include),
    st.builds(ast.Dataset, names, names),
    st.builds(ast.Request, names, tuples(settings)),
    st.builds(ast.Task, names, names, tuples(settings)),
    st.builds(ast.Permutation, tuples(chains)),
    st.builds(ast.Section, st.sampled_from(("metrics", "slo", "load", "distill")), tuples(settings)),
    st.builds(ast.Update, names, values, tuples(refs)),
    st.builds(ast.Deployment, names, tuples(st.one_of(settings, demanded))),
    st.builds(ast.Reference, texts, tuples(figures)),
)
items = st.deferred(lambda: _items)
tops = st.one_of(st.builds(ast.Param, names, values), st.builds(ast.Scenario, names, st.none() | texts, tuples(items, 0, 4)), items)
specs = st.builds(ast.Spec, st.just("1"), tuples(tops, 0, 4))

_TOKEN = re.compile(r'"[^"\n]*"|#[^\n]*|[A-Za-z_0-9.]+|->|>=|<=|\s+|.')


@st.composite
def changed(draw: st.DrawFn, text: str) -> str:
    """A spec with up to four of its words removed, doubled or replaced by another of its words."""
    tokens = _TOKEN.findall(text)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(tokens) - 1))
        what = draw(st.integers(0, 3))
        if what == 0:
            tokens[at] = ""
        elif what == 1:
            tokens[at] = f"{tokens[at]} {tokens[at]}"
        elif what == 2:
            tokens[at] = tokens[draw(st.integers(0, len(tokens) - 1))]
        else:
            tokens[at] = draw(
                st.sampled_from(
                    ("(", ")", "{", "}", "|", "&", "else", "rest", "until", "when", "$x", "0", "9%", "3 ms", '"', "@", "response")
                )
            )
    return "".join(tokens)
