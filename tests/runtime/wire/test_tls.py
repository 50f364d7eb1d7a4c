"""Mutual TLS: what a folder of certificates must hold, and that nothing answers whoever has no valid one. Real processes and sockets."""

from __future__ import annotations

import contextlib
import datetime
import os
import shutil
import socket
import ssl
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from aibenchrt.control.cluster.certificates import certify
from aibenchrt.datasets.movielens_shop.dataset import WORLDS
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.wire.tls import Identity, open_channel, role_name
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from grpc_health.v1 import health_pb2, health_pb2_grpc
from replicas import Client, parts
from service_process import Served, Site, single, site
from shop_plan import free_ports

HERE = ["127.0.0.1", "h1"]
TASKS = [role_name("service", task) for task in ("answers", "parse", "profile", "remember")]
PARTIES = {
    "service/h1": [*HERE, *TASKS],
    "planner/h1": HERE,
    "triton/h2": ["10.0.0.2"],
    "generator/h1": HERE,
    "check/h1": HERE,
    "check/h2": HERE,
}
LONG_AGO = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)


def unread(folder: Path) -> Identity:
    """Reads whatever the folder holds, without any check, as an attacker would."""
    callers, servers = ((folder / name).read_bytes() if (folder / name).exists() else b"" for name in ("callers.pem", "servers.pem"))
    return Identity((folder / "cert.pem").read_bytes(), (folder / "key.pem").read_bytes(), callers, servers)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certify(tmp_path_factory.mktemp("certificates") / "tls", PARTIES, 30)


