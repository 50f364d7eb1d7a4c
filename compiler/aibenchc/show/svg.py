"""What all SVG pictures share: one font, one palette, and text escaped for XML."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

FILL = {  # kind of node → its fill and its border
    "request": ("#dbeafe", "#1d4ed8"),
    "AI": ("#fde7c8", "#c2410c"),
    "non-AI": ("#d7f0e3", "#0f766e"),
    "effect": ("#e9defb", "#7c3aed"),
    "auxiliary": ("#eceff3", "#64748b"),
    "response": ("#1f2937", "#1f2937"),
}
_FONT = "font-family=\"'DejaVu Sans', Verdana, Helvetica, Arial, sans-serif\""


def text(x: float, y: float, content: str, size: float, bold: bool = False, colour: str = "#111827", anchor: str = "start") -> str:
    style = f'font-size="{size:g}" fill="{colour}" text-anchor="{anchor}"' + (' font-weight="bold"' if bold else "")
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(printable(content))}</text>'


def printable(content: str) -> str:
    """The text without control characters, most of which XML cannot represent."""
    return "".join(c if c.isprintable() else " " for c in content)


def document(width: float, height: float, body: Sequence[str]) -> str:
    heads = "".join(
        f'<marker id="{name}" viewBox="0 0 8 8" refX="4" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0,0.8 L8,4 L0,7.2 z" fill="{colour}"/></marker>'
        for name, colour in (("head", "#64748b"), ("gone", "#dc2626"))
    )
    size = f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} {_FONT}>',
            f"<defs>{heads}</defs>",
            f'<rect width="{width:.0f}" height="{height:.0f}" fill="#ffffff"/>',
            *body,
            "</svg>",
            "",
        ]
    )
