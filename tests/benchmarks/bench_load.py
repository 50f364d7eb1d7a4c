"""How well the generator keeps its schedule. python tests/benchmarks/bench_load.py [rate per second] [seconds]

Against a gRPC server that answers at once, both on this machine: achieved rate, coefficient of variation of intended and sent gaps,
lateness, CPU.
"""

from __future__ import annotations

import itertools
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

SUPPORT = Path(__file__).resolve().parents[1] / "support"
sys.path.insert(0, str(SUPPORT))

from aibenchrt.collect.contents import Contents  # noqa: E402
from aibenchrt.load.issue import SendingSettings, issue  # noqa: E402
from aibenchrt.load.messages import encode_payloads  # noqa: E402
from aibenchrt.load.schedule import schedule  # noqa: E402
from aibenchrt.plan import PlanPoisson  # noqa: E402
from aibenchrt.wire.proto import load_stubs  # noqa: E402
from shop_plan import free_ports, generate, shop_plan  # noqa: E402

VALUES = {"text": {"text": "red shoes"}, "user": {"user_id": 5}, "image": {"png": b"\x89PNG" * 250}}


def spread(times: list[int]) -> float:
    gaps = [float(b - a) for a, b in itertools.pairwise(times)]
    return round(statistics.pstdev(gaps) / statistics.fmean(gaps), 4)


def main(rate: float, seconds: float) -> None:
    plan = shop_plan()
    load = PlanPoisson(rate=rate, duration_s=seconds, warmup_s=0.0, seed=7)
    rows = schedule(load, plan.requests, {"text": 1000, "image": 100}, 7)
    with tempfile.TemporaryDirectory() as scratch:
        folder = generate(plan, Path(scratch))
        stubs = load_stubs(folder)
        payloads = {r.name: {n: {p.name: VALUES[p.name] for p in r.ports} for n in range(1000)} for r in plan.requests}
        messages = encode_payloads(stubs, plan.requests, payloads)
        address = f"127.0.0.1:{free_ports(1)[0]}"
        server = subprocess.Popen([sys.executable, str(SUPPORT / "echo_server.py"), str(folder), address])
        try:
            settings = SendingSettings(f"/{stubs.package}.ScenarioService/Ask", (address,), 0.0, seconds)
            records, issued = issue(rows, messages, settings, stubs.message("ScenarioReply"), Contents(folder / "contents"))
        finally:
            server.terminate()
            server.wait()
    intended = (rows[-1].offset_s - rows[0].offset_s) * 1e9
    figures = {
        "scheduled": len(rows),
        "ok": sum(r.outcome == "ok" for r in records),
        "rate_achieved_over_intended": round(intended / (records[-1].sent_ns - records[0].sent_ns), 5),
        "cv_intended": spread([r.intended_ns for r in records]),
        "cv_sent": spread([r.sent_ns for r in records]),
        "latency_ms_median": round(statistics.median((r.done_ns - r.intended_ns) / 1e6 for r in records), 3),
    }
    sys.stdout.write(json.dumps(figures | issued.model_dump(), indent=1) + "\n")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 200.0, float(sys.argv[2]) if len(sys.argv) > 2 else 20.0)
