"""Where specs, compiled scenarios and runs are looked for and written unless the command line says otherwise."""

from __future__ import annotations

from pathlib import Path

SPECS = Path("specs")
GENERATED = Path("generated")
RUNS = Path("runs")


def published() -> Path:
    """The folder of the published scenarios: in the package when installed, at the root of the repository when not."""
    installed = Path(__file__).parent.parent / "_specs"
    return installed if installed.is_dir() else Path(__file__).parents[3] / "specs"


def scenarios() -> list[Path]:
    """The specs below specs/, if there are any where the user stands; otherwise the published ones."""
    return sorted(SPECS.glob("*.aib")) or sorted(published().glob("*.aib"))
