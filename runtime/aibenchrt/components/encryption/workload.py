"""What encryption is measured with: messages of customers' devices with pictures of the size of faces', and receipts for them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Protocol

from aibenchrt.components.encryption.sealing import Payment, seal_payment
from aibenchrt.datasets.needs import ACCOUNTS, FACES, AccountWorld, FaceWorld, KeyWorld
from aibenchrt.values import Values
from aibenchrt.workload import OpenService, Workload

MOST = 500
SEED = 13


class Paying(FaceWorld, KeyWorld, AccountWorld, Protocol):
    """Customers with devices and accounts."""


def payments(world: AccountWorld, open_service: OpenService) -> list[Values]:  # noqa: ARG001 - needs no other component
    """Payments of a cent each between two accounts, drawn with a fixed seed; as inputs for other components."""
    rng = random.Random(SEED)
    accounts = sorted(account.account_id for account in world.accounts)
    drawn = [rng.sample(accounts, 2) for _ in range(MOST)]
    return [
        {"payment": {"payment_id": f"measured-{n}", "payer": payer, "payee": payee, "amount": 1, "nonce": rng.randbytes(16)}}
        for n, (payer, payee) in enumerate(drawn)
    ]


def messages(world: Paying, open_service: OpenService) -> Sequence[Values]:  # noqa: ARG001 - as above
    rng = random.Random(SEED)
    faces = [face for face in world.faces("test") if face.person in world.device_keys][:MOST]
    payee = max(account.account_id for account in world.accounts)
    drawn = ((face, Payment(f"measured-{n}", face.person, payee, 1, rng.randbytes(16))) for n, face in enumerate(faces))
    sealed = (seal_payment(payment, face.png, face.depth, world.device_keys[face.person]) for face, payment in drawn)
    return [{"message": {"content": content}} for content in sealed]


def pictures(world: Paying, open_service: OpenService) -> Sequence[Values]:
    opened = open_service("encryption", operation="open")
    return [opened(message) for message in messages(world, open_service)]


def receipts(world: KeyWorld, open_service: OpenService) -> Sequence[Values]:  # noqa: ARG001 - as above
    payers = sorted(world.device_keys)
    shown = {"accepted": True, "score": 0.5, "reason": "accepted", "balance": 1}
    return [{"receipt": {"payment_id": f"measured-{n}", "payer": payers[n % len(payers)], **shown}} for n in range(MOST)]


WORKLOADS = (
    Workload(messages, (FACES, ACCOUNTS), {"operation": "open"}, "open"),
    Workload(pictures, (FACES, ACCOUNTS), {"operation": "pictures"}, "pictures"),
    Workload(receipts, (), {"operation": "seal"}, "seal"),
)
