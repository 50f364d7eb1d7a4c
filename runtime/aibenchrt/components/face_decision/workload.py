"""What face_decision is measured with: faces of customers, by their pixels and depths; a model's error rates are on its own page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from aibenchrt.components.face_decision.service import pixels, relief
from aibenchrt.values import Values
from aibenchrt.workload import OpenService, Workload

if TYPE_CHECKING:
    from aibenchrt.components.face_decision.service import Enrolled

MOST = 500


def compared(world: Enrolled, open_service: OpenService) -> Sequence[Values]:  # noqa: ARG001 - needs no other component
    enrolled = {capture.person for capture in world.enrolled("test")}
    asked = []
    for number, capture in enumerate([face for face in world.faces("test") if face.person in enrolled][:MOST]):
        captured = {"image": {"png": capture.png}, "depth": {"png": capture.depth}}
        payment = {"payment_id": f"measured-{number}", "payer": capture.person, "payee": -1, "amount": 1, "nonce": bytes(16)}
        asked.append({"payment": payment, "face": pixels(captured)["vector"], "shape": relief(captured)["vector"]})
    return asked


WORKLOADS = (Workload(compared),)
