"""A test bed of systemd hosts in Python: up and down, Ansible, faults, and what a host holds. See README.md and testbed.sh."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aibenchrt.home import home

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
BIN = Path(sys.executable).parent
# Reasons that only say how busy the machine is: its cores are shared by all hosts of a bed, and by whatever else it does.
OF_THE_MACHINE = frozenset(("V04", "V05", "V06", "V09", "V16", "V19", "V20"))
TOOLS = ("debootstrap", "systemd-nspawn", "ip", "ssh-keygen", "ssh")
LONGEST_S = 1500.0
SHOWN = 5000  # characters of what failed

JOURNAL = "systemctl --no-pager list-units 'aibench-*' --all; journalctl --no-pager | cut -c1-300 | tail -n 60"
RECAP = re.compile(r"^(\S+)\s+: ok=\d+\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)", re.MULTILINE)

# Files that a host changes by itself, and backups of the files that are compared.
PASSING = (
    "/proc", "/sys", "/run", "/tmp", "/var/tmp", "/dev", "/var/log", "/var/cache", "/var/lib/systemd", "/var/lib/apt", "/var/lib/dpkg",
    "/etc/passwd-", "/etc/shadow-", "/etc/group-", "/etc/gshadow-", "/etc/.pwd.lock", "/etc/ld.so.cache",
    "/etc/machine-id", "/etc/hosts", "/etc/hostname",
)  # fmt: skip

LISTS = """
import grp, json, os, pwd, subprocess, sys
passing = tuple(sys.argv[1:])
files = {}
for folder, folders, names in os.walk("/"):
    folders[:] = [name for name in folders if os.path.join(folder, name) not in passing]
    for name in [*folders, *names]:
        path = os.path.join(folder, name)
        if path not in passing:
            found = os.lstat(path)
            size = found.st_size if os.path.isfile(path) or os.path.islink(path) else 0
            files[path] = [oct(found.st_mode), found.st_uid, found.st_gid, size]
LIST = "systemctl list-units --type=service --state=running,failed --no-legend --plain --no-pager".split()
def said(*command):
    return sorted(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines())
