"""Quality against latency of a task's alternative models. python tests/benchmarks/bench_alternatives.py SPEC TASK [options]

Each model that TASK allows and that is trained (`aibenchc train SPEC --alternatives`) is served alone by a real Triton, through the same
backend as in a run. All get the same test inputs at the same seeded Poisson times. Latency counts from the intended time; accuracy is
that of the answers whose latency is shown. TASK classifies: its component is text_classification or image_classification.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import numpy as np
import tritonclient.grpc as triton_grpc
from aibenchc.cli.output import say
from aibenchc.diagnostics import Diagnostics
from aibenchc.driver import CompileSettings, compile_spec
from aibenchc.emit import emit
from aibenchc.source import SourceFile
from aibenchrt.catalog import component as component_spec
from aibenchrt.control.local.triton import assemble
from aibenchrt.datasets.interactions.world import World
from aibenchrt.datasets.png import png
from aibenchrt.datasets.worlds import load_world
from aibenchrt.load.arrivals import poisson
from aibenchrt.plan import Plan, Step
from aibenchrt.report.model import Estimate
from aibenchrt.report.statistics import percentile, wilson
from aibenchrt.train.repository import ModelVersion, find
from aibenchrt.values import Values
from aibenchrt.wire.tensors import encode
from triton_process import infer, request_tensors, triton

SEED = 7
SLOWEST_S = 60.0


@dataclass(frozen=True)
class LabelledInput:
    """One input of the task, and the label that is right."""

    inputs: Values
    label: int


@dataclass(frozen=True)
class Answered:
    """label: the most probable one; latency from the intended time, service as the backend timed it."""

    label: int
    latency_ms: float
    service_ms: float


def test_inputs(world: World, component: str, count: int) -> list[LabelledInput]:
    """A number of queries of the test period, or of test photos, drawn without replacement, the same for every model. SystemExit: no such
    component."""
    rng = np.random.default_rng(SEED)
    if component == "text_classification":
        asked = [LabelledInput({"query": {"text": q.text, "term": q.text.split()}}, q.label) for q in world.queries_of("test")]
    elif component == "image_classification":
        asked = [LabelledInput({"image": {"png": png(image)}}, int(label)) for image, label in zip(*world.photos.of("test"), strict=True)]
    else:
        raise SystemExit(f"{component} is no classifier: this benchmark knows no single right answer for it")
    if count > len(asked):
        raise SystemExit(f"there are {len(asked)} test inputs, fewer than the {count} requests asked for")
    return [asked[place] for place in rng.permutation(len(asked))[:count]]


def allowed(plan: Plan, step: Step, world: World, size: str) -> list[tuple[str, ModelVersion | None]]:
    """Every model of the step's component with its trained version, in the order of the catalogue; None: not trained."""
    spec = component_spec(step.stages[0].component)
    assert spec is not None
    models = [model.name for model in spec.models if model.profile.value in ("small", plan.profile)]
    return [(model, find(spec.name, model, world.version, size, seed=SEED)) for model in models]


