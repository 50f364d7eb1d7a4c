"""The format of sealed messages: what was sealed is opened, and nothing else is."""

from __future__ import annotations

import contextlib
import struct
from dataclasses import replace

import pytest
from aibenchrt.components.encryption import sealing
from aibenchrt.components.encryption.sealing import Payment, Receipt, SealError
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

KEY, OTHER = bytes(range(32)), bytes(32)
HEADER, NONCE = 9, 12

accounts = st.integers(-(1 << 63), (1 << 63) - 1)
names = st.text(min_size=1, max_size=16).filter(str.isprintable)
pictures = st.binary(min_size=1, max_size=300)
payments = st.builds(Payment, names, accounts, accounts, st.integers(1, sealing.MOST_AMOUNT), st.binary(min_size=16, max_size=16)).filter(
    lambda payment: payment.payer != payment.payee
)
receipts = st.builds(
    lambda name, payer, score, reason, balance: Receipt(name, payer, reason == "accepted", score, reason, balance),
    names,
    accounts,
    st.floats(width=32, allow_nan=False, allow_infinity=False),
    st.sampled_from(sealing.REASONS),
    accounts,
)
PAYMENT = Payment("p-1", 7, 1001, 1250, b"n" * 16)
RECEIPT = Receipt("p-1", 7, True, 0.75, "accepted", 98750)


@given(payments, pictures, pictures)
def test_a_payment_comes_back_as_it_was(payment: Payment, png: bytes, depth: bytes) -> None:
    message = sealing.seal_payment(payment, png, depth, KEY)
    keys = {payment.payer: KEY, payment.payee: OTHER}
    opened_payment, sealed = sealing.open_payment(message, keys)
    assert opened_payment == payment
    assert sealing.open_pictures(sealed, payment.payer, keys) == (png, depth)
    assert len(png) < 4 or png not in sealed


@given(receipts)
def test_a_receipt_comes_back_as_it_was(receipt: Receipt) -> None:
    assert sealing.open_receipt(sealing.seal_receipt(receipt, KEY), {receipt.payer: KEY}) == receipt


@given(st.binary(max_size=500), accounts)
def test_bytes_at_rest_come_back_and_are_not_read_in_the_file(content: bytes, key_id: int) -> None:
    sealed = sealing.seal_at_rest(content, KEY, key_id)
    assert sealing.open_at_rest(sealed, KEY, key_id) == content
    assert len(content) < 4 or content not in sealed


def messages() -> dict[str, bytes]:
    return {
        "payment": sealing.seal_payment(PAYMENT, b"colour", b"depth", KEY),
        "receipt": sealing.seal_receipt(RECEIPT, KEY),
        "pictures": sealing.open_payment(sealing.seal_payment(PAYMENT, b"colour", b"depth", KEY), {7: KEY})[1],
        "rest": sealing.seal_at_rest(b"template", KEY, 7),
    }


def opened(kind: str, message: bytes, key: bytes = KEY) -> object:
    match kind:
        case "payment":
            return sealing.open_payment(message, {7: key, 8: key})
        case "receipt":
            return sealing.open_receipt(message, {7: key, 8: key})
        case "pictures":
            return sealing.open_pictures(message, 7, {7: key, 8: key})
        case _:
            return sealing.open_at_rest(message, key, 7)


@pytest.mark.parametrize("kind", messages())
def test_any_flipped_bit_is_refused(kind: str) -> None:
    message = messages()[kind]
    for bit in range(8 * len(message)):
        flipped = bytearray(message)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(SealError, match=r"^the message cannot be opened$"):
            opened(kind, bytes(flipped))


@pytest.mark.parametrize("kind", messages())
@given(data=st.data())
def test_a_message_that_is_cut_or_longer_is_refused(kind: str, data: st.DataObject) -> None:
    message = messages()[kind]
    cut = message[: data.draw(st.integers(0, len(message) - 1))]
    longer = message + data.draw(st.binary(min_size=1, max_size=40))
    for changed in (cut, longer):
        with pytest.raises(SealError):
            opened(kind, changed)


@pytest.mark.parametrize("kind", messages())
def test_another_key_is_refused(kind: str) -> None:
    with pytest.raises(SealError):
        opened(kind, messages()[kind], OTHER)


@given(st.sampled_from(sorted(messages())), st.binary(max_size=200))
def test_arbitrary_bytes_are_refused(kind: str, message: bytes) -> None:
    with pytest.raises(SealError):
        opened(kind, message)


def test_the_header_of_another_message_is_refused() -> None:
    """8's device has the same key here: only the associated data tell whose message it is."""
    payment = messages()["payment"]
    for other in (sealing.seal_payment(replace(PAYMENT, payer=8), b"colour", b"depth", KEY), messages()["receipt"]):
        for kind in ("payment", "receipt"):
            with pytest.raises(SealError):
                opened(kind, other[:HEADER] + payment[HEADER:])


def test_a_message_of_one_kind_is_none_of_another() -> None:
    for kind, message in messages().items():
        for other in messages():
            if other != kind:
                with pytest.raises(SealError):
                    opened(other, message)


def test_what_is_at_rest_is_opened_only_as_what_it_is() -> None:
    with pytest.raises(SealError):
        sealing.open_at_rest(sealing.seal_at_rest(b"template", KEY, 7), KEY, 8)


