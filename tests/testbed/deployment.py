"""A compiled scenario and its shipment on the hosts of a bed, played by ansible-playbook as an operator would."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bed import BIN, ROOT, Bed, Played


@dataclass(frozen=True)
class Site:
    """A compiled scenario and its shipment. inventory None: the bed's own."""

    bed: Bed
    folder: Path
    inventory: Path | None = None

    @property
    def generated(self) -> Path:
        return self.folder / "generated"

    @property
    def shipment(self) -> Path:
        return self.folder / "shipment"

    @property
    def collected(self) -> Path:
        return self.folder / "records"

    @property
    def plan(self) -> dict[str, Any]:
        plan: dict[str, Any] = json.loads((self.generated / "plan.json").read_text())
        return plan

    def user(self, kind: str) -> str:
        """The system user of the parts of this kind."""
        return f"aibench-{self.plan['scenario']}-{kind}"

    @property
    def variables(self) -> Mapping[str, str]:
        return {"aibench_shipment": str(self.shipment), "aibench_collected": str(self.collected)}

    def play(self, playbook: str, *options: str, **variables: Any) -> Played:
        return self.bed.play(self.generated / "ansible", playbook, {**self.variables, **variables}, options, self.inventory)

    def compile(self, spec: Path | str, *options: str) -> None:
        """For its inventory's hosts, unless the options say another."""
        placed = () if "--out" in options else ("-i", self.inventory or self.bed.inventory, "--out", self.generated)
        subprocess.run([BIN / "aibenchc", "compile", spec, *placed, *options], cwd=ROOT, check=True, env=self.bed.environment)

    def ship(self, variant: str = "synthetic", size: str = "tiny") -> None:
        pack = ["-m", "aibenchrt.control.cluster.shipment", "--generated", self.generated, "--out", self.shipment]
        subprocess.run([sys.executable, *map(str, pack), "--variant", variant, "--size", size], cwd=ROOT, check=True)

    def shipped_bytes(self) -> int:
        """The number of bytes sent to the hosts by a first deployment."""
        ships = json.loads((self.shipment / "shipment.json").read_text())["aibench_ship"]
        return sum((self.shipment / f"{entry['name']}.tar.gz").stat().st_size for entries in ships.values() for entry in entries)


def renamed(shipment: Path, task: str) -> tuple[str, str]:
    """As if a task's model had been trained anew: its archive has other content under another name. (old name, new name)."""
    text = (shipment / "shipment.json").read_text()
    old = json.loads(text)["aibench_archives"][f"model-{task}"]
    new = f"model-{task}-{'0' * 16}"
    scratch = shipment / "scratch"
    shutil.unpack_archive(shipment / f"{old}.tar.gz", scratch, filter="data")
    (scratch / old).rename(scratch / new)
    (scratch / new / "another-version").touch()
    subprocess.run(["tar", "-czf", shipment / f"{new}.tar.gz", "-C", scratch, new], check=True)
    shutil.rmtree(scratch)
    (shipment / "shipment.json").write_text(text.replace(old, new))
    return old, new
