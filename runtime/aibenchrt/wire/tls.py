"""How a program reaches others and is reached: over TLS by its certificate, or through Unix sockets; the channels and servers for both.

Every role has an authority of its own, and a party trusts those alone that it has business with (CALLS). A folder holds `cert.pem` and
`key.pem` (this party's), `ca.pem` (the authority that signed it), of a server `callers.pem` (the authorities whose clients it answers) and
of a client `servers.pem` (those whose servers it calls). So TLS itself refuses whoever has no business with a server, before any of our
code, Triton's or PostgreSQL's sees a byte. A server's certificate must bear the name of the role that is meant, and of the task if one is
called (role_name), so that a host answers for the tasks that the plan places there and for no others.

The processes of one machine have Sockets instead: a folder that nobody else may search. With neither, everything is plain.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from aibenchrt.certificate_files import CA, CALLERS, CERT, KEY, SERVERS
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.input_file import MIB, InputFileError, read_bytes

# Role → the roles that it calls. `check` is for root on a host, who checks the health of its own servers; `keeper` for the watch of a
# host's Triton, which asks it for inferences. Both have authorities of their own on each host, which no other accepts.
CHECK, KEEPER = "check", "keeper"
OF_ONE_HOST = (CHECK, KEEPER)
CALLS: Mapping[str, tuple[str, ...]] = {
    "generator": ("planner",),
    "planner": ("service", "triton"),
    "service": ("postgresql",),
    "triton": (),
    "postgresql": (),
    CHECK: ("planner", "service", "triton"),
    KEEPER: ("triton",),
}
LARGEST_MESSAGE = 64 << 20  # bytes

# Trailing metadata by which a replica names itself and, if it was not the first, the attempt that it answers.
SERVER_KEY, ATTEMPT_KEY = "aibench-server", "aibench-attempt"

# A peer that vanished (no power, no network) closes no connection: pings notice it, and calls that wait for it fail within 5 s.
_PINGS = (
    ("grpc.keepalive_time_ms", 2000),
    ("grpc.keepalive_timeout_ms", 3000),
    ("grpc.http2.ping_timeout_ms", 3000),  # for gRPC's own bandwidth probes, of which only one at a time is pending
    ("grpc.http2.max_pings_without_data", 0),
)
CHANNEL_OPTIONS: tuple[tuple[str, Any], ...] = (
    *_PINGS,
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.min_reconnect_backoff_ms", 2000),  # longest time for one attempt to connect
    ("grpc.enable_http_proxy", 0),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.max_receive_message_length", LARGEST_MESSAGE),
    ("grpc.max_send_message_length", LARGEST_MESSAGE),
)
SERVER_OPTIONS: tuple[tuple[str, Any], ...] = (
    ("grpc.so_reuseport", 0),  # otherwise two servers could share the port, each with half of the calls
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 1000),
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.max_receive_message_length", LARGEST_MESSAGE),
    ("grpc.max_send_message_length", LARGEST_MESSAGE),
)


def role_name(role: str, task: str = "") -> str:
    """A DNS name that a channel expects in the certificate of its servers: 'planner' → 'planner.aibench', of the servers of a task
    'parse.service.aibench'. Every certificate bears the name of its role, and those of the tasks that its role serves on its host."""
    return f"{task}.{role}.aibench" if task else f"{role}.aibench"


@dataclass(frozen=True)
class Identity:
    """A party's certificate and key, the authorities of its callers and of its servers (empty: none), as PEM. Never shown, neither by repr
    nor in a log."""

    certificate: bytes = field(repr=False)
    key: bytes = field(repr=False)
    callers: bytes = field(repr=False)
    servers: bytes = field(repr=False)

    @classmethod
    def read(cls, folder: Path) -> Identity:
        """EnvironmentFailure AIB620: a file is missing, unreadable or broken, the key may be read by others or is another
        certificate's, or the certificate has expired or is another authority's."""
        key = folder / KEY
        _content(folder / CA)
        trusted = (_content(folder / name) if (folder / name).exists() else b"" for name in (CALLERS, SERVERS))
        identity = cls(_content(folder / CERT), _content(key), *trusted)
        if key.stat().st_mode & 0o077:
            raise _unusable(f"{key} may be read by others", f"chmod 0600 {key}")
        _shake_hands_with_itself(folder)
        return identity

    def channel_credentials(self) -> grpc.ChannelCredentials:
        """EnvironmentFailure AIB620: this party calls no server."""
        if not self.servers:
            raise _unusable(f"the certificate allows no calls: there is no {SERVERS}")
        return grpc.ssl_channel_credentials(self.servers, self.key, self.certificate)

    def server_credentials(self) -> grpc.ServerCredentials:
        """Refuses every client without a certificate of a caller's authority. EnvironmentFailure AIB620: this party has no callers."""
        if not self.callers:
            raise _unusable(f"the certificate accepts no callers: there is no {CALLERS}")
        return grpc.ssl_server_credentials([(self.key, self.certificate)], root_certificates=self.callers, require_client_auth=True)


