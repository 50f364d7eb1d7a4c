"""Laundering check: flags payments that divide a large sum, or are unusual for their payer, by fixed rules.

- structuring: at least SEVERAL payments in the window, each below the limit from which one would have to be reported, reach it together
  (31 U.S.C. § 5324; the limit is that of 31 CFR § 1010.311 unless a spec gives another).
- unusual sum: the logarithm of the amount has a modified z-score above UNUSUAL among the payer's others in the window (Iglewicz and Hoaglin
  1993, How to Detect and Handle Outliers, section 3.3), of which there must be at least ENOUGH.
- emptied account: what was paid in the window is more than EMPTIED of what the account held when it was opened.

A payment that comes again under its id counts once. Each process remembers in its own memory, of each payer MOST payments. The report names
the payment by a hash, and neither the payer nor a sum.
"""

from __future__ import annotations

import hashlib
import json
import math
import statistics
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from aibenchrt.values import Value, Values, Work

if TYPE_CHECKING:
    from aibenchrt.datasets.needs import AccountWorld

SEVERAL, ENOUGH, MOST = 3, 5, 1000
UNUSUAL = 3.5
EMPTIED = 0.9
_MAD = 0.6745  # of a normal distribution's standard deviation
_FLAT = 0.05  # the least spread of log amounts: who always pays the same may pay some percent more
_FILE = "balances.json"

Earlier = OrderedDict[str, tuple[float, int]]  # payment id → (time, cents), oldest first


def prepare(world: AccountWorld, settings: Mapping[str, str | int], folder: Path) -> None:  # noqa: ARG001 - the same for all settings
    """Writes what each account holds when it is opened."""
    held = {str(account.account_id): account.balance for account in sorted(world.accounts, key=lambda account: account.account_id)}
    (folder / _FILE).write_text(json.dumps(held), encoding="ascii")


def open_work(folder: Path, settings: Mapping[str, str | int], state: Path) -> Work:  # noqa: ARG001 - it keeps nothing on disk
    held = {int(account): int(balance) for account, balance in json.loads((folder / _FILE).read_bytes()).items()}
    return LaunderingCheck(held, int(settings["window"]), int(settings["limit"]), time.monotonic)


class LaunderingCheck:
    """Implements `Work`. held: account → cents at its opening; limit: in cents; now: a monotonic clock, in seconds. Thread-safe."""

    def __init__(self, held: Mapping[int, int], window: int, limit: int, now: Callable[[], float]) -> None:
        self._held, self._window, self._limit, self._now = held, window, limit, now
        self._lock = threading.Lock()
        self._paid: OrderedDict[int, Earlier] = OrderedDict()  # the payer of the most recent payment is last

    def __call__(self, inputs: Values) -> Values:
        payment = inputs["payment"]
        amount, others = self._remember(payment)
        flags = ", ".join(self._flags(payment["payer"], amount, others)) or "nothing"
        name = hashlib.sha256(f"{payment['payment_id']} {payment['nonce'].hex()}".encode()).hexdigest()[:16]
        tenths = 10 * (amount + sum(others)) // max(1, self._limit)  # not the sum itself
        text = f"payment {name}: {flags}; {len(others)} others in {self._window} s, together {tenths} tenths of the limit"
        return {"report": {"text": text}}

    def _flags(self, payer: int, amount: int, others: Sequence[int]) -> Iterator[str]:
        below = [cents for cents in (*others, amount) if cents < self._limit]
        if amount < self._limit and len(below) >= SEVERAL and sum(below) >= self._limit:
            yield "structuring"
        if modified_z(amount, others) > UNUSUAL:
            yield "unusual sum"
        if amount + sum(others) > EMPTIED * self._held.get(payer, 0):
            yield "emptied account"

    def _remember(self, payment: Value) -> tuple[int, list[int]]:
        """(cents of this payment, those of the payer's others in the window); forgets payers who paid nothing in it."""
        amount = max(0, int(payment["amount"]))
        with self._lock:
            now = self._now()
            own = self._paid.setdefault(int(payment["payer"]), OrderedDict())
            own[payment["payment_id"]] = (now, amount)
            own.move_to_end(payment["payment_id"])
            self._paid.move_to_end(int(payment["payer"]))
            while len(own) > MOST or next(iter(own.values()))[0] <= now - self._window:
                own.popitem(last=False)
            while _last(next(iter(self._paid.values()))) <= now - self._window:
                self._paid.popitem(last=False)
            return amount, [cents for name, (_, cents) in own.items() if name != payment["payment_id"]]


def _last(payments: Earlier) -> float:
    """When the most recent of them came."""
    return next(reversed(payments.values()))[0]


def modified_z(amount: int, others: Sequence[int]) -> float:
    """How far the amount lies above the median of the others, in their median absolute deviations, on logarithms; 0 where they are few."""
    if len(others) < ENOUGH:
        return 0.0
    logs = [math.log1p(cents) for cents in others]
    middle = statistics.median(logs)
    spread = statistics.median(abs(log - middle) for log in logs)
    return _MAD * (math.log1p(amount) - middle) / max(spread, _FLAT)
