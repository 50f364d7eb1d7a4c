"""A placed plan as one self-contained SVG: a card for each host with what is on it, and bars of the memory and cores it takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from aibenchc.show.overview import HostRow, Overview, PartRow
from aibenchc.show.svg import FILL, document, text

_MARGIN, _TOP, _GAP = 24.0, 74.0, 18.0
_ROW, _HEAD, _FOOT = 22.0, 50.0, 48.0
_NAME_PX, _SMALL_PX = 8.4, 6.0  # width of a character at 11.5 px bold and 10 px
_SIZES = 15  # characters of the column of sizes, `1024 MiB · 0.11`
_COLUMNS = "port, shards, GPU, memory, cores"
_LEAST, _WIDEST = 250.0, 1560.0
_KINDS = {
    "planner": ("planner", ("#dbeafe", "#1d4ed8")),
    "triton": ("Triton", ("#fff7ed", "#c2410c")),
    "ai": ("AI task, in Triton", FILL["AI"]),
    "service": ("service", FILL["non-AI"]),
    "postgresql": ("PostgreSQL", ("#e9defb", "#7c3aed")),
    "generator": ("query generator", FILL["auxiliary"]),
}


def draw_hosts(overview: Overview) -> str:
    """The SVG of an overview. The same overview gives the same bytes."""
    width = max([_LEAST, *(row_width(row) for row in overview.parts), *(head_width(host) for host in overview.hosts)])
    columns = max(1, min(len(overview.hosts), int((_WIDEST - 2 * _MARGIN + _GAP) // (width + _GAP))))
    body = [text(_MARGIN, 34, overview.title, 15, bold=True), text(_MARGIN, 56, subtitle(overview), 11, colour="#475569")]
    y = _TOP
    for start in range(0, len(overview.hosts), columns):
        hosts = overview.hosts[start : start + columns]
        height = max(card_height(overview.on(host.name)) for host in hosts)
        for column, host in enumerate(hosts):
            body += card(host, overview.on(host.name), _MARGIN + column * (width + _GAP), y, width, height)
        y += height + _GAP
    across = 2 * _MARGIN + max(columns * (width + _GAP) - _GAP, legend_width(overview), 6.6 * len(subtitle(overview)))
    body += legend(overview, y + 12)
    return document(max(across, 2 * _MARGIN + 9.6 * len(overview.title)), y + 34, body)


def subtitle(overview: Overview) -> str:
    hosts = f"{len(overview.hosts)} host{'s' if len(overview.hosts) != 1 else ''}"
    return f"deployment {overview.deployment}, profile {overview.profile}, {hosts}, {'mutual TLS' if overview.tls else 'plain connections'}"


def port(row: PartRow) -> str:
    return f":{row.address.rpartition(':')[2]}" if row.address and row.kind != "ai" else ""


def sizes(row: PartRow) -> str:
    shards = f"{row.shards} shards · " if row.shards and row.shards > 1 else ""
    device = f"{row.device} · " if row.device != "cpu" else ""
    return f"{shards}{device}{row.memory_mib} MiB" + (f" · {row.cores:.2f}" if row.cores else "")


def row_width(row: PartRow) -> float:
    indent = 14 if row.kind == "ai" else 0
    return 2 * 10 + 16 + indent + len(row.part) * _NAME_PX + (len(port(row)) + max(_SIZES, len(sizes(row))) + 4) * _SMALL_PX


def head_width(host: HostRow) -> float:
    return max(2 * 12 + len(host.name) * 8.6 + (len(host.address) + 4) * 6.6, 3 * 12 + (len(", ".join(host.groups)) + len(_COLUMNS)) * 5.4)


def card_height(rows: Sequence[PartRow]) -> float:
    return _HEAD + _ROW * max(1, len(rows)) + _FOOT


def card(host: HostRow, rows: Sequence[PartRow], x: float, y: float, width: float, height: float) -> Iterator[str]:
    place = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
    yield f'<rect {place} rx="8" fill="#f8fafc" stroke="#94a3b8" stroke-width="1.2"/>'
    yield text(x + 12, y + 24, host.name, 13, bold=True)
    yield text(x + width - 12, y + 24, host.address, 11, colour="#475569", anchor="end")
    yield text(x + 12, y + 40, ", ".join(host.groups), 9, colour="#475569")
    yield text(x + width - 12, y + 40, _COLUMNS, 9, colour="#94a3b8", anchor="end")
    if not rows:
        yield text(x + width / 2, y + _HEAD + 14, "nothing", 11, colour="#94a3b8", anchor="middle")
    for number, row in enumerate(sorted(rows, key=lambda row: list(_KINDS).index(row.kind))):
        yield from part(row, x + 10, y + _HEAD + number * _ROW, width - 20)
    yield from bar("memory", host.memory_mib, host.has_memory_mib, " MiB", x + 12, y + height - 34, width - 24)
    yield from bar("cores", host.cores, host.has_cores, "", x + 12, y + height - 16, width - 24)


def part(row: PartRow, x: float, y: float, width: float) -> Iterator[str]:
    fill, stroke = _KINDS[row.kind][1]
    indent = 14.0 if row.kind == "ai" else 0.0
    place = f'x="{x + indent:.1f}" y="{y:.1f}" width="{width - indent:.1f}" height="{_ROW - 4:.1f}"'
    yield f'<rect {place} rx="5" fill="{fill}" stroke="{stroke}"/>'
    yield text(x + indent + 8, y + 13, row.part, 11.5, bold=True)
    if port(row):
        yield text(x + width - 18 - max(_SIZES, len(sizes(row))) * _SMALL_PX, y + 13, port(row), 10, colour="#475569", anchor="end")
    yield text(x + width - 8, y + 13, sizes(row), 10, colour="#475569", anchor="end")


def bar(name: str, taken: float, has: float | None, unit: str, x: float, y: float, width: float) -> Iterator[str]:
    """A bar for the share of what the host has; if that is unknown, the number alone."""
    label = f"{taken:g}{unit}" if has is None else f"{taken:g} of {has:g}{unit}"
    start, across = x + 46, width - 46 - 108
    yield text(x, y + 8, name, 9.5, colour="#475569")
    yield f'<rect x="{start:.1f}" y="{y:.1f}" width="{across:.1f}" height="8" rx="4" fill="#e2e8f0"/>'
    if has:
        yield f'<rect x="{start:.1f}" y="{y:.1f}" width="{across * min(1.0, taken / has):.1f}" height="8" rx="4" fill="#64748b"/>'
    yield text(x + width, y + 8, label, 9.5, colour="#475569", anchor="end")


def legend_width(overview: Overview) -> float:
    return sum(36 + 6.3 * len(_KINDS[kind][0]) for kind in kinds(overview))


def kinds(overview: Overview) -> list[str]:
    present = {row.kind for row in overview.parts}
    return [kind for kind in _KINDS if kind in present]


def legend(overview: Overview, y: float) -> Iterator[str]:
    x = _MARGIN
    for kind in kinds(overview):
        name, (fill, stroke) = _KINDS[kind]
        yield f'<rect x="{x:.1f}" y="{y - 10:.1f}" width="14" height="12" rx="3" fill="{fill}" stroke="{stroke}"/>'
        yield text(x + 20, y, name, 11, colour="#334155")
        x += 36 + 6.3 * len(name)
