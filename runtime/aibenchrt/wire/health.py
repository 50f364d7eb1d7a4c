"""python -m aibenchrt.wire.health HOST:PORT… [--role NAME] [--tls DIR] [--wait S]

Asks gRPC's own health service. Exit code 0: all of them say SERVING, at the latest after S seconds; 1: one does not, and which; 2: the
environment.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from aibenchrt.errors import EnvironmentFailure
from aibenchrt.shown import tell, tell_failure
from aibenchrt.wire.tls import Identity, identity_of, open_channel

POLL_S = 0.2


def wait_healthy(endpoints: Sequence[str], identity: Identity | None, role: str, wait_s: float) -> dict[str, str]:
    """The endpoints that do not answer SERVING within wait_s, each with its last answer. EnvironmentFailure AIB660 as open_channel."""
    ends = time.monotonic() + wait_s
    sick = {}
    for endpoint in endpoints:
        with open_channel(endpoint, identity, role) as channel:
            said = _ask(channel)
            while said != "SERVING" and time.monotonic() < ends:
                time.sleep(POLL_S)
                said = _ask(channel)
        if said != "SERVING":
            sick[endpoint] = said
    return sick


def _ask(channel: grpc.Channel) -> str:
    try:
        answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=2.0)  # type: ignore[attr-defined]
    except grpc.RpcError as error:
        return f"{error.code().name}: {error.details()}"
    return str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(allow_abbrev=False, prog="python -m aibenchrt.wire.health", description=__doc__)
    parser.add_argument("endpoints", nargs="+", metavar="HOST:PORT")
    parser.add_argument("--role", default="service", help="their role, which their certificates must state")
    parser.add_argument("--tls", type=Path, metavar="DIR", help="folder with the certificates and key for mutual TLS (default: plain)")
    parser.add_argument("--wait", type=float, default=0.0, metavar="S")
    given = parser.parse_args(arguments)
    try:
        sick = wait_healthy(given.endpoints, identity_of(given.tls), given.role, given.wait)
    except EnvironmentFailure as failure:
        tell_failure(failure)
        return 2
    for endpoint, said in sick.items():
        tell(f"{endpoint} is not well: {said}")
    return 1 if sick else 0


if __name__ == "__main__":
    sys.exit(main())
