"""What components need and worlds give: declared once, and true of what is in every world. Of its class mypy says it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from aibenchrt.catalog import COMPONENTS
from aibenchrt.component import Need
from aibenchrt.datasets import needs
from aibenchrt.datasets.cache import DEFAULT_SEED
from aibenchrt.datasets.rows import SPLITS
from aibenchrt.datasets.specs import DATASETS
from aibenchrt.datasets.worlds import module_of, worlds
from aibenchrt.progress import silent

# Whether a world that has a place for something is not empty of it, in every split (of utterances, which take long to make, in one).
CONTENT: Mapping[str, Callable[[Any], bool]] = {
    "items": lambda world: all(item.text for item in world.items) and len(world.categories) > 1,
    "users": lambda world: any(user.history for user in world.users),
    "interactions": lambda world: all(len(world.interactions.of(split)) for split in SPLITS),
    "snapshots": lambda world: world.snapshot(world.rank_start).version != world.version,
    "queries": lambda world: all(any(query.text and query.truth for query in world.queries_of(split)) for split in SPLITS),
    "photos": lambda world: all(len(world.photos.rows(split)) and world.photo_queries_of(split) for split in SPLITS),
    "site": lambda world: set(world.urls.values()) < set(world.pages),
    "summaries": lambda world: all(world.articles(split) for split in SPLITS),
    "pairs": lambda world: all(world.pairs(split).source for split in SPLITS),
    "utterances": lambda world: bool(world.utterances("validation")),
    "lines": lambda world: all(world.lines(split) for split in SPLITS),
    "boxes": lambda world: all(photo.boxes for split in SPLITS for photo in world.boxed(split)),
    "turned": lambda world: any(abs(picture.degrees) > 20 for picture in world.turned("validation")),
    "views": lambda world: all(world.views(split) for split in SPLITS),
    "catalogue": lambda world: {entry.split for entry in world.catalogue} == set(SPLITS),
    "captions": lambda world: all(picture.text for picture in world.captioned("validation")),
    "hosted": lambda world: all(world.hosted.values()),
    "faces": lambda world: all(world.faces(split) and world.printed(split) for split in SPLITS),
    "enrolment": lambda world: all(world.enrolled(split) for split in SPLITS),
    "keys": lambda world: all(len(key) == 32 for key in world.device_keys.values()),
    "changed": lambda world: all(pair.before != pair.after for split in SPLITS for pair in world.changed(split)[:3]),
    "solids": lambda world: all(any(one.solid) for split in SPLITS for one in world.solids(split)[:3]),
    "clips": lambda world: all(len(clip.frames) > 1 for split in SPLITS for clip in world.clips(split)),
    "accounts": lambda world: any(account.balance > 0 for account in world.accounts),
}


def has(world: Any, need: Need) -> bool:
    return isinstance(world, need.protocol) and CONTENT[need.name](world)


@pytest.mark.parametrize("name", worlds())
def test_a_world_gives_what_is_declared_and_nothing_else(name: str) -> None:
    spec = DATASETS[name]
    world = module_of(name).WORLDS.load("synthetic", DEFAULT_SEED, silent)
    assert [need.name for need in needs.NEEDS if has(world, need)] == [need.name for need in needs.NEEDS if need in spec.gives]


def test_every_need_is_given_and_taken() -> None:
    """A data set that is made from another's requests gives nothing of its own; a name stands for one need."""
    assert len({need.name for need in needs.NEEDS}) == len(needs.NEEDS)
    taken = {need for spec in COMPONENTS.values() for need in (*spec.needs, *(need for *_, more in spec.needs_if for need in more))}
    given = {need for spec in DATASETS.values() for need in spec.gives}
    assert given == set(needs.NEEDS)
    assert taken == given
    assert not [spec.name for spec in DATASETS.values() if spec.made_from and spec.gives]


def test_conditions_are_of_settings_and_their_values() -> None:
    for spec in COMPONENTS.values():
        choices = {setting.name: setting.choices for setting in spec.settings}
        assert all(value in choices[setting] for setting, value, _ in spec.needs_if)