@dataclass(frozen=True)
class Sockets:
    """A folder of Unix sockets in place of ports, for processes of one machine: `folder/host:port` is that of an endpoint.

    Who may not search the folder reaches none of them. Its path is short and plain (aibenchrt.short_folder).
    """

    folder: Path

    def target(self, endpoints: str | Sequence[str]) -> str:
        """gRPC's address of one endpoint, or of all replicas: 'unix:/f/127.0.0.1:5000,/f/127.0.0.1:5001'."""
        named = (endpoints,) if isinstance(endpoints, str) else endpoints
        return "unix:" + ",".join(str(self.folder / endpoint) for endpoint in named)


Access = Identity | Sockets | None


def access_of(tls: Path | None, sockets: Path | None) -> Access:
    """What `--tls DIR` or `--sockets DIR` gives; None without both. EnvironmentFailure AIB620 as Identity.read."""
    return Sockets(sockets) if sockets else identity_of(tls)


def identity_of(folder: Path | None) -> Identity | None:
    """The identity that `--tls DIR` gives; None without it. EnvironmentFailure AIB620 as Identity.read."""
    return Identity.read(folder) if folder else None


def open_channel(
    endpoints: str | Sequence[str], access: Access, role: str, options: Sequence[tuple[str, Any]] = (), task: str = ""
) -> grpc.Channel:
    """A channel to one server or to all replicas of one, as host:port. role, task: of the servers; certificates must bear that name.

    EnvironmentFailure AIB660: a host's name is not known.
    """
    target, merged = _target(endpoints, access), _options(role_name(role, task), options)
    if not isinstance(access, Identity):
        return grpc.insecure_channel(target, options=merged)
    return grpc.secure_channel(target, access.channel_credentials(), options=merged)


def open_aio_channel(
    endpoints: str | Sequence[str], access: Access, role: str, options: Sequence[tuple[str, Any]] = (), task: str = ""
) -> grpc.aio.Channel:
    """As open_channel, for the running event loop."""
    target, merged = _target(endpoints, access), _options(role_name(role, task), options)
    if not isinstance(access, Identity):
        return grpc.aio.insecure_channel(target, options=merged)
    return grpc.aio.secure_channel(target, access.channel_credentials(), options=merged)


def listening(address: str, bind: str | None) -> str:
    """host:port to listen at: the address at which others call this process, or its port of the host's own address `bind`."""
    return f"{bind}:{address.rpartition(':')[2]}" if bind else address


def listen(server: Any, address: str, access: Access) -> None:
    """Binds a grpc or grpc.aio server. EnvironmentFailure AIB602: the address cannot be bound, with the system's reason."""
    try:
        if isinstance(access, Identity):
            bound = server.add_secure_port(address, access.server_credentials())
        else:
            bound = server.add_insecure_port(access.target(address) if access else address)
    except RuntimeError:
        bound = 0
    if not bound:
        reason, way_out = _why_not_bound(address, access)
        raise EnvironmentFailure("AIB602", endpoint=address, what="this process", reason=reason, way_out=way_out)


