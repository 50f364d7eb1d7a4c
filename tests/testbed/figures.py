"""Figures of deployments on a test bed, as tables on standard output. Root.

    figures.py cost N [SPEC] [--real]   deploy cold and again, load, collect, tear down: wall and CPU seconds, bytes shipped, memory
    figures.py links                    latency of the whole path: one machine, five hosts, five hosts behind links of 1 ms each way
    figures.py replicas                 throughput of e-commerce search with 1, 2 and 4 replicas of `recommend`, a tenth of a core each,
                                        and what it waits for

CPU is that of all processes, the control host's (Ansible, ssh) and the hosts'; wall times are of this machine with whatever else it does.
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType

import psutil
from aibenchrt.collect.recorded_run import Run, read_run
from bed import BIN, ROOT, Bed, a_bed
from deployment import Site
from trial import Trial

LINKS_LOAD = ("--rate", "5", "--warmup", "4", "--duration", "30")
REPLICA_CORES = 0.1
USERS = 24  # more than the replicas can serve at once, so that they are the bottleneck
SLOWEST = "recommend"
PLACES = {"triton": range(1, 8), "services": [8], "planner": [9], "generators": [10]}
APART = "category, picture, recommend, rank, rank_new"  # a host for each replica of a model: a quota on a host is one replica's


def measured(site: Site, playbook: str) -> str:
    bed = site.bed
    before = sum(map(bed.cpu_s, bed.hosts))
    played = site.play(playbook)
    hosts_s = sum(map(bed.cpu_s, bed.hosts)) - before
    changed = sum(played.changed.values())
    return f"{played.wall_s:7.1f} s wall  {played.cpu_s:7.1f} s CPU control  {hosts_s:7.1f} s CPU hosts  changed={changed}"


def memory(bed: Bed) -> str:
    return f"{', '.join(f'{bed.memory_mib(host):.0f}' for host in bed.hosts)} MiB"


def cost(hosts: int, spec: str, real: bool) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as scratch, a_bed(hosts, name="fg") as bed:
        site = Site(bed, Path(scratch))
        yield f"memory after boot   {memory(bed)}"
        site.compile(spec, *(("--deployment", "cluster") if "ecommerce" in spec else ()))
        site.ship(*(("real", "small") if real else ()))
        yield f"shipped             {site.shipped_bytes() / 1e6:.0f} MB to {hosts} hosts"
        yield f"deploy, cold        {measured(site, 'deploy.yml')}"
        yield f"deploy, again       {measured(site, 'deploy.yml')}"
        yield f"memory deployed     {memory(bed)}"
        yield f"load                {measured(site, 'load.yml')}"
        yield f"collect             {measured(site, 'collect.yml')}"
        yield f"tear down           {measured(site, 'teardown.yml')}"


def latency(run: Run) -> str:
    times = sorted((r.done_ns - r.intended_ns) / 1e6 for r in run.measured if r.outcome == "ok")
    cuts = statistics.quantiles(times, n=100)
    calls = Counter(c.request_id for c in run.calls if not c.after)
    each = statistics.median(calls[r.request_id] for r in run.measured)
    answered = f"{len(times)} of {len(run.measured)} requests, {each:g} calls each"
    return f"p10 {cuts[9]:6.1f}  p50 {cuts[49]:6.1f}  p90 {cuts[89]:6.1f} ms   {answered}"


def links(spec: str) -> Iterator[str]:
    options = ["--data", "synthetic", "--size", "tiny", "--supplement", "0", *LINKS_LOAD]
    with tempfile.TemporaryDirectory() as scratch:
        command = [BIN / "aibenchc", "run", spec, *options, "--runs", f"{scratch}/one", "--out", f"{scratch}/generated"]
        said = subprocess.run(list(map(str, command)), cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
        yield f"one machine, loopback, no TLS      {latency(read_run(Path(said.strip().splitlines()[-1])))}"
        for delay_us in (0, 1000):
            for tls in ((), ("--no-tls",)):
                with a_bed(5, name="fl", delay_us=delay_us) as bed:
                    trial = Trial(bed, ROOT / spec, bed.inventory, Path(scratch) / f"{delay_us}{''.join(tls)}" / "runs")
                    trial.start(*options[4:], *tls)
                    yield f"5 hosts, {delay_us / 1000:g} ms a link, {'no TLS' if tls else 'TLS   '}          {latency(trial.result().run)}"


def scaled(count: int) -> str:
    """E-commerce search on hosts, with a number of replicas of its slowest part, under a load of users who do not think."""
    text = (ROOT / "specs" / "ecommerce.aib").read_text()
    text = re.sub(r"(?m)^  load +\{.*\}$", f"  load {{ users {USERS} think 0.01 s, for 30 s, warmup 6 s, seed 7 }}", text)
    text = re.sub(r"\n +replicas 2 \{.*", f"\n    replicas {count} {{ {SLOWEST} }}", text)
    return re.sub(r"\n +apart \{ planner \}\n +apart \{ recommend \}.*", f"\n    apart {{ {APART} }}", text)


class MachineBusy:
    """The number of this machine's cores in use by all of its processes, second by second while this is open."""

    def __init__(self) -> None:
        self._seen: list[tuple[int, float]] = []  # CLOCK_MONOTONIC, cores
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> MachineBusy:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        psutil.cpu_percent()
        while not self._over.wait(1.0):
            self._seen.append((time.monotonic_ns(), psutil.cpu_percent() / 100 * (psutil.cpu_count() or 1)))

    def between(self, start_ns: int, end_ns: int) -> float:
        return statistics.mean(cores for at, cores in self._seen if start_ns <= at <= end_ns)