def test_an_unknown_payer_is_refused_as_a_wrong_key_is() -> None:
    message = messages()["payment"]
    with pytest.raises(SealError) as unknown:
        sealing.open_payment(message, {})
    with pytest.raises(SealError) as wrong:
        sealing.open_payment(message, {7: OTHER})
    assert str(unknown.value) == str(wrong.value)


def by_a_device(content: bytes, kind: int = sealing.Kind.PAYMENT.value) -> bytes:
    """What a device that has its key, but not this module, may send."""
    header = struct.pack(">Bq", kind, 7)
    return header + bytes(NONCE) + AESGCM(KEY).encrypt(bytes(NONCE), content, header)


def packed(name: bytes = b"p-1", payee: int = 1001, amount: int = 5, rest: bytes = b"p" * 37) -> bytes:
    return struct.pack(">Hqq16s", len(name), payee, amount, b"n" * 16) + name + rest


def shown(png: int = 1, depth: int = 1, rest: bytes = b"12") -> bytes:
    return struct.pack(">II", png, depth) + rest


def test_the_layout_is_as_documented() -> None:
    assert sealing.open_payment(by_a_device(packed()), {7: KEY}) == (Payment("p-1", 7, 1001, 5, b"n" * 16), b"p" * 37)
    assert sealing.open_pictures(by_a_device(shown(), sealing.Kind.PICTURES.value), 7, {7: KEY}) == (b"1", b"2")


def test_the_pictures_of_another_payers_payment_are_refused() -> None:
    pictures = by_a_device(shown(), sealing.Kind.PICTURES.value)
    with pytest.raises(SealError):
        sealing.open_pictures(pictures, 8, {7: KEY, 8: KEY})


@pytest.mark.parametrize(
    "content",
    [
        b"",
        packed(rest=b"p" * 36),
        packed(rest=b""),
        packed(name=b""),
        packed(name=b"x" * 65),
        packed(name=b"\xff\xfe"),
        packed(name=b"a\nb"),
        packed(name="a\u202eb".encode()),
        packed(payee=7),
        packed(amount=0),
        packed(amount=-5),
        packed(amount=sealing.MOST_AMOUNT + 1),
    ],
)
def test_a_payment_out_of_its_bounds_is_refused(content: bytes) -> None:
    with pytest.raises(SealError):
        sealing.open_payment(by_a_device(content), {7: KEY})


@pytest.mark.parametrize(
    "content",
    [
        b"",
        shown()[:-1],
        shown(rest=b"123"),
        shown(png=0, rest=b"1"),
        shown(depth=0, rest=b"1"),
        shown(png=(1 << 20) + 1, rest=bytes((1 << 20) + 2)),
        shown(png=0xFFFFFFFF, depth=0xFFFFFFFF),
        shown(png=3, depth=0xFFFFFFFF),
    ],
)
def test_pictures_out_of_their_bounds_are_refused(content: bytes) -> None:
    with pytest.raises(SealError):
        sealing.open_pictures(by_a_device(content, sealing.Kind.PICTURES.value), 7, {7: KEY})


@given(st.binary(max_size=120))
def test_any_content_under_the_right_key_is_a_message_or_refused(content: bytes) -> None:
    for kind, open_message in ((sealing.Kind.PAYMENT, sealing.open_payment), (sealing.Kind.RECEIPT, sealing.open_receipt)):
        with contextlib.suppress(SealError):
            open_message(by_a_device(content, kind.value), {7: KEY})
    with contextlib.suppress(SealError):
        sealing.open_pictures(by_a_device(content, sealing.Kind.PICTURES.value), 7, {7: KEY})


@pytest.mark.parametrize(
    "receipt",
    [
        replace(RECEIPT, reason="because"),
        replace(RECEIPT, accepted=False),
        replace(RECEIPT, reason="face"),
        replace(RECEIPT, score=float("nan")),
        replace(RECEIPT, score=1e300),
        replace(RECEIPT, balance=1 << 63),
        replace(RECEIPT, payment_id=""),
    ],
)
def test_a_receipt_that_contradicts_itself_is_not_sealed(receipt: Receipt) -> None:
    with pytest.raises(SealError):
        sealing.seal_receipt(receipt, KEY)


@pytest.mark.parametrize("key", [b"", b"short", bytes(16), bytes(33)])
def test_a_key_of_another_length_is_refused(key: bytes) -> None:
    with pytest.raises(SealError):
        sealing.seal_payment(PAYMENT, b"colour", b"depth", key)


def test_no_message_is_sealed_twice_alike_unless_its_nonce_is_given() -> None:
    def seal(nonces: tuple[bytes, bytes] | None) -> bytes:
        return sealing.seal_payment(PAYMENT, b"colour", b"depth", KEY, nonces)

    nonces = b"0" * NONCE, b"1" * NONCE
    assert seal(None) != seal(None)
    assert seal(nonces) == seal(nonces)
    with pytest.raises(SealError, match="twice"):
        seal((nonces[0], nonces[0]))


@settings(max_examples=50)
@given(st.binary(min_size=32, max_size=32), st.binary(min_size=20, max_size=60))
def test_no_error_tells_of_key_or_message(key: bytes, message: bytes) -> None:
    with pytest.raises(SealError) as refused:
        sealing.open_payment(bytes((sealing.Kind.PAYMENT.value,)) + struct.pack(">q", 7) + message, {7: key})
    told = f"{refused.value!r}{refused.value.__cause__!r}"
    assert key.hex() not in told
    assert repr(message) not in told
    assert "n" * 16 not in repr(PAYMENT)
