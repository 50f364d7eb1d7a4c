"""Packs the records of a run on this host: python3 - FOLDER

FOLDER is root's; in it, each kind of part has a folder of its own, whose user is not trusted. Only regular files of that user come into
FOLDER/records.tar.gz, and only those with names of this kind's records; no link is followed. The same records give the same bytes, though
Triton goes on: its traces of nothing but checks of its models stay out, and what the watch of Triton said after that of the host had ended.
"""

import gzip
import io
import os
import re
import stat
import sys
import tarfile

NAMES = {
    "generator": r"requests\.parquet|requests\.jsonl|generator\.json|begun\.json",
    "planner": r"calls-[0-9]{1,4}-[0-9A-Za-z]{1,64}\.jsonl",
    "triton": r"(triton_trace-[0-9]{1,4}-[0-9A-Za-z]{1,64}\.json(\.[0-9]{1,9})?)|watched-[0-9]{1,4}-[0-9A-Za-z]{1,64}\.jsonl",
    "service": r"state_audits-[0-9A-Za-z_]{1,100}\.json",
    "watch": r"host\.jsonl|host-after\.json",
}
MOST = 4 << 30  # bytes of a record; what is larger is no record
CONTENTS = "contents"  # of the generator: large answers
CONTENT = r"[0-9a-f]{64}"
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
ARCHIVE = "records.tar.gz"
ENDED = "host-after.json"  # of the watch: its last file
TRACE = "triton_trace-"
OF_A_LOAD = re.compile(rb'"request_id":"[0-9]')
WATCHED = "watched-"
WHEN = re.compile(rb'\{"realtime_ns":([0-9]{1,19})[,}]')
MOST_SAID = 4 << 20  # bytes of what the watch of a Triton says; it says two lines for each start
CHUNK = 1 << 20


class Exactly:
    """As many bytes of a file as it had; zeros for what it lost meanwhile, so that its user cannot spoil the records of others."""

    def __init__(self, file, size):
        self._file, self._left = file, size

    def read(self, size):
        size = min(size, self._left)
        self._left -= size
        return self._file.read(size).ljust(size, b"\0")


def opened(name, folder, flags):
    """None where there is no such thing, or it is a link."""
    try:
        return os.open(name, flags, dir_fd=folder)
    except OSError:
        return None


def add(tar, folder, pattern, prefix, until=None):
    """The records in one folder, in the order of their names. until: when the host's watch ended, in ns; None if it has not."""
    user = os.fstat(folder).st_uid
    for name in sorted(os.listdir(folder)):
        file = opened(name, folder, FILE) if re.fullmatch(pattern, name) else None
        if file is None:
            continue
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode) or (found.st_uid, found.st_nlink) != (user, 1) or not 0 < found.st_size <= MOST:
            os.close(file)
            continue
        with os.fdopen(file, "rb") as content:
            if name.startswith(TRACE) and not of_a_load(content):
                continue
            member = tarfile.TarInfo(prefix + name)
            member.mode, member.mtime, member.size = 0o644, int(found.st_mtime), found.st_size
            if name.startswith(WATCHED) and until is not None:
                said = said_until(until, content)
                member.mtime, member.size = until // 10**9, len(said)
                content = io.BytesIO(said)
            if member.size:
                tar.addfile(member, Exactly(content, member.size))


def of_a_load(trace):
    """Whether a trace holds a request of a load; read from its beginning, where it is left again."""
    end = b""
    while chunk := trace.read(CHUNK):
        if OF_A_LOAD.search(end + chunk):
            trace.seek(0)
            return True
        end = chunk[-20:]
    return False


def said_until(until, content):
    """The lines at the beginning that were written by then, with the first that is none if there is one: its reader tells what it is."""
    said = []
    for line in content.read(MOST_SAID).splitlines(keepends=True):
        when = WHEN.match(line)
        if when is not None and int(when[1]) > until:
            break
        said.append(line)
    return b"".join(said)


def ended(run):
    """When the watch wrote its last file, in ns; None if it has not."""
    folder = opened("watch", run, FOLDER)
    file = None if folder is None else opened(ENDED, folder, FILE)
    when = None if file is None else os.fstat(file).st_mtime_ns
    for open_file in (folder, file):
        if open_file is not None:
            os.close(open_file)
    return when


def pack(run, tar):
    until = ended(run)
    for kind, pattern in NAMES.items():
        folder = opened(kind, run, FOLDER)
        if folder is not None:
            add(tar, folder, pattern, "", until)
            contents = opened(CONTENTS, folder, FOLDER) if kind == "generator" else None
            if contents is not None:
                add(tar, contents, CONTENT, f"{CONTENTS}/")
                os.close(contents)
            os.close(folder)


def main(path):
    run = os.open(path, FOLDER)
    part = f".{ARCHIVE}.{os.urandom(8).hex()}"
    file = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=run)
    try:
        with (
            os.fdopen(file, "wb") as archive,
            gzip.GzipFile("", fileobj=archive, mode="wb", compresslevel=1, mtime=0) as packed,
            tarfile.open(fileobj=packed, mode="w") as tar,
        ):
            pack(run, tar)
        os.replace(part, ARCHIVE, src_dir_fd=run, dst_dir_fd=run)
    except BaseException:
        os.unlink(part, dir_fd=run)
        raise


if __name__ == "__main__":
    main(*sys.argv[1:])
