"""What surrounds a payment: the laundering check, the message to the payer, the one-time code; and what logs hold of it."""

from __future__ import annotations

import hashlib
import re
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from aibenchrt.component import PORT_TYPES
from aibenchrt.components.laundering_check.service import ENOUGH, MOST, UNUSUAL, LaunderingCheck, modified_z
from aibenchrt.components.logging import service as logging
from aibenchrt.components.message_code.service import MessageCode, hotp
from aibenchrt.components.monitoring.service import Monitor
from aibenchrt.components.notification.service import ONE_MESSAGE, TEMPLATES, Outbox, read_outbox, text_of
from aibenchrt.components.tracing import service as tracing
from aibenchrt.wire.any_value import encode
from hypothesis import given
from hypothesis import strategies as st

DAY = 86_400
GSM_AND_ASCII = re.compile(r"[A-Za-z0-9 .,:;!?'()%&*+/<=>#-]*")


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def payment(number: int, amount: int, payer: int = 7, nonce: bytes = b"n" * 16) -> dict[str, Any]:
    return {"payment": {"payment_id": f"id-{number}", "payer": payer, "payee": 9_000, "amount": amount, "nonce": nonce}}


def receipt(reason: str = "accepted", balance: int = 1234, payer: int = 7) -> dict[str, Any]:
    accepted = reason == "accepted"
    told = {"payment_id": "id-secret", "payer": payer, "accepted": accepted, "score": 0.5, "reason": reason, "balance": balance}
    return {"receipt": told}


def report(outputs: Any) -> str:
    text: str = outputs["report"]["text"]
    return text


# -- laundering


def check(limit: int = 10_000, held: int = 10**9) -> tuple[LaunderingCheck, Clock]:
    clock = Clock()
    return LaunderingCheck({7: held, 8: held}, DAY, limit, clock), clock


def test_a_sum_that_is_divided_is_structuring_and_one_payment_is_not() -> None:
    work, _ = check()
    said = [report(work(payment(number, 3400))) for number in range(4)]
    assert ["structuring" in text for text in said] == [False, False, True, True]
    assert "structuring" not in report(work(payment(9, 3400, payer=8))), "another payer"
    assert "structuring" not in report(work(payment(10, 10_000))), "one that has to be reported divides nothing"
    two, _ = check()
    assert not any("structuring" in report(two(payment(number, 6000))) for number in range(2))


def test_payments_outside_the_window_and_repeats_do_not_count() -> None:
    work, clock = check()
    for number in range(2):
        work(payment(number, 4000))
    assert "structuring" not in report(work(payment(1, 4000))), "the same payment again"
    clock.seconds = DAY
    text = report(work(payment(5, 4000)))
    assert "structuring" not in text
    assert "0 others" in text
    assert len(work._paid) == 1


def test_who_paid_nothing_for_a_window_is_forgotten_and_nobody_fills_the_memory() -> None:
    work, clock = check()
    for payer in range(100, 200):
        work(payment(1, 50, payer=payer))
    clock.seconds = DAY + 1.0
    work(payment(1, 50))
    assert list(work._paid) == [7]
    for number in range(MOST + 50):
        work(payment(number, 50))
    assert len(work._paid[7]) == MOST


def test_an_unusual_sum_is_one_for_its_payer() -> None:
    work, _ = check(limit=10**9)
    usual = [900, 1100, 1000, 1250, 950, 1050]
    assert not any("unusual" in report(work(payment(number, amount))) for number, amount in enumerate(usual))
    assert "unusual" not in report(work(payment(20, 1300)))
    assert "unusual sum" in report(work(payment(21, 60_000)))
    assert "unusual" not in report(work(payment(22, 60_000, payer=8))), "nothing is known of this payer"


@given(st.lists(st.integers(0, 10**9), max_size=40), st.integers(0, 10**9))
def test_a_score_is_finite_and_that_of_the_median_is_none(others: list[int], amount: int) -> None:
    score = modified_z(amount, others)
    assert abs(score) < 1000
    if len(others) < ENOUGH:
        assert score == 0.0
    elif amount == sorted(others)[len(others) // 2]:
        assert score < UNUSUAL or len(set(others)) > 1


def test_an_account_that_is_emptied_is_flagged() -> None:
    work, _ = check(limit=10**9, held=10_000)
    assert "emptied" not in report(work(payment(1, 8_900)))
    assert "emptied account" in report(work(payment(2, 200)))


def test_a_report_names_neither_payer_nor_sum_nor_id() -> None:
    work, _ = check()
    one, other = report(work(payment(1, 3461, payer=734_234))), report(work(payment(1, 3461, payer=734_234, nonce=b"m" * 16)))
    assert not re.search("3461|34.61|734234|id-1|9000", one)
    assert one.split(":")[0] != other.split(":")[0], "the nonce is part of the hash, so that nobody finds the payment by guessing"


# -- notification


@pytest.mark.parametrize("reason", [*TEMPLATES, "anything else" * 40])
@pytest.mark.parametrize("balance", [0, 5, 10**15])
def test_every_reason_has_a_message_that_fits(reason: str, balance: int) -> None:
    text = text_of(receipt(reason, balance)["receipt"])
    assert 20 < len(text) <= ONE_MESSAGE
    assert GSM_AND_ASCII.fullmatch(text)
    assert "$" not in text


def test_messages_are_in_the_outbox_in_order_and_their_owner_alone_reads_them(tmp_path: Path) -> None:
    times = iter(range(100))
    work = Outbox(tmp_path / "outbox", lambda: next(times))
    said = [report(work(receipt(reason))) for reason in TEMPLATES]
    held = list(read_outbox(tmp_path))
    assert [message["text"] for message in held] == [text_of(receipt(reason)["receipt"]) for reason in TEMPLATES]
    assert {message["to"] for message in held} == {7}
    assert "Your balance is now 12.34." in held[0]["text"]
    assert stat.S_IMODE((tmp_path / "outbox" / "messages.jsonl").stat().st_mode) == 0o600
    assert len(set(said)) == len(said)
    assert not any("12.34" in text or "id-secret" in text or message["text"] in text for text, message in zip(said, held, strict=True))


def test_messages_of_many_at_once_are_all_there(tmp_path: Path) -> None:
    works = [Outbox(tmp_path / "outbox", lambda: 0) for _ in range(3)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: works[n % 3](receipt(payer=n)), range(60)))
    assert sorted(message["to"] for message in read_outbox(tmp_path)) == list(range(60))


