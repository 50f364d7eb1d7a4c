"""The clients of a plan's tasks."""

from __future__ import annotations

from aibenchrt.errors import EnvironmentFailure
from aibenchrt.plan import Plan, Step, task_endpoints
from aibenchrt.planner.clients import ServiceClient, TaskClient, TritonClient
from aibenchrt.planner.streams import StreamServiceClient, stream_port
from aibenchrt.wire.proto import Stubs
from aibenchrt.wire.tls import Access


def open_clients(plan: Plan, stubs: Stubs, access: Access = None) -> dict[str, TaskClient]:
    """Task → its client, not connected yet. EnvironmentFailure AIB674: the plan places a task nowhere; AIB715: as stream_port."""
    clients: dict[str, TaskClient] = {}
    served = task_endpoints(plan)
    for step in plan.steps:
        if not served[step.task]:
            raise EnvironmentFailure("AIB674", task=step.task)
        clients[step.task] = _client(step, stubs, served[step.task], access)
    return clients


def _client(step: Step, stubs: Stubs, endpoints: tuple[str, ...], access: Access) -> TaskClient:
    port = stream_port(step)
    if step.kind == "ai":
        return TritonClient(step, stubs, endpoints, access)
    if port is not None and len(endpoints) > 1:
        return StreamServiceClient(step, stubs, endpoints, access, port)
    return ServiceClient(step, stubs, endpoints, access)
