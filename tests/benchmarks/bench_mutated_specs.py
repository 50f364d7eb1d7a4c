"""A campaign of mistyped specs: each compiles in memory or is explained, never a traceback.

python tests/benchmarks/bench_mutated_specs.py STATE.json [--cpu-hours H] [--to COUNT]

Case n is the same text in every campaign (tests/support/mutated_specs.py), so that STATE.json, written every few seconds of CPU time, is
all that resuming needs: the next case, what came out, and the cases that failed. One process; stops after the CPU hours of this call, or
at the count.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from aibenchrt.whole_file import write_text
from pydantic import BaseModel, ConfigDict

SLOW_S = 10.0  # of CPU: a case that takes longer is a failure
SAVED_EVERY_S = 5.0


class Failure(BaseModel):
    model_config = ConfigDict(extra="forbid")
    number: int
    what: str


class State(BaseModel):
    """next_case: the first that was not tried. codes: in how many cases each code was reported."""

    model_config = ConfigDict(extra="forbid")
    next_case: int = 0
    compiled: int = 0
    cpu_s: float = 0.0
    slowest_s: float = 0.0
    codes: dict[str, int] = {}
    failures: list[Failure] = []


def attempt(number: int, codes: Counter[str]) -> tuple[bool, str | None]:
    """(whether it compiled, what is wrong with the outcome)"""
    from mutated_specs import mutated, outcome

    try:
        result = outcome(mutated(number))
    except Exception:  # noqa: BLE001  (every kind: that is what the campaign looks for)
        return False, "".join(traceback.format_exc(limit=-4))
    codes.update(set(result.codes))
    return result.compiled, result.flaw


def play(state: State, path: Path, cpu_s: float, to: int) -> None:
    codes = Counter(state.codes)
    begun, saved, before = time.process_time(), time.process_time(), state.cpu_s
    while state.next_case < to and time.process_time() - begun < cpu_s:
        started = time.process_time()
        compiled, flaw = attempt(state.next_case, codes)
        took = time.process_time() - started
        if took > SLOW_S:
            flaw = flaw or f"took {took:.1f} s of CPU"
        if flaw is not None:
            state.failures.append(Failure(number=state.next_case, what=flaw))
        state.compiled += compiled
        state.slowest_s = max(state.slowest_s, took)
        state.next_case += 1
        if time.process_time() - saved > SAVED_EVERY_S:
            saved = time.process_time()
            save(state, path, codes, before + saved - begun)
    save(state, path, codes, before + time.process_time() - begun)


def save(state: State, path: Path, codes: Counter[str], cpu_s: float) -> None:
    state.cpu_s, state.codes = cpu_s, dict(codes.most_common())
    write_text(path, state.model_dump_json(indent=1) + "\n")


def summary(state: State) -> str:
    count, failed = state.next_case, len(state.failures)
    explained = count - state.compiled - failed
    bound = f"; fewer than {3 / count:.1e} of all, with 95 % confidence" if count and not failed else ""
    lines = [
        f"{count:,} specs: {state.compiled:,} compiled, {explained:,} explained by {len(state.codes)} codes",
        f"{state.cpu_s:,.0f} s of CPU in all, {state.slowest_s:.1f} s at most",
        f"{failed} failures{bound}",
        *(f"\ncase {failure.number}\n{failure.what}" for failure in state.failures[:20]),
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("state", type=Path)
    parser.add_argument("--cpu-hours", type=float, default=4.0)
    parser.add_argument("--to", type=int, default=10**6)
    arguments = parser.parse_args()
    state = State.model_validate_json(arguments.state.read_text(encoding="utf-8")) if arguments.state.exists() else State()
    play(state, arguments.state, arguments.cpu_hours * 3600, arguments.to)
    sys.stdout.write(summary(state))


if __name__ == "__main__":
    main()
