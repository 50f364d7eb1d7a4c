"""The format of sealed messages: AES-256-GCM (NIST SP 800-38D) with the header as associated data. Standard library and `cryptography`.

    header     1 byte    what it is and in which version: one of `Kind`
               8 bytes   key id, big-endian, two's complement: the payer, or what is kept at rest
    nonce     12 bytes   of GCM; never twice under one key
    sealed     n bytes   the content, encrypted
    tag       16 bytes

    content of a payment   2 bytes length of the payment's id, 8 payee, 8 amount in cents, 16 nonce of the payment; the id in UTF-8; its
                           pictures, a sealed message themselves, under the same key, so that whoever checks the payment sees no face
    content of pictures    4 bytes length of the picture, 4 length of the depth picture; the two pictures
    content of a receipt   2 bytes length of the payment's id, 1 accepted, 4 score (IEEE 754 single), 1 number of the reason, 8 balance
                           in cents; the id in UTF-8

The payer is only in the header, so that no message can name two. Header and tag bind the kind, too: a receipt is no payment under the same
key. What cannot be opened is refused by one sentence, whatever the cause: which payers exist is not told, nor how far a message was right.
"""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES, GCM_NONCE_BYTES, TAG_BYTES = 32, 12, 16
PAYMENT_NONCE_BYTES = 16
MOST_ID_BYTES = 64  # of a payment's id
MOST_AMOUNT = 10**12  # cents of one payment
MOST_PICTURE_BYTES = 1 << 20  # of the picture, and of the depth picture
REASONS = ("accepted", "replayed", "face", "funds", "no_account")  # why a payment was accepted or refused; sealed as the place in this row

_HEADER = struct.Struct(">Bq")
_PAYMENT = struct.Struct(f">Hqq{PAYMENT_NONCE_BYTES}s")
_PICTURES = struct.Struct(">II")
_RECEIPT = struct.Struct(">HBfBq")
_AROUND = _HEADER.size + GCM_NONCE_BYTES + TAG_BYTES
MOST_MESSAGE_BYTES = 2 * _AROUND + _PAYMENT.size + MOST_ID_BYTES + _PICTURES.size + 2 * MOST_PICTURE_BYTES
_NOBODY = os.urandom(KEY_BYTES)  # opens nothing: an unknown payer's message takes as long as one with a wrong tag


class Kind(Enum):
    """The first byte of a message."""

    PAYMENT = 0x11
    RECEIPT = 0x21
    AT_REST = 0x31
    PICTURES = 0x41


class SealError(ValueError):
    """A message that cannot be opened, or content that no message may have. Its text holds nothing of message, key or content."""


@dataclass(frozen=True)
class Payment:
    """amount: cents, 1 to MOST_AMOUNT. nonce: PAYMENT_NONCE_BYTES, by which a message that comes again is known."""

    payment_id: str
    payer: int
    payee: int
    amount: int
    nonce: bytes = field(repr=False)


@dataclass(frozen=True)
class Receipt:
    """score: of the decision, as a 32-bit float. reason: one of REASONS. balance: the payer's after it, in cents."""

    payment_id: str
    payer: int
    accepted: bool
    score: float
    reason: str
    balance: int


def seal_payment(payment: Payment, png: bytes, depth: bytes, key: bytes, gcm_nonces: tuple[bytes, bytes] | None = None) -> bytes:
    """The message with the payer's picture and depth picture, by the key of the payer's device (32 bytes).

    gcm_nonces: 12 bytes each, of the payment and of its pictures, for a data set that is made from a seed, whose nonces must all differ
    from each other; None: random. SealError: a field out of its bounds.
    """
    name = checked(payment)
    if not (0 < len(png) <= MOST_PICTURE_BYTES and 0 < len(depth) <= MOST_PICTURE_BYTES):
        raise SealError(f"a payment's pictures have between 1 and {MOST_PICTURE_BYTES} bytes each")
    outer, inner = (None, None) if gcm_nonces is None else gcm_nonces
    if outer is not None and outer == inner:
        raise SealError("no nonce of GCM is used twice under one key")
    pictures = _seal(Kind.PICTURES, payment.payer, _PICTURES.pack(len(png), len(depth)) + png + depth, key, inner)
    head = _PAYMENT.pack(len(name), payment.payee, payment.amount, payment.nonce)
    return _seal(Kind.PAYMENT, payment.payer, b"".join((head, name, pictures)), key, outer)


def open_payment(message: bytes, keys: Mapping[int, bytes]) -> tuple[Payment, bytes]:
    """The payment, and its pictures, which are still sealed. keys: payer → key of its device. SealError: it is none of a known payer."""
    payer, content = _open(Kind.PAYMENT, message, keys)
    if len(content) < _PAYMENT.size:
        raise SealError("the message holds no payment")
    name_bytes, payee, amount, nonce = _PAYMENT.unpack_from(content)
    name_end = _PAYMENT.size + name_bytes
    if len(content) < name_end + _AROUND:
        raise SealError("the message holds no payment")
    payment = Payment(_text(content[_PAYMENT.size : name_end]), payer, payee, amount, nonce)
    checked(payment)
    return payment, content[name_end:]


