"""What an ablation's variants keep, each for itself; and that pairs stay together in it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from aibenchrt.datasets.payload import Payload
from aibenchrt.experiments.ablation import variants
from aibenchrt.experiments.ablation.contribution import TRAINED
from aibenchrt.experiments.ablation.variants import answer, spread
from aibenchrt.plan import PlanPort, PlanRequest, PlanStage, ResponsePart, Source, wiring_hash
from aibenchrt.planner.in_process import WorkOf, works
from aibenchrt.train.export import export
from aibenchrt.train.repository import Key, store
from aibenchrt.train.trained import Graph, Trained
from aibenchrt.values import Work
from pay_world import PayWorld, payment
from PIL import Image
from small_plan import small_plan, step
from torch import Tensor, nn


class Mean(nn.Module):
    def forward(self, pixels: Tensor) -> Tensor:
        return nn.functional.normalize(pixels.mean(dim=(2, 3)), dim=1)


def model(folder: Path) -> Path:
    pictures = torch.rand(2, 3, 64, 64)
    files = export(Trained({"model": Graph(Mean(), {"pixels": pictures}, ("vector",), {}, ({"pixels": pictures[:1]},))}, {}, "", {}, {}, 1))
    return store(Key("image_embedding", "residual_small", "w", "tiny", 7, "", "c"), files, {"serving": {"width": 3}}, models=folder).folder


def picture() -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.full((64, 64, 3), 90, dtype=np.uint8)).save(file, "PNG")
    return file.getvalue()


def paying(number: int, amount: int) -> Payload:
    values: dict[str, Any] = {
        "payment": payment(number, amount=amount), "decision": {"accepted": True, "score": 0.5}, "image": {"png": picture()},
    }  # fmt: skip
    return Payload(values, {"genuine": True}, number, None, "test")


def test_each_variant_books_in_a_ledger_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIBENCH_HOME", str(tmp_path))
    ports = tuple(PlanPort(name=name, type=kind) for name, kind in (("payment", "Payment"), ("decision", "Decision"), ("image", "Image")))
    requests = (PlanRequest(name="pay", share=1.0, dataset="d", source="s", ports=ports, once=True),)
    steps = (
        step("embed", "image_embedding", {"image": [("pay", "image")]}, "residual_small"),
        step("book", "ledger", {"payment": [("pay", "payment")], "decision": [("pay", "decision")]}, engine="sqlite"),
    )
    response = (ResponsePart(port=PlanPort(name="receipt", type="Receipt"), sources=(Source(task="book", port="receipt"),)),)
    changed = {"requests": requests, "steps": steps, "choices": (), "response": response}
    plan = small_plan().model_copy(update=changed | {"graph_hash": wiring_hash(requests, steps, (), response)})
    states: dict[Path, int] = {}

    def seen(plan: Any, world: Any, models: Any, state: Path) -> WorkOf:
        inner = works(plan, world, models, state)

        def open_work(stage: PlanStage) -> Work:
            states[state] = states.get(state, 0) + (stage.component == "ledger")
            return inner(stage)

        return open_work

    monkeypatch.setattr(variants, "works", seen)
    payloads = {"pay": [paying(1, 40), paying(2, 50)]}
    (answered,) = answer(plan, PayWorld(), {"embed": model(tmp_path / "models")}, payloads, ["embed"])  # type: ignore[arg-type]
    assert list(states.values()) == [1, 1, 1], "as trained, random, baseline"
    shown = {name: [one["decision"].accepted for one in answers] for name, answers in answered.shown.items()}
    assert shown == {TRAINED: [True, True], "embed=random": [True, True], "embed=baseline": [True, True]}


@pytest.mark.parametrize(("count", "most", "expected"), [(10, 4, [0, 1, 4, 5]), (10, None, [*range(10)]), (11, None, [*range(10)]),
                                                         (10, 1, [0, 1]), (4, 100, [0, 1, 2, 3]), (0, 5, [])])  # fmt: skip
def test_pairs_stay_together_in_a_part_of_the_payloads(count: int, most: int | None, expected: list[int]) -> None:
    payloads = [paying(number, 1) for number in range(count)]
    assert [payload.query_id for payload in spread(payloads, most, 2)] == expected
    if most is None:
        assert spread(payloads, None) == payloads
