"""A seeded simulator of a run directory: FIFO queues per task, written through the real writers. A test fixture and nothing else."""

from __future__ import annotations

import heapq
import tempfile
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from aibenchrt.collect import schema
from aibenchrt.collect.records import CallRecord, MachineRecord, RequestRecord, ResourceRecord, ScheduleRecord, TruthRecord
from aibenchrt.collect.run_info import (
    RUN_FILE,
    DataInfo,
    Fingerprint,
    GeneratorInfo,
    HostInfo,
    LoadInfo,
    MeasuredMetric,
    ModelInfo,
    Override,
    ProcessInfo,
    ProvenanceRow,
    RunInfo,
    StageEntry,
    Supplement,
    write_run_info,
)
from aibenchrt.plan import Plan, wiring_hash
from recorded import answer_entries, truth_entries

S = 1_000_000_000
FOR_P99_S = 44.0  # a duration at the rate of a Shape
_SIMULATED: dict[str, dict[str, bytes]] = {}  # text of a shape → the files of its run directory, by name
KIND = {"parse": "service", "cache": "service", "category": "ai", "picture": "ai", "good": "service", "rest": "service"}
KIND |= {"recommend": "ai", "rank": "ai", "summary": "service", "clicks": "service"}
MEAN_MS = {
    "parse": 0.6,
    "cache": 0.4,
    "category": 1.2,
    "picture": 6.0,
    "good": 3.0,
    "rest": 3.5,
    "recommend": 9.0,
    "rank": 4.0,
    "summary": 1.5,
}
MEAN_MS |= {"clicks": 0.5}
FAMILY = {"category": "classification", "picture": "classification", "recommend": "recommendation", "rank": "ranking"}


@dataclass(frozen=True)
class Shape:
    """What to simulate. slow: factor on service times; slow_task: a task that takes twice as long; lateness_ms: mean of the sending delay;
    bunch_ms: sending only at multiples of this; duration_s: more than p90 needs (FOR_P99_S: than p99 needs)."""

    seed: int = 1
    deployment: str = "d1"
    rate: float = 50.0
    duration_s: float = 14.0
    slow: float = 1.0
    slow_task: str = ""
    slo_percentile: float = 90
    error_share: float = 0.0
    lateness_ms: float = 0.01
    bunch_ms: int = 0
    generator_cpu: float = 0.2
    planner_cpu: float = 0.35
    others_cpu: float = 0.01
    steal: float = 0.0
    died: bool = False
    override: tuple[str, Override] | None = None
    supplement_images: int = 0
    references: tuple[dict[str, object], ...] = ()
    hardware: str = "Simulated CPU"


def _port(name: str, kind: str) -> dict[str, object]:
    return {"name": name, "type": kind}


Sources = list[tuple[str, list[tuple[str, int]]]]  # (task.port, the arms under which it is taken)


def _step(task: str, outputs: list[dict[str, object]], kind: str, sources: Sources, phase: str = "response") -> dict[str, object]:
    """kind: of its only input."""
    return {
        "task": task,
        "kind": KIND[task],
        "family": FAMILY.get(task, task),
        "stages": [{"name": task, "component": task, "kind": KIND[task], "model": "m" if KIND[task] == "ai" else None}],
        "inputs": [{"port": _port("in", kind), "sources": [_source(*entry) for entry in sources], "concat": task == "recommend"}],
        "outputs": outputs,
        "phase": phase,
    }


def _source(output: str, guards: list[tuple[str, int]]) -> dict[str, object]:
    task, port = output.split(".")
    return {"task": task, "port": port, "guards": [{"choice": c, "arm": a} for c, a in guards]}


