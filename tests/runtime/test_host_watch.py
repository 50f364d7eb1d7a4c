"""What the watch on a host records of processes that are not of the run. They are real: they keep processors of this machine busy."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from aibenchrt.collect.busiest import LEAST, MOST, busiest, taken
from aibenchrt.collect.machine_counters import read_machine
from aibenchrt.collect.merge import read_host
from aibenchrt.collect.watch_lines import read_watch
from strangers import strangers

NAME = "a) R 1\n (b"  # as a process may call itself


def test_a_watch_names_who_takes_the_time_of_its_host(tmp_path: Path) -> None:
    """systemctl is a stand-in, as no systemd runs here: the host has no units."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "systemctl").write_text("#!/bin/sh\n")
    (tmp_path / "bin" / "systemctl").chmod(0o755)
    out = tmp_path / "host.jsonl"
    words = [sys.executable, "-m", "aibenchrt.collect.host", "--scenario", "shop", "--out", str(out)]
    with strangers(os.cpu_count() or 1, NAME) as pids:
        watch = subprocess.Popen(words, env={**os.environ, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"})
        try:
            while not out.exists() or not any(line.looked for line in read_watch(out)):
                assert watch.poll() is None
        finally:
            watch.send_signal(signal.SIGTERM)
            assert watch.wait(60) == 0
    seen = read_host("h1", [out], "shop", [], None).bystanders
    assert 0 < len(seen) <= MOST
    ours = [other for other in seen if other.pid in pids]
    assert ours, seen
    assert {other.name for other in ours} == {NAME}
    assert all(0 < other.cpu_share <= 1 and other.host == "h1" for other in seen)
    assert watch.pid not in {other.pid for other in seen}
    assert "password" not in out.read_text(), "nothing of command lines"


def test_looks_are_compared_process_by_process(tmp_path: Path) -> None:
    """Fields of proc(5) from the state on: utime and stime are the 12th and 13th, in ticks, the start the 20th."""

    def process(pid: int, name: bytes, ticks: int, started: int) -> None:
        folder = tmp_path / "proc" / str(pid)
        folder.mkdir(parents=True, exist_ok=True)
        fields = ["S", *["0"] * 10, str(ticks), "1", *["0"] * 6, str(started), "0"]
        (folder / "stat").write_bytes(b"%d (%s) %s" % (pid, name, " ".join(fields).encode()))

    for pid, name in ((1, b"init"), (2, b"\xff) R (x"), (3, b"own"), (4, b"k" * 200), (5, b"before"), (6, b"idle")):
        process(pid, name, 100, pid)
    (tmp_path / "proc" / "uptime").write_text("1 1\n")
    (tmp_path / "proc" / "7").mkdir()  # it has just ended
    (tmp_path / "proc" / "8").mkdir()
    (tmp_path / "proc" / "8" / "stat").write_bytes(b"8 (cut")
    before = taken(tmp_path)
    process(1, b"init", 101, 1)
    process(2, b"\xff) R (x", 400, 2)
    process(3, b"own", 900, 3)
    process(4, b"k" * 200, 300, 4)
    process(5, b"after", 100, 55)  # the number was given anew
    tick = 10**6 // os.sysconf("SC_CLK_TCK")
    seen = busiest(before, taken(tmp_path), int(tick / LEAST) * 2, {3})
    assert [(used.name, used.pid, used.us // tick) for used in seen] == [("\ufffd) R (x", 2, 300), ("k" * 64, 4, 200), ("after", 5, 101)]


def test_a_look_at_the_processes_here_is_cheap() -> None:
    """At most 1 % of a core at one look in five seconds, by the CPU time that looks take: 50 ms each."""
    looks = 20
    before = os.times()
    for _ in range(looks):
        assert os.getpid() in {pid for pid, _ in taken()}
    after = os.times()
    assert (after.user + after.system - before.user - before.system) / looks < 0.05
    assert read_machine().total_us > 0
