"""Run directories are their owner's alone, whatever the umask and whoever made the folder above."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from aibenchrt.control.run_directory import new_directory
from aibenchrt.errors import EnvironmentFailure


@pytest.fixture(params=(0o000, 0o022, 0o027, 0o077, 0o177, 0o777), ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_a_run_directory_is_its_owners_alone(tmp_path: Path, umask: int) -> None:
    runs = tmp_path / "runs"
    runs.mkdir()
    runs.chmod(0o755)
    for name in ("shop", "shop-1"):
        directory = new_directory(runs, "shop")
        assert directory.name == name, oct(umask)
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        (directory / "logs" / "triton.log").write_text("")


def test_a_link_in_its_place_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "shop").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "shop-1").symlink_to(tmp_path / "nowhere")
    assert new_directory(tmp_path, "shop").name == "shop-2"
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert not (tmp_path / "nowhere").exists()


def test_a_place_where_none_can_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(EnvironmentFailure, match="AIB611"):
        new_directory(tmp_path / "runs", "shop")
