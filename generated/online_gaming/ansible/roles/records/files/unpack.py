"""Unpacks what a host recorded: python3 - ARCHIVE FOLDER MARK

The host is not trusted. Only regular files with the names of records come out of its archive, up to a size, each written anew in a fresh
folder, which then takes the place of FOLDER. FOLDER/.refused.json says what is left out, and why. MARK is a file made in it at the end.
Nothing that the archive says of owners, modes, links or times is heeded.
"""

import gzip
import io
import json
import os
import re
import shutil
import sys
import tarfile
import tempfile
import zlib

NAME = re.compile(
    r"requests\.parquet|requests\.jsonl|generator\.json|begun\.json|host\.jsonl|host-after\.json"
    r"|state_audits-[0-9A-Za-z_]{1,100}\.json"
    r"|(calls|watched)-[0-9]{1,4}-[0-9A-Za-z]{1,64}\.jsonl|triton_trace-[0-9]{1,4}-[0-9A-Za-z]{1,64}\.json(\.[0-9]{1,9})?|contents/[0-9a-f]{64}"
)
LEFT = re.compile(r"\.[a-z-]{1,20}\.(json|parquet)\.[0-9a-f]{16}")  # by a process that was killed while it wrote a file
MIB = 1 << 20
MOST_OF_A_FILE = 4096 * MIB
MOST_OF_A_CONTENT = 64 * MIB
MOST = 16384 * MIB  # all of them, unpacked
MOST_FILES = 1_000_000
MOST_OF_A_HEADER = MIB  # what tarfile may read at once: a name, not a file
SHOWN = 20  # reasons
BROKEN = (tarfile.TarError, OSError, EOFError, zlib.error, ValueError, OverflowError)


class Unpacked:
    """The content of a compressed archive, as tarfile reads it: never much at once, and never too much."""

    def __init__(self, file):
        self._file = file

    def read(self, size=-1):
        if not 0 <= size <= MOST_OF_A_HEADER:
            raise tarfile.ReadError("a header in it is too long")
        if self._file.tell() + size > MOST:
            raise tarfile.ReadError(f"it holds more than {MOST:,} bytes")
        return self._file.read(size)

    def seek(self, place):
        if not 0 <= place <= MOST:
            raise tarfile.ReadError(f"it holds more than {MOST:,} bytes")
        return self._file.seek(place)

    def tell(self):
        return self._file.tell()


def wrong(member, name, seen):
    """Why it is left out; empty if it may come out."""
    if not NAME.fullmatch(name):
        return "records have no such name"
    if not member.isreg() or member.issparse():
        return "it is no regular file"
    if name in seen:
        return "it is there twice"
    most = MOST_OF_A_CONTENT if name.startswith("contents/") else MOST_OF_A_FILE
    return f"it is larger than {most:,} bytes" if member.size > most else ""


def extract(archive, folder):
    """Writes what may come out into the folder. Returns why the rest is left out, which may be all after a damaged place."""
    reasons, more, seen = [], 0, set()
    try:
        with gzip.open(archive) as file, tarfile.open(fileobj=Unpacked(file), mode="r:") as tar:
            for count, member in enumerate(tar):
                tar.members = []  # else it keeps every header in memory
                if count >= MOST_FILES:
                    raise tarfile.ReadError(f"it holds more than {MOST_FILES:,} files")
                name = member.name.removeprefix("./")
                reason = wrong(member, name, seen)
                if not reason:
                    seen.add(name)
                    write(tar.extractfile(member), os.path.join(folder, name))
                elif len(reasons) < SHOWN:
                    reasons += [] if LEFT.fullmatch(name) else [shown(f"{member.name}: {reason}")]
                else:
                    more += 1
    except BROKEN as error:
        reasons.append(shown(f"the archive is damaged ({type(error).__name__}: {error})"))
    return [*reasons, *([f"{more} files more"] if more else [])]


def write(content, path):
    """Whole or not at all."""
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            shutil.copyfileobj(content, file, 1 << 16)
    except BaseException:
        os.unlink(path)
        raise


def shown(text):
    return text.encode("unicode_escape").decode()[:200]


def main(archive, folder, mark):
    parent, name = os.path.split(folder)
    fresh = tempfile.mkdtemp(prefix=f".{name[:50]}-", dir=parent)  # mode 0700
    try:
        reasons = extract(archive, fresh)
        if reasons:
            write(io.BytesIO(json.dumps(reasons).encode()), os.path.join(fresh, ".refused.json"))
        write(io.BytesIO(), os.path.join(fresh, os.path.basename(mark)))
        old = None
        if os.path.lexists(folder):
            old = tempfile.mkdtemp(prefix=f".{name[:50]}-old-", dir=parent)
            os.rename(folder, os.path.join(old, "old"))
        os.rename(fresh, folder)
        if old:
            shutil.rmtree(old)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
