"""A load whose warm-up is answered with nothing ends there: a system that answers nothing would be measured as a fast one.

A generator on a host knows no truth, by which an empty answer may be right. So it ends only where every answer of its warm-up, whatever
the class, is empty; a class that answers nothing beside others makes the run INVALID in the end (V21).
"""

from __future__ import annotations

import threading

from aibenchrt.collect.contents import Contents
from aibenchrt.collect.empty_answers import is_empty, judged_types, scored_types
from aibenchrt.collect.records import RequestRecord
from aibenchrt.plan import Plan

FEWEST_ANSWERS = 10


class WarmUpWatch:
    """saw() is told of each request as it ends, on one thread, and sets `stop` when the measured phase begins after such a warm-up. silent:
    the class of the last of these requests, '' where there is no such finding."""

    def __init__(self, plan: Plan, contents: Contents, stop: threading.Event) -> None:
        shown = judged_types(plan)
        self._scored = scored_types(plan.metrics) & shown
        self._contents, self._stop = contents, stop
        self._watching = bool(shown)
        self._answered = 0
        self._last = self.silent = ""

    def saw(self, record: RequestRecord) -> None:
        if not self._watching or record.outcome != "ok":
            return
        if record.phase != "warmup":
            self._watching = False
            if self._answered >= FEWEST_ANSWERS:
                self.silent = self._last
                self._stop.set()
        elif is_empty(record.answer, self._scored, self._contents):
            self._answered += 1
            self._last = record.request_class
        else:
            self._watching = False
