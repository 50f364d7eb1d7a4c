"""Ansible's programs, run by our configuration in an empty folder: an `ansible.cfg`, plugins or variables that lie about have no say."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from aibenchrt.errors import EnvironmentFailure, install
from aibenchrt.static_inventories import STATIC_INVENTORIES

CONFIGURATION = """[defaults]
host_key_checking = True
forks = 20
interpreter_python = /usr/bin/python3
timeout = 20
"""  # as in templates/ansible/ansible.cfg


def run_tool(name: str, words: Sequence[str], timeout_s: float, trusted: bool) -> subprocess.CompletedProcess[str]:
    """Runs a program of ansible-core to its end. trusted: the inventory may be a program or a plugin's configuration.

    EnvironmentFailure AIB601: it is not installed. subprocess.TimeoutExpired.
    """
    program = tool(name)
    with tempfile.TemporaryDirectory(prefix="aibenchc-") as empty:
        configuration = Path(empty) / "ansible.cfg"
        configuration.write_text(CONFIGURATION, encoding="utf-8")
        own = {"ANSIBLE_CONFIG": str(configuration), "ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0", "ANSIBLE_VERBOSITY": "0"}
        return subprocess.run(
            [program, *words],
            cwd=empty,
            env={**os.environ, **own, **({} if trusted else STATIC_INVENTORIES)},
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout_s,
            stdin=subprocess.DEVNULL,
        )


def tool(name: str) -> str:
    """A program of ansible-core, preferably of this environment. EnvironmentFailure AIB601: it is not installed."""
    beside = Path(sys.executable).parent / name
    program = str(beside) if beside.exists() else shutil.which(name)
    if program is None:
        raise EnvironmentFailure("AIB601", what=f"`{name}`, which reads an inventory,", install=install("cluster"))
    return program
