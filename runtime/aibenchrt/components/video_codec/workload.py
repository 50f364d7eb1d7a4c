"""What video_codec is measured with: held-out clips as streams, and groups of their frames; the figures are what a picture loses, and
bits."""

from __future__ import annotations

import statistics

import numpy as np

from aibenchrt.datasets.colour_png import stored_png
from aibenchrt.datasets.needs import CLIPS, ClipWorld
from aibenchrt.metrics import score_each
from aibenchrt.serve.pictures import opened
from aibenchrt.values import Values
from aibenchrt.workload import Figure, Figures, OpenService, Workload

GROUP = 8  # frames


def frames(world: ClipWorld, open_service: OpenService) -> list[Values]:  # noqa: ARG001 - needs no other component
    return [
        {"image": {"png": png}, "moment": {"stream": stream, "number": number}}
        for stream, clip in enumerate(world.clips("test"))
        for number, png in enumerate(clip.frames)
    ]


def groups(world: ClipWorld, open_service: OpenService) -> list[Values]:  # noqa: ARG001 - needs no other component
    from aibenchrt.h264 import encoded_group

    clips = [clip.frames for clip in world.clips("test")]
    parts = [(stream, clip[start : start + GROUP]) for stream, clip in enumerate(clips) for start in range(0, len(clip), GROUP)]
    return [
        {
            "packet": {"content": encoded_group([np.asarray(opened(png)) for png in part], 20), "key": True, "number": place},
            "moment": {"stream": stream, "number": place},
        }
        for place, (stream, part) in enumerate(parts)
    ]


def loss(world: ClipWorld, open_service: OpenService) -> list[Figure]:
    from aibenchrt.h264 import Decoder

    encode, shown, bits, decoder = open_service("video_codec"), [], [], Decoder()
    asked = frames(world, open_service)
    for frame in asked:
        packet = encode(frame)["packet"]
        decoder = Decoder() if frame["moment"]["number"] == 0 else decoder
        shown.append(stored_png(decoder.decode(packet["content"])))
        bits.append(8 * len(packet["content"]))
    psnr = score_each("psnr", [frame["image"]["png"] for frame in asked], shown)
    return [
        ("psnr of a frame, mean", f"{statistics.fmean(psnr.tolist()):.1f} dB"),
        ("bits of a frame, mean", f"{statistics.fmean(bits):,.0f}"),
    ]


WORKLOADS = (Workload(frames, (CLIPS,), what="encode"), Workload(groups, (CLIPS,), {"operation": "decode"}, f"decode {GROUP} frames"))
FIGURES = (Figures(loss, (CLIPS,)),)