@pytest.fixture(scope="module")
def served(certificates: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    shop: Site = site(tmp_path_factory.mktemp("shop"), WORLDS.load("synthetic", 7), [single("parse", "query_parsing")])
    with shop.running("parse", tls=certificates / "service" / "h1") as served:
        yield served


# -- the folder


def test_every_party_gets_a_key_of_its_own_that_nobody_else_may_read(certificates: Path) -> None:
    identities = [Identity.read(certificates / party) for party in PARTIES]
    assert len({identity.key for identity in identities}) == len({identity.certificate for identity in identities}) == len(PARTIES)
    keys = sorted(certificates.rglob("key.pem"))
    assert len(keys) == len(PARTIES), "the authorities' keys are written nowhere"
    assert {stat.S_IMODE(key.stat().st_mode) for key in keys} == {0o600}
    assert stat.S_IMODE(certificates.stat().st_mode) == 0o700
    assert not any(secret in repr(identities) for secret in ("BEGIN", "PRIVATE", "b'"))


def test_a_certificate_says_what_it_is_for(certificates: Path) -> None:
    authority = x509.load_pem_x509_certificate((certificates / "service" / "h1" / "ca.pem").read_bytes())
    certificate = x509.load_pem_x509_certificate((certificates / "service" / "h1" / "cert.pem").read_bytes())
    certificate.verify_directly_issued_by(authority)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["service.aibench", *TASKS[:1], "h1", *TASKS[1:]]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert set(usage) == {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}
    assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    assert authority.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign is True
    assert certificate.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign is False


def test_certificates_are_kept_while_they_hold_and_made_anew_when_not(tmp_path: Path) -> None:
    def key() -> bytes:
        return (tmp_path / "tls" / "service" / "h1" / "key.pem").read_bytes()

    now = datetime.datetime.now(datetime.UTC)
    certify(tmp_path / "tls", PARTIES, 40)
    seen = [key()]
    certify(tmp_path / "tls", dict(reversed(PARTIES.items())), 40, now + datetime.timedelta(days=20))
    assert key() == seen[-1]
    certify(tmp_path / "tls", PARTIES, 40, now + datetime.timedelta(days=31))  # less than a quarter of the time is left
    assert key() not in seen
    seen.append(key())
    certify(tmp_path / "tls", {**PARTIES, "service/h3": ["10.0.0.3"]}, 40)
    assert key() not in seen
    seen.append(key())
    certify(tmp_path / "tls", PARTIES, 40)
    assert not (tmp_path / "tls" / "service" / "h3").exists()
    seen.append(key())
    (tmp_path / "tls" / "planner" / "h1" / "cert.pem").write_bytes(b"cut sho")
    certify(tmp_path / "tls", PARTIES, 40)
    assert key() not in seen
    seen.append(key())
    certify(tmp_path / "tls", PARTIES, 40, renew=True)
    assert key() not in seen
    assert [path.name for path in tmp_path.iterdir()] == ["tls"]


def test_certificates_are_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certify(tmp_path / "tls", PARTIES, 30)
    before = (tmp_path / "tls" / "service" / "h1" / "key.pem").read_bytes()
    opened = os.open

    def full(path: Any, *arguments: Any, **others: Any) -> int:
        if str(path).endswith("h3/key.pem"):
            raise OSError(28, "No space left on device")
        return opened(path, *arguments, **others)

    monkeypatch.setattr(os, "open", full)
    with pytest.raises(EnvironmentFailure, match="AIB605"):
        certify(tmp_path / "tls", {**PARTIES, "triton/h3": ["10.0.0.3"]}, 30)
    monkeypatch.undo()
    assert (tmp_path / "tls" / "service" / "h1" / "key.pem").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["tls"]


@pytest.mark.parametrize("party", ["service", "/h1", "service/", "../h1", "service/../../h1", "service/..", "updater/h1"])
def test_a_party_is_a_role_on_a_host(tmp_path: Path, party: str) -> None:
    with pytest.raises(ValueError, match="role/host"):
        certify(tmp_path / "tls", {party: []}, 30)


def _other(tmp_path: Path, now: datetime.datetime | None = None) -> Path:
    return certify(tmp_path / "other", PARTIES, 30, now) / "service" / "h1"


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("no ca.pem", "ca.pem cannot be read: No such file"),
        ("no key.pem", "key.pem cannot be read: No such file"),
        ("a key that others may read", "may be read by others"),
        ("the key of another", "key values mismatch"),
        ("another authority", "does not hold"),
        ("expired", "expired"),
        ("cut short", "cannot be used"),
    ],
)
def test_what_does_not_fit_is_told_without_showing_it(certificates: Path, tmp_path: Path, broken: str, said: str) -> None:
    folder = tmp_path / "mine"
    shutil.copytree(certificates / "service" / "h1", folder)
    if broken.startswith("no "):
        (folder / broken.removeprefix("no ")).unlink()
    elif broken == "a key that others may read":
        (folder / "key.pem").chmod(0o640)
    elif broken == "the key of another":
        (folder / "key.pem").write_bytes((certificates / "planner" / "h1" / "key.pem").read_bytes())
    elif broken == "another authority":
        shutil.copy(_other(tmp_path) / "ca.pem", folder / "ca.pem")
    elif broken == "expired":
        shutil.copytree(_other(tmp_path, LONG_AGO), folder, dirs_exist_ok=True)
    else:
        (folder / "cert.pem").write_bytes((folder / "cert.pem").read_bytes()[:200])
    with pytest.raises(EnvironmentFailure) as failure:
        Identity.read(folder)
    assert failure.value.code == "AIB620"
    assert said in failure.value.message
    assert "BEGIN" not in failure.value.message


def test_a_program_with_a_certificate_that_does_not_hold_does_not_start(tmp_path: Path) -> None:
    expired = _other(tmp_path, LONG_AGO)
    command = [*Site(None, tmp_path, tmp_path, tmp_path).command("parse", 1), "--tls", str(expired)]  # type: ignore[arg-type]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert ended.returncode == 2
    assert "error[AIB620]" in ended.stderr
    assert "expired" in ended.stderr


# -- the wire


def ask(port: int, identity: Identity | None, role: str = "service", task: str = "") -> Any:
    """SERVING, or the error."""
    with open_channel(f"127.0.0.1:{port}", identity, role, task=task) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        try:
            return stub.Check(health_pb2.HealthCheckRequest(), timeout=120).status
        except grpc.RpcError as error:
            return error


def test_a_certified_client_is_answered(served: Served, certificates: Path) -> None:
    assert served.call(text={"text": "scary films"})[0]["query"]["term"]
    assert ask(served.port, Identity.read(certificates / "planner" / "h1")) == health_pb2.HealthCheckResponse.SERVING


