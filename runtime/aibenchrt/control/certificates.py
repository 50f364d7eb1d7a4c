"""Certificates of a deployment, made on the control host: an authority of its own, and a key and a certificate for every party.

    <folder>/authority/{ca.pem, key.pem}           stays on the control host
    <folder>/<role>/<host>/{ca,cert,key}.pem       what that role gets on that host (aibenchrt.tls reads it)
    <folder>/parties.json                          whom they were made for

EC P-256; keys have mode 0600 in folders of mode 0700. Both ends of a connection present one, so each may serve and call.
"""

from __future__ import annotations

import datetime
import ipaddress
import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from aibenchrt.errors import EnvironmentFailure
from aibenchrt.tls import CA, CERT, KEY, Identity, role_name

AUTHORITY, PARTIES = "authority", "parties.json"
RENEW_SHARE = 0.25  # made anew when less than this share of the time is left
CLOCKS = datetime.timedelta(minutes=10)  # a host's clock may be that much behind ours


def certify(folder: Path, parties: Mapping[str, Sequence[str]], days: int, now: datetime.datetime | None = None) -> Path:
    """Makes the folder, whole or not at all, or leaves it when it still holds for the same parties and is good for a while.

    parties: 'role/host' → the host's addresses and names, which its certificate bears beside the role's name.
    EnvironmentFailure AIB605: the folder cannot be written. ValueError: a party is not 'role/host'.
    """
    now = now or datetime.datetime.now(datetime.UTC)
    wanted = {party: sorted(set(names)) for party, names in sorted(parties.items())}
    for party in wanted:
        role, _, host = party.partition("/")
        if not role or not host or "/" in host or ".." in (role, host) or role == AUTHORITY:
            raise ValueError(f"'{party}' is no role/host")
    if _holds(folder, wanted, now):
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))  # mode 0700
        try:
            _make(scratch, wanted, now, now + datetime.timedelta(days=days))
            _swap(scratch, folder)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    except OSError as error:
        raise EnvironmentFailure("AIB605", f"cannot write certificates to '{folder}': {error.strerror}", "free some space") from error
    return folder


def _holds(folder: Path, wanted: dict[str, list[str]], now: datetime.datetime) -> bool:
    """Same parties, every file there and fitting, and enough time left."""
    try:
        made = json.loads((folder / PARTIES).read_text(encoding="utf-8"))
        if made != {"parties": wanted}:
            return False
        for party in wanted:
            identity = Identity.read(folder / party)
            certificate = x509.load_pem_x509_certificate(identity.certificate)
            whole = certificate.not_valid_after_utc - certificate.not_valid_before_utc
            if certificate.not_valid_after_utc - now < whole * RENEW_SHARE:
                return False
    except (OSError, ValueError, EnvironmentFailure):
        return False  # made anew: nothing is lost but the old ones, which were of no use
    return True


def _swap(scratch: Path, folder: Path) -> None:
    old = scratch.with_name(scratch.name + ".old")
    if folder.exists():
        folder.rename(old)
    try:
        scratch.rename(folder)
    except OSError:
        if old.exists():
            old.rename(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _make(folder: Path, parties: dict[str, list[str]], start: datetime.datetime, end: datetime.datetime) -> None:
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority = _authority(authority_key, start - CLOCKS, end)
    _write(folder / AUTHORITY, {CA: _pem(authority), KEY: _private(authority_key)})
    for party, names in parties.items():
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _certificate(party, names, key, authority, authority_key, start - CLOCKS, end)
        _write(folder / party, {CA: _pem(authority), CERT: _pem(certificate), KEY: _private(key)})
    (folder / PARTIES).write_text(json.dumps({"parties": parties}, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _authority(key: ec.EllipticCurvePrivateKey, start: datetime.datetime, end: datetime.datetime) -> x509.Certificate:
    name = _name("aibench deployment authority")
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), start, end)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )


def _certificate(
    party: str,
    names: Sequence[str],
    key: ec.EllipticCurvePrivateKey,
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
    start: datetime.datetime,
    end: datetime.datetime,
) -> x509.Certificate:
    both = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    alternatives = [x509.DNSName(role_name(party.partition("/")[0])), *map(_alternative, names)]
    authority_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    return (
        x509.CertificateBuilder(authority.subject, _name(party), key.public_key(), x509.random_serial_number(), start, end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(both), critical=False)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(authority_id, critical=False)
        .sign(authority_key, hashes.SHA256())
    )


def _usage(signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    encoding, no = serialization.Encoding.PEM, serialization.NoEncryption()
    return key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, no)


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    folder.mkdir(parents=True, mode=0o700)
    for name, content in files.items():
        descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if name == KEY else 0o644)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