def where_time_goes(run: Run) -> str:
    """How long a measured request takes on average, and how much of that it is in calls of the slowest part."""
    slow: list[float] = []
    whole: list[float] = []
    for request in run.measured:
        calls = run.calls_of.get(request.request_id, ())
        mine = [call for call in calls if call.task == SLOWEST and not call.after]
        if request.outcome == "ok" and mine:
            slow.append(sum(call.end_ns - call.start_ns for call in mine) / 1e6)
            whole.append((request.done_ns - request.sent_ns) / 1e6)
    return f"a request {statistics.mean(whole):.0f} ms, of which {SLOWEST} {statistics.mean(slow):.0f} ms"


def replicas() -> Iterator[str]:
    for count in (1, 2, 4):
        with tempfile.TemporaryDirectory() as scratch, a_bed(10, name="fr") as bed, MachineBusy() as machine:
            spec = Path(scratch, "ecommerce.aib")
            spec.write_text(scaled(count))
            groups = "".join(f"\n[{name}]\n" + "".join(f"h{number}\n" for number in hosts) for name, hosts in PLACES.items())
            bed.inventory.write_text(bed.inventory.read_text() + groups)
            trial = Trial(bed, spec, bed.inventory, Path(scratch) / "runs")
            trial.start("--deployment", "cluster", "--supplement", "0", "--no-tls")
            trial.wait_stage("load")
            slow = {host for service in trial.plan.services if service.name == SLOWEST for host in service.hosts}
            for host in slow:
                bed.quota(host, REPLICA_CORES, period_us=10_000)
            run = trial.result().run
            start, end = run.info.load.window_start_ns, run.info.load.window_end_ns
            done = sum(r.outcome == "ok" and start <= r.done_ns < end for r in run.requests)
            busy: dict[str, list[float]] = {r.process: [] for r in run.resources}
            for sample in run.resources:
                if start <= sample.time_ns <= end:
                    busy[sample.process].append(sample.cpu_share)
            most = sorted(((statistics.mean(shares), name) for name, shares in busy.items() if shares), reverse=True)[:6]
            shown = ", ".join(f"{name} {share:.2f}" for share, name in most)
            yield f"{count} replicas on {len(slow)} hosts of {REPLICA_CORES:g} core   {done / ((end - start) / 1e9):6.1f} requests a second"
            yield f"    {where_time_goes(run)}"
            yield f"    cores: the machine {machine.between(start, end):.2f} of {psutil.cpu_count()}; {shown}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    costs = verbs.add_parser("cost")
    costs.add_argument("hosts", type=int)
    costs.add_argument("spec", nargs="?", default="tests/specs/small.aib")
    costs.add_argument("--real", action="store_true", help="real data and models of size small, instead of synthetic and tiny")
    verbs.add_parser("links").add_argument("spec", nargs="?", default="tests/specs/small.aib")
    verbs.add_parser("replicas")
    given = parser.parse_args()
    commands: dict[str, Callable[[], Iterator[str]]] = {
        "cost": lambda: cost(given.hosts, given.spec, given.real),
        "links": lambda: links(given.spec),
        "replicas": replicas,
    }
    for line in commands[given.verb]():
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