def _why_not_bound(address: str, access: Access) -> tuple[str, str]:
    """(the system's reason, a way out) why this address cannot be bound: gRPC does not pass it on, so it is tried without gRPC."""
    host, _, port = address.rpartition(":")
    try:
        if isinstance(access, Sockets):
            with socket.socket(socket.AF_UNIX) as probe:
                probe.bind(str(access.folder / address))
            (access.folder / address).unlink()
        else:
            family, kind, protocol, _, where = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)[0]
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(where)
                probe.listen()
    except (OSError, ValueError) as error:
        number = getattr(error, "errno", None)
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        return reason[:1].lower() + reason[1:], _BIND_WAYS_OUT.get(number or 0, "see the address in the plan, or the inventory")
    return "it was in use a moment ago", "try again"


_BIND_WAYS_OUT = {
    errno.EADDRINUSE: "stop the process that listens there, or choose other ports with --first-port",
    errno.EADDRNOTAVAIL: "correct it in the inventory: no interface of this host has it (Debian gives a host's own name 127.0.1.1)",
    errno.EACCES: "choose ports from 1024 on with --first-port, or make the folder of the sockets writable",
}


def _options(name: str, options: Sequence[tuple[str, Any]]) -> list[tuple[str, Any]]:
    # A server's certificate is checked against this authority: one name for all replicas of a channel.
    return [*CHANNEL_OPTIONS, ("grpc.default_authority", name), *options]


def _target(endpoints: str | Sequence[str], access: Access) -> str:
    """gRPC's own static list of addresses: 'ipv4:10.0.0.1:5000,10.0.0.2:5000'. One host's name is left to gRPC's resolver."""
    if isinstance(access, Sockets):
        return access.target(endpoints)
    targets = (endpoints,) if isinstance(endpoints, str) else tuple(endpoints)
    if len(targets) == 1 and not _is_address(targets[0]):
        return f"dns:///{targets[0]}"
    addresses = [_address(endpoint) for endpoint in targets]
    version = 6 if any(address.startswith("[") for address in addresses) else 4
    return f"ipv{version}:{','.join(addresses)}"


def _is_address(endpoint: str) -> bool:
    try:
        ipaddress.ip_address(endpoint.rpartition(":")[0].strip("[]"))
    except ValueError:
        return False
    return True


def _address(endpoint: str) -> str:
    if _is_address(endpoint):
        return endpoint
    host, _, port = endpoint.rpartition(":")
    try:
        return f"{socket.getaddrinfo(host, None, socket.AF_INET, socket.SOCK_STREAM)[0][4][0]}:{port}"
    except OSError as error:
        raise EnvironmentFailure("AIB660", endpoint=endpoint, reason=error.strerror) from error


def _content(path: Path) -> bytes:
    try:
        return read_bytes(path, MIB)
    except InputFileError as error:
        raise _unusable(f"{path} cannot be read: {error}") from error


def _shake_hands_with_itself(folder: Path) -> None:
    """Makes a TLS handshake with itself in memory, which finds broken files, a foreign key, expiry, another authority and wrong usage."""
    try:
        client, server = (ssl.SSLContext(side) for side in (ssl.PROTOCOL_TLS_CLIENT, ssl.PROTOCOL_TLS_SERVER))
        client.check_hostname = False
        for context in (client, server):
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(folder / CA)
            context.load_cert_chain(folder / CERT, folder / KEY)
        for trusted in (folder / name for name in (CALLERS, SERVERS) if (folder / name).exists()):
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(trusted)
        up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
        sides = [client.wrap_bio(down, up), server.wrap_bio(up, down, server_side=True)]
        while sides:
            sides = [side for side in sides if not _done(side)]
    except ssl.SSLCertVerificationError as error:
        raise _unusable(f"the certificate {folder / CERT} does not hold: {error.verify_message}") from error
    except (ssl.SSLError, OSError) as error:
        reason = str(getattr(error, "reason", None) or "no certificate or no key").replace("_", " ").lower()
        raise _unusable(f"certificates and key in {folder} cannot be used: {reason}") from error


def _done(side: ssl.SSLObject) -> bool:
    try:
        side.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True


def _unusable(problem: str, way_out: str = "deploy again: certificates are made by the control host") -> EnvironmentFailure:
    return EnvironmentFailure("AIB620", problem=problem, way_out=way_out)
