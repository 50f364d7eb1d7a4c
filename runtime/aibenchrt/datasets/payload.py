"""Payload: the content of one request, with its held-out truth."""

from __future__ import annotations

from dataclasses import dataclass

from aibenchrt.answers import Truth
from aibenchrt.values import Values


@dataclass(frozen=True)
class Payload:
    """values: output port of the request class → Value ("text" or "image", and "user").

    truth: truth type (answers.TRUTH_TYPES) → value, for the types that the request has; "relevant" ids are ascending. query_id: unique
    within the source. note: what the user meant, for people who read the records. part: "fit" or "rank" within the training period (only
    "fit" in a world without a time split), "validation" or "test".
    """

    values: Values
    truth: Truth
    query_id: int
    note: str
    part: str = ""

    @property
    def user(self) -> int | None:
        """The user's id; None if the request names no user."""
        value = self.values.get("user")
        return None if value is None else int(value["user_id"])