@pytest.mark.parametrize("role", ["service", "generator", "triton"])
def test_who_has_no_business_with_a_service_gets_nothing(served: Served, certificates: Path, role: str) -> None:
    """A certified party of the deployment, even one that learned whom to trust."""
    ours = unread(certificates / role / ("h2" if role == "triton" else "h1"))
    identity = Identity(ours.certificate, ours.key, b"", unread(certificates / "planner" / "h1").servers)
    with open_channel(f"127.0.0.1:{served.port}", identity, "service") as channel:
        method: Any = channel.unary_unary(served.codec.method)
        with pytest.raises(grpc.RpcError) as error:
            method(served.codec.encode_request({"text": {"text": "a"}}), timeout=120)
    assert error.value.code() is grpc.StatusCode.UNAVAILABLE
    assert served.call(text={"text": "scary films"})[0]["query"]["term"]


def test_the_check_of_a_host_asks_the_servers_of_that_host_only(served: Served, certificates: Path) -> None:
    assert ask(served.port, Identity.read(certificates / "check" / "h1")) == health_pb2.HealthCheckResponse.SERVING
    assert isinstance(ask(served.port, Identity.read(certificates / "check" / "h2")), grpc.RpcError)


def test_everybody_trusts_only_those_it_has_business_with(certificates: Path) -> None:
    def trusted(party: str, file: str) -> set[str]:
        path = certificates / party / file
        authorities = x509.load_pem_x509_certificates(path.read_bytes()) if path.exists() else []
        return {authority.subject.rfc4514_string().removeprefix("CN=aibench authority of ") for authority in authorities}

    assert {party: (trusted(party, "callers.pem"), trusted(party, "servers.pem")) for party in PARTIES} == {
        "service/h1": ({"planner", "check/h1"}, {"postgresql"}),
        "planner/h1": ({"generator", "check/h1"}, {"service", "triton"}),
        "triton/h2": ({"planner", "check/h2"}, set()),
        "generator/h1": (set(), {"planner"}),
        "check/h1": (set(), {"planner", "service", "triton"}),
        "check/h2": (set(), {"planner", "service", "triton"}),
    }


def test_who_is_called_by_nobody_serves_nothing_and_who_calls_nobody_calls_nothing(certificates: Path) -> None:
    with pytest.raises(EnvironmentFailure, match="AIB620"):
        Identity.read(certificates / "generator" / "h1").server_credentials()
    with pytest.raises(EnvironmentFailure, match="AIB620"):
        Identity.read(certificates / "triton" / "h2").channel_credentials()


@pytest.mark.parametrize("who", ["nobody", "foreign", "expired", "server's authority only"])
def test_nobody_else_gets_anything(served: Served, certificates: Path, tmp_path: Path, who: str) -> None:
    ours = unread(certificates / "planner" / "h1")
    if who == "nobody":
        identity = None
    elif who == "server's authority only":  # verifies the server, presents nothing
        credentials = grpc.ssl_channel_credentials(ours.servers)
        with grpc.secure_channel(f"127.0.0.1:{served.port}", credentials) as channel:
            method: Any = channel.unary_unary(served.codec.method)
            with pytest.raises(grpc.RpcError) as error:
                method(served.codec.encode_request({"text": {"text": "a"}}), timeout=120)
        assert error.value.code() is grpc.StatusCode.UNAVAILABLE
        return
    else:
        foreign = unread(_other(tmp_path, LONG_AGO if who == "expired" else None))
        identity = Identity(foreign.certificate, foreign.key, b"", ours.servers)
    said = ask(served.port, identity)
    assert isinstance(said, grpc.RpcError), said
    assert said.code() is grpc.StatusCode.UNAVAILABLE
    assert served.call(text={"text": "still here"})[0]["query"]["term"]


