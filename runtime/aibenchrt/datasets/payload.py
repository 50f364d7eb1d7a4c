"""Payload: what one request carries, with its held-out truth."""

from __future__ import annotations

from dataclasses import dataclass

from aibenchrt.values import Values


@dataclass(frozen=True)
class Payload:
    """values: output port of the request class → Value ("text" or "image", and "user"). truth: relevant item ids, ascending.

    label: the category asked for. query_id: Query.query_id or PhotoQuery.query_id. note: what was meant, for people.
    """

    values: Values
    truth: tuple[int, ...]
    label: int
    query_id: int
    note: str