def open_pictures(pictures: bytes, payer: int, keys: Mapping[int, bytes]) -> tuple[bytes, bytes]:
    """The picture and the depth picture of a payment by this payer. SealError: they are not the payer's, or the payer is not known."""
    whose, content = _open(Kind.PICTURES, pictures, keys)
    if whose != payer or len(content) < _PICTURES.size:
        raise SealError("the message holds no pictures")
    png_bytes, depth_bytes = _PICTURES.unpack_from(content)
    sized = 0 < png_bytes <= MOST_PICTURE_BYTES and 0 < depth_bytes <= MOST_PICTURE_BYTES
    if not sized or len(content) != _PICTURES.size + png_bytes + depth_bytes:
        raise SealError("the message holds no pictures")
    return content[_PICTURES.size : _PICTURES.size + png_bytes], content[_PICTURES.size + png_bytes :]


def seal_receipt(receipt: Receipt, key: bytes, gcm_nonce: bytes | None = None) -> bytes:
    """The receipt for the payer's device. SealError: a field out of its bounds."""
    name = _name(receipt.payment_id)
    if receipt.reason not in REASONS or receipt.accepted != (receipt.reason == "accepted") or not math.isfinite(receipt.score):
        raise SealError("no receipt has these values")
    try:
        head = _RECEIPT.pack(len(name), receipt.accepted, receipt.score, REASONS.index(receipt.reason), receipt.balance)
    except (OverflowError, struct.error):
        raise SealError("no receipt has these values") from None
    return _seal(Kind.RECEIPT, receipt.payer, head + name, key, gcm_nonce)


def open_receipt(message: bytes, keys: Mapping[int, bytes]) -> Receipt:
    """SealError: it is no receipt for a known payer."""
    payer, content = _open(Kind.RECEIPT, message, keys)
    if len(content) < _RECEIPT.size:
        raise SealError("the message holds no receipt")
    name_bytes, accepted, score, reason, balance = _RECEIPT.unpack_from(content)
    right = len(content) == _RECEIPT.size + name_bytes and reason < len(REASONS) and math.isfinite(score)
    if not right or accepted != (REASONS[reason] == "accepted"):
        raise SealError("the message holds no receipt")
    name = _text(content[_RECEIPT.size :])
    _name(name)
    return Receipt(name, payer, bool(accepted), score, REASONS[reason], balance)


def seal_at_rest(content: bytes, key: bytes, key_id: int) -> bytes:
    """Bytes for a file. key_id: whose or what they are, in 64 bits; they are opened as nothing else."""
    return _seal(Kind.AT_REST, key_id, content, key, None)


def open_at_rest(sealed: bytes, key: bytes, key_id: int) -> bytes:
    """SealError: not sealed with this key as `key_id`, or changed since."""
    return _open(Kind.AT_REST, sealed, {key_id: key})[1]


def _seal(kind: Kind, key_id: int, content: bytes, key: bytes, gcm_nonce: bytes | None) -> bytes:
    nonce = os.urandom(GCM_NONCE_BYTES) if gcm_nonce is None else gcm_nonce
    if len(key) != KEY_BYTES or len(nonce) != GCM_NONCE_BYTES or not -(1 << 63) <= key_id < 1 << 63:
        raise SealError(f"a key has {KEY_BYTES} bytes, its id 64 bits, and a nonce of GCM {GCM_NONCE_BYTES} bytes")
    header = _HEADER.pack(kind.value, key_id)
    return header + nonce + AESGCM(key).encrypt(nonce, content, header)


def _open(kind: Kind, message: bytes, keys: Mapping[int, bytes]) -> tuple[int, bytes]:
    """Key id and content."""
    refused = SealError("the message cannot be opened")
    if not _AROUND <= len(message) <= MOST_MESSAGE_BYTES:
        raise refused
    first, key_id = _HEADER.unpack_from(message)
    if first != kind.value:
        raise refused
    nonce = message[_HEADER.size : _HEADER.size + GCM_NONCE_BYTES]
    try:
        sealed = message[_HEADER.size + GCM_NONCE_BYTES :]
        return key_id, AESGCM(keys.get(key_id, _NOBODY)).decrypt(nonce, sealed, message[: _HEADER.size])
    except InvalidTag:
        raise refused from None


def checked(payment: Payment) -> bytes:
    """The payment's id as bytes. SealError: a field is out of its bounds."""
    name = _name(payment.payment_id)
    if not 1 <= payment.amount <= MOST_AMOUNT:
        raise SealError(f"a payment is of 1 to {MOST_AMOUNT} cents")
    if payment.payer == payment.payee or not all(-(1 << 63) <= account < 1 << 63 for account in (payment.payer, payment.payee)):
        raise SealError("payer and payee are two different numbers of 64 bits")
    if len(payment.nonce) != PAYMENT_NONCE_BYTES:
        raise SealError(f"a payment's nonce has {PAYMENT_NONCE_BYTES} bytes")
    return name


def _name(payment_id: str) -> bytes:
    try:
        name = payment_id.encode()
    except UnicodeEncodeError:
        name = b""
    if not 0 < len(name) <= MOST_ID_BYTES or not payment_id.isprintable():
        raise SealError(f"a payment's id has 1 to {MOST_ID_BYTES} bytes of printable text")
    return name


def _text(name: bytes) -> str:
    try:
        return name.decode()
    except UnicodeDecodeError:
        raise SealError("a payment's id is text") from None
