"""What video_capture is measured with: held-out clips, frame by frame; the figure is how far the camera's picture is from the true one."""

from __future__ import annotations

import statistics

from aibenchrt.datasets.needs import CLIPS, ClipWorld
from aibenchrt.metrics import score_each
from aibenchrt.values import Values
from aibenchrt.workload import Figure, Figures, OpenService, Workload

MOST = 100  # frames of a clip


def frames(world: ClipWorld, open_service: OpenService) -> list[Values]:  # noqa: ARG001 - needs no other component
    return [
        {"shot": {"clip": clip, "frame": number}, "moment": {"stream": clip, "number": number}}
        for clip, one in enumerate(world.clips("test"))
        for number in range(min(MOST, len(one.frames)))
    ]


def noise(world: ClipWorld, open_service: OpenService) -> list[Figure]:
    capture, clips = open_service("video_capture"), world.clips("test")
    shots = [(clip, number) for clip, one in enumerate(clips) for number in range(0, len(one.frames), 10)]
    seen = [
        capture({"shot": {"clip": clip, "frame": number}, "moment": {"stream": clip, "number": number}})["image"]["png"]
        for clip, number in shots
    ]
    psnr = score_each("psnr", [clips[clip].frames[number] for clip, number in shots], seen)
    return [("what the camera sees: psnr, mean", f"{statistics.fmean(psnr.tolist()):.1f} dB")]


WORKLOADS = (Workload(frames, (CLIPS,)),)
FIGURES = (Figures(noise, (CLIPS,)),)
