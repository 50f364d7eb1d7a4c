"""Certificates of a deployment, made on the control host: an authority for every role, and a key and a certificate for every party.

    <folder>/<role>/<host>/{ca,cert,key,callers,servers}.pem    what that role gets on that host (aibenchrt.wire.tls reads it)
    <folder>/parties.json                                       whom they were made for

EC P-256; keys have mode 0600 in folders of mode 0700. Authorities sign and are forgotten: their keys are written nowhere, so that nobody
can sign another. A party trusts those that aibenchrt.wire.tls.CALLS gives it; the authorities of `check` and `keeper` are each
host's own.
"""

from __future__ import annotations

import datetime
import ipaddress
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from aibenchrt.certificate_files import CA, CALLERS, CERT, KEY, SERVERS
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.input_file import MIB, json_document, read_bytes
from aibenchrt.wire.tls import CALLS, OF_ONE_HOST, Identity, role_name

PARTIES = "parties.json"
RENEW_SHARE = 0.25  # certificates are renewed when less than this share of their lifetime is left
CLOCKS = datetime.timedelta(minutes=10)  # a host's clock may be this much behind ours


def certify(
    folder: Path, parties: Mapping[str, Sequence[str]], days: int, now: datetime.datetime | None = None, renew: bool = False
) -> Path:
    """Makes the folder whole or not at all; leaves it as it is if it was made for the same parties and is valid long enough, unless renew.

    parties: 'role/host' → addresses and names that its certificate states beside the role's name: the host's, and those of its tasks.
    EnvironmentFailure AIB605: the folder cannot be written. ValueError: a party is not 'role/host', with a role of CALLS.
    """
    now = now or datetime.datetime.now(datetime.UTC)
    names_of = {party: sorted(set(names)) for party, names in sorted(parties.items())}
    for party in names_of:
        role, _, host = party.partition("/")
        if role not in CALLS or not host or "/" in host or host == "..":
            raise ValueError(f"'{party}' is not of the form role/host")
    if not renew and _holds(folder, names_of, now):
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))  # mode 0700
        try:
            _make(scratch, names_of, now, now + datetime.timedelta(days=days))
            _swap(scratch, folder)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    except OSError as error:
        raise EnvironmentFailure("AIB605", what=f"certificates to '{folder}'", reason=error.strerror, way_out="free some space") from error
    return folder


def _holds(folder: Path, names_of: dict[str, list[str]], now: datetime.datetime) -> bool:
    """Whether it was made for the same parties, every file is there and matches, and enough time is left."""
    try:
        made = json_document(read_bytes(folder / PARTIES, 16 * MIB))
        if made != {"parties": names_of}:
            return False
        for party in names_of:
            identity = Identity.read(folder / party)
            certificate = x509.load_pem_x509_certificate(identity.certificate)
            whole = certificate.not_valid_after_utc - certificate.not_valid_before_utc
            if certificate.not_valid_after_utc - now < whole * RENEW_SHARE:
                return False
    except (OSError, ValueError, EnvironmentFailure):
        return False  # it is made anew; only unusable certificates are lost
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


@dataclass(frozen=True)
class _Authority:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def _make(folder: Path, parties: dict[str, list[str]], start: datetime.datetime, end: datetime.datetime) -> None:
    named = dict.fromkeys((*(role for role in CALLS if role not in OF_ONE_HOST), *map(_signed_by, parties)))
    authorities = {name: _authority(name, start - CLOCKS, end) for name in named}
    for party, names in parties.items():
        key = ec.generate_private_key(ec.SECP256R1())
        authority = authorities[_signed_by(party)]
        certificate = _certificate(party, names, key, authority, start - CLOCKS, end)
        _write(folder / party, {CA: _pem(authority.certificate), CERT: _pem(certificate), KEY: _private(key)})
        for file, trusted in ((CALLERS, _callers(party, authorities)), (SERVERS, CALLS[party.partition("/")[0]])):
            if trusted:
                _write(folder / party, {file: b"".join(_pem(authorities[name].certificate) for name in trusted)})
    (folder / PARTIES).write_text(json.dumps({"parties": parties}, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _signed_by(party: str) -> str:
    """The authority's name: the role, but of one that each host has for itself the whole party."""
    role = party.partition("/")[0]
    return party if role in OF_ONE_HOST else role


def _callers(party: str, authorities: Iterable[str]) -> list[str]:
    """The authorities whose clients a party answers."""
    role, _, host = party.partition("/")
    return [name for name in authorities if role in CALLS[name.partition("/")[0]] and name.partition("/")[2] in ("", host)]


def _authority(name: str, start: datetime.datetime, end: datetime.datetime) -> _Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name(f"aibench authority of {name}")
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number(), start, end)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )
    return _Authority(certificate, key)


def _certificate(
    party: str,
    names: Sequence[str],
    key: ec.EllipticCurvePrivateKey,
    authority: _Authority,
    start: datetime.datetime,
    end: datetime.datetime,
) -> x509.Certificate:
    both = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    alternatives = [x509.DNSName(role_name(party.partition("/")[0])), *map(_alternative, names)]
    authority_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    return (
        x509.CertificateBuilder(authority.certificate.subject, _name(party), key.public_key(), x509.random_serial_number(), start, end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(both), critical=False)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(authority_id, critical=False)
        .sign(authority.key, hashes.SHA256())
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
    folder.mkdir(parents=True, mode=0o700, exist_ok=True)
    for name, content in files.items():
        descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if name == KEY else 0o644)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
