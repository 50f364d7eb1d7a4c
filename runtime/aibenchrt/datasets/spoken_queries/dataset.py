"""The data set `spoken_queries`: a world's queries as speech (spoken.py), with the truth of the typed ones. It belongs to that world."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from aibenchrt.datasets.interactions.spoken import Queried, spoken
from aibenchrt.datasets.payload import Payload
from aibenchrt.datasets.rows import Provenance

PROVENANCE = (Provenance("speech: what the queries mean", "composed", "one sound a letter, seeded", "Apache-2.0"),)


def derived(world: Queried, payloads: Sequence[Payload]) -> list[Payload]:
    """The payloads of one split whose queries are spoken, as speech. note: what is said."""
    if not payloads:
        return []
    split = {"fit": "train", "rank": "train"}.get(payloads[0].part, payloads[0].part)
    said = {utterance.query_id: utterance for utterance in spoken(world, split)}
    return [
        replace(
            payload,
            values={"audio": {"wav": said[payload.query_id].wav}, "user": payload.values["user"]},
            note=said[payload.query_id].text,
        )
        for payload in payloads
        if payload.query_id in said
    ]
