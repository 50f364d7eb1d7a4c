"""Collects what reaches the stages that train on their scenario's path, when services and models use only data up to some time."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aibenchrt.planner.capture import Capture, Captured, capture
from aibenchrt.planner.executor import Request
from aibenchrt.train.samples import Sample

if TYPE_CHECKING:
    from aibenchrt.datasets.payload import Payload
    from aibenchrt.datasets.worlds import AnyWorld
    from aibenchrt.plan import Plan
    from aibenchrt.train.repository import ModelVersion


@dataclass(frozen=True)
class PartRequest:
    """A request to run: its class, the part of the world that it comes from, and its payload."""

    request_class: str
    part: str
    payload: Payload


def collect(
    plan: Plan, world: AnyWorld, models: Mapping[str, ModelVersion], stages: Collection[str], requests: Sequence[PartRequest]
) -> dict[str, list[Sample]]:
    """Stage → the samples that reached it, in the order of the requests; each request stops at the first of these stages.

    world: what services are prepared from. models: AI stage → version, for all other AI stages. RuntimeError: a call failed.
    """
    samples: dict[str, list[Sample]] = {stage: [] for stage in stages}
    with capture(plan, world, {stage: version.folder for stage, version in models.items()}, stages) as captured:
        for request, arrival in zip(requests, asyncio.run(_arrivals(captured, requests)), strict=True):
            if arrival is not None:
                samples[arrival.stage].append(_sample(request, arrival))
    return samples


async def _arrivals(captured: Capture, requests: Sequence[PartRequest]) -> list[Captured | None]:
    return [
        await captured.arrival(Request(number, request.request_class, dict(request.payload.values)))
        for number, request in enumerate(requests)
    ]


def _sample(request: PartRequest, arrival: Captured) -> Sample:
    payload = request.payload
    user = payload.user if payload.user is not None else -1 - payload.query_id
    return Sample(arrival.inputs, payload.truth, user, request.request_class, request.part)