def test_an_expired_certificate_of_our_own_authority_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The certificate alone has run out: its authority is the one that the server trusts."""
    import aibenchrt.control.cluster.certificates as made
    from cryptography.hazmat.primitives.asymmetric import ec

    kept: dict[str, made._Authority] = {}
    signed = made._authority

    def keep(name: str, start: datetime.datetime, end: datetime.datetime) -> made._Authority:
        return kept.setdefault(name, signed(name, start, end))

    monkeypatch.setattr(made, "_authority", keep)
    folder = certify(tmp_path / "tls", PARTIES, 30)
    key = ec.generate_private_key(ec.SECP256R1())
    day = datetime.timedelta(days=1)
    late = made._certificate("planner/h1", ["127.0.0.1"], key, kept["planner"], LONG_AGO, LONG_AGO + day)
    late.verify_directly_issued_by(x509.load_pem_x509_certificate((folder / "planner" / "h1" / "ca.pem").read_bytes()))
    servers = Identity.read(folder / "planner" / "h1").servers
    identity = Identity(made._pem(late), made._private(key), b"", servers)
    shop = site(tmp_path / "shop", WORLDS.load("synthetic", 7), [single("parse", "query_parsing")])
    with shop.running("parse", tls=folder / "service" / "h1") as served:
        said = ask(served.port, identity)
        assert isinstance(said, grpc.RpcError), said
        assert said.code() is grpc.StatusCode.UNAVAILABLE
        assert ask(served.port, Identity.read(folder / "planner" / "h1")) == health_pb2.HealthCheckResponse.SERVING


def test_plain_tcp_gets_nothing(served: Served) -> None:
    for sent in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\x04\0\0\0\0\0"):
        with socket.create_connection(("127.0.0.1", served.port), 120) as connection:
            connection.sendall(sent)
            connection.settimeout(120)
            said = b""
            try:
                while chunk := connection.recv(4096):
                    said += chunk
            except ConnectionResetError:
                pass
        assert b"HTTP" not in said
        assert not said.startswith(b"\0")  # no HTTP/2 frame
        assert said[:1] in (b"", b"\x15")  # at most TLS's own alert


def test_a_tls_handshake_without_a_certificate_is_broken_off(served: Served, certificates: Path) -> None:
    context = ssl.create_default_context(cafile=str(certificates / "planner" / "h1" / "servers.pem"))
    context.set_alpn_protocols(["h2"])
    said = b""
    with socket.create_connection(("127.0.0.1", served.port), 120) as plain, context.wrap_socket(plain, server_hostname="h1") as connection:
        assert connection.version() == "TLSv1.3"  # in which a client believes that it is connected before the server has seen it
        with contextlib.suppress(ssl.SSLError):
            said = connection.recv(1)
    assert said == b""  # the end, and no HTTP/2 frame


def test_a_server_of_another_role_is_not_called(served: Served, certificates: Path) -> None:
    said = ask(served.port, Identity.read(certificates / "planner" / "h1"), "triton")
    assert isinstance(said, grpc.RpcError)
    assert said.code() is grpc.StatusCode.UNAVAILABLE


def test_a_host_answers_for_no_task_but_those_placed_on_it(served: Served, certificates: Path) -> None:
    """Its certificate is of the right role and authority: only the task's name tells that the host may not answer."""
    identity = Identity.read(certificates / "planner" / "h1")
    assert ask(served.port, identity, "service", "parse") == health_pb2.HealthCheckResponse.SERVING
    said = ask(served.port, identity, "service", "recommend")
    assert isinstance(said, grpc.RpcError)
    assert said.code() is grpc.StatusCode.UNAVAILABLE


def test_a_server_without_a_valid_certificate_is_not_called(tmp_path: Path, certificates: Path) -> None:
    shop = site(tmp_path / "shop", WORLDS.load("synthetic", 7), [single("parse", "query_parsing")])
    with shop.running("parse", tls=_other(tmp_path)) as foreign, shop.running("parse", port=free_ports(1)[0]) as plain:
        for port in (foreign.port, plain.port):
            said = ask(port, Identity.read(certificates / "planner" / "h1"))
            assert isinstance(said, grpc.RpcError)
            assert said.code() is grpc.StatusCode.UNAVAILABLE


# -- the planner


def test_a_planner_answers_generators_and_no_other_role(certificates: Path, tmp_path: Path) -> None:
    roles = {role: certificates / role / "h1" for role in ("planner", "service", "generator")}
    with parts(tmp_path, {}, roles) as running:
        running.start_all()
        with running.client() as client:
            assert client.ask()[0] == ""
        servers = Identity.read(roles["generator"]).servers
        for role in ("planner", "service"):
            stranger = unread(roles[role])
            identity = Identity(stranger.certificate, stranger.key, b"", servers)
            with open_channel(running.endpoint("planner"), identity, "planner") as channel:
                assert Client(running.stubs(), channel).ask()[0].startswith("UNAVAILABLE")
