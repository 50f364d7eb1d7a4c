"""The figures of a run as rows of text, with their notes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from aibenchrt.figure_format import fraction_percent
from aibenchrt.micro.record import MicroRun, Rate, Row
from aibenchrt.micro.timing import NARROW

COLUMNS = ("kernel", "size", "pass", "median", "p5 – p95", "n", "FLOP/s", "of peak", "bytes/s", "of peak", "FLOP/byte", "bound by", "at")
NUMERIC = (3, 4, 5, 6, 7, 8, 9, 10, 12)
DRIFT = 0.1
QUIET = 0.5  # of the cores
_PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""))


def rows(run: MicroRun) -> list[Sequence[str]]:
    """One for each kernel, size and pass, in the order measured."""
    return [_row(row) for row in run.rows]


def _row(row: Row) -> tuple[str, ...]:
    time = row.time
    return (
        row.kernel,
        row.size,
        row.direction,
        seconds(time.median_s) + ("" if time.settled else " ~"),
        f"{seconds(time.p5_s)} – {seconds(time.p95_s)}",
        f"{time.samples}×{time.calls}" if time.calls > 1 else str(time.samples),
        rate(row.flop_per_s),
        share(row.of_peak_flop),
        rate(row.bytes_per_s),
        share(row.of_peak_bytes),
        f"{row.intensity:.3g}",
        row.bound,
        share(row.of_bound),
    )


def head(run: MicroRun) -> list[str]:
    """What was measured, on which machine, and the peaks: one line each."""
    host, device, settings, peaks = run.host, run.device, run.settings, run.peaks
    where = f"{device.name}, {settings.threads} thread{'s' if settings.threads > 1 else ''}" if device.kind == "cpu" else device.name
    cache = f", last-level cache {device.cache_bytes / 2**20:.0f} MiB" if device.cache_bytes else ""
    return [
        f"{where}{cache}; {settings.arithmetic}, {settings.cache} caches, sizes {settings.sizes}, seed {settings.seed}",
        f"{host.cpu_model}, {host.cores} cores, {host.os}; " + ", ".join(f"{name} {version}" for name, version in run.versions.items()),
        f"peak {rate(peaks.flop.value)}FLOP/s ({peaks.flop.what}), {rate(peaks.bytes.value)}B/s ({peaks.bytes.what})",
        "shortest call " + ", ".join(f"{direction} {seconds(value)}" for direction, value in peaks.call_s.items()),
    ]


def notes(run: MicroRun) -> Iterator[str]:
    """What a reader must know of these figures, most of it only where it applies."""
    unsettled = sum(not row.time.settled for row in run.rows)
    if unsettled:
        yield f"~ {unsettled} of {len(run.rows)}: the median's 95 % interval is wider than ± {100 * NARROW:g} % (--budget gives more time)"
    for name, peak in (("FLOP/s", run.peaks.flop), ("bytes/s", run.peaks.bytes)):
        if peak.drift > DRIFT:
            yield _drifted(name, peak)
    if run.host.load > QUIET * run.host.cores and run.device.kind == "cpu":
        yield f"other work was on this machine: a load of {run.host.load:.1f} on {run.host.cores} cores before it began"
    if any(row.bound == "cache" for row in run.rows):
        yield "cache: the data stay in the last-level cache between calls, so more than memory's peak is possible; --cold writes past it"


def _drifted(name: str, peak: Rate) -> str:
    shown = f"{rate(peak.before)} before the kernels, {rate(peak.after)} after them"
    return f"the machine was not steady: its peak {name} was {shown}; shares are of the higher"


def plain(columns: Sequence[str], lines: Sequence[Sequence[str]], numeric: Sequence[int]) -> str:
    """A table for a monospaced font."""
    widths = [max(len(line[at]) for line in (columns, *lines)) for at in range(len(columns))]
    laid = (
        "  ".join(
            cell.rjust(width) if at in numeric else cell.ljust(width) for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in (columns, *lines)
    )
    return "\n".join(line.rstrip() for line in laid)


def seconds(value: float) -> str:
    """'12.3 µs'"""
    for unit, name in ((1.0, "s"), (1e-3, "ms")):
        if value >= unit:
            return f"{value / unit:.3g} {name}"
    return f"{value * 1e6:.3g} µs"


def rate(value: float) -> str:
    """'12.3 G', without the unit."""
    unit, prefix = next(((unit, prefix) for unit, prefix in _PREFIXES if value >= unit), _PREFIXES[-1])
    shown = value / unit
    return f"{shown:.0f} {prefix}" if shown >= 100 else f"{shown:.3g} {prefix}"


def share(value: float) -> str:
    """'12 %', '9.5 %'."""
    return fraction_percent(value, 2)