def _steps() -> list[dict[str, object]]:
    items, hits, category, details = (
        _port("items", "Items"),
        _port("hits", "Count"),
        _port("category", "Category"),
        _port("details", "Details"),
    )
    hit, miss, more = [("cache_hit", 0)], [("cache_hit", 1)], [("tiers", 1)]
    return [
        _step("parse", [_port("query", "Query")], "User", [("text.user", [])]),
        _step("cache", [_port("hit", "Flag"), details], "Query", [("parse.query", [])]),
        _step("category", [category], "Query", [("parse.query", miss)]),
        _step("picture", [category], "User", [("image.user", [])]),
        _step("good", [items, hits], "Category", [("category.category", []), ("picture.category", [])]),
        _step("rest", [items, hits], "Category", [("category.category", more), ("picture.category", more)]),
        _step("recommend", [items], "Items", [("good.items", []), ("rest.items", [])]),
        _step("rank", [items], "Items", [("recommend.items", [])]),
        _step("summary", [details], "Items", [("rank.items", [])]),
        _step("clicks", [], "Details", [("summary.details", []), ("cache.details", hit)], "after"),
    ]


def plan(shape: Shape) -> Plan:
    """A small search scenario with a cache, an ordered fallback and two classes, which a planner could execute."""
    made = Plan.model_validate(
        {
            "scenario": "shop",
            "title": "A simulated shop",
            "deployment": "local",
            "profile": "small",
            "seed": 7,
            "graph_hash": "ab" * 32,
            "datasets": {"shop": "movielens_shop"},
            "requests": [
                {"name": n, "share": s, "dataset": "shop", "source": src, "ports": [_port("user", "User")]}
                for n, s, src in (("text", 0.98, "queries"), ("image", 0.02, "photos"))
            ],
            "steps": _steps(),
            "choices": [
                {"name": "cache_hit", "kind": "one", "arms": [{"share": 0.15, "when": {"task": "cache", "port": "hit"}}, {"share": 0.85}]},
                {
                    "name": "tiers",
                    "kind": "first",
                    "arms": [{"share": 1.0}, {"share": 0.35}],
                    "until": {"counts": [{"task": "good", "port": "hits"}, {"task": "rest", "port": "hits"}], "at_least": 20},
                },
            ],
            "response": [
                {
                    "port": _port("details", "Details"),
                    "sources": [
                        {"task": "cache", "port": "details", "guards": [{"choice": "cache_hit", "arm": 0}]},
                        {"task": "summary", "port": "details"},
                    ],
                }
            ],
            "services": [
                {"kind": "planner", "endpoints": ["127.0.0.1:1"]},
                *({"kind": kind, "task": task, "endpoints": ["127.0.0.1:1"]} for task, kind in KIND.items()),
            ],
            "load": {"arrival": "poisson", "rate": shape.rate, "duration_s": shape.duration_s, "warmup_s": 5, "seed": 7},
            "metrics": ["precision@10", "recall@10", "ndcg@10", "latency"],
            "percentiles": [50, 90, 99],
            "slo": [{"metric": "latency", "percentile": shape.slo_percentile, "below_ms": 500}],
            "quality": [
                {"task": "category", "metric": "accuracy", "bound": 0.7},
                {"task": "picture", "metric": "accuracy", "bound": 0.95},
            ],
            "update": [],
            "references": [
                {
                    "title": "published, 15-node CPU cluster",
                    "deployment": "cpu_cluster_15",
                    "items": [
                        {"quantity": {"kind": "latency", "percentile": 99}, "value": 1136.79, "within": 0.06},
                        {"quantity": {"kind": "ratio", "percentile": 99, "task": "recommend"}, "value": 2.2, "within": 0.2},
                        {"quantity": {"kind": "time", "of": "ai"}, "value": 0.7, "within": 0.1},
                    ],
                },
                *shape.references,
            ],
        }
    )
    return made.model_copy(update={"graph_hash": wiring_hash(made.requests, made.steps, made.choices, made.response)})


@dataclass
class _Request:
    id: int
    cls: str
    phase: str
    payload: int
    intended: int
    sent: int
    hit: bool
    fallback: bool

    def route(self) -> tuple[tuple[str, str], ...]:
        """(task, waited for), in order."""
        tasks = ["parse", "cache"] if self.cls == "text" else ["picture"]
        if not self.hit:
            tasks += (["category"] if self.cls == "text" else []) + ["good"] + (["rest"] if self.fallback else [])
            tasks += ["recommend", "rank", "summary"]
        return tuple(zip(tasks, [self.cls, *tasks[:-1]], strict=True))


