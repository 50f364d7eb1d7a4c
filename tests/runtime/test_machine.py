"""Limits of control groups, in the layouts that systemd, Docker and Kubernetes make."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from aibenchrt.collect.run_info import HostInfo
from aibenchrt.collect.watch_lines import HostFacts
from aibenchrt.control.run_metadata import host_texts
from aibenchrt.machine import Limits, limits

GIB = 2**30
NO_LIMIT = 0x7FFFFFFFFFFFF000  # what v1 writes for none
V2 = "29 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate"
V1 = """\
33 31 0:30 {top} /sys/fs/cgroup/cpu,cpuacct rw,nosuid - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 {top} /sys/fs/cgroup/memory rw,nosuid - cgroup cgroup rw,memory
37 31 0:34 {top} /sys/fs/cgroup/pids rw,nosuid - cgroup cgroup rw,pids"""
CPU, MEMORY = "sys/fs/cgroup/cpu,cpuacct", "sys/fs/cgroup/memory"
OF_V1 = "9:name=systemd:{path}\n4:memory:{path}\n3:cpu,cpuacct:{path}\n0::/"

LAYOUTS: dict[str, tuple[str, str, dict[str, str], Limits]] = {
    "v2, a unit in a slice": (
        "0::/user.slice/shop.service",
        V2,
        {
            "sys/fs/cgroup/user.slice/cpu.max": "300000 100000",
            "sys/fs/cgroup/user.slice/memory.max": str(2 * GIB),
            "sys/fs/cgroup/user.slice/shop.service/cpu.max": "150000 100000",
            "sys/fs/cgroup/user.slice/shop.service/memory.max": "max",
        },
        Limits(1.5, 2 * GIB),
    ),
    "v2, a container": (
        "0::/",
        V2,
        {"sys/fs/cgroup/cpu.max": "50000 100000", "sys/fs/cgroup/memory.max": str(GIB)},
        Limits(0.5, GIB),
    ),
    "v2, no limit": (
        "0::/init.scope",
        V2,
        {"sys/fs/cgroup/init.scope/cpu.max": "max 100000", "sys/fs/cgroup/init.scope/memory.max": "max"},
        Limits(None, None),
    ),
    "v1, a container that sees the host's path": (
        OF_V1.format(path="/docker/4f5e"),
        V1.format(top="/docker/4f5e"),
        {f"{CPU}/cpu.cfs_quota_us": "200000", f"{CPU}/cpu.cfs_period_us": "100000", f"{MEMORY}/memory.limit_in_bytes": str(GIB)},
        Limits(2.0, GIB),
    ),
    "v1, a pod": (
        OF_V1.format(path="/kubepods/pod1/c1"),
        V1.format(top="/"),
        {
            f"{CPU}/kubepods/pod1/cpu.cfs_quota_us": "250000",
            f"{CPU}/kubepods/pod1/cpu.cfs_period_us": "100000",
            f"{CPU}/kubepods/pod1/c1/cpu.cfs_quota_us": "-1",
            f"{CPU}/kubepods/pod1/c1/cpu.cfs_period_us": "100000",
            f"{MEMORY}/kubepods/pod1/c1/memory.limit_in_bytes": str(3 * GIB),
            f"{MEMORY}/memory.limit_in_bytes": str(NO_LIMIT),
        },
        Limits(2.5, 3 * GIB),
    ),
    "v1, no limit": (
        OF_V1.format(path="/"),
        V1.format(top="/"),
        {f"{CPU}/cpu.cfs_quota_us": "-1", f"{CPU}/cpu.cfs_period_us": "100000", f"{MEMORY}/memory.limit_in_bytes": str(NO_LIMIT)},
        Limits(None, None),
    ),
    "none mounted": ("0::/", "23 27 0:22 / /sys rw - sysfs sysfs rw", {}, Limits(None, None)),
}


def lay_out(root: Path, files: Mapping[str, str]) -> None:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content + "\n")


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("process", ["self", "1"])
def test_the_tightest_limit_of_all_groups_is_found(tmp_path: Path, layout: str, process: str) -> None:
    groups, mounts, files, expected = LAYOUTS[layout]
    here = {f"proc/{process}/cgroup": groups, "proc/self/mountinfo": mounts, "proc/meminfo": f"MemTotal: {8 * GIB // 1024} kB"}
    lay_out(tmp_path, here | files)
    assert limits(process, tmp_path) == expected


def test_without_proc_nothing_is_known(tmp_path: Path) -> None:
    assert limits(root=tmp_path) == Limits(None, None)


def test_a_limit_makes_another_machine_and_none_leaves_fingerprints_as_they_were() -> None:
    host = HostInfo(name="h", cpu_model="c", cores=4, memory_mib=8192, kernel="k", os="o")
    assert host_texts([host]) == ("1 × c, 4 cores, 8192 MiB, o",)
    limited = host.model_copy(update={"cpu_limit": 1.5, "memory_limit_mib": 2048})
    assert host_texts([limited]) == ("1 × c, 4 cores, 8192 MiB (limited to 1.5 CPUs and 2048 MiB), o",)
    assert host_texts([host.model_copy(update={"cpu_limit": 2.0})]) == ("1 × c, 4 cores, 8192 MiB (limited to 2 CPUs), o",)


def test_facts_of_hosts_carry_limits_and_need_none() -> None:
    facts = {"cpu_model": "c", "cores": 4, "memory_kib": 8, "kernel": "k", "os": "o", "boot": "b", "monotonic_ns": 1, "realtime_ns": 2}
    assert HostFacts(**facts).cpu_limit is None
    assert HostFacts(**facts, cpu_limit=0.5, memory_limit_kib=4).memory_limit_kib == 4
