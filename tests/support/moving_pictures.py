"""A data set of clips, and components that keep a state for each stream: rows of the catalogue without any code behind them."""

from __future__ import annotations

import pytest
from aibenchrt import catalog
from aibenchrt.component import ComponentSpec, DatasetSpec, Kind, Port, Ports, RequestSource, Setting

_SHOT, _MOMENT, _IMAGE = Port("shot", "Shot"), Port("moment", "Moment"), Port("image", "Image")
_FRAME = (_SHOT, _MOMENT)

SHOW = DatasetSpec(
    name="moving_show",
    package="",
    doc="frames of shows",
    licence="none",
    data_class=("image",),
    sources=(
        RequestSource("frames", _FRAME, "frames", clip=100),
        RequestSource("gifts", (*_FRAME, Port("wish", "Wish")), "frames with a wish", clip=100),
        RequestSource("groups", _FRAME, "groups of frames", clip=25),
        RequestSource("stills", (_SHOT,), "frames in no order"),
        RequestSource("paired", _FRAME, "frames, each twice", clip=100, pair_apart_s=0.0),
        RequestSource("signed", _FRAME, "frames that are taken once", clip=100, once=True),
        RequestSource("doubled", (*_FRAME, Port("other", "Moment")), "frames of two streams", clip=100),
    ),
    metrics=(),
)
REPLAYED = DatasetSpec(
    name="replayed_show",
    package="",
    doc="the frames of shows in another order",
    licence="none",
    data_class=("image",),
    sources=(RequestSource("frames", _FRAME, "frames", clip=100),),
    metrics=(),
    made_from=("moving_show.frames",),
)


def _service(name: str, inputs: tuple[Port, ...], outputs: tuple[Port, ...], by_stream: str = "", family: str = "") -> ComponentSpec:
    return ComponentSpec(name, "", family or name, Kind.SERVICE, "a service", Ports(inputs, outputs), by_stream=by_stream)


_PACKET = Port("packet", "Packet")
_CODEC = ComponentSpec(
    "stream_codec",
    "",
    "film",
    Kind.SERVICE,
    "a codec",
    Ports((_IMAGE, _MOMENT), (_PACKET,)),
    varies_by="operation",
    variants=(("encode", Ports((_IMAGE, _MOMENT), (_PACKET,))), ("decode", Ports((_PACKET,), (_IMAGE,)))),
    settings=(Setting("operation", "word", "encode", ("encode", "decode"), "what it does"),),
    by_stream="moment",
)
COMPONENTS = (
    _service("stream_camera", _FRAME, (_IMAGE,), by_stream="moment", family="film"),
    _CODEC,
    _service("gift", (Port("wish", "Wish"),), (_IMAGE,)),
    _service("overlay", (_IMAGE, Port("over", "Image", optional=True)), (_IMAGE,)),
    _service("renumber", (_MOMENT,), (_MOMENT,)),
)


def use(monkeypatch: pytest.MonkeyPatch) -> None:
    """For one test, the catalogue has them."""
    for dataset in (SHOW, REPLAYED):
        monkeypatch.setitem(catalog.DATASETS.own, dataset.name, dataset)
    for component in COMPONENTS:
        monkeypatch.setitem(catalog.COMPONENTS.own, component.name, component)