print(json.dumps({
    "files": files,
    "users": [user.pw_name for user in pwd.getpwall()],
    "groups": [group.gr_name for group in grp.getgrall()],
    "packages": said("dpkg-query", "-W", "-f", "${Package} ${Version} ${db:Status-Status}\\n"),
    "units": said("systemctl", "list-unit-files", "--no-legend", "--plain", "--no-pager"),
    "running": [line.split()[0] for line in said(*LIST)],
}))
"""


def absent_tools() -> list[str]:
    """The programs that a test bed needs and this machine lacks."""
    return [tool for tool in TOOLS if shutil.which(tool) is None]


def bed_marks(timeout_s: float) -> list[pytest.MarkDecorator]:
    """The pytest marks of a module whose tests need a bed."""
    absent = absent_tools()
    return [
        pytest.mark.testbed,
        pytest.mark.long,
        pytest.mark.timeout(timeout_s),
        pytest.mark.skipif(os.geteuid() != 0, reason="a test bed needs root"),
        pytest.mark.skipif(bool(absent), reason=f"a test bed needs {', '.join(absent)}"),
    ]


@dataclass(frozen=True)
class Played:
    """A playbook's end. changed: host → how many tasks changed it. cpu_s: of the control host's processes, ssh included."""

    said: str
    changed: dict[str, int]
    wall_s: float
    cpu_s: float

    @property
    def changes(self) -> list[str]:
        """Each task that changed something, with host and item."""
        changed, task = [], ""
        for line in self.said.splitlines():
            if line.startswith(("TASK [", "RUNNING HANDLER [")):
                task = line.partition("[")[2].partition("]")[0]
            elif line.startswith("changed: "):
                changed.append(f"{task}: {line.removeprefix('changed: ')}")
        return changed


class Bed:
    """Hosts h1…hN. Several beds may be up at once under different names (two letters); each has networks of its own."""

    def __init__(self, name: str = "ab", folder: Path | None = None) -> None:
        self.folder = folder or home() / "testbed"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.name = name
        self.inventory = self.folder / f"state-{name}" / "inventory.ini"
        self.environment = {
            **os.environ,
            "TB": str(self.folder),
            "PFX": name,
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "ANSIBLE_NOCOLOR": "1",
        }
        self.hosts: tuple[str, ...] = ()

    # -- life

    def up(self, n: int, cpu: float | None = None, delay_us: int = 0, disk_mib: int | None = None) -> None:
        """Boots n hosts with `cpu` cores each, one-way delay in microseconds, and waits until each answers. First removes what is left.

        disk_mib: of a disk of its own that each has below /var/lib/aibench.
        """
        self.down()
        self.bed("image")
        self.bed("up", str(n), CPU=str(cpu or ""), LAT_US=str(delay_us), DISK=str(disk_mib or ""))
        self.hosts = tuple(f"h{number + 1}" for number in range(n))

    def down(self) -> None:
        self.bed("down")
        self.hosts = ()

    def kill(self, host: str) -> None:
        """Simulates a power loss."""
        self.bed("kill", host)

    def boot(self, host: str) -> None:
        self.bed("boot", host)

    def cut(self, host: str) -> None:
        """Disconnects the host from its network."""
        self.bed("cut", host)

    def heal(self, host: str) -> None:
        self.bed("heal", host)

    def quota(self, host: str, cores: float, period_us: int = 100_000) -> None:
        """A share of a core; the shorter the period, the more evenly it is given out."""
        self.bed("quota", host, str(cores), str(period_us))

    # -- commands

    def ran(self, *arguments: str, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
        """testbed.sh with these arguments, whatever its exit code."""
        return subprocess.run(
            ["bash", str(HERE / "testbed.sh"), *arguments],
            cwd=cwd,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=LONGEST_S,
        )

    def bed(self, *arguments: str, cwd: Path = ROOT, **environment: str) -> str:
        """As ran; returns its output. AssertionError: it failed."""
        ended = self.ran(*arguments, cwd=cwd, **environment)
        assert ended.returncode == 0, (ended.stdout + ended.stderr)[-SHOWN:]
        return ended.stdout

    def sh(self, host: str, *command: str) -> str:
        """Runs a command on a host and returns its output. AssertionError: it failed."""
        return self.bed("sh", host, *command)

    def control(self, *command: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
        """Runs a command where the hosts can be reached."""
        return self.ran("in", *command, cwd=cwd)

    def play(
        self, playbooks: Path, playbook: str, variables: Mapping[str, Any], options: Sequence[str] = (), inventory: Path | None = None
    ) -> Played:
        """Runs a playbook on all hosts. AssertionError: a task failed; the message holds the services' logs."""
        began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        command = ["ansible-playbook", "-i", str(inventory or self.inventory), playbook, "-e", json.dumps(dict(variables)), *options]
        ended = self.control(*command, cwd=playbooks)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        recap = RECAP.findall(ended.stdout)
        if ended.returncode or not recap:
            journals = "".join(f"--- {host}\n{self.ran('sh', host, 'bash', '-c', JOURNAL).stdout[-2000:]}" for host in self.hosts)
            raise AssertionError(ended.stdout[-SHOWN:] + ended.stderr[-1000:] + journals)
        changed = {host: int(count) for host, count, _, _ in recap}
        cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return Played(ended.stdout, changed, time.monotonic() - began, cpu_s)

    # -- what hosts hold and use

    def lists(self, host: str) -> dict[str, Any]:
        """files: path → mode, owner, group, size, but for what passes; users, groups, packages, unit files, services that run or failed."""
        listed: dict[str, Any] = json.loads(self.sh(host, "python3", "-c", LISTS, *PASSING))
        return listed

    def cpu_s(self, host: str) -> float:
        """CPU seconds that the host has used since it booted."""
        (used,) = re.findall(r"usage_usec (\d+)", self.bed("cpu", host))
        return int(used) / 1e6

    def memory_mib(self, host: str) -> float:
        """What the host uses now, without the page cache."""
        stat = Path(f"/sys/fs/cgroup/memory/{self.name}/{host}/memory.stat")
        if stat.is_file():
            return int(re.findall(r"^total_rss (\d+)", stat.read_text(), re.MULTILINE)[0]) / 2**20
        statistics = Path(f"/sys/fs/cgroup/{self.name}/{host}/memory.stat").read_text()
        return int(re.findall(r"^anon (\d+)", statistics, re.MULTILINE)[0]) / 2**20


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """What was added, removed or changed between two of Bed.lists."""
    lines = []
    for kind in before:
        old, new = before[kind], after[kind]
        lines += [f"{kind}: + {name}" for name in sorted(set(new) - set(old))]
        lines += [f"{kind}: - {name}" for name in sorted(set(old) - set(new))]
        if isinstance(old, dict):
            lines += [f"{kind}: {name}: {old[name]} -> {new[name]}" for name in sorted(set(old) & set(new)) if old[name] != new[name]]
    return lines


@contextlib.contextmanager
def a_bed(n: int, cpu: float | None = None, delay_us: int = 0, name: str = "ab", disk_mib: int | None = None) -> Iterator[Bed]:
    """A bed that is up, alone on this machine, and gone afterwards."""
    bed = Bed(name)
    with (bed.folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        bed.up(n, cpu, delay_us, disk_mib)
        try:
            yield bed
        finally:
            bed.down()
