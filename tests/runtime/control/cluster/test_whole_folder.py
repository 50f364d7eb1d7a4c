"""A folder that takes long to fill is there whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from aibenchrt.control.cluster.whole_folder import is_whole, whole_folder


def test_what_was_interrupted_is_not_there_and_is_begun_anew(tmp_path: Path) -> None:
    kept = tmp_path / "kept" / "debs"

    def interrupted() -> None:
        with whole_folder(kept) as folder:
            (folder / "half").touch()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not is_whole(kept)
    assert not kept.exists()
    with whole_folder(kept) as folder:
        (folder / "whole").touch()
        assert not is_whole(kept)
    assert is_whole(kept)
    assert {path.name for path in kept.iterdir()} == {"whole", ".whole"}
    assert [path.name for path in kept.parent.iterdir()] == ["debs"]


def test_what_is_there_and_not_whole_is_replaced(tmp_path: Path) -> None:
    kept = tmp_path / "debs"
    (kept / "of an earlier version").mkdir(parents=True)
    with whole_folder(kept) as folder:
        (folder / "new").touch()
    assert not (kept / "of an earlier version").exists()
    assert is_whole(kept)
