"""An environment in which a partner's package is installed beside ours: its own Python, its own site-packages, ours behind it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

from paths import ROOT

ACME_TICKETS = ROOT / "tests" / "libraries" / "acme_tickets"
TICKETS = ROOT / "tests" / "libraries" / "tickets.aib"


def environment(folder: Path, *packages: Path) -> Path:
    """The folder of its programs, python and aibenchc. packages: source folders of what is installed in it."""
    venv.create(folder, with_pip=False, symlinks=True)
    site = folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    ours = (ROOT / "compiler", ROOT / "runtime", Path(sysconfig.get_path("purelib")))
    (site / "ours.pth").write_text("".join(f"{place}\n" for place in ours), encoding="utf-8")
    for package in packages:
        source = folder / "sources" / package.name  # building leaves files beside the sources
        shutil.copytree(package, source, ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info"))
        options = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--disable-pip-version-check"]
        subprocess.run([sys.executable, "-m", "pip", "install", *options, "--target", str(site), str(source)], check=True)
    program = folder / "bin" / "aibenchc"
    program.write_text(f"#!{folder / 'bin' / 'python'}\nimport sys\nfrom aibenchc.cli import main\nsys.exit(main())\n", encoding="utf-8")
    program.chmod(0o755)
    return folder / "bin"
