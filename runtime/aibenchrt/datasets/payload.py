"""Payload: what one request carries, with its held-out truth."""

from __future__ import annotations

from dataclasses import dataclass

from aibenchrt.values import Values


@dataclass(frozen=True)
class Payload:
    """values: output port of the request class → Value ("text" or "image", and "user"). truth: relevant item ids, ascending; maybe none.

    label: the category asked for, None where there is none. query_id: unique within the source. note: what was meant, for people.
    text: the reference text of the answer, '' where there is none. part: "fit" or "rank" within the training period (a world without a
    time split has "fit" alone), "validation" or "test".
    """

    values: Values
    truth: tuple[int, ...]
    label: int | None
    query_id: int
    note: str
    text: str = ""
    part: str = ""

    @property
    def user(self) -> int | None:
        """Who asks; None where the request does not say."""
        value = self.values.get("user")
        return None if value is None else int(value["user_id"])