# -- one-time codes


def test_codes_are_those_of_the_rfc() -> None:
    """RFC 4226, appendix D."""
    codes = ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"]
    assert [hotp(b"12345678901234567890", counter) for counter in range(10)] == codes
    truncated = ["1284755224", "1094287082", "137359152", "1726969429", "1640338314", "868254676", "1918287922", "82162583", "673399871"]
    assert [hotp(b"12345678901234567890", n, 10).lstrip("0") for n in range(9)] == truncated


def test_a_counter_is_used_once_also_by_many_at_once_and_after_a_restart(tmp_path: Path) -> None:
    works = [MessageCode(tmp_path) for _ in range(3)]
    with ThreadPoolExecutor(6) as pool:
        counters = [counter for counter, _ in pool.map(lambda n: works[n % 3].next_code(7), range(30))]
    assert sorted(counters) == list(range(30))
    assert MessageCode(tmp_path).next_code(7)[0] == 30
    assert MessageCode(tmp_path).next_code(8)[0] == 0


def test_a_report_holds_a_keyed_hash_of_the_code_and_not_the_code(tmp_path: Path) -> None:
    work = MessageCode(tmp_path)
    text = report(work(payment(1, 500)))
    code = hotp(work._key(7), 0)
    assert code not in text
    assert work.mark(7, code) in text
    plain = [hashlib.sha256(f"{guess:06d}".encode()).hexdigest()[:16] for guess in range(0, 10**6, 997)]
    assert not any(mark in text for mark in (*plain, hashlib.sha256(code.encode()).hexdigest()[:16]))
    assert stat.S_IMODE((tmp_path / "codes.key").stat().st_mode) == 0o600


def test_each_deployment_has_a_secret_of_its_own(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    assert MessageCode(one).mark(7, "123456") != MessageCode(other).mark(7, "123456")


# -- what observes it


PRIVATE: dict[str, dict[str, Any]] = {
    "Payment": {**payment(1, 73_411, payer=734_234)["payment"], "nonce": b"0123456789abcdef"},
    "Receipt": receipt(balance=73_411, payer=734_234)["receipt"],
    "Sealed": {"content": b"734234-sealed-73411"},
    "Depth": {"png": b"\x89PNG-73411"},
    "Vector": {"value": [0.73411, 0.25]},
}


def test_logs_monitoring_and_spans_hold_nothing_of_a_payment_or_a_face(tmp_path: Path) -> None:
    passing = [
        {
            "request_id": 1, "task": name.lower(), "parent": "", "port": "out", "type": name, "start_ns": 0, "end_ns": 1000,
            "content": encode(name, value),
        }
        for name, value in PRIVATE.items()
    ]  # fmt: skip
    picture = {**passing[0], "type": "Image", "content": encode("Image", {"png": b"\x89PNG-73411"})}
    logging.open_work(tmp_path, {"sync": "never", "values": "shown"}, tmp_path)({"value": [*passing, picture]})
    tracing.open_work(tmp_path, {"sample": 1000}, tmp_path)({"value": [*passing, picture]})
    monitor = Monitor()
    monitor({"value": [*passing, picture]})
    written = "".join(path.read_text() for path in tmp_path.rglob("*.jsonl")) + str(monitor.sample(0))
    assert not re.search("73411|73,411|734234|734.11|id-1|id-secret|0123456789", written)
    records = [record["value"] for record in logging.read_log(tmp_path)]
    assert records[:-1] == [{"sha256": hashlib.sha256(value["content"]).hexdigest()} for value in passing]
    assert records[-1] == {"png": "10 bytes"}
    assert all(PORT_TYPES[name].private for name in PRIVATE)


def test_a_log_may_hold_hashes_of_everything(tmp_path: Path) -> None:
    text = {
        "request_id": 1, "task": "t", "parent": "", "port": "out", "type": "Text", "start_ns": 0, "end_ns": 1000,
        "content": encode("Text", {"text": "Ada pays 12.00 to the baker"}),
    }  # fmt: skip
    logging.open_work(tmp_path, {"sync": "never", "values": "hashed"}, tmp_path)({"value": [text]})
    (record,) = logging.read_log(tmp_path)
    assert record["value"] == {"sha256": hashlib.sha256(bytes(text["content"])).hexdigest()}
