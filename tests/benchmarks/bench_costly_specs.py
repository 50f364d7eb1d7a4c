"""CPU seconds and peak memory of `check` and `distill` of specs up to 1 MiB that once cost minutes or gigabytes.

python tests/benchmarks/bench_costly_specs.py [--limit CPU_S] [NAME …]

Each runs in a process of its own under RLIMIT_CPU; what it said last stands beside the figures.
"""

from __future__ import annotations

import argparse
import re
import resource
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

RUN = """
import re, resource, sys
from aibenchc.cli import main
try:
    code = main(sys.argv[1:])
finally:
    used = resource.getrusage(resource.RUSAGE_SELF)
    peak = re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1]
    print("\\nUSED", used.ru_utime + used.ru_stime, peak, file=sys.stderr)
"""
ADDRESS_SPACE = 3 * 2**30


@dataclass(frozen=True)
class Cost:
    """code: the exit code, negative where a signal ended it. cpu_s and mib: None where it was ended."""

    code: int
    cpu_s: float | None
    mib: float | None
    said: str


def cost(verb: str, path: Path, limit_s: int) -> Cost:
    def limits() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (limit_s, limit_s + 1))
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))

    command = [sys.executable, "-c", RUN, verb, path.name]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=limits, cwd=path.parent)
    used = re.search(r"USED ([\d.]+) (\d+)", ended.stderr)
    codes = re.findall(r"(?:error|warning)\[(AIB\d+)\]", ended.stderr)
    count = re.findall(r"^\d+ (?:error|warning|note).*", ended.stderr, re.MULTILINE)
    lines = [line for line in ended.stdout.strip().splitlines() if line]
    said = f"{' '.join(dict.fromkeys(codes))} {count[-1] if count else ''}" if codes else (lines[-1] if lines else ended.stderr[-80:])
    return Cost(ended.returncode, float(used[1]) if used else None, int(used[2]) / 1024 if used else None, said.strip())


def main() -> None:
    from costly_specs import COSTLY

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=int, default=60, metavar="CPU_S")
    parser.add_argument("names", nargs="*", default=list(COSTLY))
    arguments = parser.parse_args()
    sys.stdout.write(f"{'spec':<24} {'KiB':>5}  {'verb':<8} {'CPU/s':>7} {'MiB':>6}  says\n")
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.names:
            path = Path(folder, f"{name}.aib")
            path.write_text(COSTLY[name](), encoding="utf-8")
            for verb in ("check", "distill"):
                spent = cost(verb, path, arguments.limit)
                cpu = f">{arguments.limit}" if spent.cpu_s is None else f"{spent.cpu_s:.2f}"
                memory = "" if spent.mib is None else f"{spent.mib:.0f}"
                sys.stdout.write(f"{name:<24} {path.stat().st_size // 1024:>5}  {verb:<8} {cpu:>7} {memory:>6}  {spent.said[:90]}\n")
                sys.stdout.flush()
                if verb == "check" and spent.code != 0:
                    break


if __name__ == "__main__":
    main()
