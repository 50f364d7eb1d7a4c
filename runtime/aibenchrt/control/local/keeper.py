"""Keeps the Triton of a local run alive, as Restart=always does on hosts: one that died, or a model of which answers nothing, is started
again, after a pause that doubles, and given up after the last of RESTART_DELAYS_S."""

from __future__ import annotations

import time

from aibenchrt.collect.run_info import Outage
from aibenchrt.control.local.process import died, how_it_died
from aibenchrt.control.local.triton import TritonServer

RESTART_DELAYS_S = (1.0, 2.0, 4.0, 8.0, 16.0)  # before each start, of all of a run


class Keeper:
    """`look` is to be called a few times a second while a load runs, by the thread that started the run: Triton dies with its thread.

    outages: what happened so far; the last is open (until_ns None) while Triton does not serve.
    """

    def __init__(self, triton: TritonServer, answer_s: float, ready_s: float) -> None:
        """answer_s, ready_s: as in RunOptions."""
        self.triton, self.outages = triton, list[Outage]()
        self._answer_s, self._ready_s = answer_s, ready_s
        self._restarts = 0
        self._due: float | None = None  # when it is started
        self._deadline: float | None = None  # when it must serve
        triton.watch(answer_s)

    @property
    def serves(self) -> bool:
        return not self.triton.child.died and self._due is None and self._deadline is None

    def look(self) -> None:
        """EnvironmentFailure AIB607 or AIB695: Triton died more often than it is started again."""
        now = time.monotonic()
        if self._due is not None:
            if now >= self._due:
                self.triton.start_again()
                self._due, self._deadline = None, now + self._ready_s
        elif self._deadline is not None:
            self._starting(self._deadline)
        else:
            self.triton.look()
            if self.triton.child.died:
                self._begin()

    def _begin(self) -> None:
        child = self.triton.child
        since = child.silent_since if child.silent else time.monotonic()
        self.outages.append(Outage(process=child.name, reason=how_it_died(child), from_ns=int(since * 1e9)))
        self._end_and_wait()

    def _starting(self, deadline: float) -> None:
        if self.triton.serves_again():
            self._deadline = None
            self.outages[-1] = self.outages[-1].model_copy(update={"until_ns": time.monotonic_ns()})
            self.triton.watch(self._answer_s)
        elif self.triton.child.died or time.monotonic() > deadline:
            self._deadline = None
            self._end_and_wait()

    def _end_and_wait(self) -> None:
        failure = died(self.triton.child)
        self.triton.end()
        if self._restarts == len(RESTART_DELAYS_S):
            raise failure
        self._due = time.monotonic() + RESTART_DELAYS_S[self._restarts]
        self._restarts += 1
        self.outages[-1] = self.outages[-1].model_copy(update={"restarts": self.outages[-1].restarts + 1})