def _requests(shape: Shape, rng: np.random.Generator) -> list[_Request]:
    requests: list[_Request] = []
    clock = 100.0

    def add(cls: str, phase: str, at: float) -> None:
        sent = int((at + rng.exponential(shape.lateness_ms / 1e3)) * S)
        sent += -sent % (shape.bunch_ms * 1_000_000) if shape.bunch_ms else 0
        hit = cls == "text" and rng.random() < 0.15
        requests.append(_Request(len(requests), cls, phase, int(rng.integers(600)), int(at * S), sent, hit, bool(rng.random() < 0.33)))

    for phase, length in (("warmup", 5.0), ("measured", shape.duration_s)):
        end = clock + length
        while (clock := clock + rng.exponential(1 / shape.rate)) < end:
            add("image" if rng.random() < 0.02 else "text", phase, clock)
        clock = end
    clock += 2.0
    for _ in range(shape.supplement_images):
        clock += rng.exponential(0.05)
        add("image", "supplement", clock)
    return requests


def _simulate(shape: Shape, requests: list[_Request], rng: np.random.Generator) -> dict[int, list[CallRecord]]:
    """FIFO single servers; 0.15 ms of planner before each call, 0.2 ms of transport inside it."""
    free: dict[str, int] = {}
    calls: dict[int, list[CallRecord]] = {r.id: [] for r in requests}
    heap = [(r.sent + 300_000, r.id, 0) for r in requests]
    heapq.heapify(heap)
    routes = {r.id: (*(route := r.route()), ("clicks", route[-1][0])) for r in requests}
    taken = {r.id: (r.hit, r.fallback) for r in requests}
    unit_times = iter(rng.gamma(2.0, 0.5, size=sum(map(len, routes.values()))).tolist())  # of mean 1
    while heap:
        ready, rid, position = heapq.heappop(heap)
        task, waited = routes[rid][position]
        service = int(next(unit_times) * MEAN_MS[task] * shape.slow * (2 if task == shape.slow_task else 1) * 1e6) + 1
        hit, fallback = taken[rid]
        begin = max(ready + 100_000, free.get(task, 0))
        free[task] = begin + service
        end = begin + service + 100_000
        note = (f"category={_label(rid) if rng.random() < 0.84 else 99}",) if FAMILY.get(task) == "classification" else ()
        note += (f"hit={int(hit)}",) if task == "cache" else (f"hits={7 if fallback else 30}",) if task in ("good", "rest") else ()
        waited = "" if position == 0 else waited
        calls[rid].append(
            CallRecord(
                rid,
                task,
                KIND[task],
                "127.0.0.1:1",
                ready,
                ready,
                end,
                begin - ready - 100_000,
                service,
                "ok",
                "",
                waited,
                task == "clicks",
                (),
                note,
            )
        )
        if position + 1 < len(routes[rid]):
            heapq.heappush(heap, (end + 150_000, rid, position + 1))
    return calls


def _label(rid: int) -> int:
    return rid % 10


def _answers(requests: list[_Request], rng: np.random.Generator, ranked: bool) -> list[tuple[int, ...]]:
    """Of each request ten items of its payload's twenty candidates, relevant ones (0..3) more often on top unless the ranker was replaced:
    in the order of exponential times whose rates are the weights, which is drawing by weight without replacement."""
    weights = np.where(np.arange(20) < 4, 3.0 if ranked else 1.0, 1.0)
    first = np.argsort(rng.exponential(size=(len(requests), 20)) / weights, axis=1)[:, :10]
    return [tuple(row) for row in (first + 100 * np.array([request.payload for request in requests])[:, None]).tolist()]


def write_run(directory: Path, shape: Shape = Shape()) -> Path:
    """Writes the whole run directory and returns it; a shape is simulated once in a process."""
    if (kept := _SIMULATED.get(repr(shape))) is None:
        kept = _SIMULATED[repr(shape)] = _simulated_files(shape)
    directory.mkdir(parents=True, exist_ok=True)
    for name, data in kept.items():
        (directory / name).write_bytes(data)
    info = RunInfo.model_validate_json((directory / RUN_FILE).read_bytes())
    write_run_info(directory, info.model_copy(update={"run_id": directory.name}))
    return directory


