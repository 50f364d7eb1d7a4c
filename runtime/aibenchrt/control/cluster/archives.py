"""Archives named by their content: the same content gives the same name, so that a host has it already.

<part>-<hash>.tar.gz     every member below <part>-<hash>/, the last one a mark that unpacking came to its end

Python code is shipped with its bytecode: hosts run it from folders that only root writes, and would compile it anew at every start.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import importlib.util
import io
import marshal
import os
import shutil
import sys
import tarfile
import time
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from aibenchrt.whole_file import OWNERS, whole_file

WHOLE = ".whole"  # the last member of every archive
UNCHECKED = (1).to_bytes(4, "little")  # flags of bytecode (PEP 552): it carries its source's hash, which is not checked when it is loaded
KEPT_S = 30 * 24 * 3600.0  # how long an archive that is not used is kept


@dataclass(frozen=True)
class Link:
    """A symbolic link."""

    target: str


Content = Path | bytes | Link  # a file or an empty folder on this machine; generated content; a link
Entry = tuple[str, Content]  # with its name in the archive


def tree(folder: Path, under: str = "") -> list[Entry]:
    """(name in the archive, file) of every file below a folder and (name, folder) of the folder; bytecode left out, links followed."""
    entries: list[Entry] = [(under, folder)] if under else []
    for root, folders, files in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        here = Path(root).relative_to(folder)
        entries += [((Path(under) / here / name).as_posix(), Path(root, name)) for name in sorted(files) if not name.endswith(".pyc")]
    return entries


def archive(
    part: str,
    entries: Iterable[Entry],
    store: Path,
    packing: Callable[[str], None] = lambda _: None,
    key: str = "",
    *,
    private: bool = False,
    compiled: bool = False,
) -> str:
    """Writes <part>-<hash>.tar.gz, mode 0600, unless it is there; returns the name without its ending.

    key: 16 hex digits that identify the content without reading it, if the same key always has the same content. private: what is unpacked
    may be read by its owner alone. compiled: with the bytecode of what is Python, for this Python.
    """
    files = sorted((entry for entry in entries if entry[0] != WHOLE), key=lambda entry: entry[0])
    name = f"{part}-{key or content_hash([*files, *([BYTECODE] if compiled else [])])}"
    path = store / f"{name}.tar.gz"
    if path.exists():
        os.utime(path)
        return name
    packing(part)
    store.mkdir(parents=True, exist_ok=True)
    with (
        whole_file(path, OWNERS) as file,
        gzip.GzipFile("", fileobj=file, mode="wb", compresslevel=1, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as tar,
    ):
        for member, content in files:
            add(tar, f"{name}/{member}", content, private=private)
            if compiled and member.endswith(".py") and (code := bytecode(member, content)):
                add(tar, f"{name}/{beside(member)}", code, private=private)
        add(tar, f"{name}/{WHOLE}", b"")
    return name


def add(tar: tarfile.TarFile, member: str, content: Content, *, private: bool = False) -> None:
    """Mode 0755 for executables and folders, otherwise 0644; private: without the permissions of group and others."""
    info = tarfile.TarInfo(member)
    data = b""
    info.mode = 0o644
    if isinstance(content, Link):
        info.type, info.linkname, info.mode = tarfile.SYMTYPE, content.target, 0o777
    elif isinstance(content, bytes):
        data = content
    elif content.is_dir():
        info.type, info.mode = tarfile.DIRTYPE, 0o755
    else:
        data = content.read_bytes()
        info.mode = 0o755 if content.stat().st_mode & 0o100 else 0o644  # not os.access(), which says no of all files where noexec is set
    if private:
        info.mode &= 0o700
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


BYTECODE: Entry = ("bytecode", importlib.util.MAGIC_NUMBER)  # stands for all bytecode in the hash of the content, which covers its source


def beside(member: str) -> str:
    """Where Python looks for the bytecode of a source file."""
    path = PurePosixPath(member)
    return (path.parent / "__pycache__" / f"{path.stem}.{sys.implementation.cache_tag}.pyc").as_posix()


def bytecode(member: str, content: Content) -> bytes:
    """The bytecode of a source file for this Python; b"" if it is not Python of this version (some packages contain templates)."""
    source = content.read_bytes() if isinstance(content, Path) else b"" if isinstance(content, Link) else content
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # others' code
            code = compile(source, member, "exec", dont_inherit=True, optimize=0)
    except (SyntaxError, ValueError):
        return b""
    return importlib.util.MAGIC_NUMBER + UNCHECKED + importlib.util.source_hash(source) + marshal.dumps(code)


def content_hash(entries: Iterable[Entry]) -> str:
    digest = hashlib.sha256()
    for member, content in entries:
        digest.update(member.encode() + b"\0")
        if isinstance(content, Link):
            digest.update(b"->" + content.target.encode())
        elif isinstance(content, bytes):
            digest.update(hashlib.sha256(content).digest())
        elif content.is_file():
            with content.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]


def put(path: Path, folder: Path) -> None:
    """Puts the file into another folder too, as a hard link if possible."""
    target = folder / path.name
    if target.exists():
        return
    try:
        os.link(path, target)
    except OSError:  # another file system
        with path.open("rb") as source, whole_file(target, OWNERS) as copy:
            shutil.copyfileobj(source, copy)


def forget(store: Path, now: float | None = None) -> None:
    """Removes archives that were not used for KEPT_S."""
    before = (time.time() if now is None else now) - KEPT_S
    for path in store.glob("*.tar.gz"):
        with contextlib.suppress(FileNotFoundError):  # another process was faster
            if path.stat().st_mtime < before:
                path.unlink()
