"""Another user of this machine reaches nothing of a local run: it has no port, and its sockets lie in a private folder. Real Triton."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from aibenchc.cli import main
from aibenchrt.collect.recorded_run import read_run
from aibenchrt.control.local.run import run_local
from aibenchrt.control.options import RunOptions
from aibenchrt.short_folder import ShortFolder
from observed_run import requests_ended, wait_until
from paths import TEST_SPECS
from seen_processes import Seen, descendants

LISTENING = "0A"  # in /proc/net/tcp
NOBODY = 65534
CONNECT = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"


def socket_inodes(processes: list[Seen]) -> set[str]:
    found = set()
    for process in processes:
        try:
            descriptors = list(Path(f"/proc/{process.pid}/fd").iterdir())
        except (FileNotFoundError, ProcessLookupError):  # it has ended
            continue
        for descriptor in descriptors:
            try:
                target = os.readlink(descriptor)
            except (FileNotFoundError, ProcessLookupError):
                continue
            if target.startswith("socket:["):
                found.add(target[len("socket:[") : -1])
    return found


def open_ports(inodes: set[str]) -> list[str]:
    """The lines of the kernel's tables of TCP and UDP sockets: those that listen, and all of UDP."""
    lines = []
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            words = line.split()
            if words[9] in inodes and (words[3] == LISTENING or table.startswith("udp")):
                lines.append(f"{table} {line}")
    return lines


def exchanged(processes: list[Seen]) -> list[Path]:
    """The files of shared memory of the Triton among them."""
    words = [word for process in processes for word in process.command if "shm-region-prefix-name=" in word]
    return [path for word in words for path in Path("/dev/shm").glob(f"{word.rpartition('=')[2]}*")]


def unix_sockets(inodes: set[str]) -> list[Path]:
    """The paths at which these sockets listen; '@' would be one of the abstract namespace, which everybody may reach."""
    entries = [line.split() for line in Path("/proc/net/unix").read_text().splitlines()[1:]]
    return [Path(words[7]) for words in entries if words[6] in inodes and len(words) > 7 and int(words[3], 16) & 0x10000]


def refused_as_nobody(path: Path) -> str:
    """The last line of what that user is told; '' where it gets a connection."""
    command = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", sys.executable, "-I", "-S", "-c", CONNECT, str(path)]
    ended = subprocess.run(command, capture_output=True, text=True, cwd="/", check=False)
    return ended.stderr.strip().rpartition("\n")[2]


def test_no_part_of_a_local_run_can_be_reached_by_another_user(tmp_path: Path) -> None:
    folder, runs = tmp_path / "two_tasks", tmp_path / "runs"
    assert main(["compile", str(TEST_SPECS / "two_tasks.aib"), "--out", str(folder)]) == 0
    ports: list[str] = []
    sockets: list[Path] = []
    modes: set[tuple[int, int]] = set()
    refusals: set[str] = set()
    regions: set[int] = set()

    def look() -> None:
        wait_until(lambda: requests_ended(runs) > 5)
        inodes = socket_inodes(descendants())
        ports.extend(open_ports(inodes))
        sockets.extend(unix_sockets(inodes))
        regions.update(stat.S_IMODE(path.stat().st_mode) for path in exchanged(descendants()))
        modes.update((stat.S_IMODE(path.parent.stat().st_mode), path.parent.stat().st_uid) for path in sockets)
        if os.geteuid() == 0:
            refusals.update(refused_as_nobody(path) for path in sockets)

    looking = threading.Thread(target=look)
    looking.start()
    directory = run_local(folder, runs, RunOptions("synthetic", "tiny", 20.0, duration_s=3.0, warmup_s=1.0, supplement=False))
    looking.join()
    run = read_run(directory)
    assert ports == []
    named = {endpoint for service in run.plan.services for endpoint in service.endpoints}
    assert {path.name for path in sockets} == named
    assert modes == {(0o700, os.geteuid())}
    assert regions == {0o600}, "what Triton and its models exchange"
    if os.geteuid() == 0:
        assert refusals == {"PermissionError: [Errno 13] Permission denied"}
    assert not any(path.parent.exists() for path in sockets)
    assert {r.outcome for r in run.requests} == {"ok"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_the_other_user_reaches_a_socket_in_a_folder_that_is_open_to_all() -> None:
    """So that the refusals above mean something."""
    with contextlib.closing(ShortFolder()) as short, socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(short.path / "socket"))
        listening.listen()
        (short.path / "socket").chmod(0o666)
        assert refused_as_nobody(short.path / "socket").startswith("PermissionError")
        short.path.chmod(0o755)
        assert refused_as_nobody(short.path / "socket") == ""