def _simulated_files(shape: Shape) -> dict[str, bytes]:
    """Kept in memory, not in a folder: a process of pytest-xdist may be killed before it removes what it keeps."""
    with tempfile.TemporaryDirectory(prefix="aibench-simulated-") as folder:
        _simulate_run(Path(folder), shape)
        return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def _simulate_run(directory: Path, shape: Shape) -> None:
    rng = np.random.default_rng(shape.seed)
    the_plan = plan(shape)
    requests = _requests(shape, rng)
    calls = _simulate(shape, requests, rng)
    ranked = shape.override is None or shape.override[0] not in ("rank", "recommend")
    records = []
    answers = _answers(requests, np.random.default_rng(shape.seed + 1), ranked)
    for r, answer in zip(requests, answers, strict=True):
        own = [c for c in calls[r.id] if not c.after]
        arms = ([f"cache_hit={0 if r.hit else 1}"] if r.cls == "text" else []) + ([] if r.hit else [f"tiers={int(r.fallback)}"])
        failed = rng.random() < shape.error_share
        records.append(
            RequestRecord(
                r.id,
                r.cls,
                r.phase,
                r.payload,
                r.intended,
                r.sent,
                own[-1].end_ns + 400_000,
                "failed" if failed else "ok",
                "rank: deadline exceeded" if failed else "",
                () if failed else answer_entries(ranking=answer),
                tuple(arms),
                "planner",
                own[-1].end_ns - r.sent,
                300_000,
            )
        )
    start = 105 * S
    end = int((105 + shape.duration_s) * S)
    _write_records(directory, shape, requests, records, calls, end)
    (directory / "plan.json").write_text(the_plan.model_dump_json(indent=2))
    (directory / "triton.json").write_text("{}")
    write_run_info(directory, _info(shape, directory.name, the_plan, requests, start, end))


