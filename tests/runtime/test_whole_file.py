"""Files that are written whole or not at all: what a reader sees meanwhile, what an interruption leaves, modes."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from aibenchrt.whole_file import OWNERS, growing_file, whole_file, write_bytes, write_text


@pytest.fixture(params=(0o022, 0o077, 0o027), ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_what_is_written_takes_the_place_of_what_was_there(tmp_path: Path) -> None:
    write_text(tmp_path / "a", "eins")
    write_bytes(tmp_path / "a", b"zwei", on_disk=True)
    assert (tmp_path / "a").read_bytes() == b"zwei"
    assert [path.name for path in tmp_path.iterdir()] == ["a"], "nothing else is left"


def test_a_reader_sees_the_old_content_or_the_new(tmp_path: Path) -> None:
    target, ended, seen = tmp_path / "a", threading.Event(), set()
    contents = {letter * 100_000 for letter in "ab"}
    write_text(target, "a" * 100_000)

    def read() -> None:
        while not ended.is_set():
            seen.add(target.read_text())

    reader = threading.Thread(target=read)
    reader.start()
    for n in range(50):
        write_text(target, "ab"[n % 2] * 100_000)
    ended.set()
    reader.join()
    assert seen
    assert seen <= contents


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, OSError, ValueError])
def test_what_is_not_written_to_its_end_changes_nothing(tmp_path: Path, interruption: type[BaseException]) -> None:
    write_text(tmp_path / "a", "before")

    def begin() -> None:
        with whole_file(tmp_path / "a") as file:
            file.write(b"half")
            raise interruption

    with pytest.raises(interruption):
        begin()
    assert (tmp_path / "a").read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_folder_in_its_place_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(IsADirectoryError):
        write_text(tmp_path / "a", "x")
    with pytest.raises(FileNotFoundError):
        write_text(tmp_path / "missing" / "a", "x")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_new_file_has_the_mode_that_is_asked_for_else_the_umasks(tmp_path: Path, umask: int) -> None:
    write_text(tmp_path / "own", "x", OWNERS)
    write_text(tmp_path / "all", "x", 0o644)
    write_text(tmp_path / "usual", "x")
    assert (mode(tmp_path / "own"), mode(tmp_path / "all"), mode(tmp_path / "usual")) == (0o600, 0o644, 0o666 & ~umask)


def test_a_file_that_is_replaced_keeps_its_mode_without_set_uid(tmp_path: Path, umask: int) -> None:
    write_text(tmp_path / "a", "x")
    (tmp_path / "a").chmod(0o4751)
    write_text(tmp_path / "a", "y")
    assert mode(tmp_path / "a") == 0o751, oct(umask)


@pytest.mark.parametrize("name", ["a" * 255, "ä" * 127, "-rf", "a\nb", "a b;$(x)"])
def test_any_name_that_a_file_may_have(tmp_path: Path, name: str) -> None:
    write_text(tmp_path / name, "x")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_growing_file_goes_on_or_begins_anew(tmp_path: Path) -> None:
    for append, expected in ((True, "x"), (True, "xx"), (False, "x")):
        with os.fdopen(growing_file(tmp_path / "log", append=append), "wb") as file:
            file.write(b"x")
        assert (tmp_path / "log").read_text() == expected
    assert mode(tmp_path / "log") == OWNERS
