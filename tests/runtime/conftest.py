"""What the runtime's tests share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest


@pytest.fixture(scope="session", autouse=True)
def _one_index_for_the_same_words() -> Iterator[None]:
    """Spelling corrections with the same words share their index, which takes two seconds of CPU to build and is only read. That of one
    edit is not shared: learnt words are added to it."""
    from aibenchrt.components.spelling_correction import service

    build, built = service._index, list[tuple[Mapping[str, int], Any]]()

    def shared(frequency: Mapping[str, int], edits: int) -> Any:
        if edits == 1:
            return build(frequency, edits)
        index = next((index for words, index in built if words == frequency), None)
        if index is None:
            index = build(frequency, edits)
            built.append((dict(frequency), index))
        return index

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(service, "_index", shared)
        yield
