"""Tables on terminals of every width: no word, number or interval is cut, nothing is lost, and nothing is wider than the terminal."""

from __future__ import annotations

import re

import pytest
from aibenchc.cli.tables import pieces, table_text, wrapped
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

COLUMNS = ("what", "name", "samples", "failed", "mean", "p50", "p90", "p99")
ROWS = (
    ("whole path", "all", "2,519", "0", "34.8 [30.9, 39.1]", "31.1 [27.0, 41.4]", "58.7 [53.9, 70.0]", "1,112 [980, 1,304]"),
    ("class", "a_class_with_a_long_name", "8", "1,234", "–", "– (needs 40)", "– (needs 200)", "– (needs 2,000)"),
)
_words = st.text(st.sampled_from("abcXYZ0129.,%[]–×語é"), min_size=1, max_size=14)
_cells = st.lists(_words, max_size=5).map(" ".join)


def _squeezed(text: str) -> str:
    return re.sub(r"\s", "", text)


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 200])
def test_numbers_and_words_are_whole_at_every_width(width: int) -> None:
    text = table_text("Latency, ms", COLUMNS, ROWS, tuple(range(2, 8)), width)
    assert all(cell_len(line) <= width for line in text.splitlines())
    for row in (COLUMNS, *ROWS):
        for cell in row:
            for piece in re.findall(r"\[.*?\]|[^\s\[]+", cell):
                assert piece in text, (piece, text)


def test_a_wide_terminal_shows_a_grid_and_a_narrow_one_lists() -> None:
    assert "\n  whole path   all" in table_text("Latency, ms", COLUMNS, ROWS, (), 200)
    narrow = table_text("Latency, ms", COLUMNS, ROWS, (), 60)
    assert "\n  what     whole path\n  name     all\n  samples  2,519\n" in narrow


@given(
    st.integers(2, 6).flatmap(lambda n: st.lists(st.lists(_cells, min_size=n, max_size=n), min_size=2, max_size=5)), st.integers(40, 200)
)
def test_nothing_is_lost_and_nothing_too_wide(rows: list[list[str]], width: int) -> None:
    text = table_text("title", rows[0], rows[1:], (0,), width)
    assert all(cell_len(line) <= width for line in text.splitlines())
    whole = _squeezed(text)
    for row in rows:
        for word in " ".join(row).split():
            assert word in text or _squeezed(word) in whole


@given(_cells, st.integers(1, 40))
def test_wrapped_lines_hold_the_words_in_their_order(text: str, width: int) -> None:
    lines = wrapped(text, width)
    assert " ".join(lines).split() == text.split()
    assert all(cell_len(line) <= width or len(pieces(line)) == 1 for line in lines)


def test_a_number_stays_with_its_unit() -> None:
    assert wrapped("1137 ms within 6 %", 9) == ["1137 ms", "within", "6 %"]
    assert wrapped("≥ 85 % of all", 6) == ["≥ 85 %", "of all"]


def test_statuses_are_coloured_and_only_there() -> None:
    rows = (("slo", "PASS"), ("quality", "FAIL"))
    plain, coloured = (table_text("verdict", ("what", "status"), rows, (), 80, colour) for colour in (False, True))
    assert "\x1b" not in plain
    assert "\x1b[32mPASS" in coloured
    assert "\x1b[31mFAIL" in coloured
