"""What the components need of a world."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from aibenchrt.component import Need


class Ticket(Protocol):
    """text: as the user wrote it. queue: the label of the queue that it belongs to."""

    @property
    def text(self) -> str: ...
    @property
    def queue(self) -> int: ...


@runtime_checkable
class TicketWorld(Protocol):
    """queues: names, in the order of their labels."""

    @property
    def queues(self) -> Sequence[str]: ...
    def tickets_of(self, split: str) -> Sequence[Ticket]:
        """Of "train", "validation" or "test"."""


TICKETS = Need("tickets", "tickets with the queues that they belong to", TicketWorld)
