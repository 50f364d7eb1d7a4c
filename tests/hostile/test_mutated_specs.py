"""A slice of the campaign of tests/benchmarks/bench_mutated_specs.py: every mistyped spec compiles or is explained."""

from __future__ import annotations

import pytest
from mutated_specs import mutated, outcome

SLICE = 100


@pytest.mark.parametrize("first", [0, SLICE // 2])
def test_a_mistyped_spec_compiles_or_is_explained(first: int) -> None:
    compiled = 0
    codes: set[str] = set()
    for number in range(first, first + SLICE // 2):
        result = outcome(mutated(number))
        assert result.flaw is None, (number, result)
        compiled += result.compiled
        codes.update(result.codes)
    assert compiled > 2  # changes of comments, numbers and settings: not all end in the parser
    assert len(codes) > 10


def test_a_case_is_the_same_again() -> None:
    assert mutated(7) == mutated(7)
    assert len({mutated(number) for number in range(50)}) > 40
