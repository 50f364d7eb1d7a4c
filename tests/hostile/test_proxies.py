"""Operators behind a proxy: what goes to a host of the plan, or stays on this machine, never asks it."""

from __future__ import annotations

import ast
import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from aibenchrt.control.local.run import healthy
from aibenchrt.wire.health import wait_healthy
from aibenchrt.wire.tls import open_aio_channel
from grpc_health.v1 import health, health_pb2_grpc
from paths import ROOT

# Everything that opens connections which heed http_proxy, or may. Registries are asked by their own clients, pip and apt-get.
OPENERS = {"insecure_channel", "secure_channel", "InferenceServerClient", "urlopen", "build_opener", "ProxyManager", "Session"}
CHANNELS = "runtime/aibenchrt/wire/tls.py"


@pytest.fixture(autouse=True)
def _dead_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "grpc_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("no_proxy", "NO_PROXY", "no_grpc_proxy"):
        monkeypatch.delenv(name, raising=False)


def opened() -> Iterator[tuple[str, str]]:
    """(file, call) of every opener in what is shipped."""
    for tree in ("compiler", "runtime", "templates"):
        for path in sorted((ROOT / tree).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_bytes())):
                if isinstance(node, ast.Call):
                    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                    if name in OPENERS:
                        yield path.relative_to(ROOT).as_posix(), ast.unparse(node)


def test_channels_are_opened_in_one_place_with_options_that_leave_proxies_out() -> None:
    elsewhere = [(file, call) for file, call in opened() if file != CHANNELS]
    assert [file for file, _ in opened()].count(CHANNELS) == 4
    assert all("channel_args=CHANNEL_OPTIONS" in call for _, call in elsewhere), elsewhere


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_health_check_and_a_call_do_not_ask_the_proxy(host: str) -> None:
    async def connected(endpoint: str) -> None:
        async with open_aio_channel(endpoint, None, "service") as channel:
            await asyncio.wait_for(channel.channel_ready(), 60)

    server = grpc.server(ThreadPoolExecutor(2))
    health_pb2_grpc.add_HealthServicer_to_server(health.HealthServicer(), server)
    endpoint = f"{host}:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        assert wait_healthy([endpoint], None, "service", 60) == {}
        assert healthy(endpoint, None)
        asyncio.run(connected(endpoint))
    finally:
        server.stop(None).wait()
