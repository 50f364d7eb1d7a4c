"""A real PostgreSQL server: the tests' own cluster, on a Unix socket, as an unprivileged user."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from aibenchrt.components.database_operation.postgresql import DSN_VARIABLE
from postgresql_server import program


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The connection string of a fresh server, stopped and removed afterwards."""
    initdb, pg_ctl = program("initdb"), program("pg_ctl")
    if initdb is None or pg_ctl is None:
        pytest.skip("needs PostgreSQL's server (Debian package postgresql)")
    user = pwd.getpwnam("nobody").pw_name if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name  # it refuses to run as root
    folder = Path(tempfile.mkdtemp(prefix="aibench-pg-", dir="/tmp"))  # short: a socket's path has 107 characters at most
    shutil.chown(folder, user)
    as_user = {"user": user, "cwd": folder, "capture_output": True, "check": True, "timeout": 240}
    data = str(folder / "data")
    subprocess.run([initdb, "-D", data, "-U", "aibench", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C"], **as_user)  # type: ignore[call-overload]
    options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
    subprocess.run([pg_ctl, "-D", data, "-w", "-l", str(folder / "log"), "-o", options, "start"], **as_user)  # type: ignore[call-overload]
    try:
        yield f"host={folder} user=aibench dbname=postgres"
    finally:
        subprocess.run([pg_ctl, "-D", data, "-w", "-m", "immediate", "stop"], **as_user)  # type: ignore[call-overload]
        shutil.rmtree(folder)


@pytest.fixture
def dsn(server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv(DSN_VARIABLE, server)
    return server
