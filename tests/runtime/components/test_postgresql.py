"""database_operation on a real PostgreSQL server: the test's own cluster, on a Unix socket, as an unprivileged user."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
import pytest
from aibenchc.placement.site import POSTGRESQL_CALL_MS, POSTGRESQL_MIB
from aibenchrt.certificate_files import CALLERS, CERT, KEY, SERVERS
from aibenchrt.components.database_operation.postgresql import DSN_VARIABLE
from aibenchrt.control.cluster.certificates import certify
from aibenchrt.datasets.movielens_shop.dataset import WORLDS
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.serve.prepare import prepare_component
from cpu_time import quiet_cpu_s
from postgresql_server import program
from prepared_components import check_tables, opened
from shop_plan import free_ports

SETTINGS: dict[str, str | int] = {"table": "users", "top": 10, "engine": "postgresql"}


@dataclass(frozen=True)
class Secured:
    process: psutil.Popen
    port: int
    tls: Path

    def dsn(self, role: str) -> str:
        """The connection string of a client with a role's certificate that knows the authorities a service trusts."""
        folder, trusted = self.tls / role / "h1", self.tls / "service" / "h1" / SERVERS
        shown = f"sslmode=verify-full sslrootcert={trusted} sslcert={folder / CERT} sslkey={folder / KEY}"
        return f"host=127.0.0.1 port={self.port} user=aibench dbname=postgres {shown}"

    def cpu_s(self) -> float:
        return self._sum(lambda member: sum(member.cpu_times()[:2]))

    def memory_mib(self) -> float:
        return self._sum(lambda member: member.memory_full_info().pss) / 2**20

    def _sum(self, used: Callable[[psutil.Process], float]) -> float:
        """Over the server and its processes, of which one may end meanwhile."""
        total = 0.0
        for member in (self.process, *self.process.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                total += used(member)
        return total


@pytest.fixture
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """A server as on a host: TCP with mutual TLS, only for clients with a caller's certificate."""
    initdb, postgres = program("initdb"), program("postgres")
    if initdb is None or postgres is None or os.geteuid() != 0:
        pytest.skip("needs PostgreSQL's server, and root to run it as another user")
    mine = tmp_path_factory.mktemp("mine")
    certify(mine / "tls", {f"{role}/h1": ["127.0.0.1"] for role in ("service", "planner", "generator", "postgresql")}, 30)
    folder = Path(tempfile.mkdtemp(prefix="aibench-pg-", dir="/tmp"))
    shutil.copytree(mine / "tls/postgresql/h1", folder / "tls")
    for path in (folder, *folder.rglob("*")):
        shutil.chown(path, "nobody")
    data, port = folder / "data", free_ports(1)[0]
    command = [initdb, "-D", data, "-U", "aibench", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C"]
    subprocess.run(command, user="nobody", cwd=folder, capture_output=True, check=True, timeout=240)
    (data / "pg_hba.conf").write_text("hostssl all aibench all trust clientcert=verify-ca\n")
    settings = {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": "", "ssl": "on", "fsync": "off"}
    settings |= {"ssl_ca_file": folder / "tls" / CALLERS, "ssl_cert_file": folder / "tls" / CERT, "ssl_key_file": folder / "tls" / KEY}
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    with (folder / "log").open("wb") as log:
        process = psutil.Popen([postgres, "-D", str(data), *options], user="nobody", cwd=folder, stderr=log)
    try:
        server = Secured(process, port, mine / "tls")
        deadline = time.monotonic() + 240
        while not (folder / "data/postmaster.pid").exists() or "ready" not in (folder / "data/postmaster.pid").read_text():
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.05)
        yield server
    finally:
        process.terminate()
        process.wait(120)
        shutil.rmtree(folder)


def test_only_services_reach_the_server(secured: Secured) -> None:
    with psycopg.connect(secured.dsn("service")) as connection:
        assert connection.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").fetchone() == (True,)
    for stranger in ("planner", "generator", "postgresql"):
        with pytest.raises(psycopg.OperationalError, match="unknown ca"):
            psycopg.connect(secured.dsn(stranger))
    with pytest.raises(psycopg.OperationalError, match="certificate"):
        psycopg.connect(f"host=127.0.0.1 port={secured.port} user=aibench dbname=postgres sslmode=require")


def test_it_takes_no_more_than_placement_counts_with(secured: Secured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DSN_VARIABLE, secured.dsn("service"))
    world = WORLDS.load("synthetic", 7)
    users = opened(world, "database_operation", engine="postgresql")
    calls = 1000

    def call(count: int) -> None:
        for number in range(count):
            users({"user": {"user_id": world.users[number * 7 % len(world.users)].user_id}})

    call(50)

    def work() -> float:
        before = secured.cpu_s()
        call(calls)
        return secured.cpu_s() - before

    assert quiet_cpu_s(work) / calls * 1000 < POSTGRESQL_CALL_MS
    shared_buffers_mib = 128
    assert secured.memory_mib() + shared_buffers_mib < POSTGRESQL_MIB


def test_answers_are_those_of_sqlite(dsn: str) -> None:  # noqa: ARG001 - sets the environment
    check_tables(WORLDS.load("synthetic", 7), "postgresql")


def test_tables_that_are_gone_are_built_again(dsn: str) -> None:
    world = WORLDS.load("synthetic", 7)
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
    world = WORLDS.load("synthetic", 7)
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


@pytest.mark.parametrize(
    ("value", "reason"), [("", "AIB681.*needs the environment variable"), ("host=/nowhere dbname=x", "AIB615.*cannot be reached")]
)
def test_a_server_that_is_not_there_is_told(value: str, reason: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AIBENCH_HOME", str(tmp_path))
    monkeypatch.setenv(DSN_VARIABLE, value)
    world = WORLDS.load("synthetic", 7)
    with pytest.raises(EnvironmentFailure, match=reason):
        prepare_component("database_operation", SETTINGS, world)
