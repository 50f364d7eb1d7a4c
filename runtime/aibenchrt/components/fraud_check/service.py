"""Fraud check: scores how suspicious a user's traffic is, by a fixed rule.

    score = 1 − (1 − rate) · (1 − standing)

rate: the number of the user's requests in the last `window` seconds, including this one, divided by the usual number, at most 1. The usual
number is what 99 % of the training period's users did not exceed in their busiest window of that length. standing: UNKNOWN for a user
without training-period interactions, NEW for one with fewer than SETTLED, otherwise 0. Each process counts in its own memory.
"""

from __future__ import annotations

import json
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from aibenchrt.datasets.rows import Interactions  # imported at run time too, so that its code is part of the key of what is prepared
from aibenchrt.values import Values, Work

if TYPE_CHECKING:
    from aibenchrt.datasets.needs import InteractionWorld

UNKNOWN, NEW, SETTLED = 0.3, 0.1, 5
USUAL_SHARE = 0.99
_FILE = "usual.json"


def prepare(world: InteractionWorld, settings: Mapping[str, str | int], folder: Path) -> None:
    """Writes each user's number of training-period interactions, and the usual number in a window."""
    training: Interactions = world.interactions.of("train")
    users, counts = np.unique(training.user, return_counts=True)
    busiest = [_busiest(np.sort(training.time[training.user == user]), int(settings["window"])) for user in users.tolist()]
    usual = int(np.quantile(busiest, USUAL_SHARE, method="higher")) if busiest else 1
    known = dict(zip(map(str, users.tolist()), counts.tolist(), strict=True))
    (folder / _FILE).write_text(json.dumps({"usual": usual, "known": known}), encoding="utf-8")


def open_work(folder: Path, settings: Mapping[str, str | int], state: Path) -> Work:  # noqa: ARG001 - it keeps nothing on disk
    prepared = json.loads((folder / _FILE).read_bytes())
    known = {int(user): count for user, count in prepared["known"].items()}
    return FraudCheck(known, prepared["usual"], int(settings["window"]), time.monotonic)


def _busiest(times: NDArray[np.int64], window: int) -> int:
    """The largest number of these times that lie within any `window` seconds. times: Unix seconds, ascending."""
    return int((np.arange(1, len(times) + 1) - np.searchsorted(times, times - window, side="right")).max())


class FraudCheck:
    """Implements `Work`. known: user → number of training-period interactions; now: a monotonic clock, in seconds. Thread-safe."""

    def __init__(self, known: Mapping[int, int], usual: int, window: int, now: Callable[[], float]) -> None:
        self._known, self._usual, self._window, self._now = known, max(1, usual), window, now
        self._lock = threading.Lock()
        self._recent: OrderedDict[int, deque[float]] = OrderedDict()  # the user of the most recent request is last

    def __call__(self, inputs: Values) -> Values:
        user = int(inputs["user"]["user_id"])
        asked, met = self._count(user), self._known.get(user, 0)
        rate = min(1.0, asked / self._usual)
        standing = UNKNOWN if met == 0 else NEW if met < SETTLED else 0.0
        score = 1 - (1 - rate) * (1 - standing)
        text = f"user {user}: score {score:.3f}, {asked} requests in {self._window} s, usual {self._usual}, {met} interactions before"
        return {"report": {"text": text}}

    def _count(self, user: int) -> int:
        """Counts this request, and returns how many the user has sent in the window; forgets users who sent none in it."""
        with self._lock:
            now = self._now()
            own = self._recent.setdefault(user, deque())
            own.append(now)
            self._recent.move_to_end(user)
            while own[0] <= now - self._window:
                own.popleft()
            while (oldest := next(iter(self._recent.values())))[-1] <= now - self._window:
                del self._recent[next(iter(self._recent))]
                assert oldest is not own, "who asked just now is never the oldest to go"
            return len(own)
