"""examples.html: some requests of a run with the pictures that were sent, what was found in them, and what was shown for them.

Pictures are no part of a run: they come from the data set, made anew or from its cache, whose version must be the one that run.json names.
What the records say is bounded and checked, as it may come from anywhere: at most BOXES boxes inside the picture, SHOWN items that the
catalogue has.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from PIL import Image

from aibenchrt.answers import Boxes
from aibenchrt.collect.recorded_run import Run
from aibenchrt.collect.records import RequestRecord
from aibenchrt.datasets.needs import CatalogueWorld
from aibenchrt.datasets.payload import Payload
from aibenchrt.datasets.worlds import AnyWorld, load_world, payloads_of, world_name
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.metrics import score_each
from aibenchrt.progress import Progress, silent
from aibenchrt.report.writing import write_text

TEMPLATE, FILE = "examples.html.j2", "examples.html"
EACH = 8  # requests of a class
SURE = 1 / 3
BOXES, SHOWN, LONGEST = 8, 10, 300  # boxes and items of an answer, characters of a text


@dataclass(frozen=True)
class Frame:
    """A box in pixels of its picture. said: what it is, and how sure."""

    left: float
    top: float
    width: float
    height: float
    said: str


@dataclass(frozen=True)
class Shown:
    """An item that was shown. how: 'right', 'same' (of the same class) or 'other'."""

    picture: str
    title: str
    how: str


@dataclass(frozen=True)
class Example:
    """A request. picture: a data URL; width, height: its pixels. said, true: rows of (what, of the answer, truth)."""

    number: int
    request_class: str
    picture: str
    width: int
    height: int
    found: tuple[Frame, ...]
    true: tuple[Frame, ...]
    rows: tuple[tuple[str, str, str], ...]
    shown: tuple[Shown, ...]


def write_examples(run: Run, progress: Progress = silent) -> Path:
    """Writes examples.html into the run directory; returns its path.

    EnvironmentFailure AIB708: the run's requests have no pictures, or its answers were left out; AIB709: the data set is not the one that
    the run had; AIB605; as loading the data raises.
    """
    pictured = [request for request in run.plan.requests if any(port.type == "Image" for port in request.ports)]
    if not pictured or run.kept is not None:
        raise EnvironmentFailure("AIB708", directory=run.directory)
    name = world_name(run.plan)
    recorded = next((data for data in run.info.data if data.name == name), None)
    if recorded is None:
        raise EnvironmentFailure("AIB709", name=name, version="other data", own="the only one that its plan names")
    world: AnyWorld = load_world(run.plan, recorded.variant, recorded.seed, progress)
    if world.version != recorded.world_version:
        raise EnvironmentFailure("AIB709", name=name, version=recorded.world_version[:12], own=world.version[:12])
    examples = []
    for request in pictured:
        payloads = payloads_of(run.plan, request, world, "test")
        (port, *_) = [port.name for port in request.ports if port.type == "Image"]
        examples += [_example(run, record, payloads[record.payload], port, world) for record in _chosen(run, request.name, len(payloads))]
    path = run.directory / FILE
    write_text(path, page(run, examples, recorded.variant))
    return path


def page(run: Run, examples: Sequence[Example], variant: str) -> str:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), undefined=StrictUndefined, autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template(TEMPLATE).render(run=run.info, examples=examples, variant=variant)


def _chosen(run: Run, request_class: str, payloads: int) -> list[RequestRecord]:
    """Evenly spaced among the answered measured requests of the class."""
    answered = [r for r in run.measured if r.request_class == request_class and r.outcome == "ok" and 0 <= r.payload < payloads]
    count = min(EACH, len(answered))
    return [answered[k * len(answered) // count] for k in range(count)]


def _example(run: Run, record: RequestRecord, payload: Payload, port: str, world: AnyWorld) -> Example:
    png: bytes = payload.values[port]["png"]
    with Image.open(io.BytesIO(png)) as opened:
        width, height = opened.size
    names: Sequence[str] = getattr(world, "categories", ())
    answer = {name: run.answer(record, name) for name in ("ranking", "label", "text", "boxes")}
    return Example(
        number=record.request_id,
        request_class=record.request_class,
        picture=data_url(png),
        width=width,
        height=height,
        found=tuple(frames(answer["boxes"], names, width, height)),
        true=tuple(frames(payload.truth.get("boxes", Boxes()), names, width, height)),
        rows=tuple(_rows(answer, payload, names)),
        shown=tuple(_shown(answer["ranking"], payload, world)),
    )


def data_url(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def frames(boxes: Boxes, names: Sequence[str], width: int, height: int) -> Iterator[Frame]:
    """The first BOXES boxes that are at least SURE times as sure as the first, cut to the picture; none of those that are not in it."""
    for (left, top, right, bottom), label, score in list(zip(boxes.corners, boxes.labels, boxes.scores, strict=True))[:BOXES]:
        if score < SURE * boxes.scores[0]:
            continue
        inside = [min(max(value, 0.0), float(most)) for value, most in ((left, width), (top, height), (right, width), (bottom, height))]
        if inside[2] > inside[0] and inside[3] > inside[1]:
            yield Frame(inside[0], inside[1], inside[2] - inside[0], inside[3] - inside[1], f"{_name(label, names)} {100 * score:.0f} %")


def _rows(answer: Mapping[str, Any], payload: Payload, names: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    label, truth = answer["label"], payload.truth
    if typed := payload.values.get("text"):
        yield "words", str(typed["text"])[:LONGEST], ""
    if label.labels:
        yield "class", _name(label.labels[0], names), _name(truth["label"], names) if "label" in truth else ""
    if answer["text"]:
        yield "caption", str(answer["text"][0])[:LONGEST], str(truth.get("reference", ""))
    if answer["ranking"] and "relevant" in truth:
        (recall,) = score_each("recall@10", [truth["relevant"]], [answer["ranking"]]).tolist()
        yield "among the first ten", "yes" if recall else "no", ""


def _name(label: int, names: Sequence[str]) -> str:
    return names[label] if 0 <= label < len(names) else f"class {label}"


def _shown(ranking: Sequence[int], payload: Payload, world: AnyWorld) -> Iterator[Shown]:
    if not isinstance(world, CatalogueWorld):
        return
    entries = {entry.item_id: entry for entry in world.catalogue}
    right, same = set(payload.truth.get("relevant", ())), set(payload.truth.get("same_class", ()))
    for item in [item for item in ranking if item in entries][:SHOWN]:
        how = "right" if item in right else "same" if item in same else "other"
        yield Shown(data_url(entries[item].png), world.categories[entries[item].label], how)
