"""What image_lookup is measured with: the addresses at which the world keeps pictures."""

from __future__ import annotations

from aibenchrt.datasets.needs import HOSTED, HostedWorld
from aibenchrt.values import Values
from aibenchrt.workload import OpenService, Workload


def addresses(world: HostedWorld, open_service: OpenService) -> list[Values]:  # noqa: ARG001 - needs no other component
    return [{"text": {"text": address}} for address in sorted(world.hosted)]


WORKLOADS = (Workload(addresses, (HOSTED,)),)
