"""Streams and deadlines: whether the requests can be sent as streams, and what is asked of frames can be measured; where streams are told
apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from aibenchrt import catalog
from aibenchrt.component import RequestSource

from aibenchc.diagnostics import place
from aibenchc.flow import Wire
from aibenchc.graph import Dataset, Graph, RequestClass
from aibenchc.model import Bound, FrameMetric, LatencyBound, Load, ShareBound, Streams
from aibenchc.source import Span
from aibenchc.syntax import ast
from aibenchc.value_reader import Reader

MOMENT = "Moment"


def check_words(
    frames: Mapping[FrameMetric, Span], slo: Iterable[Bound], requests: Iterable[ast.Request], load: Load | None, reader: Reader
) -> None:
    """Reports what `metrics` and `slo` ask of frames where no request has a deadline (AIB243), or the load has no streams (AIB244)."""
    due = any(isinstance(setting, ast.Setting) and setting.name.text == "deadline" for item in requests for setting in item.settings)
    asked: list[tuple[str, Span | None]] = list(frames.items())
    for bound in slo:
        if not isinstance(bound, LatencyBound):
            asked.append((bound.metric if isinstance(bound, ShareBound) else "jitter", bound.span))
    for name, span in asked:
        if name == "jitter" and load is not None and not isinstance(load.arrivals, Streams):
            reader.diagnostics.report("AIB244", span, name=name)
        elif name != "jitter" and not due:
            reader.diagnostics.report("AIB243", span, name=name)


def check_clips(requests: Sequence[tuple[RequestClass, RequestSource]], datasets: Iterable[Dataset], load: Load, reader: Reader) -> None:
    """Reports every class that streams cannot send: AIB241, AIB242. requests: each with the source of its payloads."""
    if not isinstance(load.arrivals, Streams):
        return
    spec_of = {dataset.name: dataset.spec for dataset in datasets}
    first: RequestClass | None = None
    for request, source in requests:
        why = _unfit(source)
        if why is not None:
            reader.diagnostics.report("AIB241", request.span, name=request.name, source=f"{request.dataset}.{source.name}", why=why)
        elif first is None:
            first, clip = request, source.clip
        elif source.clip != clip or spec_of[request.dataset] != spec_of[first.dataset]:
            where = "" if first.span is None else f" ({place(first.span)})"
            reader.diagnostics.report("AIB242", request.span, name=request.name, other=first.name, first=where)


def _unfit(source: RequestSource) -> str | None:
    """Why a source's payloads are not the frames of streams; None: they are."""
    if not source.clip:
        return "is made of payloads that do not follow each other"
    if source.pair_apart_s is not None:
        return "is sent in pairs"
    if source.once:
        return "has payloads that can be sent once, and a stream that is longer than a clip repeats them"
    if sum(port.type == MOMENT for port in source.ports) > 1:
        return f"has several ports of type {MOMENT}"
    return None


def check_moments(graph: Graph, wires: Iterable[Wire], reader: Reader) -> None:
    """Reports every task that tells streams apart by something else than the request (AIB245)."""
    keeps = {}
    for task in graph.tasks:
        spec = catalog.component(task.stages[0].component)
        if spec is not None and any(port.name == spec.by_stream for port in task.inputs):
            keeps[task.name, spec.by_stream] = task
    sent = {request.name for request in graph.requests}
    for wire in wires:
        keeper = keeps.get((wire.target, wire.target_port))
        if keeper is not None and wire.source not in sent:
            edges = [edge.span for edge in graph.edges if (edge.source, edge.target) == (wire.source, wire.target)]
            span = next((span for span in edges if span is not None), keeper.span)
            fields = {"port": wire.target_port, "task": keeper.name, "source": f"{wire.source}.{wire.source_port}"}
            reader.diagnostics.report("AIB245", span, **fields)
