"""How many bytes each part of a deployment moves for a request. python tests/benchmarks/bench_bytes.py [requests] [spec] [class] [variant]

One deployment on this machine through Unix sockets, as a local run has it; one request after the other, of held-out payloads of one class
(default: the first of the spec). strace (Debian's strace) counts what every process sends and takes from sockets: each such byte is copied
once by the kernel, beside what a process copies when it serialises and parses. A model's process gets its tensors from Triton through
shared memory, which no call shows: what Triton takes from the planner is copied into it once more, and its answer out of it.
"""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import psutil
from aibenchrt.datasets.cache import DEFAULT_SEED
from aibenchrt.datasets.worlds import load_world, payloads_of
from aibenchrt.load.messages import encode_payloads, with_id
from aibenchrt.wire.tls import open_channel
from bench_tls import deployment
from observed_run import wait_until
from paths import ROOT
from replicas import Parts

FIRST_PORT = 20_500  # numbers the sockets
WARM = 20
SENT = ("sendmsg", "sendto", "write", "writev")
TAKEN = ("recvmsg", "recvfrom", "read", "readv")
_CALL = re.compile(rf"^(?P<pid>\d+) +(?P<call>{'|'.join((*SENT, *TAKEN))})\(\d+<(?P<kind>[A-Z]+[-:]).*\) = (?P<bytes>\d+)$")


def names(parts: Parts) -> dict[int, str]:
    """Thread of a process of the deployment, or of a child of it → its name."""
    known = {}
    for child in parts.processes.children:
        process = psutil.Process(child.pid)
        for member in (process, *process.children(recursive=True)):
            known |= {thread.id: child.name for thread in member.threads()} | {member.pid: child.name}
    return known


def counted(lines: Iterable[str], known: Mapping[int, str]) -> tuple[Counter[str], Counter[str]]:
    """Bytes sent to, and taken from, sockets by each part."""
    sent: Counter[str] = Counter()
    taken: Counter[str] = Counter()
    for line in lines:
        call = _CALL.match(line)
        if call is not None and call["kind"].startswith(("UNIX", "TCP")):
            (sent if call["call"] in SENT else taken)[known.get(int(call["pid"]), "other")] += int(call["bytes"])
    return sent, taken


def main(requests: int, spec: Path, wanted: str, variant: str) -> None:
    with tempfile.TemporaryDirectory() as scratch, deployment(Path(scratch), FIRST_PORT, "sockets", spec, variant) as parts:
        world = load_world(parts.plan, variant, DEFAULT_SEED)
        request = next(r for r in parts.plan.requests if wanted in ("", r.name))
        values = [payload.values for payload in payloads_of(parts.plan, request, world, "test")[: WARM + requests]]
        stubs = parts.stubs()
        messages = list(encode_payloads(stubs, [request], {request.name: dict(enumerate(values))}).values())
        trace = Path(scratch) / "trace"
        words = [word for child in parts.processes.children for word in ("-p", str(child.pid))]
        with open_channel(parts.endpoint("planner"), parts.access("generator"), "planner") as channel:
            call: Any = channel.unary_unary(f"/{stubs.package}.ScenarioService/Ask")
            for number, message in enumerate(messages[:WARM]):
                call(with_id(message, number + 1), timeout=60)
            command = ["strace", "-f", "-qq", "-yy", "-s", "0", "-e", f"trace={','.join((*SENT, *TAKEN))}", "-o", str(trace), *words]
            with subprocess.Popen(command) as tracer:
                wait_until(lambda: trace.exists() and trace.stat().st_size > 0)
                answers = [call(with_id(m, number + 1), timeout=60) for number, m in enumerate(messages[WARM:], WARM)]
                known = names(parts)
                tracer.send_signal(signal.SIGINT)
        sent, taken = counted(trace.read_text(errors="replace").splitlines(), known)
    count = len(answers)
    asked, answered = (sum(map(len, those)) / count for those in (messages[WARM:], answers))
    sys.stdout.write(f"{count} requests of class {request.name}: {asked:,.0f} bytes a request, {answered:,.0f} its answer\n")
    sys.stdout.write(f"{'part':24} {'sent':>12} {'taken':>12}   bytes a request\n")
    for name in sorted(sent | taken, key=lambda name: -(sent[name] + taken[name])):
        sys.stdout.write(f"{name:24} {sent[name] / count:12,.0f} {taken[name] / count:12,.0f}\n")
    whole = sum(sent.values()) / count + asked
    sys.stdout.write(f"all, and the generator    {whole:12,.0f}: {whole / asked:.2f} times the request\n")


if __name__ == "__main__":
    given = dict(enumerate(sys.argv[1:]))
    main(int(given.get(0, "200")), Path(given.get(1, ROOT / "specs" / "image_retrieval.aib")), given.get(2, ""), given.get(3, "synthetic"))
