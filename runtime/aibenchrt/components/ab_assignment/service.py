"""A/B assignment: a hash of the experiment's name and the user's id decides the arm, so that a user always gets the same one.

This is how Tang et al. 2010 (Overlapping Experiment Infrastructure, section 4) divert traffic by user: there is no table, every replica
gives the same answer, and the arms of differently named experiments are independent.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from aibenchrt.values import Values, Work


def open_work(folder: Path, settings: Mapping[str, str | int], state: Path) -> Work:  # noqa: ARG001 - nothing is prepared or kept
    """Opens the service. ValueError: a share over 100 %."""
    experiment, share = str(settings["experiment"]), int(settings["share"])
    if not 0 <= share <= 100:
        raise ValueError(f"the share of an experiment is a percentage, not {share}")

    def work(inputs: Values) -> Values:
        return {"treated": {"value": place(experiment, inputs["user"]["user_id"]) < share / 100}}

    return work


def place(experiment: str, user_id: int) -> float:
    """The user's position in [0, 1), uniform over users."""
    digest = hashlib.blake2b(f"{experiment}:{user_id}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64