def serve_and_ask(plan: Plan, step: Step, version: ModelVersion, asked: Sequence[LabelledInput], rate: float) -> list[Answered]:
    """The version alone in a Triton, a tenth of the requests as warm-up, then all of them at Poisson times."""
    alone = step.model_copy(update={"stages": (step.stages[0].model_copy(update={"model": version.model}),)})
    ports = [source.port for source in step.inputs]
    bodies = [encode(ports, request.inputs) for request in asked]
    with tempfile.TemporaryDirectory(prefix="aibench-alternatives-") as scratch:
        generated = Path(scratch) / "generated"
        for artifact in emit(plan):
            path = generated / artifact.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(artifact.data)
        weights = {step.stages[0].name: version.folder}
        repository = assemble(plan.model_copy(update={"steps": (alone,)}), generated, weights, Path(scratch) / "repository")
        with triton(repository, Path(scratch) / "triton.log") as client:
            for body in bodies[: max(1, len(bodies) // 10)]:
                infer(client, step.task, body)
            return _open_loop(client, step.task, bodies, rate)


def _open_loop(client: triton_grpc.InferenceServerClient, task: str, bodies: Sequence[Any], rate: float) -> list[Answered]:
    """RuntimeError: a request failed or was not answered in time; the figures of the others would be too good."""
    requests = [request_tensors(body) for body in bodies]
    offsets = [arrival.offset_s for arrival in islice(poisson(rate, np.random.default_rng(SEED)), len(requests))]
    answers: list[Answered | Exception | None] = [None] * len(requests)
    left = threading.Semaphore(0)
    start = time.perf_counter() + 0.1

    def done(place: int, intended: float, result: Any, error: Exception | None) -> None:
        latency = time.perf_counter() - intended
        if error is None:
            service = float(result.as_numpy("timing__service_ns")[0]) / 1e6
            answers[place] = Answered(int(result.as_numpy("category__label")[0]), latency * 1e3, service)
        else:
            answers[place] = error
        left.release()

    for place, (tensors, offset) in enumerate(zip(requests, offsets, strict=True)):
        intended = start + offset
        time.sleep(max(0.0, intended - time.perf_counter()))
        client.async_infer(task, tensors, lambda result, error, p=place, i=intended: done(p, i, result, error))
    for _ in requests:
        if not left.acquire(timeout=SLOWEST_S):
            raise RuntimeError(f"a request was not answered within {SLOWEST_S:g} s")
    failed = [answer for answer in answers if not isinstance(answer, Answered)]
    if failed:
        raise RuntimeError(f"{len(failed)} of {len(answers)} requests failed: {failed[0]}")
    return [answer for answer in answers if isinstance(answer, Answered)]


def figures(version: ModelVersion, asked: Sequence[LabelledInput], answered: Sequence[Answered]) -> dict[str, Any]:
    """Accuracy with Wilson's interval; p50 and p99 with batch quantiles, null below the samples that they need. Milliseconds."""
    latency = np.array([answer.latency_ms for answer in answered])
    hits = sum(answer.label == right.label for answer, right in zip(answered, asked, strict=True))
    return {
        "model": version.model,
        "version": version.version,
        "parameters": version.metadata["parameters"],
        "requests": len(answered),
        "accuracy": _figure(wilson(hits, len(answered))),
        "latency_p50_ms": _figure(percentile(latency, 50)),
        "latency_p99_ms": _figure(percentile(latency, 99)),
        "service_p50_ms": round(float(np.median([answer.service_ms for answer in answered])), 3),
    }


def _figure(estimate: Estimate | None) -> dict[str, float] | None:
    return None if estimate is None else {name: round(float(getattr(estimate, name)), 4) for name in ("value", "low", "high")}


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The figures as a Markdown table."""
    lines = ["| model | parameters | accuracy | p50, ms | p99, ms | service p50, ms |", "|---|---|---|---|---|---|"]
    for row in rows:
        cells = [_cell(row["accuracy"], 3), _cell(row["latency_p50_ms"], 1), _cell(row["latency_p99_ms"], 1)]
        lines.append(f"| {row['model']} | {row['parameters']:,} | {' | '.join(cells)} | {row['service_p50_ms']:.1f} |")
    return "\n".join(lines)


def _cell(figure: dict[str, float] | None, digits: int) -> str:
    if figure is None:
        return "too few"
    value, low, high = (format(figure[name], f".{digits}f") for name in ("value", "low", "high"))
    return f"{value} ({low}–{high})"


def compiled(spec: Path) -> Plan:
    diagnostics = Diagnostics()
    scenario = compile_spec(
        SourceFile(spec.name, spec.read_text()), CompileSettings(), diagnostics, lambda _name, _span: None, lambda _name, _span: True
    )
    if scenario is None:
        raise SystemExit(f"{spec} does not compile; see `aibenchc check {spec}`")
    return scenario.plan


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("spec", type=Path, metavar="SPEC")
    parser.add_argument("task", metavar="TASK")
    parser.add_argument("--data", choices=("real", "synthetic"), default="real")
    parser.add_argument("--size", choices=("tiny", "small", "full"), default="small")
    parser.add_argument("--rate", type=float, default=25.0, help="requests per second (25)")
    parser.add_argument("--requests", type=int, default=2000, help="how many; p99 needs 2000 (2000)")
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    plan = compiled(arguments.spec)
    step = next((step for step in plan.steps if step.task == arguments.task and step.kind == "ai"), None)
    if step is None or len(step.stages) > 1:
        raise SystemExit(f"the plan has no AI task '{arguments.task}' of one stage; it has {', '.join(s.task for s in plan.steps)}")
    world = load_world(plan, arguments.data)
    asked = test_inputs(world, step.stages[0].component, arguments.requests)
    rows = []
    for model, version in allowed(plan, step, world, arguments.size):
        if version is None:
            say(f"{model}: not trained in size {arguments.size}, left out")
            continue
        rows.append(figures(version, asked, serve_and_ask(plan, step, version, asked, arguments.rate)))
        say(json.dumps(rows[-1]))
    say(table(rows))
    if arguments.json is not None:
        settings = {"task": arguments.task, "world": world.version, "size": arguments.size, "rate_per_s": arguments.rate, "seed": SEED}
        arguments.json.write_text(json.dumps(settings | {"models": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
