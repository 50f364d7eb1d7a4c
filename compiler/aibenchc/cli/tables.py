"""Tables on the terminal: no word and no number is ever cut.

A table that is too wide for the terminal first breaks its cells between words. Where not even the longest word of every column fits
beside the others, each row becomes a list of its own, a line for each cell.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from aibenchrt.shown import visible

from aibenchc.cli.output import in_colour

if TYPE_CHECKING:
    from rich.console import Console

WIDE = 200  # columns, where the output is no terminal
_UNITS = "%|‰|ns|µs|ms|s|/s|×|KiB|MiB|GiB"
# An interval stays whole, and a number with its unit.
_WORD = re.compile(rf"(?:\[[^\[\]]*\]|(?:[<>≤≥] )?[\d.,]+ (?:{_UNITS}))[,;]*(?=\s|$)|\S+")
_PADDING = 3  # what each column of rich's takes beside its text; the edge takes one
_LABELS = 0.4  # fraction of the width that the names of a list may take
_STYLES = {
    "PASS": "green",
    "passed": "green",
    "FAIL": "red",
    "violated": "red",
    "INCONCLUSIVE": "yellow",
    "baseline wins": "yellow",
    "differs": "yellow",
    "worse": "yellow",
}


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[int] = ()) -> None:
    """A table on stdout. rows: cells as text, as many as columns; numeric: indexes of columns to align right."""
    from rich.console import Console

    width = Console().width if sys.stdout.isatty() else WIDE
    sys.stdout.write(table_text(title, columns, rows, numeric, width, in_colour(sys.stdout)))


def table_text(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[int], width: int, colour: bool = False
) -> str:
    """The same as text for a terminal of that many columns; only a word that is longer than the terminal goes beyond it."""
    from rich.console import Console

    console = Console(width=width, color_system="standard" if colour else None, force_terminal=colour)
    names = [visible(name) for name in columns]
    cells = [[visible(cell) for cell in row] for row in rows]
    widths = column_widths([names, *cells], width)
    with console.capture() as drawn:
        if widths is None:
            _draw_lists(console, visible(title), names, cells)
        else:
            _draw_grid(console, visible(title), names, cells, widths, numeric)
    return "".join(line.rstrip() + "\n" for line in drawn.get().splitlines())


def column_widths(rows: Sequence[Sequence[str]], width: int) -> list[int] | None:
    """How many columns of the terminal each column of the table takes; None: no grid fits.

    rows: the names of the columns and every row. width: that of the terminal. Each column takes its longest word at least; what is left
    is given to those that need more, in proportion to what they lack.
    """
    from rich.cells import cell_len

    per_column = list(zip(*rows, strict=True))
    least = [max(cell_len(word) for cell in column for word in pieces(cell)) for column in per_column]
    whole = [max(cell_len(line) for cell in column for line in cell.split("\n")) for column in per_column]
    left = width - _PADDING * len(least) - 1 - sum(least)
    if left < 0:
        return None
    lacking = [most - at_least for most, at_least in zip(whole, least, strict=True)]
    if sum(lacking) <= left:
        return whole
    return [at_least + lacks * left // sum(lacking) for at_least, lacks in zip(least, lacking, strict=True)]


def wrapped(text: str, width: int) -> list[str]:
    """The text in lines of at most that many columns, broken between words alone; a longer word has a line of its own."""
    from rich.cells import cell_len

    lines = []
    for given in text.split("\n"):
        line = ""
        for word in pieces(given):
            if line and cell_len(line) + 1 + cell_len(word) > width:
                lines.append(line)
                line = word
            else:
                line = f"{line} {word}" if line else word
        lines.append(line)
    return lines


def pieces(text: str) -> list[str]:
    """What is never broken: words, intervals, numbers with their units."""
    return _WORD.findall(text) or [""]


def _draw_grid(
    console: Console, title: str, names: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int], numeric: Sequence[int]
) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(title), box=box.SIMPLE_HEAD, title_justify="left")
    for index, (name, width) in enumerate(zip(names, widths, strict=True)):
        justify: Literal["left", "right"] = "right" if index in numeric else "left"
        table.add_column(Text("\n".join(wrapped(name, width))), justify=justify, width=width, no_wrap=True)
    for row in rows:
        cells = zip(row, widths, strict=True)
        table.add_row(*(Text("\n".join(wrapped(cell, width)), style=_STYLES.get(cell, "")) for cell, width in cells))
    console.print(table)


def _draw_lists(console: Console, title: str, names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.text import Text

    console.print(Text(title, style="italic"), soft_wrap=True)
    for row in rows:
        console.print()
        for label, value, style in _list_lines(names, row, console.width):
            console.print(Text.assemble(f"  {label}  ", (value, style)), soft_wrap=True)
    console.print()


def _list_lines(names: Sequence[str], row: Sequence[str], width: int) -> Iterator[tuple[str, str, str]]:
    """The lines of one row as a list: the name of the cell, all of one length, what it holds, and its style."""
    from rich.cells import cell_len, set_cell_size

    longest = max(cell_len(word) for name in names for word in pieces(name))
    labels = max(longest, min(max(cell_len(name) for name in names), int(width * _LABELS)))
    for name, cell in zip(names, row, strict=True):
        label, value = wrapped(name, labels), wrapped(cell, width - labels - 4)
        for n in range(max(len(label), len(value))):
            left = set_cell_size(label[n] if n < len(label) else "", labels)
            yield left, value[n] if n < len(value) else "", _STYLES.get(cell, "")
