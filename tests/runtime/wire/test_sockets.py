"""Unix sockets in place of ports: one channel to all replicas, and a socket that a killed server left behind."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.short_folder import ShortFolder
from aibenchrt.wire.tls import Sockets, access_of, listen, open_channel

ENDPOINTS = ("127.0.0.1:21000", "127.0.0.1:21001")
BALANCED = [("grpc.service_config", json.dumps({"loadBalancingConfig": [{"round_robin": {}}]}))]


@pytest.fixture
def sockets() -> Iterator[Sockets]:
    with contextlib.closing(ShortFolder()) as short:
        made = access_of(None, short.path)
        assert isinstance(made, Sockets)
        yield made


@contextlib.contextmanager
def echo(endpoint: str, sockets: Sockets) -> Iterator[None]:
    """A server that answers with its endpoint."""
    server = grpc.server(ThreadPoolExecutor(1))
    handler = grpc.unary_unary_rpc_method_handler(lambda _request, _context: endpoint.encode())
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("Echo", {"Ask": handler}),))
    listen(server, endpoint, sockets)
    server.start()
    yield
    server.stop(0).wait()


def test_one_channel_reaches_all_replicas(sockets: Sockets) -> None:
    with echo(ENDPOINTS[0], sockets), echo(ENDPOINTS[1], sockets), open_channel(ENDPOINTS, sockets, "service", BALANCED) as channel:
        ask: Any = channel.unary_unary("/Echo/Ask")
        answers = set()
        while len(answers) < len(ENDPOINTS):  # the second connection may come later
            answers.add(ask(b"", timeout=60, wait_for_ready=True))
    assert answers == {endpoint.encode() for endpoint in ENDPOINTS}


def test_a_socket_that_was_left_behind_is_taken_over(sockets: Sockets) -> None:
    left = sockets.folder / ENDPOINTS[0]
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(left))
    assert left.is_socket()
    with echo(ENDPOINTS[0], sockets), open_channel(ENDPOINTS[0], sockets, "service") as channel:
        assert channel.unary_unary("/Echo/Ask")(b"", timeout=60) == ENDPOINTS[0].encode()


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFailure, match=f"AIB602.*{ENDPOINTS[0]}: no such file or directory"):
        listen(grpc.server(ThreadPoolExecutor(1)), ENDPOINTS[0], Sockets(tmp_path / "nowhere"))


@pytest.mark.parametrize(
    ("address", "reason", "way_out"),
    [
        ("192.0.2.1:5000", "cannot assign requested address", "correct it in the inventory"),
        ("127.0.0.1:taken", "address already in use", "stop the process that listens there"),
        ("no.such.host.invalid:5000", "", "see the address in the plan, or the inventory"),
    ],
)
def test_the_true_reason_is_told_why_an_address_cannot_be_bound(address: str, reason: str, way_out: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = address.replace("taken", str(taken.getsockname()[1]))
        with pytest.raises(EnvironmentFailure, match="AIB602") as raised:
            listen(grpc.server(ThreadPoolExecutor(1)), address, None)
    assert f"cannot listen on {address}: {reason}" in raised.value.message
    assert way_out in raised.value.hint
