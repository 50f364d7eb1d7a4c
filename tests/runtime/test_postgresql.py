"""database_operation on a real PostgreSQL server: the test's own cluster, on a Unix socket, as an unprivileged user."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from aibenchrt.components.database_operation.postgresql import DSN_VARIABLE
from aibenchrt.datasets.movielens_shop import load_world
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.prepare import prepare_component
from test_components import check_tables, opened

SETTINGS: dict[str, str | int] = {"table": "users", "top": 10, "engine": "postgresql"}


def program(name: str) -> str | None:
    """Debian keeps the server's programs outside PATH."""
    kept = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return shutil.which(name) or (str(kept[-1]) if kept else None)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The connection string of a fresh server, stopped and removed afterwards."""
    initdb, pg_ctl = program("initdb"), program("pg_ctl")
    if initdb is None or pg_ctl is None:
        pytest.skip("needs PostgreSQL's server (Debian package postgresql)")
    user = pwd.getpwnam("nobody").pw_name if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name  # it refuses to run as root
    folder = Path(tempfile.mkdtemp(prefix="aibench-pg-", dir="/tmp"))  # short: a socket's path has 107 characters at most
    shutil.chown(folder, user)
    as_user = {"user": user, "cwd": folder, "capture_output": True, "check": True, "timeout": 120}
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


def test_answers_are_those_of_sqlite(dsn: str) -> None:  # noqa: ARG001 - sets the environment
    check_tables(load_world("synthetic", 7), "postgresql")


def test_tables_that_are_gone_are_built_again(dsn: str) -> None:
    world = load_world("synthetic", 7)
    folder = prepare_component("database_operation", SETTINGS, world)
    schema = (folder / "schema").read_text()
    built: list[bool] = []
    assert prepare_component("database_operation", SETTINGS, world, lambda: built.append(True)) == folder
    assert built == []
    with psycopg.connect(dsn) as connection:
        connection.execute(f'DROP SCHEMA "{schema}" CASCADE')
    assert prepare_component("database_operation", SETTINGS, world, lambda: built.append(True)) == folder
    assert built == [True]
    check_tables(world, "postgresql")


def test_a_lost_connection_fails_one_call(dsn: str) -> None:
    world = load_world("synthetic", 7)
    users = opened(world, "database_operation", engine="postgresql")
    asked = {"user": {"user_id": world.users[0].user_id}}
    expected = users(asked)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
    with pytest.raises(psycopg.OperationalError):
        users(asked)
    assert users(asked) == expected


@pytest.mark.parametrize(("value", "reason"), [("", "needs the environment variable"), ("host=/nowhere dbname=x", "cannot be reached")])
def test_a_server_that_is_not_there_is_told(value: str, reason: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AIBENCH_HOME", str(tmp_path))
    monkeypatch.setenv(DSN_VARIABLE, value)
    world = load_world("synthetic", 7)
    with pytest.raises(EnvironmentFailure, match=f"AIB615.*{reason}"):
        prepare_component("database_operation", SETTINGS, world)
