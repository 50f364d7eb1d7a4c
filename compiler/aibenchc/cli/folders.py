"""Where specs, compiled scenarios and runs are looked for and written unless the command line says otherwise."""

from __future__ import annotations

from pathlib import Path

SPECS = Path("specs")
GENERATED = Path("generated")
RUNS = Path("runs")
