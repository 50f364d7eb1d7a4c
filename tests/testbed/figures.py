"""python tests/testbed/figures.py N [SPEC]: what a deployment on N hosts costs, as a table on standard output. Root.

CPU is that of all processes, the control host's (Ansible, ssh) and the hosts'; wall times are of this machine with whatever else it does.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from bed import BIN, ROOT, Bed, a_bed


def measured(bed: Bed, playbooks: Path, playbook: str, variables: dict[str, str]) -> str:
    before = sum(map(bed.cpu_s, bed.hosts))
    played = bed.play(playbooks, playbook, variables)
    hosts_s = sum(map(bed.cpu_s, bed.hosts)) - before
    changed = sum(played.changed.values())
    return f"{played.wall_s:7.1f} s wall  {played.cpu_s:7.1f} s CPU control  {hosts_s:7.1f} s CPU hosts  changed={changed}"


def shipped(shipment: Path) -> int:
    """Bytes that go over the wire on a cold deployment."""
    ships = json.loads((shipment / "shipment.json").read_text())["aibench_ship"]
    return sum((shipment / f"{entry['name']}.tar.gz").stat().st_size for entries in ships.values() for entry in entries)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("hosts", type=int)
    parser.add_argument("spec", nargs="?", default="tests/specs/small.aib")
    parser.add_argument("--name", default="fg", help="of the test bed")
    given = parser.parse_args()
    lines = []
    with tempfile.TemporaryDirectory() as scratch, a_bed(given.hosts, name=given.name) as bed:
        generated, shipment = Path(scratch, "generated"), Path(scratch, "shipment")
        lines.append(f"memory after boot   {', '.join(f'{bed.memory_mib(host):.0f}' for host in bed.hosts)} MiB")
        subprocess.run([BIN / "aibenchc", "compile", given.spec, "-i", bed.inventory, "--out", generated], cwd=ROOT, check=True)
        pack = [sys.executable, "-m", "aibenchrt.control.shipment", "--generated", generated, "--out", shipment]
        subprocess.run([*pack, "--form", "synthetic", "--size", "tiny"], cwd=ROOT, check=True)
        lines.append(f"shipped             {shipped(shipment) / 1e6:.0f} MB to {given.hosts} hosts")
        variables = {"aibench_shipment": str(shipment), "aibench_collected": str(Path(scratch, "records"))}
        lines.append(f"deploy, cold        {measured(bed, generated / 'ansible', 'deploy.yml', variables)}")
        lines.append(f"deploy, again       {measured(bed, generated / 'ansible', 'deploy.yml', variables)}")
        lines.append(f"memory deployed     {', '.join(f'{bed.memory_mib(host):.0f}' for host in bed.hosts)} MiB")
        lines.append(f"load                {measured(bed, generated / 'ansible', 'load.yml', variables)}")
        lines.append(f"collect             {measured(bed, generated / 'ansible', 'collect.yml', variables)}")
        lines.append(f"tear down           {measured(bed, generated / 'ansible', 'teardown.yml', variables)}")
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