def _write_records(
    directory: Path, shape: Shape, requests: list[_Request], records: list[RequestRecord], calls: dict[int, list[CallRecord]], end: int
) -> None:
    rng = np.random.default_rng(shape.seed + 2)
    schema.write(directory / "requests.parquet", records, RequestRecord)
    schema.write(directory / "calls.parquet", [c for own in calls.values() for c in own], CallRecord)
    begins = {"warmup": 100 * S, "measured": 105 * S, "supplement": end}
    schedule = [ScheduleRecord(r.id, r.cls, r.phase, r.payload, (r.intended - begins[r.phase]) / S) for r in requests]
    schema.write(directory / "schedule.parquet", schedule, ScheduleRecord)
    truth = [TruthRecord(r.id, _truth(r.payload, _label(r.id)), "") for r in requests]
    schema.write(directory / "truth.parquet", truth, TruthRecord)
    busy = {"planner": shape.planner_cpu, "generator": shape.generator_cpu, "triton": 0.5, "parse": 0.05}
    samples = [
        ResourceRecord(t, name, 1, float(np.clip(cpu + 0.03 * rng.standard_normal(), 0, 2)), int((60 + 20 * i) * 2**20))
        for t in range(101 * S, end, S // 2)
        for i, (name, cpu) in enumerate(busy.items())
    ]
    schema.write(directory / "resources.parquet", samples, ResourceRecord)
    machine = [MachineRecord(t, "here", 0.6 + shape.others_cpu, 0.6, shape.steal, 0.3) for t in range(101 * S, end, S // 2)]
    schema.write(directory / "machine.parquet", machine, MachineRecord)


@cache
def _truth(payload: int, label: int) -> tuple[str, ...]:
    return truth_entries(relevant=range(100 * payload, 100 * payload + 4), label=label)


def _fingerprint(shape: Shape, graph_hash: str) -> Fingerprint:
    return Fingerprint(
        hosts=(f"1 × {shape.hardware}, 2 cores, 8 GiB",),
        deployment="local",
        profile="small",
        graph_hash=graph_hash,
        data="movielens_shop real 0123",
        models=("category=text_classification/fasttext:1a2b",),
        replicas=("planner=1",),
        load=f"poisson {shape.rate:g}/s",
        packages=("python=3.11",),
    )


def _models(override: tuple[str, Override] | None) -> tuple[ModelInfo, ...]:
    accuracy = MeasuredMetric(
        name="accuracy",
        value=0.84,
        low=0.82,
        high=0.86,
        protocol="held-out test queries, one global time split",
        baseline="majority",
        baseline_value=0.21,
    )
    hit_rate = accuracy.model_copy(
        update={"name": "hit_rate@10", "value": 0.11, "low": 0.09, "high": 0.13, "baseline": "popularity", "baseline_value": 0.12}
    )
    rows: tuple[tuple[str, str, str, str, int | None, tuple[MeasuredMetric, ...]], ...] = (
        ("category", "text_classification", "fasttext", "1a2b3c4d", 7, (accuracy,)),
        ("picture", "image_classification", "resnet20", "1a2b3c4d", 7, (accuracy,)),
        ("recommend", "recommendation", "neumf", "5e6f", None, (hit_rate,)),
        ("rank", "learning_to_rank", "mlp_lambda", "7a8b", None, ()),
    )
    return tuple(
        ModelInfo(
            task=task,
            stage=task,
            component=component,
            model=model,
            version=version,
            size="small",
            seed=seed,
            metrics=metrics,
            override=override[1] if override and task == override[0] else None,
        )
        for task, component, model, version, seed, metrics in rows
    )


def _info(shape: Shape, run_id: str, the_plan: Plan, requests: list[_Request], start: int, end: int) -> RunInfo:
    measured = [r for r in requests if r.phase == "measured"]
    names = (("planner", "planner"), ("generator", "generator"), ("triton", "triton"), ("parse", "service"))
    return RunInfo(
        run_id=run_id,
        deployment_id=shape.deployment,
        scenario="shop",
        title="A simulated shop",
        deployment="local",
        profile="small",
        started_utc="2026-01-01T00:00:00Z",
        outcome="failed" if shape.died else "completed",
        commands=("aibenchc run specs/shop.aib --seed 7",),
        versions={"aibenchc": "0.1.0", "python": "3.11.2"},
        seeds={"load": 7},
        hashes={"plan.json": "cd" * 32},
        hosts=(HostInfo(name="here", cpu_model=shape.hardware, cores=2, memory_mib=8192, kernel="6.1", os="Debian 12"),),
        fingerprint=_fingerprint(shape, the_plan.graph_hash),
        data=(
            DataInfo(
                name="shop",
                variant="real",
                world_version="0123",
                seed=7,
                licence="MovieLens: GroupLens terms",
                provenance=(
                    ProvenanceRow(part="interactions", origin="observed", source="MovieLens-100k"),
                    ProvenanceRow(part="queries", origin="composed", source="ours", note="from attributes <b>&</b> paraphrases"),
                ),
            ),
        ),
        models=_models(shape.override),
        stages=tuple(
            StageEntry(name=n, started_s=float(i), ended_s=i + 1.0, outcome="ok")  # type: ignore[arg-type]
            for i, n in enumerate(("prepare", "start", "ready", "warmup", "load", "collect", "stop"))
        ),
        processes=tuple(ProcessInfo(name=n, role=r, pid=1, exit_code=0, died=shape.died and n == "triton") for n, r in names),  # type: ignore[arg-type]
        load=LoadInfo(
            arrival="poisson",
            rate=shape.rate,
            duration_s=shape.duration_s,
            warmup_s=5,
            seed=7,
            shares={"text": 0.98, "image": 0.02},
            window_start_ns=start,
            window_end_ns=end,
        ),
        generator=GeneratorInfo(
            scheduled=len(measured),
            sent=len(measured),
            dropped=0,
            lateness_p50_ns=1000,
            lateness_p99_ns=9000,
            lateness_max_ns=99000,
            cpu_share=shape.generator_cpu,
            in_flight_max=9,
        ),
        supplements=(Supplement(request_class="image", requests=shape.supplement_images, rate=20.0, reason="p99 needs 2000 requests"),)
        if shape.supplement_images
        else (),
    )


def again(shape: Shape, seed: int, deployment: str) -> Shape:
    """The same system in another deployment."""
    return replace(shape, seed=seed, deployment=deployment)
