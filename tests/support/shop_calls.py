"""The shop plan's calls, answered in this process."""

from __future__ import annotations

import asyncio
from typing import Any

from aibenchrt.plan import Step
from aibenchrt.planner.executor import CallTimes
from shop_plan import empty, items


class Shop:
    """Answers calls with chosen values, and keeps what was called with what."""

    def __init__(self, hits: tuple[int, ...] = (60,), cached: bool = False, fails: str = "", waits: dict[str, asyncio.Event] | None = None):
        self.hits, self.cached, self.fails, self.waits = hits, cached, fails, waits or {}
        self.calls: list[str] = []
        self.seen: dict[str, dict[str, Any]] = {}
        self.times: list[CallTimes] = []

    async def __call__(self, step: Step, inputs: dict[str, Any]) -> dict[str, Any]:
        self.calls.append(step.task)
        self.seen[step.task] = inputs
        if step.task in self.waits:
            await self.waits[step.task].wait()
        if step.task == self.fails:
            raise RuntimeError("broken")
        outputs = {p.name: empty(p.type) for p in step.outputs}
        tiers = ("excellent", "good", "bad")
        if step.task in tiers:
            tier = tiers.index(step.task)
            outputs["hits"] = {"value": self.hits[tier]}
            outputs["items"] = items(*range(tier * 1000, tier * 1000 + self.hits[tier]))
        elif step.task == "answers":
            outputs["hit"] = {"value": self.cached}
        elif "items" in inputs and "items" in outputs:
            outputs["items"] = inputs["items"]
        return outputs
